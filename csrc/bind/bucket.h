/*
** core.bucket: capacity units a second, for readers.
*/
#ifndef DYNAMODB_BIND_BUCKET_H
#define DYNAMODB_BIND_BUCKET_H

#include "state.h"

#pragma GCC visibility push(hidden)

void bucket_register (lua_State *L);

#pragma GCC visibility pop
#endif
