/*
** Sealed texts: they come back as they went, or not at all.
*/
#include "engine/seal.h"

#include "../support/check.h"

static Digest digest;
static const SealKey one = {"0123456789abcdef", 16}, two = {"fedcba9876543210", 16};

static Buffer sealed (const char *context, const char *bytes, size_t len, const SealKey *key) {
  Buffer out = {0};
  CHECK(seal(&digest, &out, context, strlen(context), bytes, len, key));
  return out;
}

/* Opens `text` and compares what was in it. */
static SealVerdict opened (const Buffer *text, const char *context, const SealKey *keys, int count, const char *bytes,
                           size_t len) {
  Buffer out = {0};
  SealVerdict verdict = unseal(&digest, &out, context, strlen(context), text->data, text->len, keys, count);
  CHECK(verdict == SEAL_OPENED ? out.len == len && (len == 0 || memcmp(out.data, bytes, len) == 0) : out.len == 0);
  buffer_free(&out);
  return verdict;
}

static void test_round_trip (void) {
  char bytes[70];
  for (size_t len = 0; len < sizeof bytes; len++) {
    memset(bytes, (int)(len * 37), sizeof bytes);
    Buffer open = sealed("context", bytes, len, NULL), closed = sealed("context", bytes, len, &one);
    CHECK(opened(&open, "context", NULL, 0, bytes, len) == SEAL_OPENED);
    CHECK(opened(&closed, "context", &one, 1, bytes, len) == SEAL_OPENED);
    for (size_t i = 0; i < open.len; i++)
      CHECK(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", open.data[i]));
    buffer_free(&open);
    buffer_free(&closed);
  }
}

static void test_keys (void) {
  const SealKey both[] = {two, one};
  Buffer text = sealed("c", "bytes", 5, &one), open = sealed("c", "bytes", 5, NULL);
  CHECK(opened(&text, "c", both, 2, "bytes", 5) == SEAL_OPENED);
  CHECK(opened(&text, "c", &two, 1, NULL, 0) == SEAL_FOREIGN);
  CHECK(opened(&text, "c", NULL, 0, NULL, 0) == SEAL_SIGNED);
  CHECK(opened(&open, "c", both, 2, NULL, 0) == SEAL_UNSIGNED);
  CHECK(opened(&text, "d", &one, 1, NULL, 0) == SEAL_FOREIGN);
  CHECK(opened(&open, "d", NULL, 0, NULL, 0) == SEAL_FOREIGN);
  buffer_free(&text);
  buffer_free(&open);
}

/* What stands at the context's end must not pass for the beginning of the bytes. */
static void test_boundary (void) {
  Buffer text = sealed("ab", "c", 1, &one);
  CHECK(opened(&text, "a", &one, 1, NULL, 0) == SEAL_FOREIGN);
  buffer_free(&text);
}

/* Every single change of a character is noticed. */
static void test_tampering (void) {
  Buffer text = sealed("context", "some bytes!", 11, &one);
  for (size_t i = 0; i < text.len; i++) {
    char before = text.data[i];
    for (const char *c = "AQgw_-zZ09+/=. "; *c; c++) {
      text.data[i] = *c;
      SealVerdict verdict = opened(&text, "context", &one, 1, "some bytes!", 11);
      CHECK(*c == before ? verdict == SEAL_OPENED : verdict != SEAL_OPENED);
    }
    text.data[i] = before;
  }
  for (size_t len = text.len; text.len > 0; text.len--)
    CHECK((opened(&text, "context", &one, 1, "some bytes!", 11) == SEAL_OPENED) == (text.len == len));
  buffer_free(&text);
}

int main (void) {
  digest_open(&digest);
  test_round_trip();
  test_keys();
  test_boundary();
  test_tampering();
  digest_close(&digest);
  return check_done();
}
