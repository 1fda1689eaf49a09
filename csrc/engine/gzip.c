#include "gzip.h"

#define GZIP (16 + MAX_WBITS) /* zlib's way to say that there is a gzip header */
#define PIECE 16384

int deflater_open (Deflater *d, int level) {
  memset(d, 0, sizeof *d);
  d->open = deflateInit2(&d->stream, level, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  return d->open;
}

void deflater_close (Deflater *d) {
  if (d->open) deflateEnd(&d->stream);
  d->open = 0;
}

/* Deflates what is in `stream` until its input is used up, or until the end is written. */
static const char *deflate_all (Deflater *d, Buffer *out, int flush) {
  int status = Z_OK;
  do {
    char *room = buffer_reserve(out, PIECE);
    if (!room) return "out of memory";
    d->stream.next_out = (Bytef *)room;
    d->stream.avail_out = PIECE;
    status = deflate(&d->stream, flush);
    out->len += PIECE - d->stream.avail_out;
  } while (d->stream.avail_out == 0);
  return status == Z_STREAM_ERROR ? "the stream is damaged" : NULL;
}

const char *deflater_write (Deflater *d, Buffer *out, const void *bytes, size_t len) {
  if (len > UINT32_MAX) return "too long";
  d->stream.next_in = (z_const Bytef *)(uintptr_t)bytes;
  d->stream.avail_in = (uInt)len;
  return deflate_all(d, out, Z_NO_FLUSH);
}

const char *deflater_finish (Deflater *d, Buffer *out) {
  d->stream.avail_in = 0;
  const char *error = deflate_all(d, out, Z_FINISH);
  return error ? error : deflateReset(&d->stream) == Z_OK ? NULL : "out of memory";
}

int inflater_open (Inflater *i) {
  memset(i, 0, sizeof *i);
  i->open = inflateInit2(&i->stream, GZIP) == Z_OK;
  return i->open;
}

void inflater_close (Inflater *i) {
  if (i->open) inflateEnd(&i->stream);
  i->open = 0;
}

/* Inflates one piece of output. */
static const char *inflate_piece (Inflater *i, Buffer *out) {
  char *room = buffer_reserve(out, PIECE);
  if (!room) return "out of memory";
  i->stream.next_out = (Bytef *)room;
  i->stream.avail_out = PIECE;
  int status = inflate(&i->stream, Z_NO_FLUSH);
  out->len += PIECE - i->stream.avail_out;
  if (status == Z_STREAM_END) {
    i->inside = 0;
    return inflateReset(&i->stream) == Z_OK ? NULL : "out of memory";
  }
  i->inside = 1;
  if (status == Z_MEM_ERROR) return "out of memory";
  return status == Z_OK || status == Z_BUF_ERROR ? NULL : "not gzip, or damaged";
}

const char *inflater_read (Inflater *i, Buffer *out, const void *bytes, size_t len) {
  if (len > UINT32_MAX) return "too long";
  i->stream.next_in = (z_const Bytef *)(uintptr_t)bytes;
  i->stream.avail_in = (uInt)len;
  /* A full piece of output may leave some behind that needs no further input. */
  i->stream.avail_out = 1;
  while (i->stream.avail_in > 0 || (i->inside && i->stream.avail_out == 0)) {
    const char *error = inflate_piece(i, out);
    if (error) return error;
  }
  return NULL;
}
