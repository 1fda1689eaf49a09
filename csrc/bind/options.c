#include "options.h"

typedef struct Choice {
  const char *name;
  const char *const *values;
  size_t offset;
} Choice;

static const char *const numbers[] = {"lossless", "native", "exact", "string", NULL};
static const char *const unsupported[] = {"error", "skip", NULL};
static const char *const empty_sets[] = {"error", "omit", "null", NULL};
static const char *const empty_strings[] = {"keep", "null", NULL};

static const Choice choices[] = {
  {"numbers", numbers, offsetof(Options, numbers)},
  {"unsupported", unsupported, offsetof(Options, unsupported)},
  {"empty_sets", empty_sets, offsetof(Options, empty_sets)},
  {"empty_strings", empty_strings, offsetof(Options, empty_strings)},
};

#define CHOICES (sizeof choices / sizeof *choices)

/* The place of the string on top among `values`; an error that names them when it is none. */
static int choose (lua_State *L, const Choice *choice) {
  const char *value = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  luaL_Buffer expected;
  for (int i = 0; value && choice->values[i]; i++)
    if (strcmp(choice->values[i], value) == 0) return i;
  luaL_buffinit(L, &expected);
  for (int i = 0; choice->values[i]; i++) {
    luaL_addstring(&expected, i ? ", \"" : "\"");
    luaL_addstring(&expected, choice->values[i]);
    luaL_addchar(&expected, '"');
  }
  luaL_pushresult(&expected);
  return luaL_error(L, "option '%s' must be one of %s", choice->name, lua_tostring(L, -1));
}

void options_check (lua_State *L, int arg, Options *options) {
  memset(options, 0, sizeof *options);
  if (lua_isnoneornil(L, arg)) return;
  if (lua_isuserdata(L, arg)) {
    *options = *(Options *)state_check(L, arg, MT_OPTIONS, "options");
    return;
  }
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    size_t i = 0;
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    while (i < CHOICES && strcmp(choices[i].name, name) != 0)
      i++;
    if (i == CHOICES) luaL_error(L, "unknown option '%s'", name);
    int value = choose(L, &choices[i]);
    memcpy((char *)options + choices[i].offset, &value, sizeof value);
    lua_pop(L, 1);
  }
}

/* core.options(table) -> options, checked once and for all */
static int options_new (lua_State *L) {
  Options options;
  options_check(L, 1, &options);
  *(Options *)lua_newuserdata(L, sizeof options) = options;
  state_mark(L, MT_OPTIONS);
  return 1;
}

void options_register (lua_State *L) {
  static const luaL_Reg functions[] = {{"options", options_new}, {NULL, NULL}};
  state_register(L, functions);
}
