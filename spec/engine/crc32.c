/*
** The CRC-32 is zlib's, of whatever length, wherever it lies.
*/
#include "engine/crc32.h"

#include <string.h>
#include <zlib.h>

#include "../support/check.h"

static unsigned char bytes[70000];

static void fill (void) {
  unsigned state = 1;
  for (size_t i = 0; i < sizeof bytes; i++) {
    state = state * 1103515245 + 12345;
    bytes[i] = (unsigned char)(state >> 16);
  }
}

static void is_the_published_check_value (void) {
  CHECK(crc32_of("123456789", 9) == 0xCBF43926);
  CHECK(crc32_of("", 0) == 0);
}

static void agrees_with_zlib (void) {
  int ok = 1;
  for (size_t at = 0; at < 20; at++)
    for (size_t len = 0; len < 400; len++)
      ok = ok && crc32_of(bytes + at, len) == crc32_z(0, bytes + at, len);
  CHECK(ok);
  for (size_t len = 65000; len < 65100; len++)
    ok = ok && crc32_of(bytes, len) == crc32_z(0, bytes, len);
  CHECK(ok);
}

int main (void) {
  fill();
  is_the_published_check_value();
  agrees_with_zlib();
  memset(bytes, 0, sizeof bytes);
  agrees_with_zlib();
  return check_done();
}
