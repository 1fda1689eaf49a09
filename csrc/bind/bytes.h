/*
** Small helpers on bytes: checksum, gzip, base64, random, a header of a response.
*/
#ifndef DYNAMODB_BYTES_H
#define DYNAMODB_BYTES_H

#include "state.h"

#pragma GCC visibility push(hidden)

void bytes_register (lua_State *L);

#pragma GCC visibility pop
#endif
