/*
** One request on its way: what curl hands over is collected here, the three clocks (connect, idle, deadline) are
** kept here, and so is the outcome until it is asked for.
*/
#ifndef DYNAMODB_CURL_TRANSFER_H
#define DYNAMODB_CURL_TRANSFER_H

#include "handle.h"

#pragma GCC visibility push(hidden)

struct Pool;

typedef enum State { TRANSFER_NEW, TRANSFER_RUNNING, TRANSFER_ANSWERED, TRANSFER_FAILED, TRANSFER_TAKEN } State;

typedef struct Transfer {
  struct Pool *pool;            /* while it runs; the pool cuts this when it closes first */
  struct Transfer *prev, *next; /* among the pool's running ones */
  Handle *handle;               /* owned while it runs */
  const Settings *settings;     /* the pool's */
  State state;
  double started, deadline; /* deadline: HUGE_VAL for none */
  double moved, sampled;    /* when a byte was last seen to move, and when that was last looked for */
  curl_off_t counted;       /* what curl had counted, and the kernel still held, at the last look */
  int unsent;
  long local_port;  /* of the connection, to find its socket by */
  const char *body; /* borrowed from the Lua string that the binding anchors */
  size_t body_len, body_read;
  int repeat_safe;
  int attempts;      /* curl began to send the request this many times */
  int head_done;     /* what comes as a header from now on is a trailer */
  const char *fault; /* why one of our callbacks stopped curl */
  Buffer head, content;
  size_t received; /* bytes of all heads and of the body */
  long status;
  const char *code; /* of the failure */
  int sent;         /* may the request have arrived? */
  char message[CURL_ERROR_SIZE + 64];
} Transfer;

/* Binds `t` to `handle`, which is ready to be given to curl afterwards. */
void transfer_begin (Transfer *t, Handle *handle, const Request *r, const Settings *s, double deadline);

/* When the transfer must be looked at next; what is in the past is overdue. */
double transfer_due (const Transfer *t);

/* 1 when one of its clocks has run out: it has failed then. `sockets` are those that the pool has open. */
int transfer_expire (Transfer *t, double now, const int *sockets, size_t count);

/* Curl is done with it. */
void transfer_finish (Transfer *t, CURLcode result);

/* Ends it from outside. `message` is formatted with one string argument. */
void transfer_fail (Transfer *t, const char *code, const char *message);

/* Lets go of the response's memory. */
void transfer_clear (Transfer *t);

#pragma GCC visibility pop
#endif
