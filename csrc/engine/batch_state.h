/*
** What the rooms of the batch engine share: its operations, partitions, requests and tables. Nobody else includes this.
*/
#ifndef DYNAMODB_BATCH_STATE_H
#define DYNAMODB_BATCH_STATE_H

#include "batch.h"
#include "keymap.h"

#pragma GCC visibility push(hidden)

/* The bytes of one put, delete or key. */
typedef struct Payload {
  BatchOp op;
  size_t len;
  double units; /* estimated */
  char bytes[];
} Payload;

/* One more who asked for the same key. */
typedef struct Asker {
  struct Asker *next;
  uint64_t index;
} Asker;

typedef enum EntryState {
  ENTRY_READY,   /* in its table's list */
  ENTRY_QUEUED,  /* in its partition's list, behind leftovers */
  ENTRY_DELAYED, /* in the heap */
  ENTRY_GROUPED, /* in a group that a refused request was split into */
  ENTRY_SENT     /* in a request */
} EntryState;

typedef enum EntryMark { MARK_NONE, MARK_LEFT, MARK_FOUND } EntryMark;

/* Everything that is wanted of one key. */
typedef struct Entry {
  KeyNode node;                  /* its bytes: table, partition key, sort key */
  struct Entry *prev, *next;     /* in the list of its state */
  struct Entry *older, *younger; /* all entries, as they came */
  struct Partition *partition;
  struct Request *request;  /* it is in flight with */
  Payload *payload, *newer; /* owned; `newer` waits until `payload` is back */
  Asker *askers;            /* owned; besides the first */
  uint64_t index;           /* of the first who asked */
  uint64_t wanted;          /* how many operations it stands for: 1, or all who asked */
  double due;               /* when its delay is over */
  size_t from, len;         /* where the reply has it */
  uint32_t table;
  unsigned attempts;                /* that left it over */
  uint8_t state, mark, is_leftover; /* a leftover holds up its partition */
  char key[];
} Entry;

typedef struct EntryList {
  Entry *first, *last;
  size_t count;
} EntryList;

/* The items that share a partition key, as far as they are held. */
typedef struct Partition {
  KeyNode node;
  size_t entries, leftovers;
  EntryList queue;             /* behind the leftovers */
  const struct Request *reply; /* that returned this many bytes of it */
  size_t returned;
  char key[];
} Partition;

typedef struct Charge {
  uint32_t table;
  double units, consumed; /* consumed is negative until it is reported */
} Charge;

typedef struct Request {
  struct Request *next;
  uint64_t id;
  size_t count, charges;
  Entry *entries[BATCH_MOST];
  Charge charge[BATCH_MOST];
} Request;

/* Part of a refused request, to be sent alone. An entry that is gone meanwhile is NULL. */
typedef struct Group {
  struct Group *next;
  size_t count;
  Entry *entries[];
} Group;

typedef struct Failure {
  struct Failure *next;
  uint32_t table;
  uint64_t index;
  Payload *payload;           /* owned */
  const char *code, *message; /* behind it */
} Failure;

typedef struct BatchTable {
  char *text;    /* owned: name, members and names of the key, then code and message when it is lost */
  Buffer quoted; /* its name in JSON, with the colon */
  const char *name, *members;
  size_t name_len, members_len;
  KeySchema keys;
  Bucket bucket;
  double unit, consumed;
  uint64_t done;
  EntryList ready;
  char *lost_code, *lost_message; /* owned; NULL as long as it is there */
} BatchTable;

struct Batch {
  BatchOptions options;
  BatchTable *tables;
  size_t table_count, turn; /* the table that is served first */
  KeyMap entries, partitions;
  Entry *oldest, *youngest;
  Entry **heap; /* of the delayed; has room for all entries */
  size_t heap_len, heap_room;
  Request *requests, *spare;
  size_t in_flight;
  Group *groups, *last_group;
  Failure *failures, *last_failure;
  size_t kept_failures;
  uint64_t next_id, refusals;
  BatchCounts counts;
  double trouble;               /* since when nothing has gone well; negative when all is well */
  double now;                   /* the latest that was told */
  double held_from, held_until; /* only our own buckets had something wait */
  BatchStop stop;
  Item item; /* that was read last */
  Buffer key, scratch, body, problem;
  BatchResult *results;
  size_t result_count, result_room;
};

/* What an entry costs besides its bytes, roughly. */
#define ENTRY_BYTES (sizeof(Entry) + sizeof(Partition) + sizeof(Payload) + 64)

void list_append (EntryList *list, Entry *entry);
void list_prepend (EntryList *list, Entry *entry);
void list_remove (EntryList *list, Entry *entry);

/* The delayed entries, the one due first on top. Room is made before an entry is. */
int delayed_reserve (Batch *b, size_t count);
void delayed_push (Batch *b, Entry *entry);
Entry *delayed_pop (Batch *b);
void delayed_drop_table (Batch *b, uint32_t table);

/* A new entry for the key in b->key, in no list yet; its partition is named by the key's beginning. NULL: no memory. */
Entry *entry_new (Batch *b, uint32_t table, size_t partition_len, uint64_t hash);

/* Frees what an entry owns. */
void entry_free (Entry *entry);

/* Into its table's list: at its end, or first. */
void entry_ready (Batch *b, Entry *entry, int at_once);

/* The entry is not a leftover any more; what queued behind the last one of its partition may go. */
void entry_clear (Batch *b, Entry *entry);

/* Takes the payload away, which is done or handed on; the newer one takes its place, else the entry goes. */
void entry_next (Batch *b, Entry *entry);

/* The newer operation of one that came back undone takes its place, if there is one. */
void entry_renew (Batch *b, Entry *entry);

/* Goes back to wait for its own time; `draw` is its share of the longest delay. */
void entry_delay (Batch *b, Entry *entry, double draw, double retry_after);
void entry_finish (Batch *b, Entry *entry);
void entry_fail (Batch *b, Entry *entry, const char *code, const char *message);

void payload_free (Batch *b, Payload *payload);
void payload_supersede (Batch *b, Payload **place, Payload *payload);

/* Keeps a failure to be told; owns the payload. When memory is out or enough are kept, it was counted only. */
void payload_fail (Batch *b, uint32_t table, uint64_t index, Payload *payload, const char *code, const char *message);

/* A request that is over, to be used again. */
void request_free (Batch *b, Request *request);

/* The canonical key of the item that was read last goes to b->key; gives the length of what names the partition. */
size_t batch_build_key (Batch *b, uint32_t table);

/*
** Reads a reply: marks the entries of `request`, sets what was consumed. 0 when it is no reply to it; then no mark is
** set.
*/
int batch_read_reply (Batch *b, Request *request, const char *reply, size_t len);

#pragma GCC visibility pop
#endif
