/*
** A token bucket that may owe: a request is charged an estimate before it is sent, and settled when its true cost is
** known. Time is given in seconds, never asked for.
*/
#ifndef DYNAMODB_BUCKET_H
#define DYNAMODB_BUCKET_H

#pragma GCC visibility push(hidden)

typedef struct Bucket {
  double rate;   /* tokens a second; 0 for a bucket that holds nobody up */
  double tokens; /* below zero it is in debt */
  double at;     /* when it was last filled */
} Bucket;

/* A bucket that starts full: it never holds more than one second's worth. */
void bucket_init (Bucket *b, double rate, double now);

/* Seconds until `b` is out of debt; 0 when a request may go now. */
double bucket_wait (Bucket *b, double now);

/* May what goes now grow still? A debt of one second is the most that is made knowingly. */
int bucket_lends (const Bucket *b);

/* Takes an estimate, which may leave a debt. */
void bucket_charge (Bucket *b, double tokens);

/* Corrects a charge by what was reported. */
void bucket_settle (Bucket *b, double charged, double consumed);

#pragma GCC visibility pop
#endif
