/*
** SHA-256, HMAC-SHA-256 and what credentials need beside: SHA-1 and ES256; MD5 for formats of others. The only file
** that knows OpenSSL: algorithms of requests are fetched once, at their first use, contexts are kept and started again,
** since a fetch costs more than hashing a small request.
*/
#ifndef DYNAMODB_DIGEST_H
#define DYNAMODB_DIGEST_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

#define DIGEST_SIZE 32

struct evp_md_st;
struct evp_md_ctx_st;
struct evp_mac_st;
struct evp_mac_ctx_st;

/* The algorithms; one for each Lua state. */
typedef struct Digest {
  struct evp_md_st *sha256;
  struct evp_md_ctx_st *hash; /* NULL until the first use */
  struct evp_mac_st *hmac;
  int closed;
} Digest;

/* An HMAC that keeps its key. */
typedef struct Hmac {
  struct evp_mac_ctx_st *context;
} Hmac;

/* NULL when the OpenSSL that is loaded is of the major version this was compiled for; else what to say. */
const char *digest_mismatch (void);

void digest_open (Digest *d);
void digest_close (Digest *d);
int digest_sha256 (Digest *d, const void *bytes, size_t len, unsigned char out[DIGEST_SIZE]);

int hmac_open (Hmac *h, Digest *d); /* no key yet */
void hmac_close (Hmac *h);
int hmac_key (Hmac *h, const void *key, size_t len);
int hmac_sign (Hmac *h, const void *bytes, size_t len, unsigned char out[DIGEST_SIZE]);

#define DIGEST_SHA1_SIZE 20

int digest_sha1 (const void *bytes, size_t len, unsigned char out[DIGEST_SHA1_SIZE]);

#define DIGEST_MD5_SIZE 16

int digest_md5 (const void *bytes, size_t len, unsigned char out[DIGEST_MD5_SIZE]);

/* The same in pieces. */
typedef struct Md5 {
  struct evp_md_ctx_st *context;
} Md5;

int md5_open (Md5 *m); /* 0 when OpenSSL refuses, as it does where only approved algorithms are allowed */
void md5_close (Md5 *m);
int md5_update (Md5 *m, const void *bytes, size_t len);
int md5_finish (Md5 *m, unsigned char out[DIGEST_MD5_SIZE]); /* closes it */

/* A signature of JSON Web Tokens (RFC 7518, section 3.4), with the public key that proves it. */
typedef struct Es256 {
  unsigned char signature[64]; /* r and s, 32 bytes each */
  unsigned char x[32], y[32];
} Es256;

/* NULL, or what is wrong. `pem` is a private key on the curve P-256, not encrypted. */
const char *es256_sign (const char *pem, size_t len, const void *message, size_t message_len, Es256 *out);

/* 2 × `len` characters of lower-case hexadecimal. */
void digest_hex (const unsigned char *bytes, size_t len, char *out);

/* Are they the same? Takes as long whatever they are. */
int digest_equal (const void *a, const void *b, size_t len);

/* Overwrites a secret in a way that the compiler cannot leave out. */
void digest_wipe (void *bytes, size_t len);

#pragma GCC visibility pop
#endif
