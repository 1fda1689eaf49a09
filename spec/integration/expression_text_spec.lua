-- Text expressions against a real engine, whose reserved words stand in them as bare names.
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"

local e = dynamodb.expr

describe("text expressions", function()
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

  local KEY = { pk = "a" }

  before_each(function()
    assert(items:put {
      pk = "a", name = "Ada", status = "open", size = 3, date = "2026-11-22", count = 5, values = { 1, 2, 3 },
      ["in"] = true, ["or"] = "x", set = 1, ["not.a.path"] = 7,
      comment = { user = { name = "Eve" }, language = { "en", "de" } },
    })
  end)

  local function holds(where, options)
    options = options or {}
    options.where = where
    local ok, err = items:update(KEY, { set = { seen = true } }, options)
    if not ok then assert(err:is "ConditionalCheckFailed", tostring(err)) end
    return ok == true
  end

  it("hold or fail as they say", function()
    local values = { open = "open", three = 3, nine = 9, a = "A", true_ = true, en = "en", s = "S", x = "x" }
    local function given(text)
      local used = {}
      for placeholder in text:gmatch ":([%w_]+)" do used[placeholder] = values[placeholder] end
      return next(used) and used or nil
    end
    local cases = {
      { "status = :open and size >= :three", true },
      { "NOT (status = :open)", false },
      { "size BETWEEN :three AND :nine AND date < :a", true },
      { "count in (:three, :nine)", false },
      { "in = :true_ and or = :x", true },
      { "begins_with(name, :a)", true },
      { "attribute_not_exists(user) AND attribute_exists ( comment.user.name )", true },
      { "comment.language[0] = :en", true },
      { "comment.language [ 1 ] = :en", false },
      { "contains(values, :three) AND size(values) = :three", true },
      { "attribute_type(name, :s)\n\tAND (\n\t\tsize < :nine\n\t)", true },
      { "size(size) > :nine OR count<:nine", true },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], holds(case[1], { values = given(case[1]) }), case[1])
    end
  end)

  it("mix with tables, and with names of the program's own", function()
    local options = { names = { n = "not.a.path", s = "status" }, values = { seven = 7, o = "open" } }
    assert.is_true(holds({ "#n = :seven OR size = :seven", name = "Ada", e.any { "#s = :o", count = 9 } }, options))
  end)

  it("update in every clause", function()
    local after = assert(items:update(KEY, [[
      REMOVE comment.language[0], date
      SET name = :n, count = count + :two, values = list_append(values, :list), set = if_not_exists(add, set),
        comment.user.#role = :n
      ADD size :two
    ]], { names = { role = "role" }, values = { n = "Grace", two = 2, list = { 4 } }, returns = "ALL_NEW" }))
    assert.same({ "Grace", 7, 5, 1, 4 }, { after.name, after.count, after.size, after.set, #after.values })
    assert.same({ user = { name = "Eve", role = "Grace" }, language = { "de" } }, after.comment)
    assert.is_nil(after.date)
  end)

  it("update attributes that are called like clauses", function()
    local after = assert(items:update(KEY, "SET add = :one, remove = :one, delete = set DELETE tags :t REMOVE set", {
      values = { one = 1, t = dynamodb.set { "x" } }, returns = "ALL_NEW" }))
    assert.same({ 1, 1, 1 }, { after.add, after.remove, after.delete })
    assert.is_nil(after.set)
  end)

  it("are the service's to parse", function()
    local ok, err = items:update(KEY, "SET name = name name")
    assert.is_nil(ok)
    assert.is_true(err:is "Validation")
    ok, err = items:put({ pk = "a" }, { where = "rhymes_with(name, :v)", values = { v = "x" } })
    assert.is_nil(ok)
    assert.is_true(err:is "Validation")
  end)

  it("stand in transactions as well", function()
    if engine.name == "dynalite" then return pending "dynalite has no transactions" end
    local ok, err = db:transact(function(tx)
      tx:update(items, KEY, "SET status = :s", { where = "status = :o", values = { s = "closed", o = "open" } })
      tx:check(items, { pk = "b" }, "attribute_not_exists(name)")
    end)
    assert(ok, tostring(err))
    assert.equal("closed", assert(items:get(KEY, { consistent = true })).status)
  end)
end)
