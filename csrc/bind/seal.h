/*
** core.seal and core.unseal: texts that leave the program and come back.
*/
#ifndef DYNAMODB_BIND_SEAL_H
#define DYNAMODB_BIND_SEAL_H

#include "state.h"

#pragma GCC visibility push(hidden)

void seal_register (lua_State *L);

#pragma GCC visibility pop
#endif
