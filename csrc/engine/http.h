/*
** An HTTP/1.x response out of the bytes of a connection, however they are cut. Strict: what two readers could
** understand differently is refused. Source: RFC 9112, "Message Body Length" and "Obsolete Line Folding"; RFC 9110,
** "Field Syntax".
*/
#ifndef DYNAMODB_HTTP_H
#define DYNAMODB_HTTP_H

#include "buffer.h"

#pragma GCC visibility push(hidden)

enum { HTTP_HEAD_MAX = 64 * 1024 }; /* bytes of a head, and of all that chunks carry beside their data */

typedef enum HttpResult { HTTP_MORE, HTTP_DONE, HTTP_REFUSED } HttpResult;

typedef enum HttpState {
  HTTP_HEAD,
  HTTP_LENGTH,      /* a body of `left` more bytes */
  HTTP_UNTIL_CLOSE, /* a body that ends with the connection */
  HTTP_CHUNK_SIZE,
  HTTP_CHUNK_BLANK, /* blanks before a chunk's extension */
  HTTP_CHUNK_EXTENSION,
  HTTP_CHUNK_SIZE_END, /* CR was read, LF is to come */
  HTTP_CHUNK_DATA,
  HTTP_CHUNK_CR,
  HTTP_CHUNK_LF,
  HTTP_TRAILER, /* at the beginning of a line */
  HTTP_TRAILER_NAME,
  HTTP_TRAILER_VALUE,
  HTTP_TRAILER_LF,
  HTTP_LAST_LF,
  HTTP_OVER
} HttpState;

typedef struct Http {
  size_t max;  /* bytes that a response may have in all */
  int no_body; /* it answers a HEAD */
  HttpState state;
  size_t received;
  uint64_t left;               /* of the body or of the chunk */
  size_t digits;               /* of the chunk's size */
  size_t extra;                /* bytes of chunk extensions and trailers */
  Buffer kept_head, kept_body; /* what did not come in one piece */

  /* When it is done: the spans are in the bytes that were fed last, or in what was kept. */
  int status;
  int keep_alive; /* may another request go over this connection? */
  const char *head, *body;
  size_t head_len, body_len;

  const char *error; /* when it is refused */
} Http;

void http_init (Http *h, size_t max);
void http_free (Http *h);

/* Makes it ready for the next response; the spans of the last one are gone. */
void http_reset (Http *h, int no_body);

/*
** Takes the connection's next bytes. Interim responses are left out, and so are trailers. Bytes beyond the response
** mean that the connection cannot be used again.
*/
HttpResult http_feed (Http *h, const char *bytes, size_t len);

/* The connection has ended. */
HttpResult http_end (Http *h);

#pragma GCC visibility pop
#endif
