#include "seal.h"

#include "../engine/seal.h"

/* The keys at `arg`: nil, or a list of strings, which stay on the stack. How many there are. */
static int check_keys (lua_State *L, int arg, SealKey keys[SEAL_KEYS]) {
  if (lua_isnoneornil(L, arg)) return 0;
  luaL_checktype(L, arg, LUA_TTABLE);
  size_t count = lua_rawlen(L, arg);
  luaL_argcheck(L, count >= 1 && count <= SEAL_KEYS, arg, "1 to 8 keys expected");
  luaL_checkstack(L, SEAL_KEYS, "keys");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, arg, (int)i + 1);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, arg, "a key is a string");
    keys[i].bytes = lua_tolstring(L, -1, &keys[i].len);
  }
  return (int)count;
}

/* core.seal(bytes, context, keys?) -> text, signed with the first key */
static int seal_seal (lua_State *L) {
  size_t len, context_len;
  const char *bytes = luaL_checklstring(L, 1, &len), *context = luaL_checklstring(L, 2, &context_len);
  SealKey keys[SEAL_KEYS];
  int count = check_keys(L, 3, keys);
  Buffer *out = state_borrow(L, WORK_OUT);
  int ok = seal(&state_get(L)->digest, out, context, context_len, bytes, len, count ? keys : NULL);
  if (ok) lua_pushlstring(L, out->data, out->len);
  state_return(L, WORK_OUT, out);
  return ok ? 1 : luaL_error(L, "seal: out of memory");
}

static const char *const verdicts[] = {
  [SEAL_MALFORMED] = "malformed", [SEAL_UNSIGNED] = "unsigned",    [SEAL_SIGNED] = "signed",
  [SEAL_FOREIGN] = "foreign",     [SEAL_FAILED] = "out of memory",
};

/* core.unseal(text, context, keys?) -> bytes | nil, verdict */
static int seal_unseal (lua_State *L) {
  size_t len, context_len;
  const char *text = luaL_checklstring(L, 1, &len), *context = luaL_checklstring(L, 2, &context_len);
  SealKey keys[SEAL_KEYS];
  int count = check_keys(L, 3, keys);
  Buffer *out = state_borrow(L, WORK_OUT);
  SealVerdict verdict = unseal(&state_get(L)->digest, out, context, context_len, text, len, keys, count);
  if (verdict == SEAL_OPENED)
    lua_pushlstring(L, out->data, out->len);
  else
    lua_pushnil(L), lua_pushstring(L, verdicts[verdict]);
  state_return(L, WORK_OUT, out);
  return verdict == SEAL_OPENED ? 1 : 2;
}

void seal_register (lua_State *L) {
  static const luaL_Reg functions[] = {{"seal", seal_seal}, {"unseal", seal_unseal}, {NULL, NULL}};
  state_register(L, functions);
}
