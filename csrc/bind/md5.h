/*
** core.md5_stream: the checksum of files of any length, as S3 and its manifests have it.
*/
#ifndef DYNAMODB_BIND_MD5_H
#define DYNAMODB_BIND_MD5_H

#include "state.h"

#pragma GCC visibility push(hidden)

void md5_register (lua_State *L);

#pragma GCC visibility pop
#endif
