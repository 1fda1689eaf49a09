/*
** The retry policy without Lua: classes, delays, the quota, the deadline.
*/
#include "engine/retry.h"

#include <math.h>
#include <string.h>

#include "../support/check.h"

static RetryPolicy policy_with (void (*change)(RetrySettings *)) {
  RetrySettings settings;
  RetryPolicy p;
  retry_defaults(&settings);
  if (change) change(&settings);
  retry_open(&p, &settings);
  return p;
}

static RetryText text (const char *s) {
  return (RetryText){s, s ? strlen(s) : 0};
}

static RetryOutcome failed (int status, const char *code) {
  return (RetryOutcome){.status = status, .code = text(code ? code : ""), .sent = 1};
}

static RetryClass class_of (int status, const char *code) {
  int ambiguous;
  return retry_classify(status, code, strlen(code), 1, &ambiguous);
}

static int is_ambiguous (int status, const char *code, int sent) {
  int ambiguous;
  retry_classify(status, code, strlen(code), sent, &ambiguous);
  return ambiguous;
}

static void test_classes (void) {
  CHECK(class_of(400, "ThrottlingException") == RETRY_THROTTLING);
  CHECK(class_of(429, "Whatever") == RETRY_THROTTLING);
  CHECK(class_of(503, "SlowDown") == RETRY_THROTTLING);
  CHECK(class_of(503, "ServiceUnavailable") == RETRY_TRANSIENT);
  CHECK(class_of(500, "AccessDeniedException") == RETRY_TRANSIENT);
  CHECK(class_of(501, "501") == RETRY_NEVER);
  CHECK(class_of(0, "Timeout") == RETRY_TRANSIENT);
  CHECK(class_of(0, "DeadlineExceeded") == RETRY_NEVER);
  CHECK(class_of(0, "CertificateError") == RETRY_NEVER);
  CHECK(class_of(400, "ReplicatedWriteConflictException") == RETRY_MODELLED);
  CHECK(class_of(400, "Throttl") == RETRY_NEVER);
  CHECK(class_of(400, "Throttling SlowDown") == RETRY_NEVER);
  CHECK(class_of(400, "") == RETRY_NEVER);
  CHECK(is_ambiguous(500, "InternalServerError", 1));
  CHECK(is_ambiguous(501, "501", 1));
  CHECK(!is_ambiguous(503, "ThrottlingException", 1));
  CHECK(!is_ambiguous(400, "ValidationException", 1));
  CHECK(is_ambiguous(200, "ResponseError", 1));
  CHECK(is_ambiguous(0, "DeadlineExceeded", 1));
  CHECK(!is_ambiguous(0, "Timeout", 0));
}

static void test_delays (void) {
  RetryPolicy p = policy_with(NULL);
  RetryCall call;
  retry_begin(&p, &call, 1, 20, HUGE_VAL);
  const double expected[] = {0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20, 20};
  RetryOutcome o = failed(500, "InternalServerError");
  for (int i = 0; i < 12; i++) {
    RetryDecision d = retry_outcome(&p, &call, &o, i, 1);
    CHECK(d.again && fabs(d.delay - expected[i]) < 1e-12);
    CHECK(p.quota == 500 - 14 * (i + 1));
  }
  CHECK(retry_outcome(&p, &call, &o, 20, 0).delay == 0);
}

static void test_hints (void) {
  RetryPolicy p = policy_with(NULL);
  RetryCall call;
  static const struct {
    const char *ms, *seconds;
    double expected;
  } cases[] = {
    {"1500", NULL, 1.5},
    {"0", NULL, 0.025},
    {"20000", NULL, 5.025},
    {"-5", NULL, 0.025},
    {"1e3", NULL, 0.025},
    {"", NULL, 0.025},
    {NULL, "2", 2},
    {"100", "2", 0.1},
    {"junk", "2", 2},
    {NULL, "9999", 5.025},
    {NULL, "Thu, 01 Jan 2026 00:00:03 GMT", 3},
    {NULL, "Wed, 31 Dec 2025 00:00:00 GMT", 0.025},
    {"99999999999999999999999999", NULL, 0.025},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    RetryOutcome o = failed(500, "x");
    o.retry_after_ms = text(cases[i].ms);
    o.retry_after = text(cases[i].seconds);
    o.date = text("Thu, 01 Jan 2026 00:00:00 GMT");
    retry_begin(&p, &call, 1, 0, HUGE_VAL);
    CHECK(fabs(retry_outcome(&p, &call, &o, 0, 1).delay - cases[i].expected) < 1e-12);
  }
}

static void test_deadline (void) {
  RetryPolicy p = policy_with(NULL);
  RetryCall call;
  RetryOutcome o = failed(400, "ThrottlingException");
  retry_begin(&p, &call, 1, 0, 10);
  RetryDecision d = retry_outcome(&p, &call, &o, 9, 1);
  CHECK(!d.again && d.reason == DONE_DEADLINE && p.quota == 500);
  retry_begin(&p, &call, 1, 0, 10.001);
  CHECK(retry_outcome(&p, &call, &o, 9, 1).again);
}

static int says (RetryCall *call, double now, double time, const char *expected) {
  char out[RETRY_TEXT];
  size_t len = retry_attempt(call, now, time, out);
  return len == strlen(expected) && memcmp(out, expected, len) == 0;
}

static void test_what_an_attempt_says (void) {
  RetryPolicy p = policy_with(NULL);
  RetryCall call;
  retry_begin(&p, &call, 1, 1000000, 86400);
  CHECK(says(&call, 0, 1795385103, "attempt=1; max=1000000; ttl=20261123T220503Z"));
  CHECK(call.started && call.started_at == 0);
  call.attempts = 999999;
  CHECK(says(&call, 86400, 1795385103.9, "attempt=1000000; max=1000000; ttl=20261122T220503Z"));
  CHECK(says(&call, 86400.5, 1795385103, "attempt=1000000; max=1000000"));
  CHECK(says(&call, -1, 1795385103, "attempt=1000000; max=1000000"));
  retry_begin(&p, &call, 1, 0, HUGE_VAL);
  CHECK(says(&call, 0, 1795385103, "attempt=1; max=4"));
  CHECK(says(&call, HUGE_VAL, 1795385103, "attempt=1; max=4"));
}

static void test_ambiguity (void) {
  RetryPolicy p = policy_with(NULL);
  RetryCall call;
  RetryOutcome o = failed(0, "Timeout");
  retry_begin(&p, &call, 0, 0, HUGE_VAL);
  RetryDecision d = retry_outcome(&p, &call, &o, 0, 1);
  CHECK(!d.again && d.reason == DONE_AMBIGUOUS && call.ambiguous && p.quota == 500);
  o.sent = 0;
  retry_begin(&p, &call, 0, 0, HUGE_VAL);
  CHECK(retry_outcome(&p, &call, &o, 0, 1).again && !call.ambiguous);
  o.sent = 1;
  retry_begin(&p, &call, 1, 0, HUGE_VAL);
  CHECK(retry_outcome(&p, &call, &o, 0, 1).again && call.ambiguous);
}

static void test_transaction_in_progress (void) {
  RetryPolicy p = policy_with(NULL);
  RetryCall call;
  RetryOutcome o = failed(400, "TransactionInProgressException");
  retry_begin(&p, &call, 1, 0, HUGE_VAL);
  CHECK(retry_wait(&p, &call, 100) == 0);
  CHECK(retry_outcome(&p, &call, &o, 100.5, 0).delay == 0);
  CHECK(retry_outcome(&p, &call, &o, 101, 0).delay == 0);
  CHECK(retry_outcome(&p, &call, &o, 101.5, 0).delay == 3.5);
  CHECK(retry_outcome(&p, &call, &o, 105, 0).reason == DONE_MAX_ATTEMPTS);
  retry_begin(&p, &call, 1, 2, 104);
  CHECK(retry_wait(&p, &call, 100) == 0);
  CHECK(retry_outcome(&p, &call, &o, 101, 0).delay == 0); /* five seconds would be too late */
}

static void test_expired (void) {
  RetryPolicy p = policy_with(NULL);
  RetryCall call;
  RetryOutcome o = failed(400, "ExpiredTokenException");
  retry_begin(&p, &call, 0, 0, HUGE_VAL);
  CHECK(retry_outcome(&p, &call, &o, 0, 1).reason == DONE_NOT_RETRYABLE);
  o.refreshed = 1;
  retry_begin(&p, &call, 0, 0, HUGE_VAL);
  RetryDecision d = retry_outcome(&p, &call, &o, 0, 1);
  CHECK(d.again && d.delay == 0 && d.class == RETRY_EXPIRED && p.quota == 500);
  CHECK(retry_outcome(&p, &call, &o, 0, 1).reason == DONE_NOT_RETRYABLE);
}

static void small_quota (RetrySettings *s) {
  s->quota = 20;
}

static void test_quota (void) {
  RetryPolicy p = policy_with(small_quota);
  RetryCall call;
  RetryOutcome o = failed(500, "x"), good = {.ok = 1};
  retry_begin(&p, &call, 1, 0, HUGE_VAL);
  CHECK(retry_outcome(&p, &call, &o, 0, 1).again && p.quota == 6);
  CHECK(retry_outcome(&p, &call, &o, 0, 1).reason == DONE_QUOTA && p.quota == 6);
  retry_begin(&p, &call, 1, 0, HUGE_VAL);
  CHECK(retry_outcome(&p, &call, &good, 0, 1).reason == DONE_SUCCESS && p.quota == 7);
  for (int i = 0; i < 50; i++) {
    retry_begin(&p, &call, 1, 0, HUGE_VAL);
    retry_outcome(&p, &call, &good, 0, 1);
  }
  CHECK(p.quota == 20);
}

/* A success gives back what its own last retry took; without one, the refund that is set, once. */
static void test_refunds (void) {
  RetryPolicy p = policy_with(NULL);
  RetryCall call;
  RetryOutcome slow = failed(400, "ThrottlingException"), o = failed(500, "x"), good = {.ok = 1};
  p.quota = 100;
  retry_begin(&p, &call, 1, 0, HUGE_VAL);
  retry_outcome(&p, &call, &good, 0, 1);
  CHECK(p.quota == 101);
  p.settings.refund = 3;
  retry_begin(&p, &call, 1, 0, HUGE_VAL);
  retry_outcome(&p, &call, &good, 0, 1);
  CHECK(p.quota == 104);
  retry_begin(&p, &call, 1, 0, HUGE_VAL);
  retry_outcome(&p, &call, &o, 0, 1);
  retry_outcome(&p, &call, &slow, 0, 1);
  CHECK(p.quota == 104 - 14 - 5);
  retry_outcome(&p, &call, &good, 0, 1);
  CHECK(p.quota == 104 - 14);
  retry_begin(&p, &call, 1, 0, HUGE_VAL);
  retry_outcome(&p, &call, &(RetryOutcome){.status = 400, .code = text("ValidationException"), .sent = 1}, 0, 1);
  CHECK(p.quota == 104 - 14); /* a failure gives nothing back */
}

int main (void) {
  test_classes();
  test_delays();
  test_hints();
  test_deadline();
  test_what_an_attempt_says();
  test_ambiguity();
  test_transaction_in_progress();
  test_expired();
  test_quota();
  test_refunds();
  return check_done();
}
