#include "shapes.h"

const ShapeText *shape_check (lua_State *L, int arg) {
  return state_check(L, arg, MT_SHAPE, "shape");
}

/* core.shape(text) -> shape, to be given to core.encode and core.decode */
static int shape_new (lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  size_t nodes = shape_room(text, len) * sizeof(Shape);
  ShapeText *shape = lua_newuserdata(L, sizeof *shape + nodes + len);
  char *copy = (char *)shape->nodes + nodes;
  memcpy(copy, text, len);
  shape->text = copy;
  const char *error = shape_compile(copy, len, shape->nodes);
  if (error) return luaL_error(L, "bad shape: %s", error);
  state_mark(L, MT_SHAPE);
  return 1;
}

void shapes_register (lua_State *L) {
  static const luaL_Reg functions[] = {{"shape", shape_new}, {NULL, NULL}};
  state_register(L, functions);
}
