/*
** Many puts, deletes or gets as few requests, until each is done: a state machine that owns bytes, does no I/O and is
** given time and chance. It is the only retry loop of its requests.
**
**   input == done + failed + superseded + unprocessed, at any moment.
**
** At most one operation on a key is in flight. A newer put or delete replaces one that waits; behind one in flight it
** waits. What a reply leaves over goes back, each after a delay of its own, and new operations on its partition queue
** behind it.
*/
#ifndef DYNAMODB_BATCH_H
#define DYNAMODB_BATCH_H

#include "bucket.h"
#include "item.h"

#pragma GCC visibility push(hidden)

#define BATCH_MOST 100 /* operations that a request may have, whatever the options say */

typedef enum BatchKind { BATCH_WRITE, BATCH_GET } BatchKind;
typedef enum BatchOp { BATCH_PUT, BATCH_DELETE, BATCH_ASK } BatchOp;
typedef enum BatchAdded { BATCH_ADDED, BATCH_FULL, BATCH_INVALID, BATCH_OUT_OF_MEMORY } BatchAdded;
typedef enum BatchNext { BATCH_SEND, BATCH_WAIT, BATCH_OVER, BATCH_NO_MEMORY } BatchNext;

/* What became of a request that brought no answer to read. */
typedef enum BatchFailure {
  BATCH_THROTTLED, /* nothing was done */
  BATCH_TRANSIENT, /* nobody knows what was done; puts, deletes and gets can be repeated */
  BATCH_TOO_LARGE, /* the answer did: fewer at once */
  BATCH_REFUSED,   /* something in it will never be taken: looked for by halves */
  BATCH_NO_TABLE,  /* or no right to it: looked for by tables */
  BATCH_FATAL      /* no request will do better */
} BatchFailure;

/* Why it gave up; what was left then is unprocessed. */
typedef enum BatchStop {
  BATCH_RUNNING,
  BATCH_STOPPED,  /* it was told to */
  BATCH_DEADLINE, /* time is up */
  BATCH_STALLED,  /* no progress for too long */
  BATCH_FAILING,  /* too many refusals */
  BATCH_BROKEN    /* BATCH_FATAL was reported */
} BatchStop;

typedef struct BatchOptions {
  BatchKind kind;
  size_t max_operations, max_bytes; /* of a request */
  size_t budget;                    /* bytes held */
  size_t max_failed;                /* refusals until it gives up; failures that are kept to be told */
  double base, cap;                 /* delays, in seconds */
  double stall;                     /* seconds without progress */
  double deadline;                  /* on the clock of `now`; INFINITY for none */
  int limits;                       /* refuse what is surely over a quota */
  int capacity;                     /* ask what was consumed */
  uint64_t seed;                    /* of the hash tables */
  double (*random)(void *source);   /* 0 to 1 */
  void *source;
} BatchOptions;

typedef struct BatchTableOptions {
  const char *name, *members; /* members: JSON that a table's part of a get request has besides its keys, or "" */
  size_t name_len, members_len;
  KeySchema keys;
  double rate;    /* capacity units a second; 0 for as many as there are */
  double owed;    /* of them, units that others have taken already */
  int consistent; /* gets cost one unit instead of half of one */
} BatchTableOptions;

typedef struct BatchCounts {
  uint64_t input, done, failed, superseded, unprocessed, requests, sent;
  size_t bytes; /* held */
} BatchCounts;

/*
** What a get's reply says to one who asked: the span of the item in the reply, or no length when there is no such
** item.
*/
typedef struct BatchResult {
  uint64_t index;
  size_t table, from, len;
} BatchResult;

/* An operation that failed or is left over. Good until the batch is changed. */
typedef struct BatchItem {
  size_t table;
  BatchOp op;
  const char *bytes, *code, *message;
  size_t len;
  uint64_t index; /* of a get: the first who asked */
} BatchItem;

typedef struct Batch Batch;

/* NULL when memory is out. The defaults are DynamoDB's own limits. */
void batch_defaults (BatchOptions *options, BatchKind kind);
Batch *batch_new (const BatchOptions *options);
void batch_free (Batch *b);

/*
** Makes a table known; gives its number (from 0), or -1 when memory is out. A table that is known by this name keeps
** its number and its options, -2 when its keys or members are said to be others now: a request names a table once.
*/
long batch_table (Batch *b, const BatchTableOptions *options, double now);

/*
** Takes an operation, above the budget only with `force`; the bytes are copied. What is BATCH_INVALID counts as
** failed, see batch_problem.
*/
BatchAdded batch_add (Batch *b, size_t table, BatchOp op, const char *bytes, size_t len, uint64_t index, int force);

/* Counts an operation that could not even be written as bytes. */
void batch_add_failed (Batch *b);

/* What is wrong with the operation that was BATCH_INVALID. */
const char *batch_problem (const Batch *b);

/* Would more input make the next request fuller? */
int batch_wants (const Batch *b);

/*
** The next request to send: its body is good until the next call. Or seconds to wait, INFINITY for until one is back.
*/
BatchNext batch_next (Batch *b, double now, uint64_t *id, const Buffer **body, double *wait);

/* How many operations are in flight with this request; 0 for an unknown one. */
size_t batch_operations (const Batch *b, uint64_t id);

/* The answer's body. Results are those of a get, good until the next call; 0 when memory is out. */
int batch_answered (Batch *b, uint64_t id, const char *reply, size_t len, double now);
const BatchResult *batch_results (const Batch *b, size_t *count);

/* No answer that can be read. `retry_after` in seconds, negative when it was not told. */
void batch_failed (Batch *b, uint64_t id, BatchFailure failure, const char *code, const char *message,
                   double retry_after, double now);

void batch_stop (Batch *b, BatchStop why);
BatchStop batch_stopped (const Batch *b);

/* Is the table missing or closed to us? */
int batch_table_lost (const Batch *b, size_t table);

/* Capacity units reported for a table. */
double batch_consumed (const Batch *b, size_t table);
void batch_counts (const Batch *b, BatchCounts *counts);

/* Walks over the failures that were kept, or over what is left, in the order of input: begin with a cursor of NULL. */
int batch_next_failed (const Batch *b, const void **cursor, BatchItem *item);
int batch_next_left (const Batch *b, const void **cursor, BatchItem *item);

#pragma GCC visibility pop
#endif
