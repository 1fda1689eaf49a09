/*
** Sealed texts: bytes that go out of the program and come back, such as cursors. URL-safe base64 (RFC 4648 §5, without
** padding) of a version byte, a tag and the bytes. The tag is an HMAC-SHA-256 over a context and the bytes, cut to 16
** bytes (RFC 2104 §5): with a key of the program's it is a signature; without one everybody can make it, and it only
** tells a text of another context, or a damaged one.
*/
#ifndef DYNAMODB_SEAL_H
#define DYNAMODB_SEAL_H

#include "buffer.h"
#include "digest.h"

#pragma GCC visibility push(hidden)

#define SEAL_KEYS 8 /* that may be tried on one text */

typedef struct SealKey {
  const char *bytes;
  size_t len;
} SealKey;

typedef enum SealVerdict {
  SEAL_OPENED,
  SEAL_MALFORMED, /* not a text of ours at all */
  SEAL_UNSIGNED,  /* there is a key, and the text has no signature */
  SEAL_SIGNED,    /* there is no key, and the text has a signature */
  SEAL_FOREIGN,   /* changed, of another context, or signed with another key */
  SEAL_FAILED     /* memory or OpenSSL */
} SealVerdict;

/* Appends the sealed text; `key` NULL for an unsigned one. 0 when memory or OpenSSL fails. */
int seal (Digest *d, Buffer *out, const char *context, size_t context_len, const char *bytes, size_t len,
          const SealKey *key);

/*
** Opens a text: appends what it holds to `out`. With keys it must be signed with one of them. The tag is compared in
** constant time before anybody reads what it guards.
*/
SealVerdict unseal (Digest *d, Buffer *out, const char *context, size_t context_len, const char *text, size_t len,
                    const SealKey *keys, int count);

#pragma GCC visibility pop
#endif
