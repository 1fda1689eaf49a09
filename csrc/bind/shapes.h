/*
** Compiled shapes as userdata.
*/
#ifndef DYNAMODB_SHAPES_H
#define DYNAMODB_SHAPES_H

#include "../engine/shape.h"
#include "state.h"

#pragma GCC visibility push(hidden)

typedef struct ShapeText {
  const char *text; /* behind the nodes, in the same userdata */
  Shape nodes[];
} ShapeText;

/* The shape at `arg`, or an argument error. */
const ShapeText *shape_check (lua_State *L, int arg);

void shapes_register (lua_State *L);

#pragma GCC visibility pop
#endif
