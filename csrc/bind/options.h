/*
** How values are written and read: the article's marshallOptions and unmarshallOptions.
*/
#ifndef DYNAMODB_OPTIONS_H
#define DYNAMODB_OPTIONS_H

#include "state.h"

#pragma GCC visibility push(hidden)

enum { NUMBERS_LOSSLESS, NUMBERS_NATIVE, NUMBERS_EXACT, NUMBERS_STRING };
enum { UNSUPPORTED_ERROR, UNSUPPORTED_SKIP };
enum { EMPTY_SETS_ERROR, EMPTY_SETS_OMIT, EMPTY_SETS_NULL };
enum { EMPTY_STRINGS_KEEP, EMPTY_STRINGS_NULL };

typedef struct Options {
  int numbers, unsupported, empty_sets, empty_strings;
} Options;

/* Options at `arg`: nil or none, a table, or what core.options gave. */
void options_check (lua_State *L, int arg, Options *options);

void options_register (lua_State *L);

#pragma GCC visibility pop
#endif
