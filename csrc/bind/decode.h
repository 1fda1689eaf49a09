/*
** Wire bytes to Lua values in one pass: no tree between, no table that the result does not have.
*/
#ifndef DYNAMODB_DECODE_H
#define DYNAMODB_DECODE_H

#include "state.h"

#pragma GCC visibility push(hidden)

void decode_register (lua_State *L);

#pragma GCC visibility pop
#endif
