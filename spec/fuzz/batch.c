/*
** The batch engine fed with replies of any bytes: the sum always adds up, and it comes to an end.
*/
#include <stdio.h>
#include <stdlib.h>

#include "engine/batch.h"

#define CHECK(condition) \
  do \
    if (!(condition)) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort(); \
  while (0)

static double half (void *source) {
  (void)source;
  return 0.5;
}

static void check_sum (const Batch *b) {
  BatchCounts c;
  batch_counts(b, &c);
  CHECK(c.input == c.done + c.failed + c.superseded + c.unprocessed);
}

static void add_keys (Batch *b, BatchKind kind) {
  static const char *const keys[] = {"{\"id\":{\"S\":\"a\"}}", "{\"id\":{\"S\":\"b\"}}", "{\"id\":{\"N\":\"1\"}}",
                                     "{\"id\":{\"B\":\"AA==\"}}"};
  for (size_t i = 0; i < 4; i++)
    batch_add(b, 0,
              kind == BATCH_GET ? BATCH_ASK
              : i % 2           ? BATCH_DELETE
                                : BATCH_PUT,
              keys[i], strlen(keys[i]), i + 1, 0);
}

/* The bytes are the item, then the reply to every request. */
static void run (BatchKind kind, const char *data, size_t size) {
  BatchOptions options;
  batch_defaults(&options, kind);
  options.random = half;
  options.stall = 5;
  Batch *b = batch_new(&options);
  BatchTableOptions table = {.name = "t", .name_len = 1, .members = ""};
  table.keys.parts = 1;
  table.keys.name[0] = "id";
  table.keys.len[0] = 2;
  batch_table(b, &table, 0);
  add_keys(b, kind);
  batch_add(b, 0, kind == BATCH_GET ? BATCH_ASK : BATCH_PUT, data, size, 9, 0);
  const Buffer *body;
  uint64_t id;
  double now = 0, wait;
  for (int turns = 0;; turns++) {
    CHECK(turns < 10000);
    BatchNext next = batch_next(b, now, &id, &body, &wait);
    if (next == BATCH_OVER) break;
    if (next == BATCH_WAIT) {
      now += wait;
      continue;
    }
    size_t count;
    batch_answered(b, id, data, size, now);
    const BatchResult *results = batch_results(b, &count);
    for (size_t i = 0; i < count; i++)
      CHECK(results[i].from + results[i].len <= size);
    check_sum(b);
  }
  batch_free(b);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  run(BATCH_WRITE, (const char *)data, size);
  run(BATCH_GET, (const char *)data, size);
  return 0;
}
