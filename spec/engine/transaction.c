#include "engine/transaction.h"

#include "../support/check.h"

static const KeySchema pk = {{"pk"}, {2}, {0}, 1}, pk_sk = {{"pk", "sk"}, {2, 2}, {0}, 2},
                       sk_pk = {{"sk", "pk"}, {2, 2}, {0}, 2};

static size_t add (Transaction *t, TransactionOp op, const char *json, const KeySchema *keys) {
  return transaction_add(t, op, json, strlen(json), keys);
}

static int says (const Transaction *t, const char *part) {
  for (size_t i = 0; i + strlen(part) <= t->problem.len; i++)
    if (memcmp(t->problem.data + i, part, strlen(part)) == 0) return 1;
  return 0;
}

static int is_text (const Buffer *b, const char *text) {
  return b && b->len == strlen(text) && memcmp(b->data, text, b->len) == 0;
}

static void writes_a_body_once (void) {
  Transaction t;
  transaction_init(&t, 0, 1);
  memcpy(t.token, "tok\"en", 6);
  t.token_len = 6;
  CHECK(!transaction_body(&t, 0) && says(&t, "empty"));
  CHECK(add(&t, TRANSACTION_PUT, "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}}", &pk) == 1);
  CHECK(add(&t, TRANSACTION_CHECK,
            " { \"Key\" : {\"pk\":{\"S\":\"b\"}} , \"TableName\":\"t\", \"More\":[1,{\"x\":null}] } ", &pk) == 2);
  const char *whole =
    "{\"TransactItems\":[{\"Put\":{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}}},{\"ConditionCheck\":"
    " { \"Key\" : {\"pk\":{\"S\":\"b\"}} , \"TableName\":\"t\", \"More\":[1,{\"x\":null}] } }],"
    "\"ClientRequestToken\":\"tok\\\"en\"}";
  CHECK(is_text(transaction_body(&t, 5), whole));
  CHECK(is_text(transaction_body(&t, 605), whole));
  CHECK(!transaction_body(&t, 605.5) && says(&t, "10 minutes"));
  CHECK(!add(&t, TRANSACTION_DELETE, "{\"TableName\":\"t\",\"Key\":{\"pk\":{\"S\":\"c\"}}}", &pk) &&
        says(&t, "has been sent"));
  CHECK(is_text(transaction_body(&t, 6), whole));
  const TransactionPart *part = transaction_part(&t, 2);
  CHECK(part && memcmp(t.body.data + part->object.from, "{\"pk\":{\"S\":\"b\"}}", part->object.len) == 0);
  CHECK(!transaction_part(&t, 0) && !transaction_part(&t, 3));
  transaction_free(&t);
}

static void knows_an_item_again (void) {
  Transaction t;
  transaction_init(&t, 0, 1);
  CHECK(add(&t, TRANSACTION_DELETE, "{\"TableName\":\"t\",\"Key\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}}",
            &pk_sk) == 1);
  size_t body = t.body.len, texts = t.texts.len;
  CHECK(!add(&t, TRANSACTION_PUT,
             "{\"Item\":{\"sk\":{\"N\":\"1.0E0\"},\"n\":{\"M\":{}},\"pk\":{\"S\":\"\\u0061\"}},"
             "\"TableName\":\"arn:aws:dynamodb:r:1:table/t\"}",
             &sk_pk));
  CHECK(says(&t, "operations 1 (delete) and 2 (put)"));
  CHECK(t.body.len == body && t.texts.len == texts && t.count == 1);
  CHECK(add(&t, TRANSACTION_PUT, "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"S\":\"1\"}}}",
            &pk_sk) == 2);
  CHECK(add(&t, TRANSACTION_PUT, "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"},\"sk\":{\"N\":\"1\"}}}", NULL) ==
        3);
  transaction_free(&t);
}

static void refuses_what_is_no_operation (void) {
  static const char *const wrong[] = {
    "",
    "[]",
    "{",
    "{}",
    "{\"TableName\":\"t\"}",
    "{\"TableName\":7,\"Item\":{\"pk\":{\"S\":\"a\"}}}",
    "{\"Item\":{\"pk\":{\"S\":\"a\"}}}",
    "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}",
    "{\"TableName\":\"t\",\"Item\":[]}",
    "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}}x",
    "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"BOOL\":true}}}",
    "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"N\":\"x\"}}}",
    "{\"TableName\":\"t\",\"Item\":{\"a\":{\"S\":\"a\"}}}",
    "{\"TableName\" \"t\"}",
    "{\"TableName\":\"t\",}",
    "{\"TableName\":\"\",\"Item\":{\"pk\":{\"S\":\"a\"}}}",
  };
  Transaction t;
  transaction_init(&t, 0, 1);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    t.problem.len = 0;
    CHECK(!add(&t, TRANSACTION_PUT, wrong[i], &pk) && t.problem.len);
  }
  CHECK(!add(&t, TRANSACTION_DELETE, "{\"TableName\":\"t\",\"Key\":{\"pk\":{\"S\":\"a\"},\"x\":{\"S\":\"a\"}}}", &pk));
  CHECK(!add(&t, TRANSACTION_GET, "{\"TableName\":\"t\",\"Key\":{\"pk\":{\"S\":\"a\"}}}", &pk) &&
        says(&t, "takes no get"));
  CHECK(t.count == 0 && t.size == 0);
  CHECK(add(&t, TRANSACTION_PUT, "{\"TableName\":\"t\",\"Item\":{\"pk\":{\"S\":\"a\"}}}", &pk) == 1 && t.size == 3);
  transaction_free(&t);
}

int main (void) {
  writes_a_body_once();
  knows_an_item_again();
  refuses_what_is_no_operation();
  return check_done();
}
