-- core.transaction, and what db:transact makes of it over a runtime of which nothing is real.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local fake = require "dynamodb.runtime.fake"
local fake_client = require "spec.support.fake_client"

local e = dynamodb.expr
local message_of = fake_client.message_of

local KEYS = { partition = "pk", sort = "sk" }

local function key(pk, sk) return { TableName = "t", Key = { pk = pk, sk = sk } } end
local function put(item, name) return { TableName = name or "t", Item = item } end
local function writing(options)
  local all = { kind = "write" }
  for name, value in pairs(options or {}) do all[name] = value end
  return core.transaction(all)
end

describe("core.transaction", function()
  it("keeps its bytes while they are read, whatever a finalizer does meanwhile", function()
    local tx = writing()
    for i = 1, 20 do tx:add("delete", key(("x"):rep(100), i)) end
    local function disturb()
      pcall(tx.add, tx, "delete", key("y", math.random(2 ^ 40)))
      pcall(tx.close, tx)
    end
    local function litter()
      local proxy = rawget(_G, "newproxy")
      if proxy then
        getmetatable(proxy(true)).__gc = disturb
      else
        setmetatable({}, { __gc = disturb })
      end
    end
    local reasons = {}
    for i = 1, 20 do reasons[i] = { Code = "TransactionConflict" } end
    for _ = 1, 200 do
      litter()
      collectgarbage "step"
      local ok, told = pcall(tx.reasons, tx, { CancellationReasons = reasons })
      if ok then assert.equal(20, told[20].key.sk) else tx = writing() end
      pcall(tx.body, tx, 0)
      for i = 1, 20 do pcall(tx.add, tx, "delete", key(("x"):rep(100), i)) end
    end
  end)

  it("writes the body of TransactWriteItems", function()
    local tx = writing { token = "token-1", capacity = "TOTAL" }
    assert.equal(1, tx:add("put", put { pk = "a", sk = 1, tags = dynamodb.set { "x" } }, KEYS))
    assert.equal(2, tx:add("update", { TableName = "t", Key = { pk = "b", sk = 2 }, UpdateExpression = "SET n = :n",
      ConditionExpression = "n < :n", ExpressionAttributeValues = { [":n"] = 3 } }))
    assert.equal(3, tx:add("delete", key("c", 3)))
    assert.equal(4, tx:add("check", { TableName = "t", Key = { pk = "d", sk = 4 },
      ConditionExpression = "attribute_exists(#0)", ExpressionAttributeNames = { ["#0"] = "pk" } }))
    assert.same({
      TransactItems = {
        { Put = { TableName = "t", Item = { pk = { S = "a" }, sk = { N = "1" }, tags = { SS = { "x" } } } } },
        { Update = { TableName = "t", Key = { pk = { S = "b" }, sk = { N = "2" } }, UpdateExpression = "SET n = :n",
          ConditionExpression = "n < :n", ExpressionAttributeValues = { [":n"] = { N = "3" } } } },
        { Delete = { TableName = "t", Key = { pk = { S = "c" }, sk = { N = "3" } } } },
        { ConditionCheck = { TableName = "t", Key = { pk = { S = "d" }, sk = { N = "4" } },
          ConditionExpression = "attribute_exists(#0)", ExpressionAttributeNames = { ["#0"] = "pk" } } },
      },
      ClientRequestToken = "token-1",
      ReturnConsumedCapacity = "TOTAL",
    }, core.json_decode(tx:body(0)))
  end)

  it("writes the body of TransactGetItems, which has no token", function()
    local tx = core.transaction { kind = "get" }
    assert(tx:add("get", { TableName = "t", Key = { pk = "a" }, ProjectionExpression = "#0",
      ExpressionAttributeNames = { ["#0"] = "n" } }))
    assert.is_nil(tx:token())
    assert.same({ TransactItems = { { Get = { TableName = "t", Key = { pk = { S = "a" } }, ProjectionExpression = "#0",
      ExpressionAttributeNames = { ["#0"] = "n" } } } } }, core.json_decode(tx:body()))
  end)

  it("makes its token once, and another one for each transaction", function()
    local one, other = writing(), writing()
    one:add("delete", key("a", 1))
    assert.matches("^%x+%-%x+%-4%x+%-%x+%-%x+$", one:token())
    assert.are_not.equal(one:token(), other:token())
    assert.truthy(one:body(0):find(one:token(), 1, true))
  end)

  it("gives the same bytes at each call and takes nothing more", function()
    local tx = writing()
    tx:add("delete", key("a", 1))
    local body = tx:body(100)
    local number, message = tx:add("delete", key("b", 1))
    assert.is_nil(number)
    assert.matches("has been sent", message)
    assert.equal(body, tx:body(100))
    assert.equal(body, tx:body(700))
  end)

  it("is not sent after ten minutes, when the service may have forgotten the token", function()
    local tx = writing()
    tx:add("delete", key("a", 1))
    assert(tx:body(100))
    local body, message = tx:body(700.1)
    assert.is_nil(body)
    assert.matches("older than 10 minutes", message)
  end)

  it("is not sent empty", function()
    local body, message = writing():body(0)
    assert.is_nil(body)
    assert.equal("the transaction is empty", message)
  end)

  it("refuses a second operation on an item, however its key is written", function()
    local tx = writing()
    assert(tx:add("update", key("a", 1)))
    assert(tx:add("put", put { pk = "a", sk = 2 }, KEYS))
    local refused = {
      { "delete", key("a", dynamodb.number "1.0") },
      { "put", put { pk = "a", sk = dynamodb.raw { N = "10E-1" }, more = true }, KEYS },
      { "check", { TableName = "arn:aws:dynamodb:eu-west-1:123456789012:table/t", Key = { sk = 1, pk = "a" } } },
    }
    for _, operation in ipairs(refused) do
      local number, message = tx:add(operation[1], operation[2], operation[3])
      assert.is_nil(number)
      assert.matches(("^operations 1 %%(update%%) and 3 %%(%s%%) are on the same item"):format(operation[1]), message)
    end
    local _, message = tx:add("delete", key("a", 2))
    assert.matches("operations 2 (put) and 3 (delete)", message, 1, true)
    assert.equal(3, tx:add("delete", key("a", 3)))
    assert.equal(4, tx:add("put", put({ pk = "a", sk = 1 }, "u"), KEYS))
    assert.equal(4, #core.json_decode(tx:body(0)).TransactItems)
  end)

  it("tells keys apart that look alike", function()
    local tx = writing()
    for _, each in ipairs {
      { pk = "a" }, { pk = "a", sk = "" }, { pk = dynamodb.binary "a" }, { pk = "1" }, { pk = 1 }, { pk = -1 },
      { sk = "a" }, { pk = "ab", sk = "c" }, { pk = "a", sk = "bc" }, { sk = "ab", pk = "c" },
    } do
      assert(tx:add("delete", { TableName = "t", Key = each }))
    end
  end)

  it("takes a put whose key is unknown, without comparing it", function()
    local tx = writing()
    assert(tx:add("put", put { pk = "a" }))
    assert(tx:add("put", put { pk = "a" }))
    assert.same({ operation = "put", table = "t" }, tx:operation(1))
  end)

  it("takes 100 operations", function()
    local tx = writing()
    for i = 1, 100 do assert.equal(i, tx:add("delete", key("a", i))) end
    local number, message = tx:add("delete", key("a", 101))
    assert.is_nil(number)
    assert.equal("a transaction takes 100 operations, and this is one more", message)
    assert.equal(100, (tx:count()))
    local more = writing { limits = false }
    for i = 1, 300 do assert(more:add("delete", key("a", i))) end
    assert.equal(300, #core.json_decode(more:body(0)).TransactItems)
  end)

  it("refuses an item over 400 KB and names its largest attribute", function()
    local tx = writing()
    local item = { pk = "a", sk = 1, small = ("x"):rep(1000), large = ("y"):rep(409600) }
    local number, message = tx:add("put", put(item), KEYS)
    assert.is_nil(number)
    assert.matches("the item has 410%d%d%d bytes and may have 409600; its largest attribute is \"large\" with 409605",
      message)
    assert.equal(0, (tx:count()))
    item.large = ("y"):rep(400000)
    assert.equal(1, tx:add("put", put(item), KEYS))
    item.large = ("y"):rep(500000)
    assert.equal(1, writing { limits = false }:add("put", put(item), KEYS))
  end)

  it("refuses more than 4 MB, and stays as it was", function()
    local tx = writing()
    local function item(i) return put({ pk = "a", sk = i, large = ("y"):rep(400000) }, "t") end
    for i = 1, 10 do assert(tx:add("put", item(i), KEYS)) end
    local number, message = tx:add("put", item(11), KEYS)
    assert.is_nil(number)
    assert.matches("4400%d%d%d bytes together, and a transaction's may have 4194304", message)
    assert.equal(11, tx:add("delete", key("b", 1)))
    local _, size = tx:count()
    assert.is_true(size > 4000000 and size < 4001000)
    local free = writing { limits = false }
    for i = 1, 11 do assert(free:add("put", item(i), KEYS)) end
  end)

  it("says what is wrong with an operation, and takes the next", function()
    local tx = writing()
    local function refused(...)
      local number, message = tx:add(...)
      assert.is_nil(number)
      return message
    end
    assert.equal("Item.a.b: a function cannot be stored", refused("put", put { pk = "a", a = { b = print } }, KEYS))
    assert.matches("^Item.sk is missing", refused("put", put { pk = "a" }, KEYS))
    assert.matches("^Item.pk is missing, or is no string", refused("put", put { pk = true, sk = 1 }, KEYS))
    assert.matches("^Key must be a table", refused("delete", { TableName = "t" }))
    assert.matches("^Key must be a table", refused("delete", { TableName = "t", Key = { a = 1, b = 2, c = 3 } }))
    assert.matches("^Key.a is missing, or is no string", refused("delete", { TableName = "t", Key = { a = true } }))
    assert.equal("Item is missing", refused("put", { TableName = "t" }))
    assert.equal("TableName is missing", refused("put", { Item = { pk = "a", sk = 1 } }, KEYS))
    assert.matches("TableName must be a string", refused("put", put({ pk = "a", sk = 1 }, 7), KEYS))
    assert.matches("ConditonExpression",
      refused("delete", { TableName = "t", Key = { pk = 1 }, ConditonExpression = "" }))
    assert.matches("takes no get", refused("get", key("a", 1)))
    assert.matches("takes gets alone", select(2, core.transaction { kind = "get" }:add("put", put {}, KEYS)))
    assert.equal(1, tx:add("put", put { pk = "a", sk = 1 }, KEYS))
  end)

  it("raises on what no program means", function()
    assert.matches('kind must be "write" or "get"', message_of(core.transaction, {}))
    assert.matches("token must have 1 to 36", message_of(writing, { token = "" }))
    assert.matches("token must have 1 to 36", message_of(writing, { token = ("x"):rep(37) }))
    assert.matches("printable ASCII", message_of(writing, { token = "a\nb" }))
    assert.matches("capacity must be", message_of(writing, { capacity = "all" }))
    assert.matches("has no token", message_of(core.transaction, { kind = "get", token = "t" }))
    local tx = writing()
    assert.matches('"put", "update"', message_of(tx.add, tx, "upsert", {}))
    assert.matches("partition must be", message_of(tx.add, tx, "put", put {}, { sort = "a" }))
    assert.matches("transaction expected", message_of(tx.add, core.shape "v", "put", {}))
    tx:close()
    tx:close()
    assert.matches("closed", message_of(tx.body, tx, 0))
  end)

  it("maps reasons to its operations", function()
    local tx = writing()
    tx:add("put", put { pk = "a", sk = 1, n = 5 }, KEYS)
    tx:add("update", { TableName = "u", Key = { id = "x" }, UpdateExpression = "SET a = :a" })
    tx:add("check", key("c", dynamodb.number "3"))
    local answer = core.decode(core.shape "(CancellationReasons [(Item i)])", [[{"CancellationReasons":[{"Code":"None"},
      {"Code":"ConditionalCheckFailed","Message":"The conditional request failed","Item":{"id":{"S":"x"}}}]}]])
    assert.same({
      { code = "None", operation = "put", table = "t", key = { pk = "a", sk = 1 } },
      { code = "ConditionalCheckFailed", message = "The conditional request failed", item = { id = "x" },
        operation = "update", table = "u", key = { id = "x" } },
      { code = "None", operation = "check", table = "t", key = { pk = "c", sk = 3 } },
    }, tx:reasons(answer))
    assert.is_nil(tx:reasons {})
    assert.same({ { code = "None", operation = "delete", table = "t", key = { pk = "a", sk = 1 } } }, (function()
      local other = writing()
      other:add("delete", key("a", 1))
      return other:reasons { CancellationReasons = { 7 } }
    end)())
    assert.is_nil(tx:operation(0))
    assert.is_nil(tx:operation(4))
  end)

  it("keeps what it was told, whatever becomes of the tables", function()
    local tx = writing()
    local item = { pk = "a", sk = 1 }
    tx:add("put", put(item), KEYS)
    item.pk = "b"
    assert.same({ pk = "a", sk = 1 }, tx:operation(1).key)
    assert.truthy(tx:body(0):find '"a"')
  end)
end)

-- ----------------------------------------------------------------------------------------------------------- Lua ----

local ITEMS = { partition = "pk" }
local OK = { body = "{}" }

local function cancelled(...)
  local reasons = {}
  for i, code in ipairs { ... } do reasons[i] = ('{"Code":"%s"}'):format(code) end
  return { status = 400, body = ('{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException",'
    .. '"message":"cancelled","CancellationReasons":[%s]}'):format(table.concat(reasons, ",")) }
end

local function connect(answers, options)
  local all = { retry = { random = function() return 1 end } }
  for name, value in pairs(options or {}) do all[name] = value end
  local db, runtime = fake_client.new(answers, all)
  return db, runtime, db:table("items", ITEMS), db:table("users", KEYS)
end

local function sent(runtime, i)
  return core.json_decode(runtime.requests[i or #runtime.requests].body)
end

describe("db:transact", function()
  it("sends the operations as the tables would, and old items are asked for", function()
    local db, runtime, items, users = connect { OK }
    local numbers = {}
    local ok, err, meta = db:transact(function(tx)
      numbers[1] = tx:put(items, { pk = "a" }, { where = { n = e.lt(1) } })
      numbers[2] = tx:update(users, { pk = "u", sk = 1 }, { add = { n = 1 } }, { where = e.exists "pk" })
      numbers[3] = tx:delete(items, { pk = "b" }, { where = "n = :n", values = { n = 1 }, with_item = false })
      numbers[4] = tx:check(items, { pk = "c" }, { n = 2 })
      numbers[5] = tx:create(items, { pk = "d" })
      numbers[6] = tx:put(items, { pk = "e" })
    end, { token = "mine", capacity = "none" })
    assert.is_true(ok)
    assert.is_nil(err)
    assert.same({ 1, 1 }, { meta.attempts, meta.runs })
    assert.same({ 1, 2, 3, 4, 5, 6 }, numbers)
    assert.equal(1, #runtime.requests)
    local old = "ALL_OLD"
    assert.same({ ClientRequestToken = "mine", TransactItems = {
      { Put = { TableName = "items", Item = { pk = { S = "a" } }, ConditionExpression = "#0 < :0",
        ExpressionAttributeNames = { ["#0"] = "n" }, ExpressionAttributeValues = { [":0"] = { N = "1" } },
        ReturnValuesOnConditionCheckFailure = old } },
      { Update = { TableName = "users", Key = { pk = { S = "u" }, sk = { N = "1" } }, UpdateExpression = "ADD #0 :0",
        ConditionExpression = "attribute_exists(#1)", ExpressionAttributeNames = { ["#0"] = "n", ["#1"] = "pk" },
        ExpressionAttributeValues = { [":0"] = { N = "1" } }, ReturnValuesOnConditionCheckFailure = old } },
      { Delete = { TableName = "items", Key = { pk = { S = "b" } }, ConditionExpression = "#0 = :n",
        ExpressionAttributeNames = { ["#0"] = "n" }, ExpressionAttributeValues = { [":n"] = { N = "1" } } } },
      { ConditionCheck = { TableName = "items", Key = { pk = { S = "c" } }, ConditionExpression = "#0 = :0",
        ExpressionAttributeNames = { ["#0"] = "n" }, ExpressionAttributeValues = { [":0"] = { N = "2" } },
        ReturnValuesOnConditionCheckFailure = old } },
      { Put = { TableName = "items", Item = { pk = { S = "d" } }, ConditionExpression = "attribute_not_exists(#0)",
        ExpressionAttributeNames = { ["#0"] = "pk" }, ReturnValuesOnConditionCheckFailure = old } },
      { Put = { TableName = "items", Item = { pk = { S = "e" } } } },
    } }, sent(runtime))
  end)

  it("sends nothing when the function raises, and passes on what it raised", function()
    local db, runtime, items = connect {}
    local problem = {}
    local ok, raised = pcall(db.transact, db, function(tx)
      tx:put(items, { pk = "a" })
      error(problem)
    end)
    assert.is_false(ok)
    assert.equal(problem, raised)
    assert.equal(0, #runtime.requests)
  end)

  it("has nothing to do when nothing was added", function()
    local db, runtime = connect {}
    local ok, err, meta = db:transact(function() end)
    assert.is_true(ok)
    assert.is_nil(err)
    assert.equal(0, meta.attempts)
    assert.equal(0, #runtime.requests)
  end)

  it("refuses what cannot be sent where it is added, before any request", function()
    local db, runtime, items = connect {}
    local other = fake_client.new({}, {}):table("items", ITEMS)
    local function refused(message, f, options)
      local ok, raised = pcall(db.transact, db, f, options)
      assert.is_false(ok)
      assert.matches(message, raised, 1, true)
      assert.matches("transaction_spec.lua:", raised, 1, true)
      assert.equal(0, #runtime.requests)
    end
    refused('operation 3 (delete): operations 1 (put) and 3 (delete) are on the same item of table "items"',
      function(tx)
        tx:put(items, { pk = "a" })
        tx:put(items, { pk = "b" })
        tx:delete(items, { pk = "a" })
      end)
    refused("operation 101 (delete): a transaction takes 100 operations", function(tx)
      for i = 1, 101 do tx:delete(items, { pk = "i" .. i }) end
    end)
    refused('its largest attribute is "blob"', function(tx)
      tx:put(items, { pk = "a", blob = dynamodb.binary(("x"):rep(420000)), text = "t" })
    end)
    refused("operation 1 (put): Item.f: a function cannot be stored", function(tx)
      tx:put(items, { pk = "a", f = print })
    end)
    refused('item lacks the attribute "pk"', function(tx) tx:put(items, { n = 1 }) end)
    refused("check needs a condition", function(tx) tx:check(items, { pk = "a" }) end)
    refused("needs a table of db:table", function(tx) tx:put("items", { pk = "a" }) end)
    refused("another client's", function(tx) tx:put(other, { pk = "a" }) end)
    refused('unknown option of put "returns"', function(tx) tx:put(items, { pk = "a" }, { returns = "ALL_OLD" }) end)
    refused("version belongs to a table that was declared with one", function(tx)
      tx:delete(items, { pk = "a" }, { version = 3 })
    end)
    refused("what db:transact runs must be a function")
    refused("token must be a token", function() end, { token = ("x"):rep(37) })
    refused("token and retry_conflicts exclude each other", function() end, { token = "t", retry_conflicts = 1 })
    refused("retry_conflicts must be a number of times", function() end, { retry_conflicts = true })
    local kept
    db:transact(function(tx) kept = tx end)
    refused("the transaction is over", function() kept:delete(items, { pk = "a" }) end)
  end)

  it("goes on when a refused operation is caught", function()
    local db, runtime, items = connect { OK }
    assert.is_true((db:transact(function(tx)
      tx:put(items, { pk = "a" })
      pcall(tx.put, tx, items, { pk = "a" })
      tx:put(items, { pk = "b" })
    end)))
    assert.equal(2, #sent(runtime).TransactItems)
  end)

  it("describes a table whose keys it needs, once", function()
    local db, runtime = connect {
      { body = '{"Table":{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[]}}' }, OK,
    }
    local things = db:table "things"
    assert.is_true((db:transact(function(tx)
      tx:put(things, { id = "a" })
      tx:put(things, { id = "b" })
    end)))
    assert.equal(2, #runtime.requests)
  end)

  it("returns the failure to describe it", function()
    local db, runtime = connect { { status = 400, body = '{"__type":"ResourceNotFoundException","message":"no"}' } }
    local things = db:table "things"
    local ok, err = db:transact(function(tx)
      tx:put(things, { id = "a" })
      tx:put(things, { id = "b" })
    end)
    assert.is_nil(ok)
    assert.same({ "ResourceNotFoundException", "DescribeTable" }, { err.code, err.operation })
    assert.equal(1, #runtime.requests)
  end)

  it("maps the reasons to the operations", function()
    local answer = cancelled("None", "None")
    answer.body = answer.body:gsub('{"Code":"None"}%]', '{"Code":"ConditionalCheckFailed","Message":"no",'
      .. '"Item":{"pk":{"S":"u"},"n":{"N":"7"}}}]')
    local db, _, items, users = connect { answer }
    local ok, err = db:transact(function(tx)
      tx:put(items, { pk = "a", n = 1 })
      tx:update(users, { pk = "u", sk = 1 }, { set = { n = 1 } }, { where = { n = 1 } })
    end)
    assert.is_nil(ok)
    assert.is_true(err:is "TransactionCanceled")
    assert.same({
      { code = "None", operation = "put", table = "items", key = { pk = "a" } },
      { code = "ConditionalCheckFailed", message = "no", item = { pk = "u", n = 7 }, operation = "update",
        table = "users", key = { pk = "u", sk = 1 } },
    }, err.reasons)
    assert.is_false(err.ambiguous)
  end)

  it("repeats its bytes exactly when the outcome is unknown", function()
    local db, runtime, items = connect {
      { code = "Timeout", sent = true }, { status = 500, body = "{}" },
      { status = 400, body = '{"__type":"TransactionInProgressException","message":"wait"}' }, OK,
    }
    local runs = 0
    local ok, _, meta = db:transact(function(tx)
      runs = runs + 1
      tx:update(items, { pk = "a" }, { add = { n = 1 } })
    end)
    assert.is_true(ok)
    assert.same({ 1, 4 }, { runs, meta.attempts })
    assert.equal(36, #sent(runtime, 1).ClientRequestToken)
    for i = 2, 4 do assert.equal(runtime.requests[1].body, runtime.requests[i].body) end
  end)

  it("does not repeat them when the service may have forgotten the token", function()
    local db, runtime, items = connect({}, { timeout = false, retry = { max_attempts = 9 } })
    runtime.handler = function(_, self)
      self:advance(250)
      return { status = 500, body = "{}" }
    end
    local ok, err = db:transact(function(tx) tx:delete(items, { pk = "a" }) end)
    assert.is_nil(ok)
    assert.is_true(err.ambiguous)
    assert.equal(3, #runtime.requests)
  end)
end)

describe("what an expression cannot have, in a transaction", function()
  local function refused(message, client_options, f)
    local db, runtime, items = connect({}, client_options)
    local raised = message_of(function() db:transact(function(tx) f(tx, items) end) end)
    assert.matches(message, raised, 1, true)
    assert.equal(0, #runtime.requests)
  end

  it("is told with the place that the caller knows", function()
    refused("operation 1 (update): changes.append.n[2]: a function cannot be stored", nil, function(tx, items)
      tx:update(items, { pk = "a" }, { append = { n = { 1, print } } })
    end)
    refused("where.x: a function cannot be stored", nil, function(tx, items)
      tx:put(items, { pk = "a" }, { where = { x = print } })
    end)
  end)

  it("is refused also where an item would do without it", function()
    refused("changes.set.x: a set cannot be empty", { empty_sets = "omit" }, function(tx, items)
      tx:update(items, { pk = "a" }, { set = { x = dynamodb.set {} } })
    end)
    local _, _, items = connect({}, { unsupported = "skip" })
    assert.matches("where.x: a function cannot be stored", message_of(function()
      items:put({ pk = "a" }, { where = { x = print }, idempotent = true })
    end), 1, true)
  end)
end)

describe("retry_conflicts", function()
  it("is not on by itself", function()
    local db, runtime, items = connect { cancelled "TransactionConflict" }
    local ok, err = db:transact(function(tx) tx:delete(items, { pk = "a" }) end)
    assert.is_nil(ok)
    assert.equal("TransactionConflict", err.reasons[1].code)
    assert.equal(1, #runtime.requests)
  end)

  it("runs the function again, with a new token, after the back-off of throttling", function()
    local db, runtime, items = connect { cancelled("None", "TransactionConflict"),
      cancelled("ThrottlingError", "ProvisionedThroughputExceeded"), OK }
    local runs = 0
    local ok, _, meta = db:transact(function(tx)
      runs = runs + 1
      tx:put(items, { pk = "a", run = runs })
      tx:delete(items, { pk = "b" })
    end, { retry_conflicts = 2 })
    assert.is_true(ok)
    assert.same({ 3, 3, 3, 3 }, { runs, meta.runs, meta.attempts, meta.waited })
    assert.same({ 1, 2 }, runtime.slept)
    local tokens = {}
    for i = 1, 3 do
      local body = sent(runtime, i)
      assert.is_nil(tokens[body.ClientRequestToken])
      tokens[body.ClientRequestToken] = true
      assert.equal(tostring(i), body.TransactItems[1].Put.Item.run.N)
    end
  end)

  it("does not run again after an attempt that may have been applied: a new token could apply it twice", function()
    local db, runtime, items = connect { { code = "Timeout", sent = true }, cancelled "TransactionConflict", OK }
    local runs = 0
    local ok, err = db:transact(function(tx)
      runs = runs + 1
      tx:update(items, { pk = "a" }, { add = { n = 1 } })
    end, { retry_conflicts = 3 })
    assert.is_nil(ok)
    assert.is_true(err:is "TransactionCanceled")
    assert.same({ 1, true, "ambiguous", 2 }, { runs, err.ambiguous, err.stopped_by, err.attempts })
    assert.equal(runtime.requests[1].body, runtime.requests[2].body)
    assert.equal(2, #runtime.requests)
  end)

  it("does where the one before that had a token of its own, and where the lost one was a reading", function()
    local db, runtime, items = connect { cancelled "TransactionConflict", { code = "Timeout", sent = true }, OK }
    assert.is_true((db:transact(function(tx) tx:delete(items, { pk = "a" }) end, { retry_conflicts = 1 })))
    assert.equal(3, #runtime.requests)
    db, runtime, items = connect { { code = "Timeout", sent = true }, cancelled "TransactionConflict",
      { body = '{"Responses":[{}]}' } }
    assert.same({ false }, (db:transact_get(function(tx) tx:get(items, { pk = "a" }) end, { retry_conflicts = 1 })))
    assert.equal(3, #runtime.requests)
  end)

  it("ends", function()
    local db, runtime, items = connect { cancelled "TransactionConflict", cancelled "TransactionConflict" }
    local ok, err = db:transact(function(tx) tx:delete(items, { pk = "a" }) end, { retry_conflicts = 1 })
    assert.is_nil(ok)
    assert.same({ 2, 2, "max_attempts" }, { err.runs, err.attempts, err.stopped_by })
    assert.equal(2, #runtime.requests)
  end)

  it("ends at the deadline", function()
    local db, runtime, items = connect { cancelled "TransactionConflict", cancelled "TransactionConflict" }
    local ok, err = db:transact(function(tx) tx:delete(items, { pk = "a" }) end, { retry_conflicts = 9, timeout = 2.5 })
    assert.is_nil(ok)
    assert.is_true(err:is "TransactionCanceled")
    assert.equal("deadline", err.stopped_by)
    assert.is_true(runtime:now() <= 2.5)
  end)

  it("leaves every other reason alone", function()
    for _, code in ipairs { "ConditionalCheckFailed", "ValidationError", "ItemCollectionSizeLimitExceeded", "None" } do
      local db, runtime, items = connect { cancelled("TransactionConflict", code ~= "None" and code or "Unheard") }
      local ok = db:transact(function(tx)
        tx:delete(items, { pk = "a" })
        tx:delete(items, { pk = "b" })
      end, { retry_conflicts = 5 })
      assert.is_nil(ok)
      assert.equal(1, #runtime.requests)
    end
  end)
end)

describe("db:transact_get", function()
  it("gives the items in the order of the gets, and false for missing ones", function()
    local db, runtime, items, users = connect { { body = '{"Responses":[{"Item":{"pk":{"S":"a"}}},{},'
      .. '{"Item":{"n":{"N":"3"}}}],"ConsumedCapacity":[{"TableName":"items"}]}' } }
    local found, err, meta = db:transact_get(function(tx)
      assert.equal(1, tx:get(items, { pk = "a" }))
      assert.equal(2, tx:get(items, { pk = "b" }))
      assert.equal(3, tx:get(users, { pk = "c", sk = 1 }, { attributes = { "n", "address.city" } }))
    end)
    assert.is_nil(err)
    assert.same({ { pk = "a" }, false, { n = 3 } }, found)
    assert.equal("items", meta.capacity[1].TableName)
    local body = sent(runtime)
    assert.is_nil(body.ClientRequestToken)
    assert.same({ TableName = "users", Key = { pk = { S = "c" }, sk = { N = "1" } }, ProjectionExpression = "#0, #1.#2",
      ExpressionAttributeNames = { ["#0"] = "n", ["#1"] = "address", ["#2"] = "city" } }, body.TransactItems[3].Get)
  end)

  it("reads nothing when nothing was asked", function()
    local db, runtime = connect {}
    assert.equal("[]", core.json_encode((db:transact_get(function() end))))
    assert.equal(0, #runtime.requests)
  end)

  it("maps reasons, and runs again if it may", function()
    local db, _, items = connect { cancelled("TransactionConflict"), { body = '{"Responses":[{}]}' } }
    assert.same({ false }, (db:transact_get(function(tx) tx:get(items, { pk = "a" }) end, { retry_conflicts = 1 })))
    db = connect { cancelled "TransactionConflict" }
    local things = db:table("items", ITEMS)
    local found, err = db:transact_get(function(tx) tx:get(things, { pk = "a" }) end)
    assert.is_nil(found)
    assert.same({ code = "TransactionConflict", operation = "get", table = "items", key = { pk = "a" } },
      err.reasons[1])
  end)

  it("does not guess when answers are missing", function()
    local db, _, items = connect { { body = '{"Responses":[{}]}' } }
    local found, err = db:transact_get(function(tx)
      tx:get(items, { pk = "a" })
      tx:get(items, { pk = "b" })
    end)
    assert.is_nil(found)
    assert.equal("ResponseError", err.code)
  end)

  it("refuses the same item twice", function()
    local db, _, items = connect {}
    local ok, raised = pcall(db.transact_get, db, function(tx)
      tx:get(items, { pk = "a" })
      tx:get(items, { pk = "a" })
    end)
    assert.is_false(ok)
    assert.matches("operations 1 (get) and 2 (get)", raised, 1, true)
  end)
end)

describe("idempotent = true", function()
  it("sends one write as a transaction with a token, with the result of the write alone", function()
    local db, runtime, items = connect { { code = "Timeout", sent = true },
      { body = '{"ConsumedCapacity":[{"TableName":"items","CapacityUnits":2}]}' } }
    local ok, err, meta = items:update({ pk = "a" }, { add = { n = 1 } }, { idempotent = true })
    assert.is_true(ok)
    assert.is_nil(err)
    assert.same({ 2, 2 }, { meta.attempts, meta.capacity.CapacityUnits })
    assert.equal(runtime.requests[1].body, runtime.requests[2].body)
    assert.equal("ADD #0 :0", sent(runtime).TransactItems[1].Update.UpdateExpression)
    assert.equal(db, items.client)
  end)

  it("takes the caller's token", function()
    local _, runtime, items = connect { OK, OK, OK }
    assert.is_true((items:put({ pk = "a" }, { idempotent = "order-17" })))
    assert.equal("order-17", sent(runtime).ClientRequestToken)
    assert.is_true((items:delete({ pk = "a" }, { idempotent = true })))
    assert.truthy(sent(runtime).TransactItems[1].Delete)
    assert.is_true((items:create({ pk = "a" }, { idempotent = true })))
    assert.equal("attribute_not_exists(#0)", sent(runtime).TransactItems[1].Put.ConditionExpression)
  end)

  it("fails as the write alone would", function()
    local answer = cancelled "ConditionalCheckFailed"
    answer.body = answer.body:gsub('"}%]', '","Message":"failed","Item":{"pk":{"S":"a"},"n":{"N":"7"}}}]')
    local _, _, items = connect { answer, cancelled "ThrottlingError" }
    local ok, err = items:put({ pk = "a" }, { where = { n = 1 }, idempotent = true })
    assert.is_nil(ok)
    assert.same({ "ConditionalCheckFailedException", "failed", "PutItem", 400, false },
      { err.code, err.message, err.operation, err.status, err.ambiguous })
    assert.same({ pk = "a", n = 7 }, err.item)
    ok, err = items:put({ pk = "a" }, { idempotent = true })
    assert.is_nil(ok)
    assert.same({ "ThrottlingException", true }, { err.code, err.retryable })
  end)

  it("returns no items", function()
    local _, runtime, items = connect {}
    assert.matches("an idempotent write is a transaction, which returns no items",
      message_of(items.put, items, { pk = "a" }, { idempotent = true, returns = "ALL_OLD" }))
    assert.matches("idempotent must be a token", message_of(items.put, items, { pk = "a" }, { idempotent = 3 }))
    assert.equal(0, #runtime.requests)
  end)
end)

describe("a client without limits", function()
  it("lets the service decide", function()
    local runtime = fake.new { handler = function() return OK end }
    local db = connect({}, { limits = false, runtime = runtime })
    local items = db:table("items", ITEMS)
    assert.is_true((db:transact(function(tx)
      for i = 1, 101 do tx:delete(items, { pk = "i" .. i }) end
    end)))
    assert.equal(101, #sent(runtime).TransactItems)
  end)
end)
