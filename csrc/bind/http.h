/*
** HTTP/1.1 for transports that move the bytes themselves: requests into bytes, bytes into responses.
*/
#ifndef DYNAMODB_BIND_HTTP_H
#define DYNAMODB_BIND_HTTP_H

#include "state.h"

#pragma GCC visibility push(hidden)

/* Registers http and http_request into the module on top. */
void http_register (lua_State *L);

#pragma GCC visibility pop
#endif
