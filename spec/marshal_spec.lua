local cjson = require "cjson"
local core = require "dynamodb.core"
local equal = require "spec.support.equal"
local native = require "spec.support.native"
local vectors = require "spec.support.vectors"

local function set(elements) return setmetatable(elements, core.set_mt) end
local function list(elements) return setmetatable(elements, core.list_mt) end
local function raw(value) return setmetatable(value, core.raw_mt) end

--- `levels` lists in each other.
local function nested(levels)
  local value = list {}
  for _ = 2, levels do value = list { value } end
  return value
end

describe("vectors/marshalling, serialize", function()
  local data = vectors.json "marshalling/attribute-values.json"
  if not data then return pending("marshalling/attribute-values.json: vectors absent") end

  for _, case in ipairs(data.serialize) do
    it("writes " .. case.name, function()
      assert.are.equal(equal.canonical(cjson.encode(case.attribute_value)),
        equal.canonical(core.marshal_value(native(case.native))))
    end)
  end

  for _, case in ipairs(data.serialize_errors) do
    it("refuses " .. case.name, function()
      assert.has_error(function() core.marshal_value(native(case.native)) end)
    end)
  end

  local OPTIONS = {
    convertEmptyValues = { empty_strings = "null", empty_sets = "null" },
    removeUndefinedValues = { unsupported = "skip" },
  }
  for _, case in ipairs(data.serialize_with_options) do
    it("writes with options: " .. case.name, function()
      local options = assert(OPTIONS[next(case.options)])
      assert.are.equal(equal.canonical(cjson.encode(case.attribute_value)),
        equal.canonical(core.marshal_value(native(case.native), options)))
      local ok, plain = pcall(core.marshal_value, native(case.native))
      assert.is_false(ok and equal.canonical(plain) == equal.canonical(cjson.encode(case.attribute_value)))
    end)
  end

  it("takes numbers up to the limits and none beyond", function()
    local limits = data.number_limits
    for _, text in ipairs { limits.positive_range[1], limits.positive_range[2], limits.negative_range[1],
                            limits.negative_range[2], limits.zero } do
      assert.are.equal(equal.number(text), equal.number(cjson.decode(core.marshal_value(core.number(text))).N))
    end
    for _, text in ipairs { "1E126", "-1E126", "9.9E-131", "-1E-131", ("1"):rep(limits.max_digits + 1),
                            "0.1" .. ("0"):rep(limits.max_digits - 1) .. "1" } do
      assert.has_error(function() core.number(text) end)
    end
  end)
end)

describe("core.marshal", function()
  it("writes every type", function()
    for text, value in pairs {
      ['{"S":"a"}'] = "a", ['{"S":""}'] = "", ['{"N":"1"}'] = 1, ['{"N":"-0.5"}'] = -0.5, ['{"BOOL":true}'] = true,
      ['{"BOOL":false}'] = false, ['{"NULL":true}'] = core.null, ['{"B":"AP8="}'] = core.binary "\0\255",
      ['{"L":[]}'] = list {}, ['{"M":{}}'] = {}, ['{"L":[{"N":"1"},{"S":"b"}]}'] = { 1, "b" },
      ['{"M":{"a":{"M":{"b":{"L":[{"M":{}}]}}}}}'] = { a = { b = { {} } } }, ['{"SS":["a","b"]}'] = set { "a", "b" },
      ['{"NS":["1","2.5"]}'] = set { 1, 2.5 }, ['{"BS":["","AA=="]}'] = set { core.binary "", core.binary "\0" },
      ['{"N":"12345678901234567890.5"}'] = core.number "12345678901234567890.5",
    } do
      assert.are.equal(text, core.marshal_value(value))
      assert.are.equal('{"x":' .. text .. "}", core.marshal { x = value })
    end
    assert.are.equal("{}", core.marshal {})
    assert.are.equal("{}", core.marshal(list {}))
  end)

  it("escapes what JSON must escape, and nothing else", function()
    assert.are.equal('{"S":"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\127é\226\152\186😀"}',
      core.marshal_value '"\\/\b\f\n\r\t\0\31\127é\226\152\186😀')
    assert.are.equal('{"\\"\\n":{"S":"x"}}', core.marshal { ['"\n'] = "x" })
    for length = 0, 70 do                                        -- around the width of what is scanned at a time
      local text = ("x"):rep(length) .. "\n" .. ("é"):rep(length)
      assert.are.same({ S = text }, cjson.decode(core.marshal_value(text)))
    end
  end)

  it("drops duplicates in sets, also those that differ in spelling alone", function()
    assert.are.equal('{"NS":["1","2"]}', core.marshal_value(set { 1, 1.0, core.number "1E0", 2, 1 }))
    assert.are.equal('{"SS":["a","b"]}', core.marshal_value(set { "a", "b", "a", "b" }))
    assert.are.equal('{"BS":["AA=="]}', core.marshal_value(set { core.binary "\0", core.binary "\0" }))
    local large, seen = set {}, {}
    for i = 1, 1000 do large[i] = "e" .. i % 100 end
    for _, element in ipairs(cjson.decode(core.marshal_value(large)).SS) do
      assert.is_nil(seen[element])
      seen[element] = true
    end
    for i = 0, 99 do assert.is_true(seen["e" .. i]) end
  end)

  it("keeps the order of a list wherever its elements lie", function()
    local reversed = {}
    for i = 40, 1, -1 do reversed[i] = i end
    local wanted = {}
    for i = 1, 40 do wanted[i] = '{"N":"' .. i .. '"}' end
    assert.are.equal('{"L":[' .. table.concat(wanted, ",") .. "]}", core.marshal_value(reversed))
  end)

  it("passes raw values through, numbers in strings", function()
    for text, value in pairs {
      ['{"S":"x"}'] = raw { S = "x" }, ['{"N":"1e500"}'] = raw { N = "1e500" }, ['{"N":"5"}'] = raw { N = 5 },
      ['{"NS":["1","2"]}'] = raw { NS = { 1, 2 } }, ['{"L":[]}'] = raw { L = {} }, ['{"M":{}}'] = raw { M = {} },
      ['{"SS":[]}'] = raw { SS = {} }, ['{"B":"eA=="}'] = raw { B = core.binary "x" },
      ['{"NULL":true}'] = raw { NULL = true },
      ['{"M":{"N":{"S":"x"}}}'] = raw { M = { N = { S = "x" } } },
      ['{"L":[{"BOOL":false},{"N":"1"}]}'] = raw { L = { { BOOL = false }, raw { N = "1" } } },
    } do
      assert.are.equal(text, core.marshal_value(value))
    end
  end)

  it("honours its options", function()
    local full = { a = "", b = core.binary "", c = set {}, d = "x", e = { set {}, print, "" } }
    assert.are.equal('{"d":{"S":"x"}}', core.marshal({ c = set {}, d = "x" }, { empty_sets = "omit" }))
    assert.are.equal('{"L":[]}', core.marshal_value({ set {}, set {} }, { empty_sets = "omit" }))
    assert.are.equal('{"NULL":true}', core.marshal_value(set {}, { empty_sets = "null" }))
    assert.are.equal(equal.canonical('{"M":{"a":{"NULL":true},"b":{"NULL":true},"c":{"NULL":true},"d":{"S":"x"},'
      .. '"e":{"L":[{"NULL":true},{"NULL":true}]}}}'), equal.canonical('{"M":' .. core.marshal(full,
      core.options { empty_sets = "null", empty_strings = "null", unsupported = "skip" }) .. "}"))
    assert.are.equal("{}", core.marshal({ f = print, t = coroutine.create(print), io = io.stdout },
      { unsupported = "skip" }))
    assert.are.equal('{"L":[{"S":"a"},{"S":"b"}]}', core.marshal_value({ "a", nil, "b" }, { unsupported = "skip" }))
    local skip = { unsupported = "skip" }
    assert.are.equal('{"NS":["1","2"]}', core.marshal_value(set { print, 1, nil, io.stdout, 2, 1 }, skip))
    assert.error_matches(function() core.marshal_value(set { print, true }, skip) end, "a set holds")
    assert.error_matches(function() core.marshal_value(set { "a", print, core.null }, skip) end, "%[3%]: a set holds")
    assert.error_matches(function() core.marshal_value(set { print }, skip) end, "a set cannot be empty")
    assert.are.equal('{"NULL":true}', core.marshal_value(set { print }, { unsupported = "skip", empty_sets = "null" }))
    assert.error_matches(function() core.marshal_value(print, { unsupported = "skip" }) end, "cannot be stored")
  end)

  it("refuses options that it does not know", function()
    assert.error_matches(function() core.options { number = "exact" } end, "unknown option 'number'")
    assert.error_matches(function() core.options { numbers = "exakt" } end, '"lossless", "native", "exact", "string"')
    assert.error_matches(function() core.options { unsupported = true } end, "'unsupported' must be one of")
    assert.error_matches(function() core.options { "x" } end, "unknown option")
    assert.has_error(function() core.marshal({}, "exact") end)
    assert.has_error(function() core.marshal({}, core.null) end)
    assert.has_error(function() core.marshal({}, core.binary "x") end)
  end)

  it("writes a list once when its elements do not lie in order, however deep", function()
    local function unordered(depth)
      local made = { depth > 0 and unordered(depth - 1) or "x", a = nil, b = nil, c = nil, d = nil }
      made[3], made[2] = 3, 2
      return made
    end
    local text = core.marshal { a = unordered(30) } -- writing each level twice would take hours
    assert.are.equal(31, select(2, text:gsub('{"N":"2"},{"N":"3"}', "")))
  end)
end)

describe("what cannot be stored", function()
  local function refused(value, message)
    local ok, got = pcall(core.marshal, value)
    assert.is_false(ok)
    assert.are.equal(message, (got:gsub("^[^ ]+:%d+: ", "")))
  end

  it("is named by its path", function()
    refused({ address = { tags = { "a", "b", print } } }, "Item.address.tags[3]: a function cannot be stored")
    refused({ ["a b"] = { [""] = { ["c\n"] = print } } }, 'Item["a b"][""]["c\\x0a"]: a function cannot be stored')
    refused({ a = set { "x", 1 } }, "Item.a[2]: a set holds strings, numbers or binaries, all of one type")
    refused({ a = { b = 0/0 } }, "Item.a.b: NaN is not a number that DynamoDB has")
    refused({ a = { 1, 1/0 } }, "Item.a[2]: an infinity is not a number that DynamoDB has")
    refused({ a = { 1, -1/0 } }, "Item.a[2]: an infinity is not a number that DynamoDB has")
    refused({ a = "\255" }, "Item.a: a string that is not UTF-8")
    refused({ a = set { "x", "\192\128" } }, "Item.a[2]: a string that is not UTF-8")
    refused({ ["\237\160\128"] = 1 }, 'Item["\\xed\\xa0\\x80"]: a name that is not UTF-8')
    refused({ a = set {} }, "Item.a: a set cannot be empty")
    refused({ a = coroutine.create(print) }, "Item.a: a coroutine cannot be stored")
    refused({ a = io.stdout }, "Item.a: a userdata cannot be stored")
    refused({ a = 1e126 }, "Item.a: a number's magnitude is at least 1E-130 and less than 1E126")
    refused({ a = 1e-131 }, "Item.a: a number's magnitude is at least 1E-130 and less than 1E126")
    refused({ a = setmetatable({}, core.operator_mt) }, "Item.a: an operator of an expression cannot be stored")
    refused({ a = setmetatable({}, core.path_mt) }, "Item.a: a document path cannot be stored")
  end)

  it("is a set with anything but its elements", function()
    refused({ a = set { [1] = "a", [3] = "c" } }, "Item.a: a hole in a set")
    refused({ a = set { [2] = "b" } }, "Item.a: a hole in a set")
    refused({ a = set { "a", x = 1 } }, 'Item.a: a table with both list elements and the member "x"')
    refused({ a = set { true } }, "Item.a: a set holds strings, numbers or binaries")
    refused({ a = set { {} } }, "Item.a: a set holds strings, numbers or binaries")
    refused({ a = set { core.null } }, "Item.a: a set holds strings, numbers or binaries")
  end)

  it("is a mixture, a hole or a key of another type", function()
    refused({ a = { 1, x = 2 } }, 'Item.a: a table with both list elements and the member "x"')
    refused({ a = { 1, nil, 3 } }, "Item.a[2]: a hole in a list")
    refused({ a = { [2] = 1 } }, "Item.a[1]: a hole in a list")
    refused({ a = { [0] = 1 } }, "Item.a: a list with the index 0")
    refused({ a = { [1.5] = 1 } }, "Item.a: a list with the index 1.5")
    refused({ a = { [-1] = 1 } }, "Item.a: a list with the index -1")
    refused({ a = { [2^40] = 1 } }, "Item.a: a list with the index 1099511627776")
    refused({ a = { [true] = 1 } }, "Item.a: a table with a boolean as key")
    refused({ a = list { x = 1 } }, 'Item.a: a table with both list elements and the member "x"')
    refused({ 1, 2 }, "Item: a map is expected, got a list")
    refused({ x = 1, 5 }, 'Item: a map is expected, got a list')
  end)

  it("is what is no item", function()
    assert.error_matches(function() core.marshal "x" end, "Item: a table is expected, got a string")
    assert.error_matches(function() core.marshal(nil) end, "Item: a table is expected, got a nil")
    assert.error_matches(function() core.marshal() end, "value expected")
    assert.error_matches(function() core.marshal_value(nil) end, "Value: a value is missing")
  end)

  it("is a 33rd level, a cycle", function()
    assert.is_string(core.marshal { a = nested(32) })
    refused({ a = nested(33) }, "Item.a" .. ("[1]"):rep(32) .. ": more than 32 levels of lists and maps")
    local cycle = {}
    cycle.x = { cycle }
    assert.error_matches(function() core.marshal(cycle) end, "Item.x%[1%].x.*a table that contains itself$")
    local twice = { 1 }
    assert.are.equal(equal.canonical '{"M":{"a":{"L":[{"N":"1"}]},"b":{"L":[{"N":"1"}]}}}',
      equal.canonical(core.marshal_value { a = twice, b = twice }))
  end)

  it("leaves the core as it was", function()
    for _ = 1, 1000 do pcall(core.marshal, { a = { b = { print } } }) end
    assert.are.equal('{"a":{"N":"1"}}', core.marshal { a = 1 })
  end)
end)
