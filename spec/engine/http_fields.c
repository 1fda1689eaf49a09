/*
** Fields of a head, all in one pass.
*/
#include "engine/http_fields.h"

#include <stdlib.h>
#include <string.h>

#include "../support/check.h"

enum { DATE, AGE, COUNT };

static HttpField fields[COUNT];

/* Looks into a copy of exactly that many bytes, so that reading beyond it is noticed. */
static void find (const char *head) {
  static char *copy;
  size_t len = strlen(head);
  fields[DATE] = (HttpField)HTTP_FIELD("date");
  fields[AGE] = (HttpField)HTTP_FIELD("age");
  free(copy);
  copy = malloc(len ? len : 1);
  memcpy(copy, head, len);
  http_fields(copy, len, fields, COUNT);
}

static int is (int which, const char *text) {
  const HttpField *f = &fields[which];
  return text ? f->value && f->len == strlen(text) && memcmp(f->value, text, f->len) == 0 : !f->value;
}

static void test_values (void) {
  find("HTTP/1.1 200 OK\r\nDATE:  today \t\r\nX: y\r\naGe:7\r\n\r\n");
  CHECK(is(DATE, "today") && is(AGE, "7"));
  find("HTTP/1.1 200 OK\r\nage: 1\r\nage: 2\r\ndate:\r\n");
  CHECK(is(DATE, "") && is(AGE, "1"));
  find("HTTP/1.1 200 OK\nage: a:b\ndate: last");
  CHECK(is(DATE, "last") && is(AGE, "a:b"));
}

static void test_nothing (void) {
  static const char *const heads[] = {"",
                                      "\n",
                                      "age: 1",
                                      "date: x\r\n",
                                      "H\r\nage",
                                      "H\r\nag:",
                                      "H\r\nages: 1\r\n",
                                      "H\r\n age: 1\r\n",
                                      "H\r\nx-age: 1\r\n"};
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    find(heads[i]);
    CHECK(is(DATE, NULL) && is(AGE, NULL));
  }
}

int main (void) {
  test_values();
  test_nothing();
  return check_done();
}
