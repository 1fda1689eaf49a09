/*
** A growing run of bytes. The only allocator of the engines: what holds a Buffer owns its memory.
*/
#ifndef DYNAMODB_BUFFER_H
#define DYNAMODB_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#pragma GCC visibility push(hidden)

typedef struct Buffer {
  char *data;
  size_t len, cap;
  int failed; /* memory ran out: what was appended since then is lost, and the owner must say so */
} Buffer;

void buffer_init (Buffer *b);
void buffer_free (Buffer *b);

/* Room for `extra` more bytes at data + len, or NULL when memory is out. */
char *buffer_reserve (Buffer *b, size_t extra);

/* Empties it; keeps at most `keep` bytes of its memory. */
void buffer_reset (Buffer *b, size_t keep);

/* 1 when appended, 0 when memory is out. Inline: most of what is appended is a few bytes of known length. */
static inline int buffer_append (Buffer *b, const void *bytes, size_t len) {
  if (len > b->cap - b->len && !buffer_reserve(b, len)) return 0;
  if (len) memcpy(b->data + b->len, bytes, len);
  b->len += len;
  return 1;
}

/* The decimal digits of a count. */
int buffer_count (Buffer *b, uint64_t count);

static inline int buffer_byte (Buffer *b, char c) {
  if (b->len == b->cap && !buffer_reserve(b, 1)) return 0;
  b->data[b->len++] = c;
  return 1;
}

#define buffer_literal(b, text) buffer_append(b, text, sizeof(text) - 1)
#define buffer_string(b, text) buffer_append(b, text, strlen(text))

#pragma GCC visibility pop
#endif
