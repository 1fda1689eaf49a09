#include "limiter.h"

#include <math.h>
#include <string.h>

#define SHORTEST_WAIT 0.001 /* seconds: a rounding error must not make the caller spin */
#define ALMOST_ONE (1 - 1e-9)

void limiter_open (Limiter *l, const LimiterSettings *settings) {
  memset(l, 0, sizeof *l);
  l->settings = *settings;
}

static void refill (Limiter *l, double now) {
  if (l->filled && now > l->refilled_at) l->tokens = fmin(l->capacity, l->tokens + (now - l->refilled_at) * l->rate);
  if (!l->filled || now > l->refilled_at) l->refilled_at = now;
  l->filled = 1;
}

double limiter_wait (Limiter *l, double now) {
  if (!l->enabled) return 0;
  refill(l, now);
  if (l->tokens < ALMOST_ONE) return fmax((1 - l->tokens) / l->rate, SHORTEST_WAIT);
  l->tokens -= 1;
  return 0;
}

/* How fast answers come, counted over half seconds. */
static void measure (Limiter *l, double now) {
  double half_second = floor(now * 2) / 2;
  l->count += 1;
  if (!l->seen) {
    l->seen = 1;
    l->half_second = half_second;
  } else if (half_second > l->half_second) {
    double rate = l->count / (half_second - l->half_second);
    l->measured = l->settings.smooth * rate + (1 - l->settings.smooth) * l->measured;
    l->count = 0;
    l->half_second = half_second;
  }
}

void limiter_update (Limiter *l, int throttled, double now) {
  const LimiterSettings *s = &l->settings;
  double rate;
  measure(l, now);
  if (throttled) {
    double reached = l->enabled ? fmin(l->measured, l->rate) : l->measured;
    l->last_max = reached;
    l->window = cbrt(reached * (1 - s->beta) / s->scale);
    l->throttled_at = now;
    l->enabled = 1;
    rate = s->beta * reached;
  } else {
    rate = s->scale * pow(now - l->throttled_at - l->window, 3) + l->last_max;
  }
  rate = fmin(rate, 2 * l->measured);
  refill(l, now);
  l->rate = fmax(rate, s->min_rate);
  l->capacity = fmax(rate, s->min_capacity);
  l->tokens = fmin(l->tokens, l->capacity);
}
