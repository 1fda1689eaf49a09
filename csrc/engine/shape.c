#include "shape.h"

#include <string.h>

typedef struct Compiler {
  const char *start, *p, *end;
  Shape *nodes;
  uint16_t count;
  int depth;
} Compiler;

size_t shape_room (const char *text, size_t len) {
  size_t room = 2;
  for (size_t i = 0; i < len; i++)
    room += text[i] == '(' || text[i] == ',' || text[i] == '[' || text[i] == '{';
  return room;
}

static void skip_spaces (Compiler *c) {
  while (c->p < c->end && (*c->p == ' ' || *c->p == '\n'))
    c->p++;
}

static int accept (Compiler *c, char wanted) {
  skip_spaces(c);
  if (c->p == c->end || *c->p != wanted) return 0;
  c->p++;
  return 1;
}

static Shape *new_node (Compiler *c) {
  Shape *node = &c->nodes[c->count++];
  memset(node, 0, sizeof *node);
  return node;
}

static int is_name (char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static const char *compile_value (Compiler *c, Shape *node);

/* What a list or a map holds, up to its closing bracket. */
static const char *compile_content (Compiler *c, Shape *node, ShapeKind kind, char close) {
  node->kind = (uint8_t)kind;
  if (accept(c, close)) return NULL;
  node->child = c->count;
  const char *error = compile_value(c, new_node(c));
  if (error) return error;
  return accept(c, close) ? NULL : "a bracket is not closed";
}

static const char *compile_members (Compiler *c, Shape *node) {
  Shape *last = NULL;
  node->kind = SHAPE_STRUCTURE;
  do {
    skip_spaces(c);
    const char *name = c->p;
    while (c->p < c->end && is_name(*c->p))
      c->p++;
    if (c->p == name || c->p - name > 255) return "a member's name is expected";
    uint16_t index = c->count;
    Shape *member = new_node(c);
    member->name_from = (uint16_t)(name - c->start);
    member->name_len = (uint8_t)(c->p - name);
    if (last)
      last->next = index;
    else
      node->child = index;
    last = member;
    skip_spaces(c);
    if (c->p < c->end && *c->p != ',' && *c->p != ')') {
      const char *error = compile_value(c, member);
      if (error) return error;
    }
  } while (accept(c, ','));
  return accept(c, ')') ? NULL : "a structure is not closed";
}

static const char *compile_value (Compiler *c, Shape *node) {
  if (c->depth == 32) return "nested too deep";
  c->depth++;
  const char *error = NULL;
  if (accept(c, 'v'))
    node->kind = SHAPE_VALUE;
  else if (accept(c, 'i'))
    node->kind = SHAPE_ITEM;
  else if (accept(c, '['))
    error = compile_content(c, node, SHAPE_LIST, ']');
  else if (accept(c, '{'))
    error = compile_content(c, node, SHAPE_MAP, '}');
  else if (accept(c, '('))
    error = compile_members(c, node);
  else
    error = "one of v i [ { ( is expected";
  c->depth--;
  return error;
}

const char *shape_compile (const char *text, size_t len, Shape *nodes) {
  Compiler c = {text, text, text + len, nodes, 0, 0};
  if (len > UINT16_MAX) return "longer than 65,535 characters";
  const char *error = compile_value(&c, new_node(&c));
  if (error) return error;
  skip_spaces(&c);
  return c.p == c.end ? NULL : "text after the end";
}

const Shape *shape_member (const Shape *nodes, const char *text, const Shape *shape, const char *name, size_t len) {
  for (uint16_t i = shape->child; i; i = nodes[i].next)
    if (nodes[i].name_len == len && memcmp(text + nodes[i].name_from, name, len) == 0) return &nodes[i];
  return NULL;
}

static char lower (char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Are the two the same but for case and one letter that is changed, missing, added or swapped with its neighbour? */
static int is_near (const char *a, size_t a_len, const char *b, size_t b_len) {
  if (a_len > b_len) {
    const char *text = a;
    size_t len = a_len;
    a = b, a_len = b_len;
    b = text, b_len = len;
  }
  if (b_len - a_len > 1) return 0;
  size_t i = 0, tail = 0;
  while (i < a_len && lower(a[i]) == lower(b[i]))
    i++;
  while (tail < a_len - i && lower(a[a_len - 1 - tail]) == lower(b[b_len - 1 - tail]))
    tail++;
  size_t differ = b_len - i - tail; /* what differs in the longer one */
  if (differ <= 1) return 1;
  return differ == 2 && a_len == b_len && lower(a[i]) == lower(b[i + 1]) && lower(a[i + 1]) == lower(b[i]);
}

const Shape *shape_near_miss (const Shape *nodes, const char *text, const Shape *shape, const char *name, size_t len) {
  for (uint16_t i = shape->child; i; i = nodes[i].next)
    if (is_near(text + nodes[i].name_from, nodes[i].name_len, name, len)) return &nodes[i];
  return NULL;
}
