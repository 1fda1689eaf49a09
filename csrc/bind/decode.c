#include "decode.h"

#include <stdlib.h>

#include "../engine/base64.h"
#include "../engine/json_scan.h"
#include "options.h"
#include "shapes.h"
#include "values.h"

/* Far beyond the 32 levels that DynamoDB has, and few enough for every stack. */
#define MAX_DEPTH 200

/*
** Members and elements wait on the Lua stack, so that their table is made with its exact size; when this many wait, it
** is made all the same. LuaJIT's stack for C has 8,000 places.
*/
#define PENDING 32

typedef struct Decoder {
  lua_State *L;
  Scanner scan;
  Options options;
  const ShapeText *shape; /* what the shapes in use belong to */
  int drop_nulls;         /* a member that is null is as good as absent: responses */
  int exact;              /* numbers of plain JSON are N, which are not rounded */
  int depth;
  int metatables; /* stack indexes: the metatables that values get */
} Decoder;

#define PUSHED_METATABLES 4
#define METATABLE(d, which) ((d)->metatables + (which))
enum { LIST_INDEX, SET_INDEX, NUMBER_INDEX, BINARY_INDEX };

static const Shape plain_shape = {SHAPE_PLAIN, 0, 0, 0, 0};
static const Shape value_shape = {SHAPE_VALUE, 0, 0, 0, 0};
static const Shape item_shape = {SHAPE_ITEM, 0, 0, 0, 0};

static int decode_shaped (Decoder *d, const Shape *shape);
static int decode_object (Decoder *d, const Shape *shape);
static int decode_array (Decoder *d, const Shape *element);

static void set_metatable (Decoder *d, int which) {
  lua_pushvalue(d->L, METATABLE(d, which));
  lua_setmetatable(d->L, -2);
}

/* {== Scalars == */

static int decode_string (Decoder *d) {
  const char *text;
  size_t len;
  if (scan_peek(&d->scan) != '"') return scan_fail(&d->scan, "a string is expected");
  if (!scan_string(&d->scan, &text, &len)) return 0;
  lua_pushlstring(d->L, text, len);
  return 1;
}

/* Whole numbers of up to 15 digits are what most numbers are. */
static int short_integer (const char *text, size_t len, int64_t *value) {
  size_t i = len && text[0] == '-';
  int64_t whole = 0;
  if (len - i == 0 || len - i > 15) return 0;
  for (; i < len; i++) {
    if (text[i] < '0' || text[i] > '9') return 0;
    whole = whole * 10 + (text[i] - '0');
  }
  *value = text[0] == '-' ? -whole : whole;
  return 1;
}

static int push_number (Decoder *d, const char *text, size_t len) {
  Decimal decimal;
  int64_t whole;
  int numbers = d->options.numbers;
  if (numbers <= NUMBERS_NATIVE && short_integer(text, len, &whole)) {
    compat_pushinteger(d->L, whole);
    return 1;
  }
  DecimalError error = decimal_parse(text, len, &decimal);
  if (error) return scan_fail(&d->scan, decimal_message(error));
  switch (numbers) {
    case NUMBERS_STRING: lua_pushlstring(d->L, text, len); break;
    case NUMBERS_NATIVE:
      if (decimal_to_integer(&decimal, &whole) && whole >= COMPAT_MIN_INTEGER && whole <= COMPAT_MAX_INTEGER)
        compat_pushinteger(d->L, whole);
      else
        lua_pushnumber(d->L, decimal_to_double(&decimal));
      break;
    case NUMBERS_EXACT: push_decimal(d->L, &decimal); break;
    default: push_lossless(d->L, &decimal);
  }
  return 1;
}

static int decode_number (Decoder *d) {
  const char *text;
  size_t len;
  if (scan_peek(&d->scan) != '"') return scan_fail(&d->scan, "a number in a string is expected");
  return scan_string(&d->scan, &text, &len) && push_number(d, text, len);
}

static int decode_binary (Decoder *d) {
  const char *text;
  size_t len;
  if (scan_peek(&d->scan) != '"') return scan_fail(&d->scan, "base64 in a string is expected");
  if (!scan_string(&d->scan, &text, &len)) return 0;
  Binary *binary = push_binary(d->L, base64_room(len));
  long decoded = base64_decode(text, len, binary->bytes);
  if (decoded < 0) return scan_fail(&d->scan, "not base64");
  binary->len = (size_t)decoded;
  return 1;
}

static int decode_boolean (Decoder *d) {
  char c = scan_peek(&d->scan);
  if (!(c == 't' ? scan_word(&d->scan, "true", 4) : scan_word(&d->scan, "false", 5))) return 0;
  lua_pushboolean(d->L, c == 't');
  return 1;
}

static int decode_null (Decoder *d) {
  if (!decode_boolean(d)) return 0;
  lua_pop(d->L, 1);
  lua_pushlightuserdata(d->L, NULL);
  return 1;
}

/* A number of plain JSON: an integer where it is one, else a float. */
static int decode_plain_number (Decoder *d) {
  const char *text;
  size_t len;
  int whole;
  int64_t value;
  Decimal decimal;
  if (!scan_number(&d->scan, &text, &len, &whole)) return 0;
  if (d->exact) return push_number(d, text, len);
  if (whole && short_integer(text, len, &value) && !(value == 0 && text[0] == '-')) {
    compat_pushinteger(d->L, value);
    return 1;
  }
  DecimalError error = decimal_parse(text, len, &decimal);
  if (!error && whole && decimal.count && decimal_to_integer(&decimal, &value) && value >= COMPAT_MIN_INTEGER &&
      value <= COMPAT_MAX_INTEGER) {
    compat_pushinteger(d->L, value);
  } else if (!error) {
    double number = decimal_to_double(&decimal);
    lua_pushnumber(d->L, text[0] == '-' && number == 0 ? -0.0 : number);
  } else { /* beyond a decimal: what a double makes of it */
    double number = decimal_read_double(text, len, lua_newuserdata(d->L, len + DECIMAL_TEXT));
    if (!isfinite(number)) return scan_fail(&d->scan, "a number that is too large");
    lua_pushnumber(d->L, number);
    lua_remove(d->L, -2);
  }
  return 1;
}

/* ==} */

/* {== Tables == */

static int enter (Decoder *d) {
  if (d->depth >= MAX_DEPTH || !lua_checkstack(d->L, 2 * PENDING + 12)) return scan_fail(&d->scan, "nested too deep");
  d->depth++;
  return 1;
}

/*
** Pairs that wait on the stack above `table` go into it. In plain JSON the last of members with one name must win, as
** it does elsewhere; items have no two attributes of a name, so the shorter way, from the top down, will do.
*/
static void flush_pairs (lua_State *L, int table, const Shape *shape) {
  if (shape->kind == SHAPE_PLAIN) {
    int top = lua_gettop(L);
    for (int pair = table + 1; pair < top; pair += 2) {
      lua_pushvalue(L, pair);
      lua_pushvalue(L, pair + 1);
      lua_rawset(L, table);
    }
    lua_settop(L, table);
  }
  while (lua_gettop(L) > table)
    lua_rawset(L, table);
}

/* Makes the table below the pairs that wait above `base`. */
static void make_table (lua_State *L, int base, int elements, int members) {
  lua_createtable(L, elements, members);
  lua_insert(L, base + 1);
}

/* The shape of the member whose name was just read. */
static const Shape *member_shape (const Decoder *d, const Shape *shape, const char *name, size_t len) {
  const Shape *member = NULL;
  switch (shape->kind) {
    case SHAPE_ITEM: return &value_shape;
    case SHAPE_MAP: return shape->child ? &d->shape->nodes[shape->child] : &plain_shape;
    case SHAPE_STRUCTURE: member = shape_member(d->shape->nodes, d->shape->text, shape, name, len);
  }
  return member ? member : &plain_shape;
}

/* The object at p, whose members are what `shape` says. */
static int decode_object (Decoder *d, const Shape *shape) {
  lua_State *L = d->L;
  Scanner *s = &d->scan;
  int base = lua_gettop(L), pending = 0, made = 0;
  if (!scan_expect(s, '{', "an object is expected") || !enter(d)) return 0;
  if (scan_peek(s) == '}') {
    s->p++;
  } else {
    for (;;) {
      const char *name;
      size_t len;
      if (scan_peek(s) != '"') return scan_fail(s, "a member's name is expected");
      if (!scan_string(s, &name, &len)) return 0;
      const Shape *member = member_shape(d, shape, name, len);
      lua_pushlstring(L, name, len);
      if (!scan_expect(s, ':', "a colon is expected")) return 0;
      if (d->drop_nulls && shape->kind != SHAPE_ITEM && scan_peek(s) == 'n') {
        if (!scan_word(s, "null", 4)) return 0;
        lua_pop(L, 1);
      } else {
        if (!decode_shaped(d, member)) return 0;
        if (++pending == PENDING) {
          if (!made) make_table(L, base, 0, 2 * PENDING);
          made = 1;
          pending = 0;
          flush_pairs(L, base + 1, shape);
        }
      }
      char c = scan_peek(s);
      if (c == '}') break;
      if (c != ',') return scan_fail(s, "a comma or a closing brace is expected");
      s->p++;
    }
    s->p++;
  }
  if (!made) make_table(L, base, 0, pending);
  flush_pairs(L, base + 1, shape);
  d->depth--;
  return 1;
}

/* The array at p; the table has no mark yet. */
static int decode_elements (Decoder *d, const Shape *element) {
  lua_State *L = d->L;
  Scanner *s = &d->scan;
  int base = lua_gettop(L), pending = 0, made = 0, count = 0;
  if (!scan_expect(s, '[', "an array is expected") || !enter(d)) return 0;
  if (scan_peek(s) == ']') {
    s->p++;
  } else {
    for (;;) {
      if (!decode_shaped(d, element)) return 0;
      if (made)
        lua_rawseti(L, base + 1, ++count);
      else if (++pending == 2 * PENDING) {
        make_table(L, base, 8 * PENDING, 0);
        made = 1;
        for (count = pending; pending > 0; pending--)
          lua_rawseti(L, base + 1, pending);
      }
      char c = scan_peek(s);
      if (c == ']') break;
      if (c != ',') return scan_fail(s, "a comma or a closing bracket is expected");
      s->p++;
    }
    s->p++;
  }
  if (!made) {
    make_table(L, base, pending, 0);
    for (; pending > 0; pending--)
      lua_rawseti(L, base + 1, pending);
  }
  d->depth--;
  return 1;
}

static int decode_array (Decoder *d, const Shape *element) {
  if (!decode_elements(d, element)) return 0;
  set_metatable(d, LIST_INDEX);
  return 1;
}

/* ==} */

/* {== AttributeValues == */

typedef enum Tag { TAG_NONE, TAG_S, TAG_N, TAG_B, TAG_M, TAG_L, TAG_BOOL, TAG_NULL, TAG_SS, TAG_NS, TAG_BS } Tag;

static Tag tag_of (const char *name, size_t len) {
  if (len == 1) {
    switch (name[0]) {
      case 'S': return TAG_S;
      case 'N': return TAG_N;
      case 'B': return TAG_B;
      case 'M': return TAG_M;
      case 'L': return TAG_L;
    }
  } else if (len == 2 && name[1] == 'S') {
    switch (name[0]) {
      case 'S': return TAG_SS;
      case 'N': return TAG_NS;
      case 'B': return TAG_BS;
    }
  } else if (len == 4) {
    if (memcmp(name, "BOOL", 4) == 0) return TAG_BOOL;
    if (memcmp(name, "NULL", 4) == 0) return TAG_NULL;
  }
  return TAG_NONE;
}

/* The elements of a set are scalars in strings: their shapes are told apart by these numbers alone. */
enum { SHAPE_SET_S = 32, SHAPE_SET_N, SHAPE_SET_B };
static const Shape set_elements[] = {{SHAPE_SET_S, 0, 0, 0, 0}, {SHAPE_SET_N, 0, 0, 0, 0}, {SHAPE_SET_B, 0, 0, 0, 0}};

static int decode_set (Decoder *d, const Shape *element) {
  if (!decode_elements(d, element)) return 0;
  set_metatable(d, SET_INDEX);
  return 1;
}

static int decode_tagged (Decoder *d, Tag tag) {
  switch (tag) {
    case TAG_S: return decode_string(d);
    case TAG_N: return decode_number(d);
    case TAG_B: return decode_binary(d);
    case TAG_M: return decode_object(d, &item_shape);
    case TAG_L: return decode_array(d, &value_shape);
    case TAG_BOOL: return decode_boolean(d);
    case TAG_NULL: return decode_null(d);
    case TAG_SS: return decode_set(d, &set_elements[0]);
    case TAG_NS: return decode_set(d, &set_elements[1]);
    case TAG_BS: return decode_set(d, &set_elements[2]);
    case TAG_NONE: break;
  }
  return scan_fail(&d->scan, "an attribute value of unknown type");
}

/* Reads `{"S":` and its like in the compact form that services write; the position does not move when it is another. */
static Tag compact_tag (Scanner *s) {
  const char *p = s->p;
  if (s->end - p < 8 || p[0] != '{' || p[1] != '"') return TAG_NONE;
  size_t len = p[3] == '"' ? 1 : p[4] == '"' ? 2 : p[6] == '"' ? 4 : 0;
  if (len == 0 || p[len + 3] != ':') return TAG_NONE;
  Tag tag = tag_of(p + 2, len);
  p += len + 4;
  if (tag == TAG_NONE || p == s->end || *p == 'n') return TAG_NONE; /* null: as good as absent */
  s->p = p;
  return tag;
}

/* The other members of an AttributeValue: none but nulls and a __type may stand beside the one with its value. */
static int decode_members (Decoder *d, int found) {
  Scanner *s = &d->scan;
  const char *name;
  size_t len;
  do {
    if (scan_peek(s) != '"') return scan_fail(s, "the type of an attribute value is expected");
    if (!scan_string(s, &name, &len)) return 0;
    Tag tag = tag_of(name, len);
    int is_type = len == 6 && memcmp(name, "__type", 6) == 0;
    if (!scan_expect(s, ':', "a colon is expected")) return 0;
    if (scan_peek(s) == 'n') {
      if (!scan_word(s, "null", 4)) return 0;
    } else if (is_type) {
      if (!decode_string(d)) return 0;
      lua_pop(d->L, 1);
    } else {
      if (found && tag) return scan_fail(s, "an attribute value of two types");
      if (!decode_tagged(d, tag)) return 0;
      found = 1;
    }
  } while (scan_peek(s) == ',' && s->p++);
  if (!found) return scan_fail(s, "an attribute value without a type");
  return scan_expect(s, '}', "a closing brace is expected");
}

static int decode_value (Decoder *d) {
  Scanner *s = &d->scan;
  scan_peek(s);
  Tag tag = compact_tag(s);
  if (tag) {
    if (!decode_tagged(d, tag)) return 0;
    char c = scan_peek(s);
    if (c == '}') return s->p++, 1;
    if (c != ',') return scan_fail(s, "a closing brace is expected");
    s->p++;
    return decode_members(d, 1);
  }
  if (!scan_expect(s, '{', "an attribute value is expected")) return 0;
  if (scan_peek(s) == '}') return scan_fail(s, "an attribute value without a type");
  return decode_members(d, 0);
}

/* ==} */

static int decode_plain (Decoder *d) {
  switch (scan_peek(&d->scan)) {
    case '{': return decode_object(d, &plain_shape);
    case '[': return decode_array(d, &plain_shape);
    case '"': return decode_string(d);
    case 't':
    case 'f': return decode_boolean(d);
    case 'n':
      if (!scan_word(&d->scan, "null", 4)) return 0;
      lua_pushlightuserdata(d->L, NULL);
      return 1;
    default: return decode_plain_number(d);
  }
}

/* Pushes one value, or gives 0 with an error (then what lies on the stack is rubbish). */
static int decode_shaped (Decoder *d, const Shape *shape) {
  switch (shape->kind) {
    case SHAPE_VALUE: return decode_value(d);
    case SHAPE_ITEM:
    case SHAPE_MAP:
    case SHAPE_STRUCTURE: return decode_object(d, shape);
    case SHAPE_LIST: return decode_array(d, shape->child ? &d->shape->nodes[shape->child] : &plain_shape);
    case SHAPE_SET_S: return decode_string(d);
    case SHAPE_SET_N: return decode_number(d);
    case SHAPE_SET_B: return decode_binary(d);
    default: return decode_plain(d);
  }
}

/* The bytes at `text` as `shape` has them: the value, or nil and a message that says where. */
static int decode_bytes (lua_State *L, const char *text, size_t len, const Shape *shape, Decoder *d) {
  d->L = L;
  d->scan.start = d->scan.p = text;
  d->scan.end = text + len;
  int top = lua_gettop(L);
  luaL_checkstack(L, PUSHED_METATABLES + 4, NULL);
  d->scan.scratch = state_borrow(L, WORK_SCRATCH);
  d->metatables = top + 2;
  state_metatable(L, MT_LIST);
  state_metatable(L, MT_SET);
  state_metatable(L, MT_NUMBER);
  state_metatable(L, MT_BINARY);
  int ok = decode_shaped(d, shape) && scan_end(&d->scan);
  state_return(L, WORK_SCRATCH, d->scan.scratch);
  if (ok) return 1;
  lua_settop(L, top);
  lua_pushnil(L);
  size_t at = (size_t)(d->scan.p - d->scan.start);
  if (at >= len)
    lua_pushfstring(L, "%s, at the end of the text (byte %d)", d->scan.error, (int)len);
  else
    lua_pushfstring(L, "%s, at byte %d", d->scan.error, (int)at + 1);
  return 2;
}

/* The string at index `text`, which stays where it is. */
static int decode_text (lua_State *L, int text, const Shape *shape, Decoder *d) {
  size_t len;
  const char *bytes = luaL_checklstring(L, text, &len);
  return decode_bytes(L, bytes, len, shape, d);
}

int decode_item (lua_State *L, const char *text, size_t len, const Options *options) {
  Decoder d = {.options = *options};
  int top = lua_gettop(L);
  int results = decode_bytes(L, text, len, &item_shape, &d);
  if (results == 1) { /* what was borrowed lies below */
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
  }
  return results == 1;
}

/* core.unmarshal(text, options) -> table of attributes | nil, message */
static int core_unmarshal (lua_State *L) {
  Decoder d = {0};
  options_check(L, 2, &d.options);
  return decode_text(L, 1, &item_shape, &d);
}

/* core.unmarshal_value(text, options) -> value | nil, message */
static int core_unmarshal_value (lua_State *L) {
  Decoder d = {0};
  options_check(L, 2, &d.options);
  return decode_text(L, 1, &value_shape, &d);
}

/* core.json_decode(text, exact) -> value | nil, message */
static int core_json_decode (lua_State *L) {
  Decoder d = {.exact = lua_toboolean(L, 2)};
  return decode_text(L, 1, &plain_shape, &d);
}

/* core.decode(shape, text, options) -> table | nil, message */
static int core_decode (lua_State *L) {
  static const Shape object_shape = {SHAPE_MAP, 0, 0, 0, 0};
  Decoder d = {0};
  if (!lua_isnil(L, 1)) d.shape = shape_check(L, 1);
  options_check(L, 3, &d.options);
  d.drop_nulls = 1;
  luaL_checktype(L, 2, LUA_TSTRING);
  if (lua_rawlen(L, 2) == 0) return lua_newtable(L), 1; /* an empty body is an empty object */
  return decode_text(L, 2, d.shape ? d.shape->nodes : &object_shape, &d);
}

void decode_register (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"decode", core_decode},
    {"json_decode", core_json_decode},
    {"unmarshal", core_unmarshal},
    {"unmarshal_value", core_unmarshal_value},
    {NULL, NULL},
  };
  state_register(L, functions);
}
