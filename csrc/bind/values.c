#include "values.h"

/* {== Numbers == */

void push_decimal (lua_State *L, const Decimal *d) {
  *(Decimal *)lua_newuserdata(L, sizeof *d) = *d;
  state_mark(L, MT_NUMBER);
}

void push_lossless (lua_State *L, const Decimal *d) {
  int64_t whole;
  double fraction;
  if (decimal_to_integer(d, &whole) && whole >= COMPAT_MIN_INTEGER && whole <= COMPAT_MAX_INTEGER)
    compat_pushinteger(L, whole);
  else if (d->magnitude < d->count - 1 && decimal_is_double(d, &fraction))
    lua_pushnumber(L, fraction);
  else
    push_decimal(L, d);
}

int to_whole (lua_State *L, int index, int64_t *value) {
  if (lua_isinteger(L, index)) {
    *value = (int64_t)lua_tointeger(L, index);
    return 1;
  }
  double number = lua_tonumber(L, index);
  if (!(fabs(number) <= 9007199254740991.0) || rint(number) != number) return 0;
  *value = (int64_t)number;
  return 1;
}

const char *to_decimal (lua_State *L, const State *state, int index, Decimal *d) {
  int64_t whole;
  if (lua_type(L, index) != LUA_TNUMBER) {
    if (lua_isuserdata(L, index) && state_kind(L, state, index) == MT_NUMBER) {
      *d = *(const Decimal *)lua_touserdata(L, index);
      return NULL;
    }
    return "a number is expected";
  }
  if (to_whole(L, index, &whole)) {
    decimal_from_integer(whole, d);
    return NULL;
  }
  double number = lua_tonumber(L, index);
  if (isnan(number)) return "NaN is not a number that DynamoDB has";
  if (isinf(number)) return "an infinity is not a number that DynamoDB has";
  DecimalError error = decimal_exactly(number, d);
  return error ? decimal_message(error) : NULL;
}

static int number_new (lua_State *L) {
  Decimal d;
  if (lua_type(L, 1) == LUA_TSTRING) {
    size_t len;
    const char *text = lua_tolstring(L, 1, &len);
    DecimalError error = decimal_parse(text, len, &d);
    if (error) return luaL_error(L, "bad argument #1 to 'number' (\"%s\": %s)", text, decimal_message(error));
  } else {
    const char *error = to_decimal(L, state_get(L), 1, &d);
    if (error) return luaL_error(L, "bad argument #1 to 'number' (%s)", error);
  }
  push_lossless(L, &d);
  return 1;
}

/* Any number against any other: -1, 0 or 1. */
static int compare_at (lua_State *L, int a, int b) {
  Decimal left, right;
  const char *error = to_decimal(L, state_get(L), a, &left);
  if (error) return luaL_error(L, "bad argument #%d to 'compare' (%s)", a, error);
  error = to_decimal(L, state_get(L), b, &right);
  if (error) return luaL_error(L, "bad argument #%d to 'compare' (%s)", b, error);
  return decimal_compare(&left, &right);
}

static int number_compare (lua_State *L) {
  lua_pushinteger(L, compare_at(L, 1, 2));
  return 1;
}

static int number_eq (lua_State *L) {
  const State *state = state_get(L);
  lua_pushboolean(L, state_kind(L, state, 1) == MT_NUMBER && state_kind(L, state, 2) == MT_NUMBER &&
                       compare_at(L, 1, 2) == 0);
  return 1;
}

static int number_lt (lua_State *L) {
  lua_pushboolean(L, compare_at(L, 1, 2) < 0);
  return 1;
}

static int number_le (lua_State *L) {
  lua_pushboolean(L, compare_at(L, 1, 2) <= 0);
  return 1;
}

static int number_tostring (lua_State *L) {
  char text[DECIMAL_TEXT];
  const Decimal *d = state_check(L, 1, MT_NUMBER, "dynamodb.number");
  lua_pushlstring(L, text, decimal_write(d, text));
  return 1;
}

static int number_tonumber (lua_State *L) {
  const Decimal *d = state_check(L, 1, MT_NUMBER, "dynamodb.number");
  lua_pushnumber(L, decimal_to_double(d));
  return 1;
}

static int number_arithmetic (lua_State *L) {
  return luaL_error(L, "a dynamodb.number is exact and has no arithmetic; :tonumber() gives the nearest float");
}

/* ==} */

/* {== Binaries == */

Binary *push_binary (lua_State *L, size_t len) {
  Binary *binary = lua_newuserdata(L, sizeof *binary + len);
  binary->len = len;
  state_mark(L, MT_BINARY);
  return binary;
}

static int binary_new (lua_State *L) {
  size_t len;
  if (lua_isuserdata(L, 1) && state_kind(L, state_get(L), 1) == MT_BINARY) return lua_settop(L, 1), 1;
  luaL_checktype(L, 1, LUA_TSTRING);
  const char *bytes = lua_tolstring(L, 1, &len);
  memcpy(push_binary(L, len)->bytes, bytes, len);
  return 1;
}

/* The bytes of a binary, or of a string or number beside it. */
static const char *bytes_at (lua_State *L, int index, size_t *len) {
  if (lua_isuserdata(L, index) && state_kind(L, state_get(L), index) == MT_BINARY) {
    const Binary *binary = lua_touserdata(L, index);
    *len = binary->len;
    return binary->bytes;
  }
  return luaL_checklstring(L, index, len);
}

static int binary_tostring (lua_State *L) {
  size_t len;
  const char *bytes = bytes_at(L, 1, &len);
  lua_pushlstring(L, bytes, len);
  return 1;
}

static int binary_len (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)((const Binary *)state_check(L, 1, MT_BINARY, "dynamodb.binary"))->len);
  return 1;
}

static int binary_concat (lua_State *L) {
  size_t left_len, right_len;
  const char *left = bytes_at(L, 1, &left_len), *right = bytes_at(L, 2, &right_len);
  lua_pushlstring(L, left, left_len);
  lua_pushlstring(L, right, right_len);
  lua_concat(L, 2);
  return 1;
}

static int compare_bytes (lua_State *L) {
  size_t left_len, right_len;
  const char *left = bytes_at(L, 1, &left_len), *right = bytes_at(L, 2, &right_len);
  int order = memcmp(left, right, left_len < right_len ? left_len : right_len);
  return order ? order : left_len < right_len ? -1 : left_len > right_len;
}

static int binary_eq (lua_State *L) {
  const State *state = state_get(L);
  lua_pushboolean(L, state_kind(L, state, 1) == MT_BINARY && state_kind(L, state, 2) == MT_BINARY &&
                       compare_bytes(L) == 0);
  return 1;
}

static int binary_lt (lua_State *L) {
  lua_pushboolean(L, compare_bytes(L) < 0);
  return 1;
}

static int binary_le (lua_State *L) {
  lua_pushboolean(L, compare_bytes(L) <= 0);
  return 1;
}

/* ==} */

/* core.kind(value) -> "number" | "binary" | nil */
static int value_kind (lua_State *L) {
  Metatable kind = lua_isuserdata(L, 1) ? state_kind(L, state_get(L), 1) : 0;
  lua_pushstring(L, kind == MT_NUMBER ? "number" : kind == MT_BINARY ? "binary" : NULL);
  return 1;
}

/* core.key(value) -> text that two scalars share if and only if DynamoDB takes them for one; nil for anything else */
static int value_key (lua_State *L) {
  Decimal d;
  char text[DECIMAL_TEXT + 1];
  size_t len;
  luaL_checkany(L, 1);
  switch (lua_type(L, 1)) {
    case LUA_TSTRING:
      lua_pushliteral(L, "S");
      lua_pushvalue(L, 1);
      break;
    case LUA_TBOOLEAN: return lua_pushstring(L, lua_toboolean(L, 1) ? "b1" : "b0"), 1;
    case LUA_TLIGHTUSERDATA: return lua_pushstring(L, lua_touserdata(L, 1) ? NULL : "0"), 1;
    case LUA_TUSERDATA:
      if (state_kind(L, state_get(L), 1) == MT_BINARY) {
        lua_pushliteral(L, "B");
        binary_tostring(L);
        break;
      } /* fall through */
    default:
      if (to_decimal(L, state_get(L), 1, &d)) return lua_pushnil(L), 1;
      text[0] = 'N';
      len = decimal_write(&d, text + 1);
      return lua_pushlstring(L, text, len + 1), 1;
  }
  lua_concat(L, 2);
  return 1;
}

static const luaL_Reg number_metamethods[] = {
  {"__eq", number_eq},
  {"__lt", number_lt},
  {"__le", number_le},
  {"__tostring", number_tostring},
  {"__add", number_arithmetic},
  {"__sub", number_arithmetic},
  {"__mul", number_arithmetic},
  {"__div", number_arithmetic},
  {"__mod", number_arithmetic},
  {"__pow", number_arithmetic},
  {"__unm", number_arithmetic},
  {"__idiv", number_arithmetic},
  {NULL, NULL},
};

static const luaL_Reg number_methods[] = {{"tonumber", number_tonumber}, {NULL, NULL}};

static const luaL_Reg binary_metamethods[] = {
  {"__eq", binary_eq},   {"__lt", binary_lt},         {"__le", binary_le},
  {"__len", binary_len}, {"__concat", binary_concat}, {"__tostring", binary_tostring},
  {NULL, NULL},
};

static const luaL_Reg functions[] = {
  {"binary", binary_new}, {"compare", number_compare}, {"key", value_key},
  {"kind", value_kind},   {"number", number_new},      {NULL, NULL},
};

void values_register (lua_State *L) {
  state_metatable(L, MT_NUMBER);
  state_register(L, number_metamethods);
  lua_newtable(L);
  state_register(L, number_methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  state_metatable(L, MT_BINARY);
  state_register(L, binary_metamethods);
  lua_pop(L, 1);
  state_register(L, functions);
}
