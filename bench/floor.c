/*
** The floor of a signature: its hashing alone. SHA-256 of the body and of the canonical request, HMAC-SHA-256 of the
** string to sign with a key that is there already, and each result in hexadecimal. Algorithms are fetched and contexts
** made once; what surrounds the hashes in both texts is given. So it signs, but nothing else: no date, no headers.
*/
#include <lauxlib.h>
#include <lua.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define FLOOR_T "bench.floor"
#define HASH 32
#define HEX (2 * HASH)
#define TEXT 4096

typedef struct Floor {
  EVP_MD *sha256;
  EVP_MD_CTX *hash;
  EVP_MAC *hmac;
  EVP_MAC_CTX *key;
} Floor;

static int floor_gc (lua_State *L) {
  Floor *f = luaL_checkudata(L, 1, FLOOR_T);
  EVP_MAC_CTX_free(f->key);
  EVP_MAC_free(f->hmac);
  EVP_MD_CTX_free(f->hash);
  EVP_MD_free(f->sha256);
  memset(f, 0, sizeof *f);
  return 0;
}

static void derive (unsigned char *key, size_t *len, const char *text, size_t text_len) {
  unsigned char out[HASH];
  HMAC(EVP_sha256(), key, (int)*len, (const unsigned char *)text, text_len, out, NULL);
  memcpy(key, out, HASH);
  *len = HASH;
}

/* floor.new(secret, date, region, service) -> floor with the signing key of that day */
static int floor_new (lua_State *L) {
  unsigned char key[256] = "AWS4";
  size_t len, key_len;
  const char *secret = luaL_checklstring(L, 1, &len);
  luaL_argcheck(L, len < sizeof key - 4, 1, "too long");
  memcpy(key + 4, secret, len);
  key_len = len + 4;
  for (int arg = 2; arg <= 4; arg++) {
    const char *text = luaL_checklstring(L, arg, &len);
    derive(key, &key_len, text, len);
  }
  derive(key, &key_len, "aws4_request", 12);
  Floor *f = lua_newuserdata(L, sizeof *f);
  memset(f, 0, sizeof *f);
  luaL_getmetatable(L, FLOOR_T);
  lua_setmetatable(L, -2);
  f->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  f->hash = EVP_MD_CTX_new();
  f->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  f->key = f->hmac ? EVP_MAC_CTX_new(f->hmac) : NULL;
  char name[] = "SHA256";
  OSSL_PARAM params[] = {OSSL_PARAM_utf8_string("digest", name, sizeof name - 1), OSSL_PARAM_END};
  if (!f->sha256 || !f->hash || !f->key || !EVP_DigestInit_ex2(f->hash, f->sha256, NULL) ||
      !EVP_MAC_init(f->key, key, key_len, params))
    return luaL_error(L, "OpenSSL refuses");
  return 1;
}

static void hex (const unsigned char *bytes, char *out) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < HASH; i++) {
    *out++ = digits[bytes[i] >> 4];
    *out++ = digits[bytes[i] & 15];
  }
}

static int sha256_hex (Floor *f, const char *text, size_t len, char *out) {
  unsigned char hash[HASH];
  int ok = EVP_DigestInit_ex2(f->hash, NULL, NULL) && EVP_DigestUpdate(f->hash, text, len) &&
           EVP_DigestFinal_ex(f->hash, hash, NULL);
  hex(hash, out);
  return ok;
}

static int hmac_hex (Floor *f, const char *text, size_t len, char *out) {
  unsigned char hash[HASH];
  size_t size;
  int ok = EVP_MAC_init(f->key, NULL, 0, NULL) && EVP_MAC_update(f->key, (const unsigned char *)text, len) &&
           EVP_MAC_final(f->key, hash, &size, sizeof hash);
  hex(hash, out);
  return ok;
}

/* A text up to the hash that ends it, with room for that hash. */
static size_t check_text (lua_State *L, int arg, char text[TEXT]) {
  size_t len;
  const char *start = luaL_checklstring(L, arg, &len);
  luaL_argcheck(L, len <= TEXT - HEX, arg, "too long");
  memcpy(text, start, len);
  return len;
}

/* floor:sign(body, canonical request, string to sign, times) -> signature; both texts lack the hash that ends them */
static int floor_sign (lua_State *L) {
  char canonical[TEXT], string[TEXT], signature[HEX];
  size_t body_len;
  Floor *f = luaL_checkudata(L, 1, FLOOR_T);
  const char *body = luaL_checklstring(L, 2, &body_len);
  size_t canonical_len = check_text(L, 3, canonical), string_len = check_text(L, 4, string);
  int ok = 1;
  for (long times = (long)luaL_optnumber(L, 5, 1); times > 0 && ok; times--)
    ok = sha256_hex(f, body, body_len, canonical + canonical_len) &&
         sha256_hex(f, canonical, canonical_len + HEX, string + string_len) &&
         hmac_hex(f, string, string_len + HEX, signature);
  if (!ok) return luaL_error(L, "OpenSSL refuses");
  lua_pushlstring(L, signature, HEX);
  return 1;
}

static void set_function (lua_State *L, lua_CFunction function, const char *name) {
  lua_pushcfunction(L, function);
  lua_setfield(L, -2, name);
}

__attribute__((visibility("default"))) int luaopen_floor (lua_State *L);

int luaopen_floor (lua_State *L) {
  luaL_newmetatable(L, FLOOR_T);
  set_function(L, floor_gc, "__gc");
  lua_newtable(L);
  set_function(L, floor_sign, "sign");
  lua_setfield(L, -2, "__index");
  lua_newtable(L);
  set_function(L, floor_new, "new");
  return 1;
}
