/*
** Expression texts: their tokens, and how many of them are operators or functions.
*/
#ifndef DYNAMODB_BIND_EXPRESSION_H
#define DYNAMODB_BIND_EXPRESSION_H

#include "state.h"

#pragma GCC visibility push(hidden)

void expression_register (lua_State *L);

#pragma GCC visibility pop
#endif
