/*
** UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF.
*/
#ifndef DYNAMODB_UTF8_H
#define DYNAMODB_UTF8_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

/* Length of the valid character that starts at `s` (1 to 4), 0 when there is none before `end`. */
size_t utf8_length (const unsigned char *s, const unsigned char *end);

/* Are these bytes UTF-8? */
int utf8_valid (const char *s, size_t len);

/* Writes the character `code` (not a surrogate, at most 0x10FFFF); gives its length. */
size_t utf8_encode (unsigned code, char out[4]);

#pragma GCC visibility pop
#endif
