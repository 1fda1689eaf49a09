/*
** HTTP-dates and what is learned from them.
*/
#include "engine/skew.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../support/check.h"

static double parsed (const char *date) {
  double seconds = -1;
  char *copy = malloc(strlen(date) + 1); /* without a terminator to lean on */
  memcpy(copy, date, strlen(date));
  int ok = http_date(copy, strlen(date), &seconds);
  free(copy);
  return ok ? seconds : -1;
}

static void test_forms (void) {
  CHECK(parsed("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777);
  CHECK(parsed("Sunday, 06-Nov-94 08:49:37 GMT") == 784111777);
  CHECK(parsed("Sun Nov  6 08:49:37 1994") == 784111777);
  CHECK(parsed("Sun Nov 06 08:49:37 1994") == 784111777);
  CHECK(parsed("Thu, 01 Jan 1970 00:00:00 GMT") == 0);
  CHECK(parsed("Tue, 29 Feb 2028 23:59:60 GMT") == 1835481600);
  CHECK(parsed("Thursday, 01-Jan-26 00:00:00 GMT") == 1767225600);
}

static void test_junk (void) {
  static const char *const junk[] = {
    "",
    "S",
    "Sun",
    "Sun,",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 29 Feb 2027 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:49:37 GMT",
    "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    "Son, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nux 1994 08:49:37 GMT",
    "1767225600",
    "2026-01-01T00:00:00Z",
    "Sun, 06 Nov -994 08:49:37 GMT",
  };
  for (size_t i = 0; i < sizeof junk / sizeof *junk; i++)
    CHECK(parsed(junk[i]) == -1);
}

/* Every day of 130 years, against the system. */
static void test_calendar (void) {
  int good = 1;
  for (time_t t = 3723; t < (time_t)130 * 366 * 86400; t += 86400 + 61) {
    char text[40];
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    good = good && parsed(text) == (double)t;
  }
  CHECK(good);
}

static void test_learning (void) {
  double skew = -1;
  CHECK(skew_learn(1301, 1000, 1002, 900, &skew) && skew == 300);
  CHECK(skew_learn(701, 1000, 1002, 900, &skew) && skew == -300);
  CHECK(skew_learn(1450, 1000, 1900, 900, &skew) && skew == 0);
  CHECK(!skew_learn(1301, 1000, 1900.5, 900, &skew));
  CHECK(!skew_learn(1301, 1000, 999, 900, &skew));
}

int main (void) {
  test_forms();
  test_junk();
  test_calendar();
  test_learning();
  return check_done();
}
