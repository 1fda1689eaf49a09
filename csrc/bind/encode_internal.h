/*
** What the files of the encoder share: the walk's state, its place for messages, and the ways to write one value.
** Each writes the value on top of the stack and leaves the stack as it was, unless it fails.
*/
#ifndef DYNAMODB_ENCODE_INTERNAL_H
#define DYNAMODB_ENCODE_INTERNAL_H

#include "encode.h"

#pragma GCC visibility push(hidden)

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

/* {== encode_place.c == */

/* Tells what is wrong at `frame`; only the first message counts. */
Result encode_fail (Encoder *e, const Frame *frame, const char *format, ...);

/* A value of a type that DynamoDB does not have. */
Result encode_unsupported (Encoder *e, const Frame *frame, const char *what);

/* ==} */

/* {== encode_walk.c == */

typedef struct Keys {
  lua_Integer count, max;
} Keys;

/* Counts the keys of the table on top, which must all be positive whole numbers. */
Result encode_count_keys (Encoder *e, const Frame *frame, Keys *keys);

typedef enum TableKind { TABLE_ODD, TABLE_EMPTY, TABLE_LIST, TABLE_MAP, TABLE_SET, TABLE_RAW } TableKind;

/* What the table on top is: by its mark, else by its first key. */
TableKind encode_table_kind (Encoder *e, const Frame *frame);

/* `is_value`: is it an attribute value, whose levels are counted? */
Result encode_list (Encoder *e, const Frame *frame, const Shape *element, int is_value);
Result encode_object (Encoder *e, const Frame *frame, const Shape *shape);
Result encode_plain (Encoder *e, const Frame *frame);
Result encode_shaped (Encoder *e, const Frame *frame, const Shape *shape);

/* ==} */

/* {== encode_value.c == */

Result encode_string (Encoder *e, const Frame *frame);
Result encode_digits (Encoder *e, const Frame *frame);
Result encode_base64 (Encoder *e);
Result encode_value (Encoder *e, const Frame *frame);
Result encode_raw (Encoder *e, const Frame *frame);

/* ==} */

#pragma GCC visibility pop
#endif
