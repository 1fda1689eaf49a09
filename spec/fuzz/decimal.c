/*
** Decimals from any text: what is accepted reads back from its canonical text, and order agrees with itself and with
** doubles.
*/
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/decimal.h"

#define CHECK(condition) \
  do \
    if (!(condition)) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort(); \
  while (0)

static int equal (const Decimal *a, const Decimal *b) {
  return a->count == b->count && a->negative == b->negative && (a->count == 0 || a->magnitude == b->magnitude) &&
         memcmp(a->digits, b->digits, a->count) == 0;
}

static void check_text (const Decimal *d) {
  Decimal again;
  char text[DECIMAL_TEXT], twice[DECIMAL_TEXT];
  size_t len = decimal_write(d, text);
  CHECK(len > 0 && len <= DECIMAL_TEXT);
  CHECK(decimal_parse(text, len, &again) == DECIMAL_OK);
  CHECK(equal(d, &again) && decimal_compare(d, &again) == 0);
  CHECK(decimal_write(&again, twice) == len && memcmp(text, twice, len) == 0);
}

static void check_native (const Decimal *d) {
  Decimal again;
  int64_t whole;
  double value;
  if (decimal_to_integer(d, &whole)) {
    decimal_from_integer(whole, &again);
    CHECK(equal(d, &again));
  }
  if (decimal_is_double(d, &value)) {
    CHECK(value == decimal_to_double(d));
    CHECK(decimal_from_double(value, &again) == DECIMAL_OK);
    CHECK(equal(d, &again));
  }
}

static void check_double (double value) {
  Decimal d;
  if (decimal_from_double(value, &d) != DECIMAL_OK) return;
  CHECK(isfinite(value));
  CHECK(decimal_to_double(&d) == value);
  check_text(&d);
}

static void check_order (const Decimal *a, const Decimal *b) {
  int order = decimal_compare(a, b);
  CHECK(order == -decimal_compare(b, a));
  CHECK((order == 0) == equal(a, b));
  double x = decimal_to_double(a), y = decimal_to_double(b);
  CHECK(order < 0 ? x <= y : order > 0 ? x >= y : x == y);
}

/* The bytes are two texts, parted by a blank, and a double. */
int LLVMFuzzerTestOneInput (const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput (const unsigned char *data, size_t size) {
  Decimal a, b;
  double value;
  char *text = malloc(size ? size : 1);
  CHECK(text);
  if (size) memcpy(text, data, size);
  const char *blank = size ? memchr(text, ' ', size) : NULL;
  size_t first = blank ? (size_t)(blank - text) : size;
  int ok = decimal_parse(text, first, &a) == DECIMAL_OK;
  if (ok) check_text(&a), check_native(&a);
  if (ok && blank && decimal_parse(blank + 1, size - first - 1, &b) == DECIMAL_OK) check_order(&a, &b);
  if (size >= sizeof value) {
    memcpy(&value, text + size - sizeof value, sizeof value);
    check_double(value);
  }
  free(text);
  return 0;
}
