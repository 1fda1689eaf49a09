#include "engine/sigv4.h"

#include <stdlib.h>

#include "../support/check.h"

#define TEXT(text) ((Slice){text, sizeof(text) - 1})

static Digest digest;

static SigV4 example (Slice service) {
  SigV4 s;
  memset(&s, 0, sizeof s);
  s.access_key_id = TEXT("AKIDEXAMPLE");
  s.secret_access_key = TEXT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
  s.region = TEXT("us-east-1");
  s.service = service;
  s.normalize_path = s.double_encode = 1;
  CHECK(sigv4_open(&s, &digest));
  return s;
}

static int is_dated (int64_t time, const char *expected) {
  char date[SIGV4_DATE];
  sigv4_date(time, date);
  return memcmp(date, expected, SIGV4_DATE) == 0;
}

static void writes_dates (void) {
  CHECK(is_dated(0, "19700101T000000Z") && is_dated(-1, "19691231T235959Z") &&
        is_dated(1440938160, "20150830T123600Z"));
  CHECK(is_dated(951782399, "20000228T235959Z") && is_dated(951782400, "20000229T000000Z"));
  CHECK(is_dated(-62167219200, "00000101T000000Z") && is_dated(253402300799, "99991231T235959Z"));
  int64_t time = -62167219200; /* day after day for 10,000 years, by a calendar of its own */
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int ok = 1;
  for (int year = 0; year <= 9999; year++)
    for (int month = 0; month < 12; month++) {
      int leap = month == 1 && year % 4 == 0 && (year % 100 || year % 400 == 0);
      for (int day = 1; day <= lengths[month] + leap; day++, time += 86400) {
        char expected[40];
        snprintf(expected, sizeof expected, "%04d%02d%02dT000000Z", year, month + 1, day);
        ok = ok && is_dated(time, expected);
      }
    }
  CHECK(ok && time == 253402300800);
}

/* https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
static void signs_the_documented_example (void) {
  SigV4 s = example(TEXT("iam"));
  const SigHeader headers[] = {{TEXT("Content-Type"), TEXT("application/x-www-form-urlencoded; charset=utf-8")},
                               {TEXT("Host"), TEXT("iam.amazonaws.com")}};
  SigRequest r = {.method = TEXT("GET"),
                  .path = TEXT("/"),
                  .query = TEXT("Action=ListUsers&Version=2010-05-08"),
                  .headers = headers,
                  .count = 2};
  Signature out;
  for (int i = 0; i < 3; i++) {
    CHECK(sigv4_sign(&s, &r, 1440938160, &out));
    CHECK(memcmp(out.hex, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7", sizeof out.hex) == 0);
    CHECK(sigv4_sign(&s, &r, 1440938160 + 86400 * (i + 1), &out)); /* another day, another key */
  }
  Buffer b;
  buffer_init(&b);
  CHECK(sigv4_sign(&s, &r, 1440938160, &out) && sigv4_authorization(&s, &out, &b));
  const char *expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                         "SignedHeaders=content-type;host;x-amz-date, "
                         "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
  CHECK(b.len == strlen(expected) && memcmp(b.data, expected, b.len) == 0);
  buffer_free(&b);
  sigv4_close(&s);
}

static void signs_prepared_headers_alike (void) {
  SigV4 s = example(TEXT("dynamodb"));
  char date[SIGV4_DATE];
  sigv4_date(1795385103, date);
  const SigHeader loose[] = {{TEXT("X-Amz-Target"), TEXT("  DynamoDB_20120810.ListTables ")},
                             {TEXT("HOST"), TEXT("dynamodb.us-east-1.amazonaws.com")},
                             {TEXT("User-Agent"), TEXT("any")},
                             {TEXT("Content-Type"), TEXT("application/x-amz-json-1.0")}};
  const SigHeader prepared[] = {{TEXT("content-type"), TEXT("application/x-amz-json-1.0")},
                                {TEXT("host"), TEXT("dynamodb.us-east-1.amazonaws.com")},
                                {TEXT("x-amz-date"), {date, SIGV4_DATE}},
                                {TEXT("x-amz-target"), TEXT("DynamoDB_20120810.ListTables")}};
  SigRequest r = {.method = TEXT("POST"), .path = TEXT("/"), .body = TEXT("{}"), .headers = loose, .count = 4};
  Signature a, b;
  CHECK(sigv4_sign(&s, &r, 1795385103, &a));
  CHECK(memcmp(a.hex, "785151da36ea4f24b3e6f1d54d54750c0608b3c61fee8d512ee8ca0590ceb25c", sizeof a.hex) == 0);
  r.headers = prepared;
  CHECK(sigv4_sign_prepared(&s, &r, date, &b) && memcmp(a.hex, b.hex, sizeof a.hex) == 0);
  sigv4_close(&s);
  sigv4_close(&s);
}

/* Signs paths and queries that may hold anything; two that mean the same must come out the same. */
static int same (SigV4 *s, Slice path, Slice query, Slice other_path, Slice other_query) {
  const SigHeader host = {TEXT("host"), TEXT("h")};
  SigRequest r = {.method = TEXT("GET"), .path = path, .query = query, .headers = &host, .count = 1};
  Signature a, b;
  if (!sigv4_sign(s, &r, 0, &a)) return 0;
  r.path = other_path, r.query = other_query;
  return sigv4_sign(s, &r, 0, &b) && memcmp(a.hex, b.hex, sizeof a.hex) == 0;
}

static void brings_paths_and_queries_into_one_form (void) {
  SigV4 s = example(TEXT("service"));
  Slice none = {"", 0}, root = TEXT("/");
  CHECK(same(&s, none, none, root, none) && same(&s, TEXT("/a/./b/../c//"), none, TEXT("/a/c/"), none));
  CHECK(same(&s, TEXT("/.."), none, root, none) && same(&s, TEXT("/../../a/.."), none, root, none));
  CHECK(same(&s, TEXT("//"), none, root, none) && !same(&s, TEXT("/a"), none, TEXT("/a/"), none));
  CHECK(same(&s, root, TEXT("b=2&a=1"), root, TEXT("a=1&b=2")) && same(&s, root, TEXT("a"), root, TEXT("a=")));
  CHECK(same(&s, root, TEXT("a=%7e%e2"), root, TEXT("a=~%E2")) &&
        same(&s, root, TEXT("&a=1&&b&"), root, TEXT("a=1&b=")));
  CHECK(same(&s, root, TEXT("a=2&a=1&a"), root, TEXT("a&a=1&a=2")) &&
        same(&s, root, TEXT("a=%zz%"), root, TEXT("a=%25zz%25")));
  CHECK(!same(&s, root, TEXT("a=1&b"), root, TEXT("a=1b")) && !same(&s, root, TEXT("a=b"), root, TEXT("b=a")));
  s.normalize_path = s.double_encode = 0;
  CHECK(same(&s, TEXT("/%7Ea b"), none, TEXT("/~a%20b"), none) && !same(&s, TEXT("//"), none, root, none));
  sigv4_close(&s);
  s = example(TEXT("service"));
  s.normalize_path = 0;
  CHECK(same(&s, root, TEXT("=&="), root, TEXT("=&="))); /* nothing to hold yet */
  sigv4_close(&s);
}

static void joins_headers_of_one_name_in_their_order (void) {
  SigV4 s = example(TEXT("service"));
  const SigHeader several[] = {
    {TEXT("B"), TEXT("2")}, {TEXT("host"), TEXT("h")}, {TEXT("a"), TEXT(" x  y\n z ")}, {TEXT("b"), TEXT("1")}};
  const SigHeader joined[] = {{TEXT("a"), TEXT("x y z")}, {TEXT("b"), TEXT("2,1")}, {TEXT("host"), TEXT("h")}};
  SigRequest r = {.method = TEXT("GET"), .headers = several, .count = 4};
  Signature one, other;
  CHECK(sigv4_sign(&s, &r, 0, &one));
  r.headers = joined, r.count = 3;
  CHECK(sigv4_sign(&s, &r, 0, &other) && memcmp(one.hex, other.hex, sizeof one.hex) == 0);
  CHECK(other.signed_headers.len == 19 && memcmp(other.signed_headers.data, "a;b;host;x-amz-date", 19) == 0);
  sigv4_close(&s);
}

int main (void) {
  digest_open(&digest);
  writes_dates();
  signs_the_documented_example();
  signs_prepared_headers_alike();
  brings_paths_and_queries_into_one_form();
  joins_headers_of_one_name_in_their_order();
  digest_close(&digest);
  return check_done();
}
