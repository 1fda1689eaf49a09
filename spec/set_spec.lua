local dynamodb = require "dynamodb"
local core = require "dynamodb.core"

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return tostring(message)
end

describe("dynamodb.set", function()
  it("is a sequence", function()
    local set = dynamodb.set { "a", "b" }
    assert.equal(2, #set)
    assert.equal("a,b", table.concat(set, ","))
    local seen = {}
    for i, element in ipairs(set) do seen[i] = element end
    assert.same({ "a", "b" }, seen)
    local count = 0
    for _ in pairs(set) do count = count + 1 end
    assert.equal(2, count)
  end)

  it("takes equal elements once, numbers as DynamoDB compares them", function()
    assert.equal(2, #dynamodb.set { "a", "b", "a" })
    assert.equal(2, #dynamodb.set { 1, 2, 1.0, dynamodb.number "1E0" })
    assert.equal(2, #dynamodb.set { dynamodb.binary "a", dynamodb.binary "b", dynamodb.binary "a" })
    local big = "12345678901234567890123456789012345678"
    assert.equal(1, #dynamodb.set { dynamodb.number(big), dynamodb.number(big .. "0E-1") })
  end)

  it("does not change the table it is made of", function()
    local elements = { "a", "a" }
    local set = dynamodb.set(elements)
    set:add "b"
    assert.same({ "a", "a" }, elements)
    assert.is_nil(getmetatable(elements))
  end)

  it("knows what it contains", function()
    local set = dynamodb.set { 1, 2.5 }
    assert.is_true(set:contains(1))
    assert.is_true(set:contains(dynamodb.number "2.50"))
    assert.is_false(set:contains "1")
    assert.is_false(set:contains(nil))
    assert.is_false(set:contains {})
  end)

  it("adds and removes, and says whether that changed it", function()
    local set = dynamodb.set {}
    assert.is_true(set:add "a")
    assert.is_false(set:add "a")
    assert.is_true(set:add "b")
    assert.is_true(set:remove "a")
    assert.is_false(set:remove "a")
    assert.equal("b", table.concat(set))
  end)

  it("is equal to a set with the same elements in another order", function()
    assert.is_true(dynamodb.set { "a", "b" } == dynamodb.set { "b", "a" })
    assert.is_true(dynamodb.set { 1 } == dynamodb.set { dynamodb.number "1.0" })
    assert.is_false(dynamodb.set { "a", "b" } == dynamodb.set { "a" })
    assert.is_false(dynamodb.set { "a" } == dynamodb.set { "a", "b" })
    assert.is_false(dynamodb.set { "a" } == dynamodb.set { "b" })
    assert.is_false(dynamodb.set { "1" } == dynamodb.set { 1 })
    assert.is_true(dynamodb.set {} == dynamodb.set())
  end)

  it("equals nothing but sets", function()
    assert.is_false(dynamodb.set {} == { x = 1 })
    assert.is_false(dynamodb.set { "a" } == { "a" })
    assert.is_false({ "a" } == dynamodb.set { "a" })
    assert.is_false(dynamodb.set { "a" } == dynamodb.list { "a" })
    assert.is_false(dynamodb.set {} == setmetatable({}, { __eq = function() return false end }))
  end)

  it("reads well", function()
    assert.equal("set{a, b}", tostring(dynamodb.set { "a", "b" }))
  end)

  it("holds strings, numbers or binaries, one type at a time", function()
    assert.matches("a set holds one type: strings or numbers", message_of(dynamodb.set, { "a", 1 }), 1, true)
    assert.matches("not a boolean", message_of(dynamodb.set, { true }), 1, true)
    assert.matches("not a table", message_of(dynamodb.set, { {} }), 1, true)
    assert.matches("not a map", message_of(dynamodb.set, { a = 1 }), 1, true)
    assert.matches("not nil", message_of(dynamodb.set, { [2] = 1 }), 1, true)
    assert.matches("must be a table", message_of(dynamodb.set, "a"), 1, true)
    local set = dynamodb.set { "a" }
    assert.matches("this set holds strings, not numbers", message_of(set.add, set, 1), 1, true)
    assert.matches("set_spec.lua:", message_of(function() set:add(1) end), 1, true)
  end)

  it("is what the core writes and reads as a set", function()
    assert.equal('{"a":{"SS":["x"]}}', core.marshal { a = dynamodb.set { "x" } })
    local read = core.unmarshal '{"a":{"NS":["1","2"]}}'.a
    assert.is_true(read:contains(2))
    assert.is_true(read == dynamodb.set { 2, 1 })
  end)
end)

describe("the values of the module", function()
  it("marks lists, so that an empty one stays a list", function()
    assert.equal('{"a":{"L":[]}}', core.marshal { a = dynamodb.list {} })
    assert.equal('{"a":{"M":{}}}', core.marshal { a = {} })
    local mine = { 1 }
    assert.equal(mine, dynamodb.list(mine))
    assert.matches("has a metatable already", message_of(dynamodb.list, dynamodb.set { 1 }), 1, true)
  end)

  it("passes typed values through", function()
    assert.equal('{"a":{"N":"1.50"}}', core.marshal { a = dynamodb.raw { N = "1.50" } })
    assert.matches("a raw value has one member", message_of(dynamodb.raw, { S = "a", N = "1" }), 1, true)
    assert.matches("a raw value has one member", message_of(dynamodb.raw, { X = "a" }), 1, true)
    assert.matches("a raw value has one member", message_of(dynamodb.raw, {}), 1, true)
  end)

  it("have a null that is cjson's", function()
    assert.equal(require("cjson").null, dynamodb.null)
  end)

  it("raise for what is no number, at the caller's line", function()
    assert.matches("set_spec.lua:%d+:.*not a number", message_of(function() dynamodb.number "x" end))
    assert.matches("set_spec.lua:", message_of(function() dynamodb.compare(1, {}) end), 1, true)
    assert.equal(-1, dynamodb.compare(1, dynamodb.number "12345678901234567890123"))
  end)

  it("are written as plain JSON for an HTTP reply", function()
    local function json(value) return dynamodb.to_json(value) end
    assert.equal('["a","b"]', json(dynamodb.set { "a", "b" }))
    assert.equal('"aGk="', json(dynamodb.binary "hi"))
    local digits = "12345678901234567890123456789012345678"
    assert.equal(digits, json(dynamodb.number(digits)))
    assert.equal('{"a":null}', json { a = dynamodb.null })
    assert.equal('{"a":[]}', json { a = dynamodb.list {} })
    assert.equal('{"a":{}}', json { a = {} })
    assert.equal('[1,2.5,true,"x\\n"]', json { 1, 2.5, true, "x\n" })
    assert.matches("a function cannot be written", message_of(json, { a = print }), 1, true)
  end)
end)

describe("the module", function()
  it("refuses PUC Lua 5.1 and 5.2 at load, and says why", function()
    local file = assert(io.open(debug.getinfo(dynamodb.connect, "S").source:sub(2)))
    local text = file:read "*a"
    file:close()
    for _, version in ipairs { "Lua 5.1", "Lua 5.2" } do
      local environment = setmetatable({ _VERSION = version }, { __index = _G })
      environment._G = environment
      environment.rawget = function(t, name)
        if name == "jit" then return nil end
        return rawget(t, name)
      end
      local chunk
      if setfenv then
        chunk = setfenv(assert(loadstring(text)), environment)
      else
        chunk = assert(load(text, "dynamodb", "t", environment))
      end
      local message = message_of(chunk)
      assert.equal("dynamodb needs Lua 5.4, Lua 5.3 or LuaJIT 2.1; this is PUC " .. version, message)
    end
  end)
end)
