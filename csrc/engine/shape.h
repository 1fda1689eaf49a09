/*
** Where AttributeValues stand in a request or a response, and which members a request may have: a tree of a few nodes,
** compiled from the text that the generated model holds for each operation.
**
**   value = "v"                  an AttributeValue
**         | "i"                  a map of attribute names to AttributeValues: an item, a key, values of an expression
**         | "[" value? "]"       a list           | "{" value? "}"     a map with keys of the user's
**         | "(" name value? {"," name value?} ")"  a structure; where no value is told, it is plain JSON
*/
#ifndef DYNAMODB_SHAPE_H
#define DYNAMODB_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

typedef enum ShapeKind { SHAPE_PLAIN, SHAPE_VALUE, SHAPE_ITEM, SHAPE_LIST, SHAPE_MAP, SHAPE_STRUCTURE } ShapeKind;

typedef struct Shape {
  uint8_t kind;
  uint8_t name_len;   /* of a structure's member */
  uint16_t child;     /* first member, or what a list or map holds; 0 for none (or plain) */
  uint16_t next;      /* next member of the same structure; 0 at the end */
  uint16_t name_from; /* offset in the text */
} Shape;

/* How many nodes `text` may take. */
size_t shape_room (const char *text, size_t len);

/* Compiles `text` (at most 65,535 characters) into `nodes`, the root first; NULL, or what is wrong with the text. */
const char *shape_compile (const char *text, size_t len, Shape *nodes);

/* The member `name` of the structure at `shape`, or NULL. `nodes` and `text` are what it was compiled into and from. */
const Shape *shape_member (const Shape *nodes, const char *text, const Shape *shape, const char *name, size_t len);

/* A member that is one edit or a case away from `name`, which is probably what the caller meant; or NULL. */
const Shape *shape_near_miss (const Shape *nodes, const char *text, const Shape *shape, const char *name, size_t len);

#pragma GCC visibility pop
#endif
