-- What leaves the client and what it makes of answers, over a runtime of which nothing is real.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local fake = require "dynamodb.runtime.fake"
local gzip = require "spec.support.gzip"
local vectors = require "spec.support.vectors"

local SECRET, TOKEN = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLETOKEN"

-- A client over scripted answers.
local function client(answers, options)
  local runtime = fake.new { answers = answers, time = 1700000000 }
  local all = { region = "eu-west-1", access_key_id = "AKIDEXAMPLE", secret_access_key = SECRET, runtime = runtime }
  for name, value in pairs(options or {}) do all[name] = value end
  return dynamodb.connect(all), runtime
end

local function header(request, name)
  return core.header("POST / HTTP/1.1\r\n" .. request.head .. "\r\n", name)
end

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return tostring(message)
end

describe("a request", function()
  it("is what DynamoDB expects", function()
    local db, runtime = client { { body = "{}" } }
    assert(db:call("GetItem", { TableName = "users", Key = { pk = "USER#1" } }))
    local request = runtime.requests[1]
    assert.same({ TableName = "users", Key = { pk = { S = "USER#1" } } }, core.json_decode(request.body))
    assert.same({ "POST", "https", "dynamodb.eu-west-1.amazonaws.com", 443, "/" },
      { request.method, request.scheme, request.host, request.port, request.path })
    assert.equal("dynamodb.eu-west-1.amazonaws.com", header(request, "host"))
    assert.equal("application/x-amz-json-1.0", header(request, "content-type"))
    assert.equal("DynamoDB_20120810.GetItem", header(request, "x-amz-target"))
    assert.equal(tostring(#request.body), header(request, "content-length"))
    assert.equal("20231114T221320Z", header(request, "x-amz-date"))
    assert.equal("attempt=1; max=1", header(request, "amz-sdk-request"))
    assert.equal("identity", header(request, "accept-encoding"))
    assert.matches("^%x+%-%x+%-4%x+%-%x+%-%x+$", header(request, "amz-sdk-invocation-id"))
    assert.matches("^dynamodb%-lua/%d[%w.]* ua/2%.1 lang/lua%a*#%d", header(request, "user-agent"))
    assert.matches("^AWS4%-HMAC%-SHA256 Credential=AKIDEXAMPLE/20231114/eu%-west%-1/dynamodb/aws4_request, Signed",
      header(request, "authorization"))
    assert.is_nil(header(request, "x-amz-security-token"))
    assert.equal("\r\n", request.head:sub(-2))
    assert.is_nil(request.head:find("\r\n\r\n", 1, true))
  end)

  it("is signed over all of it: the signature is that of an independent call", function()
    local db, runtime = client({ { body = "{}" } }, { session_token = TOKEN })
    assert(db:call("ListTables"))
    local request = runtime.requests[1]
    local authorization = header(request, "authorization")
    local headers = {}
    for name in authorization:match "SignedHeaders=([^,]+)":gmatch "[^;]+" do
      if name ~= "x-amz-date" and name ~= "x-amz-security-token" then
        headers[#headers + 1] = { name, header(request, name) }
      end
    end
    local signer = core.signer { access_key_id = "AKIDEXAMPLE", secret_access_key = SECRET, session_token = TOKEN,
      region = "eu-west-1", service = "dynamodb" }
    local signed = { method = "POST", path = "/", query = "", headers = headers, body = request.body }
    local _, signature = signer:sign(signed, 1700000000)
    assert.equal(signature, authorization:match "Signature=(%x+)$")
    assert.equal(TOKEN, header(request, "x-amz-security-token"))
  end)

  it("goes to Streams for what is theirs, signed as dynamodb", function()
    local db, runtime = client { { body = "{}" } }
    assert(db:call("GetRecords", { ShardIterator = "x" }))
    local request = runtime.requests[1]
    assert.equal("streams.dynamodb.eu-west-1.amazonaws.com", request.host)
    assert.equal("DynamoDBStreams_20120810.GetRecords", header(request, "x-amz-target"))
    assert.matches("/eu-west-1/dynamodb/aws4_request", header(request, "authorization"), 1, true)
  end)

  it("goes to the endpoint that is given", function()
    local db, runtime = client({ { body = "{}" } }, { endpoint = "http://127.0.0.1:8000" })
    assert(db:call("ListTables", {}))
    local request = runtime.requests[1]
    assert.same({ "http", "127.0.0.1", 8000, "127.0.0.1:8000", "{}" },
      { request.scheme, request.host, request.port, header(request, "host"), request.body })
  end)

  it("has an invocation id of its own", function()
    local db, runtime = client { {}, {} }
    assert(db:call("ListTables"))
    assert(db:call("ListTables"))
    assert.are_not.equal(header(runtime.requests[1], "amz-sdk-invocation-id"),
      header(runtime.requests[2], "amz-sdk-invocation-id"))
  end)

  it("carries an idempotency token that is made for it, and leaves the caller's table alone", function()
    local db, runtime = client { {}, {}, {} }
    local params = { TransactItems = { { Put = { TableName = "t", Item = { pk = "a" } } } } }
    assert(db:call("TransactWriteItems", params))
    assert(db:call("TransactWriteItems", params))
    params.ClientRequestToken = "mine"
    assert(db:call("TransactWriteItems", params))
    local function token(i) return core.json_decode(runtime.requests[i].body).ClientRequestToken end
    assert.matches("^%x+%-%x+%-4%x+%-%x+%-%x+$", token(1))
    assert.are_not.equal(token(1), token(2))
    assert.equal("mine", token(3))
    params.ClientRequestToken = nil
    assert.same({ TransactItems = { { Put = { TableName = "t", Item = { pk = "a" } } } } }, params)
  end)

  it("names the application in its User-Agent", function()
    local db, runtime = client({ {} }, { app_id = "shop", user_agent = "batch/3" })
    assert(db:call("ListTables"))
    assert.matches(" app/shop batch/3$", header(runtime.requests[1], "user-agent"))
  end)

  it("sends plain JSON for an operation that it does not know, its name checked for slips", function()
    local db, runtime = client { { body = '{"Answer":42}' } }
    local answer = assert(db:call("ForgetEverything", { TableName = "t", Deep = { S = "x" } }))
    assert.equal(42, answer.Answer)
    assert.equal("DynamoDB_20120810.ForgetEverything", header(runtime.requests[1], "x-amz-target"))
    assert.same({ TableName = "t", Deep = { S = "x" } }, core.json_decode(runtime.requests[1].body))
    assert.matches('unknown operation "GetItems"; did you mean "GetItem"?', message_of(db.call, db, "GetItems"), 1,
      true)
    assert.matches('did you mean "GetItem"?', message_of(db.call, db, "Getitem", {}), 1, true)
    assert.matches("cannot be an operation's name", message_of(db.call, db, "a\r\nb", {}), 1, true)
    local loose = client({ {} }, { strict = false })
    assert(loose:call("GetItems", {}))
  end)

  it("is refused at the caller's line for a misspelt member or a value that cannot be sent, with its path", function()
    local db, runtime = client {}
    local message = message_of(function() db:call("PutItem", { TableName = "t", ConditonExpression = "x" }) end)
    assert.matches("client_spec.lua:", message, 1, true)
    assert.matches("ConditonExpression", message, 1, true)
    message = message_of(db.call, db, "PutItem", { TableName = "t", Item = { a = { tags = { 1, 2, print } } } })
    assert.matches("Item.a.tags[3]", message, 1, true)
    assert.matches("must be a table", message_of(db.call, db, "PutItem", "x"), 1, true)
    assert.matches('unknown option of call "timeuot"; did you mean "timeout"?',
      message_of(db.call, db, "PutItem", {}, { timeuot = 3 }), 1, true)
    assert.matches("timeout must be a number of seconds", message_of(db.call, db, "PutItem", {}, { timeout = "3" }), 1,
      true)
    assert.matches("deadline must be a number of seconds", message_of(db.call, db, "PutItem", {}, { deadline = false }),
      1, true)
    assert.equal(0, #runtime.requests)
  end)
end)

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
    assert.equal("ConditionalCheckFailedException: The conditional request failed (PutItem, HTTP 400)", tostring(err))
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

  it("is one for every status from 300", function()
    for _, status in ipairs { 300, 301, 307, 404, 500 } do
      assert.equal(("%d"):format(status), failure({ status = status, body = "{}" }).code)
    end
  end)

  it("never shows a secret, even if the service quotes it", function()
    local quoted = core.json_encode { __type = "a#InvalidSignatureException",
      message = "Canonical String: x-amz-security-token:" .. TOKEN .. " key " .. SECRET }
    local db = client({ { status = 400, body = quoted } }, { session_token = TOKEN })
    local _, err = db:call("ListTables")
    for _, text in ipairs { tostring(err), err.message, err.body.message, tostring(db), tostring(db:table "t") } do
      assert.is_nil(text:find(TOKEN, 1, true))
      assert.is_nil(text:find(SECRET, 1, true))
    end
    assert.matches("[redacted]", err.message, 1, true)
  end)
end)

describe("a failed attempt", function()
  local function outcome(operation, params, answer, options, call_options)
    local db, runtime = client({ answer }, options)
    local value, err = db:call(operation, params, call_options)
    assert.is_nil(value)
    return err, runtime.requests[1]
  end

  local GET = { TableName = "t", Key = { pk = "a" } }
  local UPDATE = { TableName = "t", Key = { pk = "a" }, UpdateExpression = "ADD n :1" }
  local PUT = { TableName = "t", Item = { pk = "a" } }

  it("passes the transport's failure on, with the operation", function()
    local err = outcome("GetItem", GET, { code = "Timeout", message = "no answer", sent = true })
    assert.same({ "Timeout", "GetItem", 1, true, false, true },
      { err.code, err.operation, err.attempts, err.sent, err.ambiguous, err.retryable })
  end)

  it("is ambiguous for a write that was sent and not answered", function()
    for _, answer in ipairs {
      { code = "Timeout", sent = true }, { code = "ConnectionError", sent = true }, { body = "{" },
      { status = 500, body = '{"__type":"a#InternalServerError"}' }, { status = 503, body = "" },
    } do
      assert.is_true(outcome("UpdateItem", UPDATE, answer).ambiguous)
      assert.is_false(outcome("GetItem", GET, answer).ambiguous)
    end
    assert.is_false(outcome("UpdateItem", UPDATE, { code = "ConnectionError", sent = false }).ambiguous)
    assert.is_false(outcome("UpdateItem", UPDATE, { status = 400, body = "{}" }).ambiguous)
  end)

  it("may be sent again by the transport only if that is safe", function()
    local function resent(operation, params, options, call_options)
      local _, request = outcome(operation, params, { status = 400, body = "{}" }, options, call_options)
      return request.repeat_safe
    end
    local conditional = { TableName = "t", Item = { pk = "a" }, ConditionExpression = "attribute_not_exists(pk)" }
    local returning = { TableName = "t", Key = { pk = "a" }, ReturnValues = "ALL_OLD" }
    assert.is_true(resent("GetItem", GET))
    assert.is_true(resent("Query", { TableName = "t" }))
    assert.is_true(resent("PutItem", PUT))
    assert.is_true(resent("DeleteItem", GET))
    assert.is_true(resent("BatchWriteItem", { RequestItems = { t = { { PutRequest = { Item = { pk = "a" } } } } } }))
    assert.is_true(resent("TransactWriteItems", { TransactItems = { { Put = PUT } } }))
    assert.is_true(resent("DescribeTable", { TableName = "t" }))
    assert.is_true(resent("DeleteTable", { TableName = "t" }))
    assert.is_true(resent("ExecuteStatement", { Statement = " select * from t" }))
    assert.is_false(resent("ExecuteStatement", { Statement = "UPDATE t SET a = a + 1" }))
    assert.is_false(resent("ExecuteStatement", { Statement = "selection" }))
    assert.is_true(resent("BatchExecuteStatement", { Statements = { { Statement = "SELECT * FROM t" } } }))
    assert.is_false(resent("BatchExecuteStatement",
      { Statements = { { Statement = "SELECT * FROM t" }, { Statement = "DELETE FROM t" } } }))
    assert.is_false(resent("UpdateItem", UPDATE))
    assert.is_false(resent("PutItem", conditional))
    assert.is_false(resent("DeleteItem", returning))
    assert.is_false(resent("ForgetEverything", { TableName = "t" }))
    assert.is_true(resent("DescribeEverything", { TableName = "t" }))
    assert.is_true(resent("UpdateItem", UPDATE, { retry_ambiguous = true }))
    assert.is_true(resent("UpdateItem", UPDATE, nil, { retry_ambiguous = true }))
    assert.is_false(resent("UpdateItem", UPDATE, { retry_ambiguous = true }, { retry_ambiguous = false }))
  end)
end)

describe("time", function()
  local function deadline(options, call_options, expected)
    local db, runtime = client({ {} }, options)
    runtime:advance(100)
    assert(db:call("ListTables", {}, call_options))
    assert.equal(expected, runtime.requests[1].deadline)
  end

  it("is 30 seconds for a call, or what is asked for", function()
    deadline(nil, nil, 130)
    deadline({ timeout = 5 }, nil, 105)
    deadline({ timeout = 5 }, { timeout = 2 }, 102)
    deadline({ timeout = false }, nil, nil)
    deadline({ timeout = 5 }, { timeout = false }, nil)
    deadline(nil, { deadline = 150 }, 150)
    deadline(nil, { deadline = 150, timeout = 20 }, 120)
    deadline(nil, { deadline = 110, timeout = 20 }, 110)
  end)

  it("that is over: nothing is sent", function()
    local db, runtime = client {}
    runtime:advance(100)
    local answer, err = db:call("UpdateItem", { TableName = "t", Key = { pk = "a" } }, { deadline = db:now() - 1 })
    assert.is_nil(answer)
    assert.same({ "DeadlineExceeded", false, false }, { err.code, err.sent, err.ambiguous })
    assert.equal(0, #runtime.requests)
  end)
end)

describe("connect", function()
  local function refused(options)
    return message_of(function() dynamodb.connect(options) end)
  end

  it("does no I/O: neither runtime nor credentials are asked", function()
    local db = dynamodb.connect {
      region = "eu-west-1",
      runtime = setmetatable({}, { __index = function(_, name) error("runtime." .. name) end }),
      credentials = function() error "asked" end,
    }
    db:table("t", { partition = "pk" })
    assert.equal("dynamodb.Client(eu-west-1)", tostring(db))
    assert.equal("dynamodb.Table(t)", tostring(db:table "t"))
  end)

  it("refuses an unknown option and names the likely one", function()
    assert.matches('unknown option of connect "regin"; did you mean "region"?', refused { regin = "x" }, 1, true)
    assert.matches('unknown option of connect "maxTries"; known are: access_key_id', refused { maxTries = 3 }, 1, true)
    assert.matches("client_spec.lua:", refused { regin = "x" }, 1, true)
  end)

  it("refuses an impossible value and names the option", function()
    local with = function(name, value) return refused { region = "r", [name] = value } end
    assert.matches("region must be a string, not a number", refused { region = 3 }, 1, true)
    assert.matches("region is empty", refused { region = "" }, 1, true)
    assert.matches("timeout must be a positive number of seconds, or false", with("timeout", -1), 1, true)
    assert.matches("connect_timeout must be a positive number", with("connect_timeout", false), 1, true)
    assert.matches('capacity must be "none" or "total" or "indexes"', with("capacity", "all"), 1, true)
    assert.matches('numbers must be "lossless" or "native"', with("numbers", "float"), 1, true)
    assert.matches("verify must be a boolean", with("verify", "no"), 1, true)
    assert.matches("credentials must be a table or a function", with("credentials", "AK"), 1, true)
    assert.matches("app_id must be a short text", with("app_id", "a\r\nX: y"), 1, true)
    assert.matches("max_response must be a positive number of bytes", with("max_response", 0), 1, true)
    assert.matches("endpoint must begin with http", with("endpoint", "localhost:8000"), 1, true)
    assert.matches("secret_access_key is missing", with("access_key_id", "AK"), 1, true)
    assert.matches("give either credentials or access_key_id",
      refused { access_key_id = "AK", credentials = {} }, 1, true)
    local message = refused { access_key_id = "AKIDSECRET\n", secret_access_key = "hunter22" }
    assert.is_nil(message:find("AKIDSECRET", 1, true) or message:find("hunter22", 1, true))
  end)

  it("passes the value options to the core", function()
    local db, runtime = client({ { body = '{"Item":{"n":{"N":"1"}}}' }, {} },
      { numbers = "string", empty_strings = "null" })
    assert.equal("1", assert(db:call("GetItem", { TableName = "t", Key = { pk = "a" } })).Item.n)
    assert(db:call("PutItem", { TableName = "t", Item = { pk = "a", e = "" } }))
    assert.same({ NULL = true }, core.json_decode(runtime.requests[2].body).Item.e)
  end)
end)

describe("the environment", function()
  local getenv, variables = os.getenv, nil

  before_each(function()
    variables = {}
    os.getenv = function(name) return variables[name] end -- luacheck: ignore 122
  end)

  after_each(function()
    os.getenv = getenv -- luacheck: ignore 122
  end)

  it("gives region, endpoint and credentials, as they are at connect", function()
    variables.AWS_REGION, variables.AWS_ENDPOINT_URL_DYNAMODB = "eu-north-1", "http://127.0.0.1:9000"
    variables.AWS_ACCESS_KEY_ID, variables.AWS_SECRET_ACCESS_KEY = "AKENV", "SKENV"
    local runtime = fake.new { answers = { {} } }
    local db = dynamodb.connect { runtime = runtime }
    variables.AWS_REGION, variables.AWS_ACCESS_KEY_ID = "changed", "changed"
    assert(db:call("ListTables"))
    assert.equal(9000, runtime.requests[1].port)
    assert.matches("Credential=AKENV/%d+/eu%-north%-1/", header(runtime.requests[1], "authorization"))
  end)

  it("without credentials: the error says which places were searched, and nothing is sent", function()
    local runtime = fake.new {}
    local answer, err = dynamodb.connect({ region = "eu-west-1", runtime = runtime }):call("ListTables")
    assert.is_nil(answer)
    assert.equal("CredentialsError", err.code)
    assert.matches("AWS_ACCESS_KEY_ID", err.message, 1, true)
    assert.same({ "ListTables", false, 0 }, { err.operation, err.sent, #runtime.requests })
  end)

  it("without a region: the error says how to give one", function()
    local db = dynamodb.connect { access_key_id = "a", secret_access_key = "b", runtime = fake.new {} }
    local answer, err = db:call("ListTables")
    assert.is_nil(answer)
    assert.equal("ConfigurationError", err.code)
    assert.matches("AWS_REGION", err.message, 1, true)
    assert.equal("dynamodb.Client(no region)", tostring(db))
  end)

  it("with a broken endpoint: the error names the variable", function()
    variables.AWS_ENDPOINT_URL = "127.0.0.1:8000"
    local db = dynamodb.connect { region = "r", access_key_id = "a", secret_access_key = "b", runtime = fake.new {} }
    local answer, err = db:call("ListTables")
    assert.is_nil(answer)
    assert.equal("ConfigurationError", err.code)
    assert.matches("AWS_ENDPOINT_URL", err.message, 1, true)
  end)
end)

describe("a client", function()
  it("asks for credentials again at each call and signs with what it gets", function()
    local calls = 0
    local runtime = fake.new { answers = { {}, {} } }
    local db = dynamodb.connect { region = "eu-west-1", runtime = runtime, credentials = function(given, deadline)
      calls = calls + 1
      assert.equal(runtime, given)
      assert.equal(30, deadline)
      return { access_key_id = "AK" .. calls, secret_access_key = "SK" }
    end }
    assert(db:call("ListTables"))
    assert(db:call("ListTables"))
    assert.matches("Credential=AK1/", header(runtime.requests[1], "authorization"), 1, true)
    assert.matches("Credential=AK2/", header(runtime.requests[2], "authorization"), 1, true)
  end)

  it("is closed once and for all, a runtime that was given stays open", function()
    local db, runtime = client { {} }
    db:close()
    db:close()
    assert.is_nil(runtime.closed)
    assert.matches("the client is closed", message_of(db.call, db, "ListTables"), 1, true)
  end)
end)

describe("AWS's protocol cases", function()
  it("of errors that a client reads", function()
    local suites = vectors.json "protocol/output-json_1_0.json"
    if not suites then return pending "the public test vectors are not here" end
    local count = 0
    for _, suite in ipairs(suites) do
      for _, case in ipairs(suite.cases) do
        local answer = case.response
        if answer.status_code >= 300 then
          count = count + 1
          local db = client { { status = answer.status_code, headers = answer.headers, body = answer.body } }
          local _, err = db:call("ListTables")
          assert.equal(case.errorCode, err.code, case.id)
          if case.errorMessage and case.errorMessage ~= vectors.null then
            assert.equal(case.errorMessage, err.message, case.id)
          end
        end
      end
    end
    assert.is_true(count >= 5, count .. " cases")
  end)

  it("as observed with another client: codes, messages, reasons, outputs", function()
    local observed = vectors.json "observed-responses.json"
    if not observed then return pending "the public test vectors are not here" end
    local count = 0
    for _, case in ipairs(observed.cases) do
      local answer, seen = case.response, case.observed
      -- Bodies that are not JSON, empty ones and broken connections are told in other words here (design: Errors).
      local other = answer.connection or not (answer.body or ""):find "^{" or seen.name == "Unknown"
      if not other then
        count = count + 1
        local db = client { { status = answer.status, headers = answer.headers, body = answer.body } }
        local value, err = db:call("GetItem", { TableName = "t", Key = { pk = "a" } })
        if seen.outcome == "ok" then
          assert.is_nil(err, case.case)
          local item = seen.output.Item
          assert.equal(item and item.a.S or nil, value.Item and value.Item.a or nil, case.case)
        else
          assert.equal(seen.name, err.code, case.case)
          assert.equal(seen.httpStatus, err.status, case.case)
          if seen.message ~= "UnknownError" then assert.equal(seen.message, err.message, case.case) end
          assert.equal(seen.requestId, err.request_id, case.case)
          assert.equal(seen.attempts > 1, err.retryable, case.case)
        end
      end
    end
    assert.is_true(count >= 40, count .. " cases")
  end)

  -- A plain operation's parameters as a Lua program would give them: blobs are binaries.
  local function native(value)
    if type(value) ~= "table" then return value end
    local copy = {}
    for name, member in pairs(value) do
      copy[name] = name == "blobValue" and dynamodb.binary(member) or native(member)
    end
    return copy
  end

  it("of requests: the body, the type, the method", function()
    local suites = vectors.json "protocol/input-json_1_0.json"
    if not suites then return pending "the public test vectors are not here" end
    local count = 0
    for _, suite in ipairs(suites) do
      for _, case in ipairs(suite.cases) do
        -- Host prefixes and compressed requests are in no operation of DynamoDB.
        if case.serialized.body and not case.given.endpoint then
          count = count + 1
          local db, runtime = client({ {} }, { endpoint = suite.clientEndpoint })
          assert(db:call(case.given.name, native(case.params)))
          local request = runtime.requests[1]
          assert.same(vectors.decode(case.serialized.body), vectors.decode(request.body), case.id)
          assert.equal(case.serialized.method, request.method)
          assert.equal(case.serialized.uri, request.path, case.id)
          assert.equal("application/x-amz-json-1.0", header(request, "content-type"))
          assert.matches("%." .. case.given.name .. "$", header(request, "x-amz-target"))
        end
      end
    end
    assert.is_true(count >= 15, count .. " cases")
  end)

  it("of answers: members, nulls left out, an empty body", function()
    local suites = vectors.json "protocol/output-json_1_0.json"
    if not suites then return pending "the public test vectors are not here" end
    local count = 0
    for _, suite in ipairs(suites) do
      for _, case in ipairs(suite.cases) do
        local answer = case.response
        if answer.status_code < 300 then
          count = count + 1
          local db = client { { status = answer.status_code, headers = answer.headers, body = answer.body } }
          local value = assert(db:call(case.given.name))
          -- What a model would ignore is passed through here: no model is asked for plain members.
          value.foo = nil
          local contents = value.contents
          if contents then
            if contents.blobValue then contents.blobValue = core.unbase64(contents.blobValue) end
            contents.__type = nil
          end
          assert.same(case.result, core.json_decode(core.json_encode(value)), case.id)
        end
      end
    end
    assert.is_true(count >= 15, count .. " cases")
  end)
end)
