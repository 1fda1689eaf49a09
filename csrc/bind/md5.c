#include "md5.h"

static Md5 *check_md5 (lua_State *L) {
  return state_check(L, 1, MT_MD5, "md5");
}

static Md5 *running_md5 (lua_State *L) {
  Md5 *m = check_md5(L);
  if (!m->context) luaL_error(L, "the md5 is finished");
  return m;
}

/* core.md5_stream() -> md5 | nil, message */
static int md5_new (lua_State *L) {
  Md5 *m = lua_newuserdata(L, sizeof *m);
  m->context = NULL;
  state_mark(L, MT_MD5);
  if (md5_open(m)) return 1;
  return lua_pushnil(L), lua_pushliteral(L, "OpenSSL offers no MD5 here"), 2;
}

/* md5:update(bytes) -> md5 */
static int update (lua_State *L) {
  Md5 *m = running_md5(L);
  size_t len;
  const char *bytes = luaL_checklstring(L, 2, &len);
  if (!md5_update(m, bytes, len)) return luaL_error(L, "md5: OpenSSL failed");
  lua_settop(L, 1);
  return 1;
}

/* md5:finish() -> its 16 bytes */
static int finish (lua_State *L) {
  unsigned char out[DIGEST_MD5_SIZE];
  if (!md5_finish(running_md5(L), out)) return luaL_error(L, "md5: OpenSSL failed");
  lua_pushlstring(L, (const char *)out, sizeof out);
  return 1;
}

static int collect (lua_State *L) {
  md5_close(check_md5(L));
  return 0;
}

void md5_register (lua_State *L) {
  static const luaL_Reg methods[] = {{"finish", finish}, {"update", update}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", collect}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"md5_stream", md5_new}, {NULL, NULL}};
  state_metatable(L, MT_MD5);
  lua_newtable(L);
  state_register(L, methods);
  lua_setfield(L, -2, "__index");
  state_register(L, metamethods);
  lua_pop(L, 1);
  state_register(L, functions);
}
