#include "digest.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <string.h>

/*
** The number is asked for in the old way, too: a program with an older OpenSSL of its own, such as some builds of
** nginx, answers that itself, and would then do a part of what we ask of the newer one.
*/
const char *digest_mismatch (void) {
  return OPENSSL_version_major() == OPENSSL_VERSION_MAJOR && OpenSSL_version_num() >> 28 == OPENSSL_VERSION_MAJOR
           ? NULL
           : "the loaded OpenSSL is not of the major version that dynamodb was built with";
}

void digest_open (Digest *d) {
  memset(d, 0, sizeof *d);
}

static void release (Digest *d) {
  EVP_MD_CTX_free(d->hash);
  EVP_MD_free(d->sha256);
  EVP_MAC_free(d->hmac);
  digest_open(d);
}

/* Fetches the algorithms if that has not been done; 0 when OpenSSL refuses. */
static int fetch (Digest *d) {
  if (d->hash) return 1;
  if (d->closed) return 0;
  d->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  d->hash = EVP_MD_CTX_new();
  d->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  if (d->sha256 && d->hash && d->hmac && EVP_DigestInit_ex2(d->hash, d->sha256, NULL)) return 1;
  release(d);
  return 0;
}

void digest_close (Digest *d) {
  release(d);
  d->closed = 1;
}

int digest_sha256 (Digest *d, const void *bytes, size_t len, unsigned char out[DIGEST_SIZE]) {
  return fetch(d) && EVP_DigestInit_ex2(d->hash, NULL, NULL) && EVP_DigestUpdate(d->hash, bytes, len) &&
         EVP_DigestFinal_ex(d->hash, out, NULL);
}

int hmac_open (Hmac *h, Digest *d) {
  h->context = fetch(d) ? EVP_MAC_CTX_new(d->hmac) : NULL; /* none when the state is being closed */
  return h->context != NULL;
}

void hmac_close (Hmac *h) {
  EVP_MAC_CTX_free(h->context);
  h->context = NULL;
}

int hmac_key (Hmac *h, const void *key, size_t len) {
  char name[] = "SHA256";
  OSSL_PARAM params[] = {OSSL_PARAM_utf8_string("digest", name, sizeof name - 1), OSSL_PARAM_END};
  return EVP_MAC_init(h->context, key, len, params);
}

int hmac_sign (Hmac *h, const void *bytes, size_t len, unsigned char out[DIGEST_SIZE]) {
  size_t size = 0;
  return EVP_MAC_init(h->context, NULL, 0, NULL) && EVP_MAC_update(h->context, bytes, len) &&
         EVP_MAC_final(h->context, out, &size, DIGEST_SIZE) && size == DIGEST_SIZE;
}

int md5_open (Md5 *m) {
  EVP_MD *md5 = EVP_MD_fetch(NULL, "MD5", NULL);
  m->context = md5 ? EVP_MD_CTX_new() : NULL;
  int ok = m->context && EVP_DigestInit_ex2(m->context, md5, NULL);
  EVP_MD_free(md5);
  if (!ok) md5_close(m);
  return ok;
}

void md5_close (Md5 *m) {
  EVP_MD_CTX_free(m->context);
  m->context = NULL;
}

int md5_update (Md5 *m, const void *bytes, size_t len) {
  return EVP_DigestUpdate(m->context, bytes, len);
}

int md5_finish (Md5 *m, unsigned char out[DIGEST_MD5_SIZE]) {
  int ok = EVP_DigestFinal_ex(m->context, out, NULL);
  md5_close(m);
  return ok;
}

int digest_sha1 (const void *bytes, size_t len, unsigned char out[DIGEST_SHA1_SIZE]) {
  return EVP_Q_digest(NULL, "SHA1", NULL, bytes, len, out, NULL);
}

int digest_md5 (const void *bytes, size_t len, unsigned char out[DIGEST_MD5_SIZE]) {
  return EVP_Q_digest(NULL, "MD5", NULL, bytes, len, out, NULL);
}

/* {==== ES256 ==== */

/* Without it OpenSSL would ask the terminal for the password of an encrypted key. */
static int no_password (char *out, int size, int writing, void *arg) {
  (void)out, (void)size, (void)writing, (void)arg;
  return -1;
}

static EVP_PKEY *read_key (const char *pem, size_t len) {
  BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
  EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
  BIO_free(bio);
  return key;
}

static int is_p256 (const EVP_PKEY *key) {
  char group[32];
  return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) &&
         strcmp(group, "prime256v1") == 0;
}

static int write_number (const BIGNUM *n, unsigned char out[32]) {
  return n && BN_bn2binpad(n, out, 32) == 32;
}

static int get_coordinate (const EVP_PKEY *key, const char *name, unsigned char out[32]) {
  BIGNUM *n = NULL;
  int ok = EVP_PKEY_get_bn_param(key, name, &n) && write_number(n, out);
  BN_free(n);
  return ok;
}

/* OpenSSL gives r and s as DER. */
static int unpack_signature (const unsigned char *der, size_t len, unsigned char out[64]) {
  ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)len);
  int ok = s && write_number(ECDSA_SIG_get0_r(s), out) && write_number(ECDSA_SIG_get0_s(s), out + 32);
  ECDSA_SIG_free(s);
  return ok;
}

static int sign_es256 (EVP_PKEY *key, const void *message, size_t len, unsigned char out[64]) {
  unsigned char der[80]; /* at most 72 bytes for this curve */
  size_t size = sizeof der;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  int ok = context && EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) &&
           EVP_DigestSign(context, der, &size, message, len) && unpack_signature(der, size, out);
  EVP_MD_CTX_free(context);
  return ok;
}

const char *es256_sign (const char *pem, size_t len, const void *message, size_t message_len, Es256 *out) {
  const char *wrong = NULL;
  EVP_PKEY *key = read_key(pem, len);
  if (!key)
    wrong = "not a private key in PEM";
  else if (!is_p256(key))
    wrong = "not a key on the curve P-256";
  else if (!get_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, out->x) ||
           !get_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, out->y) ||
           !sign_es256(key, message, message_len, out->signature))
    wrong = "OpenSSL does not sign with this key";
  EVP_PKEY_free(key);
  ERR_clear_error(); /* what went wrong here must not be found by whoever uses OpenSSL next */
  return wrong;
}

/* }==== */

void digest_hex (const unsigned char *bytes, size_t len, char *out) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < len; i++) {
    *out++ = digits[bytes[i] >> 4];
    *out++ = digits[bytes[i] & 15];
  }
}

int digest_equal (const void *a, const void *b, size_t len) {
  return CRYPTO_memcmp(a, b, len) == 0;
}

void digest_wipe (void *bytes, size_t len) {
  OPENSSL_cleanse(bytes, len);
}
