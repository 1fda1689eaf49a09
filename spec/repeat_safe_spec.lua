-- What may be sent again, and what a failure says of a write.
local fake_client = require "spec.support.fake_client"

local client = fake_client.new

describe("a failed attempt", function()
  local function outcome(operation, params, answer, options, call_options)
    local db, runtime = client({ answer }, options)
    local value, err = db:call(operation, params, call_options)
    assert.is_nil(value)
    return err, runtime.requests[1]
  end

  local GET = { TableName = "t", Key = { pk = "a" } }
  local UPDATE = { TableName = "t", Key = { pk = "a" }, UpdateExpression = "ADD n :1" }
  local PUT = { TableName = "t", Item = { pk = "a" } }

  it("passes the transport's failure on, with the operation", function()
    local err = outcome("GetItem", GET, { code = "Timeout", message = "no answer", sent = true })
    assert.same({ "Timeout", "GetItem", 1, true, false, true },
      { err.code, err.operation, err.attempts, err.sent, err.ambiguous, err.retryable })
  end)

  it("is ambiguous for a write that was sent and not answered", function()
    for _, answer in ipairs {
      { code = "Timeout", sent = true }, { code = "ConnectionError", sent = true }, { body = "{" },
      { status = 500, body = '{"__type":"a#InternalServerError"}' }, { status = 503, body = "" },
    } do
      assert.is_true(outcome("UpdateItem", UPDATE, answer).ambiguous)
      assert.is_false(outcome("GetItem", GET, answer).ambiguous)
    end
    assert.is_false(outcome("UpdateItem", UPDATE, { code = "ConnectionError", sent = false }).ambiguous)
    assert.is_false(outcome("UpdateItem", UPDATE, { status = 400, body = "{}" }).ambiguous)
  end)

  it("may be sent again by the transport only if that is safe", function()
    local function resent(operation, params, options, call_options)
      local _, request = outcome(operation, params, { status = 400, body = "{}" }, options, call_options)
      return request.repeat_safe
    end
    local conditional = { TableName = "t", Item = { pk = "a" }, ConditionExpression = "attribute_not_exists(pk)" }
    local returning = { TableName = "t", Key = { pk = "a" }, ReturnValues = "ALL_OLD" }
    assert.is_true(resent("GetItem", GET))
    assert.is_true(resent("Query", { TableName = "t" }))
    assert.is_true(resent("PutItem", PUT))
    assert.is_true(resent("DeleteItem", GET))
    assert.is_true(resent("BatchWriteItem", { RequestItems = { t = { { PutRequest = { Item = { pk = "a" } } } } } }))
    assert.is_true(resent("TransactWriteItems", { TransactItems = { { Put = PUT } } }))
    assert.is_true(resent("DescribeTable", { TableName = "t" }))
    assert.is_true(resent("DeleteTable", { TableName = "t" }))
    assert.is_false(resent("CreateBackup", { TableName = "t", BackupName = "b" }))
    assert.is_true(resent("ExecuteStatement", { Statement = " select * from t" }))
    assert.is_false(resent("ExecuteStatement", { Statement = "UPDATE t SET a = a + 1" }))
    assert.is_false(resent("ExecuteStatement", { Statement = "selection" }))
    assert.is_true(resent("ExecuteStatement", { Statement = "-- all\n(SELECT * FROM t)" }))
    assert.is_false(resent("ExecuteStatement", { Statement = "-- SELECT\nDELETE FROM t" }))
    assert.is_true(resent("BatchExecuteStatement", { Statements = { { Statement = "SELECT * FROM t" } } }))
    assert.is_false(resent("BatchExecuteStatement",
      { Statements = { { Statement = "SELECT * FROM t" }, { Statement = "DELETE FROM t" } } }))
    assert.is_false(resent("UpdateItem", UPDATE))
    assert.is_false(resent("PutItem", conditional))
    assert.is_false(resent("DeleteItem", returning))
    assert.is_false(resent("ForgetEverything", { TableName = "t" }))
    assert.is_true(resent("DescribeEverything", { TableName = "t" }))
    assert.is_true(resent("UpdateItem", UPDATE, { retry_ambiguous = true }))
    assert.is_true(resent("UpdateItem", UPDATE, nil, { retry_ambiguous = true }))
    assert.is_false(resent("UpdateItem", UPDATE, { retry_ambiguous = true }, { retry_ambiguous = false }))
  end)
end)
