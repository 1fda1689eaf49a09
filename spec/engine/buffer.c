#include "engine/buffer.h"

#include <stdint.h>

#include "../support/check.h"

static void appends_what_it_is_given (void) {
  Buffer b;
  buffer_init(&b);
  CHECK(b.len == 0 && b.data == NULL);
  CHECK(buffer_append(&b, NULL, 0) && b.len == 0);
  CHECK(buffer_literal(&b, "ab") && buffer_byte(&b, '\0') && buffer_string(&b, "cd"));
  CHECK(b.len == 5 && memcmp(b.data, "ab\0cd", 5) == 0);
  buffer_free(&b);
  CHECK(b.data == NULL && b.len == 0 && b.cap == 0);
}

static void keeps_what_it_holds_while_it_grows (void) {
  Buffer b;
  buffer_init(&b);
  int ok = 1;
  for (int i = 0; i < 100000; i++)
    ok = ok && buffer_byte(&b, (char)i);
  for (int i = 0; i < 100000; i++)
    ok = ok && b.data[i] == (char)i;
  CHECK(ok && b.len == 100000 && b.cap >= b.len && !b.failed);
  buffer_free(&b);
}

static void counts (void) {
  Buffer b;
  buffer_init(&b);
  CHECK(buffer_count(&b, 0) && buffer_count(&b, 10) && buffer_count(&b, UINT64_MAX));
  CHECK(b.len == 23 && memcmp(b.data, "01018446744073709551615", 23) == 0);
  buffer_free(&b);
}

static void gives_back_memory_beyond_what_is_kept (void) {
  Buffer b;
  buffer_init(&b);
  CHECK(buffer_reserve(&b, 10000) != NULL);
  b.len = 10000;
  buffer_reset(&b, 100);
  CHECK(b.len == 0 && b.cap <= 100);
  CHECK(buffer_literal(&b, "again") && b.len == 5);
  char *data = b.data;
  buffer_reset(&b, 4096);
  CHECK(b.len == 0 && b.data == data);
  buffer_free(&b);
}

static void remembers_that_memory_ran_out (void) {
  Buffer b;
  buffer_init(&b);
  CHECK(buffer_literal(&b, "x"));
  CHECK(buffer_reserve(&b, SIZE_MAX / 2) == NULL && b.failed);
  CHECK(b.len == 1 && b.data[0] == 'x');
  buffer_free(&b);
}

int main (void) {
  appends_what_it_is_given();
  keeps_what_it_holds_while_it_grows();
  counts();
  gives_back_memory_beyond_what_is_kept();
  remembers_that_memory_ran_out();
  return check_done();
}
