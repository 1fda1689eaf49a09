#include "engine/json_write.h"

#include <stdlib.h>

#include "../support/check.h"
#include "engine/json_scan.h"

static int writes (const char *text, size_t len, const char *expected) {
  Buffer b;
  buffer_init(&b);
  int ok = json_write_string(&b, text, len) && b.len == strlen(expected) && memcmp(b.data, expected, b.len) == 0;
  buffer_free(&b);
  return ok;
}

static void escapes_what_it_must (void) {
  CHECK(writes("", 0, "\"\"") && writes("a", 1, "\"a\"") && writes("\"\\/", 3, "\"\\\"\\\\/\""));
  CHECK(writes("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"") && writes("\0\1\x1F\x7F", 4, "\"\\u0000\\u0001\\u001f\x7F\""));
  CHECK(writes("é☺", 5, "\"é☺\""));
}

/* Every byte at every place of a text around the width of what is looked at together, and read back. */
static void reads_back_what_it_writes (void) {
  int ok = 1;
  Buffer out, scratch;
  buffer_init(&out);
  buffer_init(&scratch);
  for (size_t len = 1; len < 40; len++)
    for (size_t place = 0; place < len; place++)
      for (unsigned c = 0; c < 128; c++) {
        char *text = malloc(len);
        memset(text, 'x', len);
        text[place] = (char)c;
        buffer_reset(&out, SIZE_MAX);
        const char *back;
        size_t back_len;
        ok = ok && json_write_string(&out, text, len);
        Scanner s = {out.data, out.data + out.len, out.data, NULL, &scratch};
        ok = ok && scan_string(&s, &back, &back_len) && scan_end(&s) && back_len == len && memcmp(back, text, len) == 0;
        free(text);
      }
  CHECK(ok);
  buffer_free(&out);
  buffer_free(&scratch);
}

static void refuses_what_is_not_utf8 (void) {
  int ok = 1;
  for (size_t len = 1; len < 40; len++)
    for (size_t place = 0; place < len; place++) {
      char text[40];
      Buffer b;
      buffer_init(&b);
      memset(text, 'x', sizeof text);
      text[place] = '\xFF';
      ok = ok && !json_write_string(&b, text, len);
      buffer_free(&b);
    }
  CHECK(ok);
}

int main (void) {
  escapes_what_it_must();
  reads_back_what_it_writes();
  refuses_what_is_not_utf8();
  return check_done();
}
