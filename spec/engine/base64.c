#include "engine/base64.h"

#include <stdlib.h>

#include "../support/check.h"

static int is_written (const char *bytes, size_t len, const char *text) {
  Buffer b;
  buffer_init(&b);
  int ok = base64_encode(&b, bytes, len) && b.len == strlen(text) && (b.len == 0 || memcmp(b.data, text, b.len) == 0);
  buffer_free(&b);
  return ok;
}

static void writes_the_examples_of_rfc_4648 (void) {
  CHECK(is_written("", 0, "") && is_written("f", 1, "Zg==") && is_written("fo", 2, "Zm8=") &&
        is_written("foo", 3, "Zm9v"));
  CHECK(is_written("foob", 4, "Zm9vYg==") && is_written("fooba", 5, "Zm9vYmE=") && is_written("foobar", 6, "Zm9vYmFy"));
  CHECK(is_written("\xFB\xFF\xBF", 3, "+/+/") && is_written("\0\0\0\0", 4, "AAAAAA=="));
}

static void reads_back_what_it_writes (void) {
  int ok = 1;
  srand(1);
  for (size_t len = 0; len < 300; len++) {
    char *bytes = malloc(len + 1); /* of its very size, for the sanitizer to watch */
    for (size_t i = 0; i < len; i++)
      bytes[i] = (char)rand();
    Buffer b;
    buffer_init(&b);
    buffer_byte(&b, 'x');
    ok = ok && base64_encode(&b, bytes, len) && b.len == 1 + (len + 2) / 3 * 4;
    char *back = malloc(base64_room(b.len - 1) + 1);
    ok = ok && base64_decode(b.data + 1, b.len - 1, back) == (long)len && memcmp(back, bytes, len) == 0;
    free(back);
    free(bytes);
    buffer_free(&b);
  }
  CHECK(ok);
}

static long decoded (const char *text) {
  char out[64];
  return base64_decode(text, strlen(text), out);
}

static void refuses_what_is_not_base64 (void) {
  static const char *const bad[] = {"A",    "AA",    "AAA",  "AAAAA",    "====",     "A===",     "AA=A",
                                    "=AAA", "AAA\n", "AA A", "AA==AAAA", "AAA=AAAA", "AAAA====", "AA-_"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(decoded(bad[i]) == -1);
}

static void knows_its_alphabet (void) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  int ok = 1;
  for (unsigned c = 0; c < 256; c++)
    for (size_t place = 0; place < 4; place++) {
      char text[] = "AAAA", out[3];
      text[place] = (char)c;
      int known = c && strchr(alphabet, (int)c);
      long len = base64_decode(text, 4, out);
      ok = ok && len == (known ? 3 : c == '=' && place == 3 ? 2 : -1);
      if (known) {
        unsigned bits = (unsigned)((unsigned char)out[0] << 16 | (unsigned char)out[1] << 8 | (unsigned char)out[2]);
        ok = ok && bits >> (18 - 6 * place) == (unsigned)(strchr(alphabet, (int)c) - alphabet);
      }
    }
  CHECK(ok);
}

int main (void) {
  writes_the_examples_of_rfc_4648();
  reads_back_what_it_writes();
  refuses_what_is_not_base64();
  knows_its_alphabet();
  return check_done();
}
