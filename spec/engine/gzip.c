/*
** gzip as a stream: what went in comes out, in whatever pieces it travels, and what is damaged is told.
*/
#include "engine/gzip.h"

#include <stdlib.h>

#include "../support/check.h"

/* Bytes that deflate neither to nothing nor to more. */
static char *some_bytes (size_t len) {
  char *bytes = malloc(len + 1);
  unsigned state = 1;
  for (size_t i = 0; i < len; i++) {
    state = state * 1103515245 + 12345;
    bytes[i] = (char)(i % 3 ? 'a' : state >> 16);
  }
  return bytes;
}

/* Deflates `bytes` in pieces of `piece`, as `members` gzip members one after the other. */
static Buffer deflated (const char *bytes, size_t len, size_t piece, int members) {
  Deflater d;
  Buffer out = {0};
  CHECK(deflater_open(&d, 6));
  for (int m = 0; m < members; m++) {
    for (size_t at = 0; at < len; at += piece)
      CHECK(!deflater_write(&d, &out, bytes + at, len - at < piece ? len - at : piece));
    CHECK(!deflater_finish(&d, &out));
  }
  deflater_close(&d);
  return out;
}

/* Inflates the first `len` bytes of `in` in pieces; whether a member is left open. */
static int inflated (const Buffer *in, size_t len, size_t piece, Buffer *out) {
  Inflater i;
  CHECK(inflater_open(&i));
  for (size_t at = 0; at < len; at += piece)
    CHECK(!inflater_read(&i, out, in->data + at, len - at < piece ? len - at : piece));
  int inside = i.inside;
  inflater_close(&i);
  return inside;
}

static void test_round_trip (void) {
  const size_t lengths[] = {0, 1, 100, 16384, 300000}, pieces[] = {1, 7, 4096, 1 << 20};
  for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
      size_t len = lengths[l], piece = pieces[p];
      if (piece == 1 && len > 20000) continue;
      char *bytes = some_bytes(len);
      Buffer gz = deflated(bytes, len, piece, 2), out = {0};
      CHECK(!inflated(&gz, gz.len, piece, &out));
      CHECK(out.len == 2 * len && (len == 0 || memcmp(out.data, bytes, len) == 0));
      CHECK(len == 0 || memcmp(out.data + len, bytes, len) == 0);
      buffer_free(&gz);
      buffer_free(&out);
      free(bytes);
    }
}

static void test_truncated (void) {
  char *bytes = some_bytes(50000);
  Buffer gz = deflated(bytes, 50000, 4096, 1);
  for (size_t len = 1; len < gz.len; len += 97) {
    Buffer out = {0};
    CHECK(inflated(&gz, len, 1000, &out));
    CHECK(out.len <= 50000 && (out.len == 0 || memcmp(out.data, bytes, out.len) == 0));
    buffer_free(&out);
  }
  buffer_free(&gz);
  free(bytes);
}

static void test_damaged (void) {
  char *bytes = some_bytes(5000);
  Buffer gz = deflated(bytes, 5000, 5000, 1), out = {0};
  Inflater i;
  CHECK(inflater_open(&i));
  CHECK(inflater_read(&i, &out, "this is no gzip", 15));
  inflater_close(&i);
  gz.data[gz.len / 2] ^= 0x55;
  CHECK(inflater_open(&i));
  CHECK(inflater_read(&i, &out, gz.data, gz.len));
  inflater_close(&i);
  buffer_free(&gz);
  buffer_free(&out);
  free(bytes);
}

int main (void) {
  test_round_trip();
  test_truncated();
  test_damaged();
  return check_done();
}
