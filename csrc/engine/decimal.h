/*
** DynamoDB's numbers: up to 38 significant digits, 1E-130 to 9.9…9E125 in magnitude, and zero. Exact, no arithmetic.
** Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
*/
#ifndef DYNAMODB_DECIMAL_H
#define DYNAMODB_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

#define DECIMAL_DIGITS 38
#define DECIMAL_TEXT 64 /* room for the longest text decimal_write gives */

/* d.ddd… × 10^magnitude, without leading or trailing zeros; no digits is zero. So equal numbers have equal bytes. */
typedef struct Decimal {
  int16_t magnitude;
  uint8_t negative, count;
  char digits[DECIMAL_DIGITS];
} Decimal;

typedef enum DecimalError { DECIMAL_OK, DECIMAL_SYNTAX, DECIMAL_PRECISION, DECIMAL_RANGE } DecimalError;

/* What to say of an error, as in "N: …". */
const char *decimal_message (DecimalError error);

DecimalError decimal_parse (const char *text, size_t len, Decimal *d);
void decimal_from_integer (int64_t value, Decimal *d);

/* Whole numbers within int64 as they are, else the shortest decimal that reads back. NaN, infinities: DECIMAL_RANGE. */
DecimalError decimal_from_double (double value, Decimal *d);

/* The same, but whole numbers of up to 38 digits are exact: 2^63 ends in 808, where its shortest form ends in 000. */
DecimalError decimal_exactly (double value, Decimal *d);

/* 1 when `d` is a whole number that fits. */
int decimal_to_integer (const Decimal *d, int64_t *value);

/* The nearest double. */
double decimal_to_double (const Decimal *d);

/* The nearest double of any JSON number, however long, in any locale; `room` takes len + DECIMAL_TEXT characters. */
double decimal_read_double (const char *text, size_t len, char *room);

/* Does the nearest double write back as just this decimal? Then it is in *value. */
int decimal_is_double (const Decimal *d, double *value);

int decimal_compare (const Decimal *a, const Decimal *b);

/* Canonical text without a terminator; gives its length. */
size_t decimal_write (const Decimal *d, char out[DECIMAL_TEXT]);

/* Canonical text of a whole number; gives its length. */
size_t decimal_write_integer (int64_t value, char out[DECIMAL_TEXT]);

#pragma GCC visibility pop
#endif
