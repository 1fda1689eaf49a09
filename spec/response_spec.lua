-- What the client makes of answers, good and bad.
local core = require "dynamodb.core"
local response = require "dynamodb.response"
local fake_client = require "spec.support.fake_client"
local gzip = require "spec.support.gzip"

local client = fake_client.new

describe("an answer", function()
  it("is decoded, with what the service says about it", function()
    local db = client { { body = '{"Item":{"a":{"N":"1"}},"ConsumedCapacity":{"CapacityUnits":0.5},"New":{"S":"x"}}',
      headers = { ["x-amzn-RequestId"] = "RID1" } } }
    local answer, err, meta = db:call("GetItem", { TableName = "t", Key = { pk = "a" } })
    assert.is_nil(err)
    assert.same({ a = 1 }, answer.Item)
    assert.same({ S = "x" }, answer.New)
    assert.same({ attempts = 1, waited = 0, request_id = "RID1", capacity = { CapacityUnits = 0.5 } }, meta)
  end)

  it("without a body is an empty table", function()
    local db = client { { body = "" } }
    assert.same({}, assert(db:call("TagResource", { ResourceArn = "x", Tags = {} })))
  end)

  it("without a body is none where items come back: a proxy's, not DynamoDB's", function()
    for _, operation in ipairs { "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem",
      "BatchWriteItem", "TransactGetItems", "TransactWriteItems", "ExecuteStatement", "BatchExecuteStatement",
      "ExecuteTransaction", "GetRecords" } do
      for _, body in ipairs { "", " \r\n" } do
        local answer, err = client({ { body = body } }):call(operation, {})
        assert.is_nil(answer, operation)
        assert.same({ "ResponseError", 200, true }, { err.code, err.status, err.sent }, operation)
      end
    end
    local text, problem = response.text({ status = 200, head = "HTTP/1.1 200 OK\r\n\r\n", body = "" }, nil, 4000)
    assert.is_nil(text)
    assert.same({ "ResponseError", true }, { problem.code, problem.sent })
    local users = client({ { body = "" }, { body = "" } }):table "users"
    local item, err = users:get { pk = "a" }
    assert.is_nil(item)
    assert.equal("ResponseError", err.code)
    assert.is_nil((users:put { pk = "a" }))
  end)

  it("that tells its code in a gateway's way is told by that code", function()
    for body, header in pairs {
      ['{"code":"RequestTimeout,other"}'] = "", ['{"message":"m"}'] = "a.b#RequestTimeout:http://x/, a.b#Other",
      ['{"__type":null,"code":null,"Code":"a#b#RequestTimeout"}'] = "x",
    } do
      local _, err = client({ { status = 400, body = body, headers = { ["x-amzn-errortype"] = header } } }, {
        retry = { max_attempts = 1 } }):call "ListTables"
      assert.equal("RequestTimeout", err.code)
    end
    for _, name in ipairs { "__type", "code", "Code" } do
      local _, err = client { { status = 400, body = ('{"%s":1013,"message":"m"}'):format(name) } }:call "ListTables"
      assert.same({ "1013", "m" }, { err.code, err.message })
    end
  end)

  it("is discarded whole if its CRC-32 is wrong, also on errors", function()
    for _, status in ipairs { 200, 400 } do
      local db = client { { status = status, body = '{"__type":"a#ValidationException"}',
        headers = { ["x-amz-crc32"] = "1" } } }
      local answer, err = db:call("GetItem", { TableName = "t", Key = { pk = "a" } })
      assert.is_nil(answer)
      assert.same({ "ResponseError", status, true, true }, { err.code, err.status, err.sent, err.retryable })
      assert.matches("CRC-32", err.message, 1, true)
    end
    local db = client { { body = "{}", headers = { ["x-amz-crc32"] = "junk" } } }
    assert.equal("ResponseError", select(2, db:call("ListTables")).code)
  end)

  it("passes with the right CRC-32", function()
    local body = '{"TableNames":["Test"]}'
    local db = client { { body = body, headers = { ["x-amz-crc32"] = "2335643545" } } }
    assert.same({ "Test" }, { (table.unpack or unpack)(assert(db:call("ListTables")).TableNames) })
  end)

  it("that is compressed is checked first and inflated then", function()
    local plain = '{"Item":{"a":{"S":"Bruck"}}}'
    local packed = gzip.store(plain)
    local headers = { ["x-amz-crc32"] = ("%.0f"):format(core.crc32(packed)), ["content-encoding"] = "gzip" }
    local db = client { { body = packed, headers = headers } }
    assert.equal("Bruck", assert(db:call("GetItem", { TableName = "t", Key = { pk = "a" } })).Item.a)
    headers["x-amz-crc32"] = ("%.0f"):format(core.crc32(plain))
    db = client { { body = packed, headers = headers } }
    assert.equal("ResponseError", select(2, db:call("GetItem", { TableName = "t", Key = { pk = "a" } })).code)
    db = client { { body = packed:sub(1, -9), headers = { ["content-encoding"] = "gzip" } } }
    assert.equal("ResponseError", select(2, db:call("GetItem", { TableName = "t", Key = { pk = "a" } })).code)
    db = client { { body = packed, headers = { ["content-encoding"] = "br" } } }
    assert.equal("ResponseError", select(2, db:call("GetItem", { TableName = "t", Key = { pk = "a" } })).code)
  end)

  it("that would inflate beyond the limit is refused", function()
    local packed = gzip.store('{"a":"' .. ("x"):rep(5000) .. '"}')
    local db = client({ { body = packed, headers = { ["content-encoding"] = "gzip" } } }, { max_response = 4000 })
    local answer, err = db:call("ListTables")
    assert.is_nil(answer)
    assert.equal("ResponseError", err.code)
  end)

  it("that is truncated, garbled or no object is a ResponseError, never half an item", function()
    local whole = '{"Item":{"a":{"S":"b"},"n":{"N":"1"}}}'
    local bodies = { "<html>", "[]", "null", "1", '"x"', whole .. "x", '{"Item":{"a":{"S":1}}}', '{"Item":[1]}',
      '{"Item":{"a":{"X":"1"}}}', "{}{}", "\0" }
    for i = 1, #whole - 1 do bodies[#bodies + 1] = whole:sub(1, i) end
    for _, body in ipairs(bodies) do
      local db = client { { body = body } }
      local answer, err = db:call("GetItem", { TableName = "t", Key = { pk = "a" } })
      assert.is_nil(answer, body)
      assert.equal("ResponseError", err.code, body)
      assert.equal(200, err.status)
    end
  end)
end)

describe("an error answer", function()
  local function failure(answer)
    local db = client { answer }
    local value, err = db:call("PutItem", { TableName = "t", Item = { pk = "a" } })
    assert.is_nil(value)
    return err
  end

  it("has its code from the body, else from the header, else from the status", function()
    local cases = {
      { '{"__type":"com.amazonaws.dynamodb.v20120810#TableNotFoundException"}', "TableNotFoundException" },
      { '{"__type":"aws.protocoltests#FooError:http://example"}', "FooError" },
      { '{"code":"ValidationException","__type":"a#FooError"}', "FooError" },
      { '{"Code":"FooError"}', "FooError" },
      { '{"code":"FooError"}', "FooError" },
      { '{"code":400}', "400" },
      { "{}", "400" },
      { "", "400" },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], failure { status = 400, body = case[1] }.code)
    end
    local headers = { ["X-Amzn-Errortype"] = "a.b#FooError:http://x" }
    assert.equal("FooError", failure({ status = 400, body = '{"message":"m"}', headers = headers }).code)
    assert.equal("BarError", failure({ status = 400, body = '{"__type":"BarError"}', headers = headers }).code)
  end)

  it("has its message in either spelling, or the text of a body that is not JSON", function()
    assert.equal("m", failure({ status = 400, body = '{"message":"m"}' }).message)
    assert.equal("M", failure({ status = 400, body = '{"Message":"M"}' }).message)
    assert.equal("m", failure({ status = 400, body = '{"Message":"M","message":"m"}' }).message)
    local err = failure { status = 502, body = "<html>bad gateway</html>\n" }
    assert.same({ "502", "<html>bad gateway</html>", true }, { err.code, err.message, err.retryable })
    assert.is_true(#failure({ status = 502, body = ("x"):rep(100000) }).message <= 2000)
  end)

  it("has the request id in either spelling", function()
    assert.equal("A", failure({ status = 400, body = "{}", headers = { ["x-amzn-RequestId"] = "A" } }).request_id)
    assert.equal("B", failure({ status = 400, body = "{}", headers = { ["x-amz-request-id"] = "B" } }).request_id)
  end)

  it("has the item that made the condition fail, decoded, and says what was called", function()
    local err = failure { status = 400, body = '{"__type":"a#ConditionalCheckFailedException",'
      .. '"message":"The conditional request failed","Item":{"pk":{"S":"a"},"n":{"N":"1"}}}' }
    assert.is_true(err:is "ConditionalCheckFailed")
    assert.same({ pk = "a", n = 1 }, err.item)
    assert.same({ "PutItem", 400, 1, true, false, false },
      { err.operation, err.status, err.attempts, err.sent, err.ambiguous, err.retryable })
    assert.equal("ConditionalCheckFailedException: The conditional request failed (PutItem of t, HTTP 400)",
      tostring(err))
  end)

  it("has the reasons of a cancelled transaction in the request's order", function()
    local err = failure { status = 400, body = '{"__type":"a#TransactionCanceledException","Message":"cancelled",'
      .. '"CancellationReasons":[{"Code":"None"},'
      .. '{"Code":"ConditionalCheckFailed","Message":"m","Item":{"a":{"N":"1"}}}]}' }
    assert.same({ { code = "None" }, { code = "ConditionalCheckFailed", message = "m", item = { a = 1 } } },
      err.reasons)
  end)

  it("has the reasons of a throttled request, and the whole body", function()
    local err = failure { status = 400, body = '{"__type":"a#ThrottlingException","message":"m",'
      .. '"throttlingReasons":[{"reason":"TableReadProvisionedThroughputExceeded","resource":"arn"}],"More":1}' }
    assert.equal("TableReadProvisionedThroughputExceeded", err.throttling[1].reason)
    assert.equal("arn", err.throttling[1].resource)
    assert.equal(1, err.body.More)
    assert.is_true(err.retryable)
  end)

  it("has no half secret where a page that is not JSON is cut", function()
    local text = ("x"):rep(1990) .. fake_client.secret
    local db = client { { status = 502, body = text } }
    local _, err = db:call("ListTables")
    assert.is_nil(err.message:find(fake_client.secret:sub(1, 10), 1, true))
    assert.equal(("x"):rep(1990) .. "[redacted]", err.message)
  end)

  it("has no secret in its code or in the reasons of a cancelled transaction", function()
    local secret = fake_client.secret
    local body = core.json_encode { __type = "a#" .. secret:gsub("/", "."), code = secret, message = "m",
      CancellationReasons = { { Code = secret, Message = "for " .. secret } } }
    local _, err = client({ { status = 400, body = body } }):call("ListTables")
    assert.same({ { code = "[redacted]", message = "for [redacted]" } }, err.reasons)
    assert.equal("[redacted]", err.body.code)
    _, err = client({ { status = 400, body = core.json_encode { code = secret } } }):call("ListTables")
    assert.equal("[redacted]", err.code)
  end)

  it("is one for every status from 300", function()
    for _, status in ipairs { 300, 301, 307, 404, 500 } do
      assert.equal(("%d"):format(status), failure({ status = status, body = "{}" }).code)
    end
  end)

  it("never shows a secret, even if the service quotes it", function()
    local quoted = core.json_encode { __type = "a#InvalidSignatureException",
      message = "Canonical String: x-amz-security-token:" .. fake_client.token .. " key " .. fake_client.secret }
    local db = client({ { status = 400, body = quoted } }, { session_token = fake_client.token })
    local _, err = db:call("ListTables")
    for _, text in ipairs { tostring(err), err.message, err.body.message, tostring(db), tostring(db:table "t") } do
      assert.is_nil(text:find(fake_client.token, 1, true))
      assert.is_nil(text:find(fake_client.secret, 1, true))
    end
    assert.matches("[redacted]", err.message, 1, true)
  end)
end)
