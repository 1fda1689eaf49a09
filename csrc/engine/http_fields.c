#include "http_fields.h"

#include <string.h>

static int is_named (const char *line, const HttpField *field) {
  if (line[field->name_len] != ':') return 0;
  for (size_t i = 0; i < field->name_len; i++) {
    char c = line[i];
    if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
    if (c != field->name[i]) return 0;
  }
  return 1;
}

static int is_blank (char c) {
  return c == ' ' || c == '\t';
}

static void take_value (HttpField *field, const char *value, const char *end) {
  while (value < end && is_blank(*value))
    value++;
  while (end > value && (is_blank(end[-1]) || end[-1] == '\r'))
    end--;
  field->value = value;
  field->len = (size_t)(end - value);
}

void http_fields (const char *head, size_t len, HttpField *fields, int count) {
  const char *end = head + len, *stop = memchr(head, '\n', len);
  while (stop && stop + 1 < end) {
    const char *line = stop + 1;
    size_t left = (size_t)(end - line);
    stop = memchr(line, '\n', left);
    size_t length = stop ? (size_t)(stop - line) : left;
    for (HttpField *field = fields; field < fields + count; field++) {
      if (field->value || length <= field->name_len || !is_named(line, field)) continue;
      take_value(field, line + field->name_len + 1, line + length);
      break;
    }
  }
}
