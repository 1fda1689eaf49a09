/*
** Does a connection still move? Curl counts what it was given and what it took; what the kernel still holds, or has
** already received of a line that is not yet whole, only the kernel knows.
*/
#ifndef DYNAMODB_CURL_ACTIVITY_H
#define DYNAMODB_CURL_ACTIVITY_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

typedef struct Activity {
  int unsent;      /* bytes that the peer has not acknowledged yet; -1 when unknown */
  double received; /* seconds since the last bytes came in; HUGE_VAL when unknown */
} Activity;

/* Of the connection that has `port` at our end. */
Activity activity_of (const int *sockets, size_t count, long port);

#pragma GCC visibility pop
#endif
