/*
** core.retry and core.classify: the retry policy.
*/
#ifndef DYNAMODB_BIND_RETRY_H
#define DYNAMODB_BIND_RETRY_H

#include "../engine/random.h"
#include "../engine/retry.h"
#include "state.h"

#pragma GCC visibility push(hidden)

/* What the headers of an attempt say of it. */
typedef struct RetryHeaders {
  double time;              /* to sign it with */
  const char *invocation;   /* UUID_TEXT bytes, the same for all attempts of the call; they live as long as it does */
  char request[RETRY_TEXT]; /* amz-sdk-request */
  size_t request_len;
} RetryHeaders;

/* An attempt of the retry call at `arg` begins, at `now`; `time` is our wall clock, uncorrected. */
void retry_headers (lua_State *L, int arg, double now, double time, RetryHeaders *headers);

void retry_register (lua_State *L);

#pragma GCC visibility pop
#endif
