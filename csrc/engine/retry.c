#include "retry.h"

#include <math.h>
#include <string.h>

#include "sigv4.h"
#include "skew.h"

/* {==== Classes of failures ==== */

/* Source: retryable errors of the AWS SDKs' standard mode and of DynamoDB's model; our own codes are transient, too. */
static const struct {
  RetryClass class;
  const char *codes; /* each between blanks */
} classes[] = {
  {RETRY_THROTTLING,
   " BandwidthLimitExceeded EC2ThrottledException LimitExceededException PriorRequestNotComplete"
   " ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled RequestThrottledException SlowDown"
   " ThrottledException Throttling ThrottlingException TooManyRequestsException TransactionInProgressException "},
  {RETRY_TRANSIENT, " RequestTimeout RequestTimeoutException IDPCommunicationError"
                    " ConnectionError ResponseError Timeout "},
  {RETRY_MODELLED, " ReplicatedWriteConflictException "},
  {RETRY_CLOCK_SKEW,
   " AccessDeniedException AuthFailure InvalidSignatureException RequestTimeTooSkewed SignatureDoesNotMatch "},
  {RETRY_EXPIRED, " ExpiredToken ExpiredTokenException InvalidToken "},
};

#define CLASSES (sizeof classes / sizeof *classes)

/* Failures of the transport: no answer, or one that cannot be trusted. */
static const char unanswered[] = " ConnectionError DeadlineExceeded ResponseError Stopped Timeout ";

/* Is the code one of the words of the list? */
static int is_listed (const char *list, const char *code, size_t len) {
  if (len == 0 || memchr(code, ' ', len) || memchr(code, '\0', len)) return 0;
  for (const char *word = list + 1; *word;) {
    size_t n = strcspn(word, " ");
    if (n == len && memcmp(word, code, len) == 0) return 1;
    word += n + 1;
  }
  return 0;
}

static RetryClass class_of_code (const char *code, size_t len) {
  for (size_t i = 0; i < CLASSES; i++)
    if (is_listed(classes[i].codes, code, len)) return classes[i].class;
  return RETRY_NEVER;
}

static int is_transient_status (int status) {
  return status == 500 || status == 502 || status == 503 || status == 504;
}

RetryClass retry_classify (int status, const char *code, size_t len, int sent, int *ambiguous) {
  RetryClass class = class_of_code(code, len);
  if (class != RETRY_THROTTLING && status == 429)
    class = RETRY_THROTTLING;
  else if (class != RETRY_THROTTLING && is_transient_status(status))
    class = RETRY_TRANSIENT;
  *ambiguous = sent && class != RETRY_THROTTLING && (status >= 500 || is_listed(unanswered, code, len));
  return class;
}

/* }==== */

/* {==== The policy and a call ==== */

void retry_defaults (RetrySettings *s) {
  *s = (RetrySettings){
    .correct_skew = 1,
    .max_attempts = 4,
    .base = 0.025,
    .throttling_base = 1,
    .max_backoff = 20,
    .quota = 500,
    .initial_quota = HUGE_VAL,
    .cost = 14,
    .throttling_cost = 5,
    .refund = 1,
    .retry_after_limit = 5,
    .in_progress = 5,
    .skew_threshold = 240,
    .skew_round_trip = 900,
    .limiter = {.beta = 0.7, .scale = 0.4, .smooth = 0.8, .min_rate = 0.5, .min_capacity = 1},
  };
}

void retry_open (RetryPolicy *p, const RetrySettings *settings) {
  memset(p, 0, sizeof *p);
  p->settings = *settings;
  p->quota = fmin(settings->initial_quota, settings->quota);
  limiter_open(&p->limiter, &settings->limiter);
}

void retry_begin (const RetryPolicy *p, RetryCall *call, int safe, int max_attempts, double deadline) {
  memset(call, 0, sizeof *call);
  call->safe = safe;
  call->max_attempts = max_attempts ? max_attempts : (int)p->settings.max_attempts;
  call->deadline = deadline;
  call->skew = p->settings.correct_skew ? p->skew : 0;
  call->held = -1;
}

static void start (RetryCall *call, double now) {
  if (call->started) return;
  call->started = 1;
  call->started_at = now;
}

double retry_wait (RetryPolicy *p, RetryCall *call, double now) {
  double wait = p->settings.adaptive ? limiter_wait(&p->limiter, now) : 0;
  if (wait == 0) start(call, now);
  return wait;
}

/* A deadline further away than this says nothing to the service. */
#define LONGEST_TTL 86400

static char *put_text (char *to, const char *text) {
  size_t len = strlen(text);
  memcpy(to, text, len);
  return to + len;
}

static char *put_count (char *to, int count) {
  char digits[12], *p = digits + sizeof digits;
  do
    *--p = (char)('0' + count % 10);
  while (count /= 10);
  size_t len = (size_t)(digits + sizeof digits - p);
  memcpy(to, p, len);
  return to + len;
}

size_t retry_attempt (RetryCall *call, double now, double time, char out[RETRY_TEXT]) {
  start(call, now);
  char *p = put_count(put_text(out, "attempt="), call->attempts + 1);
  p = put_count(put_text(p, "; max="), call->max_attempts);
  double left = call->deadline - now;
  if (left >= 0 && left <= LONGEST_TTL) {
    p = put_text(p, "; ttl=");
    sigv4_date((int64_t)floor(time + left), p);
    p += SIGV4_DATE;
  }
  return (size_t)(p - out);
}

/* }==== */

/* {==== The clocks ==== */

/* Learns from a response's Date. Is the service's clock really apart from ours? */
static int learn_skew (RetryPolicy *p, RetryCall *call, const RetryOutcome *o) {
  const RetrySettings *s = &p->settings;
  double date, skew;
  if (!s->correct_skew || !o->date.data || o->has_age || !o->timed) return 0;
  if (!http_date(o->date.data, o->date.len, &date)) return 0;
  if (!skew_learn(date, o->sent_at, o->received_at, s->skew_round_trip, &skew)) return 0;
  p->skew = call->skew = skew;
  p->skew_known = 1;
  return fabs(skew) > s->skew_threshold;
}

/* }==== */

/* {==== How long to wait ==== */

/* A header of digits only; -1 for anything else, also for more digits than make sense. */
static double digits (RetryText text) {
  double value = 0;
  if (!text.data || text.len == 0 || text.len > 15) return -1;
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return -1;
    value = value * 10 + (text.data[i] - '0');
  }
  return value;
}

/* Seconds that the service asks us to wait; negative when it does not. */
static double retry_after (const RetryPolicy *p, const RetryOutcome *o) {
  double ms = digits(o->retry_after_ms), seconds = digits(o->retry_after), until, date;
  if (ms >= 0) return ms / 1000;
  if (seconds >= 0) return seconds;
  if (!o->retry_after.data || !http_date(o->retry_after.data, o->retry_after.len, &until)) return -1;
  if (o->date.data && http_date(o->date.data, o->date.len, &date)) return fmax(0, until - date);
  return o->timed ? fmax(0, until - (o->received_at + p->skew)) : -1;
}

static double backoff (const RetryPolicy *p, const RetryCall *call, RetryClass class, double random) {
  const RetrySettings *s = &p->settings;
  double base = class == RETRY_THROTTLING ? s->throttling_base : s->base;
  return random * fmin(ldexp(base, call->attempts - 1), s->max_backoff);
}

/* The same token is still being worked on: the last attempt has to come late enough to learn the result. */
static double wait_for_transaction (const RetryPolicy *p, const RetryCall *call, const RetryOutcome *o, double delay,
                                    double now) {
  static const char code[] = "TransactionInProgressException";
  if (o->code.len != sizeof code - 1 || memcmp(o->code.data, code, o->code.len) != 0) return delay;
  if (call->attempts + 1 < call->max_attempts) return delay;
  double longer = p->settings.in_progress - (now - call->started_at);
  return longer > delay && now + longer < call->deadline ? longer : delay;
}

static double delay_of (const RetryPolicy *p, const RetryCall *call, const RetryOutcome *o, RetryClass class,
                        double now, double random) {
  if (class == RETRY_EXPIRED) return 0;
  double delay = backoff(p, call, class, random), asked = retry_after(p, o);
  if (asked >= 0) delay = fmin(fmax(asked, delay), delay + p->settings.retry_after_limit);
  return wait_for_transaction(p, call, o, delay, now);
}

/* }==== */

/* {==== The decision ==== */

static double cost_of (const RetryPolicy *p, RetryClass class) {
  if (class == RETRY_EXPIRED) return 0; /* once a call, and only with other credentials */
  return class == RETRY_THROTTLING ? p->settings.throttling_cost : p->settings.cost;
}

static void refund (RetryPolicy *p, const RetryCall *call) {
  double amount = call->held >= 0 ? call->held : p->settings.refund;
  p->quota = fmin(p->settings.quota, p->quota + amount);
}

static RetryDecision done (RetryReason reason, RetryClass class) {
  return (RetryDecision){.reason = reason, .class = class};
}

RetryDecision retry_outcome (RetryPolicy *p, RetryCall *call, const RetryOutcome *o, double now, double random) {
  int ambiguous = 0, skewed = learn_skew(p, call, o);
  RetryClass class = RETRY_NEVER;
  start(call, now);
  call->attempts++;
  if (!o->ok) class = retry_classify(o->status, o->code.data, o->code.len, o->sent, &ambiguous);
  if (class == RETRY_CLOCK_SKEW && !skewed) class = RETRY_NEVER;
  if (class == RETRY_EXPIRED && (!o->refreshed || call->refreshed)) class = RETRY_NEVER;
  if (p->settings.adaptive) limiter_update(&p->limiter, class == RETRY_THROTTLING, now);
  if (o->ok) {
    refund(p, call);
    return done(DONE_SUCCESS, class);
  }
  call->ambiguous |= ambiguous;
  if (ambiguous && !call->safe) return done(DONE_AMBIGUOUS, class);
  if (class == RETRY_NEVER) return done(DONE_NOT_RETRYABLE, class);
  if (call->attempts >= call->max_attempts) return done(DONE_MAX_ATTEMPTS, class);
  double cost = cost_of(p, class), delay = delay_of(p, call, o, class, now, random);
  if (p->quota < cost) return done(DONE_QUOTA, class);
  if (now + delay >= call->deadline) return done(DONE_DEADLINE, class);
  p->quota -= cost;
  call->held = cost;
  call->refreshed |= class == RETRY_EXPIRED;
  return (RetryDecision){.again = 1, .delay = delay, .class = class};
}

/* }==== */
