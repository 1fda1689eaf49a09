/*
** Reads JSON (RFC 8259) in place, token by token: no tree, no copy unless a string has escapes.
*/
#ifndef DYNAMODB_JSON_SCAN_H
#define DYNAMODB_JSON_SCAN_H

#include "buffer.h"

#pragma GCC visibility push(hidden)

typedef struct Scanner {
  const char *p, *end, *start;
  const char *error; /* what is wrong, and *p is where; NULL so far */
  Buffer *scratch;   /* a string with escapes is decoded into it */
} Scanner;

/* What is wrong, once: the first error stays. Always 0. */
int scan_fail (Scanner *s, const char *error);

/* The next character that is not a blank, or 0 at the end. */
static inline char scan_peek (Scanner *s) {
  while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
    s->p++;
  return s->p < s->end ? *s->p : 0;
}

/* Passes over `c`, which must come next but for blanks. */
static inline int scan_expect (Scanner *s, char c, const char *error) {
  if (s->p < s->end && *s->p == c) return s->p++, 1;
  if (scan_peek(s) != c || s->p == s->end) return scan_fail(s, error);
  return s->p++, 1;
}

/* The string whose opening quote is at p. `*text` is good until the next string is read. */
int scan_string (Scanner *s, const char **text, size_t *len);

/* The number at p; `*whole` when it has neither fraction nor exponent. */
int scan_number (Scanner *s, const char **text, size_t *len, int *whole);

/* true, false or null at p, given in `word`. */
int scan_word (Scanner *s, const char *word, size_t len);

/* Nothing but blanks may be left. */
int scan_end (Scanner *s);

#pragma GCC visibility pop
#endif
