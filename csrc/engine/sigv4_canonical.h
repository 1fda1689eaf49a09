/*
** The parts of a canonical request, as sigv4.c puts them together. What these functions need they keep in the signer.
*/
#ifndef DYNAMODB_SIGV4_CANONICAL_H
#define DYNAMODB_SIGV4_CANONICAL_H

#include "sigv4.h"

#pragma GCC visibility push(hidden)

/* Working memory that is kept from one signature to the next. */
#define SIGV4_KEEP ((size_t)1 << 16)

typedef struct Pair { /* a query parameter or a header, by its place in a buffer */
  size_t name, name_len, value, value_len;
  const char *base;
} Pair;

typedef struct Pairs {
  Pair *list;
  size_t count;
} Pairs;

/* Appends `s` with everything but unreserved characters (and slashes, if they are kept) as %XX. */
void canonical_text (Buffer *b, Slice s, int keep_slash);

/* Appends the path, resolved and encoded as the signer's service wants it, to the canonical request. */
void canonical_path (SigV4 *s, Slice path);

/* Appends the parameters of `query`, sorted and each encoded once; 0 when memory is out. */
int canonical_query (SigV4 *s, Slice query);

/* The headers to sign, lower-case, trimmed and sorted; the list is NULL when memory is out. It lives in the signer. */
Pairs canonical_headers (SigV4 *s, const SigRequest *r, const char *date);

/* The names of the headers, each once. */
void canonical_names (Buffer *b, Pairs pairs, const char *separator);

/* Are they values of one header? */
int canonical_same_name (const Pair *a, const Pair *b);

#pragma GCC visibility pop
#endif
