#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch_state.h"
#include "json_write.h"

/* Source: "Service, account, and table quotas", DynamoDB Developer Guide; BatchWriteItem, BatchGetItem in the API. */
#define ITEM_BYTES ((size_t)400 * 1024)
#define PARTITION_KEY_BYTES 2048
#define SORT_KEY_BYTES 1024
#define WRITE_UNIT 1024.0

/* Bytes that a request has around each operation and each table, at most. */
#define AROUND_OPERATION 40
#define AROUND_TABLE 64

/* What an entry costs besides its bytes, roughly. */
#define ENTRY_BYTES (sizeof(Entry) + sizeof(Partition) + sizeof(Payload) + 64)

/*
** A get's reply ends at 16 MB, or at 1 MB of one partition: what it then leaves over was not throttled. In wire bytes, which
** are never fewer than those that the service counts.
*/
#define FULL_REPLY ((size_t)15 * 1000 * 1000)
#define FULL_PARTITION ((size_t)900 * 1000)

/* {== Lists == */

static void list_append (EntryList *list, Entry *entry) {
  entry->prev = list->last;
  entry->next = NULL;
  *(list->last ? &list->last->next : &list->first) = entry;
  list->last = entry;
  list->count++;
}

static void list_prepend (EntryList *list, Entry *entry) {
  entry->prev = NULL;
  entry->next = list->first;
  *(list->first ? &list->first->prev : &list->last) = entry;
  list->first = entry;
  list->count++;
}

static void list_remove (EntryList *list, Entry *entry) {
  *(entry->prev ? &entry->prev->next : &list->first) = entry->next;
  *(entry->next ? &entry->next->prev : &list->last) = entry->prev;
  list->count--;
}

/* ==} */

/* {== The heap of delayed entries, the one due first on top == */

static void heap_up (Batch *b, size_t at, Entry *entry) {
  for (; at && b->heap[(at - 1) / 2]->due > entry->due; at = (at - 1) / 2)
    b->heap[at] = b->heap[(at - 1) / 2];
  b->heap[at] = entry;
}

static void heap_push (Batch *b, Entry *entry) {
  heap_up(b, b->heap_len++, entry);
}

static Entry *heap_pop (Batch *b) {
  Entry *top = b->heap[0], *moved = b->heap[--b->heap_len];
  size_t at = 0, child;
  while ((child = 2 * at + 1) < b->heap_len) {
    if (child + 1 < b->heap_len && b->heap[child + 1]->due < b->heap[child]->due) child++;
    if (b->heap[child]->due >= moved->due) break;
    b->heap[at] = b->heap[child];
    at = child;
  }
  b->heap[at] = moved;
  return top;
}

/* Takes the entries of a table out of it. */
static void heap_drop_table (Batch *b, uint32_t table) {
  size_t kept = 0, len = b->heap_len;
  for (size_t i = 0; i < len; i++)
    if (b->heap[i]->table != table) heap_up(b, kept++, b->heap[i]);
  b->heap_len = kept;
}

static int heap_reserve (Batch *b, size_t count) {
  if (count <= b->heap_room) return 1;
  size_t room = b->heap_room ? b->heap_room * 2 : 64;
  Entry **heap = realloc(b->heap, room * sizeof *heap);
  if (!heap) return 0;
  b->heap = heap;
  b->heap_room = room;
  return 1;
}

/* ==} */

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

static void free_payload_chain (Entry *entry) {
  free(entry->payload);
  free(entry->newer);
  for (Asker *asker = entry->askers, *next; asker; asker = next) {
    next = asker->next;
    free(asker);
  }
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
    free_payload_chain(entry);
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

long batch_table (Batch *b, const BatchTableOptions *options, double now) {
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
  return (long)b->table_count++;
}

/* ==} */

/* {== Entries == */

size_t batch_build_key (Batch *b, uint32_t table) {
  const KeyPart *part = b->item.part;
  uint32_t len = (uint32_t)part[0].canonical.len;
  buffer_reset(&b->key, 4096);
  buffer_append(&b->key, &table, sizeof table);
  buffer_append(&b->key, &len, sizeof len);
  buffer_append(&b->key, part[0].canonical.data, part[0].canonical.len);
  size_t partition = b->key.len;
  buffer_append(&b->key, part[1].canonical.data, part[1].canonical.len);
  if (part[0].canonical.failed || part[1].canonical.failed) b->key.failed = 1;
  return partition;
}

/* The partition that the key in b->key begins with, made when it is not there. NULL when memory is out. */
static Partition *hold_partition (Batch *b, size_t len) {
  uint64_t hash = keymap_hash(&b->partitions, b->key.data, len);
  Partition *partition = (Partition *)keymap_find(&b->partitions, b->key.data, len, hash);
  if (partition) return partition;
  if (!keymap_reserve(&b->partitions)) return NULL;
  partition = calloc(1, sizeof *partition + len);
  if (!partition) return NULL;
  memcpy(partition->key, b->key.data, len);
  partition->node = (KeyNode){hash, len, partition->key};
  keymap_insert(&b->partitions, &partition->node);
  return partition;
}

static void release_partition (Batch *b, Partition *partition) {
  if (partition->entries) return;
  keymap_remove(&b->partitions, &partition->node);
  free(partition);
}

/* A new entry for the key in b->key, in no list yet. NULL when memory is out. */
static Entry *new_entry (Batch *b, uint32_t table, size_t partition_len, uint64_t hash) {
  if (!keymap_reserve(&b->entries) || !heap_reserve(b, b->entries.count + 1)) return NULL;
  Entry *entry = calloc(1, sizeof *entry + b->key.len);
  if (!entry) return NULL;
  entry->partition = hold_partition(b, partition_len);
  if (!entry->partition) return free(entry), NULL;
  entry->partition->entries++;
  memcpy(entry->key, b->key.data, b->key.len);
  entry->node = (KeyNode){hash, b->key.len, entry->key};
  entry->table = table;
  keymap_insert(&b->entries, &entry->node);
  entry->older = b->youngest;
  *(b->youngest ? &b->youngest->younger : &b->oldest) = entry;
  b->youngest = entry;
  b->counts.bytes += ENTRY_BYTES + b->key.len;
  return entry;
}

/* The entry is not a leftover any more; what queued behind the last one of its partition may go. */
static void clear_leftover (Batch *b, Entry *entry) {
  Partition *partition = entry->partition;
  entry->attempts = 0;
  if (!entry->is_leftover) return;
  entry->is_leftover = 0;
  if (--partition->leftovers) return;
  while (partition->queue.first) {
    Entry *freed = partition->queue.first;
    list_remove(&partition->queue, freed);
    freed->state = ENTRY_READY;
    list_append(&b->tables[freed->table].ready, freed);
  }
}

/* Frees an entry that is in no list. */
static void drop_entry (Batch *b, Entry *entry) {
  clear_leftover(b, entry);
  *(entry->older ? &entry->older->younger : &b->oldest) = entry->younger;
  *(entry->younger ? &entry->younger->older : &b->youngest) = entry->older;
  keymap_remove(&b->entries, &entry->node);
  b->counts.bytes -= ENTRY_BYTES + entry->node.len;
  entry->partition->entries--;
  release_partition(b, entry->partition);
  free_payload_chain(entry);
  free(entry);
}

static void set_ready (Batch *b, Entry *entry, int at_once) {
  EntryList *list = &b->tables[entry->table].ready;
  entry->state = ENTRY_READY;
  entry->request = NULL;
  (at_once ? list_prepend : list_append)(list, entry);
}

/* Takes the payload away, which is done or handed on; the newer one takes its place, else the entry goes. */
static void next_payload (Batch *b, Entry *entry) {
  entry->request = NULL;
  entry->payload = entry->newer;
  entry->newer = NULL;
  if (!entry->payload) {
    drop_entry(b, entry);
    return;
  }
  clear_leftover(b, entry);
  set_ready(b, entry, 0);
}

static void free_payload (Batch *b, Payload *payload) {
  b->counts.bytes -= payload->len;
  free(payload);
}

/* The newer operation takes the place of one that has not been done. */
static void supersede (Batch *b, Payload **place, Payload *payload) {
  free_payload(b, *place);
  *place = payload;
  b->counts.superseded++;
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
    supersede(b, &entry->payload, payload);
  else if (entry->newer)
    supersede(b, &entry->newer, payload);
  else
    entry->newer = payload;
}

static void keep_failure (Batch *b, uint32_t table, uint64_t index, Payload *payload, const char *code,
                          const char *message);

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
    keep_failure(b, (uint32_t)table_index, index, payload, table->lost_code, table->lost_message);
    return BATCH_ADDED;
  }
  if (entry) {
    add_newer(b, entry, payload);
  } else {
    entry = new_entry(b, (uint32_t)table_index, partition, hash);
    if (!entry) return free(payload), BATCH_OUT_OF_MEMORY;
    entry->payload = payload;
    entry->index = index;
    entry->wanted = 1;
    b->counts.bytes += len;
    set_ready(b, entry, 0);
  }
  b->counts.input++;
  return BATCH_ADDED;
}

/* ==} */

/* {== What becomes of an entry == */

/* All is well again. */
static void progress (Batch *b) {
  b->trouble = -1;
}

static void finish (Batch *b, Entry *entry) {
  b->counts.done += entry->wanted;
  b->tables[entry->table].done += entry->wanted;
  progress(b);
  free_payload(b, entry->payload);
  next_payload(b, entry);
}

/* Owns the payload; when memory is out or enough are kept, it is counted only. */
static void keep_failure (Batch *b, uint32_t table, uint64_t index, Payload *payload, const char *code,
                          const char *message) {
  size_t code_len = strlen(code) + 1, message_len = strlen(message) + 1;
  Failure *failure = NULL;
  if (b->kept_failures < b->options.max_failed) failure = malloc(sizeof *failure + code_len + message_len);
  if (!failure) {
    free_payload(b, payload);
    return;
  }
  char *text = (char *)(failure + 1);
  *failure = (Failure){NULL, table, index, payload, text, text + code_len};
  memcpy(text, code, code_len);
  memcpy(text + code_len, message, message_len);
  b->counts.bytes -= payload->len; /* those that are kept do not stop what is to come */
  *(b->last_failure ? &b->last_failure->next : &b->failures) = failure;
  b->last_failure = failure;
  b->kept_failures++;
}

static void fail_entry (Batch *b, Entry *entry, const char *code, const char *message) {
  b->counts.failed += entry->wanted;
  progress(b);
  keep_failure(b, entry->table, entry->index, entry->payload, code, message);
  next_payload(b, entry);
}

/* Goes back to wait for its own time; `draw` is its share of the longest delay. */
static void delay (Batch *b, Entry *entry, double draw, double retry_after) {
  double longest = fmin(b->options.cap, ldexp(b->options.base, entry->attempts < 30 ? (int)entry->attempts : 30));
  double seconds = draw * longest;
  if (retry_after >= 0) seconds = fmin(fmax(retry_after, seconds), seconds + 5);
  if (entry->newer) {
    Payload *newer = entry->newer;
    entry->newer = NULL;
    supersede(b, &entry->payload, newer);
  }
  entry->attempts++;
  entry->request = NULL;
  entry->state = ENTRY_DELAYED;
  entry->due = b->now + seconds;
  if (!entry->is_leftover) entry->partition->leftovers++;
  entry->is_leftover = 1;
  if (b->trouble < 0) b->trouble = b->now;
  heap_push(b, entry);
}

/* ==} */

/* {== Choosing what to send == */

int batch_wants (const Batch *b) {
  size_t ready = 0;
  if (b->stop || b->counts.bytes >= b->options.budget) return 0;
  for (size_t i = 0; i < b->table_count; i++)
    ready += b->tables[i].ready.count;
  return ready < b->options.max_operations;
}

static Request *new_request (Batch *b) {
  Request *request = b->spare;
  if (request)
    b->spare = request->next;
  else if (!(request = malloc(sizeof *request)))
    return NULL;
  request->count = request->charges = 0;
  return request;
}

static void give_back (Batch *b, Request *request) {
  request->next = b->spare;
  b->spare = request;
}

static size_t wire_bytes (const Entry *entry) {
  return entry->payload->len + AROUND_OPERATION;
}

static void take (Batch *b, Request *request, Entry *entry) {
  BatchTable *table = &b->tables[entry->table];
  Charge *charge = request->charges ? &request->charge[request->charges - 1] : NULL;
  if (!charge || charge->table != entry->table) {
    charge = &request->charge[request->charges++];
    *charge = (Charge){entry->table, 0, -1};
  }
  charge->units += entry->payload->units;
  bucket_charge(&table->bucket, entry->payload->units);
  entry->state = ENTRY_SENT;
  entry->request = request;
  request->entries[request->count++] = entry;
}

/* Takes what goes with the request from one table. */
static void take_ready (Batch *b, BatchTable *table, Request *request, size_t *bytes) {
  Entry *entry, *next;
  size_t before = request->count;
  *bytes += table->quoted.len + table->members_len + AROUND_TABLE;
  for (entry = table->ready.first; entry; entry = next) {
    next = entry->next;
    if (entry->partition->leftovers && !entry->is_leftover) {
      list_remove(&table->ready, entry);
      entry->state = ENTRY_QUEUED;
      list_append(&entry->partition->queue, entry);
      continue;
    }
    if (request->count == b->options.max_operations) return;
    if (request->count && *bytes + wire_bytes(entry) > b->options.max_bytes) return;
    if (request->count > before && !bucket_lends(&table->bucket)) return;
    list_remove(&table->ready, entry);
    *bytes += wire_bytes(entry);
    take(b, request, entry);
  }
}

/* Fills the request from all tables, another one first each time; gives the time until one may go that may not now. */
static double take_all_ready (Batch *b, Request *request) {
  double soonest = INFINITY;
  size_t bytes = AROUND_TABLE;
  for (size_t i = 0; i < b->table_count; i++) {
    BatchTable *table = &b->tables[(b->turn + i) % b->table_count];
    if (!table->ready.first) continue;
    double wait = bucket_wait(&table->bucket, b->now);
    if (wait > 0)
      soonest = fmin(soonest, wait);
    else if (request->count < b->options.max_operations && bytes < b->options.max_bytes)
      take_ready(b, table, request, &bytes);
  }
  if (b->table_count) b->turn = (b->turn + 1) % b->table_count;
  return soonest;
}

/* A part of a refused request goes alone, if anything of it is still there. */
static void take_group (Batch *b, Request *request) {
  while (b->groups && !request->count) {
    Group *group = b->groups;
    b->groups = group->next;
    if (!b->groups) b->last_group = NULL;
    for (size_t i = 0; i < group->count; i++)
      if (group->entries[i]) take(b, request, group->entries[i]);
    free(group);
  }
}

static void wake (Batch *b) {
  while (b->heap_len && b->heap[0]->due <= b->now)
    set_ready(b, heap_pop(b), 1);
}

static void write_operation (Buffer *body, BatchKind kind, const Payload *payload) {
  if (kind == BATCH_GET) {
    buffer_append(body, payload->bytes, payload->len);
    return;
  }
  if (payload->op == BATCH_PUT)
    buffer_literal(body, "{\"PutRequest\":{\"Item\":");
  else
    buffer_literal(body, "{\"DeleteRequest\":{\"Key\":");
  buffer_append(body, payload->bytes, payload->len);
  buffer_literal(body, "}}");
}

static void close_table (Buffer *body, BatchKind kind, const BatchTable *table) {
  buffer_byte(body, ']');
  if (kind == BATCH_WRITE) return;
  if (table->members_len) buffer_byte(body, ',');
  buffer_append(body, table->members, table->members_len);
  buffer_byte(body, '}');
}

/* The entries of a table stand together in a request. */
static int write_body (Batch *b, const Request *request) {
  Buffer *body = &b->body;
  BatchKind kind = b->options.kind;
  const BatchTable *open = NULL;
  buffer_reset(body, (size_t)1 << 20);
  buffer_literal(body, "{\"RequestItems\":{");
  for (size_t i = 0; i < request->count; i++) {
    const Entry *entry = request->entries[i];
    const BatchTable *table = &b->tables[entry->table];
    if (table != open) {
      if (open) close_table(body, kind, open);
      if (open) buffer_byte(body, ',');
      buffer_append(body, table->quoted.data, table->quoted.len);
      if (kind == BATCH_GET) buffer_literal(body, "{\"Keys\":");
      buffer_byte(body, '[');
    } else {
      buffer_byte(body, ',');
    }
    open = table;
    write_operation(body, kind, entry->payload);
  }
  if (open) close_table(body, kind, open);
  buffer_literal(body, "}");
  if (b->options.capacity) buffer_literal(body, ",\"ReturnConsumedCapacity\":\"TOTAL\"");
  buffer_byte(body, '}');
  return !body->failed;
}

/* Nothing of the request was sent after all. */
static void take_back (Batch *b, Request *request) {
  for (size_t i = request->count; i-- > 0;)
    set_ready(b, request->entries[i], 1);
  for (size_t i = 0; i < request->charges; i++)
    bucket_settle(&b->tables[request->charge[i].table].bucket, request->charge[i].units, 0);
  give_back(b, request);
}

static BatchNext send_request (Batch *b, Request *request, uint64_t *id, const Buffer **body) {
  if (!write_body(b, request)) return take_back(b, request), BATCH_NO_MEMORY;
  request->id = *id = b->next_id++;
  *body = &b->body;
  request->next = b->requests;
  b->requests = request;
  b->in_flight++;
  b->counts.requests++;
  b->counts.sent += request->count;
  return BATCH_SEND;
}

/* Is it time to give up? */
static void check_time (Batch *b) {
  if (b->stop) return;
  if (b->now >= b->options.deadline)
    b->stop = BATCH_DEADLINE;
  else if (b->trouble >= 0 && b->now >= b->trouble + b->options.stall) /* as the wait is reckoned */
    b->stop = BATCH_STALLED;
}

BatchNext batch_next (Batch *b, double now, uint64_t *id, const Buffer **body, double *wait) {
  b->now = fmax(b->now, now);
  *wait = INFINITY;
  if (b->entries.count) check_time(b);
  if (b->stop || !b->entries.count) return b->in_flight ? BATCH_WAIT : BATCH_OVER;
  Request *request = new_request(b);
  if (!request) return BATCH_NO_MEMORY;
  wake(b);
  take_group(b, request);
  double soonest = request->count ? 0 : take_all_ready(b, request);
  if (request->count) return send_request(b, request, id, body);
  give_back(b, request);
  if (b->heap_len) soonest = fmin(soonest, b->heap[0]->due - b->now);
  soonest = fmin(soonest, b->options.deadline - b->now);
  if (b->trouble >= 0) soonest = fmin(soonest, b->trouble + b->options.stall - b->now);
  *wait = fmax(soonest, 0);
  return BATCH_WAIT;
}

/* ==} */

/* {== Splitting what was refused == */

static Group *new_group (size_t room) {
  return calloc(1, sizeof(Group) + room * sizeof(Entry *));
}

static void join_group (Group *group, Entry *entry) {
  entry->state = ENTRY_GROUPED;
  entry->request = NULL;
  group->entries[group->count++] = entry;
}

static void add_group (Batch *b, Group *group) {
  *(b->last_group ? &b->last_group->next : &b->groups) = group;
  b->last_group = group;
}

/* What was refused in flight while a newer operation came: the newer one is tried. */
static void renew (Batch *b, Entry *entry) {
  if (!entry->newer) return;
  Payload *newer = entry->newer;
  entry->newer = NULL;
  supersede(b, &entry->payload, newer);
}

/* Entries from..to of a request become a group of their own; when memory is out they wait and are tried together again. */
static void split_off (Batch *b, const Request *request, size_t from, size_t to) {
  Group *group = new_group(to - from);
  for (size_t i = from; i < to; i++) {
    Entry *entry = request->entries[i];
    renew(b, entry);
    if (group)
      join_group(group, entry);
    else
      delay(b, entry, 1, -1);
  }
  if (group) add_group(b, group);
}

static void split_in_halves (Batch *b, const Request *request) {
  split_off(b, request, 0, request->count / 2);
  split_off(b, request, request->count / 2, request->count);
}

static void split_by_table (Batch *b, const Request *request) {
  size_t from = 0;
  for (size_t i = 1; i <= request->count; i++) {
    if (i < request->count && request->entries[i]->table == request->entries[from]->table) continue;
    split_off(b, request, from, i);
    from = i;
  }
}

/* Takes an entry that waits somewhere out of there. The heap and the groups were seen to before. */
static void withdraw (Batch *b, Entry *entry) {
  if (entry->state == ENTRY_READY)
    list_remove(&b->tables[entry->table].ready, entry);
  else if (entry->state == ENTRY_QUEUED)
    list_remove(&entry->partition->queue, entry);
}

static void drop_from_groups (Batch *b, uint32_t table) {
  for (Group *group = b->groups; group; group = group->next)
    for (size_t i = 0; i < group->count; i++)
      if (group->entries[i] && group->entries[i]->table == table) group->entries[i] = NULL;
}

/* The table cannot be written or read: so it is with all that is wanted of it, now and later. */
static void lose_table (Batch *b, uint32_t index, const char *code, const char *message) {
  BatchTable *table = &b->tables[index];
  if (!table->lost_code) {
    size_t code_len = strlen(code) + 1, message_len = strlen(message) + 1;
    char *text = malloc(code_len + message_len);
    if (!text) return;
    memcpy(text, code, code_len);
    memcpy(text + code_len, message, message_len);
    table->lost_code = text;
    table->lost_message = text + code_len;
  }
  heap_drop_table(b, index);
  drop_from_groups(b, index);
  for (Entry *entry = b->oldest, *next; entry; entry = next) {
    next = entry->younger;
    if (entry->table != index || entry->state == ENTRY_SENT) continue;
    withdraw(b, entry);
    entry->state = ENTRY_SENT; /* in no list */
    fail_entry(b, entry, code, message);
  }
}

static void fail_request (Batch *b, const Request *request, const char *code, const char *message) {
  for (size_t i = 0; i < request->count; i++)
    fail_entry(b, request->entries[i], code, message);
}

static void refuse_one (Batch *b, const Request *request, const char *code, const char *message) {
  fail_request(b, request, code, message);
  if (++b->refusals >= b->options.max_failed) batch_stop(b, BATCH_FAILING);
}

/* ==} */

/* {== Outcomes == */

/* The request with this id, taken out of those in flight; NULL when there is none. */
static Request *take_request (Batch *b, uint64_t id) {
  for (Request **at = &b->requests; *at; at = &(*at)->next) {
    Request *request = *at;
    if (request->id != id) continue;
    *at = request->next;
    b->in_flight--;
    return request;
  }
  return NULL;
}

size_t batch_operations (const Batch *b, uint64_t id) {
  for (const Request *request = b->requests; request; request = request->next)
    if (request->id == id) return request->count;
  return 0;
}

static double draw (Batch *b) {
  return b->options.random(b->options.source);
}

/* Everything of the request goes back; what belongs together stays together. */
static void delay_all (Batch *b, const Request *request, double retry_after) {
  double share = draw(b);
  for (size_t i = 0; i < request->count; i++)
    delay(b, request->entries[i], share, retry_after);
}

/* What is reported counts; without a report, what was left over cost nothing and the rest what was estimated. */
static void settle (Batch *b, const Request *request) {
  for (size_t i = 0; i < request->charges; i++) {
    const Charge *charge = &request->charge[i];
    BatchTable *table = &b->tables[charge->table];
    double consumed = charge->consumed;
    if (consumed < 0) {
      consumed = 0;
      for (size_t j = 0; j < request->count; j++)
        if (request->entries[j]->table == charge->table && request->entries[j]->mark != MARK_LEFT)
          consumed += request->entries[j]->payload->units;
    } else {
      table->consumed += consumed;
    }
    bucket_settle(&table->bucket, charge->units, consumed);
  }
}

static void refund (Batch *b, const Request *request) {
  for (size_t i = 0; i < request->charges; i++)
    bucket_settle(&b->tables[request->charge[i].table].bucket, request->charge[i].units, 0);
}

static int reserve_results (Batch *b, const Request *request) {
  size_t count = 0;
  b->result_count = 0;
  if (b->options.kind == BATCH_WRITE) return 1;
  for (size_t i = 0; i < request->count; i++)
    count += request->entries[i]->wanted;
  if (count <= b->result_room) return 1;
  BatchResult *results = realloc(b->results, count * sizeof *results);
  if (!results) return 0;
  b->results = results;
  b->result_room = count;
  return 1;
}

/* Tells all who asked for it what the reply says. */
static void add_results (Batch *b, const Entry *entry) {
  BatchResult result = {entry->index, entry->table, entry->from, entry->mark == MARK_FOUND ? entry->len : 0};
  if (b->options.kind == BATCH_WRITE) return;
  b->results[b->result_count++] = result;
  for (const Asker *asker = entry->askers; asker; asker = asker->next) {
    result.index = asker->index;
    b->results[b->result_count++] = result;
  }
}

/* Did the reply end because it was full? */
static int was_cut (const Batch *b, const Request *request, const Entry *entry, size_t reply_len) {
  if (b->options.kind == BATCH_WRITE) return 0;
  const Partition *partition = entry->partition;
  return reply_len >= FULL_REPLY || (partition->reply == request && partition->returned >= FULL_PARTITION);
}

static void apply_reply (Batch *b, Request *request, size_t reply_len) {
  Entry *left[BATCH_MOST];
  size_t count = 0;
  for (size_t i = 0; i < request->count; i++) {
    Entry *entry = request->entries[i];
    if (entry->mark == MARK_LEFT) {
      left[count++] = entry;
    } else {
      add_results(b, entry);
      finish(b, entry);
    }
  }
  for (size_t i = 0; i < count; i++) { /* after what went well: now their time without progress begins */
    if (was_cut(b, request, left[i], reply_len)) {
      clear_leftover(b, left[i]);
      set_ready(b, left[i], 1);
    } else {
      delay(b, left[i], draw(b), -1);
    }
  }
}

int batch_answered (Batch *b, uint64_t id, const char *reply, size_t len, double now) {
  Request *request = take_request(b, id);
  b->now = fmax(b->now, now);
  b->result_count = 0;
  if (!request) return 1;
  int room = reserve_results(b, request);
  if (room && batch_read_reply(b, request, reply, len)) {
    settle(b, request);
    apply_reply(b, request, len);
  } else {
    delay_all(b, request, -1);
  }
  give_back(b, request);
  return room;
}

const BatchResult *batch_results (const Batch *b, size_t *count) {
  *count = b->result_count;
  return b->results;
}

/* Nobody may touch the table of these: look for the table, then take its word for all of it. */
static void lost_or_refused (Batch *b, const Request *request, const char *code, const char *message) {
  uint32_t table = request->entries[0]->table;
  if (request->charges > 1) {
    split_by_table(b, request);
  } else if (b->tables[table].done && strcmp(code, "ResourceNotFoundException") != 0) {
    /* Some of it could be touched: a right may depend on the key. */
    if (request->count > 1)
      split_in_halves(b, request);
    else
      refuse_one(b, request, code, message);
  } else {
    fail_request(b, request, code, message);
    lose_table(b, table, code, message);
  }
}

void batch_failed (Batch *b, uint64_t id, BatchFailure failure, const char *code, const char *message,
                   double retry_after, double now) {
  Request *request = take_request(b, id);
  b->now = fmax(b->now, now);
  b->result_count = 0;
  if (!request) return;
  if (failure != BATCH_TRANSIENT) refund(b, request);
  switch (failure) {
    case BATCH_REFUSED:
      if (request->count > 1)
        split_in_halves(b, request);
      else
        refuse_one(b, request, code, message);
      break;
    case BATCH_TOO_LARGE:
      if (request->count > 1)
        split_in_halves(b, request);
      else
        delay_all(b, request, retry_after);
      break;
    case BATCH_NO_TABLE: lost_or_refused(b, request, code, message); break;
    case BATCH_FATAL:
      batch_stop(b, BATCH_BROKEN);
      delay_all(b, request, retry_after);
      break;
    default: delay_all(b, request, retry_after); break;
  }
  give_back(b, request);
}

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
