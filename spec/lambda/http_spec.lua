-- Requests of every source, responses in the form that each of them wants, and what a client is told of a failure.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local errors = require "dynamodb.error"
local events = require "dynamodb.lambda.events"
local http = require "dynamodb.lambda.http"
local http_events = require "spec.support.http_events"
local fake_client = require "spec.support.fake_client"

local message_of = fake_client.message_of

-- What a handler of `f` answers to a request of a source.
local function answer(f, request, source, options)
  local event = http_events.new(source or "http", request or {})
  return http.handler(f, options or { on_failure = function() end })(event, { request_id = "R1" })
end

for _, source in ipairs(http_events.sources) do
  describe("a request from " .. source, function()
    local function read(request) return assert(http.request(http_events.new(source, request))) end

    it("has method, path, query and headers", function()
      local r = read {
        method = "POST", path = "/users/a b", query = { { "limit", "5" }, { "q", "x y&z" } },
        headers = { { "Content-Type", "text/plain" }, { "X-One", "1" } },
      }
      assert.same({ "POST", "5", "x y&z", "text/plain", "1" },
        { r.method, r.query.limit, r.query.q, r.headers["content-type"], r.headers["x-one"] })
      assert.same({ "users", "a b" }, r.segments)
    end)

    it("has all values of a name", function()
      local r = read { query = { { "t", "a,b" }, { "t", "c" } }, headers = { { "X-T", "1" }, { "X-T", "2" } } }
      if source == "alb" then -- it sends the last ones only, unless multi-value headers are enabled
        assert.same({ { "c" }, "2" }, { r.queries.t, r.headers["x-t"] })
      else
        assert.same({ "a,b", "c" }, r.queries.t)
        assert.equal("c", r.query.t)
        assert.matches("^1, ?2$", r.headers["x-t"])
      end
    end)

    it("has no nulls where there is nothing", function()
      local r = read {}
      assert.same({ {}, {}, {}, {}, {} }, { r.query, r.queries, r.params, r.headers, r.cookies })
      assert.is_true(r.body == nil or r.body == "")
    end)

    it("has cookies", function()
      assert.same({ a = "1", b = "x=y" }, read { headers = { { "Cookie", "a=1; b=x=y" } } }.cookies)
    end)

    it("has the bytes of its body", function()
      assert.equal("hello", read { method = "POST", body = "hello" }.body)
      assert.equal("\0\255", read { method = "POST", body = core.base64 "\0\255", base64 = true }.body)
    end)

    it("is a 400 when its body is not the base64 that it says", function()
      local made = answer(function() return true end, { method = "POST", body = "?", base64 = true }, source)
      assert.equal(400, made.statusCode)
      assert.matches("The body cannot be read", made.body, 1, true)
    end)

    it("gets status, headers, cookies and body", function()
      local made = answer(function()
        return http.response(201, "text", { ["Content-Type"] = "text/plain", ["X-N"] = 1 }, { "a=1; HttpOnly" })
      end, {}, source)
      local headers, cookies = http_events.headers(made)
      assert.same({ 201, "text", false }, { made.statusCode, made.body, made.isBase64Encoded })
      assert.same({ "text/plain", "1" }, { headers["content-type"], headers["x-n"] })
      assert.same({ "a=1; HttpOnly" }, { (table.unpack or unpack)(cookies) })
      assert.is_true(#core.json_encode(made) > 0)
    end)

    it("gets a cookie that stands among the headers", function()
      local made = answer(function()
        return http.response(200, "", { ["Set-Cookie"] = { "a=1; Expires=Thu, 1 Jan" } })
      end, {}, source)
      assert.same({ "a=1; Expires=Thu, 1 Jan" }, { (table.unpack or unpack)((select(2, http_events.headers(made)))) })
    end)

    it("gets bytes as base64", function()
      local made = answer(function() return http.response(200, dynamodb.binary "\0\255") end, {}, source)
      assert.same({ true, core.base64 "\0\255" }, { made.isBase64Encoded, made.body })
      made = answer(function() return http.response(200, "grün") end, {}, source)
      assert.same({ false, "grün" }, { made.isBase64Encoded, made.body })
    end)
  end)
end

describe("a request", function()
  it("has its path parameters decoded, once", function()
    for _, source in ipairs { "rest", "http" } do
      local event = http_events.new(source, { path = "/users/a%2 b", params = { id = "a%2 b" } })
      assert.same({ id = "a%2 b" }, http.request(event).params)
    end
    local event = http_events.new("http", { path = "/users/%41", params = { id = "%41" } })
    assert.equal("%41", http.request(event).params.id)
  end)

  it("is a 400 when its URL is not UTF-8, which neither a table nor JSON could have", function()
    local function status(change)
      local event = http_events.new("url", { query = { { "q", "1" } } })
      change(event)
      return http.handler(function(r) return { segments = r.segments, query = r.query } end)(event).statusCode
    end
    assert.equal(400, status(function(event) event.rawPath = "/users/%FF" end))
    assert.equal(400, status(function(event) event.rawQueryString = "q=1&q=%e4" end))
    assert.equal(400, status(function(event) event.rawQueryString = "%ed%a0%80" end))
    assert.equal(400, status(function(event) event.pathParameters = { id = "%C3" } end))
    assert.equal(200, status(function(event)
      event.rawPath, event.rawQueryString, event.pathParameters = "/%C3%A4", "q=%F0%9F%98%80", { id = "%C3%A4" }
    end))
  end)

  it("has its path without an HTTP API's stage, and only without that", function()
    assert.equal("/users", http.request(http_events.new("http", { path = "/users" })).path)
    local event = http_events.new("http", {})
    event.rawPath = "/production"
    assert.equal("/production", http.request(event).path)
    event.rawPath = "/prod"
    assert.equal("/", http.request(event).path)
  end)

  it("has what identifies it", function()
    local r = http.request(http_events.new("rest", {}))
    assert.same({ "rest-id", "192.0.2.1" }, { r.request_id, r.source_ip })
    r = http.request(http_events.new("url", {}))
    assert.same({ "url", "v2-id", "192.0.2.1" }, { r.source, r.request_id, r.source_ip })
  end)

  it("gives its body as JSON, with null told from absent", function()
    local function json(body, kind) return http.request(http_events.new("http", { body = body })):json(kind) end
    local value = assert(json '{"a":null,"list":[],"n":1}')
    assert.same({ core.null, nil, 1 }, { value.a, value.b, value.n })
    assert.equal(core.list_mt, getmetatable(value.list))
    assert.same({ 1 }, json("[1]", "list"))
    assert.equal(7, json("7", "any"))
    assert.is_false(json("false", "any"))
    for body, text in pairs { ["{"] = "not JSON", [" "] = "no body", ["[]"] = "a JSON object", ["7"] = "a JSON" } do
      local nothing, err = json(body)
      assert.is_nil(nothing)
      assert.equal(400, err.status)
      assert.matches(text, err.message, 1, true)
    end
    assert.matches("a JSON array", select(2, json("{}", "list")).message)
    assert.matches("the kind must be", message_of(json, "{}", "map"))
  end)

  it("gives whole numbers of its query, within bounds", function()
    local function integer(text, ...)
      local query = text and { { "n", text } } or {}
      return http.request(http_events.new("http", { query = query })):integer("n", ...)
    end
    assert.equal(7, integer("7", 20, 1, 100))
    assert.equal(20, integer(nil, 20, 1, 100))
    assert.equal(20, integer("", 20))
    assert.equal(-3, integer "-3")
    for _, text in ipairs { "0", "101", "1.5", "1e1", "x", "0x5", " 5", "99999999999999999999", "nan" } do
      local nothing, err = integer(text, 20, 1, 100)
      assert.is_nil(nothing)
      assert.equal("n must be a whole number from 1 to 100", err.message)
    end
  end)
end)

describe("a load balancer", function()
  it("is answered in the form of its headers, with a status description", function()
    local single = answer(function() return true end, {}, "alb")
    assert.equal("204 No Content", single.statusDescription)
    assert.is_nil(single.multiValueHeaders)
    local multiple = answer(function() return http.json(201, {}) end, {}, "alb-multi")
    assert.is_nil(multiple.headers)
    assert.same({ "application/json" }, { multiple.multiValueHeaders["content-type"][1] })
  end)

  it("cannot take two cookies in one header", function()
    local function two() return http.response(204, nil, nil, { "a=1", "b=2" }) end
    local _, cookies = http_events.headers(answer(two, {}, "alb-multi"))
    assert.equal(2, #cookies)
    assert.matches("multi%-value headers", message_of(answer, two, {}, "alb"))
  end)
end)

describe("http.handler answers with what its function returns:", function()
  local function body_of(f)
    local made = answer(f)
    return made.statusCode, made.body ~= "" and core.json_decode(made.body) or nil, made
  end

  it("an item", function()
    local status, body, made = body_of(function()
      return { pk = "a", status = "open", n = dynamodb.number "12345678901234567890", tags = dynamodb.set { "x" } }
    end)
    assert.equal(200, status)
    assert.same({ "a", "open", { "x" } }, { body.pk, body.status, body.tags })
    assert.matches('"n":12345678901234567890', made.body, 1, true)
    assert.equal("application/json", http_events.headers(made)["content-type"])
  end)

  it("true", function() assert.same({ 204 }, { (body_of(function() return true end)) }) end)

  it("nothing", function()
    local status, body = body_of(function() return nil, nil, { attempts = 1 } end)
    assert.same({ 404, { error = "Not found", requestId = "R1" } }, { status, body })
  end)

  it("an error of its own", function()
    local status, body = body_of(function() return nil, http.error(418, "I am a teapot") end)
    assert.same({ 418, { error = "I am a teapot", requestId = "R1" } }, { status, body })
    assert.equal(404, (body_of(function() error(http.error(404, "User not found")) end)))
    assert.equal(400, (body_of(function(r) return r:json() end)))
  end)

  it("a value that JSON cannot hold, with a 500", function()
    assert.equal(500, (body_of(function() return { f = print } end)))
    assert.equal(500, (body_of(function() return http.json(200, { f = print }) end)))
    assert.equal(500, (body_of(function() return "text" .. nil end)))
  end)
end)

describe("a failure of DynamoDB becomes", function()
  local function status_of(fields)
    local made = answer(function() return nil, errors.new(fields) end)
    return made.statusCode, made, core.json_decode(made.body)
  end

  it("409 for a condition", function()
    local status, _, body = status_of { code = "ConditionalCheckFailedException", status = 400, message = "the item",
      item = { secret = 1 } }
    assert.same({ 409, { error = "Conflict", requestId = "R1" } }, { status, body })
  end)

  it("409 for a transaction that a condition or a conflict cancelled, 503 for one that was throttled", function()
    local function cancelled(...)
      local reasons = {}
      for i, code in ipairs { ... } do reasons[i] = { code = code } end
      return (status_of { code = "TransactionCanceledException", status = 400, reasons = reasons,
        retryable = reasons[1].code == "ThrottlingError" })
    end
    assert.equal(409, cancelled("None", "ConditionalCheckFailed"))
    assert.equal(409, cancelled("TransactionConflict", "None"))
    assert.equal(400, cancelled("ValidationError", "None"))
    assert.equal(503, cancelled("ThrottlingError", "None"))
    assert.equal(500, cancelled("ItemCollectionSizeLimitExceeded", "None"))
  end)

  it("400 for what the service or a cursor refuses", function()
    assert.equal(400, (status_of { code = "ValidationException", status = 400 }))
    local status, _, body = status_of { code = "InvalidCursor", message = "it was changed" }
    assert.same({ 400, "The cursor is not valid" }, { status, body.error })
  end)

  it("503 with Retry-After for throttling and for what may succeed a moment later", function()
    for _, fields in ipairs {
      { code = "ProvisionedThroughputExceededException", status = 400 }, { code = "ThrottlingException", status = 400 },
      { code = "InternalServerError", status = 500 }, { code = "ConnectionError", sent = false },
    } do
      local status, made = status_of(fields)
      assert.equal(503, status)
      assert.equal("1", http_events.headers(made)["retry-after"])
    end
  end)

  it("500, with nothing but the request id, for everything else", function()
    for _, fields in ipairs {
      { code = "ResourceNotFoundException", status = 400, message = "table users-prod not found" },
      { code = "AccessDeniedException", status = 400, message = "arn:aws:iam::123456789012:role/x" },
      { code = "ConnectionError", sent = true, ambiguous = true, retryable = false },
      { code = "ConditionalCheckFailedException", status = 400, ambiguous = true },
    } do
      local status, _, body = status_of(fields)
      assert.same({ 500, { error = "Internal server error", requestId = "R1" } }, { status, body })
    end
  end)

  it("a line in the log where it is the program's or the service's fault", function()
    local told = {}
    local function run(err)
      answer(function() error(err) end, { path = "/x" }, "http", {
        on_failure = function(what, request, ctx) told[#told + 1] = { what, request.path, ctx.request_id } end,
      })
    end
    run(http.error(404, "nothing"))
    run(errors.new { code = "ConditionalCheckFailedException", status = 400 })
    assert.same({}, told)
    run "a bug"
    assert.matches("a bug.*stack traceback", told[1][1])
    assert.same({ "/x", "R1" }, { told[1][2], told[1][3] })
  end)
end)

describe("http.input", function()
  it("makes mistakes of the client's what would be the program's", function()
    local function needs_text(id) assert(type(id) == "string", "not a text") return "USER#" .. id end
    assert.equal(200, answer(function() return { id = http.input(needs_text, "1") } end).statusCode)
    local made = answer(function() return { id = http.input(needs_text, 1) } end)
    assert.equal(400, made.statusCode)
    assert.equal("Bad request", core.json_decode(made.body).error)
  end)

  it("leaves error objects as they are", function()
    local err = errors.new { code = "ConditionalCheckFailedException", status = 400 }
    assert.equal(409, answer(function() return http.input(error, err) end).statusCode)
  end)
end)

describe("http", function()
  it("refuses what cannot be a response", function()
    assert.matches("whole number from 100", message_of(http.response, 99))
    assert.matches("whole number from 400", message_of(http.error, 200, "x"))
    assert.matches("on one line", message_of(http.response, 200, nil, { location = "x\r\nset-cookie: y" }))
    assert.matches("a cookie of a response", message_of(http.response, 200, nil, nil, { "a=1\r\nx: y" }))
    assert.matches("a cookie of a response", message_of(http.response, 200, nil, { ["set-cookie"] = { "a" } }, { 7 }))
    assert.matches("cannot be the name of a header", message_of(http.response, 200, nil, { ["x y"] = "1" }))
    assert.matches("body of a response must be a string", message_of(http.response, 200, {}))
    assert.matches('did you mean "cors"', message_of(http.handler, print, { corse = {} }))
  end)

  it("raises on an event that is of no request", function()
    for _, event in ipairs { {}, { Records = {} }, "[" } do
      local ok, err = pcall(http.handler(print), event)
      assert.is_false(ok)
      assert.is_true(err:is "InvalidEvent")
    end
  end)

  it("renders for functions that do without http.handler", function()
    local made = http.render(http.json(200, { 1 }), http_events.new("url", {}))
    assert.same({ 200, "[1]" }, { made.statusCode, made.body })
    assert.matches("of no HTTP request", message_of(http.render, http.json(200, {}), {}))
    assert.matches("first argument", message_of(http.render, { status = 200 }, {}))
  end)
end)

describe("events.source", function()
  it("tells every kind of event", function()
    for _, source in ipairs(http_events.sources) do
      assert.equal(source:match "^%a+", events.source(http_events.new(source, {})))
    end
    for name, source in pairs { ["aws:dynamodb"] = "dynamodb", ["aws:kinesis"] = "kinesis", ["aws:s3"] = "s3",
      ["aws:sqs"] = "sqs" } do
      assert.equal(source, events.source { Records = { { eventSource = name } } })
    end
    assert.equal("sns", events.source { Records = { { EventSource = "aws:sns", EventVersion = "1.0" } } })
    assert.equal("eventbridge", events.source { ["detail-type"] = "Scheduled Event", source = "aws.events" })
    assert.equal("websocket", events.source { requestContext = { connectionId = "x=", eventType = "CONNECT" } })
    assert.is_nil(events.source { id = 7 })
    assert.is_nil(events.source "text")
    assert.is_nil(events.source { Records = core.null, requestContext = core.null })
  end)
end)
