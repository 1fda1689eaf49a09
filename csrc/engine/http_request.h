/*
** What an HTTP/1.1 request may hold, and its head as bytes. Strict: nothing that is let through can begin a second
** request or change where this one ends.
*/
#ifndef DYNAMODB_HTTP_REQUEST_H
#define DYNAMODB_HTTP_REQUEST_H

#include "buffer.h"

#pragma GCC visibility push(hidden)

int http_is_method (const char *s, size_t len); /* an upper-case word */
int http_is_host (const char *s, size_t len);   /* a name or an address */
int http_is_path (const char *s, size_t len);   /* encoded, with its query */

/* What is known of a block of header lines: what decides where a request ends appears once at most. */
typedef struct HttpLines {
  const char *at, *end; /* what is left of the block */
  const char *line;     /* the one that was taken, without its line end */
  size_t len, name;     /* of the line, and of its name */
  size_t body;          /* the length that a Content-Length must state */
  int hosts, lengths;
} HttpLines;

void http_lines_init (HttpLines *l, const char *block, size_t len, size_t body);

/* Takes the next line of the form "Name: value\r\n". NULL, or what is wrong with it. */
const char *http_lines_take (HttpLines *l);

typedef struct HttpRequest {
  const char *method, *path, *head; /* `head`: every header as "Name: value\r\n", Host included */
  size_t method_len, path_len, head_len, body_len;
} HttpRequest;

/*
** Appends request line, headers, Content-Length if `head` has none, and the blank line. NULL, or what is wrong with the
** request; `*field` is then which part of it.
*/
const char *http_write_request (Buffer *out, const HttpRequest *r, const char **field);

#pragma GCC visibility pop
#endif
