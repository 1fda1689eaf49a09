#include "encode.h"

#include "encode_internal.h"

/* Writes the argument `arg` into borrowed buffers, which stay lent: two places of the stack are taken. */
static Result write_argument (lua_State *L, int arg, const char *name, const Shape *shape, Encoder *e) {
  Frame root = {NULL, name, name ? strlen(name) : 0, 0, NULL};
  luaL_checkany(L, arg);
  luaL_checkstack(L, 16, NULL);
  e->L = L;
  e->state = state_get(L);
  e->out = state_borrow(L, WORK_OUT);
  e->error = state_borrow(L, WORK_SCRATCH);
  int top = lua_gettop(L);
  lua_pushvalue(L, arg);
  Result result = encode_shaped(e, &root, shape);
  lua_settop(L, top);
  if (e->out->failed) result = encode_fail(e, &root, "out of memory");
  if (result == SKIPPED) result = encode_fail(e, &root, "a %s cannot be stored", luaL_typename(L, arg));
  return result;
}

/* Writes the argument `arg`: pushes the text, or nil and a message that starts with the path. */
static int encode_argument (lua_State *L, int arg, const char *name, const Shape *shape, Encoder *e) {
  Result result = write_argument(L, arg, name, shape, e);
  if (result == FAILED) lua_pushnil(L);
  const Buffer *text = result == FAILED ? e->error : e->out;
  lua_pushlstring(L, text->data, text->len);
  state_return(L, WORK_SCRATCH, e->error);
  state_return(L, WORK_OUT, e->out);
  return result == FAILED ? 2 : 1;
}

/* Writes the argument `arg`: its bytes stay lent; or pushes the message. */
static Buffer *lend_argument (lua_State *L, int arg, const char *name, const Shape *shape, Encoder *e) {
  Result result = write_argument(L, arg, name, shape, e);
  if (result == FAILED) lua_pushlstring(L, e->error->data, e->error->len);
  state_return(L, WORK_SCRATCH, e->error);
  if (result != FAILED) return e->out;
  state_return(L, WORK_OUT, e->out);
  return NULL;
}

Buffer *encode_item (lua_State *L, int arg, const char *name, const Options *options) {
  Encoder e = {.options = *options};
  return lend_argument(L, arg, name, &item_shape, &e);
}

Buffer *encode_params (lua_State *L, int arg, const ShapeText *shape, int strict, const Options *options) {
  Encoder e = {.options = *options, .shape = shape, .strict = strict};
  return lend_argument(L, arg, NULL, shape->nodes, &e);
}

/* The same for functions whose only caller is the user: what is wrong is raised at the caller. */
static int encode_or_raise (lua_State *L, int arg, const char *name, const Shape *shape, Encoder *e) {
  if (encode_argument(L, arg, name, shape, e) == 1) return 1;
  return luaL_error(L, "%s", lua_tostring(L, -1));
}

/* core.marshal(item, options) -> DynamoDB JSON of its attributes */
static int core_marshal (lua_State *L) {
  Encoder e = {0};
  options_check(L, 2, &e.options);
  return encode_or_raise(L, 1, "Item", &item_shape, &e);
}

/* core.marshal_value(value, options) -> DynamoDB JSON of one attribute value */
static int core_marshal_value (lua_State *L) {
  Encoder e = {0};
  options_check(L, 2, &e.options);
  return encode_or_raise(L, 1, "Value", &value_shape, &e);
}

/* core.json_encode(value) -> plain JSON */
static int core_json_encode (lua_State *L) {
  Encoder e = {0};
  return encode_or_raise(L, 1, NULL, &plain_shape, &e);
}

/* core.encode(shape, params, options, strict) -> request body | nil, message */
static int core_encode (lua_State *L) {
  Encoder e = {0};
  e.shape = shape_check(L, 1);
  options_check(L, 3, &e.options);
  e.strict = lua_toboolean(L, 4);
  return encode_argument(L, 2, NULL, e.shape->nodes, &e);
}

void encode_register (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"encode", core_encode},
    {"json_encode", core_json_encode},
    {"marshal", core_marshal},
    {"marshal_value", core_marshal_value},
    {NULL, NULL},
  };
  state_register(L, functions);
}
