/*
** AWS Signature Version 4: headers or a presigned query, for any service.
** Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
*/
#ifndef DYNAMODB_SIGV4_H
#define DYNAMODB_SIGV4_H

#include <stdint.h>

#include "buffer.h"
#include "digest.h"

#pragma GCC visibility push(hidden)

typedef struct Slice {
  const char *data;
  size_t len;
} Slice;

typedef struct SigHeader {
  Slice name, value;
} SigHeader;

typedef struct SigRequest {
  Slice method, path, query, body;
  Slice payload_hash; /* instead of the body's: UNSIGNED-PAYLOAD, or the hash of what is streamed */
  const SigHeader *headers;
  size_t count;
} SigRequest;

/* Who signs, and for what. Strings are copied by sigv4_open and owned by the signer. */
typedef struct SigV4 {
  Slice access_key_id, secret_access_key, session_token, region, service;
  int normalize_path;     /* resolve . and .. and // in the path: every service but S3 */
  int double_encode;      /* encode the path of the wire once more: every service but S3 */
  int omit_session_token; /* send the token, but leave it out of the signature */
  Digest *digest;
  char *strings;
  size_t strings_len;
  char date[8]; /* the day that `key` is derived for */
  Hmac key;
  Buffer canonical, work, headers, pairs;
} SigV4;

#define SIGV4_DATE 16 /* 20150830T123600Z */

/* What signing gave; `signed_headers` and `scope` point into the signer and live until it signs again. */
typedef struct Signature {
  char date[SIGV4_DATE];
  char hex[2 * DIGEST_SIZE];
  Slice signed_headers, scope;
} Signature;

/* Copies what `s` points to; 0 when memory is out or OpenSSL refuses. */
int sigv4_open (SigV4 *s, Digest *digest);
void sigv4_close (SigV4 *s);

/*
** Signs `r` as it will be sent, at `time` (unix seconds). The headers must hold Host; those that are never signed, and
** the ones that signing adds (authorization, x-amz-date, x-amz-security-token), are passed over.
** 0 when memory is out or OpenSSL refuses.
*/
int sigv4_sign (SigV4 *s, const SigRequest *r, int64_t time, Signature *out);

/* The same for headers that are sorted, lower-case, trimmed and unique, date and token among them; without a query. */
int sigv4_sign_prepared (SigV4 *s, const SigRequest *r, const char date[SIGV4_DATE], Signature *out);

/* Appends the whole query string of a presigned URL that is good for `expires` seconds to `query`. */
int sigv4_presign (SigV4 *s, const SigRequest *r, int64_t time, int64_t expires, Buffer *query);

/* "Credential=…, SignedHeaders=…, Signature=…" with its algorithm, as the Authorization header has it. */
int sigv4_authorization (const SigV4 *s, const Signature *signature, Buffer *out);

/* Unix seconds (years 0 to 9999) as 20150830T123600Z. */
void sigv4_date (int64_t time, char out[SIGV4_DATE]);

#pragma GCC visibility pop
#endif
