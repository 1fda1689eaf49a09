#include "http.h"

#include "../engine/http.h"
#include "../engine/http_request.h"

/* While its strings are made, which may run a finalizer, nothing else may be fed to the reader. */
typedef struct Reader {
  Http http;
  int busy;
} Reader;

static Reader *check_reader (lua_State *L) {
  Reader *r = state_check(L, 1, MT_HTTP, "http");
  if (r->busy) luaL_error(L, "the reader is in use");
  return r;
}

/* core.http(max_response) -> reader */
static int reader_new (lua_State *L) {
  lua_Number max = luaL_checknumber(L, 1);
  luaL_argcheck(L, max >= 1024 && max <= 1e12, 1, "a number of bytes from 1024 to 1e12 expected");
  Reader *r = lua_newuserdata(L, sizeof *r);
  http_init(&r->http, (size_t)max);
  r->busy = 0;
  state_mark(L, MT_HTTP);
  return 1;
}

/* Nothing while more is wanted | status, head, body, keep_alive | nil, message. Then it begins anew. */
static int push_result (lua_State *L, Reader *r, HttpResult result) {
  Http *h = &r->http;
  if (result == HTTP_MORE) return 0;
  if (result == HTTP_REFUSED) {
    lua_pushnil(L);
    lua_pushstring(L, h->error);
    http_reset(h, 0);
    return 2;
  }
  r->busy = 1;
  lua_pushinteger(L, h->status);
  lua_pushlstring(L, h->head, h->head_len);
  lua_pushlstring(L, h->body_len ? h->body : "", h->body_len);
  lua_pushboolean(L, h->keep_alive);
  r->busy = 0;
  http_reset(h, 0);
  return 4;
}

/* reader:feed(bytes, no_body) */
static int reader_feed (lua_State *L) {
  size_t len;
  Reader *r = check_reader(L);
  const char *bytes = luaL_checklstring(L, 2, &len);
  r->http.no_body = lua_toboolean(L, 3);
  return push_result(L, r, http_feed(&r->http, bytes, len));
}

/* reader:finish() */
static int reader_finish (lua_State *L) {
  Reader *r = check_reader(L);
  return push_result(L, r, http_end(&r->http));
}

static int reader_gc (lua_State *L) {
  Reader *r = state_check(L, 1, MT_HTTP, "http");
  http_free(&r->http);
  return 0;
}

static int reader_tostring (lua_State *L) {
  const Reader *r = state_check(L, 1, MT_HTTP, "http");
  lua_pushfstring(L, "dynamodb.http (%d bytes)", (int)r->http.received);
  return 1;
}

/* core.http_request(method, path, head, body, with_body) -> bytes | nil, message */
static int http_request (lua_State *L) {
  HttpRequest r;
  const char *field = "";
  r.method = luaL_checklstring(L, 1, &r.method_len);
  r.path = luaL_checklstring(L, 2, &r.path_len);
  r.head = luaL_checklstring(L, 3, &r.head_len);
  const char *body = luaL_checklstring(L, 4, &r.body_len);
  Buffer *out = state_borrow(L, WORK_OUT);
  const char *wrong = http_write_request(out, &r, &field);
  if (!wrong && lua_toboolean(L, 5) && !buffer_append(out, body, r.body_len))
    wrong = "no memory is left for it", field = "body";
  if (!wrong) lua_pushlstring(L, out->data, out->len);
  state_return(L, WORK_OUT, out);
  if (!wrong) return 1;
  lua_pushnil(L);
  lua_pushfstring(L, "request.%s: %s", field, wrong);
  return 2;
}

void http_register (lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", reader_gc}, {"__tostring", reader_tostring}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"feed", reader_feed}, {"finish", reader_finish}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"http", reader_new}, {"http_request", http_request}, {NULL, NULL}};
  state_metatable(L, MT_HTTP);
  state_register(L, metamethods);
  lua_newtable(L);
  state_register(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  state_register(L, functions);
}
