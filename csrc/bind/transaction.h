/*
** Transactions as userdata.
*/
#ifndef DYNAMODB_BIND_TRANSACTION_H
#define DYNAMODB_BIND_TRANSACTION_H

#include "state.h"

#pragma GCC visibility push(hidden)

void transaction_register (lua_State *L);

#pragma GCC visibility pop
#endif
