#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch_state.h"
#include "json_write.h"

/* Source: "Service, account, and table quotas", DynamoDB Developer Guide. */
#define ITEM_BYTES ((size_t)400 * 1024)
#define PARTITION_KEY_BYTES 2048
#define SORT_KEY_BYTES 1024
#define WRITE_UNIT 1024.0

/* {== Making and freeing == */

void batch_defaults (BatchOptions *options, BatchKind kind) {
  memset(options, 0, sizeof *options);
  options->kind = kind;
  options->max_operations = kind == BATCH_WRITE ? 25 : 100;
  options->max_bytes = (size_t)16 * 1000 * 1000;
  options->budget = (size_t)16 * 1024 * 1024;
  options->max_failed = 100;
  options->base = 0.05;
  options->cap = 20;
  options->stall = 60;
  options->deadline = INFINITY;
  options->limits = options->capacity = 1;
}

Batch *batch_new (const BatchOptions *options) {
  Batch *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  b->options = *options;
  if (b->options.max_operations > BATCH_MOST) b->options.max_operations = BATCH_MOST;
  if (b->options.max_operations == 0) b->options.max_operations = 1;
  keymap_init(&b->entries, options->seed);
  keymap_init(&b->partitions, options->seed);
  item_init(&b->item);
  b->trouble = -1;
  b->next_id = 1;
  return b;
}

static void free_table (BatchTable *table) {
  free(table->text);
  free(table->lost_code);
  buffer_free(&table->quoted);
}

#define FREE_CHAIN(type, first, also) \
  for (type *each = first, *following; each; each = following) { \
    following = each->next; \
    also; \
    free(each); \
  }

void batch_free (Batch *b) {
  if (!b) return;
  for (Entry *entry = b->oldest, *next; entry; entry = next) {
    next = entry->younger;
    if (--entry->partition->entries == 0) free(entry->partition);
    entry_free(entry);
    free(entry);
  }
  FREE_CHAIN(Request, b->requests, (void)0)
  FREE_CHAIN(Request, b->spare, (void)0)
  FREE_CHAIN(Group, b->groups, (void)0)
  FREE_CHAIN(Failure, b->failures, free(each->payload))
  for (size_t i = 0; i < b->table_count; i++)
    free_table(&b->tables[i]);
  free(b->tables);
  keymap_free(&b->entries);
  keymap_free(&b->partitions);
  free(b->heap);
  item_free(&b->item);
  buffer_free(&b->key);
  buffer_free(&b->scratch);
  buffer_free(&b->body);
  buffer_free(&b->problem);
  free(b->results);
  free(b);
}

static char *copy_text (char **to, const char *text, size_t len) {
  char *copy = *to;
  if (len) memcpy(copy, text, len);
  copy[len] = 0;
  *to += len + 1;
  return copy;
}

static int is_text (const char *text, size_t len, const char *other, size_t other_len) {
  return len == other_len && (len == 0 || memcmp(text, other, len) == 0);
}

/* Is a known table said to be as it is? */
static int is_same_table (const BatchTable *table, const BatchTableOptions *options) {
  const KeySchema *a = &table->keys, *b = &options->keys;
  if (a->parts != b->parts || !is_text(table->members, table->members_len, options->members, options->members_len))
    return 0;
  for (int i = 0; i < a->parts; i++)
    if (!is_text(a->name[i], a->len[i], b->name[i], b->len[i])) return 0;
  return 1;
}

long batch_table (Batch *b, const BatchTableOptions *options, double now) {
  for (size_t i = 0; i < b->table_count; i++)
    if (is_text(b->tables[i].name, b->tables[i].name_len, options->name, options->name_len))
      return is_same_table(&b->tables[i], options) ? (long)i : -2;
  BatchTable *tables = realloc(b->tables, (b->table_count + 1) * sizeof *tables);
  if (!tables) return -1;
  b->tables = tables;
  BatchTable *table = &tables[b->table_count];
  memset(table, 0, sizeof *table);
  table->keys = options->keys;
  size_t room = options->name_len + options->members_len + 2;
  for (int i = 0; i < table->keys.parts; i++)
    room += table->keys.len[i] + 1;
  table->text = malloc(room);
  json_write_string(&table->quoted, options->name, options->name_len);
  if (!table->text || !buffer_byte(&table->quoted, ':') || table->quoted.failed) return free_table(table), -1;
  char *to = table->text;
  table->name_len = options->name_len;
  table->name = copy_text(&to, options->name, options->name_len);
  table->members_len = options->members_len;
  table->members = copy_text(&to, options->members, options->members_len);
  for (int i = 0; i < table->keys.parts; i++)
    table->keys.name[i] = copy_text(&to, options->keys.name[i], options->keys.len[i]);
  table->unit = b->options.kind == BATCH_WRITE || options->consistent ? 1 : 0.5;
  bucket_init(&table->bucket, options->rate, now);
  bucket_charge(&table->bucket, options->owed);
  return (long)b->table_count++;
}

/* ==} */

/* {== Adding == */

static BatchAdded invalid (Batch *b) {
  batch_add_failed(b);
  return b->problem.failed ? BATCH_OUT_OF_MEMORY : BATCH_INVALID;
}

void batch_add_failed (Batch *b) {
  b->counts.input++;
  b->counts.failed++;
  if (++b->refusals >= b->options.max_failed) batch_stop(b, BATCH_FAILING);
}

const char *batch_problem (const Batch *b) {
  return b->problem.data ? b->problem.data : "";
}

__attribute__((format(printf, 2, 3))) static int problem (Batch *b, const char *format, ...) {
  char line[400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  buffer_reset(&b->problem, 4096);
  buffer_append(&b->problem, line, strlen(line) + 1);
  return 0;
}

static const char *type_name (char type) {
  return type == 'S' ? "a string" : type == 'N' ? "a number" : type == 'B' ? "a binary" : "something else";
}

/* Can the part of a key that was read be one? */
static int check_part (Batch *b, const KeySchema *keys, int which) {
  const KeyPart *part = &b->item.part[which];
  const char *name = keys->name[which];
  int len = keys->len[which] < 255 ? (int)keys->len[which] : 255;
  size_t limit = which ? SORT_KEY_BYTES : PARTITION_KEY_BYTES;
  if (!part->found) return problem(b, "%.*s: the key needs it, as a string, a number or a binary", len, name);
  char type = part->canonical.data ? part->canonical.data[0] : 0;
  if (keys->type[which] && type != keys->type[which])
    return problem(b, "%.*s must be %s, not %s: so the table's key says", len, name, type_name(keys->type[which]),
                   type_name(type));
  if (part->len == 0) return problem(b, "%.*s is empty, which DynamoDB refuses in a key", len, name);
  if (b->options.limits && part->len > limit)
    return problem(b, "%.*s has %zu bytes; this part of a key has at most %zu", len, name, part->len, limit);
  return 1;
}

/* Is the item that was read one of this table? b->problem says why not. */
static int check_item (Batch *b, const BatchTable *table, BatchOp op) {
  const Item *item = &b->item;
  for (int i = 0; i < table->keys.parts; i++)
    if (!check_part(b, &table->keys, i)) return 0;
  if (op != BATCH_PUT && item->attributes != (size_t)table->keys.parts)
    return problem(b, "a key of %zu attributes; this table's has %d", item->attributes, table->keys.parts);
  if (op == BATCH_PUT && b->options.limits && item->size > ITEM_BYTES)
    return problem(b, "an item of %zu bytes, where at most %zu are allowed; its largest attribute is %s with %zu",
                   item->size, ITEM_BYTES, item->largest_name, item->largest);
  return 1;
}

/* What it will cost, in capacity units. What is deleted, or not read yet, is taken to be small. */
static double estimate (const Batch *b, const BatchTable *table, BatchOp op) {
  return op == BATCH_PUT ? fmax(1, ceil((double)b->item.size / WRITE_UNIT)) : table->unit;
}

static Payload *new_payload (const Batch *b, const BatchTable *table, BatchOp op, const char *bytes, size_t len) {
  Payload *payload = malloc(sizeof *payload + len);
  if (!payload) return NULL;
  payload->op = op;
  payload->len = len;
  payload->units = estimate(b, table, op);
  memcpy(payload->bytes, bytes, len);
  return payload;
}

static int add_asker (Entry *entry, uint64_t index) {
  Asker *asker = malloc(sizeof *asker);
  if (!asker) return 0;
  asker->index = index;
  asker->next = entry->askers;
  entry->askers = asker;
  entry->wanted++;
  return 1;
}

/* Another operation on a key that is held already. */
static void add_newer (Batch *b, Entry *entry, Payload *payload) {
  b->counts.bytes += payload->len;
  if (entry->state != ENTRY_SENT)
    payload_supersede(b, &entry->payload, payload);
  else if (entry->newer)
    payload_supersede(b, &entry->newer, payload);
  else
    entry->newer = payload;
}

BatchAdded batch_add (Batch *b, size_t table_index, BatchOp op, const char *bytes, size_t len, uint64_t index,
                      int force) {
  BatchTable *table = &b->tables[table_index];
  if (!force && b->counts.bytes && b->counts.bytes + len + ENTRY_BYTES > b->options.budget) return BATCH_FULL;
  Scanner s = {bytes, bytes + len, bytes, NULL, &b->scratch};
  if (!item_read(&s, &table->keys, &b->item, 1) || !scan_end(&s))
    return problem(b, "not an item: %s", s.error), invalid(b);
  if (!check_item(b, table, op)) return invalid(b);
  size_t partition = batch_build_key(b, (uint32_t)table_index);
  if (b->key.failed) return BATCH_OUT_OF_MEMORY;
  uint64_t hash = keymap_hash(&b->entries, b->key.data, b->key.len);
  Entry *entry = table->lost_code ? NULL : (Entry *)keymap_find(&b->entries, b->key.data, b->key.len, hash);
  if (entry && op == BATCH_ASK) {
    if (!add_asker(entry, index)) return BATCH_OUT_OF_MEMORY;
    return b->counts.input++, BATCH_ADDED;
  }
  Payload *payload = new_payload(b, table, op, bytes, len);
  if (!payload) return BATCH_OUT_OF_MEMORY;
  if (table->lost_code) {
    b->counts.input++;
    b->counts.failed++;
    b->counts.bytes += len;
    payload_fail(b, (uint32_t)table_index, index, payload, table->lost_code, table->lost_message);
    return BATCH_ADDED;
  }
  if (entry) {
    add_newer(b, entry, payload);
  } else {
    entry = entry_new(b, (uint32_t)table_index, partition, hash);
    if (!entry) return free(payload), BATCH_OUT_OF_MEMORY;
    entry->payload = payload;
    entry->index = index;
    entry->wanted = 1;
    b->counts.bytes += len;
    entry_ready(b, entry, 0);
  }
  b->counts.input++;
  return BATCH_ADDED;
}

/* ==} */

/* {== Telling == */

void batch_stop (Batch *b, BatchStop why) {
  if (!b->stop) b->stop = why;
}

BatchStop batch_stopped (const Batch *b) {
  return b->stop;
}

int batch_table_lost (const Batch *b, size_t table) {
  return b->tables[table].lost_code != NULL;
}

double batch_consumed (const Batch *b, size_t table) {
  return b->tables[table].consumed;
}

/* What is unprocessed is counted, not calculated: the sum is a proof. */
void batch_counts (const Batch *b, BatchCounts *counts) {
  *counts = b->counts;
  counts->unprocessed = 0;
  for (const Entry *entry = b->oldest; entry; entry = entry->younger)
    counts->unprocessed += entry->wanted + (entry->newer != NULL);
}

int batch_next_failed (const Batch *b, const void **cursor, BatchItem *item) {
  const Failure *failure = *cursor ? ((const Failure *)*cursor)->next : b->failures;
  if (!failure) return 0;
  const Payload *payload = failure->payload;
  *item = (BatchItem){failure->table,   payload->op,  payload->bytes, failure->code,
                      failure->message, payload->len, failure->index};
  return *cursor = failure, 1;
}

/* Of an operation in flight and the newer one behind it, the newer one is what is to be done. */
int batch_next_left (const Batch *b, const void **cursor, BatchItem *item) {
  const Entry *entry = *cursor ? ((const Entry *)*cursor)->younger : b->oldest;
  if (!entry) return 0;
  const Payload *payload = entry->newer ? entry->newer : entry->payload;
  *item = (BatchItem){entry->table, payload->op, payload->bytes, NULL, NULL, payload->len, entry->index};
  return *cursor = entry, 1;
}

/* ==} */
