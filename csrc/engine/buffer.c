#include "buffer.h"

#include <stdint.h>
#include <stdlib.h>

void buffer_init (Buffer *b) {
  memset(b, 0, sizeof *b);
}

void buffer_free (Buffer *b) {
  free(b->data);
  buffer_init(b);
}

char *buffer_reserve (Buffer *b, size_t extra) {
  if (extra <= b->cap - b->len) return b->data + b->len;
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

int buffer_append (Buffer *b, const void *bytes, size_t len) {
  if (len == 0) return 1;
  char *to = buffer_reserve(b, len);
  if (!to) return 0;
  memcpy(to, bytes, len);
  b->len += len;
  return 1;
}

void buffer_reset (Buffer *b, size_t keep) {
  b->len = 0;
  b->failed = 0;
  if (b->cap > keep) buffer_free(b);
}
