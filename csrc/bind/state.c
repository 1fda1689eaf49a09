#include "state.h"

/* The most memory that is kept from one call to the next. */
#define KEEP ((size_t)1 << 20)

static const char *const metatable_names[MT_LAST] = {
  [MT_LIST] = "dynamodb.list",
  [MT_SET] = "dynamodb.set",
  [MT_RAW] = "dynamodb.raw",
  [MT_OPERATOR] = "dynamodb.operator",
  [MT_PATH] = "dynamodb.path",
  [MT_NUMBER] = "dynamodb.number",
  [MT_BINARY] = "dynamodb.binary",
  [MT_OPTIONS] = "dynamodb.options",
  [MT_SHAPE] = "dynamodb.shape",
  [MT_SIGNER] = "dynamodb.signer",
  [MT_BUFFER] = "dynamodb.buffer",
  [MT_RETRY] = "dynamodb.retry",
  [MT_RETRY_CALL] = "dynamodb.retry_call",
  [MT_BUCKET] = "dynamodb.bucket",
  [MT_TRANSACTION] = "dynamodb.transaction",
  [MT_BATCH] = "dynamodb.batch",
  [MT_DEFLATER] = "dynamodb.deflater",
  [MT_INFLATER] = "dynamodb.inflater",
  [MT_MD5] = "dynamodb.md5",
  [MT_HTTP] = "dynamodb.http",
};

Metatable state_kind (lua_State *L, const State *state, int index) {
  if (!lua_getmetatable(L, index)) return 0;
  const void *metatable = lua_topointer(L, -1);
  lua_pop(L, 1);
  for (int i = 1; i < MT_LAST; i++)
    if (state->metatables[i] == metatable) return (Metatable)i;
  return 0;
}

void *state_check (lua_State *L, int arg, Metatable which, const char *name) {
  void *p = lua_touserdata(L, arg);
  if (!p || state_kind(L, state_get(L), arg) != which)
    luaL_error(L, "bad argument #%d (%s expected, got %s)", arg, name, luaL_typename(L, arg));
  return p;
}

void state_mark (lua_State *L, Metatable which) {
  state_metatable(L, which);
  lua_setmetatable(L, -2);
}

static int buffer_gc (lua_State *L) {
  buffer_free(lua_touserdata(L, 1));
  return 0;
}

Buffer *state_borrow (lua_State *L, int which) {
  State *state = state_get(L);
  if (!state->lent[which]) {
    lua_pushnil(L);
    state->lent[which] = 1;
    buffer_reset(&state->work[which], KEEP);
    return &state->work[which];
  }
  Buffer *b = lua_newuserdata(L, sizeof *b);
  buffer_init(b);
  state_mark(L, MT_BUFFER);
  return b;
}

void state_return (lua_State *L, int which, const Buffer *b) {
  State *state = state_get(L);
  if (b != &state->work[which]) return;
  state->lent[which] = 0;
  if (state->closed) buffer_free(&state->work[which]);
}

static int state_gc (lua_State *L) {
  State *state = lua_touserdata(L, 1);
  buffer_free(&state->work[0]);
  buffer_free(&state->work[1]);
  digest_close(&state->digest);
  state->closed = 1;
  return 0;
}

/* Adopts a metatable that cjson keeps under `name`, if it does. cjson's table is on top. */
static void adopt (lua_State *L, State *state, int metatables, Metatable which, const char *name) {
  lua_getfield(L, -1, name);
  if (lua_istable(L, -1)) {
    state->metatables[which] = lua_topointer(L, -1);
    lua_rawseti(L, metatables, which);
  } else {
    lua_pop(L, 1);
  }
}

/* OpenResty's cjson marks arrays; Debian's does not. Either is a dependency, so that null and marks agree. */
static void adopt_cjson (lua_State *L, State *state, int metatables) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "cjson");
  if (lua_pcall(L, 1, 1, 0) == 0 && lua_istable(L, -1)) {
    adopt(L, state, metatables, MT_ARRAY, "array_mt");
    adopt(L, state, metatables, MT_EMPTY_ARRAY, "empty_array_mt");
    lua_getfield(L, -1, "empty_array");
    if (lua_islightuserdata(L, -1)) state->empty_array = lua_touserdata(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void state_open (lua_State *L) {
  State *state = lua_newuserdata(L, sizeof *state);
  memset(state, 0, sizeof *state);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, state_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_createtable(L, MT_LAST, 0);
  int metatables = lua_gettop(L);
  for (int i = 1; i < MT_LAST; i++) {
    if (!metatable_names[i]) continue;
    lua_newtable(L);
    lua_pushstring(L, metatable_names[i]);
    lua_setfield(L, -2, "__name");
    state->metatables[i] = lua_topointer(L, -1);
    if (i == MT_BUFFER) {
      lua_pushcfunction(L, buffer_gc);
      lua_setfield(L, -2, "__gc");
    }
    lua_rawseti(L, metatables, i);
  }
  adopt_cjson(L, state, metatables);
  digest_open(&state->digest);
}

void state_register (lua_State *L, const luaL_Reg *functions) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  luaL_setfuncs(L, functions, 2);
}
