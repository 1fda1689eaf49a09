-- An update with the changes of dynamodb.diff makes the new item of the old one, whatever is in them.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local equal = require "spec.support.equal"
local generate = require "spec.support.generate"

local SCALE = tonumber(os.getenv "SCALE") or 1

describe("diff", function()
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

  -- What DynamoDB takes of generated maps: no empty names, in maps neither.
  local function named(value)
    if type(value) ~= "table" then return value end
    local out = setmetatable({}, getmetatable(value))
    for key, member in pairs(value) do
      if key ~= "" then out[key] = named(member) end
    end
    return out
  end

  it("makes the new item of the old one", function()
    local generator, differing = generate.new(20261128), 0
    for i = 1, 300 * SCALE do
      local key = { pk = "item" .. i }
      local old = named(generator:map(4, 6))
      local new = named(generator:below(10) == 1 and generator:map(4, 6) or generator:changed(old, 4))
      if type(new) ~= "table" or getmetatable(new) then new = named(generator:map(3, 4)) end
      old.pk, new.pk = key.pk, key.pk
      assert(items:put(old))
      local changes = dynamodb.diff(old, new)
      if changes then
        differing = differing + 1
        local ok, err = items:update(key, changes)
        assert(ok, ("case %d: %s %s -> %s"):format(i, tostring(err), core.marshal(old), core.marshal(new)))
      end
      local stored = assert(items:get(key, { consistent = true }))
      assert(equal.same(core.unmarshal(core.marshal(new)), stored),
        ("case %d: %s -> %s"):format(i, core.marshal(old), core.marshal(new)))
    end
    assert.is_true(differing > 200 * SCALE)
  end)

  it("leaves alone what others have changed meanwhile", function()
    local key = { pk = "shared" }
    local mine = { pk = "shared", name = "Ada", tags = dynamodb.set { "a" }, address = { city = "Graz", zip = "8010" } }
    assert(items:put(mine))
    assert(items:update(key, { add = { tags = dynamodb.set { "b" } }, set = { visits = 1 } }))
    local new = { pk = "shared", name = "Ada L.", tags = dynamodb.set { "a", "c" }, address = mine.address }
    assert(items:update(key, dynamodb.diff(mine, new)))
    local stored = assert(items:get(key, { consistent = true }))
    assert.same({ "Ada L.", 1 }, { stored.name, stored.visits })
    assert.is_true(stored.tags == dynamodb.set { "a", "b", "c" })
  end)
end)
