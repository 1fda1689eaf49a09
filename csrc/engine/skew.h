/*
** Clock skew: how far the service's clock is ahead of ours, learned from the Date of every response and added when a
** request is signed. Source: the AWS SDKs' clock skew correction of 2026.
*/
#ifndef DYNAMODB_SKEW_H
#define DYNAMODB_SKEW_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

/* Seconds since 1970 of an HTTP-date (RFC 9110, section 5.6.7: all three forms); 0 when it is none. */
int http_date (const char *text, size_t len, double *seconds);

/*
** The skew that a response tells of: its `date` against the middle of the way there and back, in seconds of our
** uncorrected wall clock. 0 when nothing can be learned: the way took longer than `max_round_trip`, or less than no
** time.
*/
int skew_learn (double date, double sent_at, double received_at, double max_round_trip, double *skew);

#pragma GCC visibility pop
#endif
