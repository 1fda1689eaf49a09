-- db:table(name, { stamps = … }), over a runtime of which nothing is real: its wall clock stands at
-- 2023-11-14T22:13:20.250Z.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local fake_client = require "spec.support.fake_client"

local OK = { body = "{}" }
local NOW = "2023-11-14T22:13:20.250Z"

local function new_table(answers, declared, options)
  local all = { retry = {} }
  for name, value in pairs(options or {}) do all[name] = value end
  local db, runtime = fake_client.new(answers, all)
  runtime:jump(0.25)
  local schema = { partition = "pk", stamps = true }
  for name, value in pairs(declared or {}) do schema[name] = value end
  return db:table("t", schema), runtime, db
end

local function sent(runtime, i)
  return core.json_decode(runtime.requests[i or #runtime.requests].body)
end

-- The stamps of an item as it was sent.
local function stamps_of(item) return { item.createdAt and item.createdAt.S, item.updatedAt and item.updatedAt.S } end

-- An UpdateExpression with its names and values filled in.
local function text_of(params)
  local text = params.UpdateExpression:gsub("#%w+", params.ExpressionAttributeNames)
  return (text:gsub(":%w+", function(name) return (select(2, next(params.ExpressionAttributeValues[name]))) end))
end

describe("a table with stamps", function()
  it("is declared with true, or with the names of the attributes", function()
    local function declared(stamps) return new_table({}, { stamps = stamps }).stamps end
    assert.same({ created = "createdAt", updated = "updatedAt" }, declared(true))
    assert.same({ created = "born", updated = "touched" }, declared { created = "born", updated = "touched" })
    assert.same({ updated = "touched" }, declared { updated = "touched" })
    assert.is_nil(declared(false))
  end)

  it("is declared as it is made", function()
    local db = fake_client.new()
    local declared = { name = "tickets", partition = "pk", stamps = true }
    local requests = db:explain(function() db:create_table(declared) end)
    assert.equal("CreateTable", requests[1].operation)
    assert.truthy(db:table("tickets", declared).stamps)
  end)

  it("refuses names that make no sense", function()
    local db = fake_client.new()
    local function refused(message, stamps, version)
      local schema = { partition = "pk", sort = "sk", version = version, stamps = stamps }
      assert.matches(message, fake_client.message_of(db.table, db, "t", schema), 1, true)
    end
    refused("stamps must be a table, not a string", "updatedAt")
    refused('unknown stamp "update"; did you mean "updated"?', { update = "a" })
    refused("stamps.created must be an attribute's name", { created = true })
    refused("stamps.updated must be an attribute's name", { updated = "" })
    refused("stamps names no attribute", {})
    refused("created and updated must be two attributes", { created = "a", updated = "a" })
    refused("stamps.updated is the version already", { updated = "v" }, "v")
  end)

  it("refuses to write where a stamp is part of the key", function()
    local items, runtime = new_table({}, { partition = "pk", sort = "createdAt" })
    assert.matches('stamps.created: "createdAt" is part of the table\'s key',
      fake_client.message_of(items.create, items, { pk = "a", createdAt = "b" }), 1, true)
    assert.equal(0, #runtime.requests)
  end)
end)

describe("create", function()
  it("stamps both, whatever the item was copied from, and leaves the caller's table alone", function()
    local items, runtime = new_table { OK }
    local item = { pk = "a", createdAt = "2000-01-01T00:00:00.000Z" }
    assert.is_true((items:create(item)))
    assert.same({ NOW, NOW }, stamps_of(sent(runtime).Item))
    assert.same({ pk = "a", createdAt = "2000-01-01T00:00:00.000Z" }, item)
  end)

  it("sends the same bytes again, and knows its own item after a lost reply", function()
    local stored = ('{"pk":{"S":"a"},"createdAt":{"S":"%s"},"updatedAt":{"S":"%s"}}'):format(NOW, NOW)
    local items, runtime = new_table {
      function(_, r)
        r:advance(2)
        return { code = "Timeout", sent = true }
      end,
      { status = 400, body = '{"__type":"ConditionalCheckFailedException","Item":' .. stored .. "}" },
    }
    assert.is_true((items:create { pk = "a" }))
    assert.equal(runtime.requests[1].body, runtime.requests[2].body)
  end)
end)

describe("put", function()
  it("stamps the update, and the creation where the item does not say when", function()
    local items, runtime = new_table { OK, OK }
    items:put { pk = "a" }
    assert.same({ NOW, NOW }, stamps_of(sent(runtime).Item))
    local read = { pk = "a", createdAt = "2000-01-01T00:00:00.000Z", updatedAt = "2001-01-01T00:00:00.000Z" }
    items:put(read)
    assert.same({ "2000-01-01T00:00:00.000Z", NOW }, stamps_of(sent(runtime).Item))
    assert.equal("2001-01-01T00:00:00.000Z", read.updatedAt)
  end)

  it("writes only the stamp that there is", function()
    local items, runtime = new_table({ OK }, { stamps = { updated = "touched" } })
    items:put { pk = "a" }
    assert.same({ pk = { S = "a" }, touched = { S = NOW } }, sent(runtime).Item)
  end)

  it("goes with a version", function()
    local items, runtime = new_table({ OK }, { version = "v" })
    local item = { pk = "a", v = 3 }
    assert.is_true((items:put(item)))
    assert.equal("4", sent(runtime).Item.v.N)
    assert.same({ NOW, NOW }, stamps_of(sent(runtime).Item))
    assert.same({ pk = "a", v = 4 }, item)
  end)
end)

describe("update", function()
  it("stamps the update, and the creation of an item that has no such stamp", function()
    local items, runtime = new_table { OK }
    local changes = { set = { a = 1 }, add = { n = 2 } }
    assert.is_true((items:update({ pk = "a" }, changes)))
    assert.equal(("SET a = 1, updatedAt = %s, createdAt = if_not_exists(createdAt, %s) ADD n 2"):format(NOW, NOW),
      text_of(sent(runtime)))
    assert.same({ set = { a = 1 }, add = { n = 2 } }, changes)
  end)

  it("leaves alone what the caller changes himself, in whatever way", function()
    local items, runtime = new_table { OK, OK, OK, OK, OK }
    local function written(changes)
      items:update({ pk = "a" }, changes)
      return text_of(sent(runtime))
    end
    local created = ("createdAt = if_not_exists(createdAt, %s)"):format(NOW)
    assert.equal("SET updatedAt = x, " .. created, written { set = { updatedAt = "x" } })
    assert.equal("SET " .. created .. " REMOVE updatedAt", written { remove = "updatedAt" })
    assert.equal("SET " .. created .. " REMOVE updatedAt", written { remove = { dynamodb.path "updatedAt" } })
    assert.equal("SET updatedAt.x = 1, " .. created, written { set = { [dynamodb.path("updatedAt", "x")] = 1 } })
    assert.equal(("SET updatedAt = %s, createdAt = if_not_exists(createdAt, x)"):format(NOW),
      written { default = { createdAt = "x" } })
  end)

  it("is sent again after a lost reply: stamps are values", function()
    local items, runtime = new_table { { code = "Timeout", sent = true }, OK }
    assert.is_true((items:update({ pk = "a" }, { set = { a = 1 } })))
    assert.equal(runtime.requests[1].body, runtime.requests[2].body)
  end)

  it("under a version knows its own item after a lost reply", function()
    local function lost(created, updated)
      local stored = ('{"pk":{"S":"a"},"v":{"N":"4"},"a":{"N":"1"}%s,"updatedAt":{"S":"%s"}}'):format(created, updated)
      local items = new_table({ { code = "Timeout", sent = true },
        { status = 400, body = '{"__type":"ConditionalCheckFailedException","Item":' .. stored .. "}" } },
        { version = "v" })
      return items:update({ pk = "a", v = 3 }, { set = { a = 1 } })
    end
    local before = ',"createdAt":{"S":"2000-01-01T00:00:00.000Z"}'
    assert.is_true((lost(before, NOW)))
    for _, case in ipairs { { before, "2023-11-14T22:13:21.000Z" }, { "", NOW } } do
      local ok, err = lost(case[1], case[2])
      assert.is_nil(ok)
      assert.is_true(err.ambiguous)
    end
  end)

  it("as a text has the stamps in its SET clause, or gets one", function()
    local items, runtime = new_table { OK, OK, OK, OK, OK, OK }
    local function written(text, options)
      assert(items:update({ pk = "a" }, text, options))
      return text_of(sent(runtime))
    end
    local created = ("createdAt = if_not_exists(createdAt, %s)"):format(NOW)
    local both = ("updatedAt = %s, %s"):format(NOW, created)
    assert.equal("SET " .. both .. ", a = b", written "SET a = b")
    assert.equal("REMOVE c SET " .. both .. ", a = b + 1", written("REMOVE c set a = b + :n", { values = { n = 1 } }))
    assert.equal("SET " .. both .. " ADD n 1", written("ADD n :n", { values = { n = 1 } }))
    assert.equal("SET " .. created .. ", updatedAt = a", written "SET updatedAt = a")
    assert.equal(("SET updatedAt = %s REMOVE createdAt.x"):format(NOW),
      written("REMOVE #c.x", { names = { ["#c"] = "createdAt" } }))
    assert.equal("SET updatedAt = a REMOVE createdAt", written "SET updatedAt = a REMOVE createdAt")
  end)

  it("refuses empty changes before any request", function()
    local items, runtime = new_table {}
    for _, changes in ipairs { {}, { set = {} }, { remove = {}, add = {} } } do
      assert.matches("changes are empty", fake_client.message_of(items.update, items, { pk = "a" }, changes), 1, true)
    end
    assert.matches("changes.set must be a table",
      fake_client.message_of(items.update, items, { pk = "a" }, { set = 1 }), 1, true)
    assert.equal(0, #runtime.requests)
  end)
end)

describe("many writes", function()
  it("in a transaction have one time", function()
    local items, runtime, db = new_table { OK }
    assert(db:transact(function(tx)
      tx:put(items, { pk = "a" })
      runtime:advance(1)
      tx:create(items, { pk = "b" })
      tx:update(items, { pk = "c" }, { set = { n = 1 } })
      tx:delete(items, { pk = "d" })
    end))
    local parts = sent(runtime).TransactItems
    assert.same({ NOW, NOW }, stamps_of(parts[1].Put.Item))
    assert.same({ NOW, NOW }, stamps_of(parts[2].Put.Item))
    assert.equal(("SET n = 1, updatedAt = %s, createdAt = if_not_exists(createdAt, %s)"):format(NOW, NOW),
      text_of(parts[3].Update))
  end)

  it("of put_all are stamped when they are taken, whatever is sent again", function()
    local items, runtime = new_table {}
    runtime.handler = function(request)
      local body = core.json_decode(request.body)
      if #runtime.requests > 1 then return OK end
      return { body = core.json_encode { UnprocessedItems = body.RequestItems } }
    end
    local list = { { pk = "a" }, { pk = "b", createdAt = "2000-01-01T00:00:00.000Z" } }
    assert(items:put_all(list))
    local again = 0
    for i = 2, #runtime.requests do
      for _, operation in ipairs(sent(runtime, i).RequestItems.t) do
        local item = operation.PutRequest.Item
        again = again + 1
        assert.same({ item.pk.S == "a" and NOW or "2000-01-01T00:00:00.000Z", NOW }, stamps_of(item))
      end
    end
    assert.equal(2, again)
    assert.same({ pk = "a" }, list[1])
  end)

  it("of db:batch are stamped; deletes are not", function()
    local items, runtime, db = new_table { OK }
    assert(db:batch(function(b)
      b:put(items, { pk = "a" })
      b:delete(items, { pk = "b" })
    end))
    local operations = sent(runtime).RequestItems.t
    assert.same({ NOW, NOW }, stamps_of(operations[1].PutRequest.Item))
    assert.same({ Key = { pk = { S = "b" } } }, operations[2].DeleteRequest)
  end)

  it("without stamps are as they were", function()
    local items, runtime = new_table({ OK, OK }, { stamps = false })
    items:put { pk = "a" }
    assert.same({ pk = { S = "a" } }, sent(runtime).Item)
    items:put_all { { pk = "a" } }
    assert.same({ pk = { S = "a" } }, sent(runtime).RequestItems.t[1].PutRequest.Item)
  end)
end)
