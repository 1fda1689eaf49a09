local core = require "dynamodb.core"
local vectors = require "spec.support.vectors"

describe("JSONTestSuite", function()
  local names = vectors.list "json"
  if #names == 0 then pending("json: vectors absent") end

  for _, name in ipairs(names) do
    local sort = name:match "^([yni])_.*%.json$"
    if sort then
      it(name, function()
        local text = assert(vectors.read("json/" .. name))
        local value, message = core.json_decode(text)
        if value == nil then assert.is_string(message) end
        if sort == "y" then assert.are_not.equal(nil, value) end
        if sort == "n" then assert.is_nil(value) end
        if value ~= nil then assert.are_not.equal(nil, (core.json_decode(core.json_encode(value)))) end
      end)
    end
  end
end)

describe("core.json_decode", function()
  it("reads numbers as integers where they are, else as floats", function()
    assert.are.same({ 0, 1, -1, 9007199254740991, 1.5, 100, 1e300 },
      core.json_decode "[0,1,-1,9007199254740991,1.5,1e2,1e300]")
    if math.type then
      assert.are.equal("integer", math.type(core.json_decode "9223372036854775807"))
      assert.are.equal("float", math.type(core.json_decode "1.0"))
      assert.are.equal("integer", math.type(core.json_decode "-9223372036854775808"))
    end
    assert.are.equal(9223372036854775808, core.json_decode "9223372036854775808")
    assert.are.equal(-1/0, 1 / core.json_decode "-0")
    assert.are.equal(0, core.json_decode "1e-400")
    assert.is_nil((core.json_decode "1e400"))
    assert.are.equal(0.1, core.json_decode("0.1" .. ("0"):rep(1000)))
    assert.are.equal(1e300, core.json_decode("1" .. ("0"):rep(300)))
    assert.are.equal(1, core.json_decode("0." .. ("0"):rep(999) .. "1e1000"))
  end)

  it("does not ask the locale for the decimal point", function()
    local texts = { "1.5", "0.1234567890123456789012345678901234567890123", "1.5e-200", "1.7976931348623157e308" }
    local before = {}
    for i, text in ipairs(texts) do before[i] = core.json_decode(text) end
    local own = os.setlocale(nil, "numeric")
    local other = os.setlocale("de_DE.UTF-8", "numeric") or os.setlocale("fr_FR.UTF-8", "numeric")
    if not other then return pending "no locale with a decimal comma is installed" end
    local after, written = {}, core.json_encode { 1.5, 1.5e200, 0.1 }
    for i, text in ipairs(texts) do after[i] = core.json_decode(text) end
    local number, marshalled = core.number "0.5", core.marshal_value(0.1 + 0.2)
    os.setlocale(own, "numeric")
    assert.are.same(before, after)
    assert.are.equal(0.5, number)
    assert.are.equal("[1.5,1.5e+200,0.1]", written)
    assert.are.equal('{"N":"0.30000000000000004"}', marshalled)
  end)

  it("marks arrays, reads null as null", function()
    local value = core.json_decode '{"a":[],"b":null,"c":{}}'
    assert.are.equal(core.list_mt, getmetatable(value.a))
    assert.are.equal(core.null, value.b)
    assert.is_nil(getmetatable(value.c))
    assert.are.equal(core.null, core.json_decode "null")
    assert.is_false(core.json_decode "false")
  end)

  it("takes the last of members with one name", function()
    local members = {}
    for i = 1, 100 do members[i] = ('"a":%d,"m%d":%d'):format(i, i, i) end
    assert.are.equal(2, core.json_decode '{"a":1,"a":2}'.a)
    assert.are.equal(100, core.json_decode("{" .. table.concat(members, ",") .. "}").a)
  end)
end)

describe("core.json_encode", function()
  it("writes plain values", function()
    for text, value in pairs {
      ["null"] = core.null, ["true"] = true, ["1"] = 1, ["0.1"] = 0.1, ['"a\\n"'] = "a\n", ["{}"] = {},
      ["[]"] = setmetatable({}, core.list_mt), ['[1,"b"]'] = { 1, "b" }, ['"AA=="'] = core.binary "\0",
      ['["x"]'] = setmetatable({ "x" }, core.set_mt),
      ["12345678901234567890.5"] = core.number "12345678901234567890.5", ["1e-7"] = 1e-7,
    } do
      assert.are.equal(text, core.json_encode(value))
    end
    for _, number in ipairs { 1e300, 1.7976931348623157e308, 5e-324, 2^60, 2^53 + 2, 1e22, 1e-200, 123456789.123 } do
      assert.are.equal(number, core.json_decode(core.json_encode(number)))
      assert.are.equal(-number, core.json_decode(core.json_encode(-number)))
    end
  end)

  it("refuses what is no JSON", function()
    assert.error_matches(function() core.json_encode { a = { print } } end, "a%[1%]: a function cannot be written")
    assert.error_matches(function() core.json_encode { a = 0/0 } end, "a: NaN and infinities")
    assert.error_matches(function() core.json_encode(-1/0) end, "NaN and infinities")
    assert.error_matches(function() core.json_encode "\255" end, "not UTF%-8")
    assert.error_matches(function() core.json_encode { 1, x = 2 } end, "both")
    assert.has_error(function() core.json_encode(nil) end)
    local cycle = {}
    cycle[1] = cycle
    assert.error_matches(function() core.json_encode(cycle) end, "contains itself")
  end)
end)
