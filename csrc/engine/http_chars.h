/*
** The bytes that names and values of HTTP headers are made of. Source: RFC 9110, "Tokens" and "Field Values".
*/
#ifndef DYNAMODB_HTTP_CHARS_H
#define DYNAMODB_HTTP_CHARS_H

#include <stdint.h>
#include <string.h>

static inline int http_is_token (unsigned char c) {
  static const uint32_t tokens[8] = {0x0, 0x3ff6cfa, 0xc7fffffe, 0x57ffffff}; /* a bit for each byte */
  return (int)(tokens[c >> 5] >> (c & 31)) & 1;
}

static inline int http_is_blank (char c) {
  return c == ' ' || c == '\t';
}

/* May it stand in a value? */
static inline int http_is_text (unsigned char c) {
  return (c >= 32 && c != 127) || c == '\t';
}

/* Is one of eight bytes below 32, or 127? A tab is, and then has to be looked at more closely. */
static inline int http_has_control (const char *p) {
  const uint64_t ones = UINT64_MAX / 255, tops = ones << 7;
  uint64_t word;
  memcpy(&word, p, sizeof word);
  uint64_t del = word ^ (ones * 127);
  return (((word - ones * 32) & ~word & tops) | ((del - ones) & ~del & tops)) != 0;
}

static inline int http_are_text (const char *p, const char *end) {
  for (; end - p >= 8 && !http_has_control(p); p += 8) {}
  while (p < end && http_is_text((unsigned char)*p))
    p++;
  return p == end;
}

#endif
