-- Values through a real engine: what is written is what is read.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local engine = require "spec.support.engine"

describe("a value", function()
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

  local function stored(value)
    assert(items:put { pk = "v", value = value })
    return assert(items:get({ pk = "v" }, { consistent = true })).value
  end

  it("that is a string comes back, empty or with every kind of character", function()
    for _, text in ipairs { "", "a", "line\nbreak\ttab\0nul", "\"quoted\\\"", "äöü ß", "\226\130\172",
      "\240\159\145\141", "\239\191\191", "\127", ("x"):rep(10000) } do
      assert.equal(text, stored(text))
    end
  end)

  it("that is a number comes back native where that is exact", function()
    for _, number in ipairs { 0, 1, -1, 2 ^ 53 - 1, 1 - 2 ^ 53, 0.1, -2.5, 1e-100, 123456.789 } do
      local back = stored(number)
      assert.equal("number", type(back))
      assert.equal(number, back)
    end
  end)

  it("that is a number beyond the native ones comes back boxed, digit for digit", function()
    for _, text in ipairs { "12345678901234567890123456789012345678", "-0.12345678901234567890123456789012345678",
      "9.9999999999999999999999999999999999999E125", "1E-130" } do
      local number = dynamodb.number(text)
      local back = stored(number)
      assert.equal(0, dynamodb.compare(number, back), text)
      assert.equal(core.key(number), core.key(back))
    end
  end)

  it("that is a boolean, NULL or binary comes back", function()
    assert.is_true(stored(true))
    assert.is_false(stored(false))
    assert.equal(dynamodb.null, stored(dynamodb.null))
    local bytes = {}
    for i = 0, 255 do bytes[i + 1] = string.char(i) end
    local all = table.concat(bytes)
    assert.equal(all, tostring(stored(dynamodb.binary(all))))
    assert.equal("binary", core.kind(stored(dynamodb.binary(all))))
  end)

  it("that is a set comes back as one", function()
    for _, elements in ipairs { { "a", "b" }, { 1, 2.5, dynamodb.number "12345678901234567890123" },
      { dynamodb.binary "a", dynamodb.binary "\0" } } do
      local set = dynamodb.set(elements)
      assert.is_true(set == stored(set))
    end
  end)

  it("that is nested comes back, empty lists and maps apart", function()
    local nested = { list = { 1, { "x", {} } }, map = { deep = { deeper = { true } } } }
    assert.same(nested, stored(nested))
    local empty = stored { list = dynamodb.list {}, map = {} }
    assert.equal('{"list":{"L":[]}}', core.marshal { list = empty.list })
    assert.equal('{"map":{"M":{}}}', core.marshal { map = empty.map })
  end)

  it("that is read can be written back without a change", function()
    local item = { pk = "w", n = dynamodb.number "1.5", s = dynamodb.set { "a" }, l = dynamodb.list {},
      b = dynamodb.binary "x", z = dynamodb.null }
    assert(items:put(item))
    local first = assert(items:get { pk = "w" })
    assert(items:put(first))
    local second = assert(items:get { pk = "w" })
    for attribute, value in pairs(first) do
      assert.equal(core.marshal_value(value), core.marshal_value(second[attribute]), attribute)
    end
  end)

  it("that is read as the client's options say", function()
    assert(items:put { pk = "o", n = 1, d = 0.5 })
    local exact = engine.connect { numbers = "exact" }
    local text = engine.connect { numbers = "string" }
    finally(function() exact:close() text:close() end)
    local boxed = assert(exact:table(name):get { pk = "o" })
    assert.equal("number", core.kind(boxed.n))
    assert.equal(0, dynamodb.compare(boxed.d, 0.5))
    assert.equal("1", assert(text:table(name):get { pk = "o" }).n)
  end)

  it("that DynamoDB has not is refused before it is sent, with its path", function()
    local deep = {}
    local inner = deep
    for _ = 1, 33 do
      inner.d = {}
      inner = inner.d
    end
    local cycle = {}
    cycle.c = { cycle }
    for path, value in pairs {
      ["Item.value.f"] = { f = print },
      ["Item.value.n"] = { n = 0 / 0 },
      ["Item.value.i"] = { i = math.huge },
      ["Item.value.s"] = { s = dynamodb.set {} },
      ["Item.value.b[2]"] = { b = { "ok", "\255\254" } },
      ["Item.value.m"] = { m = { 1, x = 2 } },
      ["Item.value.h"] = { h = { [1] = 1, [3] = 3 } },
      ["Item.value.deep.d.d"] = { deep = deep },
      ["Item.value.cycle"] = { cycle = cycle },
    } do
      local ok, message = pcall(items.put, items, { pk = "x", value = value })
      assert.is_false(ok)
      assert.matches(path, tostring(message), 1, true)
    end
    assert.is_nil((items:get { pk = "x" }))
  end)
end)
