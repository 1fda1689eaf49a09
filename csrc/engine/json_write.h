/*
** Writes JSON text into a buffer.
*/
#ifndef DYNAMODB_JSON_WRITE_H
#define DYNAMODB_JSON_WRITE_H

#include "buffer.h"

#pragma GCC visibility push(hidden)

/* Appends `text` as a quoted string; 0 when it is not UTF-8 (then something of it may stand in the buffer). */
int json_write_string (Buffer *b, const char *text, size_t len);

#pragma GCC visibility pop
#endif
