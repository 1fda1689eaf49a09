/*
** core.retry and core.classify: the retry policy.
*/
#ifndef DYNAMODB_BIND_RETRY_H
#define DYNAMODB_BIND_RETRY_H

#include "state.h"

#pragma GCC visibility push(hidden)

void retry_register (lua_State *L);

#pragma GCC visibility pop
#endif
