--- The number rule of the library: native where that is the same decimal, boxed where it is not.
local core = require "dynamodb.core"

local math_type, tointeger = math.type, rawget(math, "tointeger")   -- nil in LuaJIT
local MAX, MIN = rawget(math, "maxinteger"), rawget(math, "mininteger")
local LUAJIT = rawget(_G, "jit") ~= nil

local function decoded(text, options)
  local value, message = core.unmarshal_value('{"N":"' .. text .. '"}', options)
  assert.is_nil(message)
  return value
end

local function is_boxed(value) return core.kind(value) == "number" end

describe("a decoded N", function()
  it("is an integer where the Lua has it", function()
    for _, text in ipairs { "0", "1", "-1", "9007199254740991", "-9007199254740991", "1E3", "1.50E2", "100e-2", "+7",
                            "007", "-0", "0.0", "0E-200" } do
      local value = decoded(text)
      assert.are.equal("number", type(value), text)
      if math_type then assert.are.equal("integer", math_type(value)) end
    end
    assert.are.equal(150, decoded "1.50E2")
    assert.are.equal("0", tostring(decoded "-0"))
  end)

  it("is boxed beyond what the Lua counts exactly", function()
    for _, text in ipairs { "9223372036854775808", "-9223372036854775809", "1e38",
                            "99999999999999999999999999999999999999", "1e125", "12345678901234567890" } do
      assert.is_true(is_boxed(decoded(text)), text)
    end
    for _, text in ipairs { "9007199254740992", "9007199254740993", "9223372036854775807", "-9223372036854775808" } do
      assert.are.equal(LUAJIT, is_boxed(decoded(text)), text)
      assert.are.equal(text, tostring(decoded(text)))
    end
  end)

  it("is a float where the float's shortest form is the same decimal", function()
    for text, number in pairs { ["0.1"] = 0.1, ["1.5"] = 1.5, ["-2.5e-7"] = -2.5e-7,
                                ["0.30000000000000004"] = 0.1 + 0.2, ["1e-130"] = 1e-130,
                                ["3.141592653589793"] = 3.141592653589793, ["0.10"] = 0.1,
                                ["123456789012345.5"] = 123456789012345.5 } do
      assert.are.equal(number, decoded(text))
      if math_type then assert.are.equal("float", math_type(decoded(text))) end
    end
  end)

  it("is a float also where powers of two hide their shortest form", function()
    for text, number in pairs { ["5.960464477539063e-8"] = 2^-24, ["5.684341886080802e-14"] = 2^-44 } do
      assert.are.equal(number, decoded(text))
      assert.are.equal('{"N":"' .. text .. '"}', core.marshal_value(number))
    end
  end)

  it("is boxed where a float would be another decimal", function()
    for _, text in ipairs { "0.1000000000000000055511151231257827", "3.1415926535897932", "0.30000000000000005",
                            "1.00000000000000000001", "9007199254740993.5" } do
      local value = decoded(text)
      assert.is_true(is_boxed(value), text)
      assert.are.equal(text, tostring(value))
    end
  end)

  it("follows the option `numbers`", function()
    assert.are.equal(1e125, decoded("1e125", { numbers = "native" }))
    assert.are.equal(3.141592653589793, decoded("3.14159265358979323846", { numbers = "native" }))
    assert.are.equal(5, decoded("5", { numbers = "native" }))
    assert.are.equal("1.50E2", decoded("1.50E2", { numbers = "string" }))
    assert.is_nil((core.unmarshal_value('{"N":"x"}', { numbers = "string" })))
    assert.is_true(is_boxed(decoded("5", { numbers = "exact" })))
    assert.is_true(decoded("5", { numbers = "exact" }) == decoded("5.0", { numbers = "exact" }))
    assert.is_true(is_boxed(core.unmarshal_value('{"NS":["5"]}', { numbers = "exact" })[1]))
    assert.are.equal("5", tostring(decoded("5", { numbers = "exact" })))
  end)
end)

describe("core.number", function()
  it("obeys the same rule for text and numbers", function()
    for _, text in ipairs { "1", "0.1", "1e38", "0.1000000000000000055511151231257827", "-9223372036854775809" } do
      local value = core.number(text)
      assert.are.equal(is_boxed(decoded(text)), is_boxed(value))
      assert.are.equal(0, core.compare(value, decoded(text)))
      assert.are.equal(0, core.compare(core.number(value), value))
    end
    assert.are.equal(0.5, core.number(0.5))
    assert.are.equal(3, core.number(3.0))
    assert.are.equal("9007199254740994", tostring(core.number(2^53 + 2)))
    assert.are.equal("1152921504606846976", tostring(core.number(2^60)))
  end)

  it("refuses what is no number", function()
    for _, bad in ipairs { "", " ", "1 ", " 1", "0x10", "1e", "e1", ".", "-", "+-1", "1.2.3", "1,5", "inf", "nan",
                           "1\0", "１" } do
      assert.error_matches(function() core.number(bad) end, "bad argument #1 to 'number'")
    end
    for _, bad in ipairs { true, {}, print, core.null, core.binary "1", 0/0, 1/0, -1/0, 1e126, 1e-131 } do
      assert.error_matches(function() core.number(bad) end, "bad argument #1 to 'number'")
    end
    assert.error_matches(function() core.number(("1"):rep(39)) end, "38 significant digits")
    assert.error_matches(function() core.number "1e126" end, "1E%-130")
    assert.is_true(is_boxed(core.number(("1"):rep(38) .. ("0"):rep(80))))
  end)
end)

describe("a boxed number", function()
  local big, bigger = core.number "12345678901234567890.1", core.number "12345678901234567890.2"

  it("compares with its like by operators, with any number by core.compare", function()
    assert.is_true(big < bigger and big <= bigger and bigger > big and big ~= bigger)
    assert.is_true(big == core.number "1234567890123456789.01E1")
    assert.is_false(big == 12345678901234567890)
    local ordered = { core.number "-1e125", -1e20, -5, -0.5, 0, core.number "1e-100", 0.1, 0.5, 1, 2^53, big, bigger,
                      core.number "1e125" }
    for i, a in ipairs(ordered) do
      for j, b in ipairs(ordered) do
        assert.are.equal(i < j and -1 or i > j and 1 or 0, core.compare(a, b))
      end
    end
  end)

  it("agrees with Lua where Lua compares exactly", function()
    assert.are.equal(0, core.compare(2^60, core.number "1152921504606846976"))
    assert.are.equal(0, core.compare(-2^62, core.number "-4611686018427387904"))
    assert.are.equal(0, core.compare(2^63, core.number "9223372036854775808"))
    assert.are.equal(0, core.compare(-2^70, core.number "-1180591620717411303424"))
    assert.are.equal("1180591620717411303424", tostring(core.number(2^70)))
    assert.are.equal(-1, core.compare(2^53, core.number "9007199254740993"))
    if math_type then
      assert.are.equal(0, core.compare(2^60, tointeger(2^60)))
      assert.are.equal(-1, core.compare(MAX, 2^63))
      assert.are.equal(0, core.compare(MIN, -2^63))
      assert.are.equal(core.key(2^60), core.key(tointeger(2^60)))
    end
  end)

  it("prints canonically and gives the nearest float", function()
    for text, shown in pairs { ["1e38"] = "1e+38", ["00012345678901234567890.50"] = "12345678901234567890.5",
                               ["1.00000000000000000001E-7"] = "1.00000000000000000001e-7",
                               ["99999999999999999999999999999999999999"] = "99999999999999999999999999999999999999",
                               ["0.00000100000000000000000001"] = "0.00000100000000000000000001" } do
      assert.are.equal(shown, tostring(core.number(text)))
      assert.are.equal(tonumber(text), core.number(text):tonumber())
    end
    if math_type then assert.are.equal("float", math_type(core.number "1e38":tonumber())) end
  end)

  it("has no arithmetic, and says so", function()
    local operations = {
      function() return big + 1 end, function() return 1 - big end, function() return big * big end,
      function() return big / 2 end, function() return big % 2 end, function() return big ^ 2 end,
      function() return -big end,
    }
    for _, operation in ipairs(operations) do assert.error_matches(operation, "has no arithmetic; :tonumber%(%)") end
  end)

  it("is written as it is", function()
    assert.are.equal('{"N":"12345678901234567890.1"}', core.marshal_value(big))
    assert.are.equal('{"NS":["12345678901234567890.1","1"]}', core.marshal_value(setmetatable({ big, 1 }, core.set_mt)))
  end)

  it("does not take its methods to strangers", function()
    assert.has_error(function() big.tonumber(core.binary "x") end)
    assert.has_error(function() big.tonumber(5) end)
    assert.has_error(function() big.tonumber(core.null) end)
    assert.has_error(function() getmetatable(big).__tostring(io.stdout) end)
    assert.has_error(function() core.compare(1, "1") end)
    assert.has_error(function() core.compare(big) end)
  end)
end)

describe("a written number", function()
  it("is the shortest decimal that reads back", function()
    for text, number in pairs { ["0.1"] = 0.1, ["1e-7"] = 1e-7, ["0.000001"] = 1e-6, ["1.5"] = 1.5,
                                ["-0.30000000000000004"] = -(0.1 + 0.2), ["123456789.123"] = 123456789.123,
                                ["1e-130"] = 1e-130, ["100"] = 1e2, ["0"] = -0.0, ["5e-10"] = 5e-10 } do
      assert.are.equal('{"N":"' .. text .. '"}', core.marshal_value(number))
    end
  end)

  it("is refused where floats skip numbers, unless the option says native", function()
    for _, number in ipairs { 2^53, -2^53, 2^60, 1e20, 1e125 } do
      assert.error_matches(function() core.marshal_value(number) end, "beyond 2^53")
      local text = core.marshal_value(number, { numbers = "native" })
      assert.are.equal(number, core.unmarshal_value(text, { numbers = "native" }))
    end
    assert.are.equal('{"N":"9007199254740991"}', core.marshal_value(2^53 - 1))
    assert.are.equal('{"N":"1e+125"}', core.marshal_value(1e125, { numbers = "native" }))
    assert.are.equal('{"N":"9.999999999999998e+125"}',
      core.marshal_value(9.999999999999998e125, { numbers = "native" }))
    if math_type then
      assert.are.equal('{"N":"9223372036854775807"}', core.marshal_value(MAX))
      assert.are.equal('{"N":"-9223372036854775808"}', core.marshal_value(MIN))
    end
  end)
end)
