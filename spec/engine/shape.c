#include "engine/shape.h"

#include <stdlib.h>
#include <string.h>

#include "../support/check.h"

typedef struct Compiled {
  char *text;
  Shape *nodes; /* as many as shape_room says, for the sanitizer to watch */
  const char *error;
} Compiled;

static Compiled compile (const char *text, size_t len) {
  Compiled c = {malloc(len ? len : 1), malloc(shape_room(text, len) * sizeof(Shape)), NULL};
  memcpy(c.text, text, len);
  c.error = shape_compile(c.text, len, c.nodes);
  return c;
}

static void release (Compiled *c) {
  free(c->text);
  free(c->nodes);
}

static int compiles (const char *text) {
  Compiled c = compile(text, strlen(text));
  int ok = c.error == NULL;
  release(&c);
  return ok;
}

static const Shape *member (const Compiled *c, const Shape *of, const char *name) {
  return shape_member(c->nodes, c->text, of, name, strlen(name));
}

static void builds_a_tree (void) {
  const char *text = "(Plain,Key i,List [v],Map {[(A i,B)]},Last v)";
  Compiled c = compile(text, strlen(text));
  CHECK(c.error == NULL && c.nodes[0].kind == SHAPE_STRUCTURE);
  const Shape *map = member(&c, c.nodes, "Map");
  CHECK(member(&c, c.nodes, "Plain")->kind == SHAPE_PLAIN && member(&c, c.nodes, "Key")->kind == SHAPE_ITEM);
  CHECK(member(&c, c.nodes, "List")->kind == SHAPE_LIST &&
        c.nodes[member(&c, c.nodes, "List")->child].kind == SHAPE_VALUE);
  CHECK(map->kind == SHAPE_MAP && c.nodes[map->child].kind == SHAPE_LIST);
  const Shape *inner = &c.nodes[c.nodes[map->child].child];
  CHECK(inner->kind == SHAPE_STRUCTURE && member(&c, inner, "A")->kind == SHAPE_ITEM);
  CHECK(member(&c, inner, "B")->kind == SHAPE_PLAIN && member(&c, inner, "Key") == NULL);
  CHECK(member(&c, c.nodes, "Last")->kind == SHAPE_VALUE && member(&c, c.nodes, "Las") == NULL);
  CHECK(member(&c, c.nodes, "") == NULL && member(&c, c.nodes, "Lasts") == NULL);
  release(&c);
}

static void takes_empty_contents_and_blanks (void) {
  CHECK(compiles("v") && compiles("i") && compiles("[]") && compiles("{}") && compiles("[[]]") && compiles("{{v}}"));
  CHECK(compiles(" ( A , B i ,\nC [ v ] ) ") && compiles("(A)") && compiles("(A{},B[])") && compiles("(A (B (C v)))"));
}

static void refuses_other_texts (void) {
  static const char *const bad[] = {"",     " ",    "x",   "(",     ")",  "()",  "(A",  "(A,",  "(A,)",
                                    "(,A)", "(A i", "[",   "[v",    "{i", "]",   "v v", "(A))", "(A i v)",
                                    "[vv]", "[)",   "(é)", "(a-b)", "vi", "[v}", "A"};
  char text[70000];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(!compiles(bad[i]));
  memset(text, '[', sizeof text);
  for (size_t len = 1; len < 100; len++) {
    Compiled c = compile(text, len);
    CHECK(c.error != NULL);
    release(&c);
  }
  memset(text, 'a', sizeof text);
  text[0] = '(';
  for (size_t i = 2; i + 1 < sizeof text; i += 2)
    text[i] = ',';
  text[sizeof text - 1] = ')';
  Compiled long_one = compile(text, sizeof text);
  CHECK(long_one.error != NULL);
  release(&long_one);
  text[65534] = ')'; /* as many members as there can be */
  text[65533] = 'b';
  Compiled full = compile(text, 65535);
  CHECK(full.error == NULL || full.nodes[0].kind == SHAPE_STRUCTURE);
  release(&full);
}

static int near (const char *known, const char *name) {
  char text[64];
  snprintf(text, sizeof text, "(%s)", known);
  Compiled c = compile(text, strlen(text));
  int found = shape_near_miss(c.nodes, c.text, c.nodes, name, strlen(name)) != NULL;
  release(&c);
  return found;
}

static void finds_what_was_probably_meant (void) {
  static const char *const meant[] = {"tableName",  "TABLENAME",  "TabelName",  "TableNam",  "ableName",
                                      "TableName1", "xTableName", "TablexName", "TableNaem", "TbaleName",
                                      "Tabl_Name",  "tableNmae",  "TaleName"};
  static const char *const other[] = {"",          "T",         "Table",      "TableNa",  "TableName12", "xTableNamex",
                                      "aTbleNaem", "NameTable", "TaebleNmae", "IndexName"};
  for (size_t i = 0; i < sizeof meant / sizeof *meant; i++)
    CHECK(near("TableName", meant[i]));
  for (size_t i = 0; i < sizeof other / sizeof *other; i++)
    CHECK(!near("TableName", other[i]));
  CHECK(near("A", "B") && near("A", "") && near("A", "AB") && near("AB", "BA") && !near("AB", "CD") &&
        !near("ABC", "CBA"));
}

int main (void) {
  builds_a_tree();
  takes_empty_contents_and_blanks();
  refuses_other_texts();
  finds_what_was_probably_meant();
  return check_done();
}
