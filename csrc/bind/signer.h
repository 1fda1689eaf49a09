/*
** core.signer: Signature Version 4 as a userdata.
*/
#ifndef DYNAMODB_SIGNER_H
#define DYNAMODB_SIGNER_H

#include "state.h"

#pragma GCC visibility push(hidden)

void signer_register (lua_State *L);

#pragma GCC visibility pop
#endif
