/*
** The retry policy. It answers one question: given the outcome of an attempt, is the call done, or is it sent again,
** and after how long? Standard mode 2.1 of the AWS SDKs (November 2026), their adaptive mode, and what DynamoDB adds.
** Times are seconds; clock and chance are given, never asked for.
*/
#ifndef DYNAMODB_RETRY_H
#define DYNAMODB_RETRY_H

#include <stddef.h>

#include "limiter.h"

#pragma GCC visibility push(hidden)

typedef enum RetryClass {
  RETRY_NEVER,
  RETRY_THROTTLING,
  RETRY_TRANSIENT,
  RETRY_MODELLED,   /* the service's model says so */
  RETRY_CLOCK_SKEW, /* worth it only if the clocks are really apart */
  RETRY_EXPIRED     /* worth it only with fresh credentials */
} RetryClass;

typedef enum RetryReason { /* why a call is done */
                           DONE_SUCCESS,
                           DONE_NOT_RETRYABLE,
                           DONE_AMBIGUOUS, /* it may have been applied, and must not be twice */
                           DONE_MAX_ATTEMPTS,
                           DONE_QUOTA,
                           DONE_DEADLINE
} RetryReason;

typedef struct RetrySettings {
  int adaptive, correct_skew;
  double max_attempts;                  /* in all, the first one included */
  double base, throttling_base;         /* of the first delay, doubling */
  double max_backoff;                   /* cap of a delay, before the jitter */
  double quota, initial_quota;          /* what a client may spend on retries; what it begins with, all if infinite */
  double cost, throttling_cost, refund; /* of a retry; of a success at the first attempt */
  double retry_after_limit;             /* how much longer than its delay the service may make us wait */
  double in_progress;                   /* TransactionInProgress: the last attempt comes so long after the first */
  double skew_threshold, skew_round_trip;
  LimiterSettings limiter;
} RetrySettings;

void retry_defaults (RetrySettings *settings);

/* Shared by all calls of a client. */
typedef struct RetryPolicy {
  RetrySettings settings;
  double quota;
  double skew; /* of the client, as learned last */
  int skew_known;
  Limiter limiter;
} RetryPolicy;

void retry_open (RetryPolicy *p, const RetrySettings *settings);

/* One logical call. */
typedef struct RetryCall {
  int safe; /* may it be sent again when it is unknown whether it was applied? */
  int max_attempts, attempts;
  int ambiguous; /* was any attempt? */
  int refreshed; /* credentials, once */
  int started;
  double started_at; /* the first attempt */
  double deadline;   /* HUGE_VAL: none */
  double skew;       /* for signing the next attempt */
  double held;       /* cost of the latest retry; negative: there was none */
} RetryCall;

/* `max_attempts` 0: the policy's. */
void retry_begin (const RetryPolicy *p, RetryCall *call, int safe, int max_attempts, double deadline);

typedef struct RetryText { /* a header's value; NULL when there is none */
  const char *data;
  size_t len;
} RetryText;

typedef struct RetryOutcome {
  int ok;
  int status;               /* 0: no answer */
  RetryText code;           /* of the service, or of ours: Timeout, ConnectionError, … */
  int sent;                 /* may it have arrived? */
  int refreshed;            /* are there other credentials than the refused ones? */
  RetryText retry_after_ms; /* x-amz-retry-after */
  RetryText retry_after;    /* Retry-After: seconds or an HTTP-date */
  RetryText date;
  int has_age;                 /* it comes from a cache: its date tells nothing */
  int timed;                   /* are the two below known? */
  double sent_at, received_at; /* on the uncorrected wall clock */
} RetryOutcome;

typedef struct RetryDecision {
  int again;
  double delay;       /* seconds */
  RetryClass class;   /* of the failure */
  RetryReason reason; /* if it is not sent again */
} RetryDecision;

/* What kind of failure is it? `ambiguous` tells whether the request behind it may have been applied. */
RetryClass retry_classify (int status, const char *code, size_t len, int sent, int *ambiguous);

/* Seconds to wait before this attempt may be sent; 0: it goes now. Only adaptive mode makes one wait. */
double retry_wait (RetryPolicy *p, RetryCall *call, double now);

#define RETRY_TEXT 80

/*
** An attempt begins. Writes what the header amz-sdk-request says of it, "attempt=1; max=4; ttl=20261122T220503Z", and
** gives its length; `time` is the service's, in seconds since 1970.
*/
size_t retry_attempt (RetryCall *call, double now, double time, char out[RETRY_TEXT]);

/* An attempt has come to its end; `random` is uniform in [0, 1]. */
RetryDecision retry_outcome (RetryPolicy *p, RetryCall *call, const RetryOutcome *o, double now, double random);

#pragma GCC visibility pop
#endif
