/*
** The rate limiter of adaptive mode.
*/
#include "engine/limiter.h"

#include <math.h>

#include "../support/check.h"

static const LimiterSettings settings = {.beta = 0.7, .scale = 0.4, .smooth = 0.8, .min_rate = 0.5, .min_capacity = 1};

/* A limiter that was throttled at t = 5, at a measured rate of 10. */
static Limiter throttled_at_ten (void) {
  Limiter l;
  limiter_open(&l, &settings);
  for (int i = 0; i < 24; i++)
    limiter_update(&l, 0, 3);
  limiter_update(&l, 1, 5);
  return l;
}

static void test_off_at_first (void) {
  Limiter l;
  limiter_open(&l, &settings);
  for (int i = 0; i < 100; i++)
    CHECK(limiter_wait(&l, 0) == 0);
  limiter_update(&l, 0, 1);
  CHECK(!l.enabled && limiter_wait(&l, 1) == 0);
}

static void test_throttled (void) {
  Limiter l = throttled_at_ten();
  CHECK(l.enabled && fabs(l.last_max - 10) < 1e-9 && fabs(l.rate - 7) < 1e-9);
  CHECK(limiter_wait(&l, 5) == 0); /* saved up before */
  double wait = limiter_wait(&l, 5);
  CHECK(wait > 0 && fabs(wait - 1 / l.rate) < 1e-9);
  CHECK(limiter_wait(&l, 5 + wait) == 0);
  CHECK(limiter_wait(&l, 5 + wait) > 0);
}

static void test_never_stops (void) {
  Limiter l = throttled_at_ten();
  for (int i = 0; i < 100; i++)
    limiter_update(&l, 1, 5 + i * 0.1);
  CHECK(l.rate == 0.5 && l.capacity == 1);
  CHECK(limiter_wait(&l, 100) == 0);
  CHECK(fabs(limiter_wait(&l, 100) - 2) < 1e-9);
}

/* However often it is asked, no more goes than the rate and the saved-up capacity allow. */
static void test_rate_holds (void) {
  Limiter l = throttled_at_ten();
  int gone = 0;
  double now = 5, spins = 0;
  while (now < 105) {
    double wait = limiter_wait(&l, now);
    if (wait == 0)
      gone++;
    else
      now += wait;
    spins++;
  }
  CHECK(gone <= 7 * 100 + 8 && gone >= 7 * 100 - 8);
  CHECK(spins < 3 * gone);
}

static void test_clock_that_stands (void) {
  Limiter l = throttled_at_ten();
  limiter_wait(&l, 5);
  for (int i = 0; i < 10; i++)
    CHECK(limiter_wait(&l, 4) > 0); /* earlier than before: nothing is refilled, nothing breaks */
}

int main (void) {
  test_off_at_first();
  test_throttled();
  test_never_stops();
  test_rate_holds();
  test_clock_that_stands();
  return check_done();
}
