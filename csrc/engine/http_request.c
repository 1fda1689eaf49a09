#include "http_request.h"

#include <strings.h>

#include "http_chars.h"

int http_is_method (const char *s, size_t len) {
  if (len == 0 || len > 16) return 0;
  for (; len; s++, len--)
    if (*s < 'A' || *s > 'Z') return 0;
  return 1;
}

int http_is_host (const char *s, size_t len) {
  if (len == 0 || len > 255) return 0;
  for (; len; s++, len--) {
    int letter = (*s >= '0' && *s <= '9') || ((*s | 32) >= 'a' && (*s | 32) <= 'z');
    if (!letter && (!*s || !strchr("-._:[]", *s))) return 0;
  }
  return 1;
}

int http_is_path (const char *s, size_t len) {
  if (len == 0 || *s != '/') return 0;
  for (; len; s++, len--)
    if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 127 || *s == '#') return 0;
  return 1;
}

/* {==== Header lines ==== */

void http_lines_init (HttpLines *l, const char *block, size_t len, size_t body) {
  memset(l, 0, sizeof *l);
  l->at = block;
  l->end = block + len;
  l->body = body;
}

static int is_named (const HttpLines *l, const char *wanted) {
  return l->name == strlen(wanted) && strncasecmp(l->line, wanted, l->name) == 0;
}

static const char *check_length (const char *value, size_t len, size_t body) {
  size_t stated = 0;
  while (len && (*value == ' ' || *value == '\t'))
    value++, len--;
  if (len == 0 || len > 15) return "a Content-Length that is not a number";
  for (; len; value++, len--) {
    if (*value < '0' || *value > '9') return "a Content-Length that is not a number";
    stated = stated * 10 + (size_t)(*value - '0');
  }
  return stated == body ? NULL : "a Content-Length that is not the body's length";
}

/* The names that decide about the framing begin with one of these letters. */
static const char *check_framing (HttpLines *l) {
  switch (*l->line | 32) {
    case 'h': return is_named(l, "host") && l->hosts++ ? "two Host lines" : NULL;
    case 't': return is_named(l, "transfer-encoding") ? "Transfer-Encoding, which the transport decides" : NULL;
    case 'e': return is_named(l, "expect") ? "Expect, which the transport never sends" : NULL;
    case 'c':
      if (!is_named(l, "content-length")) return NULL;
      if (l->lengths++) return "two Content-Length lines";
      return check_length(l->line + l->name + 1, l->len - l->name - 1, l->body);
    default: return NULL;
  }
}

const char *http_lines_take (HttpLines *l) {
  size_t n = 0;
  const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
  if (!stop || stop == l->at || stop[-1] != '\r') return "a line that does not end with CR LF";
  l->line = l->at;
  l->len = (size_t)(stop - 1 - l->at);
  l->at = stop + 1;
  while (n < l->len && http_is_token((unsigned char)l->line[n]))
    n++;
  if (n == 0 || n == l->len || l->line[n] != ':') return "a line that is not \"Name: value\"";
  if (!http_are_text(l->line + n + 1, l->line + l->len)) return "a control character (CR, LF, NUL …) in a line";
  l->name = n;
  return check_framing(l);
}

/* }==== */

static int is_word (const HttpRequest *r, const char *method) {
  return r->method_len == strlen(method) && memcmp(r->method, method, r->method_len) == 0;
}

/* A request whose method asks for no body says nothing about one that is empty. */
static int states_length (const HttpRequest *r) {
  return r->body_len > 0 || !(is_word(r, "GET") || is_word(r, "HEAD"));
}

static const char *check_lines (const HttpRequest *r, int *lengths) {
  HttpLines lines;
  http_lines_init(&lines, r->head, r->head_len, r->body_len);
  while (lines.at < lines.end) {
    const char *wrong = http_lines_take(&lines);
    if (wrong) return wrong;
  }
  *lengths = lines.lengths;
  return NULL;
}

const char *http_write_request (Buffer *out, const HttpRequest *r, const char **field) {
  int lengths = 0;
  if (!http_is_method(r->method, r->method_len)) return *field = "method", "not an upper-case word";
  if (!http_is_path(r->path, r->path_len)) return *field = "path", "not an encoded path that begins with /";
  if (r->body_len && is_word(r, "HEAD")) return *field = "body", "HEAD carries none";
  const char *wrong = check_lines(r, &lengths);
  if (wrong) return *field = "head", wrong;
  int ok = buffer_append(out, r->method, r->method_len) && buffer_byte(out, ' ') &&
           buffer_append(out, r->path, r->path_len) && buffer_literal(out, " HTTP/1.1\r\n") &&
           buffer_append(out, r->head, r->head_len);
  if (ok && !lengths && states_length(r))
    ok = buffer_literal(out, "Content-Length: ") && buffer_count(out, r->body_len) && buffer_literal(out, "\r\n");
  return ok && buffer_literal(out, "\r\n") ? NULL : (*field = "head", "too much for the memory left");
}
