/*
** What becomes of a request: done, left over, asked for again, or looked through for what is refused.
*/
#include <math.h>
#include <stdlib.h>

#include "batch_state.h"

/*
** A get's reply ends at 16 MB, or at 1 MB of one partition: what it then leaves over was not throttled. In wire
** bytes, which are never fewer than those that the service counts.
*/
#define FULL_REPLY ((size_t)15 * 1000 * 1000)
#define FULL_PARTITION ((size_t)900 * 1000)

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

/*
** Entries from..to of a request become a group of their own; when memory is out they wait and are tried together
** again.
*/
static void split_off (Batch *b, const Request *request, size_t from, size_t to) {
  Group *group = new_group(to - from);
  for (size_t i = from; i < to; i++) {
    Entry *entry = request->entries[i];
    entry_renew(b, entry);
    if (group)
      join_group(group, entry);
    else
      entry_delay(b, entry, 1, -1);
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
  delayed_drop_table(b, index);
  drop_from_groups(b, index);
  for (Entry *entry = b->oldest, *next; entry; entry = next) {
    next = entry->younger;
    if (entry->table != index || entry->state == ENTRY_SENT) continue;
    withdraw(b, entry);
    entry->state = ENTRY_SENT; /* in no list */
    entry_fail(b, entry, code, message);
  }
}

static void fail_request (Batch *b, const Request *request, const char *code, const char *message) {
  for (size_t i = 0; i < request->count; i++)
    entry_fail(b, request->entries[i], code, message);
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
    entry_delay(b, request->entries[i], share, retry_after);
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
      entry_finish(b, entry);
    }
  }
  for (size_t i = 0; i < count; i++) { /* after what went well: now their time without progress begins */
    /* A full reply that brought nothing is no reason to ask at once, and no progress. */
    if (count < request->count && was_cut(b, request, left[i], reply_len)) {
      entry_clear(b, left[i]);
      entry_ready(b, left[i], 1);
    } else {
      entry_delay(b, left[i], draw(b), -1);
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
  request_free(b, request);
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
  request_free(b, request);
}

/* ==} */
