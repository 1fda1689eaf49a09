/*
** What the parts of dynamodb.system share.
*/
#ifndef DYNAMODB_SYSTEM_BIND_H
#define DYNAMODB_SYSTEM_BIND_H

#include "../compat.h"

#pragma GCC visibility push(hidden)

/* Pushes nil and the message. */
int system_failure (lua_State *L, const char *message);

/* Each adds its functions to the table on top. */
void connection_register (lua_State *L);
void process_register (lua_State *L);

#pragma GCC visibility pop
#endif
