/*
** dynamodb.core: puts the module together.
*/
#include "batch.h"
#include "bucket.h"
#include "bytes.h"
#include "decode.h"
#include "digests.h"
#include "encode.h"
#include "expression.h"
#include "gzip.h"
#include "http.h"
#include "md5.h"
#include "options.h"
#include "retry.h"
#include "seal.h"
#include "shapes.h"
#include "signer.h"
#include "state.h"
#include "transaction.h"
#include "values.h"

static void export_metatable (lua_State *L, Metatable which, const char *name) {
  state_metatable(L, which);
  lua_setfield(L, -2, name);
}

/* Runs with the state and the metatables as upvalues, which every function it registers shares. */
static int build_module (lua_State *L) {
  lua_newtable(L);
  values_register(L);
  options_register(L);
  shapes_register(L);
  encode_register(L);
  decode_register(L);
  signer_register(L);
  retry_register(L);
  bytes_register(L);
  digests_register(L);
  expression_register(L);
  transaction_register(L);
  batch_register(L);
  bucket_register(L);
  seal_register(L);
  gzip_register(L);
  md5_register(L);
  http_register(L);
  export_metatable(L, MT_LIST, "list_mt");
  export_metatable(L, MT_SET, "set_mt");
  export_metatable(L, MT_RAW, "raw_mt");
  export_metatable(L, MT_OPERATOR, "operator_mt");
  export_metatable(L, MT_PATH, "path_mt");
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  lua_pushliteral(L, DYNAMODB_VERSION);
  lua_setfield(L, -2, "_VERSION");
  return 1;
}

/* LuaJIT speaks 5.1 too, but has a global of its own; PUC 5.1 lacks what the library relies on. */
static int is_supported (lua_State *L) {
#if LUA_VERSION_NUM == 501
  lua_getglobal(L, "jit");
  int is_luajit = lua_istable(L, -1);
  lua_pop(L, 1);
  return is_luajit;
#else
  (void)L;
  return 1;
#endif
}

DYNAMODB_EXPORT int luaopen_dynamodb_core (lua_State *L);

DYNAMODB_EXPORT int luaopen_dynamodb_core (lua_State *L) {
  const char *mismatch = digest_mismatch();
  if (mismatch) return luaL_error(L, "%s", mismatch);
  if (!is_supported(L)) return luaL_error(L, "dynamodb needs Lua 5.4, Lua 5.3 or LuaJIT 2.1");
  state_open(L);
  lua_pushcclosure(L, build_module, 2);
  lua_call(L, 0, 1);
  return 1;
}
