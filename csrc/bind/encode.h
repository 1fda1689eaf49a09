/*
** Lua values to wire bytes in one walk over the caller's own tables.
*/
#ifndef DYNAMODB_ENCODE_H
#define DYNAMODB_ENCODE_H

#include "state.h"

#pragma GCC visibility push(hidden)

void encode_register (lua_State *L);

#pragma GCC visibility pop
#endif
