/*
** Any bytes as a response: where they are cut changes nothing, what is accepted stays within its bounds, and a request
** that is written holds one blank line, at its end.
*/
#include <stdio.h>
#include <stdlib.h>

#include "engine/http.h"
#include "engine/http_request.h"

enum { MAX = 4096 };

#define CHECK(condition) \
  do \
    if (!(condition)) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort(); \
  while (0)

/* Feeds pieces of memory of their own, so that a read beyond them is seen; `sizes` says how long they are. */
static HttpResult feed (Http *h, const unsigned char *data, size_t size, const unsigned char *sizes, size_t count) {
  HttpResult result = HTTP_MORE;
  char *piece = NULL;
  Buffer head, body;
  buffer_init(&head), buffer_init(&body);
  for (size_t at = 0, i = 0; at < size && result == HTTP_MORE; i++) {
    size_t len = count ? (size_t)sizes[i % count] + 1 : size;
    if (len > size - at) len = size - at;
    free(piece);
    piece = malloc(len);
    CHECK(piece);
    memcpy(piece, data + at, len);
    result = http_feed(h, piece, len);
    at += len;
  }
  if (result == HTTP_MORE) result = http_end(h);
  if (result == HTTP_DONE) { /* the spans outlive the piece in copies */
    CHECK(buffer_append(&head, h->head, h->head_len) && buffer_append(&body, h->body, h->body_len));
    CHECK(h->head_len >= 4 && memcmp(h->head + h->head_len - 4, "\r\n\r\n", 4) == 0);
    CHECK(h->head_len + h->body_len <= MAX && h->status >= 200 && h->status <= 999);
    free(h->kept_head.data), free(h->kept_body.data);
    h->kept_head = head, h->kept_body = body;
  } else {
    CHECK(h->error);
  }
  free(piece);
  return result;
}

static int is_same (const Buffer *a, const Buffer *b) {
  return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void read_response (const unsigned char *data, size_t size, const unsigned char *sizes, size_t count, int head) {
  Http once, often;
  http_init(&once, MAX), http_init(&often, MAX);
  http_reset(&once, head), http_reset(&often, head);
  HttpResult whole = feed(&once, data, size, NULL, 0), cut = feed(&often, data, size, sizes, count);
  /* Cut, it may be done before bytes that are too many for the whole, or that end the connection's life. */
  if (whole == HTTP_DONE) {
    CHECK(cut == HTTP_DONE && once.status == often.status && once.keep_alive <= often.keep_alive);
    CHECK(is_same(&once.kept_head, &often.kept_head) && is_same(&once.kept_body, &often.kept_body));
  } else if (size <= MAX) {
    CHECK(cut == HTTP_REFUSED);
  }
  http_free(&once), http_free(&often);
}

static void write_request (const unsigned char *data, size_t size) {
  Buffer out;
  const char *field = "";
  HttpRequest r = {"POST", "/", (const char *)data, 4, 1, size, 7};
  buffer_init(&out);
  if (!http_write_request(&out, &r, &field)) {
    size_t blanks = 0;
    for (size_t i = 0; i + 3 < out.len; i++)
      blanks += memcmp(out.data + i, "\r\n\r\n", 4) == 0;
    CHECK(blanks == 1 && memcmp(out.data + out.len - 4, "\r\n\r\n", 4) == 0);
  }
  buffer_free(&out);
}

int LLVMFuzzerTestOneInput (const unsigned char *data, size_t size);

/* The first bytes say how the others are cut. */
int LLVMFuzzerTestOneInput (const unsigned char *data, size_t size) {
  enum { SIZES = 4 };
  if (size < SIZES + 1) return 0;
  read_response(data + SIZES + 1, size - SIZES - 1, data + 1, SIZES, data[0] & 1);
  write_request(data + SIZES + 1, size - SIZES - 1);
  return 0;
}
