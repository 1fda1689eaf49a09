/*
** What goes with the next request, and how its body reads.
*/
#include <math.h>
#include <stdlib.h>

#include "batch_state.h"

/* Bytes that a request has around each operation and each table, at most. */
#define AROUND_OPERATION 40
#define AROUND_TABLE 64

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

void request_free (Batch *b, Request *request) {
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
    entry_ready(b, delayed_pop(b), 1);
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
    entry_ready(b, request->entries[i], 1);
  for (size_t i = 0; i < request->charges; i++)
    bucket_settle(&b->tables[request->charge[i].table].bucket, request->charge[i].units, 0);
  request_free(b, request);
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

/* What was held up by nobody but ourselves was no lack of progress. */
static void forgive_held (Batch *b) {
  double held = fmin(b->now, b->held_until) - b->held_from;
  if (b->trouble >= 0 && held > 0) b->trouble += held;
  b->held_from = b->held_until = 0;
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
  forgive_held(b);
  if (b->entries.count) check_time(b);
  if (b->stop || !b->entries.count) return b->in_flight ? BATCH_WAIT : BATCH_OVER;
  Request *request = new_request(b);
  if (!request) return BATCH_NO_MEMORY;
  wake(b);
  take_group(b, request);
  double soonest = request->count ? 0 : take_all_ready(b, request);
  if (request->count) return send_request(b, request, id, body);
  request_free(b, request);
  int held = !b->in_flight && !b->heap_len; /* a delay after a failure counts, also beside a bucket */
  if (held) {
    b->held_from = b->now;
    b->held_until = b->now + soonest;
  }
  if (b->heap_len) soonest = fmin(soonest, b->heap[0]->due - b->now);
  soonest = fmin(soonest, b->options.deadline - b->now);
  if (b->trouble >= 0 && !held) soonest = fmin(soonest, b->trouble + b->options.stall - b->now);
  *wait = fmax(soonest, 0);
  return BATCH_WAIT;
}

/* ==} */
