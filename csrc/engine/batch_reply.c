/*
** Replies of BatchWriteItem and BatchGetItem, read in place: what came, what was left over, what it cost.
*/
#include <math.h>

#include "batch_state.h"
#include "decimal.h"

typedef struct Reply {
  Batch *b;
  Request *request;
  Scanner scan;
  size_t leftovers; /* that were told, readable or not */
  size_t strangers; /* of them: what was never sent by us, or cannot be told */
  int has_responses;
} Reply;

typedef int (*Reader)(Reply *r, void *context);

/* Calls `read` for each element of the array at p; null is none. */
static int each_element (Reply *r, Reader read, void *context) {
  Scanner *s = &r->scan;
  if (scan_peek(s) == 'n') return scan_word(s, "null", 4);
  if (!scan_expect(s, '[', "an array is expected")) return 0;
  if (scan_peek(s) == ']') return s->p++, 1;
  for (;;) {
    if (!read(r, context)) return 0;
    char c = scan_peek(s);
    if (c == ']') return s->p++, 1;
    if (c != ',') return scan_fail(s, "a comma or a closing bracket is expected");
    s->p++;
  }
}

typedef int (*MemberReader)(Reply *r, void *context, const char *name, size_t len);

/* Calls `read` for each member of the object at p, the name told; null is none. */
static int each_member (Reply *r, MemberReader read, void *context) {
  Scanner *s = &r->scan;
  const char *name;
  size_t len;
  if (scan_peek(s) == 'n') return scan_word(s, "null", 4);
  if (!scan_expect(s, '{', "an object is expected")) return 0;
  if (scan_peek(s) == '}') return s->p++, 1;
  for (;;) {
    if (scan_peek(s) != '"') return scan_fail(s, "a member's name is expected");
    if (!scan_string(s, &name, &len) || !scan_expect(s, ':', "a colon is expected")) return 0;
    if (!read(r, context, name, len)) return 0;
    char c = scan_peek(s);
    if (c == '}') return s->p++, 1;
    if (c != ',') return scan_fail(s, "a comma or a closing brace is expected");
    s->p++;
  }
}

static int named (const char *name, size_t len, const char *wanted) {
  return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}

/* What follows "table/" in the ARN of a table; NULL for what is no ARN. */
static const char *name_in_arn (const char *text, size_t len, size_t *name_len) {
  static const char before[] = ":table/";
  size_t skip = sizeof before - 1;
  if (len < 4 || memcmp(text, "arn:", 4) != 0) return NULL;
  for (size_t i = 4; i + skip < len; i++)
    if (memcmp(text + i, before, skip) == 0) return *name_len = len - i - skip, text + i + skip;
  return NULL;
}

/* Is one the ARN of a table and the other its name? */
static int is_arn_of (const char *arn, size_t arn_len, const char *name, size_t name_len) {
  size_t len;
  const char *text = name_in_arn(arn, arn_len, &len);
  return text && len == name_len && memcmp(text, name, len) == 0;
}

/*
** The table of a request that the service calls so: by what we called it, else by its name where we gave its ARN, or
** the other way round; NULL where that could be several.
*/
static BatchTable *find_table (const Reply *r, const char *name, size_t len) {
  const Request *request = r->request;
  BatchTable *found = NULL;
  size_t count = 0;
  for (size_t i = 0; i < request->charges; i++) {
    BatchTable *table = &r->b->tables[request->charge[i].table];
    if (table->name_len == len && memcmp(table->name, name, len) == 0) return table;
    if (!is_arn_of(table->name, table->name_len, name, len) && !is_arn_of(name, len, table->name, table->name_len))
      continue;
    if (found != table) count++;
    found = table;
  }
  if (count) return count == 1 ? found : NULL;
  return r->b->table_count == 1 ? r->b->tables : NULL; /* whatever it is called: there is no other */
}

/* The entry of the item at p if it is in flight with this request. NULL also with an error. */
static Entry *find_entry (Reply *r, const BatchTable *table) {
  Batch *b = r->b;
  if (!table) return item_skip(&r->scan), NULL;
  if (!item_read(&r->scan, &table->keys, &b->item, 0)) return NULL;
  for (int i = 0; i < table->keys.parts; i++)
    if (!b->item.part[i].found) return NULL;
  batch_build_key(b, (uint32_t)(table - b->tables));
  if (b->key.failed) return scan_fail(&r->scan, "out of memory"), NULL;
  KeyNode *node = keymap_find(&b->entries, b->key.data, b->key.len, keymap_hash(&b->entries, b->key.data, b->key.len));
  Entry *entry = (Entry *)node; /* the node is its first member */
  return entry && entry->request == r->request ? entry : NULL;
}

/* {== What was left over == */

/* A table's part of the UnprocessedKeys. */
typedef struct KeysPart {
  BatchTable *table;
  int listed; /* it has the list of its keys */
} KeysPart;

static int read_leftover (Reply *r, void *context) {
  Entry *entry = find_entry(r, context);
  if (r->scan.error) return 0;
  r->leftovers++;
  if (!entry)
    r->strangers++;
  else if (entry->mark == MARK_NONE)
    entry->mark = MARK_LEFT;
  return 1;
}

static int read_request_member (Reply *r, void *context, const char *name, size_t len) {
  if (named(name, len, "Item") || named(name, len, "Key")) return read_leftover(r, context);
  return item_skip(&r->scan);
}

static int read_write_request (Reply *r, void *context, const char *name, size_t len) {
  if (named(name, len, "PutRequest") || named(name, len, "DeleteRequest"))
    return each_member(r, read_request_member, context);
  return item_skip(&r->scan);
}

/* Something is left over that says nothing: not even what it is. */
static void add_stranger (Reply *r) {
  r->leftovers++;
  r->strangers++;
}

/* An element that names no key is a stranger. */
static int read_write (Reply *r, void *context) {
  size_t before = r->leftovers;
  if (!each_member(r, read_write_request, context)) return 0;
  if (r->leftovers == before) add_stranger(r);
  return 1;
}

/* An empty list leaves nothing over; no list at all leaves who knows what. */
static int read_unprocessed_items (Reply *r, void *context, const char *name, size_t len) {
  (void)context;
  if (scan_peek(&r->scan) != '[') add_stranger(r);
  return each_element(r, read_write, find_table(r, name, len));
}

static int read_keys_member (Reply *r, void *context, const char *name, size_t len) {
  KeysPart *part = context;
  if (!named(name, len, "Keys")) return item_skip(&r->scan);
  part->listed |= scan_peek(&r->scan) == '[';
  return each_element(r, read_leftover, part->table);
}

static int read_unprocessed_keys (Reply *r, void *context, const char *name, size_t len) {
  KeysPart part = {find_table(r, name, len), 0};
  (void)context;
  if (!each_member(r, read_keys_member, &part)) return 0;
  if (!part.listed) add_stranger(r);
  return 1;
}

/* ==} */

/* {== What came == */

static int read_found (Reply *r, void *context) {
  scan_peek(&r->scan);
  const char *from = r->scan.p;
  Entry *entry = find_entry(r, context);
  if (r->scan.error) return 0;
  if (!entry) return 1;
  entry->mark = MARK_FOUND;
  entry->from = (size_t)(from - r->scan.start);
  entry->len = (size_t)(r->scan.p - from);
  Partition *partition = entry->partition;
  if (partition->reply != r->request) partition->returned = 0;
  partition->reply = r->request;
  partition->returned += entry->len;
  return 1;
}

static int read_responses (Reply *r, void *context, const char *name, size_t len) {
  (void)context;
  return each_element(r, read_found, find_table(r, name, len));
}

/* ==} */

/* {== What it cost == */

/*
** The most that an operation costs: a whole item, written or read. What is said beyond that would stop a table for
** ages. Writes of large items with many indexes may cost more; they are paid for no better than this.
*/
#define MOST_WRITE_UNITS 400.0
#define MOST_READ_UNITS 100.0

typedef struct Consumed {
  const BatchTable *table;
  double units;
} Consumed;

static int read_consumed_member (Reply *r, void *context, const char *name, size_t len) {
  Consumed *consumed = context;
  Scanner *s = &r->scan;
  const char *text;
  Decimal units;
  int whole;
  char c = scan_peek(s);
  if (named(name, len, "TableName") && c == '"') {
    if (!scan_string(s, &text, &len)) return 0;
    consumed->table = find_table(r, text, len);
    return 1;
  }
  if (!named(name, len, "CapacityUnits") || (c != '-' && (c < '0' || c > '9'))) return item_skip(s);
  if (!scan_number(s, &text, &len, &whole)) return 0;
  if (decimal_parse(text, len, &units) == DECIMAL_OK) consumed->units = decimal_to_double(&units);
  return 1;
}

/* The most that the request's operations on a table can have cost. */
static double most_units (const Batch *b, const Request *request, uint32_t table) {
  double units = 0;
  for (size_t i = 0; i < request->count; i++)
    if (request->entries[i]->table == table)
      units += b->options.kind == BATCH_WRITE ? MOST_WRITE_UNITS : MOST_READ_UNITS;
  return units;
}

static int read_consumed (Reply *r, void *context) {
  Consumed consumed = {NULL, -1};
  (void)context;
  if (!each_member(r, read_consumed_member, &consumed)) return 0;
  Request *request = r->request;
  for (size_t i = 0; i < request->charges && consumed.units >= 0; i++) {
    Charge *charge = &request->charge[i];
    if (consumed.table == &r->b->tables[charge->table] || (!consumed.table && request->charges == 1))
      charge->consumed = fmin(consumed.units, most_units(r->b, request, charge->table));
  }
  return 1;
}

/* ==} */

static int read_member (Reply *r, void *context, const char *name, size_t len) {
  (void)context;
  if (named(name, len, "ConsumedCapacity")) return each_element(r, read_consumed, NULL);
  if (r->b->options.kind == BATCH_WRITE) {
    if (named(name, len, "UnprocessedItems")) return each_member(r, read_unprocessed_items, NULL);
  } else {
    if (named(name, len, "Responses")) {
      r->has_responses = scan_peek(&r->scan) == '{';
      return each_member(r, read_responses, NULL);
    }
    if (named(name, len, "UnprocessedKeys")) return each_member(r, read_unprocessed_keys, NULL);
  }
  return item_skip(&r->scan);
}

/* Without responses nothing says that an item is missing: then every key has to be left over. */
static int is_whole (const Reply *r) {
  if (r->b->options.kind == BATCH_WRITE || r->has_responses || r->strangers) return 1;
  for (size_t i = 0; i < r->request->count; i++)
    if (r->request->entries[i]->mark == MARK_NONE) return 0;
  return 1;
}

int batch_read_reply (Batch *b, Request *request, const char *reply, size_t len) {
  Reply r = {b, request, {reply, reply + len, reply, NULL, &b->scratch}, 0, 0, 0};
  for (size_t i = 0; i < request->count; i++)
    request->entries[i]->mark = MARK_NONE;
  for (size_t i = 0; i < request->charges; i++)
    request->charge[i].consumed = -1;
  for (size_t i = 0; i < request->count; i++)
    request->entries[i]->partition->reply = NULL; /* a request of before may have had this address */
  int ok = scan_peek(&r.scan) == '{' && each_member(&r, read_member, NULL) && scan_end(&r.scan) && is_whole(&r);
  for (size_t i = 0; i < request->count; i++) {
    Entry *entry = request->entries[i];
    if (!ok) entry->mark = MARK_NONE;
    /* Something was left over that cannot be told apart: then everything may have been. */
    if (ok && r.strangers && entry->mark == MARK_NONE) entry->mark = MARK_LEFT;
  }
  return ok;
}
