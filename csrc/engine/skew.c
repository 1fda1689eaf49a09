#include "skew.h"

#include <string.h>

/* {==== HTTP-date ==== */

typedef struct Reader {
  const char *p, *end;
  int ok;
} Reader;

typedef struct Moment {
  int year, month, day, hour, minute, second;
} Moment;

static void expect (Reader *r, const char *text) {
  size_t len = strlen(text);
  r->ok = r->ok && (size_t)(r->end - r->p) >= len && memcmp(r->p, text, len) == 0;
  if (r->ok) r->p += len;
}

static int is_digit (char c) {
  return c >= '0' && c <= '9';
}

/* Exactly `count` digits. */
static int number (Reader *r, int count) {
  int value = 0;
  for (int i = 0; i < count; i++) {
    r->ok = r->ok && r->p < r->end && is_digit(*r->p);
    if (!r->ok) return 0;
    value = value * 10 + (*r->p++ - '0');
  }
  return value;
}

/* The place (from 0) among names of three letters. */
static int name (Reader *r, const char *names) {
  if (!r->ok || r->end - r->p < 3) return r->ok = 0;
  for (int i = 0; names[3 * i]; i++)
    if (memcmp(r->p, names + 3 * i, 3) == 0) return r->p += 3, i;
  return r->ok = 0;
}

static void month (Reader *r, Moment *m) {
  m->month = name(r, "JanFebMarAprMayJunJulAugSepOctNovDec");
}

static void clock_time (Reader *r, Moment *m) {
  m->hour = number(r, 2);
  expect(r, ":");
  m->minute = number(r, 2);
  expect(r, ":");
  m->second = number(r, 2);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static void imf_fixdate (Reader *r, Moment *m) {
  expect(r, ", ");
  m->day = number(r, 2);
  expect(r, " ");
  month(r, m);
  expect(r, " ");
  m->year = number(r, 4);
  expect(r, " ");
  clock_time(r, m);
  expect(r, " GMT");
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static void rfc850_date (Reader *r, Moment *m) {
  while (r->p < r->end && *r->p >= 'a' && *r->p <= 'z')
    r->p++;
  expect(r, ", ");
  m->day = number(r, 2);
  expect(r, "-");
  month(r, m);
  expect(r, "-");
  m->year = number(r, 2);
  m->year += m->year < 70 ? 2000 : 1900;
  expect(r, " ");
  clock_time(r, m);
  expect(r, " GMT");
}

/* Sun Nov  6 08:49:37 1994 */
static void asctime_date (Reader *r, Moment *m) {
  expect(r, " ");
  month(r, m);
  expect(r, " ");
  if (r->p < r->end && *r->p == ' ') {
    r->p++;
    m->day = number(r, 1);
  } else {
    m->day = number(r, 2);
  }
  expect(r, " ");
  clock_time(r, m);
  expect(r, " ");
  m->year = number(r, 4);
}

static int days_in (int year, int month) {
  static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month] + (month == 1 && leap);
}

/* Days from 1970-01-01, in the Gregorian calendar; years count from March, so that the leap day is the last. */
static long days_since_1970 (const Moment *m) {
  long year = m->month < 2 ? m->year - 1 : m->year, era = year / 400, of_era = year - era * 400;
  long from_march = (m->month + 10) % 12, of_year = (153 * from_march + 2) / 5 + m->day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int http_date (const char *text, size_t len, double *seconds) {
  Reader r = {text, text + len, 1};
  Moment m = {0, 0, 0, 0, 0, 0};
  name(&r, "SunMonTueWedThuFriSat");
  if (!r.ok || r.p == r.end) return 0;
  if (*r.p == ',')
    imf_fixdate(&r, &m);
  else if (*r.p == ' ')
    asctime_date(&r, &m);
  else
    rfc850_date(&r, &m);
  if (!r.ok || r.p != r.end || m.day < 1 || m.day > days_in(m.year, m.month)) return 0;
  if (m.hour > 23 || m.minute > 59 || m.second > 60) return 0; /* 60: a leap second */
  *seconds = (double)days_since_1970(&m) * 86400 + m.hour * 3600 + m.minute * 60 + m.second;
  return 1;
}

/* }==== */

int skew_learn (double date, double sent_at, double received_at, double max_round_trip, double *skew) {
  double elapsed = received_at - sent_at;
  if (!(elapsed >= 0 && elapsed <= max_round_trip)) return 0;
  *skew = date - (sent_at + elapsed / 2);
  return 1;
}
