/*
** The two clocks: deadlines run on the monotonic one, signatures and the calendar on the wall clock.
*/
#ifndef DYNAMODB_CURL_CLOCK_H
#define DYNAMODB_CURL_CLOCK_H

#include <math.h>
#include <time.h>

static inline double clock_read (clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline double clock_now (void) {
  return clock_read(CLOCK_MONOTONIC);
}

static inline double clock_wall (void) {
  return clock_read(CLOCK_REALTIME);
}

/* Sleeps once: a signal ends it early, so that the caller's loop can look at what the signal asked for. */
static inline void clock_sleep (double seconds) {
  if (!(seconds > 0)) return;
  if (seconds > 86400) seconds = 86400;
  struct timespec t = {(time_t)seconds, 0};
  t.tv_nsec = (long)((seconds - floor(seconds)) * 1e9);
  nanosleep(&t, NULL);
}

#endif
