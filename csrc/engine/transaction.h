/*
** A transaction as the bytes that it will be sent as: operations come as JSON, are checked against DynamoDB's limits
** and against each other, and do not change any more. No I/O; time is given.
*/
#ifndef DYNAMODB_TRANSACTION_H
#define DYNAMODB_TRANSACTION_H

#include "item.h"

#pragma GCC visibility push(hidden)

#define TRANSACTION_PROBLEM 400         /* bytes of a problem at most */
#define TRANSACTION_TOKEN 36            /* bytes of a token at most */
#define TRANSACTION_TOKEN_SECONDS 600.0 /* the service knows it that long */

typedef enum TransactionOp {
  TRANSACTION_PUT,
  TRANSACTION_UPDATE,
  TRANSACTION_DELETE,
  TRANSACTION_CHECK,
  TRANSACTION_GET
} TransactionOp;

typedef struct Span {
  size_t from, len;
} Span;

/* An operation that was taken. Spans are of the transaction's body or of its texts. */
typedef struct TransactionPart {
  TransactionOp op;
  Span object;              /* of the body: its Item or its Key */
  Span table;               /* of the texts: name or ARN */
  Span target;              /* of the texts: equal for the same item of the same table; empty when it is not known */
  Span key_name[KEY_PARTS]; /* of the texts: what of the object is the key */
} TransactionPart;

typedef struct Transaction {
  int is_get, limits; /* limits: refuse what is surely over a quota */
  Buffer body, texts, parts;
  size_t count;
  size_t size; /* of items and keys, as DynamoDB counts it */
  char token[TRANSACTION_TOKEN];
  size_t token_len;
  char capacity[16]; /* ReturnConsumedCapacity, or "" */
  int sealed;        /* the body has been given away: it stays as it is */
  double sealed_at;
  Buffer problem; /* why the latest call refused */
  Item item;      /* working memory */
  Buffer scratch;
} Transaction;

void transaction_init (Transaction *t, int is_get, int limits);
void transaction_free (Transaction *t);

/* "put" …; and as DynamoDB calls it, "Put". */
const char *transaction_op_name (TransactionOp op);

/*
** Takes an operation: the JSON of TransactWriteItems' Put, Update, Delete, ConditionCheck or TransactGetItems' Get.
** `keys` names the attributes of the table's key; NULL for a put when they are not known: then it is not compared with
** others. Gives its number, from 1; or 0 with a problem, and nothing has changed.
*/
size_t transaction_add (Transaction *t, TransactionOp op, const char *json, size_t len, const KeySchema *keys);

const TransactionPart *transaction_part (const Transaction *t, size_t number);

/*
** The request's body, the same bytes at each call; nothing can be added from the first one on. `now` in seconds. NULL
** with a problem when there is nothing in it, or when the service may have forgotten the token.
*/
const Buffer *transaction_body (Transaction *t, double now);

#pragma GCC visibility pop
#endif
