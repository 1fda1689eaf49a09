/*
** core.unmarshal and core.decode on any bytes, in a Lua state: never a crash or a raise, and what is accepted goes
** round through marshal. The first byte chooses what is called; see the Lua part.
*/
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "compat.h"

int luaopen_dynamodb_core (lua_State *L);
int LLVMFuzzerTestOneInput (const unsigned char *data, size_t size);

static void load (lua_State *L) {
  if (luaL_dofile(L, "spec/fuzz/unmarshal.lua") == LUA_OK) return;
  fprintf(stderr, "%s\n", lua_tostring(L, -1));
  abort();
}

int LLVMFuzzerTestOneInput (const unsigned char *data, size_t size) {
  static lua_State *L; /* one for all runs; what a run leaves behind is garbage */
  static unsigned runs;
  if (!L) {
    L = luaL_newstate();
    luaL_openlibs(L);
    luaL_requiref(L, "dynamodb.core", luaopen_dynamodb_core, 0);
    lua_pop(L, 1);
    load(L);
  }
  if (size == 0) return 0;
  lua_pushvalue(L, -1);
  lua_pushinteger(L, data[0]);
  lua_pushlstring(L, (const char *)data + 1, size - 1);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
    abort();
  }
  if (++runs % 256 == 0) lua_gc(L, LUA_GCCOLLECT, 0);
  return 0;
}
