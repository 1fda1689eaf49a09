/*
** core.deflater, core.inflater: gzip in pieces, for files of any length.
*/
#ifndef DYNAMODB_BIND_GZIP_H
#define DYNAMODB_BIND_GZIP_H

#include "state.h"

#pragma GCC visibility push(hidden)

void gzip_register (lua_State *L);

#pragma GCC visibility pop
#endif
