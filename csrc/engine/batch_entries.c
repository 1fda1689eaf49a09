/*
** What is wanted of one key at a time: where it waits, what takes its place, what becomes of it.
*/
#include <math.h>
#include <stdlib.h>

#include "batch_state.h"

/* {== Lists == */

void list_append (EntryList *list, Entry *entry) {
  entry->prev = list->last;
  entry->next = NULL;
  *(list->last ? &list->last->next : &list->first) = entry;
  list->last = entry;
  list->count++;
}

void list_prepend (EntryList *list, Entry *entry) {
  entry->prev = NULL;
  entry->next = list->first;
  *(list->first ? &list->first->prev : &list->last) = entry;
  list->first = entry;
  list->count++;
}

void list_remove (EntryList *list, Entry *entry) {
  *(entry->prev ? &entry->prev->next : &list->first) = entry->next;
  *(entry->next ? &entry->next->prev : &list->last) = entry->prev;
  list->count--;
}

/* ==} */

/* {== The heap of delayed entries, the one due first on top == */

static void delayed_up (Batch *b, size_t at, Entry *entry) {
  for (; at && b->heap[(at - 1) / 2]->due > entry->due; at = (at - 1) / 2)
    b->heap[at] = b->heap[(at - 1) / 2];
  b->heap[at] = entry;
}

void delayed_push (Batch *b, Entry *entry) {
  delayed_up(b, b->heap_len++, entry);
}

Entry *delayed_pop (Batch *b) {
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
void delayed_drop_table (Batch *b, uint32_t table) {
  size_t kept = 0, len = b->heap_len;
  for (size_t i = 0; i < len; i++)
    if (b->heap[i]->table != table) delayed_up(b, kept++, b->heap[i]);
  b->heap_len = kept;
}

int delayed_reserve (Batch *b, size_t count) {
  if (count <= b->heap_room) return 1;
  size_t room = b->heap_room ? b->heap_room * 2 : 64;
  Entry **heap = realloc(b->heap, room * sizeof *heap);
  if (!heap) return 0;
  b->heap = heap;
  b->heap_room = room;
  return 1;
}

/* ==} */

/* {== Entries == */

void entry_free (Entry *entry) {
  free(entry->payload);
  free(entry->newer);
  for (Asker *asker = entry->askers, *next; asker; asker = next) {
    next = asker->next;
    free(asker);
  }
}

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
Entry *entry_new (Batch *b, uint32_t table, size_t partition_len, uint64_t hash) {
  if (!keymap_reserve(&b->entries) || !delayed_reserve(b, b->entries.count + 1)) return NULL;
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
void entry_clear (Batch *b, Entry *entry) {
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
static void entry_drop (Batch *b, Entry *entry) {
  entry_clear(b, entry);
  *(entry->older ? &entry->older->younger : &b->oldest) = entry->younger;
  *(entry->younger ? &entry->younger->older : &b->youngest) = entry->older;
  keymap_remove(&b->entries, &entry->node);
  b->counts.bytes -= ENTRY_BYTES + entry->node.len;
  entry->partition->entries--;
  release_partition(b, entry->partition);
  entry_free(entry);
  free(entry);
}

void entry_ready (Batch *b, Entry *entry, int at_once) {
  EntryList *list = &b->tables[entry->table].ready;
  entry->state = ENTRY_READY;
  entry->request = NULL;
  (at_once ? list_prepend : list_append)(list, entry);
}

/* Takes the payload away, which is done or handed on; the newer one takes its place, else the entry goes. */
void entry_next (Batch *b, Entry *entry) {
  entry->request = NULL;
  entry->payload = entry->newer;
  entry->newer = NULL;
  if (!entry->payload) {
    entry_drop(b, entry);
    return;
  }
  entry_clear(b, entry);
  entry_ready(b, entry, 0);
}

void payload_free (Batch *b, Payload *payload) {
  b->counts.bytes -= payload->len;
  free(payload);
}

/* The newer operation takes the place of one that has not been done. */
void payload_supersede (Batch *b, Payload **place, Payload *payload) {
  payload_free(b, *place);
  *place = payload;
  b->counts.superseded++;
}

/* ==} */

/* {== What becomes of an entry == */

/* All is well again. */
static void progress (Batch *b) {
  b->trouble = -1;
}

void entry_finish (Batch *b, Entry *entry) {
  b->counts.done += entry->wanted;
  b->tables[entry->table].done += entry->wanted;
  progress(b);
  payload_free(b, entry->payload);
  entry_next(b, entry);
}

/* Owns the payload; when memory is out or enough are kept, it is counted only. */
void payload_fail (Batch *b, uint32_t table, uint64_t index, Payload *payload, const char *code, const char *message) {
  size_t code_len = strlen(code) + 1, message_len = strlen(message) + 1;
  Failure *failure = NULL;
  if (b->kept_failures < b->options.max_failed) failure = malloc(sizeof *failure + code_len + message_len);
  if (!failure) {
    payload_free(b, payload);
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

void entry_fail (Batch *b, Entry *entry, const char *code, const char *message) {
  b->counts.failed += entry->wanted;
  progress(b);
  payload_fail(b, entry->table, entry->index, entry->payload, code, message);
  entry_next(b, entry);
}

/* Goes back to wait for its own time; `draw` is its share of the longest delay. */
void entry_delay (Batch *b, Entry *entry, double draw, double retry_after) {
  double longest = fmin(b->options.cap, ldexp(b->options.base, entry->attempts < 30 ? (int)entry->attempts : 30));
  double seconds = draw * longest;
  if (retry_after >= 0) seconds = fmin(fmax(retry_after, seconds), seconds + 5);
  entry_renew(b, entry);
  entry->attempts++;
  entry->request = NULL;
  entry->state = ENTRY_DELAYED;
  entry->due = b->now + seconds;
  if (!entry->is_leftover) entry->partition->leftovers++;
  entry->is_leftover = 1;
  if (b->trouble < 0) b->trouble = b->now;
  delayed_push(b, entry);
}

/* What was refused in flight while a newer operation came: the newer one is tried. */
void entry_renew (Batch *b, Entry *entry) {
  if (!entry->newer) return;
  Payload *newer = entry->newer;
  entry->newer = NULL;
  payload_supersede(b, &entry->payload, newer);
}

/* ==} */
