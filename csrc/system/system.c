/*
** dynamodb.system: what is needed of the operating system and Lua does not have. For credentials: programs without a
** shell; for Lambda's runtime, see bind.h; for files, see files.h.
*/
#include <sys/wait.h>

#include "bind.h"
#include "child.h"
#include "files.h"

#define CHILD_T "dynamodb.system.child"

int system_failure (lua_State *L, const char *message) {
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

/* {==== Children ==== */

static Child *check_child (lua_State *L) {
  return luaL_checkudata(L, 1, CHILD_T);
}

static int child_gc (lua_State *L) {
  Child *c = check_child(L);
  child_close(c);
  c->is_over = 1;
  buffer_free(&c->output);
  buffer_free(&c->errors);
  return 0;
}

/* Leaves a userdata with the words' addresses on the stack; the words live in the table at 1. */
static char **check_words (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t count = lua_rawlen(L, 1);
  luaL_argcheck(L, count > 0 && count < 1024, 1, "a list of words expected");
  char **words = lua_newuserdata(L, (count + 1) * sizeof *words);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 1, (int)i + 1);
    size_t len;
    const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    luaL_argcheck(L, word && strlen(word) == len, 1, "a list of strings without NUL expected");
    words[i] = (char *)(uintptr_t)word;
    lua_pop(L, 1);
  }
  words[count] = NULL;
  return words;
}

/* system.spawn(words) -> child | nil, message */
static int spawn (lua_State *L) {
  lua_settop(L, 1);
  char **words = check_words(L);
  Child *c = lua_newuserdata(L, sizeof *c);
  child_init(c);
  luaL_getmetatable(L, CHILD_T);
  lua_setmetatable(L, -2);
  const char *wrong = child_start(c, words);
  return wrong ? system_failure(L, wrong) : 1;
}

static void set_bytes (lua_State *L, const char *name, const Buffer *b) {
  lua_pushlstring(L, b->data ? b->data : "", b->len);
  lua_setfield(L, -2, name);
}

static void set_integer (lua_State *L, const char *name, int value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

/* child:poll() -> nil while it runs | { stdout, stderr, exit or signal, too_much } */
static int poll (lua_State *L) {
  Child *c = check_child(L);
  if (!child_poll(c)) return lua_pushnil(L), 1;
  lua_createtable(L, 0, 4);
  set_bytes(L, "stdout", &c->output);
  set_bytes(L, "stderr", &c->errors);
  if (WIFSIGNALED(c->status))
    set_integer(L, "signal", WTERMSIG(c->status));
  else
    set_integer(L, "exit", WEXITSTATUS(c->status));
  lua_pushboolean(L, c->too_much);
  lua_setfield(L, -2, "too_much");
  return 1;
}

/* }==== */

static const luaL_Reg child_methods[] = {{"poll", poll}, {"close", child_gc}, {NULL, NULL}};
static const luaL_Reg child_meta[] = {{"__gc", child_gc}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"spawn", spawn}, {NULL, NULL}};

DYNAMODB_EXPORT int luaopen_dynamodb_system (lua_State *L);

int luaopen_dynamodb_system (lua_State *L) {
  luaL_newmetatable(L, CHILD_T);
  luaL_setfuncs(L, child_meta, 0);
  lua_newtable(L);
  luaL_setfuncs(L, child_methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, CHILD_T);
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  connection_register(L);
  process_register(L);
  files_register(L);
  return 1;
}
