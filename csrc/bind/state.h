/*
** What the functions of dynamodb.core share in one Lua state: marker metatables, working memory, the digest. It is
** their first upvalue (a userdata), the metatables are in a table that is their second.
*/
#ifndef DYNAMODB_STATE_H
#define DYNAMODB_STATE_H

#include "../compat.h"
#include "../engine/buffer.h"
#include "../engine/digest.h"

#pragma GCC visibility push(hidden)

typedef enum Metatable {
  MT_LIST = 1, /* marks a list, so that it is one when it is empty */
  MT_SET,
  MT_RAW,      /* an AttributeValue as it is on the wire */
  MT_OPERATOR, /* of an expression; never data */
  MT_PATH,     /* of an expression; never data */
  MT_NUMBER,   /* a boxed number */
  MT_BINARY,
  MT_OPTIONS,
  MT_SHAPE,
  MT_SIGNER,
  MT_BUFFER,
  MT_TRANSACTION,
  MT_RETRY,
  MT_RETRY_CALL,
  MT_BATCH,
  MT_BUCKET,
  MT_DEFLATER,
  MT_INFLATER,
  MT_MD5,
  MT_HTTP,  /* a reader of responses */
  MT_ARRAY, /* cjson's marks, where it has them */
  MT_EMPTY_ARRAY,
  MT_LAST
} Metatable;

typedef struct State {
  const void *metatables[MT_LAST]; /* to compare with; lua_topointer */
  const void *empty_array;         /* cjson's light userdata, or NULL */
  Digest digest;
  Buffer work[2]; /* lent out one after the other, see state_borrow */
  int lent[2];
  int closed; /* finalizers of older objects may still call, but nothing is kept any more */
} State;

#define WORK_OUT 0
#define WORK_SCRATCH 1

static inline State *state_get (lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* Pushes a metatable of ours. */
static inline void state_metatable (lua_State *L, Metatable which) {
  lua_rawgeti(L, lua_upvalueindex(2), which);
}

/* Which of our metatables has the value at `index`? 0 for none of them. */
Metatable state_kind (lua_State *L, const State *state, int index);

/* A userdata of ours, or an argument error. */
void *state_check (lua_State *L, int arg, Metatable which, const char *name);

/* Sets a metatable of ours on the value on top. */
void state_mark (lua_State *L, Metatable which);

/*
** Working memory that outlives errors: the state's own, unless a finalizer runs inside another call that holds it; then
** a userdata's, which is pushed (nil otherwise, so that the stack always grows by one). Give it back with state_return.
*/
Buffer *state_borrow (lua_State *L, int which);
void state_return (lua_State *L, int which, const Buffer *b);

/* Registers `functions` into the table on top, with the running function's upvalues (the state and the metatables). */
void state_register (lua_State *L, const luaL_Reg *functions);

/* Creates both; leaves state and metatables on the stack. */
void state_open (lua_State *L);

#pragma GCC visibility pop
#endif
