#include "engine/expression_scan.h"

#include <stdlib.h>
#include <string.h>

#include "../support/check.h"

/* One letter a kind, in the order of ExpressionTokenKind. */
static const char letters[] = "?navifko.,()";

typedef struct Result {
  char kinds[64];  /* a letter for each token */
  char texts[256]; /* the tokens, each with a bar behind it */
  int operators;
  const char *error;
  size_t at;
} Result;

/* Scans `text`, copied into memory of its very size so that the sanitizer sees a step beyond it. */
static Result scan (const char *text, size_t len, ExpressionKind kind) {
  Result r = {0};
  ExpressionScan s;
  ExpressionToken token;
  char *copy = malloc(len ? len : 1);
  size_t count = 0, used = 0;
  memcpy(copy, text, len);
  expression_scan_init(&s, copy, len, kind);
  while (expression_scan_next(&s, &token)) {
    if (count + 1 < sizeof r.kinds) r.kinds[count++] = letters[token.kind];
    if (used + token.len + 1 < sizeof r.texts) {
      memcpy(r.texts + used, token.text, token.len);
      used += token.len;
      r.texts[used++] = '|';
    }
    r.operators += token.operates;
  }
  r.error = s.error;
  r.at = s.at;
  free(copy);
  return r;
}

static Result condition (const char *text) {
  return scan(text, strlen(text), EXPRESSION_CONDITION);
}

static Result update (const char *text) {
  return scan(text, strlen(text), EXPRESSION_UPDATE);
}

static int is (Result r, const char *kinds, const char *texts) {
  return !r.error && strcmp(r.kinds, kinds) == 0 && strcmp(r.texts, texts) == 0;
}

/* Refused at byte `at`, counted from 0, with a message that has `part` in it? */
static int refused (Result r, size_t at, const char *part) {
  return r.error && r.at == at && strstr(r.error, part);
}

static void reads_every_kind_of_token (void) {
  CHECK(is(condition("a"), "n", "a|"));
  CHECK(is(condition("\t_a9 \r\n"), "n", "_a9|"));
  CHECK(is(condition("#a_1=:b"), "aov", "#a_1|=|:b|"));
  CHECK(is(condition("a<b<>c<=d>e>=f=g"), "nonononononon", "a|<|b|<>|c|<=|d|>|e|>=|f|=|g|"));
  CHECK(is(condition("a . b[0] [ 12 ].#c"), "n.nii.a", "a|.|b|0|12|.|#c|"));
  CHECK(is(condition("size (a)>:n"), "f(n)ov", "size|(|a|)|>|:n|"));
  CHECK(is(condition("a IN (:a, :b)"), "nk(v,v)", "a|IN|(|:a|,|:b|)|"));
}

static void keywords_stand_where_no_operand_can (void) {
  CHECK(is(condition("not a = b and c between :x and :y or d in(:z)"), "knonknkvkvknk(v)",
           "NOT|a|=|b|AND|c|BETWEEN|:x|AND|:y|OR|d|IN|(|:z|)|"));
  CHECK(is(condition("in = :a And or = :b"), "novknov", "in|=|:a|AND|or|=|:b|"));
  CHECK(is(condition("a.not = :a"), "n.nov", "a|.|not|=|:a|"));
  CHECK(is(condition("a = :a ANDY b"), "novkn", "a|=|:a|ANDY|b|"));
  CHECK(is(update("set a = :a, set = :b remove add, delete ADD remove :c delete set :d"), "knov,novkn,nknvknv",
           "SET|a|=|:a|,|set|=|:b|REMOVE|add|,|delete|ADD|remove|:c|DELETE|set|:d|"));
  CHECK(is(update("SET not = if_not_exists(not, :a) - :b REMOVE c[1]"), "knof(n,v)ovkni",
           "SET|not|=|if_not_exists|(|not|,|:a|)|-|:b|REMOVE|c|1|"));
}

static void counts_operators_and_functions (void) {
  CHECK(condition("a").operators == 0);
  CHECK(condition("a = b AND NOT c <> d OR e IN (f)").operators == 6);
  CHECK(condition("a BETWEEN :a AND :b").operators == 1);
  CHECK(condition("a BETWEEN :a AND :b AND c BETWEEN :c AND :d AND e").operators == 4);
  CHECK(condition("size(a) > :n").operators == 2);
  CHECK(update("SET a = :val1 + :val2 + :val3").operators == 2);
  CHECK(update("SET a = list_append(a, :x) REMOVE b ADD c :c DELETE d :d").operators == 1);
}

static void refuses_literals (void) {
  CHECK(refused(condition("a = 5"), 4, "a literal") && refused(condition("a > -5"), 5, "a literal"));
  CHECK(refused(condition("a = 1.5"), 4, "a literal") && refused(condition("5"), 0, "a literal"));
  CHECK(refused(condition("a = \"x\""), 4, "a literal") && refused(condition("a = 'x'"), 4, "a literal"));
  CHECK(refused(condition("a = TRUE"), 4, "a literal") && refused(condition("a = false"), 4, "a literal"));
  CHECK(refused(update("SET a = null"), 8, "a literal"));
  CHECK(is(condition("a.true = :t"), "n.nov", "a|.|true|=|:t|"));
  CHECK(is(condition("truest = :t"), "nov", "truest|=|:t|"));
}

static void refuses_what_is_no_name (void) {
  CHECK(refused(condition("1a = :x"), 0, "begin with a digit") && refused(condition("a.0 = :x"), 2, "with a digit"));
  CHECK(refused(condition("na\xC3\xAFve = :x"), 2, "only A-Z"));
  CHECK(refused(condition("# = :x"), 0, "# without") && refused(condition("a = :"), 4, ": without"));
  CHECK(refused(condition("a != :x"), 2, "means nothing") && refused(condition("a = :x;"), 6, "means nothing"));
  CHECK(refused(scan("a\0b", 3, EXPRESSION_CONDITION), 1, "means nothing"));
}

static void refuses_what_does_not_balance (void) {
  CHECK(refused(condition("a = b) AND (c"), 5, "not opened") && refused(condition(")"), 0, "not opened"));
  CHECK(refused(condition("(a) AND (b AND (c)"), 8, "not closed") && refused(condition("("), 0, "not closed"));
  CHECK(refused(condition("a]"), 1, "not opened") && refused(condition("a[0"), 1, "not closed"));
  CHECK(refused(condition("a["), 1, "not closed") && refused(condition("a[0 "), 1, "not closed"));
  CHECK(refused(condition("a[]"), 1, "[0]") && refused(condition("a[-1]"), 1, "[0]"));
  CHECK(refused(condition("a[#n]"), 1, "[0]") && refused(condition("a[0,1]"), 1, "[0]"));
  CHECK(refused(condition("a[1234567890]"), 1, "no list") && !condition("a[123456789]").error);
}

static void refuses_an_empty_text (void) {
  CHECK(refused(condition(""), 0, "empty") && refused(update(" \n\t"), 0, "empty"));
}

static void stays_where_it_failed (void) {
  ExpressionScan s;
  ExpressionToken token;
  expression_scan_init(&s, "a ? b", 5, EXPRESSION_CONDITION);
  CHECK(expression_scan_next(&s, &token) && !expression_scan_next(&s, &token) && !expression_scan_next(&s, &token));
  CHECK(s.at == 2 && s.error);
}

/* Nesting is a number, not a stack. */
static void bears_any_depth (void) {
  size_t depth = 1000000;
  char *text = malloc(2 * depth + 1);
  ExpressionScan s;
  ExpressionToken token;
  memset(text, '(', depth);
  text[depth] = 'a';
  memset(text + depth + 1, ')', depth);
  expression_scan_init(&s, text, 2 * depth + 1, EXPRESSION_CONDITION);
  size_t count = 0;
  while (expression_scan_next(&s, &token))
    count++;
  CHECK(!s.error && count == 2 * depth + 1);
  free(text);
}

int main (void) {
  reads_every_kind_of_token();
  keywords_stand_where_no_operand_can();
  counts_operators_and_functions();
  refuses_literals();
  refuses_what_is_no_name();
  refuses_what_does_not_balance();
  refuses_an_empty_text();
  stays_where_it_failed();
  bears_any_depth();
  return check_done();
}
