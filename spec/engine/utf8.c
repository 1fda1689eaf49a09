#include "engine/utf8.h"

#include <string.h>

#include "../support/check.h"

/* The code at `s` by RFC 3629's grammar, decoded the plain way; -1 for none. */
static long naive_code (const unsigned char *s, size_t left, size_t *len) {
  static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned c = left ? s[0] : 0xFF;
  size_t n = c < 0x80 ? 1 : (c & 0xE0) == 0xC0 ? 2 : (c & 0xF0) == 0xE0 ? 3 : (c & 0xF8) == 0xF0 ? 4 : 0;
  if (n == 0 || n > left) return -1;
  long code = n == 1 ? (long)c : (long)(c & (0x7F >> n));
  for (size_t i = 1; i < n; i++) {
    if ((s[i] & 0xC0) != 0x80) return -1;
    code = code << 6 | (s[i] & 0x3F);
  }
  if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return -1;
  *len = n;
  return code;
}

static int naive_valid (const unsigned char *s, size_t len) {
  for (size_t n; len; s += n, len -= n)
    if (naive_code(s, len, &n) < 0) return 0;
  return 1;
}

/* The same bytes at every distance from the end of a text, behind and before plain ones. */
static int agrees (const unsigned char *bytes, size_t len) {
  unsigned char text[32];
  size_t n = 0;
  long code = naive_code(bytes, len, &n);
  if (utf8_length(bytes, bytes + len) != (code < 0 ? 0 : n)) return 0;
  for (size_t before = 0; before < 10; before += 3)
    for (size_t after = 0; after < 10; after += 3) {
      memset(text, 'a', sizeof text);
      memcpy(text + before, bytes, len);
      size_t all = before + len + after;
      if (utf8_valid((char *)text, all) != naive_valid(text, all)) return 0;
    }
  return 1;
}

static void knows_every_sequence_of_two_and_three_bytes (void) {
  int ok = 1;
  for (unsigned i = 0; i < 0x1000000; i++) {
    unsigned char s[] = {(unsigned char)(i >> 16), (unsigned char)(i >> 8), (unsigned char)i, 0};
    if (s[0] < 0x80 && (i & 0xFFFF) > 0xFF) continue; /* what follows one byte is another's matter */
    size_t n = 0;
    long code = naive_code(s, 3, &n);
    ok = ok && utf8_length(s, s + 3) == (code < 0 ? 0 : n) && utf8_valid((char *)s, 3) == naive_valid(s, 3);
    if ((i & 0xFFF) == 0x80 || (i >> 16 >= 0xE0 && (i & 0x3F) == 0)) ok = ok && agrees(s, 3);
  }
  CHECK(ok);
}

static void knows_sequences_of_four_bytes (void) {
  static const unsigned char edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                        0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF};
  int ok = 1;
  for (unsigned first = 0xC0; first <= 0xFF; first++)
    for (unsigned second = 0; second <= 0xFF; second++)
      for (size_t i = 0; i < sizeof edges; i++)
        for (size_t j = 0; j < sizeof edges; j++) {
          unsigned char s[] = {(unsigned char)first, (unsigned char)second, edges[i], edges[j]};
          for (size_t len = 1; len <= 4; len++)
            ok = ok && utf8_valid((char *)s, len) == naive_valid(s, len);
          if (second % 16 == 0) ok = ok && agrees(s, 4);
        }
  CHECK(ok);
}

static void writes_every_character_as_it_reads_it (void) {
  int ok = 1;
  for (long code = 0; code <= 0x10FFFF; code++) {
    char s[4];
    size_t n = 0;
    if (code == 0xD800) code = 0xE000;
    size_t len = utf8_encode((unsigned)code, s);
    ok = ok && naive_code((unsigned char *)s, len, &n) == code && n == len && utf8_valid(s, len);
  }
  CHECK(ok);
}

/* Runs of characters of one length, and of lengths that change, with one byte wrong at each place. */
static void finds_one_wrong_byte (void) {
  static const char *const texts[] = {
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "éééééééééééé", "漢漢漢漢漢漢漢漢", "😀😀😀😀😀", "aé漢😀aé漢😀", "漢aa漢aaa漢aaaaé"};
  int ok = 1;
  for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
    unsigned char text[64];
    size_t len = strlen(texts[t]);
    memcpy(text, texts[t], len);
    CHECK(utf8_valid((char *)text, len));
    for (size_t i = 0; i < len; i++) {
      unsigned char own = text[i];
      for (unsigned c = 0; c < 256; c++) {
        text[i] = (unsigned char)c;
        ok = ok && utf8_valid((char *)text, len) == naive_valid(text, len);
      }
      text[i] = own;
      ok = ok && utf8_valid((char *)text, i) == naive_valid(text, i);
    }
  }
  CHECK(ok);
}

int main (void) {
  CHECK(utf8_valid("", 0));
  knows_every_sequence_of_two_and_three_bytes();
  knows_sequences_of_four_bytes();
  writes_every_character_as_it_reads_it();
  finds_one_wrong_byte();
  return check_done();
}
