#include "expression_scan.h"

#include <string.h>

#define USE_VALUE "a literal cannot stand in an expression: write :name and give it in values"
#define USE_ALIAS "write #name and give it in names"
#define MAX_POSITION_DIGITS 9 /* no list is longer: an item has at most 400 KB */

void expression_scan_init (ExpressionScan *s, const char *text, size_t len, ExpressionKind kind) {
  memset(s, 0, sizeof *s);
  s->text = text;
  s->len = len;
  s->kind = kind;
}

/* {== Characters == */

static int is_digit (char c) {
  return c >= '0' && c <= '9';
}

static int is_letter (char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int is_blank (char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The character at s->at, or 0 at the end; a NUL in the text has no meaning either. */
static char peek (const ExpressionScan *s) {
  return s->at < s->len ? s->text[s->at] : 0;
}

static void skip_blanks (ExpressionScan *s) {
  while (s->at < s->len && is_blank(s->text[s->at]))
    s->at++;
}

static void skip_word (ExpressionScan *s) {
  while (s->at < s->len && (is_letter(s->text[s->at]) || is_digit(s->text[s->at])))
    s->at++;
}

static int fail (ExpressionScan *s, size_t at, const char *error) {
  s->at = at;
  s->error = error;
  return 0;
}

/* ==} */

/* {== Words == */

static char upper (char c) {
  return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

/* The one of `words` that the `len` bytes at `text` are in any case, or NULL. */
static const char *find_word (const char *const *words, const char *text, size_t len) {
  for (; *words; words++) {
    size_t i = 0;
    while (i < len && upper(text[i]) == (*words)[i])
      i++;
    if (i == len && !(*words)[i]) return *words;
  }
  return NULL;
}

/* Can what was read last be a whole operand? Then a word is a keyword; else it is a name or a function. */
static int ends_operand (ExpressionTokenKind last) {
  return last == TOKEN_NAME || last == TOKEN_ALIAS || last == TOKEN_VALUE || last == TOKEN_POSITION ||
         last == TOKEN_CLOSE;
}

/*
** A keyword counts as an operator but for the clauses of an update and the AND of a BETWEEN. Source of what counts: the
** example beside the quota of 300 (SET a = :val1 + :val2 + :val3 has two).
*/
static void set_keyword (ExpressionScan *s, ExpressionToken *token) {
  static const char *const words[] = {"AND", "OR", "NOT", "BETWEEN", "IN", NULL};
  static const char *const clauses[] = {"SET", "REMOVE", "ADD", "DELETE", NULL};
  const char *known = find_word(s->kind == EXPRESSION_UPDATE ? clauses : words, token->text, token->len);
  token->kind = TOKEN_KEYWORD;
  if (!known) return; /* misspelt, or newer than this */
  token->text = known;
  if (s->kind == EXPRESSION_UPDATE) return;
  token->operates = !(known == words[0] && s->betweens);
  if (!token->operates)
    s->betweens--;
  else if (known == words[3])
    s->betweens++;
}

static int read_word (ExpressionScan *s, ExpressionToken *token) {
  static const char *const prefix[] = {"NOT", NULL};
  static const char *const literals[] = {"TRUE", "FALSE", "NULL", NULL};
  int begins = s->last == TOKEN_NONE;
  skip_word(s);
  token->len = s->at - token->at;
  token->kind = TOKEN_NAME;
  if (s->last == TOKEN_DOT) return 1;
  if (ends_operand(s->last) || (begins && s->kind == EXPRESSION_UPDATE) ||
      (s->kind == EXPRESSION_CONDITION && find_word(prefix, token->text, token->len))) {
    set_keyword(s, token);
    return 1;
  }
  size_t end = s->at;
  skip_blanks(s);
  if (peek(s) == '(') {
    token->kind = TOKEN_FUNCTION;
    token->operates = 1;
  } else if (find_word(literals, token->text, token->len)) {
    return fail(s, token->at, USE_VALUE " (an attribute of that name: #name, in names)");
  }
  s->at = end;
  return 1;
}

/* A digit outside of [n] begins a number, or a word that looks like a name. */
static int refuse_digit (ExpressionScan *s, size_t at) {
  while (is_digit(peek(s)))
    s->at++;
  if (s->last == TOKEN_DOT || is_letter(peek(s)))
    return fail(s, at, "a name in a text cannot begin with a digit: " USE_ALIAS);
  return fail(s, at, USE_VALUE);
}

/* #name or :value */
static int read_placeholder (ExpressionScan *s, ExpressionToken *token) {
  int is_alias = *token->text == '#';
  s->at++;
  skip_word(s);
  token->len = s->at - token->at;
  token->kind = is_alias ? TOKEN_ALIAS : TOKEN_VALUE;
  if (token->len > 1) return 1;
  return fail(s, token->at, is_alias ? "# without a name" : ": without a name");
}

/* ==} */

/* {== Marks == */

static int read_position (ExpressionScan *s, ExpressionToken *token) {
  s->at++;
  skip_blanks(s);
  token->text = s->text + s->at;
  size_t from = s->at;
  while (is_digit(peek(s)))
    s->at++;
  token->len = s->at - from;
  token->kind = TOKEN_POSITION;
  skip_blanks(s);
  if (s->at == s->len) return fail(s, token->at, "a bracket is not closed");
  if (!token->len || peek(s) != ']') return fail(s, token->at, "a position in a list is written as digits: [0]");
  if (token->len > MAX_POSITION_DIGITS) return fail(s, token->at, "no list has such a position");
  s->at++;
  return 1;
}

static int read_operator (ExpressionScan *s, ExpressionToken *token) {
  char c = s->text[s->at++];
  if ((c == '<' && (peek(s) == '>' || peek(s) == '=')) || (c == '>' && peek(s) == '=')) s->at++;
  token->len = s->at - token->at;
  token->kind = TOKEN_OPERATOR;
  token->operates = c != '=' || s->kind == EXPRESSION_CONDITION; /* an update's assigns */
  return 1;
}

static int read_parenthesis (ExpressionScan *s, ExpressionToken *token) {
  int opens = s->text[s->at] == '(';
  if (opens && !s->open++) s->opened = s->at;
  if (!opens && !s->open--) return fail(s, token->at, "a parenthesis is closed that was not opened");
  s->at++;
  token->kind = opens ? TOKEN_OPEN : TOKEN_CLOSE;
  return 1;
}

static int read_mark (ExpressionScan *s, ExpressionToken *token, ExpressionTokenKind kind) {
  s->at++;
  token->kind = kind;
  return 1;
}

/* ==} */

static int read_token (ExpressionScan *s, ExpressionToken *token) {
  char c = peek(s);
  if (is_letter(c)) return read_word(s, token);
  if (is_digit(c)) return refuse_digit(s, token->at);
  switch (c) {
    case '#':
    case ':': return read_placeholder(s, token);
    case '[': return read_position(s, token);
    case '=':
    case '<':
    case '>':
    case '+':
    case '-': return read_operator(s, token);
    case '(':
    case ')': return read_parenthesis(s, token);
    case '.': return read_mark(s, token, TOKEN_DOT);
    case ',': return read_mark(s, token, TOKEN_COMMA);
    case ']': return fail(s, token->at, "a bracket is closed that was not opened");
    case '"':
    case '\'': return fail(s, token->at, USE_VALUE);
  }
  if ((unsigned char)c >= 0x80) return fail(s, token->at, "a name in a text has only A-Z, a-z, 0-9 and _: " USE_ALIAS);
  return fail(s, token->at, "a character that means nothing here");
}

int expression_scan_next (ExpressionScan *s, ExpressionToken *token) {
  if (s->error) return 0;
  skip_blanks(s);
  if (s->at == s->len) {
    if (s->last == TOKEN_NONE) return fail(s, 0, "the text is empty");
    return s->open ? fail(s, s->opened, "a parenthesis is not closed") : 0;
  }
  *token = (ExpressionToken){TOKEN_NONE, s->text + s->at, 1, s->at, 0};
  if (!read_token(s, token)) return 0;
  s->last = token->kind;
  return 1;
}
