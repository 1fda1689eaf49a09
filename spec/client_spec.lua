-- What a client sends, when, and with whose credentials, over a runtime of which nothing is real.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local fake = require "dynamodb.runtime.fake"
local fake_client = require "spec.support.fake_client"

local client, header, message_of = fake_client.new, fake_client.header, fake_client.message_of

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
    assert.equal("attempt=1; max=1; ttl=20231114T221350Z", header(request, "amz-sdk-request"))
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
    local db, runtime = client({ { body = "{}" } }, { session_token = fake_client.token })
    assert(db:call("ListTables"))
    local request = runtime.requests[1]
    local authorization = header(request, "authorization")
    local headers = {}
    for name in authorization:match "SignedHeaders=([^,]+)":gmatch "[^;]+" do
      if name ~= "x-amz-date" and name ~= "x-amz-security-token" then
        headers[#headers + 1] = { name, header(request, name) }
      end
    end
    local signer = core.signer {
      access_key_id = fake_client.key_id, secret_access_key = fake_client.secret, session_token = fake_client.token,
      region = "eu-west-1", service = "dynamodb",
    }
    local signed = { method = "POST", path = "/", query = "", headers = headers, body = request.body }
    local _, signature = signer:sign(signed, 1700000000)
    assert.equal(signature, authorization:match "Signature=(%x+)$")
    assert.equal(fake_client.token, header(request, "x-amz-security-token"))
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
    params.ClientRequestToken = core.null -- is left out of a request
    db, runtime = client { {} }
    assert(db:call("TransactWriteItems", params))
    assert.matches("^%x+%-%x+%-4", token(1))
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
    for _, timeout in ipairs { "3", -1, 0, 0 / 0, true } do
      assert.matches("timeout must be a positive number of seconds, or false for none",
        message_of(db.call, db, "PutItem", {}, { timeout = timeout }), 1, true)
    end
    assert.matches("deadline must be a number of seconds", message_of(db.call, db, "PutItem", {}, { deadline = false }),
      1, true)
    assert.equal(0, #runtime.requests)
  end)
end)

describe("an expression that is null", function()
  local PUT = { TableName = "t", Item = { pk = "a" }, ConditionExpression = core.null }

  it("is refused: the write would be unconditional", function()
    local db, runtime = client {}
    for operation, case in pairs {
      PutItem = { "PutItem: ConditionExpression: null would not be sent", PUT },
      DeleteItem = { "DeleteItem: Expected: null would not be sent",
        { TableName = "t", Key = { pk = "a" }, Expected = core.null } },
      Scan = { "Scan: FilterExpression: null would not be sent", { TableName = "t", FilterExpression = core.null } },
      TransactWriteItems = { "TransactWriteItems: TransactItems[2].Put.ConditionExpression: null would",
        { TransactItems = { { Put = { TableName = "t", Item = { pk = "b" } } }, { Put = PUT } } } },
    } do
      local message = message_of(function() db:call(operation, case[2]) end)
      assert.matches(case[1], message, 1, true)
      assert.matches("client_spec.lua:", message, 1, true)
    end
    assert.equal(0, #runtime.requests)
  end)

  it("is left out with strict = false; other members may be null", function()
    local db, runtime = client({ {} }, { strict = false })
    assert(db:call("PutItem", PUT))
    assert.is_nil(core.json_decode(runtime.requests[1].body).ConditionExpression)
    assert(client { {} }:call("PutItem", { TableName = "t", Item = { pk = "a", x = core.null },
      ReturnValues = core.null }))
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

describe("a client", function()
  it("waits while tasks go on", function()
    local db = client {}
    local began, order = db:now(), {}
    db:parallel {
      function() db:sleep(2) order[#order + 1] = "two" end,
      function() db:sleep(1) order[#order + 1] = "one" end,
    }
    assert.same({ "one", "two" }, order)
    assert.equal(2, db:now() - began)
    for _, seconds in ipairs { -1, "1", 0 / 0, math.huge } do
      assert.matches("sleep: a number of seconds from 0", message_of(db.sleep, db, seconds))
    end
  end)

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
