#include "headers.h"

#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

/* Headers that curl would add by itself: a line without a value tells it not to. */
static const char *const unwanted[] = {"Accept:", "Content-Type:", "Expect:"};

enum { UNWANTED = sizeof unwanted / sizeof unwanted[0] };

void headers_init (Headers *h) {
  memset(h, 0, sizeof *h);
}

void headers_free (Headers *h) {
  free(h->nodes);
  buffer_free(&h->text);
  headers_init(h);
}

static int is_token (unsigned char c) {
  return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int is_named (const char *line, size_t name, const char *wanted) {
  return name == strlen(wanted) && strncasecmp(line, wanted, name) == 0;
}

/* What must appear once at most, or not at all, because it decides where a request ends. */
typedef struct Framing {
  int hosts, lengths;
  size_t body;
} Framing;

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

/* Checks one line without its line end; `*name` becomes the length of its name. */
static const char *check_line (const char *line, size_t len, size_t *name, Framing *f) {
  size_t n = 0;
  while (n < len && is_token((unsigned char)line[n]))
    n++;
  if (n == 0 || n == len || line[n] != ':') return "a line that is not \"Name: value\"";
  for (size_t i = n + 1; i < len; i++) {
    unsigned char c = (unsigned char)line[i];
    if ((c < 32 && c != '\t') || c == 127) return "a control character (CR, LF, NUL …) in a line";
  }
  *name = n;
  if (is_named(line, n, "host") && f->hosts++) return "two Host lines";
  if (is_named(line, n, "transfer-encoding")) return "Transfer-Encoding, which the transport decides";
  if (is_named(line, n, "expect")) return "Expect, which the transport never sends";
  if (is_named(line, n, "content-length")) {
    if (f->lengths++) return "two Content-Length lines";
    return check_length(line + n + 1, len - n - 1, f->body);
  }
  return NULL;
}

static int is_blank (const char *s, size_t len) {
  for (; len; s++, len--)
    if (*s != ' ' && *s != '\t') return 0;
  return 1;
}

/* Copies one line; curl takes "Name:" for a header to suppress and sends "Name;" as one without a value. */
static int append_line (Headers *h, const char *line, size_t len, size_t name) {
  if (!is_blank(line + name + 1, len - name - 1)) return buffer_append(&h->text, line, len) && buffer_byte(&h->text, 0);
  return buffer_append(&h->text, line, name) && buffer_append(&h->text, ";", 2);
}

/* The nodes are linked only when all text stands still. */
static const char *link_nodes (Headers *h, size_t lines) {
  size_t total = lines + UNWANTED;
  if (total > h->capacity) {
    struct curl_slist *nodes = realloc(h->nodes, total * sizeof *nodes);
    if (!nodes) return "too much for the memory left";
    h->nodes = nodes;
    h->capacity = total;
  }
  char *text = h->text.data;
  for (size_t i = 0; i < total; i++) {
    h->nodes[i].data = i < lines ? text : (char *)(uintptr_t)unwanted[i - lines];
    h->nodes[i].next = i + 1 < total ? &h->nodes[i + 1] : NULL;
    if (i < lines) text += strlen(text) + 1;
  }
  return NULL;
}

const char *headers_set (Headers *h, const char *block, size_t len, size_t body) {
  Framing framing = {0, 0, body};
  size_t lines = 0;
  buffer_reset(&h->text, 64 * 1024);
  for (const char *at = block, *end = block + len; at < end; lines++) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    if (!stop || stop == at || stop[-1] != '\r') return "a line that does not end with CR LF";
    size_t name = 0, size = (size_t)(stop - 1 - at);
    const char *wrong = check_line(at, size, &name, &framing);
    if (wrong) return wrong;
    if (!append_line(h, at, size, name)) return "too much for the memory left";
    at = stop + 1;
  }
  return link_nodes(h, lines);
}
