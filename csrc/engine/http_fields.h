/*
** Fields of a head that has been read already, by their names: one pass over its lines, however many are wanted.
*/
#ifndef DYNAMODB_HTTP_FIELDS_H
#define DYNAMODB_HTTP_FIELDS_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

typedef struct HttpField {
  const char *name; /* in lower case */
  size_t name_len;
  const char *value; /* of the first line of that name, without blanks around it; NULL: there is none */
  size_t len;
} HttpField;

#define HTTP_FIELD(name) \
  { name, sizeof(name) - 1, NULL, 0 }

/* Finds the values of `count` fields; the first line, which is the status, is none. */
void http_fields (const char *head, size_t len, HttpField *fields, int count);

#pragma GCC visibility pop
#endif
