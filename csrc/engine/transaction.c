#include "transaction.h"

#include <stdarg.h>
#include <stdio.h>

#include "json_write.h"

/* Source: "Service, account, and table quotas" and TransactWriteItems in DynamoDB's documentation. */
#define MAX_OPERATIONS 100
#define MAX_ITEM ((size_t)400 << 10)
#define MAX_SIZE ((size_t)4 << 20)

static const struct {
  const char *name, *member;
} names[] = {
  [TRANSACTION_PUT] = {"put", "Put"},          [TRANSACTION_UPDATE] = {"update", "Update"},
  [TRANSACTION_DELETE] = {"delete", "Delete"}, [TRANSACTION_CHECK] = {"check", "ConditionCheck"},
  [TRANSACTION_GET] = {"get", "Get"},
};

void transaction_init (Transaction *t, int is_get, int limits) {
  memset(t, 0, sizeof *t);
  t->is_get = is_get;
  t->limits = limits;
  buffer_init(&t->body);
  buffer_init(&t->texts);
  buffer_init(&t->parts);
  buffer_init(&t->problem);
  buffer_init(&t->scratch);
  item_init(&t->item);
}

void transaction_free (Transaction *t) {
  buffer_free(&t->body);
  buffer_free(&t->texts);
  buffer_free(&t->parts);
  buffer_free(&t->problem);
  buffer_free(&t->scratch);
  item_free(&t->item);
}

const char *transaction_op_name (TransactionOp op) {
  return names[op].name;
}

const TransactionPart *transaction_part (const Transaction *t, size_t number) {
  return number >= 1 && number <= t->count ? (const TransactionPart *)t->parts.data + (number - 1) : NULL;
}

/* Always 0. */
static int refuse (Transaction *t, const char *format, ...) {
  char message[TRANSACTION_PROBLEM];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  buffer_reset(&t->problem, 4096);
  buffer_string(&t->problem, message);
  return 0;
}

/* {== Reading an operation == */

static int has_name (const char *name, size_t len, const char *wanted) {
  return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}

/* Copies bytes to the texts. */
static Span keep (Transaction *t, const char *bytes, size_t len) {
  Span span = {t->texts.len, len};
  buffer_append(&t->texts, bytes, len);
  return span;
}

static int read_table (Transaction *t, Scanner *s, TransactionPart *part) {
  const char *name;
  size_t len;
  if (scan_peek(s) != '"') return refuse(t, "TableName must be a string");
  if (!scan_string(s, &name, &len)) return 0;
  part->table = keep(t, name, len);
  return 1;
}

static int read_object (Transaction *t, Scanner *s, TransactionPart *part, const KeySchema *keys) {
  static const KeySchema none;
  scan_peek(s);
  part->object.from = (size_t)(s->p - s->start);
  if (!item_read(s, keys ? keys : &none, &t->item, 1)) return 0;
  part->object.len = (size_t)(s->p - s->start) - part->object.from;
  return 1;
}

/* Looks through the members of the operation's JSON, which is an object. */
static int read_operation (Transaction *t, Scanner *s, TransactionPart *part, const KeySchema *keys) {
  const char *object = part->op == TRANSACTION_PUT ? "Item" : "Key", *name;
  size_t len;
  if (!scan_expect(s, '{', "an object is expected")) return 0;
  if (scan_peek(s) == '}') return 1;
  do {
    if (scan_peek(s) != '"') return scan_fail(s, "a member's name is expected");
    if (!scan_string(s, &name, &len)) return 0;
    int is_table = has_name(name, len, "TableName"), is_object = has_name(name, len, object);
    if (!scan_expect(s, ':', "a colon is expected")) return 0;
    int ok = is_table ? read_table(t, s, part) : is_object ? read_object(t, s, part, keys) : item_skip(s);
    if (!ok) return 0;
  } while (scan_peek(s) == ',' && s->p++);
  return scan_expect(s, '}', "a comma or a closing brace is expected");
}

/* ==} */

/* {== Checks == */

static int check_size (Transaction *t, TransactionOp op) {
  const Item *item = &t->item;
  if (!t->limits) return 1;
  if (op == TRANSACTION_PUT && item->size > MAX_ITEM)
    return refuse(t, "the item has %zu bytes and may have %zu; its largest attribute is \"%s\" with %zu", item->size,
                  MAX_ITEM, item->largest_name, item->largest);
  if (t->size + item->size > MAX_SIZE)
    return refuse(t, "the items would have %zu bytes together, and a transaction's may have %zu", t->size + item->size,
                  MAX_SIZE);
  return 1;
}

static int check_key (Transaction *t, const TransactionPart *part, const KeySchema *keys) {
  const char *object = part->op == TRANSACTION_PUT ? "Item" : "Key";
  if (!part->object.len) return refuse(t, "%s is missing", object);
  for (int i = 0; keys && i < keys->parts; i++)
    if (!t->item.part[i].found)
      return refuse(t, "%s.%.*s is missing, or is no string, number or binary as a key's attribute must be", object,
                    (int)(keys->len[i] < 200 ? keys->len[i] : 200), keys->name[i]);
  if (part->op != TRANSACTION_PUT && (!keys || t->item.attributes != (size_t)keys->parts))
    return refuse(t, "Key has an attribute that is not part of the key");
  return 1;
}

static void append_run (Buffer *b, const char *bytes, size_t len) {
  uint64_t length = len;
  buffer_append(b, &length, sizeof length);
  buffer_append(b, bytes, len);
}

/* A table is the same by its name and by its ARN: a transaction stays within one account and region. */
static void append_table (Transaction *t, Span table) {
  char *bare = t->texts.data + table.from;
  size_t len = table.len, from = 0;
  if (len > 4 && memcmp(bare, "arn:", 4) == 0)
    for (size_t i = 0; i < len; i++)
      if (bare[i] == '/') from = i + 1;
  if (!buffer_reserve(&t->texts, len + sizeof(uint64_t))) return;
  append_run(&t->texts, t->texts.data + table.from + from, len - from);
}

/* What tells the operation's item from every other one. The key's attributes are in the order of their names. */
static void append_target (Transaction *t, TransactionPart *part, const KeySchema *keys) {
  part->target.from = t->texts.len;
  append_table(t, part->table);
  int swapped = 0;
  if (keys->parts == 2) {
    size_t len = keys->len[0] < keys->len[1] ? keys->len[0] : keys->len[1];
    int order = memcmp(keys->name[0], keys->name[1], len);
    swapped = order > 0 || (order == 0 && keys->len[0] > keys->len[1]);
  }
  for (int i = 0; i < keys->parts; i++) {
    int which = swapped ? 1 - i : i;
    const Buffer *canonical = &t->item.part[which].canonical;
    if (canonical->failed) t->texts.failed = 1;
    append_run(&t->texts, keys->name[which], keys->len[which]);
    append_run(&t->texts, canonical->data, canonical->len);
  }
  part->target.len = t->texts.len - part->target.from;
}

/* Refuses a second operation on one item. */
static int check_target (Transaction *t, const TransactionPart *part) {
  const char *texts = t->texts.data;
  for (size_t i = 1; i <= t->count; i++) {
    const TransactionPart *other = transaction_part(t, i);
    if (other->target.len != part->target.len) continue;
    if (memcmp(texts + other->target.from, texts + part->target.from, part->target.len) != 0) continue;
    return refuse(t, "operations %zu (%s) and %zu (%s) are on the same item of table \"%.*s\"; a transaction takes one",
                  i, names[other->op].name, t->count + 1, names[part->op].name,
                  (int)(part->table.len < 100 ? part->table.len : 100), texts + part->table.from);
  }
  return 1;
}

/* ==} */

static int take (Transaction *t, TransactionPart *part, const char *json, size_t len, const KeySchema *keys) {
  Scanner s = {json, json + len, json, NULL, &t->scratch};
  if (!read_operation(t, &s, part, keys) || !scan_end(&s))
    return s.error ? refuse(t, "the operation is no JSON of one: %s", s.error) : 0;
  if (t->texts.failed) return refuse(t, "out of memory");
  if (!part->table.len) return refuse(t, "TableName is missing");
  if (!check_key(t, part, keys) || !check_size(t, part->op)) return 0;
  if (keys) {
    append_target(t, part, keys);
    for (int i = 0; i < keys->parts; i++)
      part->key_name[i] = keep(t, keys->name[i], keys->len[i]);
    if (!t->texts.failed && !check_target(t, part)) return 0;
  }
  buffer_string(&t->body, t->count ? ",{\"" : "{\"TransactItems\":[{\"");
  buffer_string(&t->body, names[part->op].member);
  buffer_literal(&t->body, "\":");
  part->object.from += t->body.len;
  buffer_append(&t->body, json, len);
  buffer_byte(&t->body, '}');
  buffer_append(&t->parts, part, sizeof *part);
  if (t->body.failed || t->texts.failed || t->parts.failed) return refuse(t, "out of memory");
  return 1;
}

size_t transaction_add (Transaction *t, TransactionOp op, const char *json, size_t len, const KeySchema *keys) {
  TransactionPart part = {.op = op};
  size_t body = t->body.len, texts = t->texts.len;
  if (t->sealed) return (size_t)refuse(t, "the transaction has been sent: nothing can be added");
  if ((op == TRANSACTION_GET) != t->is_get)
    return (size_t)refuse(t, t->is_get ? "a transaction that reads takes gets alone"
                                       : "a transaction that writes takes no get");
  if (t->limits && t->count >= MAX_OPERATIONS)
    return (size_t)refuse(t, "a transaction takes %d operations, and this is one more", MAX_OPERATIONS);
  if (!take(t, &part, json, len, keys)) {
    t->body.len = body;
    t->texts.len = texts;
    t->parts.len = t->count * sizeof part;
    return 0;
  }
  t->size += t->item.size;
  return ++t->count;
}

const Buffer *transaction_body (Transaction *t, double now) {
  if (!t->count) return refuse(t, "the transaction is empty"), NULL;
  if (!t->sealed) {
    buffer_byte(&t->body, ']');
    if (t->token_len) {
      buffer_literal(&t->body, ",\"ClientRequestToken\":");
      json_write_string(&t->body, t->token, t->token_len);
    }
    if (t->capacity[0]) {
      buffer_literal(&t->body, ",\"ReturnConsumedCapacity\":");
      json_write_string(&t->body, t->capacity, strlen(t->capacity));
    }
    buffer_byte(&t->body, '}');
    t->sealed = 1;
    t->sealed_at = now;
  }
  if (t->body.failed) return refuse(t, "out of memory"), NULL;
  if (t->token_len && now - t->sealed_at > TRANSACTION_TOKEN_SECONDS)
    return refuse(t,
                  "its token is older than %.0f minutes: the service may have forgotten it, and would apply it again",
                  TRANSACTION_TOKEN_SECONDS / 60),
           NULL;
  return &t->body;
}
