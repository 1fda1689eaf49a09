/*
** What a job needs of the operating system and Lua's io lacks: files that are there after a crash, a lock between
** processes, directories, Ctrl-C, and whether somebody is watching.
*/
#ifndef DYNAMODB_FILES_H
#define DYNAMODB_FILES_H

#include "../compat.h"

#pragma GCC visibility push(hidden)

/* Adds its functions to the table on top. */
void files_register (lua_State *L);

#pragma GCC visibility pop
#endif
