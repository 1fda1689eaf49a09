#include "transaction.h"

#include "../engine/random.h"
#include "../engine/transaction.h"
#include "decode.h"
#include "encode.h"

/* Every member of the operations of both kinds. One that is not here is sent as plain JSON. */
static const char shape_text[] =
  "(TableName,Item i,Key i,ConditionExpression,UpdateExpression,ProjectionExpression,ExpressionAttributeNames {},"
  "ExpressionAttributeValues i,ReturnValuesOnConditionCheckFailure)";

/*
** A transaction holds what it was told as the bytes that it will send, and the options to make keys of them again.
** Whatever allocates in Lua may run a finalizer, which may use this very transaction: while values are made of its
** bytes it is `reading`, and they stay where they are.
*/
typedef struct TransactionBox {
  Transaction transaction;
  Options options;
  int strict, open, reading;
  ShapeText *shape; /* behind it, in the same userdata */
} TransactionBox;

static TransactionBox *check_transaction (lua_State *L) {
  return state_check(L, 1, MT_TRANSACTION, "transaction");
}

static TransactionBox *open_transaction (lua_State *L) {
  TransactionBox *box = check_transaction(L);
  if (!box->open) luaL_error(L, "the transaction is closed");
  return box;
}

/* {== Options == */

/* The string in field `name`, which stays on the stack; NULL when there is none. */
static const char *text_field (lua_State *L, int arg, const char *name, size_t *len) {
  lua_getfield(L, arg, name);
  if (lua_isnil(L, -1)) return NULL;
  if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "%s must be a string, not a %s", name, luaL_typename(L, -1));
  return lua_tolstring(L, -1, len);
}

static int flag_field (lua_State *L, int arg, const char *name, int otherwise) {
  lua_getfield(L, arg, name);
  int value = lua_isnil(L, -1) ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

static int check_kind (lua_State *L) {
  size_t len;
  const char *kind = text_field(L, 1, "kind", &len);
  int is_get = kind && strcmp(kind, "get") == 0;
  if (!kind || (!is_get && strcmp(kind, "write") != 0)) luaL_error(L, "kind must be \"write\" or \"get\"");
  return is_get;
}

static void set_token (lua_State *L, Transaction *t) {
  size_t len = 0;
  const char *token = text_field(L, 1, "token", &len);
  if (t->is_get && token) luaL_error(L, "a transaction that reads has no token");
  if (t->is_get) return;
  if (!token) {
    if (!random_uuid(t->token)) luaL_error(L, "the system gives no random bytes");
    t->token_len = UUID_TEXT;
    return;
  }
  if (len < 1 || len > TRANSACTION_TOKEN) luaL_error(L, "token must have 1 to %d characters", TRANSACTION_TOKEN);
  for (size_t i = 0; i < len; i++)
    if (token[i] <= 0x20 || token[i] == 0x7F) luaL_error(L, "token must be printable ASCII without blanks");
  memcpy(t->token, token, len);
  t->token_len = len;
}

static void set_capacity (lua_State *L, Transaction *t) {
  size_t len = 0;
  const char *capacity = text_field(L, 1, "capacity", &len);
  if (!capacity) return;
  if (strcmp(capacity, "TOTAL") != 0 && strcmp(capacity, "INDEXES") != 0 && strcmp(capacity, "NONE") != 0)
    luaL_error(L, "capacity must be \"TOTAL\", \"INDEXES\" or \"NONE\"");
  memcpy(t->capacity, capacity, len + 1);
}

/* core.transaction{ kind = "write" | "get", token=, capacity=, limits=, options=, strict= } -> transaction */
static int transaction_create (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  size_t nodes = shape_room(shape_text, sizeof shape_text - 1) * sizeof(Shape);
  TransactionBox *box = lua_newuserdata(L, sizeof *box + sizeof *box->shape + nodes);
  memset(box, 0, sizeof *box);
  state_mark(L, MT_TRANSACTION);
  transaction_init(&box->transaction, check_kind(L), flag_field(L, 1, "limits", 1));
  box->open = 1;
  set_token(L, &box->transaction);
  set_capacity(L, &box->transaction);
  box->strict = flag_field(L, 1, "strict", 1);
  lua_getfield(L, 1, "options");
  options_check(L, lua_gettop(L), &box->options);
  box->shape = (ShapeText *)(box + 1);
  box->shape->text = shape_text;
  const char *error = shape_compile(shape_text, sizeof shape_text - 1, box->shape->nodes);
  if (error) return luaL_error(L, "bad shape: %s", error);
  lua_settop(L, 2);
  return 1;
}

/* ==} */

/* {== Adding == */

static TransactionOp check_op (lua_State *L, int arg) {
  const char *name = luaL_checkstring(L, arg);
  for (int op = TRANSACTION_PUT; op <= TRANSACTION_GET; op++)
    if (strcmp(name, transaction_op_name((TransactionOp)op)) == 0) return (TransactionOp)op;
  luaL_argerror(L, arg, "\"put\", \"update\", \"delete\", \"check\" or \"get\" expected");
  return TRANSACTION_PUT;
}

/* The string on top, which has to stay on the stack, as the key's next attribute. */
static void add_name (lua_State *L, KeySchema *keys) {
  size_t len;
  keys->name[keys->parts] = lua_tolstring(L, -1, &len);
  keys->len[keys->parts++] = len;
}

/* The names of a put's key: { partition =, sort = } at `arg`. */
static void read_schema (lua_State *L, int arg, KeySchema *keys) {
  static const char *const fields[KEY_PARTS] = {"partition", "sort"};
  luaL_checktype(L, arg, LUA_TTABLE);
  for (int i = 0; i < KEY_PARTS; i++) {
    lua_getfield(L, arg, fields[i]);
    if (lua_type(L, -1) == LUA_TSTRING)
      add_name(L, keys);
    else if (i == 0 || !lua_isnil(L, -1))
      luaL_error(L, "%s must be an attribute's name", fields[i]);
  }
}

/* The names in the table Key of the parameters at `arg`; 0 when it cannot be a key. */
static int read_key (lua_State *L, int arg, KeySchema *keys) {
  lua_getfield(L, arg, "Key");
  int table = lua_gettop(L);
  if (!lua_istable(L, table)) return 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING || keys->parts == KEY_PARTS) return 0;
    add_name(L, keys);
    lua_pushvalue(L, -1); /* for lua_next, which takes it away */
  }
  return keys->parts > 0;
}

static int push_refusal (lua_State *L, const Transaction *t) {
  char message[TRANSACTION_PROBLEM];
  size_t len = t->problem.len < sizeof message ? t->problem.len : sizeof message;
  memcpy(message, t->problem.data, len);
  lua_pushnil(L);
  lua_pushlstring(L, message, len);
  return 2;
}

/* transaction:add(operation, params, keys) -> its number | nil, message */
static int transaction_add_ (lua_State *L) {
  TransactionBox *box = open_transaction(L);
  TransactionOp op = check_op(L, 2);
  KeySchema schema;
  const KeySchema *keys = &schema;
  memset(&schema, 0, sizeof schema);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 4);
  luaL_checkstack(L, 12, NULL);
  if (op == TRANSACTION_PUT && lua_isnil(L, 4)) {
    keys = NULL;
  } else if (op == TRANSACTION_PUT) {
    read_schema(L, 4, &schema);
  } else if (!read_key(L, 3, &schema)) {
    lua_pushnil(L);
    lua_pushliteral(L, "Key must be a table of the key's one or two attributes");
    return 2;
  }
  Buffer *json = encode_params(L, 3, box->shape, box->strict, &box->options);
  if (!json) return lua_pushnil(L), lua_insert(L, -2), 2;
  int usable = box->open && !box->reading;
  size_t number = usable ? transaction_add(&box->transaction, op, json->data, json->len, keys) : 0;
  state_return(L, WORK_OUT, json);
  if (!usable) return luaL_error(L, "the transaction is in use, or closed");
  if (!number) return push_refusal(L, &box->transaction);
  lua_pushinteger(L, (lua_Integer)number);
  return 1;
}

/* ==} */

/* {== Sending == */

/* transaction:body(now) -> the request's body | nil, message */
static int transaction_body_ (lua_State *L) {
  TransactionBox *box = open_transaction(L);
  Transaction *t = &box->transaction;
  const Buffer *body = transaction_body(t, t->is_get ? luaL_optnumber(L, 2, 0) : luaL_checknumber(L, 2));
  if (!body) return push_refusal(L, t);
  box->reading++;
  lua_pushlstring(L, body->data, body->len);
  box->reading--;
  return 1;
}

/* transaction:token() -> the idempotency token | nil */
static int transaction_token (lua_State *L) {
  const Transaction *t = &open_transaction(L)->transaction;
  if (!t->token_len) return 0;
  lua_pushlstring(L, t->token, t->token_len);
  return 1;
}

/* transaction:count() -> operations, bytes of their items and keys as DynamoDB counts them */
static int transaction_count (lua_State *L) {
  const Transaction *t = &open_transaction(L)->transaction;
  lua_pushinteger(L, (lua_Integer)t->count);
  lua_pushinteger(L, (lua_Integer)t->size);
  return 2;
}

/* ==} */

/* {== Telling what was what == */

static void push_text (lua_State *L, const Transaction *t, Span span) {
  lua_pushlstring(L, t->texts.data + span.from, span.len);
}

/* Pushes the operation's key as a table, or nil. */
static void push_key (lua_State *L, const TransactionBox *box, const TransactionPart *part) {
  const Transaction *t = &box->transaction;
  if (!decode_item(L, t->body.data + part->object.from, part->object.len, &box->options)) {
    lua_pop(L, 1); /* the message; nil stays */
    return;
  }
  if (part->op != TRANSACTION_PUT) return;
  if (!part->target.len) {
    lua_pop(L, 1);
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, 0, KEY_PARTS);
  for (int i = 0; i < KEY_PARTS && part->key_name[i].len; i++) {
    push_text(L, t, part->key_name[i]);
    lua_pushvalue(L, -1);
    lua_rawget(L, -4);
    lua_rawset(L, -3);
  }
  lua_remove(L, -2);
}

/* Sets operation, table and key in the table on top. */
static void describe (lua_State *L, const TransactionBox *box, const TransactionPart *part) {
  lua_pushstring(L, transaction_op_name(part->op));
  lua_setfield(L, -2, "operation");
  push_text(L, &box->transaction, part->table);
  lua_setfield(L, -2, "table");
  push_key(L, box, part);
  lua_setfield(L, -2, "key");
}

/* transaction:operation(number) -> { operation=, table=, key= } | nil */
static int transaction_operation (lua_State *L) {
  TransactionBox *box = open_transaction(L);
  lua_Integer number = luaL_checkinteger(L, 2);
  const TransactionPart *part = number > 0 ? transaction_part(&box->transaction, (size_t)number) : NULL;
  if (!part) return 0;
  luaL_checkstack(L, 8, NULL);
  box->reading++;
  lua_createtable(L, 0, 3);
  describe(L, box, part);
  box->reading--;
  return 1;
}

/* Copies the field `from` of the reason at `reason`, if it has the type, into `to` of the table on top. */
static void copy_field (lua_State *L, int reason, const char *from, int type, const char *to) {
  if (lua_istable(L, reason)) {
    lua_getfield(L, reason, from);
    if (lua_type(L, -1) == type) {
      lua_setfield(L, -2, to);
      return;
    }
    lua_pop(L, 1);
  }
}

/* transaction:reasons(answer) -> { { code=, message=, item=, operation=, table=, key= }, … } | nil */
static int transaction_reasons (lua_State *L) {
  TransactionBox *box = open_transaction(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checkstack(L, 12, NULL);
  lua_getfield(L, 2, "CancellationReasons");
  if (!lua_istable(L, 3)) return 0;
  size_t count = box->transaction.count;
  box->reading++;
  lua_createtable(L, (int)count, 0);
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, 3, (int)i);
    lua_createtable(L, 0, 6);
    lua_pushliteral(L, "None");
    lua_setfield(L, -2, "code");
    copy_field(L, 5, "Code", LUA_TSTRING, "code");
    copy_field(L, 5, "Message", LUA_TSTRING, "message");
    copy_field(L, 5, "Item", LUA_TTABLE, "item");
    describe(L, box, transaction_part(&box->transaction, i));
    lua_rawseti(L, 4, (int)i);
    lua_settop(L, 4);
  }
  box->reading--;
  return 1;
}

/* ==} */

/* Twice is no harm. */
static int transaction_close (lua_State *L) {
  TransactionBox *box = check_transaction(L);
  if (!box->reading) transaction_free(&box->transaction);
  box->open = 0;
  return 0;
}

/* A call that was left by an error may have left it `reading`; nothing reads it any more. */
static int transaction_gc (lua_State *L) {
  TransactionBox *box = check_transaction(L);
  transaction_free(&box->transaction);
  box->open = 0;
  return 0;
}

void transaction_register (lua_State *L) {
  static const luaL_Reg functions[] = {{"transaction", transaction_create}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
    {"add", transaction_add_},
    {"body", transaction_body_},
    {"close", transaction_close},
    {"count", transaction_count},
    {"operation", transaction_operation},
    {"reasons", transaction_reasons},
    {"token", transaction_token},
    {NULL, NULL},
  };
  static const luaL_Reg metamethods[] = {{"__gc", transaction_gc}, {NULL, NULL}};
  state_register(L, functions);
  state_metatable(L, MT_TRANSACTION);
  state_register(L, metamethods);
  lua_newtable(L);
  state_register(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
