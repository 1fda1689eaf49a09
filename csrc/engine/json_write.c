#include "json_write.h"

#include "utf8.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Copies up to the first character that needs an escape; gives how many. `to` has room for all. */
static size_t copy_plain (char *to, const char *from, size_t len, int *high) {
  size_t i = 0;
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
  for (; len - i >= 16; i += 16) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
    __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
    ends = _mm_or_si128(ends, _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
    int mask = _mm_movemask_epi8(ends);
    _mm_storeu_si128((__m128i *)(void *)(to + i), bytes);
    *high |= _mm_movemask_epi8(bytes);
    if (mask) return i + (size_t)__builtin_ctz((unsigned)mask);
  }
#endif
  for (; i < len; i++) {
    unsigned char c = (unsigned char)from[i];
    if (c == '"' || c == '\\' || c < 0x20) break;
    *high |= c & 0x80;
    to[i] = (char)c;
  }
  return i;
}

static void write_escape (Buffer *b, char c) {
  static const char digits[] = "0123456789abcdef";
  switch (c) {
    case '"': buffer_literal(b, "\\\""); break;
    case '\\': buffer_literal(b, "\\\\"); break;
    case '\b': buffer_literal(b, "\\b"); break;
    case '\f': buffer_literal(b, "\\f"); break;
    case '\n': buffer_literal(b, "\\n"); break;
    case '\r': buffer_literal(b, "\\r"); break;
    case '\t': buffer_literal(b, "\\t"); break;
    default: {
      char escape[6] = {'\\', 'u', '0', '0', digits[c >> 4 & 15], digits[c & 15]};
      buffer_append(b, escape, sizeof escape);
    }
  }
}

int json_write_string (Buffer *b, const char *text, size_t len) {
  const char *p = text;
  size_t left = len;
  int high = 0;
  buffer_byte(b, '"');
  while (left) {
    char *to = buffer_reserve(b, left);
    if (!to) return 1; /* b->failed says so */
    size_t n = copy_plain(to, p, left, &high);
    b->len += n;
    p += n;
    left -= n;
    if (left) {
      write_escape(b, *p++);
      left--;
    }
  }
  buffer_byte(b, '"');
  return !high || utf8_valid(text, len);
}
