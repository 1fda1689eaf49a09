/*
** dynamodb.curl: the pool and its transfers as userdata. No function here calls back into Lua while curl works.
*/
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* dladdr */
#endif
#include "../compat.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "pool.h"

#define POOL_T "dynamodb.curl.pool"
#define TRANSFER_T "dynamodb.curl.transfer"

/* {==== Settings ==== */

typedef struct Setting {
  const char *name;
  size_t offset;
  enum { SECONDS, BYTES, COUNT } kind;
  double standard, least, most;
} Setting;

static const Setting known[] = {
  {"connect_timeout", offsetof(Settings, connect_timeout), SECONDS, 3.1, 0.001, 86400},
  {"idle_timeout", offsetof(Settings, idle_timeout), SECONDS, 5, 0.001, 86400},
  {"max_idle", offsetof(Settings, max_idle), SECONDS, 50, 1, 86400},
  {"max_age", offsetof(Settings, max_age), SECONDS, 600, 1, 86400},
  {"max_response", offsetof(Settings, max_response), BYTES, 32 * 1024 * 1024, 1024, 1e12},
  {"max_connections", offsetof(Settings, max_connections), COUNT, 128, 1, 65536},
  {"buffer_size", offsetof(Settings, buffer_size), COUNT, 64 * 1024, 1024, 512 * 1024},
};

enum { KNOWN = sizeof known / sizeof known[0] };

static void store_setting (Settings *s, const Setting *k, double value) {
  void *field = (char *)s + k->offset;
  if (k->kind == SECONDS)
    memcpy(field, &value, sizeof value);
  else if (k->kind == BYTES)
    memcpy(field, &(size_t){(size_t)value}, sizeof(size_t));
  else
    memcpy(field, &(long){(long)value}, sizeof(long));
}

static void read_setting (lua_State *L, Settings *s, const Setting *k) {
  double value = k->standard;
  lua_getfield(L, 1, k->name);
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TNUMBER) luaL_error(L, "option %s: a number expected", k->name);
    value = lua_tonumber(L, -1);
    if (!(value >= k->least && value <= k->most))
      luaL_error(L, "option %s: not between %f and %f", k->name, k->least, k->most);
  }
  store_setting(s, k, value);
  lua_pop(L, 1);
}

static int is_known (const char *name) {
  for (size_t i = 0; i < KNOWN; i++)
    if (strcmp(name, known[i].name) == 0) return 1;
  return strcmp(name, "verify") == 0 || strcmp(name, "ca_bundle") == 0;
}

static void refuse_unknown (lua_State *L) {
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || !is_known(lua_tostring(L, -2)))
      luaL_error(L, "unknown option %s", lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2));
  }
}

/* Leaves the name of the CA bundle, or nil, on the stack. */
static const char *read_settings (lua_State *L, Settings *s) {
  refuse_unknown(L);
  for (size_t i = 0; i < KNOWN; i++)
    read_setting(L, s, &known[i]);
  lua_getfield(L, 1, "verify");
  if (!lua_isnil(L, -1) && !lua_isboolean(L, -1)) luaL_error(L, "option verify: a boolean expected");
  s->verify = lua_isnil(L, -1) || lua_toboolean(L, -1);
  lua_getfield(L, 1, "ca_bundle");
  if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "option ca_bundle: a file name expected");
  return lua_tostring(L, -1);
}

/* }==== */

/* {==== The pool ==== */

static Pool *check_pool (lua_State *L) { /* is it ours? */
  return luaL_checkudata(L, 1, POOL_T);
}

static Pool *open_pool (lua_State *L) { /* … and open, and this process's? */
  Pool *p = check_pool(L);
  luaL_argcheck(L, p->open, 1, "pool is closed");
  pool_check_owner(p);
  return p;
}

/* curl.pool(options) -> pool */
static int new_pool (lua_State *L) {
  Settings settings = {0};
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_newtable(L);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  const char *bundle = read_settings(L, &settings);
  Pool *p = lua_newuserdata(L, sizeof *p);
  memset(p, 0, sizeof *p);
  luaL_getmetatable(L, POOL_T);
  lua_setmetatable(L, -2);
  if (bundle && !(settings.ca_bundle = strdup(bundle))) return luaL_error(L, "not enough memory");
  pool_open(p, &settings);
  return 1;
}

static int pool_gc (lua_State *L) {
  pool_close(check_pool(L));
  return 0;
}

static int pool_tostring (lua_State *L) {
  Pool *p = check_pool(L);
  if (p->open)
    lua_pushfstring(L, POOL_T " (%d in flight)", (int)p->active);
  else
    lua_pushliteral(L, POOL_T " (closed)");
  return 1;
}

/* A duration; nil and infinity stand for no limit. */
static double opt_seconds (lua_State *L, int arg) {
  double s = luaL_optnumber(L, arg, HUGE_VAL);
  luaL_argcheck(L, s == s, arg, "not a number");
  return s;
}

/* pool:step(timeout) -> how many transfers ended */
static int step (lua_State *L) {
  Pool *p = open_pool(L);
  lua_pushinteger(L, pool_step(p, opt_seconds(L, 2)));
  return 1;
}

static int retire (lua_State *L) {
  pool_retire(open_pool(L));
  return 0;
}

/* pool:active() -> how many transfers run */
static int active (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)open_pool(L)->active);
  return 1;
}

/* pool:forks() -> how often the pool has begun anew in a child process */
static int forks (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)open_pool(L)->forks);
  return 1;
}

static int now (lua_State *L) {
  lua_pushnumber(L, clock_now());
  return 1;
}

static int wall (lua_State *L) {
  lua_pushnumber(L, clock_wall());
  return 1;
}

/* }==== */

/* {==== Transfers ==== */

static Transfer *check_transfer (lua_State *L) {
  Transfer *t = luaL_checkudata(L, 1, TRANSFER_T);
  if (t->pool) pool_check_owner(t->pool);
  return t;
}

/* Stops a transfer that runs. */
static void cancel (Transfer *t) {
  if (t->state != TRANSFER_RUNNING) return;
  transfer_fail(t, "ConnectionError", "cancelled");
  pool_drop(t->pool, t);
}

/* The value stays on the stack, so that its bytes stay where they are. */
static const char *read_string (lua_State *L, const char *name, const char *standard, size_t *len) {
  lua_getfield(L, 2, name);
  if (lua_isnil(L, -1) && standard) {
    lua_pop(L, 1);
    lua_pushstring(L, standard);
  }
  if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "request.%s: a string expected", name);
  return lua_tolstring(L, -1, len);
}

/* Leaves the request's strings on the stack, the body last. */
static void read_request (lua_State *L, Request *r) {
  size_t scheme_len;
  luaL_checktype(L, 2, LUA_TTABLE);
  r->scheme = read_string(L, "scheme", "https", &scheme_len);
  r->method = read_string(L, "method", "POST", &r->method_len);
  r->host = read_string(L, "host", NULL, &r->host_len);
  r->path = read_string(L, "path", "/", &r->path_len);
  r->head = read_string(L, "head", "", &r->head_len);
  lua_getfield(L, 2, "port");
  r->port = strcmp(r->scheme, "http") == 0 ? 80 : 443;
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TNUMBER) luaL_error(L, "request.port: a number expected");
    r->port = (long)lua_tonumber(L, -1);
  }
  lua_getfield(L, 2, "repeat_safe");
  r->repeat_safe = lua_toboolean(L, -1);
  r->body = read_string(L, "body", "", &r->body_len);
}

/* A transfer that does not run yet, and that keeps its body's bytes and its pool alive. */
static Transfer *new_transfer (lua_State *L) {
  int body = lua_gettop(L);
  Transfer *t = lua_newuserdata(L, sizeof *t);
  memset(t, 0, sizeof *t);
  luaL_getmetatable(L, TRANSFER_T);
  lua_setmetatable(L, -2);
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  lua_pushvalue(L, body);
  lua_rawseti(L, -2, 2);
  compat_setowned(L, -2);
  return t;
}

/* pool:start(request, deadline, proxy) -> transfer */
static int start (lua_State *L) {
  Request r;
  open_pool(L);
  double deadline = opt_seconds(L, 3);
  lua_settop(L, 4);
  r.proxy = luaL_optstring(L, 4, NULL);
  read_request(L, &r);
  Transfer *t = new_transfer(L);
  Pool *p = open_pool(L); /* reading the request and making room may have run foreign code */
  const char *wrong = pool_start(p, t, &r, deadline);
  if (wrong) return luaL_error(L, "request.%s", wrong);
  return 1;
}

static void push_response (lua_State *L, const Transfer *t) {
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, t->status);
  lua_setfield(L, -2, "status");
  lua_pushlstring(L, t->head.data, t->head.len);
  lua_setfield(L, -2, "head");
  lua_pushlstring(L, t->content.data ? t->content.data : "", t->content.len);
  lua_setfield(L, -2, "body");
}

/* transfer:result() -> nil while it runs | response, handed out once | nil, code, message, sent */
static int result (lua_State *L) {
  Transfer *t = check_transfer(L);
  switch (t->state) {
    case TRANSFER_RUNNING: return lua_pushnil(L), 1;
    case TRANSFER_ANSWERED:
      push_response(L, t);
      t->state = TRANSFER_TAKEN;
      transfer_clear(t);
      return 1;
    case TRANSFER_FAILED:
      lua_pushnil(L);
      lua_pushstring(L, t->code);
      lua_pushstring(L, t->message);
      lua_pushboolean(L, t->sent);
      return 4;
    default: return luaL_error(L, "the transfer's result was taken before");
  }
}

static int transfer_cancel (lua_State *L) {
  cancel(check_transfer(L));
  return 0;
}

static int transfer_gc (lua_State *L) {
  Transfer *t = check_transfer(L);
  cancel(t);
  transfer_clear(t);
  return 0;
}

static int transfer_tostring (lua_State *L) {
  static const char *const names[] = {"new", "running", "answered", "failed", "taken"};
  lua_pushfstring(L, TRANSFER_T " (%s)", names[check_transfer(L)->state]);
  return 1;
}

/* }==== */

static const luaL_Reg pool_methods[] = {
  {"start", start}, {"step", step}, {"active", active}, {"retire", retire}, {"forks", forks},
  {"now", now},     {"time", wall}, {"close", pool_gc}, {NULL, NULL},
};
static const luaL_Reg pool_meta[] = {{"__gc", pool_gc}, {"__tostring", pool_tostring}, {NULL, NULL}};
static const luaL_Reg transfer_methods[] = {{"result", result}, {"cancel", transfer_cancel}, {NULL, NULL}};
static const luaL_Reg transfer_meta[] = {{"__gc", transfer_gc}, {"__tostring", transfer_tostring}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"pool", new_pool}, {NULL, NULL}};

static void new_class (lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, meta, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
}

/*
** A thread of curl's may still wait for a name server when a Lua state ends and unloads this module: libcurl's code
** must stay where it is. For the same reason curl_global_cleanup is never called.
*/
static void keep_curl_loaded (void) {
  Dl_info info;
  if (dladdr((void *)(uintptr_t)curl_easy_init, &info) && info.dli_fname)
    (void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

DYNAMODB_EXPORT int luaopen_dynamodb_curl (lua_State *L);

int luaopen_dynamodb_curl (lua_State *L) {
  const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
#if LIBCURL_VERSION_NUM >= 0x075000
  if (v->version_num < 0x075000) return luaL_error(L, "libcurl %s is older than this module was built for", v->version);
#endif
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return luaL_error(L, "libcurl cannot be initialised");
  keep_curl_loaded();
  new_class(L, POOL_T, pool_meta, pool_methods);
  new_class(L, TRANSFER_T, transfer_meta, transfer_methods);
  luaL_newlib(L, functions);
  lua_pushstring(L, v->version);
  lua_setfield(L, -2, "version");
#if LIBCURL_VERSION_NUM >= 0x075700
  lua_pushboolean(L, v->version_num >= 0x075700);
#else
  lua_pushboolean(L, 0);
#endif
  lua_setfield(L, -2, "quick_exit"); /* can a name resolution that hangs be left behind? */
  return 1;
}
