/*
** Reads an expression text (a condition or an update) token by token, in one pass and without memory of its own. It
** knows words, not the grammar: that is the service's.
*/
#ifndef DYNAMODB_EXPRESSION_SCAN_H
#define DYNAMODB_EXPRESSION_SCAN_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

typedef enum ExpressionKind { EXPRESSION_CONDITION, EXPRESSION_UPDATE } ExpressionKind;

typedef enum ExpressionTokenKind {
  TOKEN_NONE,
  TOKEN_NAME,     /* of an attribute, as it stands in the text */
  TOKEN_ALIAS,    /* #name */
  TOKEN_VALUE,    /* :value */
  TOKEN_POSITION, /* the digits of [n] */
  TOKEN_FUNCTION, /* without its parenthesis */
  TOKEN_KEYWORD,  /* known ones in capitals */
  TOKEN_OPERATOR, /* = <> < <= > >= + - */
  TOKEN_DOT,
  TOKEN_COMMA,
  TOKEN_OPEN,
  TOKEN_CLOSE
} ExpressionTokenKind;

typedef struct ExpressionToken {
  ExpressionTokenKind kind;
  const char *text; /* in the text that is read, or a constant */
  size_t len;
  size_t at;    /* where it begins in the text */
  int operates; /* does it count as an operator or a function? */
} ExpressionToken;

typedef struct ExpressionScan {
  const char *text;
  size_t len, at;
  ExpressionKind kind;
  ExpressionTokenKind last;
  size_t open, opened; /* parentheses, and where the outermost of them is */
  size_t betweens;     /* that still wait for their AND */
  const char *error;   /* what is wrong, and `at` is where; NULL so far */
} ExpressionScan;

void expression_scan_init (ExpressionScan *s, const char *text, size_t len, ExpressionKind kind);

/* 1 with the next token, 0 at the end or when something is wrong. */
int expression_scan_next (ExpressionScan *s, ExpressionToken *token);

#pragma GCC visibility pop
#endif
