/*
** AttributeValues: a tag and what it holds.
*/
#include "../engine/base64.h"
#include "../engine/json_write.h"
#include "encode_internal.h"
#include "values.h"

/* {== Scalars == */

static Result encode_text (Encoder *e, const Frame *frame, const char *text, size_t len) {
  return json_write_string(e->out, text, len) ? WRITTEN : encode_fail(e, frame, "a string that is not UTF-8");
}

Result encode_string (Encoder *e, const Frame *frame) {
  size_t len;
  const char *text = lua_tolstring(e->L, -1, &len);
  return encode_text(e, frame, text, len);
}

/* The digits of the number on top, native or boxed, as DynamoDB wants them. */
Result encode_digits (Encoder *e, const Frame *frame) {
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
      return encode_fail(
        e, frame, "the float %.17g is beyond 2^53, where floats skip numbers; dynamodb.number(text) is exact", number);
    if (fabs(number) < 1e126 && decimal_from_double(number, &d) == DECIMAL_OK) {
      e->out->len += decimal_write(&d, to);
      return WRITTEN;
    }
  }
  const char *error = to_decimal(L, e->state, -1, &d);
  if (error) return encode_fail(e, frame, "%s", error);
  e->out->len += decimal_write(&d, to);
  return WRITTEN;
}

static Result encode_quoted_digits (Encoder *e, const Frame *frame) {
  buffer_byte(e->out, '"');
  if (!encode_digits(e, frame)) return FAILED;
  buffer_byte(e->out, '"');
  return WRITTEN;
}

Result encode_base64 (Encoder *e) {
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

/* Is the element on top left out: of a type that no DynamoDB value has, or a hole? */
static int is_left_out (Encoder *e) {
  lua_State *L = e->L;
  if (e->options.unsupported != UNSUPPORTED_SKIP) return 0;
  switch (lua_type(L, -1)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
    case LUA_TBOOLEAN:
    case LUA_TTABLE:
    case LUA_TLIGHTUSERDATA: return 0;
    default: return element_kind(e) == SET_NONE;
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
  if (!lua_checkstack(L, 8)) return encode_fail(e, frame, "nested too deep");
  buffer_byte(e->out, '[');
  for (child.index = 1; child.index <= count; child.index++) {
    size_t mark = e->out->len;
    lua_rawgeti(L, set, (int)child.index);
    if (is_left_out(e)) {
      lua_pop(L, 1);
      continue;
    }
    if (element_kind(e) != kind)
      return encode_fail(e, &child, "a set holds strings, numbers or binaries, all of one type");
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

/* Pushes the first element of the set on top that is not left out; its index, 0 if there is none. */
static lua_Integer push_first (Encoder *e, lua_Integer count) {
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(e->L, -1, (int)i);
    if (!is_left_out(e)) return i;
    lua_pop(e->L, 1);
  }
  return 0;
}

static Result encode_set (Encoder *e, const Frame *frame) {
  static const char *const tags[] = {NULL, "{\"SS\":", "{\"NS\":", "{\"BS\":"};
  Keys keys;
  if (!encode_count_keys(e, frame, &keys)) return FAILED;
  if (keys.max != keys.count && e->options.unsupported != UNSUPPORTED_SKIP)
    return encode_fail(e, frame, "a hole in a set");
  if (!push_first(e, keys.max)) {
    if (e->options.empty_sets == EMPTY_SETS_OMIT) return SKIPPED;
    if (e->options.empty_sets == EMPTY_SETS_ERROR) return encode_fail(e, frame, "a set cannot be empty");
    buffer_literal(e->out, "{\"NULL\":true}");
    return WRITTEN;
  }
  SetKind kind = element_kind(e);
  lua_pop(e->L, 1);
  if (!kind) return encode_fail(e, frame, "a set holds strings, numbers or binaries");
  buffer_string(e->out, tags[kind]);
  return close_value(e, encode_elements(e, frame, kind, (int)keys.max));
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
    default: return encode_unsupported(e, frame, "a userdata");
  }
}

static Result encode_value_table (Encoder *e, const Frame *frame) {
  switch (encode_table_kind(e, frame)) {
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
Result encode_value (Encoder *e, const Frame *frame) {
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
      if (p != e->state->empty_array) return encode_unsupported(e, frame, "a light userdata");
      buffer_literal(out, "{\"L\":[]}");
      return WRITTEN;
    }
    case LUA_TUSERDATA: return encode_value_userdata(e, frame);
    case LUA_TTABLE: return encode_value_table(e, frame);
    case LUA_TNIL: return encode_fail(e, frame, "a value is missing");
    case LUA_TFUNCTION: return encode_unsupported(e, frame, "a function");
    case LUA_TTHREAD: return encode_unsupported(e, frame, "a coroutine");
    default: return encode_unsupported(e, frame, "a cdata");
  }
}

/* ==} */

/* An AttributeValue that the caller has spelt out, by the type that it is under; its numbers always go into strings. */
Result encode_raw (Encoder *e, const Frame *frame) {
  lua_State *L = e->L;
  const char *tag = frame->key ? frame->key : "";
  if (element_kind(e) == SET_NUMBERS) return encode_quoted_digits(e, frame);
  if (lua_istable(L, -1)) {
    TableKind kind = encode_table_kind(e, frame);
    if (kind == TABLE_ODD) return FAILED;
    if (kind == TABLE_EMPTY && frame->key && strcmp(tag, "M") != 0) kind = TABLE_LIST;
    return kind == TABLE_LIST || kind == TABLE_SET ? encode_list(e, frame, &raw_shape, 0)
                                                   : encode_object(e, frame, &raw_shape);
  }
  return encode_plain(e, frame);
}

/* ==} */
