#include "buffer.h"

#include <stdlib.h>

void buffer_init (Buffer *b) {
  memset(b, 0, sizeof *b);
}

void buffer_free (Buffer *b) {
  free(b->data);
  buffer_init(b);
}

char *buffer_reserve (Buffer *b, size_t extra) {
  if (b->data && extra <= b->cap - b->len) return b->data + b->len;
  size_t cap = b->cap < 256 ? 256 : b->cap;
  while (cap - b->len < extra) {
    if (cap > SIZE_MAX / 2) return b->failed = 1, NULL;
    cap *= 2;
  }
  char *data = realloc(b->data, cap);
  if (!data) return b->failed = 1, NULL;
  b->data = data;
  b->cap = cap;
  return data + b->len;
}

int buffer_count (Buffer *b, uint64_t count) {
  char digits[20], *p = digits + sizeof digits;
  do
    *--p = (char)('0' + count % 10);
  while (count /= 10);
  return buffer_append(b, p, (size_t)(digits + sizeof digits - p));
}

void buffer_reset (Buffer *b, size_t keep) {
  b->len = 0;
  b->failed = 0;
  if (b->cap > keep) buffer_free(b);
}
