#include "base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode (Buffer *b, const char *bytes, size_t len) {
  const unsigned char *s = (const unsigned char *)bytes;
  char *out = buffer_reserve(b, (len + 2) / 3 * 4);
  if (!out) return 0;
  for (; len >= 3; s += 3, len -= 3) {
    *out++ = alphabet[s[0] >> 2];
    *out++ = alphabet[(s[0] & 3) << 4 | s[1] >> 4];
    *out++ = alphabet[(s[1] & 15) << 2 | s[2] >> 6];
    *out++ = alphabet[s[2] & 63];
  }
  if (len) {
    unsigned second = len == 2 ? s[1] : 0;
    *out++ = alphabet[s[0] >> 2];
    *out++ = alphabet[(s[0] & 3) << 4 | second >> 4];
    *out++ = len == 2 ? alphabet[(second & 15) << 2] : '=';
    *out++ = '=';
  }
  b->len = (size_t)(out - b->data);
  return 1;
}

/* A character's six bits plus one; 0 for what is not in the alphabet. */
static const unsigned char sextets[256] = {
  ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
  ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
  ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
  ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
  ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
  ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
  ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

long base64_decode (const char *text, size_t len, char *out) {
  const unsigned char *s = (const unsigned char *)text;
  char *start = out;
  if (len % 4) return -1;
  if (len == 0) return 0;
  size_t padding = s[len - 1] != '=' ? 0 : s[len - 2] != '=' ? 1 : 2;
  for (const unsigned char *last = s + len - (padding ? 4 : 0); s < last; s += 4) {
    unsigned a = sextets[s[0]], b = sextets[s[1]], c = sextets[s[2]], d = sextets[s[3]];
    if (!a || !b || !c || !d) return -1;
    unsigned bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
    *out++ = (char)(bits >> 16);
    *out++ = (char)(bits >> 8);
    *out++ = (char)bits;
  }
  if (padding) {
    unsigned a = sextets[s[0]], b = sextets[s[1]], c = padding == 1 ? sextets[s[2]] : 1;
    if (!a || !b || !c) return -1;
    unsigned bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6;
    *out++ = (char)(bits >> 16);
    if (padding == 1) *out++ = (char)(bits >> 8);
  }
  return (long)(out - start);
}
