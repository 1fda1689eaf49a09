/*
** Responses out of bytes, whole and in pieces, and requests into bytes.
*/
#include "engine/http.h"

#include <stdlib.h>

#include "../support/check.h"
#include "engine/http_request.h"

enum { MAX = 1024 * 1024 };

static Http http;

/* Feeds `text` in pieces of `size` bytes, each in memory of its own. */
static HttpResult feed (const char *text, size_t len, size_t size) {
  HttpResult result = HTTP_MORE;
  static char *piece;
  for (size_t at = 0; at < len && result == HTTP_MORE; at += size) {
    size_t now = len - at < size ? len - at : size;
    free(piece); /* the spans of a finished response stay readable until the next call */
    piece = malloc(now);
    memcpy(piece, text + at, now);
    result = http_feed(&http, piece, now);
  }
  return result;
}

static const size_t sizes[] = {100000, 1, 2, 3, 7, 64};

enum { SIZES = sizeof sizes / sizeof sizes[0] };

static int is_head (const char *text) {
  return http.head_len == strlen(text) && memcmp(http.head, text, http.head_len) == 0;
}

static int is_body (const char *text) {
  return http.body_len == strlen(text) && (http.body_len == 0 || memcmp(http.body, text, http.body_len) == 0);
}

typedef struct Answer {
  const char *text;
  int no_body, status, keep_alive, is_ended; /* ended: the connection ends after it */
  const char *head, *body;
} Answer;

static void test_answers (void) {
#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
  static const Answer answers[] = {
    {OK "Content-Length: 2\r\n\r\n{}", 0, 200, 1, 0, OK "Content-Length: 2\r\n\r\n", "{}"},
    {OK "Content-Length: 0\r\n\r\n", 0, 200, 1, 0, OK "Content-Length: 0\r\n\r\n", ""},
    {"HTTP/1.1 200\r\ncontent-length:2\r\n\r\n{}", 0, 200, 1, 0, "HTTP/1.1 200\r\ncontent-length:2\r\n\r\n", "{}"},
    {"HTTP/1.1 404 \r\nContent-Length: \t2 \t\r\n\r\n{}", 0, 404, 1, 0, NULL, "{}"},
    {OK "Connection: close\r\nContent-Length: 2\r\n\r\n{}", 0, 200, 0, 0, NULL, "{}"},
    {OK "connection: a, CLOSE ,b\r\nContent-Length: 2\r\n\r\n{}", 0, 200, 0, 0, NULL, "{}"},
    {OK "Connection: closed\r\nContent-Length: 2\r\n\r\n{}", 0, 200, 1, 0, NULL, "{}"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0, 200, 0, 0, NULL, "{}"},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", 0, 200, 1, 0, NULL, "{}"},
    {CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 0, 200, 1, 0, CHUNKED, "abcde"},
    {CHUNKED "00a;x=\"y\"\r\n0123456789\r\n0 \t;z\r\nX-Late: 1\r\nY:\r\n\r\n", 0, 200, 1, 0, CHUNKED, "0123456789"},
    {CHUNKED "A\r\n0123456789\r\n0\r\n\r\n", 0, 200, 1, 0, CHUNKED, "0123456789"},
    {CHUNKED "0\r\n\r\n", 0, 200, 1, 0, CHUNKED, ""},
    {OK "\r\nall of it", 0, 200, 0, 1, OK "\r\n", "all of it"},
    {OK "\r\n", 0, 200, 0, 1, OK "\r\n", ""},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\n" OK "Content-Length: 1\r\n\r\nx", 0, 200, 1, 0,
     OK "Content-Length: 1\r\n\r\n", "x"},
    {"HTTP/1.1 204 No Content\r\n\r\n", 0, 204, 1, 0, NULL, ""},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 0, 204, 0, 0, NULL, ""},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 0, 304, 1, 0, NULL, ""},
    {OK "Content-Length: 99999999999\r\n\r\n", 1, 200, 1, 0, NULL, ""},
    {OK "Transfer-Encoding: chunked\r\n\r\n", 1, 200, 1, 0, NULL, ""},
  };
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    const Answer *a = &answers[i];
    for (size_t s = 0; s < SIZES; s++) {
      http_reset(&http, a->no_body);
      HttpResult result = feed(a->text, strlen(a->text), sizes[s]);
      if (a->is_ended) CHECK(result == HTTP_MORE && (result = http_end(&http)) == HTTP_DONE);
      CHECK(result == HTTP_DONE && http.status == a->status && http.keep_alive == a->keep_alive);
      CHECK(is_body(a->body) && (!a->head || is_head(a->head)));
    }
  }
}

static void test_bytes_beyond_the_end (void) {
  static const char text[] = OK "Content-Length: 2\r\n\r\n{}" OK;
  http_reset(&http, 0);
  CHECK(http_feed(&http, text, sizeof text - 1) == HTTP_DONE);
  CHECK(is_body("{}") && !http.keep_alive);
}

static void test_refused (void) {
  static const char *const refused[] = {
    "SSH-2.0-OpenSSH_9.2\r\n",
    "\26\3\1\1\2",
    "HTTP/3.7 200 OK\r\n\r\n",
    "HTTP/1.x 200 OK\r\n\r\n",
    "HTTP/1.1 abc\r\n\r\n",
    "HTTP/1.1 099 Low\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1  200 OK\r\n\r\n",
    "HTTP/1.1\r\n\r\n",
    "\r\n\r\n",
    " " OK "\r\n",
    "HTTP/1.1 200 O\1K\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    /* lines */
    "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    OK "X: a\nContent-Length: 0\r\n\r\n",
    OK "X: a\rY: b\r\nContent-Length: 0\r\n\r\n",
    OK "X: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
    OK "X: a\r\n\tfolded\r\nContent-Length: 0\r\n\r\n",
    OK "X : a\r\nContent-Length: 0\r\n\r\n",
    OK ": a\r\nContent-Length: 0\r\n\r\n",
    OK "nonsense\r\nContent-Length: 0\r\n\r\n",
    OK "X: \177\r\nContent-Length: 0\r\n\r\n",
    /* framing */
    OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    OK "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    OK "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    OK "Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK "Content-Length: +2\r\n\r\n{}",
    OK "Content-Length: -2\r\n\r\n{}",
    OK "Content-Length: 2, 2\r\n\r\n{}",
    OK "Content-Length: 0x2\r\n\r\n{}",
    OK "Content-Length: 2 2\r\n\r\n{}",
    OK "Content-Length:\r\n\r\n",
    OK "Content-Length: 18446744073709551618\r\n\r\n{}",
    /* chunks */
    CHUNKED "zz\r\nabc\r\n",
    CHUNKED "\r\nabc\r\n",
    CHUNKED "-3\r\nabc\r\n",
    CHUNKED "0x3\r\nabc\r\n",
    CHUNKED "3\nabc\r\n",
    CHUNKED "3\r\rabc\r\n",
    CHUNKED "3 \r\nabc\r\n",
    CHUNKED " 3\r\nabc\r\n",
    CHUNKED "3 x\r\nabc\r\n",
    CHUNKED "3;a\nb\r\nabc\r\n",
    CHUNKED "3\r\nabcd\r\n",
    CHUNKED "3\r\nabc\n",
    CHUNKED "3\r\nabc\rx",
    CHUNKED "fffffffffffffffffffff\r\nabc",
    CHUNKED "0000000000000003\r\nabc",
    CHUNKED "0\r\nnonsense\r\n\r\n",
    CHUNKED "0\r\n X: folded\r\n\r\n",
    CHUNKED "0\r\nX: a\nb\r\n\r\n",
    CHUNKED "0\r\nX: a\rb\r\n\r\n",
    CHUNKED "0\r\n\rx",
  };
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    for (size_t s = 0; s < SIZES; s++) {
      http_reset(&http, 0);
      CHECK(feed(refused[i], strlen(refused[i]), sizes[s]) == HTTP_REFUSED && http.error);
      CHECK(http_end(&http) == HTTP_REFUSED);
      if (http.error == NULL) printf("accepted: %s\n", refused[i]);
    }
  }
  http_reset(&http, 0);
  CHECK(feed(OK "X: \0\r\nContent-Length: 0\r\n\r\n", sizeof OK - 1 + 27, 1000) == HTTP_REFUSED); /* a NUL */
}

static void test_cut_short (void) {
  static const char *const cut[] = {
    "",
    "HTTP/1.1 200 OK\r\nConte",
    OK,
    "HTTP/1.1 100 Continue\r\n\r\n",
    OK "Content-Length: 9\r\n\r\nabc",
    CHUNKED "64\r\nabc",
    CHUNKED "3\r\nabc\r\n",
    CHUNKED "3\r\nabc",
    CHUNKED "0\r\n",
    CHUNKED "0\r\nX: a\r\n",
  };
  for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
    for (size_t s = 0; s < SIZES; s++) {
      http_reset(&http, 0);
      CHECK(feed(cut[i], strlen(cut[i]), sizes[s]) == HTTP_MORE);
      CHECK(http_end(&http) == HTTP_REFUSED && http.error);
    }
  }
}

/* Feeds `text` over and over until that is refused; how many bytes it took. */
static size_t until_refused (const char *text) {
  size_t fed = 0, len = strlen(text);
  while (fed < 100 * MAX && http_feed(&http, text, len) == HTTP_MORE)
    fed += len;
  return fed;
}

static void test_limits (void) {
  char head[100];
  int len = snprintf(head, sizeof head, OK "Content-Length: %d\r\n\r\n", MAX);
  http_reset(&http, 0);
  CHECK(http_feed(&http, head, (size_t)len) == HTTP_REFUSED); /* before any of it has come */

  http_reset(&http, 0);
  len = snprintf(head, sizeof head, OK "Content-Length: %d\r\n\r\n", MAX - len);
  CHECK(http_feed(&http, head, (size_t)len) == HTTP_MORE);
  char *body = calloc(MAX, 1);
  CHECK(http_feed(&http, body, (size_t)(MAX - len)) == HTTP_DONE && http.body_len == (size_t)(MAX - len));
  free(body);

  http_reset(&http, 0);
  CHECK(http_feed(&http, OK "\r\n", sizeof OK + 1) == HTTP_MORE && until_refused("0123456789") < MAX);
  http_reset(&http, 0);
  CHECK(until_refused("HTTP/1.1 100 Continue\r\n\r\n") < MAX);
  http_reset(&http, 0);
  CHECK(http_feed(&http, OK, sizeof OK - 1) == HTTP_MORE && until_refused("X: yyyyyyyy\r\n") <= HTTP_HEAD_MAX);
  http_reset(&http, 0);
  CHECK(http_feed(&http, CHUNKED, sizeof CHUNKED - 1) == HTTP_MORE);
  CHECK(until_refused("1;an-extension-that-has-no-end\r\nx\r\n") <= 2 * HTTP_HEAD_MAX);
  http_reset(&http, 0);
  CHECK(http_feed(&http, CHUNKED "0\r\n", sizeof CHUNKED + 2) == HTTP_MORE);
  CHECK(until_refused("X-Trailer: yyyyyyyy\r\n") <= 2 * HTTP_HEAD_MAX);
  http_reset(&http, 0);
  CHECK(http_feed(&http, CHUNKED "fffffff\r\n", sizeof CHUNKED + 8) == HTTP_REFUSED);
}

static void test_used_again (void) {
  static const char first[] = OK "Content-Length: 3\r\n\r\nabc", second[] = "HTTP/1.1 204 Nothing\r\n\r\n";
  http_reset(&http, 0);
  CHECK(feed(first, sizeof first - 1, 1) == HTTP_DONE);
  http_reset(&http, 0);
  CHECK(http_feed(&http, second, sizeof second - 1) == HTTP_DONE);
  CHECK(is_head(second) && is_body("") && http.status == 204);
}

static const char *write_request (Buffer *out, const char *method, const char *head, size_t body_len) {
  static char said[200];
  const char *field;
  HttpRequest r = {method, "/a?b", head, strlen(method), 4, strlen(head), body_len};
  buffer_reset(out, 0);
  const char *wrong = http_write_request(out, &r, &field);
  if (!wrong) return NULL;
  snprintf(said, sizeof said, "%s: %s", field, wrong);
  return said;
}

static int is_written (const Buffer *out, const char *text) {
  return out->len == strlen(text) && memcmp(out->data, text, out->len) == 0;
}

static void test_requests (void) {
  Buffer out;
  buffer_init(&out);
  CHECK(!write_request(&out, "POST", "Host: h\r\n", 2));
  CHECK(is_written(&out, "POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"));
  CHECK(!write_request(&out, "PUT", "content-length: 2\r\nHost: h\r\n", 2));
  CHECK(is_written(&out, "PUT /a?b HTTP/1.1\r\ncontent-length: 2\r\nHost: h\r\n\r\n"));
  CHECK(!write_request(&out, "GET", "Host: h\r\n", 0));
  CHECK(is_written(&out, "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n"));
  CHECK(!write_request(&out, "POST", "", 0));
  CHECK(is_written(&out, "POST /a?b HTTP/1.1\r\nContent-Length: 0\r\n\r\n"));
  CHECK(!write_request(&out, "HEAD", "", 0));
  CHECK(strncmp(write_request(&out, "HEAD", "", 1), "body: ", 6) == 0);
  CHECK(strncmp(write_request(&out, "GET /", "", 0), "method: ", 8) == 0);
  static const char *const heads[] = {
    "X: a\nY: b\r\n",
    "X: a\rb\r\n",
    "X: \1\r\n",
    "\r\n",
    "X: a",
    " folded\r\n",
    "X : a\r\n",
    "Host: a\r\nhost: b\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 2\r\nContent-Length: 2\r\n",
    "Expect: 100-continue\r\n",
    "Transfer-Encoding: chunked\r\n",
  };
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    const char *said = write_request(&out, "POST", heads[i], 2);
    CHECK(said && strncmp(said, "head: ", 6) == 0);
  }
  buffer_free(&out);
}

int main (void) {
  http_init(&http, MAX);
  test_answers();
  test_bytes_beyond_the_end();
  test_refused();
  test_cut_short();
  test_limits();
  test_used_again();
  test_requests();
  http_free(&http);
  return check_done();
}
