/*
** Random bytes from the operating system, at each use: a generator's state would be copied by a fork. Only names that
** nothing depends on may come out of a store of them.
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

/*
** The system's random bytes for a few UUIDs at once, since asking for them costs more than all else that a UUID does.
** They are in memory that the kernel empties in a child of a fork; a machine that is copied as a whole has them twice,
** though, so tokens, nonces and keys are not taken from here. Without such memory each UUID is asked for.
*/
typedef struct RandomStore RandomStore;

RandomStore *random_store_open (void); /* NULL: there is no such memory */
void random_store_close (RandomStore *store);
int random_store_uuid (RandomStore *store, char out[UUID_TEXT]);

#pragma GCC visibility pop
#endif
