#include "headers.h"

#include <stdint.h>
#include <stdlib.h>

#include "../engine/http_request.h"

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

static int is_blank (const char *s, size_t len) {
  for (; len; s++, len--)
    if (*s != ' ' && *s != '\t') return 0;
  return 1;
}

/* Copies one line; curl takes "Name:" for a header to suppress and sends "Name;" as one without a value. */
static int append_line (Headers *h, const HttpLines *l) {
  if (!is_blank(l->line + l->name + 1, l->len - l->name - 1))
    return buffer_append(&h->text, l->line, l->len) && buffer_byte(&h->text, 0);
  return buffer_append(&h->text, l->line, l->name) && buffer_append(&h->text, ";", 2);
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
  HttpLines lines;
  size_t count = 0;
  buffer_reset(&h->text, 64 * 1024);
  http_lines_init(&lines, block, len, body);
  for (; lines.at < lines.end; count++) {
    const char *wrong = http_lines_take(&lines);
    if (wrong) return wrong;
    if (!append_line(h, &lines)) return "too much for the memory left";
  }
  return link_nodes(h, count);
}
