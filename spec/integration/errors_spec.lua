-- How a real engine's failures arrive.
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"

local e = dynamodb.expr

describe("a failure", function()
  local db, name, items

  setup(function()
    db = engine.connect()
    name = engine.create_table(db, { "pk:S" })
    items = db:table(name, { partition = "pk" })
  end)

  teardown(function()
    engine.drop_table(db, name)
    db:close()
  end)

  it("of a missing table has the service's code, status and operation", function()
    local item, err = db:table(engine.prefix .. "never-made"):get { pk = "a" }
    assert.is_nil(item)
    assert.is_true(err:is "ResourceNotFound")
    assert.same({ 400, "GetItem", 1, false, false },
      { err.status, err.operation, err.attempts, err.ambiguous, err.retryable })
    assert.matches("^ResourceNotFoundException: .*%(GetItem of .*never%-made, HTTP 400", tostring(err))
  end)

  it("of a condition brings the item as it is", function()
    if engine.name == "dynalite" then return pending "dynalite does not return the item" end
    assert(items:put { pk = "c", version = 3, tags = dynamodb.set { "a" } })
    for _, write in ipairs {
      function() return items:put({ pk = "c" }, { where = { version = 4 } }) end,
      function() return items:create { pk = "c" } end,
      function() return items:update({ pk = "c" }, { set = { version = 5 } }, { where = { version = 4 } }) end,
      function() return items:delete({ pk = "c" }, { where = { version = e.gt(3) } }) end,
    } do
      local ok, err = write()
      assert.is_nil(ok)
      assert.is_true(err:is "ConditionalCheckFailed")
      assert.same({ "c", 3 }, { err.item.pk, err.item.version })
      assert.is_true(err.item.tags == dynamodb.set { "a" })
    end
  end)

  it("of a transaction brings its reasons in order", function()
    if engine.name == "dynalite" then return pending "dynalite has no transactions" end
    assert(items:put { pk = "t1", balance = 5 })
    local ok, err = db:call("TransactWriteItems", { TransactItems = {
      { Put = { TableName = name, Item = { pk = "t2" } } },
      { Update = { TableName = name, Key = { pk = "t1" }, UpdateExpression = "SET balance = balance - :n",
        ConditionExpression = "balance >= :n", ExpressionAttributeValues = { [":n"] = 10 },
        ReturnValuesOnConditionCheckFailure = "ALL_OLD" } },
    } })
    assert.is_nil(ok)
    assert.is_true(err:is "TransactionCanceled")
    assert.equal(2, #err.reasons)
    assert.equal("None", err.reasons[1].code)
    assert.equal("ConditionalCheckFailed", err.reasons[2].code)
    assert.same({ pk = "t1", balance = 5 }, err.reasons[2].item)
  end)

  it("of an invalid request is the service's to tell", function()
    local ok, err = items:update({ pk = "a" }, "SET SET", {})
    assert.is_nil(ok)
    assert.is_true(err:is "Validation")
    assert.equal(400, err.status)
  end)

  it("of an operation that no one knows is returned, not raised", function()
    local ok, err = db:call("InventSomething", { TableName = name })
    assert.is_nil(ok)
    assert.is_true(err.status >= 400)
  end)

  it("of a connection that is refused was never sent", function()
    local nowhere = engine.connect { endpoint = "http://127.0.0.1:1", timeout = 5 }
    local ok, err = nowhere:table("t"):update({ pk = "a" }, { add = { n = 1 } })
    assert.is_nil(ok)
    assert.same({ "ConnectionError", false, false, true }, { err.code, err.sent, err.ambiguous, err.retryable })
    nowhere:close()
  end)

  it("reads well through assert", function()
    local ok, message = pcall(function() return assert(db:table(engine.prefix .. "never-made"):get { pk = "a" }) end)
    assert.is_false(ok)
    assert.matches("ResourceNotFoundException", tostring(message), 1, true)
  end)
end)

describe("every operation", function()
  local db

  setup(function() db = engine.connect() end)
  teardown(function() db:close() end)

  it("of the model can be called by its name", function()
    local name = engine.create_table(db, { "pk:S" })
    finally(function() engine.drop_table(db, name) end)
    assert.equal(name, assert(db:call("DescribeTable", { TableName = name })).Table.TableName)
    assert(db:call("BatchWriteItem", { RequestItems = { [name] = {
      { PutRequest = { Item = { pk = "1", n = 1 } } }, { PutRequest = { Item = { pk = "2", n = 2 } } },
    } } }))
    local keys = { { pk = "1" }, { pk = "2" } }
    local found = assert(db:call("BatchGetItem", { RequestItems = { [name] = { Keys = keys } } }))
    assert.equal(2, #found.Responses[name])
    local page = assert(db:call("Query", { TableName = name, KeyConditionExpression = "pk = :pk",
      ExpressionAttributeValues = { [":pk"] = "2" } }))
    assert.same({ { pk = "2", n = 2 } }, page.Items)
    assert.equal(2, assert(db:call("Scan", { TableName = name })).Count)
    local tables = assert(db:call("ListTables", { Limit = 100 })).TableNames
    assert.equal("table", type(tables))
  end)
end)
