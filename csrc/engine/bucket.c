#include "bucket.h"

/* What counts as no debt: sums of floats do not come out even. */
#define ROUNDING 1e-9

void bucket_init (Bucket *b, double rate, double now) {
  b->rate = b->tokens = rate > 0 ? rate : 0;
  b->at = now;
}

static void bucket_refill (Bucket *b, double now) {
  if (now <= b->at) return;
  b->tokens += (now - b->at) * b->rate;
  if (b->tokens > b->rate) b->tokens = b->rate;
  b->at = now;
}

double bucket_wait (Bucket *b, double now) {
  if (b->rate <= 0) return 0;
  bucket_refill(b, now);
  return b->tokens >= -ROUNDING ? 0 : -b->tokens / b->rate;
}

int bucket_lends (const Bucket *b) {
  return b->rate <= 0 || b->tokens > -b->rate;
}

void bucket_charge (Bucket *b, double tokens) {
  b->tokens -= tokens;
}

void bucket_settle (Bucket *b, double charged, double consumed) {
  if (!(consumed >= 0)) return; /* that is no cost: the estimate stands */
  b->tokens += charged - consumed;
  if (b->tokens > b->rate) b->tokens = b->rate;
}
