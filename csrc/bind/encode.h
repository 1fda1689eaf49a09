/*
** Lua values to wire bytes in one walk over the caller's own tables.
*/
#ifndef DYNAMODB_ENCODE_H
#define DYNAMODB_ENCODE_H

#include "options.h"
#include "shapes.h"
#include "state.h"

#pragma GCC visibility push(hidden)

/*
** Writes the item at `arg` (called `name` in messages): gives its bytes, to be given back with
** state_return(L, WORK_OUT, …); or NULL with the message on top of the stack, which grows in either case.
*/
Buffer *encode_item (lua_State *L, int arg, const char *name, const Options *options);

/* The same for a request's parameters, or a part of them; `strict` refuses members that look misspelt. */
Buffer *encode_params (lua_State *L, int arg, const ShapeText *shape, int strict, const Options *options);

void encode_register (lua_State *L);

#pragma GCC visibility pop
#endif
