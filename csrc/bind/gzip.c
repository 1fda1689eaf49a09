#include "gzip.h"

#include "../engine/gzip.h"

/* Pushes what `out` has, or nil and the error; gives the buffer back. */
static int push_result (lua_State *L, const Buffer *out, const char *error) {
  if (error)
    lua_pushnil(L), lua_pushstring(L, error);
  else
    lua_pushlstring(L, out->data, out->len);
  state_return(L, WORK_OUT, out);
  return error ? 2 : 1;
}

/* {== Deflating == */

static Deflater *open_deflater (lua_State *L) {
  Deflater *d = state_check(L, 1, MT_DEFLATER, "deflater");
  if (!d->open) luaL_error(L, "the deflater is closed");
  return d;
}

/* core.deflater(level?) -> deflater */
static int deflater_new (lua_State *L) {
  lua_Integer level = luaL_optinteger(L, 1, 6);
  luaL_argcheck(L, level >= 1 && level <= 9, 1, "a level from 1 to 9 expected");
  Deflater *d = lua_newuserdata(L, sizeof *d);
  d->open = 0;
  state_mark(L, MT_DEFLATER);
  return deflater_open(d, (int)level) ? 1 : luaL_error(L, "deflater: out of memory");
}

/* deflater:write(bytes) -> what is ready of the compressed bytes */
static int write_bytes (lua_State *L) {
  Deflater *d = open_deflater(L);
  size_t len;
  const char *bytes = luaL_checklstring(L, 2, &len);
  Buffer *out = state_borrow(L, WORK_OUT);
  const char *error = deflater_write(d, out, bytes, len);
  return push_result(L, out, error);
}

/* deflater:finish() -> the rest of the gzip member; the next bytes begin another one */
static int finish (lua_State *L) {
  Deflater *d = open_deflater(L);
  Buffer *out = state_borrow(L, WORK_OUT);
  const char *error = deflater_finish(d, out);
  return push_result(L, out, error);
}

static int close_deflater (lua_State *L) {
  deflater_close(state_check(L, 1, MT_DEFLATER, "deflater"));
  return 0;
}

/* ==} */

/* {== Inflating == */

static Inflater *open_inflater (lua_State *L) {
  Inflater *i = state_check(L, 1, MT_INFLATER, "inflater");
  if (!i->open) luaL_error(L, "the inflater is closed");
  return i;
}

/* core.inflater() -> inflater */
static int inflater_new (lua_State *L) {
  Inflater *i = lua_newuserdata(L, sizeof *i);
  i->open = 0;
  state_mark(L, MT_INFLATER);
  return inflater_open(i) ? 1 : luaL_error(L, "inflater: out of memory");
}

/* inflater:read(bytes) -> what they inflate to | nil, message */
static int read_bytes (lua_State *L) {
  Inflater *i = open_inflater(L);
  size_t len;
  const char *bytes = luaL_checklstring(L, 2, &len);
  Buffer *out = state_borrow(L, WORK_OUT);
  const char *error = inflater_read(i, out, bytes, len);
  return push_result(L, out, error);
}

/* inflater:inside() -> has a gzip member begun that has not ended? */
static int inside (lua_State *L) {
  lua_pushboolean(L, open_inflater(L)->inside);
  return 1;
}

static int close_inflater (lua_State *L) {
  inflater_close(state_check(L, 1, MT_INFLATER, "inflater"));
  return 0;
}

/* ==} */

static void register_methods (lua_State *L, Metatable which, const luaL_Reg *methods, lua_CFunction close) {
  const luaL_Reg metamethods[] = {{"__gc", close}, {NULL, NULL}};
  state_metatable(L, which);
  lua_newtable(L);
  state_register(L, methods);
  lua_setfield(L, -2, "__index");
  state_register(L, metamethods);
  lua_pop(L, 1);
}

void gzip_register (lua_State *L) {
  static const luaL_Reg deflating[] = {
    {"close", close_deflater}, {"finish", finish}, {"write", write_bytes}, {NULL, NULL}};
  static const luaL_Reg inflating[] = {
    {"close", close_inflater}, {"inside", inside}, {"read", read_bytes}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"deflater", deflater_new}, {"inflater", inflater_new}, {NULL, NULL}};
  register_methods(L, MT_DEFLATER, deflating, close_deflater);
  register_methods(L, MT_INFLATER, inflating, close_inflater);
  state_register(L, functions);
}
