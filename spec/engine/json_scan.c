#include "engine/json_scan.h"

#include <stdlib.h>

#include "../support/check.h"

static Buffer scratch;

/* Scans `text`, copied into memory of its very size so that the sanitizer sees a step beyond it. */
typedef struct Copy {
  char *bytes;
  Scanner scan;
} Copy;

static Copy copy_of (const char *text, size_t len) {
  Copy c;
  c.bytes = malloc(len ? len : 1);
  memcpy(c.bytes, text, len);
  c.scan = (Scanner){c.bytes, c.bytes + len, c.bytes, NULL, &scratch};
  return c;
}

/* What is wrong with a string, or NULL when it reads as `expected`. */
static const char *string (const char *text, size_t len, const char *expected, size_t expected_len) {
  const char *got, *error = "another text";
  size_t got_len;
  Copy c = copy_of(text, len);
  if (!scan_string(&c.scan, &got, &got_len) || !scan_end(&c.scan))
    error = c.scan.error;
  else if (got_len == expected_len && memcmp(got, expected, got_len) == 0)
    error = NULL;
  free(c.bytes);
  return error;
}

#define READS(text, expected) (string(text, sizeof(text) - 1, expected, sizeof(expected) - 1) == NULL)

static int refuses (const char *text, const char *message) {
  const char *error = string(text, strlen(text), "", 0);
  return error && strcmp(error, message) == 0;
}

static void reads_strings (void) {
  CHECK(READS("\"\"", "") && READS("\"a\"", "a") && READS("\"a\" \n", "a") && READS("\"\x7F\"", "\x7F"));
  CHECK(READS("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"));
  CHECK(READS("\"\\u0000\\u0041\\u00e9\\u263A\\uD83D\\uDE00\"", "\0A\xC3\xA9\xE2\x98\xBA\xF0\x9F\x98\x80"));
  CHECK(READS("\"\\udbff\\udfff\\ud800\\udc00\"", "\xF4\x8F\xBF\xBF\xF0\x90\x80\x80"));
  CHECK(READS("\"long enough for a whole run\\n and another one after it\"",
              "long enough for a whole run\n and another one after it"));
}

static void refuses_broken_strings (void) {
  static const char *const open[] = {"\"",   "\"a", "\"\\", "\"a\\", "\"a\\\"", "\"0123456789abcdef0123456789abcdef",
                                     "\"\\n"};
  static const char *const half[] = {"\"\\ud800\"",        "\"\\udc00\"",        "\"\\ud800a\"",
                                     "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"", "\"\\ud800\\n",
                                     "\"\\ud800\\u\"",     "\"\\ud800\\",        "\"\\ud800"};
  static const char *const hex[] = {"\"\\u\"", "\"\\u12\"", "\"\\u123", "\"\\u123g\"", "\"\\u 123\"", "\"\\u-123\""};
  for (size_t i = 0; i < sizeof open / sizeof *open; i++)
    CHECK(refuses(open[i], "a string is not closed"));
  for (size_t i = 0; i < sizeof half / sizeof *half; i++)
    CHECK(refuses(half[i], "half a surrogate pair"));
  for (size_t i = 0; i < sizeof hex / sizeof *hex; i++)
    CHECK(refuses(hex[i], "an escape needs four hexadecimal digits"));
  CHECK(refuses("\"\\x\"", "an unknown escape") && refuses("\"\\N\"", "an unknown escape"));
  CHECK(refuses("\"a\nb\"", "a control character in a string") &&
        refuses("\"\\n\x1F\"", "a control character in a string"));
  CHECK(refuses("\"\xFF\"", "a string is not UTF-8") && refuses("\"\\n\xC3\"", "a string is not UTF-8"));
  CHECK(refuses("\"\xC3\\u00a9\"", "a string is not UTF-8") && refuses("\"\xED\xA0\x80\"", "a string is not UTF-8"));
  CHECK(refuses("\"a\" x", "text after the end of the value"));
  CHECK(string("\"a\0b\"", 5, "", 0) != NULL);
}

/* Length of the number at the start of `text`, 0 for none; negative when it has a fraction or an exponent. */
static int number (const char *text) {
  const char *from;
  size_t len = 0;
  int whole = 0;
  Copy c = copy_of(text, strlen(text));
  int ok = scan_number(&c.scan, &from, &len, &whole);
  ok = ok && from == c.bytes && c.scan.p == c.bytes + len;
  free(c.bytes);
  return !ok ? 0 : whole ? (int)len : -(int)len;
}

static void reads_numbers (void) {
  CHECK(number("0") == 1 && number("-0") == 2 && number("10,") == 2 && number("123]") == 3);
  CHECK(number("1.5") == -3 && number("1e5") == -3 && number("1E+5") == -4 && number("-0.0e-0}") == -7);
  static const char *const bad[] = {"",   "-",   "+1",   ".5", "1.", "01", "-01", "00",
                                    "1e", "1e+", "1.e5", "-a", "e5", "N",  "1.x"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(number(bad[i]) == 0);
}

static void reads_words_and_marks (void) {
  Copy c = copy_of(" \t\r\n, true", 10);
  CHECK(scan_peek(&c.scan) == ',' && scan_expect(&c.scan, ',', "a comma") && scan_peek(&c.scan) == 't');
  CHECK(!scan_word(&c.scan, "truest", 6) && strcmp(c.scan.error, "a value is expected") == 0);
  CHECK(scan_word(&c.scan, "true", 4) && scan_end(&c.scan) && scan_peek(&c.scan) == 0);
  CHECK(!scan_expect(&c.scan, '}', "a brace") &&
        strcmp(c.scan.error, "a value is expected") == 0); /* the first stays */
  free(c.bytes);
  c = copy_of("\0", 1);
  CHECK(scan_peek(&c.scan) == 0 && !scan_end(&c.scan));
  free(c.bytes);
}

int main (void) {
  buffer_init(&scratch);
  reads_strings();
  refuses_broken_strings();
  reads_numbers();
  reads_words_and_marks();
  buffer_free(&scratch);
  return check_done();
}
