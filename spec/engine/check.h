/*
** What a C unit test needs: CHECK(condition) counts, and CHECK_END() tells tools/unit.sh.
*/
#ifndef SPEC_CHECK_H
#define SPEC_CHECK_H

#include <stdio.h>

static int check_passed, check_failed;

static inline void check_that (int ok, const char *what, const char *file, int line) {
  if (ok) {
    check_passed++;
    return;
  }
  check_failed++;
  printf("    %s:%d: %s\n", file, line, what);
}

#define CHECK(condition) check_that((condition) ? 1 : 0, #condition, __FILE__, __LINE__)

/* The last statement of main. */
#define CHECK_END() return printf("passed=%d failed=%d\n", check_passed, check_failed), check_failed != 0

#endif
