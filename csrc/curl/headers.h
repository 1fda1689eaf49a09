/*
** A block of request headers ("Name: value\r\n" lines) as the list that curl sends, without an allocation in the
** steady state: the lines are copied once into memory that is kept, and the list's nodes point into it.
*/
#ifndef DYNAMODB_CURL_HEADERS_H
#define DYNAMODB_CURL_HEADERS_H

#include <curl/curl.h>

#include "../engine/buffer.h"

#pragma GCC visibility push(hidden)

typedef struct Headers {
  struct curl_slist *nodes; /* owned; linked in the order of the lines */
  size_t capacity;          /* nodes allocated */
  Buffer text;              /* the lines, each ended by NUL */
} Headers;

void headers_init (Headers *h);
void headers_free (Headers *h);

/* NULL when `block` was taken over, else what is wrong with it. `body` is the length a Content-Length must state. */
const char *headers_set (Headers *h, const char *block, size_t len, size_t body);

#pragma GCC visibility pop
#endif
