/*
** The reader of expression texts on any bytes: its tokens are the text in its order, nothing between them but blanks,
** and written one after the other they are read as the same.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/buffer.h"
#include "engine/expression_scan.h"

#define CHECK(condition) \
  do \
    if (!(condition)) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort(); \
  while (0)

static int is_blank (char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where the token ends in the text: a position's brackets are not part of it. */
static size_t end_of (const char *text, const ExpressionToken *token) {
  if (token->kind != TOKEN_POSITION) return token->at + token->len;
  const char *end = token->text + token->len;
  for (; *end != ']'; end++)
    CHECK(is_blank(*end));
  return (size_t)(end + 1 - text);
}

static void write_token (Buffer *out, const ExpressionToken *token) {
  if (token->kind == TOKEN_POSITION) buffer_byte(out, '[');
  buffer_append(out, token->text, token->len);
  if (token->kind == TOKEN_POSITION) buffer_byte(out, ']');
  buffer_byte(out, ' ');
}

/* Writes the tokens of a text, apart by blanks, and counts what operates; 0 when it is refused. */
static int rewrite (const char *text, size_t size, ExpressionKind kind, Buffer *out, size_t *operators) {
  ExpressionScan s;
  ExpressionToken token;
  size_t end = 0;
  expression_scan_init(&s, text, size, kind);
  for (*operators = 0; expression_scan_next(&s, &token); *operators += (size_t)token.operates) {
    CHECK(token.kind > TOKEN_NONE && token.kind <= TOKEN_CLOSE && token.len > 0);
    CHECK(token.at >= end && token.at < size);
    for (; end < token.at; end++)
      CHECK(is_blank(text[end]));
    end = end_of(text, &token);
    CHECK(end <= size);
    write_token(out, &token);
  }
  CHECK(s.error ? s.at <= size : s.at == size);
  return !s.error;
}

static void check_kind (const char *text, size_t size, ExpressionKind kind) {
  Buffer once, twice;
  size_t operators, again;
  buffer_init(&once), buffer_init(&twice);
  if (rewrite(text, size, kind, &once, &operators)) {
    CHECK(rewrite(once.data, once.len, kind, &twice, &again));
    CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0 && operators == again);
  }
  buffer_free(&once), buffer_free(&twice);
}

int LLVMFuzzerTestOneInput (const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput (const unsigned char *data, size_t size) {
  char *copy = malloc(size ? size : 1); /* of its own, so that a read beyond the end is seen */
  CHECK(copy);
  if (size) memcpy(copy, data, size);
  check_kind(copy, size, EXPRESSION_CONDITION);
  check_kind(copy, size, EXPRESSION_UPDATE);
  free(copy);
  return 0;
}
