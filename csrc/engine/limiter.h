/*
** The rate limiter of adaptive mode: it is off until the first throttled answer, then it holds back every send. The
** rate falls by a factor when the service throttles, and grows along a cubic curve around that at which it last did.
** Source: "client rate limiting" of the AWS SDKs' adaptive retry mode. Time (seconds, monotonic) is given.
*/
#ifndef DYNAMODB_LIMITER_H
#define DYNAMODB_LIMITER_H

#pragma GCC visibility push(hidden)

typedef struct LimiterSettings {
  double beta;         /* what a throttled answer leaves of the rate */
  double scale;        /* of the cubic */
  double smooth;       /* weight of the latest half second in the measured rate */
  double min_rate;     /* requests per second */
  double min_capacity; /* requests that may be saved up */
} LimiterSettings;

typedef struct Limiter {
  LimiterSettings settings;
  int enabled, seen, filled;     /* throttled before? any answer? any refill? */
  double rate, capacity, tokens; /* the bucket */
  double refilled_at;
  double measured;                       /* rate of answers, smoothed */
  double half_second;                    /* the latest one that was counted into it */
  double count;                          /* answers since */
  double last_max, throttled_at, window; /* the cubic: its plateau, and how long it takes to come there */
} Limiter;

void limiter_open (Limiter *l, const LimiterSettings *settings);

/* Seconds until a request may go; 0: it goes now, and has been counted. */
double limiter_wait (Limiter *l, double now);

/* An answer came. */
void limiter_update (Limiter *l, int throttled, double now);

#pragma GCC visibility pop
#endif
