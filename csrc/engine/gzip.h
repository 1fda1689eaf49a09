/*
** gzip as a stream, both ways: what goes in is handed over in pieces, what comes out is appended to a buffer, and the
** memory held is the same whatever the length. Several gzip members in a row are one stream.
*/
#ifndef DYNAMODB_GZIP_H
#define DYNAMODB_GZIP_H

#include <zlib.h>

#include "buffer.h"

#pragma GCC visibility push(hidden)

typedef struct Deflater {
  z_stream stream;
  int open; /* until it is finished */
} Deflater;

typedef struct Inflater {
  z_stream stream;
  int open;
  int inside; /* a member has begun and has not ended */
} Inflater;

int deflater_open (Deflater *d, int level); /* 0 when memory is out */
void deflater_close (Deflater *d);

/* Takes bytes in; appends what is ready. NULL, or what is wrong. */
const char *deflater_write (Deflater *d, Buffer *out, const void *bytes, size_t len);

/* Ends the member: appends what is left of it. The next bytes begin another one. */
const char *deflater_finish (Deflater *d, Buffer *out);

int inflater_open (Inflater *i); /* 0 when memory is out */
void inflater_close (Inflater *i);

/* Takes bytes in; appends what they inflate to. NULL, or what is wrong. */
const char *inflater_read (Inflater *i, Buffer *out, const void *bytes, size_t len);

#pragma GCC visibility pop
#endif
