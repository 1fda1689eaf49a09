/*
** Random bytes from the operating system, at each use: a generator's state would be copied by a fork.
*/
#ifndef DYNAMODB_RANDOM_H
#define DYNAMODB_RANDOM_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

/* 0 when the system gives none. */
int random_bytes (void *out, size_t len);

#define UUID_TEXT 36

/* A random UUID (version 4, RFC 9562), without a terminator. */
int random_uuid (char out[UUID_TEXT]);

#pragma GCC visibility pop
#endif
