local cjson = require "cjson"
local core = require "dynamodb.core"

local GET = core.shape "(TableName,Key i,AttributesToGet [],ConsistentRead,ExpressionAttributeNames {})"
local BATCH = core.shape "(RequestItems {[(PutRequest (Item i),DeleteRequest (Key i))]},ReturnConsumedCapacity)"
local ANSWER = core.shape "(Item i,Responses {[i]},Attributes i)"

local function encoded(shape, params, options, strict)
  local body, message = core.encode(shape, params, options, strict)
  assert.is_nil(message)
  return cjson.decode(body)
end

describe("core.shape", function()
  it("compiles what the generated model holds", function()
    local model = require "dynamodb.model"
    for name, operation in pairs(model.operations) do
      assert.is_userdata(core.shape(operation.input), name)
      if operation.output then assert.is_userdata(core.shape(operation.output), name) end
    end
    assert.is_userdata(core.shape(model.error))
  end)

  it("raises for any other text", function()
    for _, bad in ipairs { "", " ", "x", "(", "()", "(A", "(A,", "(A,)", "(A i", "[", "[v", "{i", "v v", "(A))",
                           "(A i v)", "i]", "(a-b)", "[[", "\0", "(A\0)", ("["):rep(40) .. ("]"):rep(40),
                           "(" .. ("a"):rep(256) .. ")", "(" .. ("abcdefghi,"):rep(7000) .. "a)" } do
      assert.error_matches(function() core.shape(bad) end, "bad shape")
    end
    assert.has_error(function() core.shape() end)
    assert.has_error(function() core.encode(core.options {}, {}) end)
    assert.has_error(function() core.encode(nil, {}) end)
  end)
end)

describe("core.encode", function()
  it("writes attribute values where they stand, and plain JSON elsewhere", function()
    assert.are.same({ TableName = "t", Key = { pk = { S = "a" } }, AttributesToGet = { "x" }, ConsistentRead = true },
      encoded(GET, { TableName = "t", Key = { pk = "a" }, AttributesToGet = { "x" }, ConsistentRead = true }))
    assert.are.same({ RequestItems = { t = { { PutRequest = { Item = { a = { N = "1" } } } },
                                             { DeleteRequest = { Key = { a = { N = "2" } } } } } } },
      encoded(BATCH, { RequestItems = { t = { { PutRequest = { Item = { a = 1 } } },
                                              { DeleteRequest = { Key = { a = 2 } } } } } }))
    assert.are.equal('{"a":{"N":"1"}}', core.encode(core.shape "i", { a = 1 }))
    assert.are.equal('[{"N":"1"}]', core.encode(core.shape "[v]", { 1 }))
  end)

  it("knows an empty list from an empty map by the shape", function()
    assert.are.equal('{"AttributesToGet":[]}', core.encode(GET, { AttributesToGet = {} }))
    assert.are.equal('{"ExpressionAttributeNames":{}}', core.encode(GET, { ExpressionAttributeNames = {} }))
    assert.are.equal('{"Key":{}}', core.encode(GET, { Key = {} }))
    assert.are.equal("{}", core.encode(GET, {}))
  end)

  it("passes members through that it has never heard of, as plain JSON", function()
    for _, strict in ipairs { false, true } do
      assert.are.same({ Novelty = { Deep = { 1, "x", { Item = { pk = "a" } } } } },
        encoded(GET, { Novelty = { Deep = { 1, "x", { Item = { pk = "a" } } } } }, nil, strict))
    end
  end)

  it("leaves members out that are null, but not a value, which can be NULL", function()
    assert.are.equal('{"Value":{"NULL":true}}', core.encode(core.shape "(Exists,Value v)", { Value = core.null }))
    assert.are.equal("{}", core.encode(GET, { TableName = core.null, Key = core.null, Novelty = core.null }))
    assert.are.equal('{"Key":{"a":{"NULL":true}}}', core.encode(GET, { Key = { a = core.null } }))
  end)

  it("refuses names that are nearly known ones, if it is strict", function()
    local ending = ": unknown member; %s is meant? (strict = false sends it as it is)"
    for name, meant in pairs { Tablename = "TableName", TabelName = "TableName", TableNames = "TableName",
                               ableName = "TableName", TableNane = "TableName", key = "Key", Keys = "Key",
                               KEY = "Key", Kye = "Key" } do
      local body, message = core.encode(GET, { [name] = "x" }, nil, true)
      assert.is_nil(body)
      assert.are.equal(name .. ending:format(meant), message)
      assert.are.same({ [name] = "x" }, encoded(GET, { [name] = "x" }))
    end
    local _, nested = core.encode(BATCH, { RequestItems = { t = { { PutRequest = { Itme = {} } } } } }, nil, true)
    assert.are.equal("RequestItems.t[1].PutRequest.Itme" .. ending:format "Item", nested)
    for _, far in ipairs { "TableNameXY", "Tab", "Ke_ys", "", "K", "Items12" } do
      assert.is_string((core.encode(GET, { [far] = 1 }, nil, true)))
    end
    assert.is_string((core.encode(BATCH, { RequestItems = { itme = {} } }, nil, true)))   -- a name of the user's
  end)

  it("names the place of what is wrong, without raising", function()
    local function refused(shape, params, wanted)
      local body, message = core.encode(shape, params)
      assert.is_nil(body)
      assert.are.equal(wanted, message)
    end
    refused(GET, { Key = { pk = print } }, "Key.pk: a function cannot be stored")
    refused(GET, { Key = "a" }, "Key: a table is expected, got a string")
    refused(GET, { Key = { "a" } }, "Key: a map is expected, got a list")
    refused(GET, { AttributesToGet = { a = 1 } }, "AttributesToGet: a list is expected, got a table with members")
    refused(GET, { Novelty = print }, "Novelty: a function cannot be written as JSON")
    refused(GET, { Novelty = 0/0 }, "Novelty: NaN and infinities cannot be written as JSON")
    refused(BATCH, { RequestItems = { t = { { PutRequest = { Item = { a = 0/0 } } } } } },
      "RequestItems.t[1].PutRequest.Item.a: NaN is not a number that DynamoDB has")
    refused(GET, "x", "a table is expected, got a string")
    refused(GET, nil, "a table is expected, got a nil")
  end)
end)

describe("core.decode", function()
  it("reads attribute values where they stand, and plain JSON elsewhere", function()
    assert.are.same({ Item = { a = 1 }, ConsumedCapacity = { CapacityUnits = 0.5, S = { S = "x" } } },
      core.decode(ANSWER, '{"Item":{"a":{"N":"1"}},"ConsumedCapacity":{"CapacityUnits":0.5,"S":{"S":"x"}}}'))
    assert.are.same({ Responses = { t = { { a = "x" }, { b = true } } } },
      core.decode(ANSWER, '{"Responses":{"t":[{"a":{"S":"x"}},{"b":{"BOOL":true}}]}}'))
    assert.are.same({ Item = { a = { S = "x" } } }, core.decode(nil, '{"Item":{"a":{"S":"x"}}}'))
  end)

  it("leaves null members out, and takes an empty body for an empty answer", function()
    assert.are.same({}, core.decode(ANSWER, '{"Item":null,"Other":null}'))
    assert.are.same({ a = { b = 1 } }, core.decode(nil, '{"a":{"b":1,"c":null}}'))
    assert.are.same({}, core.decode(ANSWER, ""))
    assert.are.same({}, core.decode(nil, ""))
    assert.are.equal(core.null, core.decode(ANSWER, '{"Item":{"a":{"NULL":true}}}').Item.a)
  end)

  it("gives nothing of a body that is wrong", function()
    for _, bad in ipairs { "[]", "null", "1", '"x"', "{", '{"Item":[]}', '{"Item":{"a":null}}', '{"Item":{"a":"x"}}',
                           "{}{}", " ", '{"Item":{"a":{"S":"x"}}', '{"Item":"x"}', '{"Responses":{"t":{}}}', "<html>",
                           "\0" } do
      local got, message = core.decode(ANSWER, bad)
      assert.is_nil(got)
      assert.is_string(message)
    end
    assert.is_nil((core.decode(nil, "[]")))
    assert.has_error(function() core.decode(ANSWER) end)
    assert.has_error(function() core.decode(ANSWER, 5) end)
    assert.has_error(function() core.decode("x", "{}") end)
  end)

  it("is the reverse of core.encode, with options", function()
    local item = { a = 1.5, b = { "x", { c = core.binary "\0" } } }
    local shape = core.shape "(Item i)"
    local body = core.encode(shape, { Item = item })
    assert.are.equal("1.5", core.decode(shape, body, { numbers = "string" }).Item.a)
    assert.is_true(require "spec.support.equal".same({ Item = item }, core.decode(shape, body, core.options {})))
  end)
end)
