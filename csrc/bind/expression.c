#include "expression.h"

#include "../engine/expression_scan.h"

static const char *const kind_names[] = {
  [TOKEN_NAME] = "name",         [TOKEN_ALIAS] = "alias",       [TOKEN_VALUE] = "value",
  [TOKEN_POSITION] = "position", [TOKEN_FUNCTION] = "function", [TOKEN_KEYWORD] = "keyword",
  [TOKEN_OPERATOR] = "operator", [TOKEN_DOT] = "dot",           [TOKEN_COMMA] = "comma",
  [TOKEN_OPEN] = "open",         [TOKEN_CLOSE] = "close",
};

/* Arguments 1 and 2, a text and its kind, opened for reading. */
static void check_scan (lua_State *L, ExpressionScan *scan) {
  static const char *const kinds[] = {"condition", "update", NULL};
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  expression_scan_init(scan, text, len, (ExpressionKind)luaL_checkoption(L, 2, NULL, kinds));
}

static int push_problem (lua_State *L, const ExpressionScan *scan) {
  lua_pushnil(L);
  lua_pushfstring(L, "position %d: %s", (int)scan->at + 1, scan->error);
  return 2;
}

/* core.expression_tokens(text, kind) -> { kind, text, position, … } | nil, message */
static int expression_tokens (lua_State *L) {
  ExpressionScan scan;
  ExpressionToken token;
  check_scan(L, &scan);
  lua_settop(L, 1);
  lua_newtable(L);
  for (int i = 1; expression_scan_next(&scan, &token); i += 3) {
    lua_pushstring(L, kind_names[token.kind]);
    lua_rawseti(L, 2, i);
    lua_pushlstring(L, token.text, token.len);
    lua_rawseti(L, 2, i + 1);
    lua_pushinteger(L, (lua_Integer)token.at + 1);
    lua_rawseti(L, 2, i + 2);
  }
  return scan.error ? push_problem(L, &scan) : 1;
}

/*
** core.expression_operators(text, kind, limit) -> how many operators and functions, position of the first one beyond
** the limit | nil, message
*/
static int expression_operators (lua_State *L) {
  ExpressionScan scan;
  ExpressionToken token;
  check_scan(L, &scan);
  lua_Integer limit = luaL_checkinteger(L, 3), count = 0, beyond = 0;
  while (expression_scan_next(&scan, &token))
    if (token.operates && count++ == limit) beyond = (lua_Integer)token.at + 1;
  if (scan.error) return push_problem(L, &scan);
  lua_pushinteger(L, count);
  if (count <= limit) return 1;
  lua_pushinteger(L, beyond);
  return 2;
}

void expression_register (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"expression_operators", expression_operators},
    {"expression_tokens", expression_tokens},
    {NULL, NULL},
  };
  state_register(L, functions);
}
