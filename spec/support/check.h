/*
** C unit tests: CHECK counts and tells what does not hold; check_done prints the line that tools/unit.sh adds up.
*/
#ifndef SPEC_CHECK_H
#define SPEC_CHECK_H

#include <stdio.h>

static int checks_passed, checks_failed;

#define CHECK(condition) \
  ((condition) ? (void)checks_passed++ \
               : (void)(checks_failed++, printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition)))

static inline int check_done (void) {
  printf("passed=%d failed=%d\n", checks_passed, checks_failed);
  return checks_failed != 0;
}

#endif
