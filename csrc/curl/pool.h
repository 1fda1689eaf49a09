/*
** The connections of one runtime: a curl_multi with its transfers in flight, spare handles, and the sockets that are
** open. Knows no Lua. A pool notices that it lives on in a forked child and then leaves its parent's connections
** alone.
*/
#ifndef DYNAMODB_CURL_POOL_H
#define DYNAMODB_CURL_POOL_H

#include <sys/types.h>

#include "transfer.h"

#pragma GCC visibility push(hidden)

typedef struct Pool {
  int open;
  pid_t owner;    /* the process that opened the connections */
  unsigned forks; /* how often the owner has changed */
  Settings settings;
  CURLM *multi;      /* made when first needed */
  Transfer *running; /* linked; not owned, each is a userdata */
  size_t active;
  Handle *spare; /* linked; owned */
  size_t spares;
  int *sockets; /* open ones, owned by curl until the process forks */
  size_t socket_count, socket_capacity;
  int kicked; /* a transfer waits for its first turn */
  int stale;  /* idle connections are not to be trusted any more */
} Pool;

/* The settings' ca_bundle becomes the pool's. */
void pool_open (Pool *p, const Settings *s);
void pool_close (Pool *p);

/* To be called before anything else is done with an open pool. */
void pool_check_owner (Pool *p);

/* NULL when the transfer runs (or has failed already: see its state); else what is wrong with the request. */
const char *pool_start (Pool *p, Transfer *t, const Request *r, double deadline);

/* Waits for at most `timeout` seconds and drives all transfers; how many ended. */
int pool_step (Pool *p, double timeout);

/* Takes a running transfer out, which has failed before. */
void pool_drop (Pool *p, Transfer *t);

/* Idle connections are closed before the next request. */
void pool_retire (Pool *p);

#pragma GCC visibility pop
#endif
