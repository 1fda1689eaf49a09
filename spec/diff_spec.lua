-- dynamodb.diff: the changes that make one item of another; here against a model of an update, in
-- spec/integration/diff_spec.lua against a real one.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local equal = require "spec.support.equal"
local fake_client = require "spec.support.fake_client"
local generate = require "spec.support.generate"

local path, set, list = dynamodb.path, dynamodb.set, dynamodb.list
local LONG = ("x"):rep(100)

-- The changes in a form that can be compared: paths as texts.
local function flat(changes)
  if not changes then return nil end
  local out = {}
  for action, entries in pairs(changes) do
    out[action] = {}
    for key, value in pairs(entries) do
      if action == "remove" then key, value = value, true end
      out[action][tostring(key)] = value
    end
  end
  return out
end

local function check(expected, old, new)
  assert.same(expected, flat(dynamodb.diff(old, new)))
end

describe("diff", function()
  it("is nil where nothing differs, as DynamoDB compares", function()
    local bytes = dynamodb.binary "b"
    local old = { pk = "a", n = 1, s = set { 1, 2 }, m = {}, l = list {}, b = bytes, z = dynamodb.null, t = true }
    local new = {
      pk = "a", n = core.unmarshal_value('{"N":"1.0"}', { numbers = "exact" }), s = set { 2, 1.0 }, m = {},
      l = dynamodb.raw { L = {} }, b = dynamodb.binary "b", z = dynamodb.raw { NULL = true }, t = true,
    }
    assert.is_nil(dynamodb.diff(old, new))
    assert.is_nil(dynamodb.diff({}, {}))
  end)

  it("sets what is new or another value, and removes what is gone", function()
    check({ set = { b = 2, c = 3 }, remove = { d = true } }, { a = 1, b = 1, d = 1 }, { a = 1, b = 2, c = 3 })
  end)

  it("takes another type for another value", function()
    check({ set = { a = "1", b = list {}, c = set { "1" }, d = false } },
      { a = 1, b = {}, c = set { 1 }, d = dynamodb.null }, { a = "1", b = list {}, c = set { "1" }, d = false })
  end)

  it("adds elements to a set or takes them out, and sets it where both are needed", function()
    check({ add = { s = set { 3 } } }, { s = set { 1, 2 } }, { s = set { 3, 2, 1 } })
    check({ delete = { s = set { "a" } } }, { s = set { "a", "b" } }, { s = set { "b" } })
    check({ set = { s = set { 1, 3 } } }, { s = set { 1, 2 } }, { s = set { 1, 3 } })
  end)

  it("sets a set that is inside of a map, where ADD does not reach", function()
    check({ set = { ["m.s"] = set { 1, 2 } } },
      { m = { s = set { 1 }, x = LONG } }, { m = { s = set { 1, 2 }, x = LONG } })
  end)

  it("goes inside of maps", function()
    check({ set = { ["m.a"] = 2, ["m.n.c"] = 3 }, remove = { ["m.b"] = true } },
      { m = { a = 1, b = 1, x = LONG, n = { x = LONG } } }, { m = { a = 2, x = LONG, n = { x = LONG, c = 3 } } })
  end)

  it("sets a map as a whole where that is shorter", function()
    check({ set = { m = { a = 2, b = 2 } } }, { m = { a = 1, b = 1 } }, { m = { a = 2, b = 2 } })
    check({ set = { ["m.n"] = { a = 2, b = 2 } } }, { m = { x = LONG, n = { a = 1, b = 1 } } },
      { m = { x = LONG, n = { a = 2, b = 2 } } })
  end)

  it("goes through lists of the same length, and sets others", function()
    check({ set = { ["l[1].a"] = 2 } }, { l = { LONG, { a = 1, x = LONG } } }, { l = { LONG, { a = 2, x = LONG } } })
    check({ set = { l = { 1 } } }, { l = { 1, LONG } }, { l = { 1 } })
  end)

  it("names attributes whole, whatever is in their names", function()
    local changes = dynamodb.diff({ ["a.b"] = 1, m = { ["c.d"] = 1, x = LONG } }, { m = { ["c.d"] = 2, x = LONG } })
    assert.same({ "a.b" }, changes.remove)
    local key, value = next(changes.set)
    assert.same({ path("m", "c.d"), 2 }, { key, value })
  end)

  it("sets the map around a name that no path can have", function()
    check({ set = { m = { [""] = 2, x = LONG } } }, { m = { [""] = 1, x = LONG } }, { m = { [""] = 2, x = LONG } })
  end)

  it("shares nothing with the items", function()
    local new = { m = { a = { 1 } } }
    local changes = dynamodb.diff({}, new)
    new.m.a[1] = 2
    assert.same({ a = { 1 } }, changes.set.m)
  end)

  it("refuses what cannot be stored, by its path", function()
    local function refused(message, old, new)
      assert.matches(message, fake_client.message_of(dynamodb.diff, old, new), 1, true)
    end
    refused("diff: new.a.b[2]: a function cannot be stored", {}, { a = { b = { 1, print } } })
    refused("diff: old.s: a set cannot be empty", { s = set {} }, {})
    refused("diff: the old item must be a table, not nil", nil, {})
    refused("diff: the new item must be a table, not a string", {}, "a")
    refused("diff: an attribute's name cannot be empty", {}, { [""] = 1 })
  end)
end)

-- ------------------------------------------------------------------------------------------------------- model ----

local function copy(value)
  if type(value) ~= "table" then return value end
  local out = setmetatable({}, getmetatable(value))
  for key, member in pairs(value) do out[key] = copy(member) end
  return out
end

-- The table in which the last segment of a path is a key, and that key.
local function place(item, key)
  if type(key) == "string" then return item, key end
  for i = 1, #key - 1 do item = assert(item[key[i]], "no such place") end
  return item, key[#key]
end

-- What an update makes of an item. Changes of a place that another one changed would be seen by `taken`.
local function updated(item, changes)
  item = copy(item)
  local taken = {}
  local function at(key)
    local holder, last = place(item, key)
    assert(not taken[holder] or not taken[holder][last], "changed twice")
    taken[holder] = taken[holder] or {}
    taken[holder][last] = true
    return holder, last
  end
  for key, value in pairs(changes.set or {}) do
    local holder, last = at(key)
    holder[last] = value
  end
  for _, key in ipairs(changes.remove or {}) do
    local holder, last = at(key)
    assert(holder[last] ~= nil, "nothing to remove")
    holder[last] = nil
  end
  for key, value in pairs(changes.add or {}) do
    local holder, last = at(key)
    assert(#value > 0)
    for _, element in ipairs(value) do assert(holder[last]:add(element), "added twice") end
  end
  for key, value in pairs(changes.delete or {}) do
    local holder, last = at(key)
    assert(#value > 0)
    for _, element in ipairs(value) do assert(holder[last]:remove(element), "not there") end
    assert(#holder[last] > 0, "an empty set")
  end
  return item
end

describe("diff of any two items", function()
  local SCALE = (tonumber(os.getenv "SCALE") or 1) * (os.getenv "FLAVOUR" == "asan" and 1 / 50 or 1)

  it("makes one of the other, by changes that an update takes, not longer than all of it", function()
    local db, runtime = fake_client.new()
    local tbl = db:table("t", { partition = "pk" })
    runtime.handler = function() return { body = "{}" } end
    local generator, differing = generate.new(20261127), 0
    for i = 1, 3000 * SCALE do
      local old = generator:map(4, 6)
      local new = generator:below(10) == 1 and generator:map(4, 6) or generator:changed(old, 4)
      if type(new) ~= "table" or getmetatable(new) then new = generator:map(3, 4) end
      old[""], new[""], old.pk, new.pk = nil, nil, nil, nil
      local changes = dynamodb.diff(old, new)
      if changes then
        differing = differing + 1
        assert(equal.same(core.unmarshal(core.marshal(new)), updated(old, changes)), i)
        assert(not equal.same(core.unmarshal(core.marshal(new)), core.unmarshal(core.marshal(old))), i)
        assert(tbl:update({ pk = "a" }, changes, { capacity = "none" }))
      else
        assert(equal.same(core.unmarshal(core.marshal(new)), core.unmarshal(core.marshal(old))), i)
      end
    end
    assert.is_true(differing > 2000 * SCALE)
  end)
end)
