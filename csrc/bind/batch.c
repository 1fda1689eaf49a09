#include "batch.h"

#include <math.h>

#include "../engine/batch.h"
#include "../engine/random.h"
#include "decode.h"
#include "encode.h"

/* A batch holds what it was told as the bytes that it will send, and the options to make items of them again. */
typedef struct BatchBox {
  Batch *batch; /* owned; NULL before it is opened */
  Options options;
  size_t tables;
  int draws; /* numbers that the caller's own random source gave for the next outcome */
  int given;
  int busy; /* it is being read: what a finalizer does then must not change it */
  double draw[BATCH_MOST + 1];
} BatchBox;

/* {== Chance == */

static double system_random (void *source) {
  uint32_t number = 0;
  (void)source;
  random_bytes(&number, sizeof number);
  return number / 4294967296.0;
}

/* The numbers were drawn before the engine was entered: it must not be left by an error. */
static double given_random (void *source) {
  BatchBox *box = source;
  return box->given < box->draws ? box->draw[box->given++] : 1;
}

/* ==} */

/* {== Fields of options == */

/* The number in field `name` of the table at `arg`, or `otherwise`. */
static double opt_number (lua_State *L, int arg, const char *name, double otherwise, double least) {
  lua_getfield(L, arg, name);
  double value = otherwise;
  if (!lua_isnil(L, -1)) {
    value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
    if (!(value >= least)) luaL_error(L, "%s must be a number, at least %f", name, least);
  }
  lua_pop(L, 1);
  return value;
}

static size_t opt_size (lua_State *L, int arg, const char *name, size_t otherwise) {
  double value = opt_number(L, arg, name, (double)otherwise, 1);
  return value < 1e15 ? (size_t)value : (size_t)1e15;
}

static int opt_flag (lua_State *L, int arg, const char *name, int otherwise) {
  lua_getfield(L, arg, name);
  int value = lua_isnil(L, -1) ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

/* The string in field `name`, which stays on the stack; "" when there is none and none is needed. */
static const char *get_text (lua_State *L, int arg, const char *name, int needed, size_t *len) {
  lua_getfield(L, arg, name);
  if (lua_isnil(L, -1) && !needed) return *len = 0, "";
  if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "%s must be a string", name);
  return lua_tolstring(L, -1, len);
}

/* ==} */

static BatchBox *check_batch (lua_State *L) {
  return state_check(L, 1, MT_BATCH, "dynamodb.batch");
}

static Batch *open_batch (lua_State *L) {
  BatchBox *box = check_batch(L);
  if (!box->batch) luaL_error(L, "the batch is closed");
  if (box->busy) luaL_error(L, "the batch is being read");
  return box->batch;
}

static BatchKind check_kind (lua_State *L, int arg) {
  size_t len;
  const char *kind = get_text(L, arg, "kind", 1, &len);
  if (strcmp(kind, "write") != 0 && strcmp(kind, "get") != 0) luaL_error(L, "kind must be \"write\" or \"get\"");
  return kind[0] == 'w' ? BATCH_WRITE : BATCH_GET;
}

/* core.batch{ kind = "write" | "get", … } -> batch */
static int batch_create (lua_State *L) {
  BatchOptions o;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  batch_defaults(&o, check_kind(L, 1));
  o.max_operations = opt_size(L, 1, "max_operations", o.max_operations);
  o.max_bytes = opt_size(L, 1, "max_bytes", o.max_bytes);
  o.budget = opt_size(L, 1, "budget", o.budget);
  o.max_failed = opt_size(L, 1, "max_failed", o.max_failed);
  o.base = opt_number(L, 1, "base", o.base, 0);
  o.cap = opt_number(L, 1, "cap", o.cap, 0);
  o.stall = opt_number(L, 1, "stall", o.stall, 0);
  o.deadline = opt_number(L, 1, "deadline", o.deadline, -HUGE_VAL);
  o.limits = opt_flag(L, 1, "limits", 1);
  o.capacity = opt_flag(L, 1, "capacity", 1);
  random_bytes(&o.seed, sizeof o.seed);
  BatchBox *box = lua_newuserdata(L, sizeof *box);
  memset(box, 0, sizeof *box);
  state_mark(L, MT_BATCH);
  int at = lua_gettop(L);
  lua_getfield(L, 1, "options");
  options_check(L, lua_gettop(L), &box->options);
  lua_createtable(L, 1, 0);
  lua_getfield(L, 1, "random");
  int own_random = lua_isfunction(L, -1);
  lua_rawseti(L, -2, 1);
  compat_setowned(L, at);
  o.random = own_random ? given_random : system_random;
  o.source = box;
  box->given = own_random ? 0 : -1;
  box->batch = batch_new(&o);
  if (!box->batch) return luaL_error(L, "out of memory");
  lua_settop(L, at);
  return 1;
}

static void read_key_part (lua_State *L, int arg, const char *field, int which, KeySchema *keys) {
  keys->name[which] = get_text(L, arg, field, which == 0, &keys->len[which]);
  if (which && !keys->len[which]) return;
  keys->parts = which + 1;
  lua_getfield(L, arg, "types");
  if (!lua_istable(L, -1)) return;
  lua_pushlstring(L, keys->name[which], keys->len[which]);
  lua_rawget(L, -2);
  if (lua_type(L, -1) == LUA_TSTRING) keys->type[which] = lua_tostring(L, -1)[0];
}

/* batch:table{ name=, partition=, sort=, types=, members=, rate=, owed=, consistent=, now= } -> its name's number */
static int batch_add_table (lua_State *L) {
  BatchBox *box = check_batch(L);
  Batch *b = open_batch(L);
  BatchTableOptions o;
  memset(&o, 0, sizeof o);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checkstack(L, 16, NULL);
  o.name = get_text(L, 2, "name", 1, &o.name_len);
  o.members = get_text(L, 2, "members", 0, &o.members_len);
  read_key_part(L, 2, "partition", 0, &o.keys);
  read_key_part(L, 2, "sort", 1, &o.keys);
  o.rate = opt_number(L, 2, "rate", 0, 0);
  o.owed = opt_number(L, 2, "owed", 0, 0);
  o.consistent = opt_flag(L, 2, "consistent", 0);
  long number = batch_table(b, &o, opt_number(L, 2, "now", 0, -HUGE_VAL));
  if (number == -2) return luaL_error(L, "table %s is in the batch already, with another key", o.name);
  if (number < 0) return luaL_error(L, "out of memory, or the table's name is not UTF-8");
  if ((size_t)number == box->tables) box->tables++;
  lua_pushinteger(L, (lua_Integer)number + 1);
  return 1;
}

static size_t check_table (lua_State *L, const BatchBox *box, int arg) {
  lua_Integer number = luaL_checkinteger(L, arg);
  luaL_argcheck(L, number >= 1 && (size_t)number <= box->tables, arg, "no such table");
  return (size_t)number - 1;
}

static BatchOp check_op (lua_State *L, int arg) {
  static const char *const names[] = {"put", "delete", "get", NULL};
  return (BatchOp)luaL_checkoption(L, arg, NULL, names);
}

/* batch:add(table, op, item_or_key, index, force) -> true | false when it is full | nil, message */
static int batch_add_item (lua_State *L) {
  BatchBox *box = check_batch(L);
  Batch *b = open_batch(L);
  size_t table = check_table(L, box, 2);
  BatchOp op = check_op(L, 3);
  lua_Number index = luaL_optnumber(L, 5, 0);
  luaL_checktype(L, 4, LUA_TTABLE);
  Buffer *bytes = encode_item(L, 4, op == BATCH_PUT ? "Item" : "Key", &box->options);
  if (!bytes) {
    batch_add_failed(b);
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  BatchAdded added = batch_add(b, table, op, bytes->data, bytes->len, (uint64_t)index, lua_toboolean(L, 6));
  state_return(L, WORK_OUT, bytes);
  if (added == BATCH_OUT_OF_MEMORY) return luaL_error(L, "out of memory");
  if (added == BATCH_INVALID) return lua_pushnil(L), lua_pushstring(L, batch_problem(b)), 2;
  return lua_pushboolean(L, added == BATCH_ADDED), 1;
}

/* batch:refuse(): counts an operation that failed before it could be added */
static int batch_refuse (lua_State *L) {
  batch_add_failed(open_batch(L));
  return 0;
}

/* batch:wants() -> boolean: would the next request be fuller with more? */
static int batch_wants_more (lua_State *L) {
  lua_pushboolean(L, batch_wants(open_batch(L)));
  return 1;
}

/* batch:next(now) -> id, body | nil, seconds | nil */
static int batch_next_request (lua_State *L) {
  Batch *b = open_batch(L);
  uint64_t id;
  const Buffer *body;
  double wait;
  switch (batch_next(b, luaL_checknumber(L, 2), &id, &body, &wait)) {
    case BATCH_SEND:
      compat_pushinteger(L, (int64_t)id);
      lua_pushlstring(L, body->data, body->len);
      return 2;
    case BATCH_WAIT:
      lua_pushnil(L);
      lua_pushnumber(L, wait);
      return 2;
    case BATCH_OVER: return lua_pushnil(L), 1;
    case BATCH_NO_MEMORY: break;
  }
  return luaL_error(L, "out of memory");
}

/* {== Outcomes == */

/* Draws as many numbers as this outcome can need, if the caller has a random source. */
static void draw_numbers (lua_State *L, BatchBox *box, size_t count) {
  if (box->given < 0) return;
  compat_getowned(L, 1);
  lua_rawgeti(L, -1, 1);
  for (size_t i = 0; i <= count; i++) {
    lua_pushvalue(L, -1);
    lua_call(L, 0, 1);
    box->draw[i] = fmin(fmax(lua_tonumber(L, -1), 0), 1);
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
  box->draws = (int)count + 1;
  box->given = 0;
}

/* The results of a get as a table: item, or false, by the number of who asked. The reply lies at `reply`. */
static int push_results (lua_State *L, BatchBox *box, const char *reply) {
  size_t count;
  const BatchResult *results = batch_results(box->batch, &count);
  int table = lua_gettop(L) + 1;
  box->busy = 1;
  lua_createtable(L, 0, (int)count);
  for (size_t i = 0; i < count; i++) {
    BatchResult result = results[i];
    if (!result.len)
      lua_pushboolean(L, 0);
    else if (!decode_item(L, reply + result.from, result.len, &box->options))
      lua_settop(L, table), lua_pushboolean(L, 0); /* it was read before: this does not happen */
    lua_pushnumber(L, (lua_Number)result.index);
    lua_insert(L, -2);
    lua_rawset(L, table);
  }
  box->busy = 0;
  return 1;
}

static int answered (lua_State *L, BatchBox *box, uint64_t id, double now) {
  size_t len;
  const char *reply = lua_tolstring(L, -1, &len);
  if (!batch_answered(box->batch, id, reply, len, now)) return luaL_error(L, "out of memory");
  return push_results(L, box, reply);
}

static BatchFailure check_class (lua_State *L, const char *class) {
  static const char *const names[] = {"throttling", "transient", "too_large", "refused", "no_table", "fatal"};
  for (int i = 0; i < 6; i++)
    if (strcmp(class, names[i]) == 0) return (BatchFailure)i;
  return (BatchFailure)luaL_error(L, "unknown class of outcome \"%s\"", class);
}

/*
** batch:done(id, { body = } | { class =, code =, message =, retry_after = }, now) -> results of a get
*/
static int batch_outcome (lua_State *L) {
  BatchBox *box = check_batch(L);
  Batch *b = open_batch(L);
  uint64_t id = (uint64_t)luaL_checknumber(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  double now = luaL_checknumber(L, 4);
  lua_settop(L, 4);
  draw_numbers(L, box, batch_operations(b, id));
  b = open_batch(L); /* whatever the random source did */
  lua_getfield(L, 3, "body");
  if (lua_type(L, -1) == LUA_TSTRING) return answered(L, box, id, now);
  size_t len;
  const char *class = get_text(L, 3, "class", 1, &len), *code = get_text(L, 3, "code", 0, &len);
  const char *message = get_text(L, 3, "message", 0, &len);
  double retry_after = opt_number(L, 3, "retry_after", -1, 0);
  batch_failed(b, id, check_class(L, class), code, message, retry_after, now);
  lua_newtable(L);
  return 1;
}

/* ==} */

/* {== Reports == */

static const char *const stops[] = {NULL, "stopped", "deadline", "stalled", "failures", "error"};

/* batch:stop(): what is not in flight stays unprocessed */
static int batch_halt (lua_State *L) {
  batch_stop(open_batch(L), BATCH_STOPPED);
  return 0;
}

/* batch:stopped() -> why it gave up, or nil */
static int batch_why (lua_State *L) {
  lua_pushstring(L, stops[batch_stopped(open_batch(L))]);
  return 1;
}

/* batch:lost(table) -> is the table missing, or closed to us? */
static int batch_lost (lua_State *L) {
  BatchBox *box = check_batch(L);
  lua_pushboolean(L, batch_table_lost(open_batch(L), check_table(L, box, 2)));
  return 1;
}

static void set_count (lua_State *L, const char *name, double value) {
  if (value <= 9007199254740991.0)
    compat_pushinteger(L, (int64_t)value);
  else
    lua_pushnumber(L, value);
  lua_setfield(L, -2, name);
}

static void push_item (lua_State *L, const BatchBox *box, const BatchItem *item) {
  static const char *const ops[] = {"put", "delete", "get"};
  int base = lua_gettop(L);
  lua_createtable(L, 0, 6);
  compat_pushinteger(L, (int64_t)item->table + 1);
  lua_setfield(L, -2, "table");
  lua_pushstring(L, ops[item->op]);
  lua_setfield(L, -2, "op");
  if (item->index) set_count(L, "index", (double)item->index);
  if (item->code) lua_pushstring(L, item->code), lua_setfield(L, -2, "code");
  if (item->message) lua_pushstring(L, item->message), lua_setfield(L, -2, "message");
  lua_pushlstring(L, item->bytes, item->len); /* whatever runs meanwhile cannot free it */
  size_t len;
  const char *bytes = lua_tolstring(L, -1, &len);
  if (decode_item(L, bytes, len, &box->options)) {
    lua_setfield(L, base + 1, item->op == BATCH_PUT ? "item" : "key");
    lua_settop(L, base + 1);
  } else {
    lua_settop(L, base + 1);
  }
}

/* Pushes a list of what `step` walks over. */
static void push_items (lua_State *L, BatchBox *box,
                        int (*step)(const Batch *b, const void **cursor, BatchItem *item)) {
  const void *cursor = NULL;
  BatchItem item;
  box->busy = 1;
  lua_newtable(L);
  for (int i = 1; step(box->batch, &cursor, &item); i++) {
    push_item(L, box, &item);
    lua_rawseti(L, -2, i);
  }
  box->busy = 0;
}

/* batch:report() -> { input =, done =, failed =, superseded =, unprocessed =, requests =, bytes =, capacity = } */
static int batch_report (lua_State *L) {
  BatchBox *box = check_batch(L);
  BatchCounts counts;
  batch_counts(open_batch(L), &counts);
  lua_createtable(L, 0, 12);
  set_count(L, "input", (double)counts.input);
  set_count(L, "done", (double)counts.done);
  set_count(L, "failed", (double)counts.failed);
  set_count(L, "superseded", (double)counts.superseded);
  set_count(L, "unprocessed", (double)counts.unprocessed);
  set_count(L, "requests", (double)counts.requests);
  set_count(L, "sent", (double)counts.sent);
  set_count(L, "bytes", (double)counts.bytes);
  lua_createtable(L, (int)box->tables, 0);
  for (size_t i = 0; i < box->tables; i++) {
    lua_pushnumber(L, batch_consumed(box->batch, i));
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, "capacity");
  return 1;
}

/* batch:failures() -> list of { table =, op =, item = or key =, code =, message =, index = }, at most max_failed */
static int batch_failures (lua_State *L) {
  open_batch(L);
  push_items(L, check_batch(L), batch_next_failed);
  return 1;
}

/* batch:leftovers() -> list of what is not done: { table =, op =, item = or key =, index = } */
static int batch_leftovers (lua_State *L) {
  open_batch(L);
  push_items(L, check_batch(L), batch_next_left);
  return 1;
}

/* ==} */

/* batch:close(): frees what it holds; closing twice is allowed */
static int batch_close (lua_State *L) {
  BatchBox *box = check_batch(L);
  if (box->busy) return luaL_error(L, "the batch is being read");
  batch_free(box->batch);
  box->batch = NULL;
  return 0;
}

static int batch_collect (lua_State *L) {
  BatchBox *box = check_batch(L);
  box->busy = 0; /* an error of memory left it */
  return batch_close(L);
}

void batch_register (lua_State *L) {
  static const luaL_Reg methods[] = {
    {"add", batch_add_item},        {"close", batch_close}, {"done", batch_outcome},      {"failures", batch_failures},
    {"leftovers", batch_leftovers}, {"lost", batch_lost},   {"next", batch_next_request}, {"refuse", batch_refuse},
    {"report", batch_report},       {"stop", batch_halt},   {"stopped", batch_why},       {"table", batch_add_table},
    {"wants", batch_wants_more},    {NULL, NULL},
  };
  static const luaL_Reg metamethods[] = {{"__gc", batch_collect}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"batch", batch_create}, {NULL, NULL}};
  state_metatable(L, MT_BATCH);
  state_register(L, metamethods);
  lua_newtable(L);
  state_register(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  state_register(L, functions);
}
