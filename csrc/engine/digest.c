#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

const char *digest_mismatch (void) {
  return OPENSSL_version_major() == OPENSSL_VERSION_MAJOR
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
