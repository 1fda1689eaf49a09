#include "decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MAGNITUDE 125
#define MIN_MAGNITUDE (-130)

/* Text is plain between these magnitudes and scientific beyond: 0.000001, 1e-7, all 38 digits of a whole number. */
#define PLAIN_FROM (-6)
#define PLAIN_TO 37

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

const char *decimal_message (DecimalError error) {
  switch (error) {
    case DECIMAL_OK: return "no error";
    case DECIMAL_SYNTAX: return "not a number";
    case DECIMAL_PRECISION: return "a number has at most 38 significant digits";
    case DECIMAL_RANGE: return "a number's magnitude is at least 1E-130 and less than 1E126";
  }
  return "not a number";
}

/* Reads "e-12" and its like; an exponent that is out of every range is cut short, its sign is not. */
static const char *parse_exponent (const char *p, const char *end, long *exponent) {
  int negative = 0;
  if (++p < end && (*p == '+' || *p == '-')) negative = *p++ == '-';
  if (p == end) return NULL;
  long value = 0;
  for (; p < end && *p >= '0' && *p <= '9'; p++)
    if (value < 100000000) value = value * 10 + (*p - '0');
  *exponent = negative ? -value : value;
  return p;
}

DecimalError decimal_parse (const char *text, size_t len, Decimal *d) {
  const char *p = text, *end = text + len;
  long point = 0;   /* where the decimal point stands, counted from the first significant digit */
  long pending = 0; /* zeros that count only when a digit follows them */
  long exponent = 0, count = 0;
  int digits = 0, fraction = 0;
  memset(d, 0, sizeof *d);
  if (p < end && (*p == '-' || *p == '+')) d->negative = *p++ == '-';
  for (; p < end; p++) {
    if (*p == '.') {
      if (fraction) return DECIMAL_SYNTAX;
      fraction = 1;
    } else if (*p >= '0' && *p <= '9') {
      digits = 1;
      if (count == 0 && *p == '0') {
        point -= fraction;
      } else {
        point += !fraction;
        if (*p == '0') {
          if (count) pending++;
        } else {
          count += pending + 1;
          if (count <= DECIMAL_DIGITS) {
            memset(d->digits + d->count, '0', (size_t)pending);
            d->digits[count - 1] = *p;
            d->count = (uint8_t)count;
          }
          pending = 0;
        }
      }
    } else {
      break;
    }
  }
  if (!digits) return DECIMAL_SYNTAX;
  if (p < end && (*p == 'e' || *p == 'E')) {
    p = parse_exponent(p, end, &exponent);
    if (!p) return DECIMAL_SYNTAX;
  }
  if (p != end) return DECIMAL_SYNTAX;
  if (count == 0) return d->negative = 0, DECIMAL_OK;
  if (count > DECIMAL_DIGITS) return DECIMAL_PRECISION;
  long magnitude = point - 1 + exponent;
  if (magnitude > MAX_MAGNITUDE || magnitude < MIN_MAGNITUDE) return DECIMAL_RANGE;
  d->magnitude = (int16_t)magnitude;
  return DECIMAL_OK;
}

/* `len` digits that start with one other than zero, the first of them worth 10^magnitude. */
static void set_digits (Decimal *d, const char *digits, size_t len, int magnitude) {
  while (len > 0 && digits[len - 1] == '0')
    len--;
  memcpy(d->digits, digits, len);
  d->count = (uint8_t)len;
  d->magnitude = (int16_t)(len ? magnitude : 0);
}

/* Digits of `value` without a sign, right-aligned in 20 characters; gives the first. */
static char *write_digits (uint64_t value, char out[20]) {
  char *p = out + 20;
  do
    *--p = (char)('0' + value % 10);
  while (value /= 10);
  return p;
}

static uint64_t absolute (int64_t value) {
  return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

void decimal_from_integer (int64_t value, Decimal *d) {
  char room[20];
  memset(d, 0, sizeof *d);
  if (value == 0) return;
  char *first = write_digits(absolute(value), room);
  size_t len = (size_t)(room + 20 - first);
  d->negative = value < 0;
  set_digits(d, first, len, (int)len - 1);
}

/* Most fractions in use have few digits: then value × 10^k is whole for a small k, and one division proves it. */
static int few_digits (double value, Decimal *d) {
  for (int k = 1; k <= 9; k++) {
    double scaled = value * powers[k];
    if (scaled >= 1e15) return 0;
    double whole = rint(scaled);
    if (whole / powers[k] == value) {
      char room[20];
      char *first = write_digits((uint64_t)whole, room);
      size_t len = (size_t)(room + 20 - first);
      set_digits(d, first, len, (int)len - 1 - k);
      return 1;
    }
  }
  return 0;
}

/*
** A power of two lies nearer to the double below it than to the one above, so that the decimal that follows the nearest
** one of 16 digits may read back where that one does not.
*/
static int next_reads_back (double value, char digits[16], int magnitude, Decimal *d) {
  int exponent, i = 15;
  if (frexp(value, &exponent) != 0.5) return 0;
  while (i > 0 && digits[i] == '9')
    digits[i--] = '0';
  if (digits[i]++ == '9') return 0;
  set_digits(d, digits, 16, magnitude);
  return decimal_to_double(d) == value;
}

DecimalError decimal_from_double (double value, Decimal *d) {
  memset(d, 0, sizeof *d);
  if (value == 0) return DECIMAL_OK;
  if (!isfinite(value)) return DECIMAL_RANGE;
  double positive = fabs(value);
  if (value < 9223372036854775808.0 && value >= -9223372036854775808.0 && value == rint(value)) {
    decimal_from_integer((int64_t)value, d);
    return DECIMAL_OK;
  }
  if (positive < 1e15 && positive >= 1e-5 && few_digits(positive, d)) {
    d->negative = value < 0;
    return DECIMAL_OK;
  }
  for (int precision = 15; precision <= 17; precision++) {
    char text[64], digits[20];
    size_t len = 0;
    snprintf(text, sizeof text, "%.*e", precision - 1, positive);
    const char *p = text;
    for (; *p != 'e'; p++) /* the decimal point is the locale's: only digits are taken */
      if (*p >= '0' && *p <= '9') digits[len++] = *p;
    int magnitude = atoi(p + 1);
    set_digits(d, digits, len, magnitude);
    if (decimal_to_double(d) == positive) break;
    if (precision == 16 && next_reads_back(positive, digits, magnitude, d)) break;
  }
  if (d->magnitude > MAX_MAGNITUDE || d->magnitude < MIN_MAGNITUDE) return DECIMAL_RANGE;
  d->negative = value < 0;
  return DECIMAL_OK;
}

DecimalError decimal_exactly (double value, Decimal *d) {
  char text[DECIMAL_DIGITS + 2];
  double positive = fabs(value);
  if (!(positive >= 9223372036854775808.0 && positive < 1e38)) return decimal_from_double(value, d);
  memset(d, 0, sizeof *d);
  int len = snprintf(text, sizeof text, "%.0f", positive); /* without a decimal point, so of no locale */
  set_digits(d, text, (size_t)len, len - 1);
  d->negative = value < 0;
  return DECIMAL_OK;
}

int decimal_to_integer (const Decimal *d, int64_t *value) {
  if (d->count == 0) return *value = 0, 1;
  if (d->magnitude > 18 || d->magnitude < d->count - 1) return 0;
  uint64_t whole = 0; /* 19 digits fit */
  for (int i = 0; i <= d->magnitude; i++)
    whole = whole * 10 + (i < d->count ? (uint64_t)(d->digits[i] - '0') : 0);
  if (whole > (uint64_t)INT64_MAX + d->negative) return 0;
  *value = d->negative ? (int64_t)-whole : (int64_t)whole;
  return 1;
}

double decimal_to_double (const Decimal *d) {
  double value;
  if (d->count == 0) return 0;
  int scale = d->magnitude - d->count + 1;
  if (d->count <= 15 && scale >= -22 && scale <= 22) { /* both parts are exact, so one operation rounds right */
    uint64_t whole = 0;
    for (int i = 0; i < d->count; i++)
      whole = whole * 10 + (uint64_t)(d->digits[i] - '0');
    value = scale < 0 ? (double)whole / powers[-scale] : (double)whole * powers[scale];
  } else {
    char text[DECIMAL_DIGITS + 8];
    memcpy(text, d->digits, d->count);
    snprintf(text + d->count, 8, "e%d", scale); /* no decimal point, which would be the locale's */
    value = strtod(text, NULL);
  }
  return d->negative ? -value : value;
}

double decimal_read_double (const char *text, size_t len, char *room) {
  const char *p = text, *end = text + len;
  char *out = room;
  long exponent = 0, fraction = 0;
  int past_point = 0;
  for (; p < end && *p != 'e' && *p != 'E'; p++) {
    if (*p == '.') {
      past_point = 1;
    } else {
      *out++ = *p;
      fraction += past_point;
    }
  }
  if (p < end) parse_exponent(p, end, &exponent);
  snprintf(out, DECIMAL_TEXT, "e%ld", exponent - fraction);
  return strtod(room, NULL);
}

int decimal_is_double (const Decimal *d, double *value) {
  Decimal back;
  *value = decimal_to_double(d);
  int is_large = d->magnitude >= 15 && d->magnitude >= d->count - 1; /* a whole number, which may be written exactly */
  if (d->count <= 15 && !is_large) return 1;                         /* 15 digits survive a double */
  if (d->count > 17 && !is_large) return 0;
  return decimal_from_double(*value, &back) == DECIMAL_OK && decimal_compare(d, &back) == 0;
}

int decimal_compare (const Decimal *a, const Decimal *b) {
  int sign = a->negative ? -1 : 1;
  if (a->count == 0 || b->count == 0) {
    if (a->count) return sign;
    return b->count == 0 ? 0 : b->negative ? 1 : -1;
  }
  if (a->negative != b->negative) return sign;
  if (a->magnitude != b->magnitude) return a->magnitude < b->magnitude ? -sign : sign;
  int order = memcmp(a->digits, b->digits, a->count < b->count ? a->count : b->count);
  if (order == 0) order = (int)a->count - (int)b->count;
  return order == 0 ? 0 : order < 0 ? -sign : sign;
}

static char *put (char *p, const char *bytes, int len) {
  memcpy(p, bytes, (size_t)len);
  return p + len;
}

static char *put_zeros (char *p, int count) {
  memset(p, '0', (size_t)count);
  return p + count;
}

size_t decimal_write (const Decimal *d, char out[DECIMAL_TEXT]) {
  char *p = out;
  int count = d->count, whole = d->magnitude + 1; /* digits before the point */
  if (count == 0) return *p = '0', 1;
  if (d->negative) *p++ = '-';
  if (d->magnitude < PLAIN_FROM || d->magnitude > PLAIN_TO) {
    *p++ = d->digits[0];
    if (count > 1) {
      *p++ = '.';
      p = put(p, d->digits + 1, count - 1);
    }
    p += snprintf(p, 8, "e%+d", d->magnitude);
  } else if (whole <= 0) {
    p = put(p, "0.", 2);
    p = put_zeros(p, -whole);
    p = put(p, d->digits, count);
  } else if (whole >= count) {
    p = put(p, d->digits, count);
    p = put_zeros(p, whole - count);
  } else {
    p = put(p, d->digits, whole);
    *p++ = '.';
    p = put(p, d->digits + whole, count - whole);
  }
  return (size_t)(p - out);
}

size_t decimal_write_integer (int64_t value, char out[DECIMAL_TEXT]) {
  char room[20];
  char *p = out, *first = write_digits(absolute(value), room);
  if (value < 0) *p++ = '-';
  p = put(p, first, (int)(room + 20 - first));
  return (size_t)(p - out);
}
