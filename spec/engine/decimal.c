#include "engine/decimal.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/check.h"

static uint64_t state = 20261122;

static uint64_t next_random (void) { /* splitmix64 */
  uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return z ^ z >> 31;
}

static int below (int n) {
  return (int)(next_random() % (uint64_t)n);
}

/* {== A naive decimal: a row of digits with a fixed point, wide enough for all that is tried here == */

#define WIDE 1024
#define POINT 512 /* digits before the point */

typedef struct Naive {
  int negative;
  char digits[WIDE];
} Naive;

/* Text of the form [+-]digits[.digits][e[+-]digits], known to be well-formed and small. */
static void naive_parse (const char *text, Naive *n) {
  char digits[WIDE];
  int count = 0, whole = -1, exponent = 0;
  memset(n, 0, sizeof *n);
  memset(n->digits, '0', WIDE);
  if (*text == '-' || *text == '+') n->negative = *text++ == '-';
  for (; *text && *text != 'e' && *text != 'E'; text++) {
    if (*text == '.')
      whole = count;
    else
      digits[count++] = *text;
  }
  if (*text) exponent = atoi(text + 1);
  if (whole < 0) whole = count;
  for (int i = 0; i < count; i++) /* a digit's place is where it stands, moved by the exponent */
    if (digits[i] != '0') n->digits[POINT - whole - exponent + i] = digits[i];
}

/* What decimal_parse must make of it. */
static DecimalError naive_result (const Naive *n, Decimal *d) {
  int first = 0, last = WIDE - 1;
  memset(d, 0, sizeof *d);
  while (first < WIDE && n->digits[first] == '0')
    first++;
  if (first == WIDE) return DECIMAL_OK;
  while (n->digits[last] == '0')
    last--;
  if (last - first + 1 > DECIMAL_DIGITS) return DECIMAL_PRECISION;
  if (POINT - 1 - first > 125 || POINT - 1 - first < -130) return DECIMAL_RANGE;
  d->negative = (uint8_t)n->negative;
  d->count = (uint8_t)(last - first + 1);
  d->magnitude = (int16_t)(POINT - 1 - first);
  memcpy(d->digits, n->digits + first, d->count);
  return DECIMAL_OK;
}

static int is_negative (const Naive *n) {
  int i = 0;
  while (i < WIDE && n->digits[i] == '0')
    i++;
  return n->negative && i < WIDE;
}

static int naive_compare (const Naive *a, const Naive *b) {
  int order = memcmp(a->digits, b->digits, WIDE);
  int a_negative = is_negative(a), b_negative = is_negative(b);
  if (a_negative != b_negative) return a_negative ? -1 : 1;
  order = order < 0 ? -1 : order > 0;
  return a_negative ? -order : order;
}

/* ==} */

/* Any spelling of a number: zeros before and after, a point anywhere, exponents in and out of range. */
static void random_text (char *out) {
  int before = below(4) ? below(20) : below(150), after = below(4) ? below(20) : below(150);
  int zeros = below(3);
  char *p = out;
  if (before + after == 0) before = 1;
  if (below(3) == 0) *p++ = below(4) ? '-' : '+';
  for (int i = 0; i < before; i++)
    *p++ = (char)('0' + (zeros && below(3) ? 0 : below(10)));
  if (after || below(8) == 0) *p++ = '.';
  for (int i = 0; i < after; i++)
    *p++ = (char)('0' + (zeros && below(3) ? 0 : below(10)));
  *p = 0;
  if (below(2)) sprintf(p, "%c%s%d", below(2) ? 'e' : 'E', below(3) ? "" : "+", below(150));
  if (below(4) == 0) sprintf(p, "e-%d", below(150));
}

static int equal (const Decimal *a, const Decimal *b) {
  return a->negative == b->negative && a->count == b->count && a->magnitude == b->magnitude &&
         memcmp(a->digits, b->digits, a->count) == 0;
}

/* Text of `d`, terminated. */
static const char *written (const Decimal *d, char out[DECIMAL_TEXT]) {
  size_t len = decimal_write(d, out);
  out[len] = 0;
  return out;
}

static void parses_writes_and_compares_as_the_naive_one_does (void) {
  int parsed = 0, results[4] = {0};
  char last_text[512] = "0";
  for (int i = 0; i < 200000; i++) {
    char text[512], out[DECIMAL_TEXT];
    Naive naive, other;
    Decimal d, expected, back, before;
    random_text(text);
    naive_parse(text, &naive);
    DecimalError error = naive_result(&naive, &expected);
    char *exact = malloc(strlen(text)); /* without a terminator, for the sanitizer to watch */
    memcpy(exact, text, strlen(text));
    DecimalError got = decimal_parse(exact, strlen(text), &d);
    free(exact);
    results[got]++;
    if (got != error || (!error && !equal(&d, &expected))) {
      printf("%s\n", text);
      CHECK(!"parsed as the naive one does");
      return;
    }
    if (error) continue;
    written(&d, out);
    if (decimal_parse(out, strlen(out), &back) || !equal(&d, &back) || strlen(out) > 48) {
      printf("%s written as %s\n", text, out);
      CHECK(!"reads back");
      return;
    }
    if (i % 2) strcpy(text, out), text[strlen(text) - 1] = '7'; /* near each other */
    naive_parse(text, &naive);
    naive_parse(last_text, &other);
    if (decimal_parse(text, strlen(text), &d) == DECIMAL_OK &&
        decimal_parse(last_text, strlen(last_text), &before) == 0)
      parsed += decimal_compare(&d, &before) == naive_compare(&naive, &other) &&
                decimal_compare(&before, &d) == naive_compare(&other, &naive) && decimal_compare(&d, &d) == 0;
    else
      parsed++;
    strcpy(last_text, text);
  }
  CHECK(parsed == results[DECIMAL_OK]);
  CHECK(results[DECIMAL_OK] > 50000 && results[DECIMAL_PRECISION] > 1000 && results[DECIMAL_RANGE] > 1000);
}

static DecimalError parse (const char *text) {
  Decimal d;
  return decimal_parse(text, strlen(text), &d);
}

static void refuses_what_is_no_number (void) {
  static const char *const bad[] = {
    "",     " ",    "1 ",    " 1",   "+",     "-",   ".",   "e5",  "1e",    "1e+", "1e", "1.e", "--1", "+-1",
    "1..2", "1.2.", "1e5.5", "0x10", "1_000", "1,5", "NaN", "inf", "1e1e1", "1a",  "a1", "1-",  "-e1", "\xEF\xBC\x91"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(parse(bad[i]) == DECIMAL_SYNTAX);
  CHECK(decimal_parse("1\0", 2, &(Decimal){0}) == DECIMAL_SYNTAX);
  CHECK(parse("1.") == DECIMAL_OK && parse(".5") == DECIMAL_OK && parse("+1") == DECIMAL_OK &&
        parse("-0") == DECIMAL_OK);
}

static void has_the_range_of_dynamodb (void) {
  CHECK(parse("9.9999999999999999999999999999999999999E+125") == DECIMAL_OK);
  CHECK(parse("-9.9999999999999999999999999999999999999E+125") == DECIMAL_OK);
  CHECK(parse("1E-130") == DECIMAL_OK && parse("-1E-130") == DECIMAL_OK && parse("0.1e-129") == DECIMAL_OK);
  CHECK(parse("1E126") == DECIMAL_RANGE && parse("9.99E-131") == DECIMAL_RANGE && parse("10e125") == DECIMAL_RANGE);
  CHECK(parse("1e99999999999999999999") == DECIMAL_RANGE && parse("1e-99999999999999999999") == DECIMAL_RANGE);
  CHECK(parse("0e99999999999999999999") == DECIMAL_OK && parse("0.000e-999") == DECIMAL_OK);
  CHECK(parse("12345678901234567890123456789012345678") == DECIMAL_OK);
  CHECK(parse("123456789012345678901234567890123456789") == DECIMAL_PRECISION);
  CHECK(parse("100000000000000000000000000000000000001") == DECIMAL_PRECISION);
  CHECK(parse("1000000000000000000000000000000000000000000000") == DECIMAL_OK);
}

static int writes (const char *text, const char *expected) {
  Decimal d;
  char out[DECIMAL_TEXT];
  return decimal_parse(text, strlen(text), &d) == DECIMAL_OK && strcmp(written(&d, out), expected) == 0;
}

static void writes_canonically (void) {
  CHECK(writes("1.500E2", "150") && writes("-0", "0") && writes("0.0e5", "0") && writes("00100.00", "100"));
  CHECK(writes("1e37", "10000000000000000000000000000000000000") && writes("1e38", "1e+38") &&
        writes("12e37", "1.2e+38"));
  CHECK(writes("0.000001", "0.000001") && writes("0.0000001", "1e-7") && writes("-12.5e-8", "-1.25e-7"));
  CHECK(writes("-1234.5", "-1234.5") && writes("1E-130", "1e-130") && writes("9.9e125", "9.9e+125"));
}

static void takes_integers_of_all_sizes (void) {
  static const int64_t edges[] = {
    0, 1, -1, 9, 10, -10, 100, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1, INT64_C(1000000000000000000)};
  int ok = 1;
  for (int i = 0; i < 100000; i++) {
    int64_t value = i < 12 ? edges[i] : (int64_t)(next_random() >> below(64)) * (below(2) ? 1 : -1), back;
    char text[32], out[DECIMAL_TEXT];
    Decimal d, parsed;
    sprintf(text, "%lld", (long long)value);
    decimal_from_integer(value, &d);
    ok = ok && decimal_to_integer(&d, &back) && back == value;
    ok = ok && decimal_parse(text, strlen(text), &parsed) == DECIMAL_OK && equal(&d, &parsed);
    out[decimal_write_integer(value, out)] = 0;
    ok = ok && strcmp(out, text) == 0 && strcmp(written(&d, out), text) == 0;
  }
  CHECK(ok);
}

static int is_integer (const char *text) {
  Decimal d;
  int64_t value;
  return decimal_parse(text, strlen(text), &d) == DECIMAL_OK && decimal_to_integer(&d, &value);
}

static void knows_what_is_an_integer (void) {
  CHECK(is_integer("9223372036854775807") && !is_integer("9223372036854775808"));
  CHECK(is_integer("-9223372036854775808") && !is_integer("-9223372036854775809"));
  CHECK(is_integer("1e18") && !is_integer("1e19") && !is_integer("1e125") && is_integer("-0.0") &&
        is_integer("1.50e1"));
  CHECK(!is_integer("0.5") && !is_integer("1e-1") && !is_integer("9223372036854775807.5"));
}

static double to_double (const char *text) {
  Decimal d;
  return decimal_parse(text, strlen(text), &d) == DECIMAL_OK ? decimal_to_double(&d) : -1;
}

/* The C locale's strtod knows. */
static void gives_the_nearest_double (void) {
  int ok = 1, exact = 0;
  for (int i = 0; i < 100000; i++) {
    char text[64], room[64 + DECIMAL_TEXT];
    Decimal d;
    double value;
    sprintf(text, "%d%llue%d", below(2) ? 1 : -1, (unsigned long long)(next_random() >> below(64)), below(200) - 120);
    if (decimal_parse(text, strlen(text), &d)) continue;
    ok = ok && decimal_to_double(&d) == strtod(text, NULL);
    ok = ok && decimal_read_double(text, strlen(text), room) == strtod(text, NULL);
    if (decimal_is_double(&d, &value)) {
      Decimal back;
      decimal_from_double(value, &back);
      if (!decimal_to_integer(&back, &(int64_t){0})) ok = ok && equal(&d, &back), exact++;
    }
  }
  CHECK(ok && exact > 10000);
  CHECK(to_double("0.1") == 0.1 && to_double("-2.5") == -2.5 && to_double("123456.789e3") == 123456789);
}

/* `value` as text must read back, and no shorter text may. */
static int is_shortest (double value) {
  Decimal d;
  char out[DECIMAL_TEXT], shorter[64], room[64 + DECIMAL_TEXT];
  if (decimal_from_double(value, &d) != DECIMAL_OK) return 0;
  written(&d, out);
  if (decimal_read_double(out, strlen(out), room) != value || decimal_to_double(&d) != value) return 0;
  if (value == rint(value) && value < 0x1p63 && value >= -0x1p63) {
    int64_t whole; /* these are written as they are */
    return decimal_to_integer(&d, &whole) && (double)whole == value;
  }
  if (d.count > 17) return 0;
  if (d.count == 1) return 1;
  if (d.count == 17) { /* then none of the decimals of 16 digits around it */
    long long digits = 0;
    for (int i = 0; i < 16; i++)
      digits = digits * 10 + (d.digits[i] - '0');
    for (long long near = digits - 2; near <= digits + 3; near++) {
      snprintf(shorter, sizeof shorter, "%s%llde%d", value < 0 ? "-" : "", near, d.magnitude - 15);
      if (decimal_read_double(shorter, strlen(shorter), room) == value) return 0;
    }
  }
  snprintf(shorter, sizeof shorter, "%.*e", d.count - 2, value);
  for (char *p = shorter; *p; p++)
    if (*p == ',') *p = '.';
  return decimal_read_double(shorter, strlen(shorter), room) != value;
}

static void writes_the_shortest_double (void) {
  int bad = 0;
  for (int i = 0; i < 200000; i++) {
    uint64_t bits = next_random();
    double value;
    memcpy(&value, &bits, sizeof value);
    if (i % 4 == 1) value = (double)(below(2000000) - 1000000) / (below(5) ? 1000.0 : 7.0);
    if (i % 4 == 2) value = ldexp((double)(bits >> 11), below(600) - 400);
    if (i % 4 == 3) value = ldexp(1, below(800) - 430) * (below(2) ? 1 : -1);
    Decimal d;
    int in_range = fabs(value) < 1e126 && (value == 0 || fabs(value) >= 1e-130);
    if (!isfinite(value) || !in_range) {
      bad += decimal_from_double(value, &d) != DECIMAL_RANGE;
    } else if (!is_shortest(value)) {
      bad++;
      printf("%.17g\n", value);
    }
  }
  CHECK(bad == 0);
}

static void knows_the_last_double_of_the_range (void) {
  Decimal d;
  CHECK(is_shortest(nextafter(1e126, 0)) && is_shortest(-nextafter(1e126, 0)) && is_shortest(1e-130));
  CHECK(decimal_from_double(1e126, &d) == DECIMAL_RANGE &&
        decimal_from_double(nextafter(1e-130, 0), &d) == DECIMAL_RANGE);
  CHECK(decimal_from_double(5e-324, &d) == DECIMAL_RANGE &&
        decimal_from_double(1.7976931348623157e308, &d) == DECIMAL_RANGE);
  CHECK(decimal_from_double(-0.0, &d) == DECIMAL_OK && d.count == 0 && !d.negative);
  CHECK(decimal_from_double(-0x1p63, &d) == DECIMAL_OK && d.count == 19 && decimal_to_double(&d) == -0x1p63);
  CHECK(is_shortest(0x1p-24) && is_shortest(0x1p-44) && is_shortest(-0x1p89) && is_shortest(0x1p122));
  CHECK(is_shortest(0x1p63) && is_shortest(0x1p53 + 2) && is_shortest(1e22) && is_shortest(1e23));
}

static int is_double (const char *text) {
  Decimal d;
  double value;
  return decimal_parse(text, strlen(text), &d) == DECIMAL_OK && decimal_is_double(&d, &value);
}

static void knows_what_a_double_holds (void) {
  CHECK(is_double("0.1") && is_double("123456789012345e-7") && is_double("1152921504606846976") && is_double("1e22"));
  CHECK(!is_double("1111111111111000000")); /* few digits, but the double is 64 away */
  CHECK(!is_double("0.12345678901234567") && !is_double("0.123456789012345678"));
}

static void reads_long_numbers (void) {
  char text[2000], room[2000 + DECIMAL_TEXT];
  memset(text, '0', sizeof text);
  text[1] = '.';
  memcpy(text + 1990, "125e1988", 9);
  CHECK(decimal_read_double(text, 1998, room) == 0.125);
  CHECK(decimal_read_double("1e400", 5, room) == HUGE_VAL && decimal_read_double("1e-400", 6, room) == 0);
  CHECK(decimal_read_double("-1.5e99999999999999999999", 25, room) == -HUGE_VAL);
  CHECK(decimal_read_double("-1.5", 4, room) == -1.5);
}

int main (void) {
  parses_writes_and_compares_as_the_naive_one_does();
  refuses_what_is_no_number();
  has_the_range_of_dynamodb();
  writes_canonically();
  takes_integers_of_all_sizes();
  knows_what_is_an_integer();
  gives_the_nearest_double();
  writes_the_shortest_double();
  knows_the_last_double_of_the_range();
  knows_what_a_double_holds();
  reads_long_numbers();
  if (setlocale(LC_NUMERIC, "de_DE.UTF-8") || setlocale(LC_NUMERIC, "fr_FR.UTF-8")) {
    CHECK(to_double("0.12345678901234567") == 0.12345678901234567); /* the decimal comma changes nothing */
    writes_the_shortest_double();
    reads_long_numbers();
  }
  return check_done();
}
