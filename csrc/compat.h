/*
** Every difference between the supported Lua versions, in one place: 5.4, 5.3 and LuaJIT 2.1 (which speaks 5.1).
** Library code is written against the 5.4 names; what an older header lacks is defined here.
*/
#ifndef DYNAMODB_COMPAT_H
#define DYNAMODB_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdint.h>

#define DYNAMODB_VERSION "0.1.0"

#if defined(_WIN32)
#define DYNAMODB_EXPORT __declspec(dllexport)
#else
#define DYNAMODB_EXPORT __attribute__((visibility("default")))
#endif

/* PUC 5.1 shares its headers' version number with LuaJIT, so it is told apart when the module is loaded. */
#if LUA_VERSION_NUM == 502 || LUA_VERSION_NUM < 501
#error "dynamodb needs Lua 5.4, Lua 5.3 or LuaJIT 2.1"
#endif

#if LUA_VERSION_NUM == 501

#define lua_rawlen lua_objlen
#undef luaL_newlib
#define luaL_newlib(L, l) (lua_createtable(L, 0, sizeof(l) / sizeof((l)[0]) - 1), luaL_setfuncs(L, l, 0))
/* An environment stands in for the user value of a userdata; it must be a table. */
#define compat_setowned(L, index) lua_setfenv(L, index)
#define compat_getowned(L, index) lua_getfenv(L, index)

static inline int lua_absindex (lua_State *L, int index) {
  return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(L) + index + 1;
}

/* LuaJIT has luaL_setfuncs and luaL_testudata; headers of its older releases do not declare them. */
static inline void compat_setfuncs (lua_State *L, const luaL_Reg *functions, int upvalues) {
  for (; functions->name; functions++) {
    for (int i = 0; i < upvalues; i++)
      lua_pushvalue(L, -upvalues);
    lua_pushcclosure(L, functions->func, upvalues);
    lua_setfield(L, -(upvalues + 2), functions->name);
  }
  lua_pop(L, upvalues);
}

static inline void *compat_testudata (lua_State *L, int index, const char *name) {
  void *p = lua_touserdata(L, index);
  if (!p || !lua_getmetatable(L, index)) return NULL;
  luaL_getmetatable(L, name);
  if (!lua_rawequal(L, -1, -2)) p = NULL;
  lua_pop(L, 2);
  return p;
}

#undef luaL_setfuncs
#undef luaL_testudata
#define luaL_setfuncs compat_setfuncs
#define luaL_testudata compat_testudata

/* Numbers are doubles: integers are exact below 2^53, and beyond it nobody can tell 2^53 from 2^53 + 1. */
#define COMPAT_MAX_INTEGER INT64_C(9007199254740991)
#define COMPAT_MIN_INTEGER (-COMPAT_MAX_INTEGER)

static inline int lua_isinteger (lua_State *L, int index) {
  (void)L, (void)index;
  return 0;
}

static inline void compat_pushinteger (lua_State *L, int64_t value) {
  lua_pushnumber(L, (lua_Number)value);
}

#else /* 5.3 and 5.4 */

#define compat_setowned(L, index) lua_setuservalue(L, index)
#define compat_getowned(L, index) lua_getuservalue(L, index)
#define COMPAT_MAX_INTEGER INT64_MAX
#define COMPAT_MIN_INTEGER INT64_MIN

static inline void compat_pushinteger (lua_State *L, int64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
}

#endif

#endif
