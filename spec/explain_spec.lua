-- db:explain: what would be sent, and is not.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local fake_client = require "spec.support.fake_client"

local KEY = { pk = "a" }
local DESCRIPTION = { body = '{"Table":{"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],'
  .. '"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}]}}' }

local db, runtime, items

local function new(answers, options)
  db, runtime = fake_client.new(answers, options)
  items = db:table("t", { partition = "pk" })
end

local function operations(requests)
  local names = {}
  for i, request in ipairs(requests) do names[i] = request.operation end
  return names
end

describe("explain", function()
  before_each(function() new {} end)

  it("gives the requests of a function, byte for byte, and sends none", function()
    new { { body = "{}" } }
    local function change() return items:update(KEY, { set = { a = 1 } }, { where = { a = 2 } }) end
    local requests = db:explain(change)
    assert.equal(0, #runtime.requests)
    assert.equal(1, #requests)
    local request = requests[1]
    assert.same({ "UpdateItem", "dynamodb", "DynamoDB_20120810.UpdateItem" },
      { request.operation, request.service, request.target })
    assert(change())
    assert.same(core.json_decode(runtime.requests[1].body), core.json_decode(request.body))
    assert.equal(#runtime.requests[1].body, #request.body)
  end)

  it("answers each call with an error of its own, which changes nothing", function()
    local versioned = db:table("t", { partition = "pk", version = "v" })
    local item = { pk = "a" }
    local requests = db:explain(function()
      local value, err = items:get(KEY)
      assert.is_nil(value)
      assert.same({ "Explained", "GetItem", false, false }, { err.code, err.operation, err.sent, err.retryable })
      value, err = versioned:put(item)
      assert.same({ nil, "Explained" }, { value, err.code })
    end)
    assert.same({ "GetItem", "PutItem" }, operations(requests))
    assert.same({ pk = "a" }, item)
  end)

  it("ends where the function raises that error", function()
    local requests = db:explain(function()
      local _, err = items:get(KEY)
      if err then error(err) end
      items:delete(KEY)
    end)
    assert.same({ "GetItem" }, operations(requests))
    requests = db:explain(function()
      for _ in items:query { pk = "a" } do items:delete(KEY) end
    end)
    assert.same({ "Query" }, operations(requests))
  end)

  it("raises what else the function raises, and sends again afterwards", function()
    new { { body = "{}" } }
    local problem = {}
    local ok, raised = pcall(db.explain, db, function() error(problem) end)
    assert.is_false(ok)
    assert.equal(problem, raised)
    assert.is_true((items:put { pk = "a" }))
  end)

  it("shows every request of bulk work", function()
    local list = {}
    for i = 1, 30 do list[i] = { pk = "item" .. i } end
    local requests = db:explain(function()
      local _, err = items:put_all(list)
      assert.equal("Explained", err.code)
      local _, failure = items:get_all { KEY }
      assert.equal("Explained", failure.code)
    end)
    assert.same({ "BatchWriteItem", "BatchWriteItem", "BatchGetItem" }, operations(requests))
    assert.equal(25, #core.json_decode(requests[1].body).RequestItems.t)
    assert.equal(5, #core.json_decode(requests[2].body).RequestItems.t)
  end)

  it("shows transactions, statements, and what runs at the same time", function()
    local statements = {}
    for i = 1, 26 do statements[i] = { "SELECT * FROM t WHERE pk = ?", { "a" } } end
    local requests = db:explain(function()
      db:transact(function(tx) tx:put(items, { pk = "a" }) end)
      db:transact_get(function(tx) tx:get(items, KEY) end)
      db:parallel { function() return items:get(KEY) end, function() return items:delete(KEY) end }
      db:execute "DELETE FROM t"
      db:execute_batch(statements)
      db:execute_transaction { statements[1] }
      db:call "ListTables"
    end)
    assert.same({
      "TransactWriteItems", "TransactGetItems", "GetItem", "DeleteItem", "ExecuteStatement", "BatchExecuteStatement",
      "BatchExecuteStatement", "ExecuteTransaction", "ListTables",
    }, operations(requests))
    assert.equal(0, #runtime.requests)
  end)

  it("asks for keys that it has to know, and for nothing else", function()
    new { DESCRIPTION }
    local requests = db:explain(function()
      db:table("u"):create { pk = "a" }
      db:call("DescribeTable", { TableName = "t" })
    end)
    assert.same({ "PutItem", "DescribeTable" }, operations(requests))
    assert.equal(1, #runtime.requests)
    assert.equal("DynamoDB_20120810.DescribeTable", fake_client.header(runtime.requests[1], "x-amz-target"))
  end)

  it("takes nothing from others that run while it asks", function()
    new { { body = DESCRIPTION.body, delay = 2 }, { body = '{"Item":{"pk":{"S":"a"}}}' } }
    local requests
    local values, errs = db:parallel {
      function() requests = db:explain(function() db:table("u"):create { pk = "a" } end) end,
      function() return items:get(KEY) end,
    }
    assert.is_nil(errs)
    assert.same({ pk = "a" }, values[2])
    assert.same({ "PutItem" }, operations(requests))
  end)

  it("sends nothing of what runs at the same time while it asks", function()
    new { DESCRIPTION }
    local requests = db:explain(function()
      db:parallel { function() db:table("u"):create { pk = "a" } end, function() items:delete(KEY) end }
    end)
    assert.same({ "PutItem", "DeleteItem" }, operations(requests))
    assert.equal(1, #runtime.requests)
  end)

  it("goes on explaining after a failure to ask", function()
    new { { status = 400, body = '{"__type":"ResourceNotFoundException"}' } }
    local requests = db:explain(function()
      local _, err = db:table("u"):create { pk = "a" }
      assert.is_true(err:is "ResourceNotFound")
      items:get(KEY)
    end)
    assert.same({ "GetItem" }, operations(requests))
    new({}, { before_send = function() error("hook", 0) end })
    requests = db:explain(function()
      assert.equal("hook", fake_client.message_of(function() db:table("u"):create { pk = "a" } end))
      items:get(KEY)
    end)
    assert.same({ "GetItem" }, operations(requests))
  end)

  it("inside of another keeps to itself", function()
    local inner
    local outer = db:explain(function()
      inner = db:explain(function() items:get(KEY) end)
      items:delete(KEY)
    end)
    assert.same({ { "GetItem" }, { "DeleteItem" } }, { operations(inner), operations(outer) })
  end)

  it("refuses what is no function", function()
    assert.matches("what db:explain runs must be a function, not a table",
      fake_client.message_of(db.explain, db, {}), 1, true)
  end)
end)

describe("an explained request for people", function()
  before_each(function() new {} end)

  -- The lines of a text as a set, without the commas at their ends: members stand in any order.
  local function lines_of(text)
    local lines = {}
    for line in (text .. "\n"):gmatch "(.-),?\n" do lines[line] = true end
    return lines
  end

  it("has its operation, its JSON in lines, and its expressions with names and values put in", function()
    local text = tostring(db:explain(function()
      items:update(KEY, {
        set = { ["a.b"] = "it's", [dynamodb.path("m", "x")] = { 1, true } }, add = { tags = dynamodb.set { "y" } },
      }, { where = { n = dynamodb.expr.gt(dynamodb.number "12345678901234567890") }, capacity = "none" })
    end))
    local lines = lines_of(text)
    assert.matches("^UpdateItem\n{\n", text)
    for _, line in ipairs {
      '  "Key": { "pk": { "S": "a" } }', '    ":1": { "L": [{ "N": "1" }, { "BOOL": true }] }', "}",
      'UpdateExpression: SET "a.b" = "it\'s", m.x = [1,true] ADD tags ["y"]',
      "ConditionExpression: n > 12345678901234567890",
    } do
      assert(lines[line], line .. "\n" .. text)
    end
  end)

  it("has JSON that says the same, whatever is in it", function()
    local item = {
      pk = 'quote " and \\ and {[,:]} and \n', empty = {}, none = dynamodb.list {}, long = ("x"):rep(200), [""] = "",
      deep = { a = { b = { c = { ("y"):rep(90), { d = dynamodb.null } } } } },
    }
    local requests = db:explain(function() items:put(item) end)
    local text = tostring(requests[1])
    assert.same(core.json_decode(requests[1].body), core.json_decode((text:gsub("^PutItem\n", ""))))
    for line in text:gmatch "[^\n]+" do assert(#line < 130 or line:find "xxx", line) end
  end)

  it("shows the statements of PartiQL with their parameters", function()
    local text = tostring(db:explain(function()
      db:execute_batch { { "SELECT * FROM t WHERE pk = ? AND a = '?'", { "x" } }, { "SELECT * FROM t" } }
    end))
    assert.is_true(lines_of(text)["Statements[1].Statement: SELECT * FROM t WHERE pk = \"x\" AND a = '?'"])
  end)

  it("shows each expression of a transaction by its place", function()
    local text = tostring(db:explain(function()
      db:transact(function(tx)
        for i = 1, 11 do tx:delete(items, { pk = "a" .. i }, { where = { n = i } }) end
      end)
    end))
    local last = 0
    for i = 1, 11 do
      local at = text:find(("TransactItems[%d].Delete.ConditionExpression: n = %d"):format(i, i), 1, true)
      assert.is_true(at > last)
      last = at
    end
  end)
end)
