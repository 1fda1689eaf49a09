/*
** Wire bytes to Lua values in one pass: no tree between, no table that the result does not have.
*/
#ifndef DYNAMODB_DECODE_H
#define DYNAMODB_DECODE_H

#include "options.h"
#include "state.h"

#pragma GCC visibility push(hidden)

/* Pushes the item in these bytes, which must stay where they are; 0 with nil and a message when it is none. */
int decode_item (lua_State *L, const char *text, size_t len, const Options *options);

void decode_register (lua_State *L);

#pragma GCC visibility pop
#endif
