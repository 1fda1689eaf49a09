/*
** The JSON reader on any bytes: what it accepts is written again, and what is written must be read as the same.
*/
#include <stdio.h>
#include <stdlib.h>

#include "engine/json_scan.h"
#include "engine/json_write.h"
#include "engine/utf8.h"

#define MAX_DEPTH 100
#define CHECK(condition) \
  do \
    if (!(condition)) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort(); \
  while (0)

static int copy_value (Scanner *s, Buffer *out, int depth);

static int copy_string (Scanner *s, Buffer *out) {
  const char *text;
  size_t len;
  if (scan_peek(s) != '"') return scan_fail(s, "a string is expected");
  if (!scan_string(s, &text, &len)) return 0;
  CHECK(utf8_valid(text, len));
  CHECK(json_write_string(out, text, len));
  return 1;
}

static int copy_number (Scanner *s, Buffer *out) {
  const char *text;
  size_t len;
  int whole;
  if (!scan_number(s, &text, &len, &whole)) return 0;
  CHECK(len > 0 && text + len <= s->end);
  CHECK(whole == (!memchr(text, '.', len) && !memchr(text, 'e', len) && !memchr(text, 'E', len)));
  return buffer_append(out, text, len);
}

static int copy_members (Scanner *s, Buffer *out, char close, int depth) {
  buffer_append(out, s->p++, 1);
  for (int first = 1; scan_peek(s) != close; first = 0) {
    if (!first && !scan_expect(s, ',', "a comma is expected")) return 0;
    if (!first) buffer_byte(out, ',');
    if (close == '}') {
      if (!copy_string(s, out) || !scan_expect(s, ':', "a colon is expected")) return 0;
      buffer_byte(out, ':');
    }
    if (!copy_value(s, out, depth)) return 0;
  }
  return buffer_append(out, s->p++, 1);
}

static int copy_value (Scanner *s, Buffer *out, int depth) {
  if (depth > MAX_DEPTH) return scan_fail(s, "too deep");
  switch (scan_peek(s)) {
    case '{': return copy_members(s, out, '}', depth + 1);
    case '[': return copy_members(s, out, ']', depth + 1);
    case '"': return copy_string(s, out);
    case 't': return scan_word(s, "true", 4) && buffer_literal(out, "true");
    case 'f': return scan_word(s, "false", 5) && buffer_literal(out, "false");
    case 'n': return scan_word(s, "null", 4) && buffer_literal(out, "null");
    default: return copy_number(s, out);
  }
}

static int copy_text (const char *data, size_t size, Buffer *scratch, Buffer *out) {
  Scanner s = {.p = data, .end = data + size, .start = data, .scratch = scratch};
  int ok = copy_value(&s, out, 0) && scan_end(&s);
  CHECK(ok == !s.error);
  CHECK(s.p >= data && s.p <= s.end);
  return ok;
}

int LLVMFuzzerTestOneInput (const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput (const unsigned char *data, size_t size) {
  Buffer scratch, once, twice;
  char *copy = malloc(size ? size : 1); /* of its own, so that a read beyond the end is seen */
  CHECK(copy);
  if (size) memcpy(copy, data, size);
  buffer_init(&scratch), buffer_init(&once), buffer_init(&twice);
  if (copy_text(copy, size, &scratch, &once)) {
    CHECK(copy_text(once.data, once.len, &scratch, &twice));
    CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
  }
  buffer_free(&scratch), buffer_free(&once), buffer_free(&twice);
  free(copy);
  return 0;
}
