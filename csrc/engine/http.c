#include "http.h"

#include <strings.h>

#include "http_chars.h"

enum { KEPT = 64 * 1024 }; /* memory that is kept from one response to the next */

static const char too_large[] = "the response is larger than max_response";
static const char no_memory[] = "not enough memory for the response";
static const char head_too_large[] = "the response's head is too large";
static const char ended[] = "the connection ended in the middle of the response";

void http_init (Http *h, size_t max) {
  memset(h, 0, sizeof *h);
  h->max = max;
}

void http_free (Http *h) {
  buffer_free(&h->kept_head);
  buffer_free(&h->kept_body);
}

void http_reset (Http *h, int no_body) {
  Buffer head = h->kept_head, body = h->kept_body;
  buffer_reset(&head, KEPT);
  buffer_reset(&body, KEPT);
  http_init(h, h->max);
  h->no_body = no_body;
  h->kept_head = head;
  h->kept_body = body;
}

static int refuse (Http *h, const char *error) {
  h->error = error;
  return 0;
}

/* What has come and is not yet taken. */
typedef struct Input {
  const char *p, *end;
} Input;

static size_t rest (const Input *in) {
  return (size_t)(in->end - in->p);
}

/* {==== The head's lines ==== */

/* What the lines of a head say about where the body ends. */
typedef struct Framing {
  int minor;   /* HTTP/1.minor */
  int lengths; /* Content-Length lines */
  int codings; /* Transfer-Encoding lines */
  int close, keep;
  uint64_t length;
} Framing;

static int is_digit (char c) {
  return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK": the reason may be missing. */
static int read_status (Http *h, const char *p, const char *end, Framing *f) {
  if (end - p < 12 || memcmp(p, "HTTP/1.", 7) != 0 || !is_digit(p[7]) || p[8] != ' ')
    return refuse(h, "the response is not HTTP/1");
  if (!is_digit(p[9]) || p[9] == '0' || !is_digit(p[10]) || !is_digit(p[11]) || (end - p > 12 && p[12] != ' '))
    return refuse(h, "the response has no status");
  if (!http_are_text(p + 12, end)) return refuse(h, "the response has a control character in its status line");
  f->minor = p[7] - '0';
  h->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
  return 1;
}

static int read_length (Http *h, const char *p, const char *end, Framing *f) {
  if (f->lengths++) return refuse(h, "the response has two Content-Length lines");
  if (p == end || end - p > 19) return refuse(h, "the response has a Content-Length that is not a number");
  for (; p < end; p++) {
    if (!is_digit(*p)) return refuse(h, "the response has a Content-Length that is not a number");
    f->length = f->length * 10 + (uint64_t)(*p - '0');
  }
  return 1;
}

static int is_word (const char *p, const char *end, const char *word) {
  size_t len = strlen(word);
  return (size_t)(end - p) == len && strncasecmp(p, word, len) == 0;
}

static int read_coding (Http *h, const char *p, const char *end, Framing *f) {
  if (f->codings++) return refuse(h, "the response has two Transfer-Encoding lines");
  return is_word(p, end, "chunked") ? 1 : refuse(h, "the response has an unknown Transfer-Encoding");
}

/* A list of words. */
static void read_connection (const char *p, const char *end, Framing *f) {
  while (p < end) {
    const char *comma = memchr(p, ',', (size_t)(end - p)), *stop = comma ? comma : end, *last = stop;
    while (p < last && http_is_blank(*p))
      p++;
    while (last > p && http_is_blank(last[-1]))
      last--;
    f->close |= is_word(p, last, "close");
    f->keep |= is_word(p, last, "keep-alive");
    p = comma ? comma + 1 : end;
  }
}

/* One line without its line end. */
static int read_header (Http *h, const char *p, const char *end, Framing *f) {
  const char *name = p;
  while (p < end && http_is_token((unsigned char)*p))
    p++;
  size_t len = (size_t)(p - name);
  if (len == 0 || p == end || *p != ':') return refuse(h, "the response has a header line that is not \"Name: value\"");
  for (p++; p < end && http_is_blank(*p);)
    p++;
  while (end > p && http_is_blank(end[-1]))
    end--;
  if (!http_are_text(p, end)) return refuse(h, "the response has a control character in a header");
  if (len == 14 && strncasecmp(name, "content-length", len) == 0) return read_length(h, p, end, f);
  if (len == 17 && strncasecmp(name, "transfer-encoding", len) == 0) return read_coding(h, p, end, f);
  if (len == 10 && strncasecmp(name, "connection", len) == 0) read_connection(p, end, f);
  return 1;
}

static int read_lines (Http *h, Framing *f) {
  const char *p = h->head, *end = p + h->head_len - 2; /* before the blank line */
  for (int first = 1; p < end; first = 0) {
    const char *stop = memchr(p, '\n', (size_t)(end - p)); /* there is one: the head ends with it */
    if (stop == p || stop[-1] != '\r') return refuse(h, "the response has a line that does not end with CR LF");
    if (!(first ? read_status(h, p, stop - 1, f) : read_header(h, p, stop - 1, f))) return 0;
    p = stop + 1;
  }
  return 1;
}

/* }==== */

/* {==== The head ==== */

static const char *find_end (const char *p, const char *end) {
  for (; (p = memchr(p, '\n', (size_t)(end - p))); p++) {
    if (end - p < 3) return NULL;
    if (p[1] == '\r' && p[2] == '\n') return p + 3;
  }
  return NULL;
}

/* Garbage is refused before its end, which may never come. */
static int begins_well (Http *h, const Buffer *head, size_t old) {
  static const char beginning[] = "HTTP/1.";
  size_t known = head->len < sizeof beginning - 1 ? head->len : sizeof beginning - 1;
  if (memcmp(head->data, beginning, known) != 0) return refuse(h, "the response is not HTTP/1");
  const char *p = head->data + old;
  for (const char *end = head->data + head->len; (p = memchr(p, '\n', (size_t)(end - p))); p++)
    if (p[-1] != '\r') return refuse(h, "the response has a line that does not end with CR LF");
  return 1;
}

/* 1 when the whole head is at `h->head`. */
static int take_head (Http *h, Input *in) {
  Buffer *kept = &h->kept_head;
  size_t old = kept->len;
  const char *end;
  if (old == 0 && (end = find_end(in->p, in->end))) {
    h->head = in->p;
    h->head_len = (size_t)(end - in->p);
    in->p = end;
    return h->head_len <= HTTP_HEAD_MAX ? 1 : refuse(h, head_too_large);
  }
  size_t room = HTTP_HEAD_MAX + 1 - old, len = rest(in) < room ? rest(in) : room;
  if (!buffer_append(kept, in->p, len)) return refuse(h, no_memory);
  end = find_end(kept->data + (old < 3 ? 0 : old - 3), kept->data + kept->len);
  if (end) {
    in->p += (size_t)(end - kept->data) - old;
    h->head_len = kept->len = (size_t)(end - kept->data);
    h->head = kept->data;
    return h->head_len <= HTTP_HEAD_MAX ? 1 : refuse(h, head_too_large);
  }
  in->p += len;
  if (begins_well(h, kept, old) && kept->len > HTTP_HEAD_MAX) refuse(h, head_too_large);
  return 0;
}

/* What comes after the head. */
static int begin_body (Http *h, const Framing *f, const Input *in) {
  if (f->codings && (f->lengths || f->minor == 0))
    return refuse(h, "the response has a Transfer-Encoding beside a Content-Length, or in HTTP/1.0");
  h->keep_alive = !f->close && (f->minor > 0 || f->keep);
  h->left = f->length;
  if (h->no_body || h->status == 204 || h->status == 304)
    h->state = HTTP_OVER;
  else if (f->codings)
    h->state = HTTP_CHUNK_SIZE;
  else if (f->lengths)
    h->state = f->length ? HTTP_LENGTH : HTTP_OVER;
  else
    h->state = HTTP_UNTIL_CLOSE;
  if (h->state == HTTP_UNTIL_CLOSE || (h->status == 204 && (f->codings || f->length))) h->keep_alive = 0;
  if (h->state == HTTP_LENGTH && h->left > h->max - (h->received - rest(in))) return refuse(h, too_large);
  return 1;
}

static int read_head (Http *h, Input *in) {
  Framing f = {0};
  if (!take_head(h, in) || !read_lines(h, &f)) return 0;
  if (h->status == 101) return refuse(h, "the peer changes to a protocol that was not asked for");
  if (h->status >= 200) return begin_body(h, &f, in);
  h->head_len = h->kept_head.len = 0; /* an interim response: the real one follows */
  return 1;
}

/* }==== */

/* {==== The body ==== */

static int keep_body (Http *h, Input *in, size_t len) {
  if (!buffer_append(&h->kept_body, in->p, len)) return refuse(h, no_memory);
  in->p += len;
  return 1;
}

static int read_length_body (Http *h, Input *in) {
  size_t len = rest(in) < h->left ? rest(in) : (size_t)h->left;
  if (len == h->left && h->kept_body.len == 0) {
    h->body = in->p;
    h->body_len = len;
    in->p += len;
    h->state = HTTP_OVER;
    return 1;
  }
  if (h->kept_body.len == 0 && !buffer_reserve(&h->kept_body, (size_t)h->left)) return refuse(h, no_memory);
  if (!keep_body(h, in, len)) return 0;
  h->left -= len;
  if (h->left == 0) h->state = HTTP_OVER;
  return 1;
}

static int read_chunk_data (Http *h, Input *in) {
  size_t len = rest(in) < h->left ? rest(in) : (size_t)h->left;
  if (!keep_body(h, in, len)) return 0;
  h->left -= len;
  if (h->left == 0) h->state = HTTP_CHUNK_CR;
  return 1;
}

static int hexadecimal (char c) {
  if (is_digit(c)) return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char bad_size[] = "the response has a chunk whose size is not a number";
static const char bad_chunk[] = "the response has a chunk that does not end where it says";
static const char bad_trailer[] = "the response has trailers that are not header lines";

static int read_size (Http *h, char c) {
  int digit = hexadecimal(c);
  if (digit >= 0) {
    h->left = h->left * 16 + (uint64_t)digit;
    if (++h->digits > 15) return refuse(h, bad_size);
    return h->left <= h->max ? 1 : refuse(h, too_large);
  }
  if (h->digits == 0) return refuse(h, bad_size);
  if (c == '\r')
    h->state = HTTP_CHUNK_SIZE_END;
  else if (c == ';')
    h->state = HTTP_CHUNK_EXTENSION;
  else if (http_is_blank(c))
    h->state = HTTP_CHUNK_BLANK;
  else
    return refuse(h, bad_size);
  return 1;
}

static int become (Http *h, int expected, HttpState next, const char *error) {
  h->state = next;
  return expected ? 1 : refuse(h, error);
}

/* One byte of the framing of chunks. */
static int read_framing (Http *h, char c) {
  switch (h->state) {
    case HTTP_CHUNK_SIZE: return read_size(h, c);
    case HTTP_CHUNK_BLANK: return http_is_blank(c) ? 1 : become(h, c == ';', HTTP_CHUNK_EXTENSION, bad_size);
    case HTTP_CHUNK_EXTENSION:
      return http_is_text((unsigned char)c) ? 1 : become(h, c == '\r', HTTP_CHUNK_SIZE_END, bad_size);
    case HTTP_CHUNK_SIZE_END:
      h->digits = 0;
      return become(h, c == '\n', h->left ? HTTP_CHUNK_DATA : HTTP_TRAILER, bad_size);
    case HTTP_CHUNK_CR: return become(h, c == '\r', HTTP_CHUNK_LF, bad_chunk);
    case HTTP_CHUNK_LF: return become(h, c == '\n', HTTP_CHUNK_SIZE, bad_chunk);
    case HTTP_TRAILER:
      if (c == '\r') return become(h, 1, HTTP_LAST_LF, NULL);
      return become(h, http_is_token((unsigned char)c), HTTP_TRAILER_NAME, bad_trailer);
    case HTTP_TRAILER_NAME:
      return http_is_token((unsigned char)c) ? 1 : become(h, c == ':', HTTP_TRAILER_VALUE, bad_trailer);
    case HTTP_TRAILER_VALUE:
      return http_is_text((unsigned char)c) ? 1 : become(h, c == '\r', HTTP_TRAILER_LF, bad_trailer);
    case HTTP_TRAILER_LF: return become(h, c == '\n', HTTP_TRAILER, bad_trailer);
    default: return become(h, c == '\n', HTTP_OVER, bad_trailer); /* HTTP_LAST_LF */
  }
}

/* Are these bytes that carry no data? Only so many are put up with. */
static int is_extra (HttpState state) {
  return state == HTTP_CHUNK_BLANK || state == HTTP_CHUNK_EXTENSION || state >= HTTP_TRAILER;
}

/* }==== */

static int step (Http *h, Input *in) {
  switch (h->state) {
    case HTTP_HEAD: return read_head(h, in);
    case HTTP_LENGTH: return read_length_body(h, in);
    case HTTP_UNTIL_CLOSE: return keep_body(h, in, rest(in));
    case HTTP_CHUNK_DATA: return read_chunk_data(h, in);
    default:
      if (is_extra(h->state) && ++h->extra > HTTP_HEAD_MAX) return refuse(h, "the response's chunks are not worth it");
      return read_framing(h, *in->p++);
  }
}

static HttpResult finish (Http *h, const Input *in) {
  if (h->kept_head.len) h->head = h->kept_head.data;
  if (h->kept_body.len) {
    h->body = h->kept_body.data;
    h->body_len = h->kept_body.len;
  }
  if (rest(in)) h->keep_alive = 0;
  return HTTP_DONE;
}

HttpResult http_feed (Http *h, const char *bytes, size_t len) {
  Input in = {bytes, bytes + len};
  h->received += len;
  if (h->received > h->max) h->error = too_large;
  while (!h->error && in.p < in.end && h->state != HTTP_OVER)
    if (!step(h, &in)) break;
  if (h->error) return HTTP_REFUSED;
  if (h->state == HTTP_OVER) return finish(h, &in);
  /* What was found in these bytes is still wanted when they are gone. */
  if (h->head_len && !h->kept_head.len && !buffer_append(&h->kept_head, h->head, h->head_len)) h->error = no_memory;
  return h->error ? HTTP_REFUSED : HTTP_MORE;
}

HttpResult http_end (Http *h) {
  Input none = {0};
  if (h->error || h->state != HTTP_UNTIL_CLOSE) {
    if (!h->error) h->error = ended;
    return HTTP_REFUSED;
  }
  return finish(h, &none);
}
