#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

_Static_assert(DIGEST_MOST >= EVP_MAX_MD_SIZE, "DIGEST_MOST is too small");

const char *digest_mismatch (void) {
  return OPENSSL_version_major() == OPENSSL_VERSION_MAJOR
           ? NULL
           : "the loaded OpenSSL is not of the major version that dynamodb was built with";
}

int digest_open (Digest *d) {
  memset(d, 0, sizeof *d);
  d->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  d->hash = EVP_MD_CTX_new();
  d->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  if (d->sha256 && d->hash && d->hmac && EVP_DigestInit_ex2(d->hash, d->sha256, NULL)) return 1;
  digest_close(d);
  return 0;
}

void digest_close (Digest *d) {
  EVP_MD_CTX_free(d->hash);
  EVP_MD_free(d->sha256);
  EVP_MAC_free(d->hmac);
  memset(d, 0, sizeof *d);
}

int digest_sha256 (Digest *d, const void *bytes, size_t len, unsigned char out[DIGEST_SIZE]) {
  return d->hash && EVP_DigestInit_ex2(d->hash, NULL, NULL) && EVP_DigestUpdate(d->hash, bytes, len) &&
         EVP_DigestFinal_ex(d->hash, out, NULL);
}

size_t digest_named (const char *name, const void *bytes, size_t len, unsigned char out[DIGEST_MOST]) {
  size_t size = 0;
  return EVP_Q_digest(NULL, name, NULL, bytes, len, out, &size) ? size : 0;
}

int hmac_open (Hmac *h, const Digest *d) {
  h->context = d->hmac ? EVP_MAC_CTX_new(d->hmac) : NULL; /* none when the state is being closed */
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
