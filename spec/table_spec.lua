-- What a table makes of its arguments, over a runtime of which nothing is real.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local fake = require "dynamodb.runtime.fake"

local e = dynamodb.expr
local KEYS = { partition = "pk", sort = "sk", types = { pk = "S", sk = "N" } }
local KEY = { pk = "a", sk = 1 }

-- A table over scripted answers; every answer is `{}` unless something else is given.
local function new_table(schema, answers, options)
  local runtime = fake.new(answers and { answers = answers } or { handler = function() return { body = "{}" } end })
  local all = { region = "eu-west-1", access_key_id = "AK", secret_access_key = "SK", runtime = runtime,
    retry = { max_attempts = 1 } }
  for name, value in pairs(options or {}) do all[name] = value end
  return dynamodb.connect(all):table("users", schema), runtime
end

local function sent(runtime, i)
  return (core.json_decode(runtime.requests[i or #runtime.requests].body))
end

local function target(runtime, i)
  return core.header("POST / HTTP/1.1\r\n" .. runtime.requests[i].head .. "\r\n", "x-amz-target"):match "%.(.*)$"
end

-- The call raises at this file, with that message, and sends nothing.
local function refuses(message, schema, method, ...)
  local users, runtime = new_table(schema)
  local arguments, count = { ... }, select("#", ...)
  local ok, raised = pcall(function() return users[method](users, (table.unpack or unpack)(arguments, 1, count)) end)
  assert.is_false(ok)
  assert.matches(message, tostring(raised), 1, true)
  assert.matches("table_spec.lua:", tostring(raised), 1, true)
  assert.equal(0, #runtime.requests)
end

describe("db:table", function()
  it("makes no request", function()
    local _, runtime = new_table()
    assert.equal(0, #runtime.requests)
  end)

  it("refuses what cannot be a schema", function()
    local db = dynamodb.connect { region = "r", runtime = fake.new() }
    local function refused(message, name, schema)
      local ok, raised = pcall(db.table, db, name, schema)
      assert.is_false(ok)
      assert.matches(message, raised, 1, true)
    end
    refused("the table's name must be a string", nil)
    refused("the table's name is empty", "")
    refused('unknown part of a table\'s schema "partiton"; did you mean "partition"?', "t", { partiton = "pk" })
    refused("sort without partition", "t", { sort = "sk" })
    refused("partition must be an attribute's name", "t", { partition = 3 })
    refused("two attributes", "t", { partition = "pk", sort = "pk" })
    refused('types.pk must be "S", "N" or "B"', "t", { partition = "pk", types = { pk = "string" } })
    refused("types must be a table, not a string", "t", { partition = "pk", types = "S" })
    refused("retry_ambiguous must be a boolean, not a string", "t", { partition = "pk", retry_ambiguous = "no" })
    refused("indexes.g must be a table", "t", { partition = "pk", indexes = { g = "x" } })
    refused('unknown part of indexes.g "patition"', "t", { partition = "pk", indexes = { g = { patition = "x" } } })
  end)
end)

describe("Table:get", function()
  it("asks for one item", function()
    local users, runtime = new_table(KEYS, { { body = '{"Item":{"pk":{"S":"a"},"sk":{"N":"1"}},'
      .. '"ConsumedCapacity":{"TableName":"users","CapacityUnits":0.5}}',
      headers = { ["x-amzn-requestid"] = "RID" } } })
    local item, err, meta = users:get(KEY)
    assert.is_nil(err)
    assert.same({ pk = "a", sk = 1 }, item)
    assert.same({ 0.5, "RID", 1 }, { meta.capacity.CapacityUnits, meta.request_id, meta.attempts })
    assert.equal("GetItem", target(runtime, 1))
    assert.same({ TableName = "users", Key = { pk = { S = "a" }, sk = { N = "1" } }, ReturnConsumedCapacity = "TOTAL" },
      sent(runtime))
  end)

  it("gives nil without an error for an item that is not there", function()
    local item, err, meta = new_table(KEYS):get(KEY)
    assert.is_nil(item)
    assert.is_nil(err)
    assert.equal(1, meta.attempts)
  end)

  it("asks for some attributes, consistently, with other costs, in time", function()
    local users, runtime = new_table(KEYS)
    users:get(KEY, { attributes = { "id", "address.city", dynamodb.path("a.b", 1) }, consistent = true,
      capacity = "indexes", timeout = 2 })
    local params = sent(runtime)
    assert.equal("#0, #1.#2, #3[0]", params.ProjectionExpression)
    assert.same({ ["#0"] = "id", ["#1"] = "address", ["#2"] = "city", ["#3"] = "a.b" }, params.ExpressionAttributeNames)
    assert.same({ true, "INDEXES" }, { params.ConsistentRead, params.ReturnConsumedCapacity })
    assert.equal(2, runtime.requests[1].deadline)
    users:get(KEY, { capacity = "none" })
    assert.is_nil(sent(runtime).ReturnConsumedCapacity)
    users, runtime = new_table(KEYS, nil, { capacity = "none" })
    users:get(KEY)
    assert.is_nil(sent(runtime).ReturnConsumedCapacity)
  end)

  it("passes failures on", function()
    local item, err = new_table(KEYS, { { code = "Timeout" } }):get(KEY)
    assert.is_nil(item)
    assert.same({ "Timeout", "GetItem" }, { err.code, err.operation })
  end)

  it("refuses a key that is not the table's", function()
    refuses("key must be a table, not nil", KEYS, "get")
    refuses("key must be a table, not a string", KEYS, "get", "a")
    refuses("key is empty", nil, "get", {})
    refuses('key lacks the attribute "sk" (the key is: pk, sk)', KEYS, "get", { pk = "a" })
    refuses('key has the attribute "name", which is not part of the key (pk, sk)', KEYS, "get",
      { pk = "a", sk = 1, name = "x" })
    refuses("key.sk must be a number, not a string: so the table's key says", KEYS, "get", { pk = "a", sk = "1" })
    refuses("key.pk must be a string, not a binary", KEYS, "get", { pk = dynamodb.binary "a", sk = 1 })
    refuses("key.pk is empty", KEYS, "get", { pk = "", sk = 1 })
  end)

  it("refuses what no table's key can be", function()
    refuses("key has more than two attributes", nil, "get", { a = 1, b = 2, c = 3 })
    refuses("key.pk must be a string, a number or a binary, not a boolean", nil, "get", { pk = true })
    refuses("key.pk must be a string, a number or a binary, not a table", nil, "get", { pk = {} })
    refuses("key.pk must be a string, a number or a binary, not a userdata", nil, "get", { pk = dynamodb.null })
    refuses("key must be a table of attributes", nil, "get", { "a" })
    refuses("key.pk has 2049 bytes; a key attribute has at most 2048", KEYS, "get", { pk = ("x"):rep(2049), sk = 1 })
    refuses("key.s has 1025 bytes; a key attribute has at most 1024", { partition = "p", sort = "s" }, "get",
      { p = "x", s = ("x"):rep(1025) })
  end)

  it("leaves quotas to the service with limits = false", function()
    local users, runtime = new_table(KEYS, nil, { limits = false })
    users:get { pk = ("x"):rep(2049), sk = 1 }
    assert.equal(1, #runtime.requests)
  end)

  it("takes every kind of key value", function()
    local users, runtime = new_table { partition = "pk" }
    for _, value in ipairs { "a", 1, 1.5, dynamodb.binary "b", dynamodb.number "12345678901234567890123",
      dynamodb.raw { S = "r" } } do
      users:get { pk = value }
    end
    assert.equal(6, #runtime.requests)
    assert.same({ N = "12345678901234567890123" }, sent(runtime, 5).Key.pk)
    assert.same({ S = "r" }, sent(runtime, 6).Key.pk)
  end)

  it("refuses options that it does not know", function()
    refuses('unknown option of get "atributes"; did you mean "attributes"?', KEYS, "get", KEY, { atributes = { "a" } })
    refuses('unknown option of get "where"', KEYS, "get", KEY, { where = { a = 1 } })
    refuses("consistent must be true or false", KEYS, "get", KEY, { consistent = "yes" })
    refuses("timeout must be a positive number of seconds", KEYS, "get", KEY, { timeout = "1" })
    refuses('capacity must be "none", "total" or "indexes"', KEYS, "get", KEY, { capacity = "all" })
    refuses("the options of get must be a table", KEYS, "get", KEY, "x")
  end)
end)

describe("Table:put", function()
  it("writes an item and gives true", function()
    local users, runtime = new_table(KEYS)
    local result, err, meta = users:put { pk = "a", sk = 1, tags = dynamodb.set { "x" } }
    assert.same({ true, 1 }, { result, meta.attempts })
    assert.is_nil(err)
    assert.equal("PutItem", target(runtime, 1))
    assert.same({ TableName = "users", Item = { pk = { S = "a" }, sk = { N = "1" }, tags = { SS = { "x" } } },
      ReturnConsumedCapacity = "TOTAL" }, sent(runtime))
    assert.is_true(runtime.requests[1].repeat_safe)
  end)

  it("takes a condition and asks for the item that makes it fail", function()
    local users, runtime = new_table(KEYS)
    assert(users:put({ pk = "a", sk = 1 }, { where = { version = 3 } }))
    local params = sent(runtime)
    assert.equal("#0 = :0", params.ConditionExpression)
    assert.same({ ["#0"] = "version" }, params.ExpressionAttributeNames)
    assert.same({ [":0"] = { N = "3" } }, params.ExpressionAttributeValues)
    assert.equal("ALL_OLD", params.ReturnValuesOnConditionCheckFailure)
    assert.is_false(runtime.requests[1].repeat_safe)
  end)

  it("takes a condition as text with names and values", function()
    local users, runtime = new_table(KEYS)
    assert(users:put({ pk = "a", sk = 1 },
      { where = "#v = :old OR attribute_not_exists(#v)", names = { v = "version" }, values = { old = 3 } }))
    local params = sent(runtime)
    assert.equal("#v = :old OR attribute_not_exists(#v)", params.ConditionExpression)
    assert.same({ ["#v"] = "version" }, params.ExpressionAttributeNames)
    assert.same({ [":old"] = { N = "3" } }, params.ExpressionAttributeValues)
  end)

  it("gives the old item if it is asked to, nil without an error if there was none", function()
    local users, runtime = new_table(KEYS, { { body = '{"Attributes":{"pk":{"S":"a"}}}' }, {}, {} })
    assert.same({ pk = "a" }, (users:put({ pk = "a", sk = 1 }, { returns = "all_old" })))
    assert.equal("ALL_OLD", sent(runtime).ReturnValues)
    assert.same({ n = 2 }, { n = select("#", users:put({ pk = "a", sk = 1 }, { returns = "ALL_OLD" })) - 1 })
    assert.is_true((users:put({ pk = "a", sk = 1 }, { returns = "NONE" })))
    assert.is_nil(sent(runtime).ReturnValues)
  end)

  it("refuses an item without its key, or with a key of another type", function()
    refuses('item lacks the attribute "sk" of its key (pk, sk)', KEYS, "put", { pk = "a" })
    refuses("item.sk must be a number, not a string", KEYS, "put", { pk = "a", sk = "1" })
    refuses("item.pk is empty", KEYS, "put", { pk = "", sk = 1 })
    refuses("item is empty", nil, "put", {})
    refuses("item must be a table, not nil", nil, "put")
  end)

  it("refuses a value that cannot be stored, with its path", function()
    refuses("Item.address.tags[3]", KEYS, "put", { pk = "a", sk = 1, address = { tags = { 1, 2, print } } })
    refuses("Item.n", KEYS, "put", { pk = "a", sk = 1, n = 0 / 0 })
  end)

  it("refuses what cannot be returned", function()
    refuses("returns: PutItem can return ALL_OLD, NONE, not ALL_NEW", KEYS, "put", { pk = "a", sk = 1 },
      { returns = "ALL_NEW" })
    refuses("returns: PutItem can return ALL_OLD, NONE, not true", KEYS, "put", { pk = "a", sk = 1 },
      { returns = true })
  end)

  it("refuses a where that says nothing", function()
    refuses("where is empty", KEYS, "put", { pk = "a", sk = 1 }, { where = {} })
    refuses("names and values belong to text expressions", KEYS, "put", { pk = "a", sk = 1 }, { values = { a = 1 } })
  end)
end)

describe("Table:create", function()
  local DESCRIPTION = core.json_encode { Table = {
    KeySchema = dynamodb.list {
      { AttributeName = "sk", KeyType = "RANGE" }, { AttributeName = "pk", KeyType = "HASH" },
    },
    AttributeDefinitions = dynamodb.list {
      { AttributeName = "pk", AttributeType = "S" }, { AttributeName = "sk", AttributeType = "N" },
    },
    GlobalSecondaryIndexes = dynamodb.list { { IndexName = "g", KeySchema = dynamodb.list {
      { AttributeName = "a", KeyType = "HASH" }, { AttributeName = "b", KeyType = "HASH" },
      { AttributeName = "c", KeyType = "RANGE" } } } },
  } }

  it("puts what must not be there", function()
    local users, runtime = new_table(KEYS)
    assert.is_true((users:create { pk = "a", sk = 1 }))
    local params = sent(runtime)
    assert.equal("attribute_not_exists(#0)", params.ConditionExpression)
    assert.same({ ["#0"] = "pk" }, params.ExpressionAttributeNames)
    assert.equal("ALL_OLD", params.ReturnValuesOnConditionCheckFailure)
    assert.is_false(runtime.requests[1].repeat_safe)
  end)

  it("gives the item that is there already", function()
    local ok, err = new_table(KEYS, { { status = 400, body = '{"__type":"a#ConditionalCheckFailedException",'
      .. '"Item":{"pk":{"S":"a"},"n":{"N":"7"}}}' } }):create { pk = "a", sk = 1 }
    assert.is_nil(ok)
    assert.is_true(err:is "ConditionalCheckFailed")
    assert.same({ pk = "a", n = 7 }, err.item)
  end)

  it("describes the table once if its key is not declared", function()
    local users, runtime = new_table(nil, { { body = DESCRIPTION }, {}, {} })
    assert(users:create { pk = "a", sk = 1 })
    assert(users:create { pk = "a", sk = 2 })
    assert.same({ "DescribeTable", "PutItem", "PutItem" },
      { target(runtime, 1), target(runtime, 2), target(runtime, 3) })
    assert.same({ "pk" }, { sent(runtime).ExpressionAttributeNames["#0"] })
    assert.same({ g = { kind = "global", partition = { "a", "b" }, sort = { "c" } } }, users.schema.indexes)
  end)

  it("describes and puts within one timeout", function()
    local function deadlines(options, client_options)
      local users, runtime = new_table(nil, { { body = DESCRIPTION, delay = 3 }, {} }, client_options)
      assert(users:create({ pk = "a", sk = 1 }, options))
      return { runtime.requests[1].deadline, runtime.requests[2].deadline }
    end
    assert.same({ 5, 5 }, deadlines { timeout = 5 })
    assert.same({ 30, 30 }, deadlines())
    assert.same({ 4, 4 }, deadlines({ deadline = 4, timeout = 9 }))
    assert.same({ 4, 4 }, deadlines({ deadline = 4 }))
    assert.same({}, deadlines({ timeout = false }))
    assert.same({ 7, 7 }, deadlines(nil, { timeout = 7 }))
  end)

  it("checks by what was described", function()
    local users = new_table(nil, { { body = DESCRIPTION } })
    local ok, raised = pcall(users.create, users, { pk = "a", sk = "1" })
    assert.is_false(ok)
    assert.matches("item.sk must be a number", raised, 1, true)
    ok, raised = pcall(users.get, users, { pk = "a" })
    assert.is_false(ok)
    assert.matches('key lacks the attribute "sk"', raised, 1, true)
  end)

  it("believes no description that is not one", function()
    local keys = '"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]'
    for _, text in ipairs {
      '"KeySchema":[1,2]', '"KeySchema":{"a":1}', '"KeySchema":"pk"', '"KeySchema":[{}]',
      '"KeySchema":[{"AttributeName":5,"KeyType":"HASH"}]', '"KeySchema":[{"AttributeName":{},"KeyType":"HASH"}]',
      '"KeySchema":[{"AttributeName":"sk","KeyType":"RANGE"}]',
      keys .. ',"AttributeDefinitions":5', keys .. ',"AttributeDefinitions":[{}]',
      keys .. ',"AttributeDefinitions":[1]',
      keys .. ',"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":5}]',
      keys .. ',"AttributeDefinitions":[{"AttributeName":5,"AttributeType":"S"}]',
      keys .. ',"GlobalSecondaryIndexes":7', keys .. ',"GlobalSecondaryIndexes":[7]',
      keys .. ',"LocalSecondaryIndexes":[{' .. keys .. "}]",
      keys .. ',"GlobalSecondaryIndexes":[{"IndexName":"g","KeySchema":[true]}]',
    } do
      local users, runtime = new_table(nil, { { body = '{"Table":{' .. text .. "}}" } })
      local ok, err = users:create { pk = "a" }
      assert.is_nil(ok)
      assert.same({ "ResponseError", "DescribeTable", true }, { err.code, err.operation, err.sent }, text)
      assert.equal(1, #runtime.requests)
    end
  end)

  it("checks no key type that it does not know", function()
    local users = new_table(nil, { { body = '{"Table":{"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],'
      .. '"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"NEW"}]}}' }, {} })
    assert.is_true((users:create { pk = "a" }))
  end)

  it("passes on that the table cannot be described, and asks again the next time", function()
    local missing = { status = 400, body = '{"__type":"a#ResourceNotFoundException"}' }
    local users = new_table(nil, { missing, { body = '{"Table":{}}' }, { body = DESCRIPTION }, {} })
    local ok, err = users:create { pk = "a", sk = 1 }
    assert.is_nil(ok)
    assert.same({ "ResourceNotFoundException", "DescribeTable", "users" }, { err.code, err.operation, err.table })
    ok, err = users:create { pk = "a", sk = 1 }
    assert.is_nil(ok)
    assert.equal("ResponseError", err.code)
    assert.is_true((users:create { pk = "a", sk = 1 }))
  end)

  it("knows no condition of its own and returns nothing", function()
    refuses('unknown option of create "where"', KEYS, "create", { pk = "a", sk = 1 }, { where = { a = 1 } })
    refuses('unknown option of create "returns"', KEYS, "create", { pk = "a", sk = 1 }, { returns = "ALL_OLD" })
    refuses("item must be a table", nil, "create")
  end)
end)

describe("Table:update", function()
  it("changes attributes under a condition, and returns what is asked for", function()
    local users, runtime = new_table(KEYS, { { body = '{"Attributes":{"status":{"S":"open"}}}' } })
    local user = assert(users:update(KEY,
      { set = { status = "open" }, add = { visits = 1 }, remove = { "draft" }, append = { log = { "x" } } },
      { where = { version = 3, status = e.ne "open" }, returns = "ALL_NEW" }))
    assert.same({ status = "open" }, user)
    local params = sent(runtime)
    assert.equal("SET #0 = :0, #1 = list_append(if_not_exists(#1, :2), :1) REMOVE #2 ADD #3 :3",
      params.UpdateExpression)
    assert.equal("#0 <> :0 AND #4 = :4", params.ConditionExpression)
    assert.same({ ["#0"] = "status", ["#1"] = "log", ["#2"] = "draft", ["#3"] = "visits", ["#4"] = "version" },
      params.ExpressionAttributeNames)
    assert.same({ [":0"] = { S = "open" }, [":1"] = { L = { { S = "x" } } }, [":2"] = { L = {} }, [":3"] = { N = "1" },
      [":4"] = { N = "3" } }, params.ExpressionAttributeValues)
    assert.equal("ALL_NEW", params.ReturnValues)
    assert.is_false(runtime.requests[1].repeat_safe)
  end)

  it("gives true without returns, an empty table where nothing was updated, nil for no old item", function()
    local users = new_table(KEYS)
    local changes = { remove = { "a" } }
    assert.is_true((users:update(KEY, changes)))
    assert.same({}, (users:update(KEY, changes, { returns = "UPDATED_NEW" })))
    assert.same({}, (users:update(KEY, changes, { returns = "UPDATED_OLD" })))
    assert.is_nil((users:update(KEY, changes, { returns = "ALL_OLD" })))
  end)

  it("refuses an empty change before any request", function()
    refuses("changes are empty", KEYS, "update", KEY, {})
    refuses("changes are empty", KEYS, "update", KEY, { set = {} })
    refuses("changes must be a table, not nil", KEYS, "update", KEY)
  end)

  it("refuses to change the key, declared or not", function()
    refuses('"pk" is part of the key and cannot be changed', KEYS, "update", KEY, { set = { pk = "b" } })
    refuses('"sk" is part of the key and cannot be changed', nil, "update", KEY, { remove = { "sk" } })
  end)

  it("refuses overlapping paths and unknown actions", function()
    refuses("overlaps", KEYS, "update", KEY, { set = { a = 1 }, remove = { "a" } })
    refuses('unknown action of an update "sett"; did you mean "set"?', KEYS, "update", KEY, { sett = { a = 1 } })
  end)

  it("tells the transport what may be sent again", function()
    local users, runtime = new_table(KEYS)
    local function resent(changes, options)
      users:update(KEY, changes, options)
      return runtime.requests[#runtime.requests].repeat_safe
    end
    assert.is_true(resent { set = { a = 1 } })
    assert.is_true(resent({ set = { a = 1 } }, { returns = "ALL_NEW" }))
    assert.is_false(resent({ set = { a = 1 } }, { returns = "UPDATED_OLD" }))
    assert.is_false(resent({ set = { a = 1 } }, { where = { b = 1 } }))
    assert.is_false(resent { add = { a = 1 } })
    assert.is_true(resent({ add = { a = 1 } }, { retry_ambiguous = true }))
    assert.is_false(resent("SET a = :a", { values = { a = 1 } }))
    users, runtime = new_table { partition = "pk", sort = "sk", retry_ambiguous = true }
    assert.is_true(resent { add = { a = 1 } })
    assert.is_false(resent({ add = { a = 1 } }, { retry_ambiguous = false }))
  end)

  it("says that an unanswered write is ambiguous", function()
    local ok, err = new_table(KEYS, { { code = "ConnectionError", sent = true } }):update(KEY, { add = { n = 1 } })
    assert.is_nil(ok)
    assert.is_true(err.ambiguous)
  end)

  it("takes a text with its names and values", function()
    local users, runtime = new_table(KEYS)
    assert(users:update(KEY, "SET #s = :s", { names = { ["#s"] = "status" }, values = { s = "open" },
      where = { version = 1 } }))
    local params = sent(runtime)
    assert.same({ "SET #s = :s", "#0 = :0" }, { params.UpdateExpression, params.ConditionExpression })
    assert.same({ ["#s"] = "status", ["#0"] = "version" }, params.ExpressionAttributeNames)
    assert.same({ [":s"] = { S = "open" }, [":0"] = { N = "1" } }, params.ExpressionAttributeValues)
  end)
end)

describe("Table:delete", function()
  it("deletes under a condition and gives the old item", function()
    local users, runtime = new_table(KEYS, { { body = '{"Attributes":{"pk":{"S":"a"}}}' }, {}, {} })
    assert.same({ pk = "a" }, (users:delete(KEY, { where = "attribute_exists(pk)", returns = "ALL_OLD" })))
    local params = sent(runtime)
    assert.same({ "attribute_exists(#0)", "ALL_OLD", "ALL_OLD" },
      { params.ConditionExpression, params.ReturnValues, params.ReturnValuesOnConditionCheckFailure })
    assert.same({ ["#0"] = "pk" }, params.ExpressionAttributeNames)
    assert.is_nil((users:delete(KEY, { returns = "ALL_OLD" })))
    assert.is_true((users:delete(KEY)))
    assert.is_true(runtime.requests[3].repeat_safe)
  end)

  it("refuses a wrong key", function()
    refuses('key lacks the attribute "sk"', KEYS, "delete", { pk = "a" })
  end)
end)

describe("what an expression cannot have", function()
  it("is told with the place that the caller knows", function()
    local function update(message, changes, options) refuses(message, KEYS, "update", KEY, changes, options) end
    update("UpdateItem: changes.set.a: a function cannot be stored", { set = { a = print } })
    update("UpdateItem: changes.set.a.b[2].c: ", { set = { a = { b = { 1, { c = print } } } } })
    update("UpdateItem: changes.set.m.k: ", { set = { [dynamodb.path("m", "k")] = print } })
    update("UpdateItem: changes.default.a: ", { default = { a = 0 / 0 } })
    update("UpdateItem: changes.append.n[2]: ", { append = { n = { 1, print } } })
    update("UpdateItem: changes.prepend.n[1]: ", { prepend = { n = { print } } })
    update("UpdateItem: changes.add.tags: a set cannot be empty", { add = { tags = dynamodb.set {} } })
    update("UpdateItem: changes.delete.tags: a set cannot be empty", { delete = { tags = dynamodb.set {} } })
    update("UpdateItem: where.x: ", { set = { a = 1 } }, { where = { x = print } })
    update("UpdateItem: where.x: ", { set = { a = 1 } }, { where = { x = e.between(1, 0 / 0) } })
    update("UpdateItem: where.x: ", { set = { a = 1 } },
      { where = e.any { { y = 1 }, { x = e.not_(e.in_ { 1, print }) } } })
    update("UpdateItem: values.min.a: ", "SET a = :min", { values = { min = { a = print } } })
    update("UpdateItem: values.min: ", "SET a = :min", { values = { [":min"] = print } })
    refuses("GetItem: attributes[2]: a string that is not UTF-8", KEYS, "get", KEY, { attributes = { "a", "b\255" } })
    update("UpdateItem: changes.remove.b\\xff: a string that is not UTF-8", { remove = { "b\255" } })
    update("UpdateItem: where.b\\xff: a string that is not UTF-8", { set = { a = 1 } }, { where = { ["b\255"] = 1 } })
    update("UpdateItem: names.n: a string that is not UTF-8", "SET #n = :v",
      { names = { n = "\255" }, values = { v = 1 } })
  end)

  it("is refused also where an item would do without it", function()
    local users, runtime = new_table(KEYS, nil, { unsupported = "skip", empty_sets = "omit" })
    local function refused(message, ...)
      local ok, raised = pcall(...)
      assert.is_false(ok)
      assert.matches(message, tostring(raised), 1, true)
      assert.equal(0, #runtime.requests)
    end
    refused("changes.set.a: a function cannot be stored", users.update, users, KEY, { set = { a = print } })
    refused("changes.set.a: a set cannot be empty", users.update, users, KEY, { set = { a = dynamodb.set {} } })
    refused("changes.add.a: a set cannot be empty", users.update, users, KEY, { add = { a = dynamodb.set {}, b = 1 } })
    refused("where.a: a function", users.put, users, { pk = "a", sk = 1 }, { where = { a = print } })
    refused("values.v: a function", users.update, users, KEY, "SET a = :v", { values = { v = print } })
    local db = users.client
    refused("UpdateItem: ExpressionAttributeValues.:v: a set cannot be empty", db.call, db, "UpdateItem",
      { TableName = "t", Key = KEY, UpdateExpression = "SET a = :v", ExpressionAttributeValues = {
        [":v"] = dynamodb.set {} } })
    assert(users:update(KEY, { set = { a = { print, x = nil }, b = { c = dynamodb.set {}, d = 1 } } }))
    assert.same({ [":0"] = { L = {} }, [":1"] = { M = { d = { N = "1" } } } }, sent(runtime).ExpressionAttributeValues)
  end)

  it("leaves other options to do what they are for", function()
    local users, runtime = new_table(KEYS, nil, { empty_sets = "null", empty_strings = "null", numbers = "native" })
    assert(users:update(KEY, { set = { a = dynamodb.set {}, b = "", c = 2 ^ 60 } }))
    assert.same({ NULL = true }, sent(runtime).ExpressionAttributeValues[":0"])
  end)
end)

describe("the caller's tables", function()
  it("are never changed", function()
    local users = new_table(KEYS)
    local item = { pk = "a", sk = 1, list = { 1 }, set = dynamodb.set { "a" } }
    local changes = { set = { a = 1 }, append = { list = { 1 } }, remove = { "b" } }
    local options = { where = { a = 1 }, returns = "NONE" }
    users:put(item, options)
    users:create(item)
    users:update(KEY, changes, options)
    users:delete(KEY, options)
    assert.same({ pk = "a", sk = 1 }, KEY)
    assert.same({ pk = "a", sk = 1, list = { 1 }, set = { "a" } }, item)
    assert.is_nil(getmetatable(item.list))
    assert.same({ set = { a = 1 }, append = { list = { 1 } }, remove = { "b" } }, changes)
    assert.same({ where = { a = 1 }, returns = "NONE" }, options)
  end)
end)
