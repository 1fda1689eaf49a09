/*
** Base64 with padding (RFC 4648 §4), as binary values travel in JSON.
*/
#ifndef DYNAMODB_BASE64_H
#define DYNAMODB_BASE64_H

#include "buffer.h"

#pragma GCC visibility push(hidden)

/* Appends the base64 of `bytes`; 0 when memory is out. */
int base64_encode (Buffer *b, const char *bytes, size_t len);

/* Room that decoding `len` characters may need. */
#define base64_room(len) ((len) / 4 * 3)

/* Decodes into `out`; gives the number of bytes, or -1 when `text` is not base64. */
long base64_decode (const char *text, size_t len, char *out);

#pragma GCC visibility pop
#endif
