/*
** The batch engine as a userdata.
*/
#ifndef DYNAMODB_BIND_BATCH_H
#define DYNAMODB_BIND_BATCH_H

#include "state.h"

#pragma GCC visibility push(hidden)

void batch_register (lua_State *L);

#pragma GCC visibility pop
#endif
