/*
** The executable of a Lambda function in Lua: an interpreter with this library inside. It starts `dynamodb.lambda`,
** which loads the handler that _HANDLER names and serves it.
*/
#include "../compat.h"

#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imports.h"
#include "modules.h"

#define MEGABYTE ((size_t)1 << 20)

int luaopen_dynamodb_core (lua_State *L);
int luaopen_dynamodb_curl (lua_State *L);
int luaopen_dynamodb_system (lua_State *L);

/* {==== Memory ==== */

/*
** Lambda kills a process that outgrows the function's memory, and nobody learns where. A handler that is refused memory
** instead gets an error, and the next event finds the process alive.
*/
typedef struct Memory {
  size_t used, limit;
} Memory;

enum { OTHERS = 24 }; /* megabytes that are not Lua's: the libraries and their buffers */

static size_t memory_limit (void) {
  const char *text = getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
  unsigned long megabytes = text ? strtoul(text, NULL, 10) : 0;
  return megabytes > 2 * OTHERS && megabytes < 1ul << 20 ? (megabytes - OTHERS) * MEGABYTE : (size_t)-1;
}

static void *allocate (void *data, void *block, size_t old, size_t size) {
  Memory *m = data;
  if (!block) old = 0; /* it is a kind of object */
  if (size == 0) {
    free(block);
    m->used -= old;
    return NULL;
  }
  if (size > old && size - old > m->limit - m->used) return NULL;
  void *p = realloc(block, size);
  if (p) m->used += size - old;
  return p;
}

/* }==== */

/* {==== Modules ==== */

static int compare (const void *name, const void *module) {
  return strcmp(name, ((const Module *)module)->name);
}

/* A searcher of package.searchers. */
static int search (lua_State *L) {
  size_t count = 0;
  const char *name = luaL_checkstring(L, 1);
  while (modules[count].name)
    count++;
  const Module *m = bsearch(name, modules, count, sizeof *m, compare);
  if (!m) return lua_pushfstring(L, "no module '%s' in the bootstrap", name), 1;
  if (luaL_loadbufferx(L, modules_code + m->at, m->len, name, "b") != LUA_OK) return lua_error(L);
  lua_pushliteral(L, "(bootstrap)");
  return 2;
}

/* libcurl is loaded when it is wanted. */
static int open_curl (lua_State *L) {
  const char *problem = imports_curl();
  if (problem) return luaL_error(L, "%s", problem);
  lua_pushcfunction(L, luaopen_dynamodb_curl);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

/* Ours come before all files: the Lua modules and the native ones are of one version. */
static void add_modules (lua_State *L) {
  static const luaL_Reg native[] = {{"dynamodb.core", luaopen_dynamodb_core},
                                    {"dynamodb.curl", open_curl},
                                    {"dynamodb.system", luaopen_dynamodb_system},
                                    {NULL, NULL}};
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  luaL_setfuncs(L, native, 0);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = luaL_len(L, -1); i >= 2; i--) {
    lua_geti(L, -1, i);
    lua_seti(L, -2, i + 1);
  }
  lua_pushcfunction(L, search);
  lua_seti(L, -2, 2);
  lua_pop(L, 3);
}

/* }==== */

static int trace (lua_State *L) {
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

static int serve (lua_State *L) {
  luaL_openlibs(L);
  add_modules(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "dynamodb.lambda");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "start");
  lua_call(L, 0, 0);
  return 0;
}

int main (void) {
  Memory memory = {0, memory_limit()};
  lua_State *L = lua_newstate(allocate, &memory);
  if (!L) return fputs("no memory for Lua\n", stderr), EXIT_FAILURE;
  lua_pushcfunction(L, trace);
  lua_pushcfunction(L, serve);
  int status = lua_pcall(L, 0, 0, 1);
  if (status != LUA_OK) fprintf(stderr, "bootstrap: %s\n", lua_tostring(L, -1));
  lua_close(L);
  return status == LUA_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
