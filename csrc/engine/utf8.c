#include "utf8.h"

#include <stdint.h>
#include <string.h>

#define CONTINUES(c) (((c)&0xC0) == 0x80)

size_t utf8_length (const unsigned char *s, const unsigned char *end) {
  size_t left = (size_t)(end - s);
  if (left == 0) return 0;
  unsigned c = s[0];
  if (c < 0x80) return 1;
  if (c < 0xC2) return 0;
  if (c < 0xE0) return left >= 2 && CONTINUES(s[1]) ? 2 : 0;
  if (c < 0xF0) {
    if (left < 3 || !CONTINUES(s[1]) || !CONTINUES(s[2])) return 0;
    if (c == 0xE0 && s[1] < 0xA0) return 0; /* overlong */
    if (c == 0xED && s[1] > 0x9F) return 0; /* surrogate */
    return 3;
  }
  if (c > 0xF4 || left < 4 || !CONTINUES(s[1]) || !CONTINUES(s[2]) || !CONTINUES(s[3])) return 0;
  if (c == 0xF0 && s[1] < 0x90) return 0;
  if (c == 0xF4 && s[1] > 0x8F) return 0;
  return 4;
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

/*
** Characters of one length tend to follow each other: a run of them is read four bytes at a time, the first byte of a
** character in the lowest ones. What the masks do not know for valid is left for utf8_length to judge.
*/
static const unsigned char *skip_run (const unsigned char *s, const unsigned char *end) {
  while (end - s >= 4) {
    uint32_t w;
    memcpy(&w, s, 4);
    if ((w & 0x00C0C0F0) == 0x008080E0) {
      if (!(w & 0x200F) || (w & 0x200F) == 0x200D) break; /* overlong, or a surrogate */
      s += 3;
    } else if ((w & 0xC0E0) == 0x80C0) {
      if (!(w & 0x1E)) break; /* overlong */
      s += 2;
    } else if (!(w & 0x80)) {
      s += 1;
    } else {
      break;
    }
  }
  return s;
}

#else

static const unsigned char *skip_run (const unsigned char *s, const unsigned char *end) {
  (void)end;
  return s;
}

#endif

int utf8_valid (const char *text, size_t len) {
  const unsigned char *s = (const unsigned char *)text, *end = s + len;
  while (s < end) {
    if (end - s >= 8) { /* eight ASCII bytes at a time */
      uint64_t word;
      memcpy(&word, s, 8);
      if (!(word & UINT64_C(0x8080808080808080))) {
        s += 8;
        continue;
      }
    }
    s = skip_run(s, end);
    if (s == end) break;
    size_t n = utf8_length(s, end);
    if (n == 0) return 0;
    s += n;
  }
  return 1;
}

size_t utf8_encode (unsigned code, char out[4]) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3F));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3F));
    out[2] = (char)(0x80 | (code & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | code >> 18);
  out[1] = (char)(0x80 | (code >> 12 & 0x3F));
  out[2] = (char)(0x80 | (code >> 6 & 0x3F));
  out[3] = (char)(0x80 | (code & 0x3F));
  return 4;
}
