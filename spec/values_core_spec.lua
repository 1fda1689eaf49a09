--- The values that Lua has no type for, and the marks of tables.
local cjson = require "cjson"
local core = require "dynamodb.core"
local fresh = require "spec.support.fresh"

describe("core.binary", function()
  local binary = core.binary "a\0b"

  it("prints, compares and concatenates as its bytes", function()
    assert.are.equal("a\0b", tostring(binary))
    assert.are.equal(3, #binary)
    assert.are.equal("<a\0b>", "<" .. binary .. ">")
    assert.are.equal("a\0ba\0b", binary .. binary)
    assert.are.equal("1a\0b2", 1 .. binary .. 2)
    assert.is_true(binary == core.binary "a\0b")
    assert.is_true(binary ~= core.binary "a\0c" and binary < core.binary "a\0c" and binary <= core.binary "a\0b")
    assert.is_true(core.binary "" < core.binary "\0" and core.binary "\127" < core.binary "\128")
    assert.is_false(binary == "a\0b")
  end)

  it("takes strings, and itself", function()
    assert.are.equal("", tostring(core.binary ""))
    assert.is_true(core.binary(binary) == binary)
    for _, bad in ipairs { 5, true, {}, print, core.null, core.number "1e38" } do
      assert.has_error(function() core.binary(bad) end)
    end
    assert.has_error(function() core.binary() end)
    assert.has_error(function() return binary .. {} end)
    assert.has_error(function() getmetatable(binary).__len(core.number "1e38") end)
  end)
end)

describe("core.kind", function()
  it("tells ours from others", function()
    assert.are.equal("binary", core.kind(core.binary ""))
    assert.are.equal("number", core.kind(core.number "1e38"))
    for _, other in ipairs { 1, "x", true, {}, print, core.null, io.stdout, core.options {}, core.shape "v" } do
      assert.is_nil(core.kind(other))
    end
    assert.is_nil(core.kind(nil))
  end)
end)

describe("core.key", function()
  it("is one for what DynamoDB takes for equal, and another for what it does not", function()
    local groups = {
      { 1, 1.0, core.number "1e0", core.unmarshal_value('{"N":"1.0"}', { numbers = "exact" }) }, { "1" },
      { core.binary "1" }, { true }, { false }, { core.null }, { "" }, { core.binary "" }, { 0, -0.0 },
      { "true" }, { "0" }, { 0.1, core.number ".1" }, { core.number "1e38", core.number "10E37" }, { "N1" },
        { "\255" }, { core.binary "\255" },
    }
    local owner = {}
    for i, group in ipairs(groups) do
      for _, value in ipairs(group) do
        local key = core.key(value)
        assert.is_string(key)
        assert.is_true(owner[key] == nil or owner[key] == i, key)
        owner[key] = i
      end
      for _, value in ipairs(group) do assert.are.equal(core.key(group[1]), core.key(value)) end
    end
  end)

  it("is nil for what is no scalar", function()
    for _, other in ipairs { {}, print, io.stdout, 0/0, 1/0, core.options {} } do assert.is_nil(core.key(other)) end
    assert.is_nil(core.key(nil))
    assert.has_error(function() core.key() end)
  end)
end)

describe("core.null", function()
  it("is lua-cjson's", function()
    assert.is_true(core.null == cjson.null)
    assert.are.equal('{"NULL":true}', core.marshal_value(cjson.null))
    assert.are.equal("[null]", cjson.encode { core.unmarshal_value '{"NULL":true}' })
  end)
end)

describe("the marks of lua-cjson", function()
  --- A cjson with the marks that OpenResty's has; its own where it has them.
  local marks = {
    null = cjson.null, array_mt = cjson.array_mt or {}, empty_array_mt = cjson.empty_array_mt or {},
    empty_array = cjson.empty_array or core.null,
  }
  local own = fresh(marks)

  it("are honoured", function()
    assert.are.equal('{"L":[]}', own.marshal_value(setmetatable({}, marks.array_mt)))
    assert.are.equal('{"L":[]}', own.marshal_value(setmetatable({}, marks.empty_array_mt)))
    assert.are.equal('{"L":[{"N":"1"}]}', own.marshal_value(setmetatable({ 1 }, marks.array_mt)))
    assert.are.equal('{"a":[]}', own.json_encode { a = setmetatable({}, marks.empty_array_mt) })
    assert.has_error(function() own.marshal_value(setmetatable({ x = 1 }, marks.array_mt)) end)
  end)

  it("mean what they mean to cjson: empty_array_mt speaks of empty tables alone", function()
    assert.are.equal('{"M":{"x":{"N":"1"}}}', own.marshal_value(setmetatable({ x = 1 }, marks.empty_array_mt)))
    assert.are.equal('{"L":[{"N":"1"}]}', own.marshal_value(setmetatable({ 1 }, marks.empty_array_mt)))
  end)

  it("include the value empty_array", function()
    if not cjson.empty_array then return pending "this lua-cjson has no empty_array" end
    assert.are.equal('{"L":[]}', core.marshal_value(cjson.empty_array))
    assert.are.equal('[]', core.json_encode(cjson.empty_array))
  end)

  it("are not needed", function()
    local plain = fresh { null = cjson.null }
    assert.are.equal('{"M":{}}', plain.marshal_value(setmetatable({}, marks.array_mt)))
    assert.are.equal('{"M":{}}', fresh(false or {}).marshal_value {})
  end)
end)

describe("marks", function()
  it("are the core's own: a metatable of another name or instance marks nothing", function()
    local other = fresh()
    assert.are_not.equal(core.list_mt, other.list_mt)
    assert.are.equal('{"M":{}}', core.marshal_value(setmetatable({}, other.list_mt)))
    assert.are.equal('{"M":{}}', core.marshal_value(setmetatable({}, { __name = "dynamodb.list" })))
    assert.has_error(function() core.marshal_value(other.binary "x") end)
  end)

  it("are looked at raw: neither __index nor __pairs nor __len runs", function()
    local function never() error "ran" end
    local mt = { __index = never, __pairs = never, __len = never, __newindex = never, __ipairs = never }
    assert.are.equal('{"M":{"a":{"N":"1"}}}', core.marshal_value(setmetatable({ a = 1 }, mt)))
    assert.are.equal('{"L":[{"N":"1"}]}', core.marshal_value(setmetatable({ 1 }, mt)))
    assert.are.equal('{"M":{}}', core.marshal_value(setmetatable({}, mt)))
  end)
end)
