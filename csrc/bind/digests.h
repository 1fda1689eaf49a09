/*
** Hashes and signatures that the caches of AWS's tokens need.
*/
#ifndef DYNAMODB_DIGESTS_H
#define DYNAMODB_DIGESTS_H

#include "state.h"

#pragma GCC visibility push(hidden)

void digests_register (lua_State *L);

#pragma GCC visibility pop
#endif
