local cjson = require "cjson"
local core = require "dynamodb.core"
local equal = require "spec.support.equal"
local native = require "spec.support.native"
local vectors = require "spec.support.vectors"

local function value(text)
  local got, message = core.unmarshal_value(text)
  assert.is_nil(message)
  return got
end

describe("vectors/marshalling, deserialize", function()
  local data = vectors.json "marshalling/attribute-values.json"
  if not data then return pending("marshalling/attribute-values.json: vectors absent") end

  for _, case in ipairs(data.deserialize) do
    it("reads " .. case.name, function()
      assert.is_true(equal.same(native(case.native), value(cjson.encode(case.attribute_value))))
    end)
  end

  for _, case in ipairs(data.deserialize_errors) do
    it("refuses " .. case.name, function()
      local got, message = core.unmarshal_value(cjson.encode(case.attribute_value))
      assert.is_nil(got)
      assert.is_string(message)
    end)
  end
end)

describe("core.unmarshal", function()
  it("reads every type", function()
    assert.are.equal("a\n\0é😀", value '{"S":"a\\n\\u0000\\u00e9\\ud83d\\ude00"}')
    assert.are.equal(core.null, value '{"NULL":true}')
    assert.is_false(value '{"BOOL":false}')
    assert.are.equal("\0\255", tostring(value '{"B":"AP8="}'))
    assert.are.equal(core.list_mt, getmetatable(value '{"L":[]}'))
    assert.are.equal(core.list_mt, getmetatable(value '{"L":[{"L":[]}]}'[1]))
    assert.is_nil(getmetatable(value '{"M":{}}'))
    assert.are.equal(core.set_mt, getmetatable(value '{"NS":["1"]}'))
    assert.are.equal("binary", core.kind(value '{"BS":["AA=="]}'[1]))
    assert.are.same({}, core.unmarshal "{}")
  end)

  it("reads blanks, nulls and a __type wherever a service may put them", function()
    assert.are.equal(1, value ' { "N" : "1" } ')
    assert.are.equal("x", value '{"S":"x","N":null,"__type":"AttributeValue"}')
    assert.are.equal("x", value '{"__type":"a","N":null,"S":"x"}')
    assert.are.equal("x", value '{"N":null,"S":"x"}')
    assert.are.equal(true, value '{"NULL":null,"BOOL":true}')
    assert.are.equal("x", value '{"\\u0053":"x"}')
    assert.are.same({ a = { 1, "b" } }, core.unmarshal '\n{\t"a" : {"L":[ {"N":"1"} , {"S":"b"} ]}\r\n}')
  end)

  it("keeps a list a list when it is emptied", function()
    local item = core.unmarshal '{"l":{"L":[{"S":"x"}]}}'
    item.l[1] = nil
    assert.are.equal('{"l":{"L":[]}}', core.marshal(item))
  end)

  it("reads objects and arrays of any size", function()
    for _, count in ipairs { 0, 1, 31, 32, 33, 63, 64, 65, 100, 1000 } do
      local members, elements = {}, {}
      for i = 1, count do
        elements[i] = ('{"N":"%d"}'):format(i)
        members[i] = ('"m%d":%s'):format(i, elements[i])
      end
      local map = value('{"M":{' .. table.concat(members, ",") .. "}}")
      local list = value('{"L":[' .. table.concat(elements, ",") .. "]}")
      assert.are.equal(count, #list)
      for i = 1, count do
        assert.are.equal(i, list[i])
        assert.are.equal(i, map["m" .. i])
        map["m" .. i] = nil
      end
      assert.is_nil(next(map))
    end
  end)

  it("refuses what is no AttributeValue, and says where", function()
    for text, message in pairs {
      ["{}"] = "an attribute value without a type, at byte 2",
      ['{"X":"a"}'] = "an attribute value of unknown type, at byte 6",
      ['{"S":"a","N":"1"}'] = "an attribute value of two types, at byte 14",
      ['{"S":null}'] = "an attribute value without a type, at byte 10",
      ['{"S":1}'] = "a string is expected, at byte 6",
      ['{"N":1}'] = "a number in a string is expected, at byte 6",
      ['{"N":""}'] = "not a number, at byte 8",
      ['{"N":"1x"}'] = "not a number, at byte 10",
      ['{"N":"NaN"}'] = "not a number, at byte 11",
      ['{"N":"1E126"}'] = "a number's magnitude is at least 1E-130 and less than 1E126, at byte 13",
      ['{"B":"A"}'] = "not base64, at byte 9",
      ['{"BOOL":1}'] = "a value is expected, at byte 9",
      ['{"BOOL":"true"}'] = "a value is expected, at byte 9",
      ['{"SS":["a",1]}'] = "a string is expected, at byte 12",
      ['{"L":{}}'] = "an array is expected, at byte 6",
      ['{"M":[]}'] = "an object is expected, at byte 6",
      ['{"M":{"a":null}}'] = "an attribute value is expected, at byte 11",
      ['{"S":"a"'] = "a closing brace is expected, at the end of the text (byte 8)",
      ['{"S":"a'] = "a string is not closed, at the end of the text (byte 7)",
      ['{"S":"a"} x'] = "text after the end of the value, at byte 11",
      [""] = "an attribute value is expected, at the end of the text (byte 0)",
      ['"a"'] = "an attribute value is expected, at byte 1",
      ['{"S":"\255"}'] = "a string is not UTF-8, at byte 8",
    } do
      local got, told = core.unmarshal_value(text)
      assert.is_nil(got)
      assert.are.equal(message, told)
    end
  end)

  it("refuses every text that is cut short", function()
    local text = '{"a":{"S":"x\\u263a"},"b":{"L":[{"N":"1"},{"NULL":true},{"BS":["AA=="]}]},'
      .. '"c":{"M":{"d":{"BOOL":false}}}}'
    assert.is_table(core.unmarshal(text))
    for i = 0, #text - 1 do
      local got, message = core.unmarshal(text:sub(1, i))
      assert.is_nil(got)
      assert.is_string(message)
    end
  end)

  it("reads deeper than DynamoDB nests, but not without end", function()
    local function deep(levels) return ('{"L":['):rep(levels) .. '{"S":"x"}' .. "]}" .. ("]}"):rep(levels - 1) end
    assert.is_table(value(deep(32)))
    assert.is_table(value(deep(100)))
    assert.are.same({ nil, "nested too deep" }, { (select(1, core.unmarshal_value(deep(100000)))),
                                                   (select(2, core.unmarshal_value(deep(100000))):match "^[^,]+") })
  end)

  it("raises for arguments that are no text", function()
    assert.has_error(function() core.unmarshal() end)
    assert.has_error(function() core.unmarshal {} end)
    assert.has_error(function() core.unmarshal("{}", { numbers = "x" }) end)
  end)
end)
