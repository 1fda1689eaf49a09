/*
** Where the walk is and what is wrong there, in words: Item.address.tags[3]: a function cannot be stored.
*/
#include <stdarg.h>
#include <stdio.h>

#include "../engine/utf8.h"
#include "encode_internal.h"

static int is_plain_name (const char *name, size_t len) {
  for (size_t i = 0; i < len; i++) {
    char c = name[i];
    int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(i && c >= '0' && c <= '9') && c != '-' && c != ':' && c != '#') return 0;
  }
  return len > 0;
}

/* A name as a message shows it: short, printable, and UTF-8 whatever it is. */
static void write_name (Buffer *b, const char *name, size_t len) {
  char escape[8];
  int readable = utf8_valid(name, len);
  for (size_t i = 0; i < len && i < 64; i++) {
    unsigned char c = (unsigned char)name[i];
    if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F || (c >= 0x80 && !readable))
      buffer_append(b, escape, (size_t)snprintf(escape, sizeof escape, "\\x%02x", c));
    else
      buffer_byte(b, (char)c);
  }
}

/* Item.address.tags[3], and ["…"] around names that are none of a program. */
static void write_path (Buffer *b, const Frame *frame) {
  char index[32];
  if (frame->parent) write_path(b, frame->parent);
  if (!frame->key) {
    if (!frame->index) return; /* the root of a request has no name */
    snprintf(index, sizeof index, "[%lld]", (long long)frame->index);
    buffer_string(b, index);
  } else if (is_plain_name(frame->key, frame->len)) {
    if (b->len) buffer_byte(b, '.');
    buffer_append(b, frame->key, frame->len);
  } else {
    buffer_literal(b, "[\"");
    write_name(b, frame->key, frame->len);
    buffer_literal(b, "\"]");
  }
}

Result encode_fail (Encoder *e, const Frame *frame, const char *format, ...) {
  char message[256];
  va_list arguments;
  if (e->error->len) return FAILED; /* the first is the one to tell */
  write_path(e->error, frame);
  if (e->error->len) buffer_literal(e->error, ": ");
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  buffer_string(e->error, message);
  return FAILED;
}

Result encode_unsupported (Encoder *e, const Frame *frame, const char *what) {
  if (e->options.unsupported == UNSUPPORTED_SKIP) return SKIPPED;
  return encode_fail(e, frame, "%s cannot be stored", what);
}
