/*
** The walk over tables: lists, objects and plain JSON, by the shape of what is to be written.
*/
#include <stdio.h>

#include "../engine/json_write.h"
#include "encode_internal.h"
#include "values.h"

/* DynamoDB nests lists and maps up to 32 levels deep; plain JSON is only kept from running away. */
#define MAX_LEVELS 32
#define MAX_DEPTH 128

/* Beyond this many places, a list with holes is not a list. */
#define MAX_SPARSE (1 << 24)

/* {== Levels == */

static int is_ancestor (const Frame *frame, const void *table) {
  for (; frame; frame = frame->parent)
    if (frame->table == table) return 1;
  return 0;
}

/* Before the table on top is entered; `levels` counts lists and maps of attribute values alone. */
static int enter (Encoder *e, const Frame *frame, int is_value) {
  const void *table = lua_topointer(e->L, -1);
  if (e->depth >= MAX_DEPTH || (is_value && e->levels >= MAX_LEVELS)) {
    if (is_ancestor(frame, table))
      encode_fail(e, frame, "a table that contains itself");
    else
      encode_fail(e, frame, "more than %d levels of lists and maps", is_value ? MAX_LEVELS : MAX_DEPTH);
    return 0;
  }
  if (!lua_checkstack(e->L, 8)) return encode_fail(e, frame, "nested too deep"), 0;
  e->depth++;
  e->levels += is_value;
  return 1;
}

static void leave (Encoder *e, int is_value) {
  e->depth--;
  e->levels -= is_value;
}

/* ==} */

/* {== Lists == */

/* Counts the keys of the table on top, which must all be positive whole numbers. */
Result encode_count_keys (Encoder *e, const Frame *frame, Keys *keys) {
  lua_State *L = e->L;
  keys->count = keys->max = 0;
  lua_pushnil(L);
  for (; lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TNUMBER) {
      if (lua_type(L, -2) == LUA_TSTRING)
        return encode_fail(e, frame, "a table with both list elements and the member \"%s\"", lua_tostring(L, -2));
      return encode_fail(e, frame, "a table with a %s as key", luaL_typename(L, -2));
    }
    lua_Number n = lua_tonumber(L, -2);
    if (n < 1 || n != floor(n) || n > MAX_SPARSE) return encode_fail(e, frame, "a list with the index %.14g", n);
    keys->count++;
    if (n > (lua_Number)keys->max) keys->max = (lua_Integer)n;
  }
  return WRITTEN;
}

static Result encode_element (Encoder *e, const Frame *frame, const Shape *element, int *first) {
  size_t mark = e->out->len;
  if (!*first) buffer_byte(e->out, ',');
  Result result = encode_shaped(e, frame, element);
  if (result == SKIPPED)
    e->out->len = mark;
  else
    *first = 0;
  return result;
}

/* The rest of the list on top, whose elements do not lie in order; a hole is skipped only on demand. */
static Result encode_unordered (Encoder *e, Frame *child, const Shape *element, int *first) {
  lua_State *L = e->L;
  Keys keys;
  if (!encode_count_keys(e, child->parent, &keys)) return FAILED;
  for (; child->index <= keys.max; child->index++) {
    lua_rawgeti(L, -1, (int)child->index);
    if (!lua_isnil(L, -1)) {
      if (!encode_element(e, child, element, first)) return FAILED;
    } else if (e->options.unsupported != UNSUPPORTED_SKIP) {
      return encode_fail(e, child, "a hole in a list");
    }
    lua_pop(L, 1);
  }
  return WRITTEN;
}

/*
** The list on top. The walk expects to meet 1, 2, 3…; only when it meets something else are the keys counted, and the
** elements that are left taken by their places.
*/
Result encode_list (Encoder *e, const Frame *frame, const Shape *element, int is_value) {
  lua_State *L = e->L;
  int table = lua_gettop(L), first = 1;
  Frame child = {frame, NULL, 0, 0, lua_topointer(L, table)};
  if (!enter(e, frame, is_value)) return FAILED;
  buffer_byte(e->out, '[');
  lua_pushnil(L);
  while (lua_next(L, table)) {
    child.index++;
    if (lua_type(L, -2) != LUA_TNUMBER || lua_tonumber(L, -2) != (lua_Number)child.index) {
      lua_settop(L, table);
      if (!encode_unordered(e, &child, element, &first)) return FAILED;
      break;
    }
    if (!encode_element(e, &child, element, &first)) return FAILED;
    lua_pop(L, 1);
  }
  buffer_byte(e->out, ']');
  leave(e, is_value);
  return WRITTEN;
}

/* ==} */

/* {== Objects == */

/* What the member `child` of an object of `shape` is to be written as; NULL when it looks misspelt. */
static const Shape *member_shape (Encoder *e, const Frame *child, const Shape *shape) {
  if (shape->kind == SHAPE_ITEM || shape->kind == SHAPE_M) return &value_shape;
  if (shape->kind == SHAPE_RAW) return &raw_shape;
  if (shape->kind == SHAPE_MAP) return shape->child ? &e->shape->nodes[shape->child] : &plain_shape;
  if (shape->kind != SHAPE_STRUCTURE) return &plain_shape;
  const char *text = e->shape->text;
  const Shape *member = shape_member(e->shape->nodes, text, shape, child->key, child->len);
  if (member) return member;
  if (!e->strict) return &plain_shape;
  member = shape_near_miss(e->shape->nodes, text, shape, child->key, child->len);
  if (!member) return &plain_shape;
  encode_fail(e, child, "unknown member; %.*s is meant? (strict = false sends it as it is)", member->name_len,
              text + member->name_from);
  return NULL;
}

/*
** May a request do without this member, which is null and so is not sent? An expression it may not: a write would go
** unconditionally.
*/
static int may_be_absent (Encoder *e, const Frame *child) {
  static const char ending[] = "Expression";
  size_t len = sizeof ending - 1;
  int is_expression = child->len >= len && memcmp(child->key + child->len - len, ending, len) == 0;
  if (!e->strict || !(is_expression || strcmp(child->key, "Expected") == 0)) return 1;
  encode_fail(e, child,
              "null would not be sent (an unconditional write, a reading of everything); leave it out if that is "
              "meant, or connect with strict = false");
  return 0;
}

/* The object on top: `shape` tells what its members are. */
Result encode_object (Encoder *e, const Frame *frame, const Shape *shape) {
  lua_State *L = e->L;
  Buffer *out = e->out;
  int table = lua_gettop(L), first = 1;
  int is_value = shape->kind == SHAPE_M;
  Frame child = {frame, NULL, 0, 0, lua_topointer(L, table)};
  if (!enter(e, frame, is_value)) return FAILED;
  buffer_byte(out, '{');
  lua_pushnil(L);
  while (lua_next(L, table)) {
    size_t mark = out->len;
    if (lua_type(L, -2) != LUA_TSTRING) {
      if (lua_type(L, -2) == LUA_TNUMBER)
        return encode_fail(e, frame, "a table with both members and the list element [%.14g]", lua_tonumber(L, -2));
      return encode_fail(e, frame, "a table with a %s as key", luaL_typename(L, -2));
    }
    child.key = lua_tolstring(L, -2, &child.len);
    const Shape *member = member_shape(e, &child, shape);
    if (!member) return FAILED;
    if (!first) buffer_byte(out, ',');
    if (!json_write_string(out, child.key, child.len)) return encode_fail(e, &child, "a name that is not UTF-8");
    buffer_byte(out, ':');
    int is_absent = shape->kind == SHAPE_STRUCTURE && member->kind != SHAPE_VALUE /* which can be NULL */
                    && lua_islightuserdata(L, -1) && !lua_touserdata(L, -1);
    if (is_absent && !may_be_absent(e, &child)) return FAILED;
    Result result = is_absent ? SKIPPED : encode_shaped(e, &child, member);
    if (result == FAILED) return FAILED;
    if (result == SKIPPED)
      out->len = mark;
    else
      first = 0;
    lua_pop(L, 1);
  }
  buffer_byte(out, '}');
  leave(e, is_value);
  return WRITTEN;
}

/* ==} */

/* {== Tables of either kind == */

/* What the table on top is: by its mark, else by its first key. */
TableKind encode_table_kind (Encoder *e, const Frame *frame) {
  lua_State *L = e->L;
  TableKind empty = TABLE_EMPTY;
  switch (state_kind(L, e->state, -1)) {
    case MT_LIST:
    case MT_ARRAY: return TABLE_LIST;
    case MT_EMPTY_ARRAY: empty = TABLE_LIST; break;
    case MT_SET: return TABLE_SET;
    case MT_RAW: return TABLE_RAW;
    case MT_OPERATOR: return encode_fail(e, frame, "an operator of an expression cannot be stored"), TABLE_ODD;
    case MT_PATH: return encode_fail(e, frame, "a document path cannot be stored"), TABLE_ODD;
    default: break;
  }
  lua_pushnil(L);
  if (!lua_next(L, -2)) return empty;
  int type = lua_type(L, -2);
  lua_pop(L, 2);
  if (type == LUA_TNUMBER) return TABLE_LIST;
  if (type == LUA_TSTRING) return TABLE_MAP;
  return encode_fail(e, frame, "a table with a %s as key", lua_typename(L, type)), TABLE_ODD;
}

/* ==} */

/* {== Plain JSON == */

/* A number of plain JSON: whole ones without a fraction, also where their type is a float. */
static Result encode_plain_number (Encoder *e, const Frame *frame) {
  char text[64];
  lua_Number number = lua_tonumber(e->L, -1);
  int64_t whole;
  if (!isfinite(number)) return encode_fail(e, frame, "NaN and infinities cannot be written as JSON");
  if (to_whole(e->L, -1, &whole) || (fabs(number) < 1e126 && fabs(number) >= 1e-130)) {
    int numbers = e->options.numbers;
    e->options.numbers = NUMBERS_NATIVE;
    Result result = encode_digits(e, frame);
    e->options.numbers = numbers;
    return result;
  }
  snprintf(text, sizeof text, "%.17g", number);
  for (char *p = text; *p; p++) /* the locale's decimal point */
    if (!(*p >= '0' && *p <= '9') && *p != '-' && *p != '+' && *p != 'e') *p = '.';
  buffer_string(e->out, text);
  return WRITTEN;
}

static Result encode_plain_table (Encoder *e, const Frame *frame) {
  switch (encode_table_kind(e, frame)) {
    case TABLE_SET:
    case TABLE_LIST: return encode_list(e, frame, &plain_shape, 0);
    case TABLE_RAW:
    case TABLE_EMPTY:
    case TABLE_MAP: return encode_object(e, frame, &plain_shape);
    case TABLE_ODD: break;
  }
  return FAILED;
}

Result encode_plain (Encoder *e, const Frame *frame) {
  lua_State *L = e->L;
  switch (lua_type(L, -1)) {
    case LUA_TSTRING: return encode_string(e, frame);
    case LUA_TNUMBER: return encode_plain_number(e, frame);
    case LUA_TTABLE: return encode_plain_table(e, frame);
    case LUA_TBOOLEAN: buffer_string(e->out, lua_toboolean(L, -1) ? "true" : "false"); return WRITTEN;
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(L, -1) && lua_touserdata(L, -1) != e->state->empty_array) break;
      buffer_string(e->out, lua_touserdata(L, -1) ? "[]" : "null");
      return WRITTEN;
    case LUA_TUSERDATA:
      switch (state_kind(L, e->state, -1)) {
        case MT_NUMBER: return encode_digits(e, frame);
        case MT_BINARY: return encode_base64(e);
        default: break;
      }
      break;
    default: break;
  }
  return encode_fail(e, frame, "a %s cannot be written as JSON", luaL_typename(L, -1));
}

/* ==} */

/* The table on top that must be a list or an object by its shape. */
static Result encode_structured (Encoder *e, const Frame *frame, const Shape *shape) {
  lua_State *L = e->L;
  int is_list = shape->kind == SHAPE_LIST;
  if (lua_islightuserdata(L, -1) && lua_touserdata(L, -1) == e->state->empty_array && is_list)
    return buffer_literal(e->out, "[]"), WRITTEN;
  if (!lua_istable(L, -1)) return encode_fail(e, frame, "a table is expected, got a %s", luaL_typename(L, -1));
  TableKind kind = encode_table_kind(e, frame);
  if (kind == TABLE_ODD) return FAILED;
  if (!is_list && kind == TABLE_LIST && lua_rawlen(L, -1))
    return encode_fail(e, frame, "a map is expected, got a list");
  if (!is_list) return encode_object(e, frame, shape);
  if (kind == TABLE_MAP) return encode_fail(e, frame, "a list is expected, got a table with members");
  return encode_list(e, frame, shape->child ? &e->shape->nodes[shape->child] : &plain_shape, 0);
}

/* Writes the value on top; the stack is as it was unless it fails. */
Result encode_shaped (Encoder *e, const Frame *frame, const Shape *shape) {
  switch (shape->kind) {
    case SHAPE_PLAIN: return encode_plain(e, frame);
    case SHAPE_VALUE: return encode_value(e, frame);
    case SHAPE_RAW: return encode_raw(e, frame);
    default: return encode_structured(e, frame, shape);
  }
}
