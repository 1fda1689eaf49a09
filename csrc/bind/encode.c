#include "encode.h"

#include <stdarg.h>
#include <stdio.h>

#include "../engine/base64.h"
#include "../engine/json_write.h"
#include "../engine/utf8.h"
#include "options.h"
#include "shapes.h"
#include "values.h"

/* DynamoDB nests lists and maps up to 32 levels deep; plain JSON is only kept from running away. */
#define MAX_LEVELS 32
#define MAX_DEPTH 128

/* Beyond this many places, a list with holes is not a list. */
#define MAX_SPARSE (1 << 24)

/* Where the walk is, for messages: a member of an object, or an element of a list when `key` is NULL. */
typedef struct Frame {
  const struct Frame *parent;
  const char *key;
  size_t len;
  lua_Integer index;
  const void *table; /* that holds it */
} Frame;

typedef struct Encoder {
  lua_State *L;
  const State *state;
  Buffer *out;
  Buffer *error; /* the message, when the walk has failed */
  Options options;
  const ShapeText *shape;
  int strict; /* refuse members that look misspelt */
  int depth, levels;
} Encoder;

/* What writing a value comes to. */
typedef enum Result { FAILED, WRITTEN, SKIPPED } Result;

/* Shapes beyond the engine's: the map of an attribute value, and an AttributeValue that the caller has spelt out. */
enum { SHAPE_M = 48, SHAPE_RAW };

static const Shape plain_shape = {SHAPE_PLAIN, 0, 0, 0, 0};
static const Shape value_shape = {SHAPE_VALUE, 0, 0, 0, 0};
static const Shape item_shape = {SHAPE_ITEM, 0, 0, 0, 0};
static const Shape map_shape = {SHAPE_M, 0, 0, 0, 0};
static const Shape raw_shape = {SHAPE_RAW, 0, 0, 0, 0};

static Result encode_shaped (Encoder *e, const Frame *frame, const Shape *shape);

/* {== Failing == */

static int is_plain_name (const char *name, size_t len) {
  for (size_t i = 0; i < len; i++) {
    char c = name[i];
    int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(i && c >= '0' && c <= '9') && c != '-' && c != ':' && c != '#') return 0;
  }
  return len > 0;
}

/* A name as a message shows it: short, printable, and UTF-8 whatever it is. */
static void write_name (Buffer *b, const char *name, size_t len) {
  char escape[8];
  int readable = utf8_valid(name, len);
  for (size_t i = 0; i < len && i < 64; i++) {
    unsigned char c = (unsigned char)name[i];
    if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F || (c >= 0x80 && !readable))
      buffer_append(b, escape, (size_t)snprintf(escape, sizeof escape, "\\x%02x", c));
    else
      buffer_byte(b, (char)c);
  }
}

/* Item.address.tags[3], and ["…"] around names that are none of a program. */
static void write_path (Buffer *b, const Frame *frame) {
  char index[32];
  if (frame->parent) write_path(b, frame->parent);
  if (!frame->key) {
    if (!frame->index) return; /* the root of a request has no name */
    snprintf(index, sizeof index, "[%lld]", (long long)frame->index);
    buffer_string(b, index);
  } else if (is_plain_name(frame->key, frame->len)) {
    if (b->len) buffer_byte(b, '.');
    buffer_append(b, frame->key, frame->len);
  } else {
    buffer_literal(b, "[\"");
    write_name(b, frame->key, frame->len);
    buffer_literal(b, "\"]");
  }
}

static Result fail (Encoder *e, const Frame *frame, const char *format, ...) {
  char message[256];
  va_list arguments;
  if (e->error->len) return FAILED; /* the first is the one to tell */
  write_path(e->error, frame);
  if (e->error->len) buffer_literal(e->error, ": ");
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  buffer_string(e->error, message);
  return FAILED;
}

/* A value of a type that DynamoDB does not have. */
static Result unsupported (Encoder *e, const Frame *frame, const char *what) {
  if (e->options.unsupported == UNSUPPORTED_SKIP) return SKIPPED;
  return fail(e, frame, "%s cannot be stored", what);
}

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
      fail(e, frame, "a table that contains itself");
    else
      fail(e, frame, "more than %d levels of lists and maps", is_value ? MAX_LEVELS : MAX_DEPTH);
    return 0;
  }
  if (!lua_checkstack(e->L, 8)) return fail(e, frame, "nested too deep"), 0;
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

typedef struct Keys {
  lua_Integer count, max;
} Keys;

/* Counts the keys of the table on top, which must all be positive whole numbers. */
static Result count_keys (Encoder *e, const Frame *frame, Keys *keys) {
  lua_State *L = e->L;
  keys->count = keys->max = 0;
  lua_pushnil(L);
  for (; lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TNUMBER) {
      if (lua_type(L, -2) == LUA_TSTRING)
        return fail(e, frame, "a table with both list elements and the member \"%s\"", lua_tostring(L, -2));
      return fail(e, frame, "a table with a %s as key", luaL_typename(L, -2));
    }
    lua_Number n = lua_tonumber(L, -2);
    if (n < 1 || n != floor(n) || n > MAX_SPARSE) return fail(e, frame, "a list with the index %.14g", n);
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
  if (!count_keys(e, child->parent, &keys)) return FAILED;
  for (; child->index <= keys.max; child->index++) {
    lua_rawgeti(L, -1, (int)child->index);
    if (!lua_isnil(L, -1)) {
      if (!encode_element(e, child, element, first)) return FAILED;
    } else if (e->options.unsupported != UNSUPPORTED_SKIP) {
      return fail(e, child, "a hole in a list");
    }
    lua_pop(L, 1);
  }
  return WRITTEN;
}

/*
** The list on top. The walk expects to meet 1, 2, 3…; only when it meets something else are the keys counted, and the
** elements that are left taken by their places.
*/
static Result encode_list (Encoder *e, const Frame *frame, const Shape *element, int is_value) {
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
  fail(e, child, "unknown member; %.*s is meant? (strict = false sends it as it is)", member->name_len,
       text + member->name_from);
  return NULL;
}

/* The object on top: `shape` tells what its members are. */
static Result encode_object (Encoder *e, const Frame *frame, const Shape *shape) {
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
        return fail(e, frame, "a table with both members and the list element [%.14g]", lua_tonumber(L, -2));
      return fail(e, frame, "a table with a %s as key", luaL_typename(L, -2));
    }
    child.key = lua_tolstring(L, -2, &child.len);
    const Shape *member = member_shape(e, &child, shape);
    if (!member) return FAILED;
    if (!first) buffer_byte(out, ',');
    if (!json_write_string(out, child.key, child.len)) return fail(e, &child, "a name that is not UTF-8");
    buffer_byte(out, ':');
    int is_absent = shape->kind == SHAPE_STRUCTURE && lua_islightuserdata(L, -1) && !lua_touserdata(L, -1);
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

typedef enum TableKind { TABLE_ODD, TABLE_EMPTY, TABLE_LIST, TABLE_MAP, TABLE_SET, TABLE_RAW } TableKind;

/* What the table on top is: by its mark, else by its first key. */
static TableKind table_kind (Encoder *e, const Frame *frame) {
  lua_State *L = e->L;
  TableKind empty = TABLE_EMPTY;
  switch (state_kind(L, e->state, -1)) {
    case MT_LIST:
    case MT_ARRAY: return TABLE_LIST;
    case MT_EMPTY_ARRAY: empty = TABLE_LIST; break;
    case MT_SET: return TABLE_SET;
    case MT_RAW: return TABLE_RAW;
    case MT_OPERATOR: return fail(e, frame, "an operator of an expression cannot be stored"), TABLE_ODD;
    case MT_PATH: return fail(e, frame, "a document path cannot be stored"), TABLE_ODD;
    default: break;
  }
  lua_pushnil(L);
  if (!lua_next(L, -2)) return empty;
  int type = lua_type(L, -2);
  lua_pop(L, 2);
  if (type == LUA_TNUMBER) return TABLE_LIST;
  if (type == LUA_TSTRING) return TABLE_MAP;
  return fail(e, frame, "a table with a %s as key", lua_typename(L, type)), TABLE_ODD;
}

/* ==} */

/* {== Scalars == */

static Result encode_text (Encoder *e, const Frame *frame, const char *text, size_t len) {
  return json_write_string(e->out, text, len) ? WRITTEN : fail(e, frame, "a string that is not UTF-8");
}

static Result encode_string (Encoder *e, const Frame *frame) {
  size_t len;
  const char *text = lua_tolstring(e->L, -1, &len);
  return encode_text(e, frame, text, len);
}

/* The digits of the number on top, native or boxed, as DynamoDB wants them. */
static Result encode_digits (Encoder *e, const Frame *frame) {
  lua_State *L = e->L;
  Decimal d;
  int64_t whole;
  char *to = buffer_reserve(e->out, DECIMAL_TEXT);
  if (!to) return WRITTEN; /* out->failed says so */
  if (lua_type(L, -1) == LUA_TNUMBER) {
    if (to_whole(L, -1, &whole)) {
      e->out->len += decimal_write_integer(whole, to);
      return WRITTEN;
    }
    lua_Number number = lua_tonumber(L, -1);
    if (fabs(number) > 9007199254740991.0 && fabs(number) < 1e126 && e->options.numbers != NUMBERS_NATIVE)
      return fail(e, frame, "the float %.17g is beyond 2^53, where floats skip numbers; dynamodb.number(text) is exact",
                  number);
    if (fabs(number) < 1e126 && decimal_from_double(number, &d) == DECIMAL_OK) {
      e->out->len += decimal_write(&d, to);
      return WRITTEN;
    }
  }
  const char *error = to_decimal(L, e->state, -1, &d);
  if (error) return fail(e, frame, "%s", error);
  e->out->len += decimal_write(&d, to);
  return WRITTEN;
}

static Result encode_quoted_digits (Encoder *e, const Frame *frame) {
  buffer_byte(e->out, '"');
  if (!encode_digits(e, frame)) return FAILED;
  buffer_byte(e->out, '"');
  return WRITTEN;
}

static Result encode_base64 (Encoder *e) {
  const Binary *binary = lua_touserdata(e->L, -1);
  buffer_byte(e->out, '"');
  base64_encode(e->out, binary->bytes, binary->len);
  buffer_byte(e->out, '"');
  return WRITTEN;
}

static Result close_value (Encoder *e, Result result) {
  if (result == WRITTEN) buffer_byte(e->out, '}');
  return result;
}

/* ==} */

/* {== Sets == */

typedef enum SetKind { SET_NONE, SET_STRINGS, SET_NUMBERS, SET_BINARIES } SetKind;

static SetKind element_kind (Encoder *e) {
  lua_State *L = e->L;
  switch (lua_type(L, -1)) {
    case LUA_TSTRING: return SET_STRINGS;
    case LUA_TNUMBER: return SET_NUMBERS;
    case LUA_TUSERDATA: {
      Metatable kind = state_kind(L, e->state, -1);
      return kind == MT_NUMBER ? SET_NUMBERS : kind == MT_BINARY ? SET_BINARIES : SET_NONE;
    }
    default: return SET_NONE;
  }
}

static Result encode_set_element (Encoder *e, const Frame *frame, SetKind kind) {
  switch (kind) {
    case SET_STRINGS: return encode_string(e, frame);
    case SET_NUMBERS: return encode_quoted_digits(e, frame);
    default: return encode_base64(e);
  }
}

/* The elements of a set as they stand in the buffer, to find what is written twice. */
#define SMALL_SET 8

typedef struct Written {
  size_t from[SMALL_SET], len[SMALL_SET];
  int count;
  int seen; /* stack index of a table that serves larger sets, 0 until there is one */
} Written;

/* Is the text from `from` to the end one that the table at `seen` holds? From now on it is. */
static int is_seen (Encoder *e, size_t from, size_t len, int seen) {
  lua_State *L = e->L;
  lua_pushlstring(L, e->out->data + from, len);
  lua_pushvalue(L, -1);
  lua_rawget(L, seen);
  int found = lua_toboolean(L, -1);
  lua_pop(L, 1);
  lua_pushboolean(L, 1);
  lua_rawset(L, seen);
  return found;
}

/* Was what stands in the buffer since `from` written before? */
static int is_repeated (Encoder *e, Written *w, size_t from) {
  size_t len = e->out->len - from;
  if (!w->seen && w->count < SMALL_SET) {
    for (int i = 0; i < w->count; i++)
      if (w->len[i] == len && memcmp(e->out->data + w->from[i], e->out->data + from, len) == 0) return 1;
    w->from[w->count] = from;
    w->len[w->count++] = len;
    return 0;
  }
  if (!w->seen) {
    lua_newtable(e->L);
    w->seen = lua_gettop(e->L);
    for (int i = 0; i < w->count; i++)
      is_seen(e, w->from[i], w->len[i], w->seen);
  }
  return is_seen(e, from, len, w->seen);
}

/* The elements of the set on top, each written once. */
static Result encode_elements (Encoder *e, const Frame *frame, SetKind kind, int count) {
  lua_State *L = e->L;
  Frame child = {frame, NULL, 0, 0, NULL};
  Written written = {.count = 0};
  int set = lua_gettop(L), first = 1;
  if (!lua_checkstack(L, 8)) return fail(e, frame, "nested too deep");
  buffer_byte(e->out, '[');
  for (child.index = 1; child.index <= count; child.index++) {
    size_t mark = e->out->len;
    lua_rawgeti(L, set, (int)child.index);
    if (element_kind(e) != kind) return fail(e, &child, "a set holds strings, numbers or binaries, all of one type");
    if (!first) buffer_byte(e->out, ',');
    size_t from = e->out->len;
    if (!encode_set_element(e, &child, kind)) return FAILED;
    lua_pop(L, 1);
    if (e->out->failed) break;
    if (is_repeated(e, &written, from))
      e->out->len = mark;
    else
      first = 0;
  }
  lua_settop(L, set);
  buffer_byte(e->out, ']');
  return WRITTEN;
}

static Result encode_set (Encoder *e, const Frame *frame) {
  static const char *const tags[] = {NULL, "{\"SS\":", "{\"NS\":", "{\"BS\":"};
  lua_State *L = e->L;
  Keys keys;
  if (!count_keys(e, frame, &keys)) return FAILED;
  if (keys.max != keys.count) return fail(e, frame, "a hole in a set");
  if (keys.count == 0) {
    if (e->options.empty_sets == EMPTY_SETS_OMIT) return SKIPPED;
    if (e->options.empty_sets == EMPTY_SETS_ERROR) return fail(e, frame, "a set cannot be empty");
    buffer_literal(e->out, "{\"NULL\":true}");
    return WRITTEN;
  }
  lua_rawgeti(L, -1, 1);
  SetKind kind = element_kind(e);
  lua_pop(L, 1);
  if (!kind) return fail(e, frame, "a set holds strings, numbers or binaries");
  buffer_string(e->out, tags[kind]);
  return close_value(e, encode_elements(e, frame, kind, (int)keys.count));
}

/* ==} */

/* {== AttributeValues == */

static Result encode_null (Encoder *e) {
  buffer_literal(e->out, "{\"NULL\":true}");
  return WRITTEN;
}

static Result encode_value_userdata (Encoder *e, const Frame *frame) {
  switch (state_kind(e->L, e->state, -1)) {
    case MT_NUMBER: buffer_literal(e->out, "{\"N\":"); return close_value(e, encode_quoted_digits(e, frame));
    case MT_BINARY:
      if (((const Binary *)lua_touserdata(e->L, -1))->len == 0 && e->options.empty_strings == EMPTY_STRINGS_NULL)
        return encode_null(e);
      buffer_literal(e->out, "{\"B\":");
      return close_value(e, encode_base64(e));
    default: return unsupported(e, frame, "a userdata");
  }
}

static Result encode_value_table (Encoder *e, const Frame *frame) {
  switch (table_kind(e, frame)) {
    case TABLE_SET: return encode_set(e, frame);
    case TABLE_RAW: return encode_object(e, frame, &raw_shape);
    case TABLE_LIST: buffer_literal(e->out, "{\"L\":"); return close_value(e, encode_list(e, frame, &value_shape, 1));
    case TABLE_EMPTY:
    case TABLE_MAP: buffer_literal(e->out, "{\"M\":"); return close_value(e, encode_object(e, frame, &map_shape));
    case TABLE_ODD: break;
  }
  return FAILED;
}

/* Writes the value on top as an AttributeValue. */
static Result encode_value (Encoder *e, const Frame *frame) {
  lua_State *L = e->L;
  Buffer *out = e->out;
  size_t len;
  switch (lua_type(L, -1)) {
    case LUA_TSTRING: {
      const char *text = lua_tolstring(L, -1, &len);
      if (len == 0 && e->options.empty_strings == EMPTY_STRINGS_NULL) return encode_null(e);
      buffer_literal(out, "{\"S\":");
      return close_value(e, encode_text(e, frame, text, len));
    }
    case LUA_TNUMBER: buffer_literal(out, "{\"N\":"); return close_value(e, encode_quoted_digits(e, frame));
    case LUA_TBOOLEAN:
      buffer_string(out, lua_toboolean(L, -1) ? "{\"BOOL\":true}" : "{\"BOOL\":false}");
      return WRITTEN;
    case LUA_TLIGHTUSERDATA: {
      const void *p = lua_touserdata(L, -1);
      if (!p) return encode_null(e);
      if (p != e->state->empty_array) return unsupported(e, frame, "a light userdata");
      buffer_literal(out, "{\"L\":[]}");
      return WRITTEN;
    }
    case LUA_TUSERDATA: return encode_value_userdata(e, frame);
    case LUA_TTABLE: return encode_value_table(e, frame);
    case LUA_TNIL: return fail(e, frame, "a value is missing");
    case LUA_TFUNCTION: return unsupported(e, frame, "a function");
    case LUA_TTHREAD: return unsupported(e, frame, "a coroutine");
    default: return unsupported(e, frame, "a cdata");
  }
}

/* ==} */

/* {== Plain JSON == */

/* A number of plain JSON: whole ones without a fraction, also where their type is a float. */
static Result encode_plain_number (Encoder *e, const Frame *frame) {
  char text[64];
  lua_Number number = lua_tonumber(e->L, -1);
  int64_t whole;
  if (!isfinite(number)) return fail(e, frame, "NaN and infinities cannot be written as JSON");
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
  switch (table_kind(e, frame)) {
    case TABLE_SET:
    case TABLE_LIST: return encode_list(e, frame, &plain_shape, 0);
    case TABLE_RAW:
    case TABLE_EMPTY:
    case TABLE_MAP: return encode_object(e, frame, &plain_shape);
    case TABLE_ODD: break;
  }
  return FAILED;
}

static Result encode_plain (Encoder *e, const Frame *frame) {
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
  return fail(e, frame, "a %s cannot be written as JSON", luaL_typename(L, -1));
}

/* An AttributeValue that the caller has spelt out, by the type that it is under; its numbers always go into strings. */
static Result encode_raw (Encoder *e, const Frame *frame) {
  lua_State *L = e->L;
  const char *tag = frame->key ? frame->key : "";
  if (element_kind(e) == SET_NUMBERS) return encode_quoted_digits(e, frame);
  if (lua_istable(L, -1)) {
    TableKind kind = table_kind(e, frame);
    if (kind == TABLE_ODD) return FAILED;
    if (kind == TABLE_EMPTY && frame->key && strcmp(tag, "M") != 0) kind = TABLE_LIST;
    return kind == TABLE_LIST || kind == TABLE_SET ? encode_list(e, frame, &raw_shape, 0)
                                                   : encode_object(e, frame, &raw_shape);
  }
  return encode_plain(e, frame);
}

/* ==} */

/* The table on top that must be a list or an object by its shape. */
static Result encode_structured (Encoder *e, const Frame *frame, const Shape *shape) {
  lua_State *L = e->L;
  int is_list = shape->kind == SHAPE_LIST;
  if (lua_islightuserdata(L, -1) && lua_touserdata(L, -1) == e->state->empty_array && is_list)
    return buffer_literal(e->out, "[]"), WRITTEN;
  if (!lua_istable(L, -1)) return fail(e, frame, "a table is expected, got a %s", luaL_typename(L, -1));
  TableKind kind = table_kind(e, frame);
  if (kind == TABLE_ODD) return FAILED;
  if (!is_list && kind == TABLE_LIST && lua_rawlen(L, -1)) return fail(e, frame, "a map is expected, got a list");
  if (!is_list) return encode_object(e, frame, shape);
  if (kind == TABLE_MAP) return fail(e, frame, "a list is expected, got a table with members");
  return encode_list(e, frame, shape->child ? &e->shape->nodes[shape->child] : &plain_shape, 0);
}

/* Writes the value on top; the stack is as it was unless it fails. */
static Result encode_shaped (Encoder *e, const Frame *frame, const Shape *shape) {
  switch (shape->kind) {
    case SHAPE_PLAIN: return encode_plain(e, frame);
    case SHAPE_VALUE: return encode_value(e, frame);
    case SHAPE_RAW: return encode_raw(e, frame);
    default: return encode_structured(e, frame, shape);
  }
}

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
  if (e->out->failed) result = fail(e, &root, "out of memory");
  if (result == SKIPPED) result = fail(e, &root, "a %s cannot be stored", luaL_typename(L, arg));
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
