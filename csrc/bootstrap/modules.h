/*
** The library's Lua modules, compiled into the executable. The table is written by tools/embed.lua.
*/
#ifndef DYNAMODB_MODULES_H
#define DYNAMODB_MODULES_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

typedef struct Module {
  const char *name; /* "dynamodb.client" */
  size_t at, len;   /* where its bytecode is */
} Module;

extern const Module modules[]; /* sorted by name, ended by NULL */
extern const char modules_code[];

#pragma GCC visibility pop
#endif
