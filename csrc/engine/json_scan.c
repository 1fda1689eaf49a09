#include "json_scan.h"

#include "utf8.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

int scan_fail (Scanner *s, const char *error) {
  if (!s->error) s->error = error;
  return 0;
}

/* A quote, a backslash or a control character: where a plain run of a string ends. */
static int ends_run (unsigned char c) {
  return c == '"' || c == '\\' || c < 0x20;
}

/* The end of the plain run at `p`; sets *high when a byte in it is not ASCII. */
static const char *plain_run (const char *p, const char *end, int *high) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
  while (end - p >= 16) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
    ends = _mm_or_si128(ends, _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes)); /* bytes <= 0x1F, unsigned */
    int mask = _mm_movemask_epi8(ends), above = _mm_movemask_epi8(bytes);
    if (mask) {
      int n = __builtin_ctz((unsigned)mask);
      *high |= above & ((1 << n) - 1);
      return p + n;
    }
    *high |= above;
    p += 16;
  }
#endif
  for (; p < end && !ends_run((unsigned char)*p); p++)
    *high |= *p & 0x80;
  return p;
}

static int hex_digit (char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* The four digits of \uXXXX at p, or -1. */
static int scan_hex (const char *p, const char *end) {
  int code = 0;
  if (end - p < 4) return -1;
  for (int i = 0; i < 4; i++) {
    int digit = hex_digit(p[i]);
    if (digit < 0) return -1;
    code = code << 4 | digit;
  }
  return code;
}

/* A character written as \uXXXX, or as two of them; p is at the "u". */
static int scan_unicode (Scanner *s) {
  char out[4];
  int code = scan_hex(s->p + 1, s->end);
  if (code < 0) return scan_fail(s, "an escape needs four hexadecimal digits");
  s->p += 5;
  if (code >= 0xDC00 && code <= 0xDFFF) return scan_fail(s, "half a surrogate pair");
  if (code >= 0xD800 && code <= 0xDBFF) {
    int low = s->end - s->p >= 2 && s->p[0] == '\\' && s->p[1] == 'u' ? scan_hex(s->p + 2, s->end) : -1;
    if (low < 0xDC00 || low > 0xDFFF) return scan_fail(s, "half a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00));
    s->p += 6;
  }
  return buffer_append(s->scratch, out, utf8_encode((unsigned)code, out));
}

/* What a backslash and the next letter stand for; 0 for what is no escape. */
static char unescape (char c) {
  switch (c) {
    case '"': return '"';
    case '\\': return '\\';
    case '/': return '/';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
  }
}

static int scan_escape (Scanner *s) {
  if (++s->p == s->end) return scan_fail(s, "a string is not closed");
  if (*s->p == 'u') return scan_unicode(s);
  char c = unescape(*s->p);
  if (!c) return scan_fail(s, "an unknown escape");
  s->p++;
  return buffer_byte(s->scratch, c);
}

/* The rest of a string in which the first escape is at p, and whose start is at `from`. */
static int scan_escaped (Scanner *s, const char *from, int high, const char **text, size_t *len) {
  buffer_reset(s->scratch, SIZE_MAX);
  buffer_append(s->scratch, from, (size_t)(s->p - from));
  for (;;) {
    if (s->p == s->end) return scan_fail(s, "a string is not closed");
    if (*s->p == '"') break;
    if (*s->p != '\\') return scan_fail(s, "a control character in a string");
    if (!scan_escape(s)) return scan_fail(s, "out of memory");
    from = s->p;
    s->p = plain_run(s->p, s->end, &high);
    buffer_append(s->scratch, from, (size_t)(s->p - from));
  }
  if (s->scratch->failed) return scan_fail(s, "out of memory");
  *text = s->scratch->data ? s->scratch->data : "";
  *len = s->scratch->len;
  if (high && !utf8_valid(*text, *len)) return scan_fail(s, "a string is not UTF-8");
  return s->p++, 1;
}

int scan_string (Scanner *s, const char **text, size_t *len) {
  int high = 0;
  const char *from = ++s->p;
  s->p = plain_run(from, s->end, &high);
  if (s->p < s->end && *s->p == '"') {
    *text = from;
    *len = (size_t)(s->p - from);
    if (high && !utf8_valid(from, *len)) return scan_fail(s, "a string is not UTF-8");
    return s->p++, 1;
  }
  return scan_escaped(s, from, high, text, len);
}

static const char *skip_digits (const char *p, const char *end) {
  while (p < end && *p >= '0' && *p <= '9')
    p++;
  return p;
}

int scan_number (Scanner *s, const char **text, size_t *len, int *whole) {
  const char *p = s->p, *digits;
  *text = p;
  *whole = 1;
  if (p < s->end && *p == '-') p++;
  digits = p;
  p = skip_digits(p, s->end);
  if (p == digits) return scan_fail(s, "a value is expected");
  if (*digits == '0' && p - digits > 1) return scan_fail(s, "a number starts with zeros");
  if (p < s->end && *p == '.') {
    *whole = 0;
    digits = ++p;
    p = skip_digits(p, s->end);
    if (p == digits) return scan_fail(s, "a digit is expected after the decimal point");
  }
  if (p < s->end && (*p == 'e' || *p == 'E')) {
    *whole = 0;
    if (++p < s->end && (*p == '+' || *p == '-')) p++;
    digits = p;
    p = skip_digits(p, s->end);
    if (p == digits) return scan_fail(s, "a digit is expected in the exponent");
  }
  *len = (size_t)(p - s->p);
  s->p = p;
  return 1;
}

int scan_word (Scanner *s, const char *word, size_t len) {
  if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0) return scan_fail(s, "a value is expected");
  s->p += len;
  return 1;
}

int scan_end (Scanner *s) {
  scan_peek(s);
  return s->p == s->end ? 1 : scan_fail(s, "text after the end of the value");
}
