-- Optimistic locking: db:table(name, { version = "v" }), over a runtime of which nothing is real.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local fake_client = require "spec.support.fake_client"

local e = dynamodb.expr
local OK = { body = "{}" }
local FAILED = { status = 400, body = '{"__type":"ConditionalCheckFailedException","message":"no",'
  .. '"Item":{"pk":{"S":"a"},"v":{"N":"9"}}}' }

local function new_table(answers, options)
  local all = { retry = {} }
  for name, value in pairs(options or {}) do all[name] = value end
  local db, runtime = fake_client.new(answers, all)
  return db:table("t", { partition = "pk", version = "v" }), runtime, db
end

local function sent(runtime, i)
  return core.json_decode(runtime.requests[i or #runtime.requests].body)
end

-- The condition with its names and values filled in.
local function condition_of(params)
  local text = params.ConditionExpression
  text = text:gsub("#%d+", params.ExpressionAttributeNames or {})
  return (text:gsub(":%d+", function(name) return select(2, next(params.ExpressionAttributeValues[name])) end))
end

describe("a table with versions", function()
  it("needs an attribute's name that is not part of the key", function()
    local db = fake_client.new {}
    local function refused(message, schema)
      assert.matches(message, fake_client.message_of(db.table, db, "t", schema), 1, true)
    end
    refused("version must be an attribute's name", { partition = "pk", version = true })
    refused("not part of the key", { partition = "pk", version = "pk" })
    assert.equal("v", db:table("t", { version = "v" }).version)
  end)
end)

describe("update", function()
  it("refuses empty changes: a version alone is no change", function()
    local items, runtime = new_table {}
    for _, changes in ipairs { {}, { set = {} }, { remove = {} } } do
      local ok, raised = pcall(items.update, items, { pk = "a", v = 3 }, changes)
      assert.is_false(ok)
      assert.matches("changes are empty", raised, 1, true)
    end
    assert.equal(0, #runtime.requests)
  end)
end)

describe("put", function()
  it("writes version 1 where there is none yet, and the next one over the one that was read", function()
    local items, runtime = new_table { OK, OK }
    local item = { pk = "a", n = 1 }
    assert.is_true((items:put(item)))
    assert.same({ S = "a" }, sent(runtime).Item.pk)
    assert.equal("1", sent(runtime).Item.v.N)
    assert.equal("attribute_not_exists(v)", condition_of(sent(runtime)))
    assert.equal("ALL_OLD", sent(runtime).ReturnValuesOnConditionCheckFailure)
    assert.same({ pk = "a", n = 1, v = 1 }, item)
    assert.is_true((items:put(item)))
    assert.equal("2", sent(runtime).Item.v.N)
    assert.equal("v = 1", condition_of(sent(runtime)))
    assert.equal(2, item.v)
  end)

  it("moves the item's version only when it has succeeded", function()
    local items = new_table { FAILED, { status = 400, body = '{"__type":"ValidationException","message":"no"}' } }
    local item = { pk = "a", v = 3 }
    local ok, err = items:put(item)
    assert.is_nil(ok)
    assert.is_true(err:is "ConditionalCheckFailed")
    assert.same({ pk = "a", v = 9 }, err.item)
    assert.equal(3, item.v)
    assert.is_nil((items:put(item)))
    assert.equal(3, item.v)
  end)

  it("combines the version with a condition", function()
    local items, runtime = new_table { OK, OK }
    items:put({ pk = "a", v = 3 }, { where = { status = "open" } })
    assert.equal("v = 3 AND status = open", condition_of(sent(runtime)))
    items:put({ pk = "a" }, { where = "n < :n", values = { n = 7 } })
    assert.equal("attribute_not_exists(v) AND (n < :n)", condition_of(sent(runtime)))
  end)

  it("sends what it returned, and takes a boxed version", function()
    local items, runtime = new_table({ OK }, { numbers = "exact" })
    local item = core.unmarshal('{"pk":{"S":"a"},"v":{"N":"41"}}', { numbers = "exact" })
    assert.equal("userdata", type(item.v))
    assert.is_true((items:put(item)))
    assert.equal("42", sent(runtime).Item.v.N)
    assert.equal(42, item.v)
  end)

  it("refuses what cannot be a version", function()
    local items, runtime = new_table {}
    for _, version in ipairs { "1", 1.5, -1, {}, 2 ^ 53, 0 / 0 } do
      assert.matches("item.v is the item's version: a whole number",
        fake_client.message_of(items.put, items, { pk = "a", v = version }))
    end
    assert.equal(0, #runtime.requests)
  end)

  it("whose first answer was lost succeeds, and the version moves", function()
    local items, runtime = new_table { { code = "Timeout", sent = true }, { status = 400,
      body = '{"__type":"ConditionalCheckFailedException","message":"no","Item":{"pk":{"S":"a"},"v":{"N":"4"}}}' } }
    local item = { pk = "a", v = 3 }
    assert.is_true((items:put(item)))
    assert.equal(4, item.v)
    assert.equal(2, #runtime.requests)
  end)

  it("whose first answer was lost fails if somebody else has written", function()
    local items = new_table { { code = "Timeout", sent = true }, FAILED }
    local item = { pk = "a", v = 3 }
    local ok, err = items:put(item)
    assert.is_nil(ok)
    assert.is_true(err:is "ConditionalCheckFailed" and err.ambiguous)
    assert.equal(3, item.v)
  end)
end)

describe("create", function()
  it("writes version 1", function()
    local items, runtime = new_table { OK }
    local item = { pk = "a", v = 12 }
    assert.is_true((items:create(item)))
    assert.equal("1", sent(runtime).Item.v.N)
    assert.equal("attribute_not_exists(pk)", condition_of(sent(runtime)))
    assert.equal(1, item.v)
  end)
end)

describe("update", function()
  it("takes the version from the key", function()
    local items, runtime = new_table { OK }
    local key = { pk = "a", v = 3 }
    assert.is_true((items:update(key, { set = { n = 1 } })))
    local params = sent(runtime)
    assert.same({ pk = { S = "a" } }, params.Key)
    assert.equal("v = 3", condition_of(params))
    assert.equal("SET #0 = :0, #1 = :1", params.UpdateExpression)
    assert.same({ { N = "1" }, { N = "4" } },
      { params.ExpressionAttributeValues[":0"], params.ExpressionAttributeValues[":1"] })
    assert.same({ pk = "a", v = 4 }, key)
  end)

  it("takes the version as an option", function()
    local items, runtime = new_table { OK, OK, OK }
    local key = { pk = "a" }
    items:update(key, { add = { n = 1 } }, { version = 3, where = e.exists "pk" })
    assert.equal("v = 3 AND attribute_exists(pk)", condition_of(sent(runtime)))
    assert.equal("SET #0 = :0 ADD #1 :1", sent(runtime).UpdateExpression)
    assert.same({ pk = "a" }, key)
    items:update(key, { set = { n = 1 } }, { version = false })
    assert.equal("attribute_not_exists(v)", condition_of(sent(runtime)))
    assert.equal("1", sent(runtime).ExpressionAttributeValues[":0"].N)
  end)

  it("moves the version on also when another condition stands for it", function()
    local items, runtime = new_table { OK }
    items:update({ pk = "a" }, { set = { n = 5 } }, { where = { n = 4 } })
    assert.equal("n = 4", condition_of(sent(runtime)))
    assert.equal("SET #0 = :0 ADD #1 :1", sent(runtime).UpdateExpression)
    assert.equal("v", sent(runtime).ExpressionAttributeNames["#1"])
  end)

  it("under a version is repeated, whatever it changes: it cannot be applied twice", function()
    local items, runtime = new_table { { status = 500, body = "{}" }, OK }
    assert.is_true((items:update({ pk = "a", v = 1 }, { add = { n = 1 } })))
    assert.equal(2, #runtime.requests)
  end)

  it("that may have been applied by an earlier attempt says so", function()
    local items = new_table { { code = "Timeout", sent = true }, FAILED }
    local key = { pk = "a", v = 1 }
    local ok, err = items:update(key, { set = { n = 1 } })
    assert.is_nil(ok)
    assert.is_true(err:is "ConditionalCheckFailed" and err.ambiguous)
    assert.equal(1, key.v)
  end)

  describe("whose first answer was lost", function()
    local LOST = { code = "Timeout", sent = true }
    local function condition_failed(item)
      return { status = 400, body = '{"__type":"ConditionalCheckFailedException","message":"no",'
        .. '"Item":' .. item .. "}" }
    end
    local function tried(changes, item, options, first)
      local items, runtime = new_table({ first or LOST, condition_failed(item) }, { numbers = "string" })
      local key = { pk = "a", v = 3 }
      local ok, err = items:update(key, changes, options)
      return ok, err, key.v, #runtime.requests
    end

    it("succeeds where the item has the next version and what was set", function()
      local changes = { set = { n = 1.5, tags = dynamodb.set { "b", "a" }, deep = { list = { 1, "x" } } } }
      local ITEM = '{"pk":{"S":"a"},"v":{"N":"4.0"},"n":{"N":"1.50"},"tags":{"SS":["a","b"]},"more":{"S":"x"},'
        .. '"deep":{"M":{"list":{"L":[{"N":"1"},{"S":"x"}]}}}}'
      local ok, err, version, requests = tried(changes, ITEM)
      assert.is_nil(err)
      assert.same({ true, 4, 2 }, { ok, version, requests })
      assert.is_true((tried(changes, ITEM, { where = e.exists "pk" })))
      -- The item that was asked for is lost.
      ok, err = tried(changes, ITEM, { returns = "ALL_NEW" })
      assert.is_nil(ok)
      assert.is_true(err.ambiguous)
      -- Nobody can have written it but somebody else.
      ok, err, version = tried(changes, ITEM, nil, { status = 400, body = '{"__type":"ThrottlingException"}' })
      assert.is_nil(ok)
      assert.same({ false, 3 }, { err.ambiguous, version })
    end)

    it("of an item that had no version yet is told in the same way", function()
      local items = new_table { LOST, condition_failed '{"pk":{"S":"a"},"v":{"N":"1"},"n":{"N":"1"}}' }
      assert.is_true((items:update({ pk = "a" }, { set = { n = 1 } }, { version = false })))
    end)

    it("is ambiguous where anything else was found or changed", function()
      local changes = { set = { n = 1 } }
      for i, case in ipairs {
        { changes, '{"pk":{"S":"a"},"v":{"N":"5"},"n":{"N":"1"}}' },
        { changes, '{"pk":{"S":"a"},"v":{"N":"4"},"n":{"N":"2"}}' },
        { changes, '{"pk":{"S":"a"},"v":{"N":"4"}}' },
        { changes, '{"pk":{"S":"a"},"n":{"N":"1"}}' },
        { changes, "{}" },
        { { set = { n = 1 }, add = { m = 1 } }, '{"pk":{"S":"a"},"v":{"N":"4"},"n":{"N":"1"},"m":{"N":"1"}}' },
        { { set = { n = 1 }, remove = { "m" } }, '{"pk":{"S":"a"},"v":{"N":"4"},"n":{"N":"1"}}' },
        { { default = { n = 1 } }, '{"pk":{"S":"a"},"v":{"N":"4"},"n":{"N":"1"}}' },
        { { set = { n = e.attr "m" } }, '{"pk":{"S":"a"},"v":{"N":"4"},"n":{"N":"1"},"m":{"N":"1"}}' },
        { { set = { [dynamodb.path("n", "x")] = 1 } }, '{"pk":{"S":"a"},"v":{"N":"4"},"n":{"M":{"x":{"N":"1"}}}}' },
      } do
        local ok, err, version = tried(case[1], case[2])
        assert.is_nil(ok, i)
        assert.is_true(err:is "ConditionalCheckFailed" and err.ambiguous, i)
        assert.equal(3, version)
      end
    end)
  end)

  it("refuses to go by nothing, texts, and changes of the version", function()
    local items, runtime = new_table {}
    local function refused(message, ...)
      assert.matches(message, fake_client.message_of(items.update, items, ...), 1, true)
    end
    refused("update needs the version that was read", { pk = "a" }, { set = { n = 1 } })
    refused("changes must be a table, not a text", { pk = "a", v = 1 }, "SET n = n")
    for _, changes in ipairs { { set = { v = 1 } }, { add = { v = 1 } }, { remove = { "v" } } } do
      refused('"v" is the version, which moves by itself', { pk = "a", v = 1 }, changes)
    end
    refused('overlaps with "v"', { pk = "a", v = 1 }, { remove = { dynamodb.path "v" } })
    refused("key has the attribute", { pk = "a", v = 1, n = 1 }, { set = { n = 1 } })
    assert.equal(0, #runtime.requests)
  end)
end)

describe("delete", function()
  it("checks the version", function()
    local items, runtime = new_table { OK, OK, OK }
    assert.is_true((items:delete { pk = "a", v = 3 }))
    assert.equal("v = 3", condition_of(sent(runtime)))
    assert.same({ pk = { S = "a" } }, sent(runtime).Key)
    items:delete({ pk = "a" }, { version = 4 })
    assert.equal("v = 4", condition_of(sent(runtime)))
    items:delete({ pk = "a" }, { where = e.exists "pk" })
    assert.equal("attribute_exists(pk)", condition_of(sent(runtime)))
    assert.matches("delete needs the version", fake_client.message_of(items.delete, items, { pk = "a" }))
  end)
end)

describe("a transaction", function()
  it("checks and moves versions, those of the program only when all of it has succeeded", function()
    local items, runtime, db = new_table { FAILED, OK }
    local new, old, key = { pk = "a" }, { pk = "b", v = 3 }, { pk = "c", v = 5 }
    local function change(tx)
      tx:put(items, new)
      tx:put(items, old)
      tx:update(items, key, { set = { n = 1 } })
      tx:delete(items, { pk = "d", v = 7 })
      tx:check(items, { pk = "e", v = 8 })
    end
    assert.is_nil((db:transact(change)))
    assert.same({ {}, { v = 3 }, { v = 5 } }, { { v = new.v }, { v = old.v }, { v = key.v } })
    assert.is_true((db:transact(change)))
    assert.same({ 1, 4, 6 }, { new.v, old.v, key.v })
    local operations = sent(runtime).TransactItems
    local conditions = {}
    for i, member in ipairs { "Put", "Put", "Update", "Delete", "ConditionCheck" } do
      conditions[i] = condition_of(operations[i][member])
    end
    assert.same({ "attribute_not_exists(v)", "v = 3", "v = 5", "v = 7", "v = 8" }, conditions)
  end)

  it("of one write moves it, too", function()
    local items, runtime = new_table { OK }
    local item = { pk = "a", v = 3 }
    assert.is_true((items:put(item, { idempotent = true })))
    assert.equal(4, item.v)
    assert.equal("v = 3", condition_of(sent(runtime).TransactItems[1].Put))
  end)
end)
