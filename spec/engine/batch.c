#include "engine/batch.h"

#include <math.h>
#include <string.h>

#include "../support/check.h"
#include "engine/keymap.h"

static double half (void *source) {
  (void)source;
  return 0.5;
}

static Batch *new_batch (BatchKind kind) {
  BatchOptions options;
  batch_defaults(&options, kind);
  options.random = half;
  Batch *b = batch_new(&options);
  BatchTableOptions table = {.name = "t", .name_len = 1, .members = ""};
  table.keys.parts = 1;
  table.keys.name[0] = "id";
  table.keys.len[0] = 2;
  batch_table(b, &table, 0);
  return b;
}

static BatchAdded add (Batch *b, BatchOp op, const char *text) {
  return batch_add(b, 0, op, text, strlen(text), 1, 0);
}

static int is_sum_right (const Batch *b) {
  BatchCounts c;
  batch_counts(b, &c);
  return c.input == c.done + c.failed + c.superseded + c.unprocessed;
}

static void buckets_owe_and_settle (void) {
  Bucket b;
  bucket_init(&b, 10, 100);
  CHECK(bucket_wait(&b, 100) == 0 && bucket_lends(&b));
  bucket_charge(&b, 15);
  CHECK(fabs(bucket_wait(&b, 100) - 0.5) < 1e-9 && bucket_lends(&b));
  bucket_charge(&b, 5);
  CHECK(!bucket_lends(&b));
  bucket_settle(&b, 20, 12);
  CHECK(fabs(bucket_wait(&b, 100) - 0.2) < 1e-9);
  CHECK(bucket_wait(&b, 100.2) == 0);
  CHECK(bucket_wait(&b, 90) == 0); /* a clock that goes back takes nothing away */
  bucket_wait(&b, 1000);
  CHECK(b.tokens == 10);
  bucket_init(&b, 0, 0);
  bucket_charge(&b, 1e9);
  CHECK(bucket_wait(&b, 0) == 0 && bucket_lends(&b));
  bucket_init(&b, 10, 0);
  bucket_charge(&b, 15);
  bucket_settle(&b, 15, NAN);
  bucket_settle(&b, 15, -1e125);
  CHECK(b.tokens == -5);
}

static void keymaps_find_what_is_left (void) {
  enum { COUNT = 1000 };
  static KeyNode nodes[COUNT];
  static char names[COUNT][16];
  KeyMap m;
  int ok = 1;
  keymap_init(&m, 42);
  for (int i = 0; i < COUNT; i++) {
    snprintf(names[i], sizeof names[i], "k%d", i);
    nodes[i] =
      (KeyNode){keymap_hash(&m, names[i], strlen(names[i])) & 0xF, strlen(names[i]), names[i]}; /* they collide */
    ok = ok && keymap_reserve(&m);
    keymap_insert(&m, &nodes[i]);
  }
  for (int i = 0; i < COUNT; i += 3)
    keymap_remove(&m, &nodes[i]);
  for (int i = 0; i < COUNT; i++)
    ok = ok && keymap_find(&m, names[i], strlen(names[i]), nodes[i].hash) == (i % 3 ? &nodes[i] : NULL);
  CHECK(ok && m.count == COUNT - (COUNT + 2) / 3);
  keymap_free(&m);
}

static size_t size_of (const char *text) {
  static const KeySchema none;
  Buffer scratch;
  Item item;
  buffer_init(&scratch);
  item_init(&item);
  Scanner s = {text, text + strlen(text), text, NULL, &scratch};
  size_t size = item_read(&s, &none, &item, 1) ? item.size : 0;
  item_free(&item);
  buffer_free(&scratch);
  return size;
}

static void sizes_are_those_of_the_guide (void) {
  CHECK(size_of("{}") == 0);
  CHECK(size_of("{\"name\":{\"S\":\"Ada\"}}") == 7);
  CHECK(size_of("{\"n\":{\"N\":\"1200\"}}") == 1 + 2); /* two significant digits */
  CHECK(size_of("{\"n\":{\"N\":\"-0.0123\"}}") == 1 + 4);
  CHECK(size_of("{\"b\":{\"B\":\"AP8=\"}}") == 1 + 2);
  CHECK(size_of("{\"x\":{\"BOOL\":true},\"y\":{\"NULL\":true}}") == 4);
  CHECK(size_of("{\"l\":{\"L\":[{\"S\":\"ab\"},{\"S\":\"c\"}]}}") == 1 + 3 + 2 + 3);
  CHECK(size_of("{\"m\":{\"M\":{\"k\":{\"S\":\"v\"}}}}") == 1 + 3 + 1 + 1 + 1);
  CHECK(size_of("{\"s\":{\"SS\":[\"a\",\"bc\"]}}") == 1 + 3);
}

static void one_key_has_one_entry (void) {
  Batch *b = new_batch(BATCH_WRITE);
  const Buffer *body;
  BatchCounts c;
  uint64_t id;
  double wait;
  CHECK(add(b, BATCH_PUT, "{\"id\":{\"N\":\"1\"},\"x\":{\"S\":\"old\"}}") == BATCH_ADDED);
  CHECK(add(b, BATCH_PUT, "{\"x\":{\"S\":\"new\"},\"id\":{\"N\":\"1.0\"}}") == BATCH_ADDED);
  CHECK(add(b, BATCH_DELETE, "{\"id\":{\"S\":\"1\"}}") == BATCH_ADDED);
  CHECK(add(b, BATCH_PUT, "{\"x\":{\"S\":\"1\"}}") == BATCH_INVALID && strstr(batch_problem(b), "id"));
  CHECK(batch_next(b, 0, &id, &body, &wait) == BATCH_SEND && batch_operations(b, id) == 2);
  CHECK(batch_next(b, 0, &id, &body, &wait) == BATCH_WAIT && isinf(wait));
  static const char reply[] = "{\"UnprocessedItems\":{\"t\":[{\"DeleteRequest\":{\"Key\":{\"id\":{\"S\":\"1\"}}}}]}}";
  CHECK(batch_answered(b, id, reply, sizeof reply - 1, 0));
  CHECK(batch_next(b, 0, &id, &body, &wait) == BATCH_WAIT && fabs(wait - 0.025) < 1e-9);
  batch_counts(b, &c);
  CHECK(c.input == 4 && c.done == 1 && c.failed == 1 && c.superseded == 1 && c.unprocessed == 1);
  CHECK(batch_next(b, 1, &id, &body, &wait) == BATCH_SEND);
  CHECK(batch_answered(b, 4711, reply, sizeof reply - 1, 1)); /* nobody's */
  CHECK(batch_answered(b, id, "{}", 2, 1));
  CHECK(batch_next(b, 1, &id, &body, &wait) == BATCH_OVER && is_sum_right(b));
  batch_counts(b, &c);
  CHECK(c.bytes == 0);
  batch_free(b);
}

static void a_batch_is_freed_in_any_state (void) {
  Batch *b = new_batch(BATCH_WRITE);
  const Buffer *body;
  char text[64];
  uint64_t id;
  double wait;
  for (int i = 0; i < 100; i++) {
    snprintf(text, sizeof text, "{\"id\":{\"N\":\"%d\"}}", i);
    add(b, BATCH_PUT, text);
  }
  batch_next(b, 0, &id, &body, &wait); /* in flight, and a newer one behind */
  add(b, BATCH_DELETE, "{\"id\":{\"N\":\"0\"}}");
  batch_next(b, 0, &id, &body, &wait);
  batch_failed(b, id, BATCH_THROTTLED, "", "", -1, 0);
  batch_next(b, 0, &id, &body, &wait);
  batch_failed(b, id, BATCH_REFUSED, "ValidationException", "", -1, 0); /* in groups */
  CHECK(is_sum_right(b));
  batch_free(b);
}

static long add_table (Batch *b, const char *name, const char *key) {
  BatchTableOptions table = {.name = name, .name_len = strlen(name), .members = ""};
  table.keys.parts = 1;
  table.keys.name[0] = key;
  table.keys.len[0] = strlen(key);
  return batch_table(b, &table, 0);
}

static void one_name_is_one_table (void) {
  Batch *b = new_batch(BATCH_WRITE);
  CHECK(add_table(b, "u", "id") == 1);
  CHECK(add_table(b, "t", "id") == 0);
  CHECK(add_table(b, "u", "id") == 1);
  CHECK(add_table(b, "t", "other") == -2);
  batch_free(b);
}

int main (void) {
  buckets_owe_and_settle();
  keymaps_find_what_is_left();
  sizes_are_those_of_the_guide();
  one_key_has_one_entry();
  one_name_is_one_table();
  a_batch_is_freed_in_any_state();
  return check_done();
}
