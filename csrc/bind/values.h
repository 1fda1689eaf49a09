/*
** The values that Lua has no type for: boxed numbers and binaries.
*/
#ifndef DYNAMODB_VALUES_H
#define DYNAMODB_VALUES_H

#include "../engine/decimal.h"
#include "state.h"

#pragma GCC visibility push(hidden)

typedef struct Binary {
  size_t len;
  char bytes[];
} Binary;

/* Pushes a boxed number. */
void push_decimal (lua_State *L, const Decimal *d);

/* Pushes `d` as the design has it: an integer, a float that is the same decimal, or boxed. */
void push_lossless (lua_State *L, const Decimal *d);

/* Pushes a binary whose `len` bytes are yet to be written. */
Binary *push_binary (lua_State *L, size_t len);

/* The decimal of the number (native or boxed) at `index`; gives what is wrong with it, or NULL. */
const char *to_decimal (lua_State *L, const State *state, int index, Decimal *d);

/* Is the value at `index` a whole number that its type holds exactly? */
int to_whole (lua_State *L, int index, int64_t *value);

void values_register (lua_State *L);

#pragma GCC visibility pop
#endif
