#include "digests.h"

static int push_hex (lua_State *L, const unsigned char *hash, size_t len) {
  char text[2 * DIGEST_SIZE];
  digest_hex(hash, len, text);
  lua_pushlstring(L, text, 2 * len);
  return 1;
}

/* core.md5(bytes) -> hexadecimal */
static int digests_md5 (lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  unsigned char hash[DIGEST_MD5_SIZE];
  if (!digest_md5(bytes, len, hash)) return luaL_error(L, "OpenSSL refuses MD5");
  return push_hex(L, hash, sizeof hash);
}

/* core.sha1(bytes) -> hexadecimal */
static int digests_sha1 (lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  unsigned char hash[DIGEST_SHA1_SIZE];
  if (!digest_sha1(bytes, len, hash)) return luaL_error(L, "OpenSSL refuses SHA-1");
  return push_hex(L, hash, sizeof hash);
}

/* core.sha256(bytes) -> hexadecimal */
static int digests_sha256 (lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  unsigned char hash[DIGEST_SIZE];
  if (!digest_sha256(&state_get(L)->digest, bytes, len, hash)) return luaL_error(L, "OpenSSL refuses SHA-256");
  return push_hex(L, hash, sizeof hash);
}

/* core.es256(pem, message) -> signature, x, y | nil, message */
static int digests_es256 (lua_State *L) {
  size_t pem_len, len;
  const char *pem = luaL_checklstring(L, 1, &pem_len), *message = luaL_checklstring(L, 2, &len);
  Es256 out;
  const char *wrong = es256_sign(pem, pem_len, message, len, &out);
  if (wrong) return lua_pushnil(L), lua_pushstring(L, wrong), 2;
  lua_pushlstring(L, (const char *)out.signature, sizeof out.signature);
  lua_pushlstring(L, (const char *)out.x, sizeof out.x);
  lua_pushlstring(L, (const char *)out.y, sizeof out.y);
  return 3;
}

void digests_register (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"es256", digests_es256}, {"md5", digests_md5}, {"sha1", digests_sha1}, {"sha256", digests_sha256}, {NULL, NULL},
  };
  state_register(L, functions);
}
