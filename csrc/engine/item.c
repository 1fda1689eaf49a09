#include "item.h"

#include "base64.h"
#include "decimal.h"

/* Beyond what DynamoDB nests, and few enough for every stack. */
#define MAX_DEPTH 200

void item_init (Item *item) {
  memset(item, 0, sizeof *item);
  for (int i = 0; i < KEY_PARTS; i++)
    buffer_init(&item->part[i].canonical);
}

void item_free (Item *item) {
  for (int i = 0; i < KEY_PARTS; i++)
    buffer_free(&item->part[i].canonical);
}

/* {== Passing over values == */

static int skip_value (Scanner *s, int depth);

/* The name of a member and its colon; p is at the value then. */
static int member_name (Scanner *s, const char **name, size_t *len) {
  if (scan_peek(s) != '"') return scan_fail(s, "a member's name is expected");
  return scan_string(s, name, len) && scan_expect(s, ':', "a colon is expected");
}

/* After a member or an element: 1 when another follows, 0 at the end or with an error. */
static int follows (Scanner *s, char close) {
  char c = scan_peek(s);
  if (c == ',') return s->p++, 1;
  if (c == close) return s->p++, 0;
  return scan_fail(s, "a comma or a closing bracket is expected");
}

/* Passes over the opening bracket; 0 when nothing is inside, and then over the closing one too. */
static int opens (Scanner *s, char open, char close, int depth) {
  if (depth > MAX_DEPTH) return scan_fail(s, "nested too deep");
  if (!scan_expect(s, open, open == '{' ? "an object is expected" : "an array is expected")) return 0;
  if (scan_peek(s) != close) return 1;
  return s->p++, 0;
}

static int skip_inside (Scanner *s, char open, char close, int depth) {
  const char *name;
  size_t len;
  if (!opens(s, open, close, depth)) return !s->error;
  do {
    if (open == '{' && !member_name(s, &name, &len)) return 0;
    if (!skip_value(s, depth + 1)) return 0;
  } while (follows(s, close));
  return !s->error;
}

static int skip_value (Scanner *s, int depth) {
  const char *text;
  size_t len;
  int whole;
  switch (scan_peek(s)) {
    case '{': return skip_inside(s, '{', '}', depth);
    case '[': return skip_inside(s, '[', ']', depth);
    case '"': return scan_string(s, &text, &len);
    case 't': return scan_word(s, "true", 4);
    case 'f': return scan_word(s, "false", 5);
    case 'n': return scan_word(s, "null", 4);
    default: return scan_number(s, &text, &len, &whole);
  }
}

int item_skip (Scanner *s) {
  return skip_value(s, 0);
}

/* ==} */

/* {== Sizes ==
** Source: "DynamoDB item sizes and formats", DynamoDB Developer Guide.
*/

static size_t number_size (const char *text, size_t len) {
  size_t digits = 0, zeros = 0;
  for (size_t i = 0; i < len && text[i] != 'e' && text[i] != 'E'; i++) {
    if (text[i] < '0' || text[i] > '9') continue;
    if (text[i] == '0') { /* leading ones do not count, trailing ones neither */
      zeros += digits > 0;
    } else {
      digits += zeros + 1;
      zeros = 0;
    }
  }
  return (digits + 1) / 2 + 1 + (len && text[0] == '-');
}

static size_t binary_size (const char *text, size_t len) {
  size_t size = len / 4 * 3;
  while (len && text[len - 1] == '=' && size)
    len--, size--;
  return size;
}

static size_t scalar_size (char type, const char *text, size_t len) {
  return type == 'N' ? number_size(text, len) : type == 'B' ? binary_size(text, len) : len;
}

static int value_size (Scanner *s, int depth, size_t *size);

static int set_size (Scanner *s, char type, size_t *size) {
  const char *text;
  size_t len;
  if (!opens(s, '[', ']', 0)) return !s->error;
  do {
    if (scan_peek(s) != '"') return scan_fail(s, "a string is expected");
    if (!scan_string(s, &text, &len)) return 0;
    *size += scalar_size(type, text, len);
  } while (follows(s, ']'));
  return !s->error;
}

/* A list or a map: three bytes, and one for each element. */
static int nested_size (Scanner *s, char open, char close, int depth, size_t *size) {
  const char *name;
  size_t len;
  *size += 3;
  if (!opens(s, open, close, depth)) return !s->error;
  do {
    if (open == '{') {
      if (!member_name(s, &name, &len)) return 0;
      *size += len;
    }
    ++*size;
    if (!value_size(s, depth + 1, size)) return 0;
  } while (follows(s, close));
  return !s->error;
}

static int typed_size (Scanner *s, const char *tag, size_t tag_len, int depth, size_t *size) {
  const char *text;
  size_t len;
  char type = tag_len ? tag[0] : 0, next = scan_peek(s);
  if (tag_len == 1 && type == 'M' && next == '{') return nested_size(s, '{', '}', depth, size);
  if (tag_len == 1 && type == 'L' && next == '[') return nested_size(s, '[', ']', depth, size);
  if (tag_len == 2 && next == '[') return set_size(s, type, size);
  if (tag_len == 1 && next == '"') {
    if (!scan_string(s, &text, &len)) return 0;
    *size += scalar_size(type, text, len);
    return 1;
  }
  ++*size; /* BOOL, NULL, and what the service has to refuse */
  return skip_value(s, depth);
}

static int value_size (Scanner *s, int depth, size_t *size) {
  const char *tag;
  size_t len;
  if (!opens(s, '{', '}', depth)) return !s->error;
  do {
    if (!member_name(s, &tag, &len) || !typed_size(s, tag, len, depth + 1, size)) return 0;
  } while (follows(s, '}'));
  return !s->error;
}

/* ==} */

/* {== Keys == */

/* Writes the canonical form of a scalar; 0 when it is none. */
static int canonical (KeyPart *part, char type, const char *text, size_t len) {
  Buffer *b = &part->canonical;
  Decimal d;
  char digits[DECIMAL_TEXT], *out;
  long decoded;
  buffer_byte(b, type);
  switch (type) {
    case 'S':
      part->len = len;
      buffer_append(b, text, len);
      return 1;
    case 'N':
      if (decimal_parse(text, len, &d)) return 0;
      part->len = 1; /* never empty nor long */
      buffer_append(b, digits, decimal_write(&d, digits));
      return 1;
    case 'B':
      out = buffer_reserve(b, base64_room(len) + 1);
      if (!out) return 1; /* failed says so */
      decoded = base64_decode(text, len, out);
      if (decoded < 0) return 0;
      part->len = (size_t)decoded;
      b->len += (size_t)decoded;
      return 1;
    default: return 0;
  }
}

/* The value at p as a part of the key. */
static int read_part (Scanner *s, KeyPart *part, size_t *size) {
  const char *tag, *text;
  size_t len;
  if (!opens(s, '{', '}', 0)) return !s->error;
  do {
    if (!member_name(s, &tag, &len)) return 0;
    char type = len == 1 ? tag[0] : 0;
    if (type && scan_peek(s) == '"' && !part->found) {
      if (!scan_string(s, &text, &len)) return 0;
      part->found = canonical(part, type, text, len);
      *size += scalar_size(type, text, len);
    } else if (!skip_value(s, 0)) {
      return 0;
    }
  } while (follows(s, '}'));
  return !s->error;
}

/* Which part of the key has this name? -1 for none. */
static int part_named (const KeySchema *schema, const char *name, size_t len) {
  for (int i = 0; i < schema->parts; i++)
    if (schema->len[i] == len && memcmp(schema->name[i], name, len) == 0) return i;
  return -1;
}

static void note_largest (Item *item, const char *name, size_t len, size_t size) {
  if (size <= item->largest) return;
  size_t kept = len < sizeof item->largest_name ? len : sizeof item->largest_name - 1;
  memcpy(item->largest_name, name, kept);
  item->largest_name[kept] = 0;
  item->largest = size;
}

/*
** One attribute, its name at p. The name is looked at before the value is read: a name with escapes lies in the
** scratch.
*/
static int read_attribute (Scanner *s, const KeySchema *schema, Item *item, int with_size) {
  const char *name;
  size_t len;
  const char *raw = scan_peek(s) ? s->p + 1 : s->p;
  if (!member_name(s, &name, &len)) return 0;
  int which = part_named(schema, name, len);
  size_t size = len;
  if (which >= 0) {
    if (!read_part(s, &item->part[which], &size)) return 0;
  } else if (!(with_size ? value_size(s, 1, &size) : skip_value(s, 1))) {
    return 0;
  }
  item->attributes++;
  item->size += size;
  if (with_size) note_largest(item, raw, len, size); /* the name as it stands in the text: readable enough */
  return 1;
}

int item_read (Scanner *s, const KeySchema *schema, Item *item, int with_size) {
  for (int i = 0; i < KEY_PARTS; i++) {
    buffer_reset(&item->part[i].canonical, 4096);
    item->part[i].found = 0;
    item->part[i].len = 0;
  }
  item->attributes = item->size = item->largest = 0;
  item->largest_name[0] = 0;
  if (!opens(s, '{', '}', 0)) return !s->error;
  do {
    if (!read_attribute(s, schema, item, with_size)) return 0;
  } while (follows(s, '}'));
  return !s->error;
}

/* ==} */
