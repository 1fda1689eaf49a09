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
  double trouble; /* since when nothing has gone well; negative when all is well */
  double now;     /* the latest that was told */
  BatchStop stop;
  Item item; /* that was read last */
  Buffer key, scratch, body, problem;
  BatchResult *results;
  size_t result_count, result_room;
};

/* The canonical key of the item that was read last goes to b->key; gives the length of what names the partition. */
size_t batch_build_key (Batch *b, uint32_t table);

/*
** Reads a reply: marks the entries of `request`, sets what was consumed. 0 when it is no reply to it; then no mark is set.
*/
int batch_read_reply (Batch *b, Request *request, const char *reply, size_t len);

#pragma GCC visibility pop
#endif
