-- Work that is done once for each key: what is written, what a repetition gets, what Powertools would find.
local capture = require "spec.support.capture"
local core = require "dynamodb.core"
local http_events = require "spec.support.http_events"
local idempotency = require "dynamodb.lambda.idempotency"
local fake_client = require "spec.support.fake_client"

local message_of = fake_client.message_of

-- The fake's wall clock says 1700000000.
local ctx = { request_id = "R1", function_name = "pay", remaining_ms = function() return 5000 end }

local function ok(body) return { status = 200, body = body or "{}" } end

-- The refusal of a put whose key is taken by this item.
local function taken_by(item)
  return { status = 400, body = core.json_encode {
    __type = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", message = "refused",
    Item = core.json_decode(core.marshal(item)),
  } }
end

-- A wrapped handler over these answers; also the runtime, whose requests are looked at, and how often it worked.
local function new(answers, options, f, keys)
  local db, runtime = fake_client.new(answers)
  local worked = { count = 0 }
  local all = {
    table = db:table("idempotency", keys or { partition = "id" }), name = "charge",
    key = function(event) return event.order end,
  }
  for name, value in pairs(options or {}) do all[name] = value end
  local handler = idempotency.wrap(function(event, context)
    worked.count = worked.count + 1
    if f then return f(event, context) end
    return { charged = event.order }
  end, all)
  return handler, runtime, worked
end

local function sent(runtime, i)
  local request = runtime.requests[i]
  return core.json_decode(request.body), request.head:match "X%-Amz%-Target: %S-%.(%a+)"
end

describe("idempotency.wrap", function()
  it("takes the key, works, and keeps the result", function()
    local handler, runtime, worked = new { ok(), ok() }
    assert.same({ charged = "o1" }, handler({ order = "o1" }, ctx))
    assert.equal(1, worked.count)
    local put, operation = sent(runtime, 1)
    assert.equal("PutItem", operation)
    assert.matches("^pay%.charge#%x+$", put.Item.id.S)
    assert.same({ "INPROGRESS", "1700003600", "1700000005000" },
      { put.Item.status.S, put.Item.expiration.N, put.Item.in_progress_expiration.N })
    assert.equal("ALL_OLD", put.ReturnValuesOnConditionCheckFailure)
    local update
    update, operation = sent(runtime, 2)
    assert.equal("UpdateItem", operation)
    assert.same(put.Item.id, update.Key.id)
    local values = core.json_encode(update.ExpressionAttributeValues)
    assert.matches('{"S":"COMPLETED"}', values, 1, true)
    assert.matches([[{"S":"{\"charged\":\"o1\"}"}]], values, 1, true)
    assert.matches(put.Item.owner.S, values, 1, true)
  end)

  it("gives a repetition the kept result", function()
    local kept = { id = "x", status = "COMPLETED", data = '{"charged":"o1","n":1}' }
    local handler, runtime, worked = new { taken_by(kept) }
    local result = handler({ order = "o1" }, ctx)
    assert.same({ charged = "o1", n = 1 }, result)
    assert.same({ 0, 1 }, { worked.count, #runtime.requests })
  end)

  it("keeps nothing, too, when that was the result", function()
    local handler, runtime = new({ ok(), ok() }, nil, function() return nil end)
    assert.is_nil(handler({ order = "o1" }, ctx))
    assert.matches('"S":"null"', core.json_encode(sent(runtime, 2).ExpressionAttributeValues), 1, true)
    handler = new { taken_by { id = "x", status = "COMPLETED", data = "null" } }
    assert.is_nil(handler({ order = "o1" }, ctx))
  end)

  it("fails while the work is under way", function()
    local item = { id = "x", status = "INPROGRESS", in_progress_expiration = 1800000000000 }
    local handler, _, worked = new { taken_by(item) }
    local fine, err = pcall(handler, { order = "o1" }, ctx)
    assert.is_false(fine)
    assert.is_true(err:is "IdempotencyInProgress")
    assert.is_true(err.retryable)
    assert.equal(0, worked.count)
  end)

  it("gives the key back when the work fails", function()
    local handler, runtime = new({ ok(), ok() }, nil, function() error("no card", 0) end)
    assert.equal("no card", message_of(handler, { order = "o1" }, ctx))
    local put, deleted, operation = sent(runtime, 1), sent(runtime, 2)
    assert.equal("DeleteItem", operation)
    assert.same(put.Item.id, deleted.Key.id)
    assert.same({ put.Item.owner }, { (select(2, next(deleted.ExpressionAttributeValues))) })
  end)

  it("gives the key back, and hands the error on, when the work returns one after nil", function()
    local handler, runtime = new({ ok(), ok() }, nil, function() return nil, "no card" end)
    local result, err = handler({ order = "o1" }, ctx)
    assert.is_nil(result)
    assert.equal("no card", err)
    assert.equal("DeleteItem", select(2, sent(runtime, 2)))
  end)

  it("marks each item as its own", function()
    local handler, runtime = new { ok(), ok(), ok(), ok() }
    handler({ order = "o1" }, ctx)
    handler({ order = "o1" }, ctx)
    assert.are_not.equal(sent(runtime, 1).Item.owner.S, sent(runtime, 3).Item.owner.S)
  end)

  it("does not keep a response that says 500", function()
    local handler, runtime = new({ ok(), ok() }, nil, function() return { statusCode = 503 } end)
    assert.same({ statusCode = 503 }, handler({ order = "o1" }, ctx))
    assert.equal("DeleteItem", select(2, sent(runtime, 2)))
  end)

  it("keeps what it is told to", function()
    local handler, runtime = new({ ok(), ok() }, { keep = function() return true end },
      function() return { statusCode = 503 } end)
    handler({ order = "o1" }, ctx)
    assert.equal("UpdateItem", select(2, sent(runtime, 2)))
  end)

  it("does not say that it is done when that could not be kept", function()
    local handler = new { ok(), { status = 400, body = '{"__type":"x#AccessDeniedException"}' } }
    local fine, err = pcall(handler, { order = "o1" }, ctx)
    assert.is_false(fine)
    assert.is_true(err:is "AccessDenied")
  end)

  it("does the work once, too, when its result is too large to be kept", function()
    local too_large = { status = 400, body = '{"__type":"x#ValidationException","message":"Item size"}' }
    local text, worked, item = capture("stderr", function()
      local handler, runtime, worked = new { ok(), too_large, ok() }
      assert.same({ charged = "o1" }, handler({ order = "o1" }, ctx))
      return worked, sent(runtime, 3)
    end)
    assert.equal(1, worked.count)
    assert.matches("cannot be kept", text, 1, true)
    assert.is_nil(core.json_encode(item):find("charged", 1, true))
    local handler, _, again = new { taken_by { id = "x", status = "COMPLETED", kept = false } }
    local fine, err = pcall(handler, { order = "o1" }, ctx)
    assert.same({ false, 0 }, { fine, again.count })
    assert.is_true(err:is "IdempotencyResultMissing")
  end)

  it("does the work once, too, when its result is no JSON", function()
    for layout, result in pairs { plain = { print }, typescript = { 0 / 0 } } do
      local text, item = capture("stderr", function()
        local handler, runtime = new({ ok(), ok() }, { layout = layout }, function() return result end)
        assert.equal(result, handler({ order = "o1" }, ctx))
        return sent(runtime, 2)
      end)
      assert.matches("cannot be kept", text, 1, true)
      assert.matches('"BOOL":false', core.json_encode(item.ExpressionAttributeValues), 1, true)
    end
  end)

  it("does not work without having the key", function()
    local handler, _, worked = new { { status = 400, body = '{"__type":"x#AccessDeniedException"}' } }
    assert.is_false((pcall(handler, { order = "o1" }, ctx)))
    assert.equal(0, worked.count)
  end)

  it("refuses another payload under the same key", function()
    local options = { validate = function(event) return event.amount end }
    local handler, runtime = new({ ok(), ok() }, options)
    handler({ order = "o1", amount = 5 }, ctx)
    local checksum = sent(runtime, 1).Item.validation.S
    local function again(amount)
      local item = { id = "x", status = "COMPLETED", data = "1", validation = checksum }
      return pcall((new({ taken_by(item) }, options)), { order = "o1", amount = amount }, ctx)
    end
    assert.same({ true, 1 }, { again(5) })
    local fine, err = again(6)
    assert.is_false(fine)
    assert.is_true(err:is "IdempotencyMismatch")
  end)

  it("takes a payload that is not there for one of its own", function()
    local options = { validate = function(event) return event.amount end }
    local handler, runtime = new({ ok(), ok() }, options)
    assert.same({ charged = "o1" }, handler({ order = "o1" }, ctx))
    local item = { id = "x", status = "COMPLETED", data = "1", validation = sent(runtime, 1).Item.validation.S }
    local fine, err = pcall((new({ taken_by(item) }, options)), { order = "o1", amount = 5 }, ctx)
    assert.is_false(fine)
    assert.is_true(err:is "IdempotencyMismatch")
  end)

  it("needs a key, or is told to do without", function()
    for _, missing in ipairs { "", core.null, {}, { a = core.null } } do
      local handler = new {}
      local fine, err = pcall(handler, { order = missing }, ctx)
      assert.is_false(fine)
      assert.is_true(err:is "IdempotencyKeyMissing")
    end
    local handler, runtime = new({}, { missing = "run" })
    assert.same({}, handler({}, ctx))
    assert.equal(0, #runtime.requests)
    handler = new({}, { missing = "run" }, function() return nil, "no card" end)
    assert.equal("no card", select(2, handler({}, ctx)))
  end)

  it("refuses a key that is no JSON", function()
    for _, number in ipairs { 0 / 0, 1 / 0, -1 / 0 } do
      assert.matches("NaN and infinities", message_of(new {}, { order = number }, ctx))
    end
  end)

  it("remembers results in memory, so many of them, and not beyond their time", function()
    local answers = {}
    for i = 1, 8 do answers[i] = ok() end
    local handler, runtime, worked = new(answers, { cache = 2, ttl = 100 })
    for _, order in ipairs { "a", "b", "a", "b" } do handler({ order = order }, ctx) end
    assert.same({ 2, 4 }, { worked.count, #runtime.requests })
    handler({ order = "c" }, ctx)
    assert.same({ charged = "b" }, handler({ order = "b" }, ctx))
    assert.same({ 3, 6 }, { worked.count, #runtime.requests })
    runtime:advance(101)
    handler({ order = "b" }, ctx)
    assert.same({ 4, 8 }, { worked.count, #runtime.requests })
  end)

  it("locks for 15 minutes where the invocation's end is not known", function()
    local handler, runtime = new { ok(), ok() }
    handler({ order = "o1" })
    assert.equal("1700000900000", sent(runtime, 1).Item.in_progress_expiration.N)
  end)

  it("has a partition for each handler in a table with a sort key", function()
    local handler, runtime = new({ ok(), ok() }, nil, nil, { partition = "id", sort = "sort" })
    handler({ order = "o1" }, ctx)
    local item = sent(runtime, 1).Item
    assert.equal("idempotency#pay.charge", item.id.S)
    assert.matches("^pay%.charge#", item.sort.S)
    assert.same({ id = item.id, sort = item.sort }, sent(runtime, 2).Key)
  end)

  describe("shares a table with Powertools", function()
    -- The hashes were made by Python's hashlib and json, and by Node.js's crypto and JSON.
    local payload = { user = "ä", Zip = 8010, list = { 1, true, core.null }, b = 1.5, quote = '"\n' }

    local function id_of(layout, value)
      local handler, runtime = new({ ok(), ok() }, { layout = layout, key = function() return value end })
      handler({}, ctx)
      return sent(runtime, 1).Item.id.S:match "#(.*)$", runtime
    end

    it("for Python: MD5 of what json.dumps writes", function()
      assert.equal("c0e91e52424e04dda27640cb0d002dd5", (id_of("python", payload)))
      assert.equal("3fbf839fa0e778a20326ddc34f5cd588", (id_of("python", "x")))
    end)

    it("for TypeScript: MD5, in base64, of compact JSON that is sorted whatever the case", function()
      assert.equal("g8i3/vB+GUyFWlsSW+lIAA==", (id_of("typescript", payload)))
    end)

    it("and keeps data as each of them does", function()
      local _, runtime = id_of("typescript", "x")
      assert.matches('{"M":{}}', core.json_encode(sent(runtime, 2).ExpressionAttributeValues), 1, true)
      local handler = new({ taken_by { id = "x", status = "COMPLETED", data = { charged = "o1" } } },
        { layout = "typescript" })
      assert.same({ charged = "o1" }, handler({ order = "o1" }, ctx))
    end)

    it("with whole numbers of any size, as far as this Lua has them", function()
      assert.equal(core.md5 '{"id": 9007199254740991}', (id_of("python", core.json_decode '{"id":9007199254740991}')))
      if not math.type then return end
      assert.equal(core.md5 '{"id": 123456789012345679}',
        (id_of("python", core.json_decode '{"id":123456789012345679}')))
    end)

    it("with characters beyond the first plane, and the last one of ASCII", function()
      assert.equal(core.md5 [["\ud83d\ude00\u20ac"]], (id_of("python", "😀€")))
      assert.equal(core.md5 [["\u007f"]], (id_of("python", "\127")))
    end)
  end)

  describe("of a request of HTTP", function()
    local http = require "dynamodb.lambda.http"
    local function run(answers, headers, more)
      local db, runtime = fake_client.new(answers)
      local options = {
        table = db:table("idempotency", { partition = "id" }), name = "orders",
        key = function(_, request) return request.headers["idempotency-key"] end,
      }
      for name, value in pairs(more or {}) do options[name] = value end
      local handler = idempotency.wrap(http.handler(function() return http.json(201, { id = 1 }) end), options)
      return handler(http_events.new("http", { method = "POST", headers = headers }), ctx), runtime
    end
    local with_key = { { "Idempotency-Key", "k1" } }

    it("keeps the whole response", function()
      local answer, runtime = run({ ok(), ok() }, with_key)
      assert.equal(201, answer.statusCode)
      local update = sent(runtime, 2)
      local data
      for _, value in pairs(update.ExpressionAttributeValues) do
        if value.S and value.S:find "statusCode" then data = value.S end
      end
      local again = run({ taken_by { id = "x", status = "COMPLETED", data = data } }, with_key)
      assert.same(answer, again)
    end)

    it("answers 400 without a key, 409 while it is under way, 503 when the table throttles", function()
      assert.equal(400, run({}).statusCode)
      local busy = run({ taken_by { id = "x", status = "INPROGRESS" } }, with_key)
      assert.equal(409, busy.statusCode)
      assert.equal("1", http_events.headers(busy)["retry-after"])
      local throttled = { status = 400, body = '{"__type":"x#ProvisionedThroughputExceededException"}' }
      local text, answer = capture("stderr", run, { throttled }, with_key)
      assert.equal(503, answer.statusCode)
      assert.matches("ProvisionedThroughputExceeded", text, 1, true)
    end)

    it("answers 500, and not that the request was bad, when the table refuses what it is sent", function()
      local text, answer = capture("stderr", run, { { status = 400, body = '{"__type":"x#ValidationException"}' } },
        with_key)
      assert.equal(500, answer.statusCode)
      assert.matches("ValidationException", text, 1, true)
    end)

    it("answers as the program's functions for key and payload say", function()
      local function refuse() return http.input(error, "no key can be made of it") end
      assert.equal(400, run({}, with_key, { key = refuse }).statusCode)
      assert.equal(400, run({}, with_key, { validate = refuse }).statusCode)
      assert.matches("a mistake", message_of(run, {}, with_key, { key = function() error "a mistake" end }))
    end)

    it("answers 400 to a body that is not the base64 that it says", function()
      local event = http_events.new("http", { method = "POST" })
      event.body, event.isBase64Encoded = "%", true
      assert.equal(400, new({}, { key = function(_, request) return request.body end })(event, ctx).statusCode)
    end)

    describe("from a browser", function()
      local shared = { origins = { "https://a.example" } }
      local function new_with(answers)
        local key = function(_, request) return request.headers["idempotency-key"] end
        return (new(answers, { key = key, cors = shared }, http.handler(function() return true end, { cors = shared })))
      end
      local origin = { "Origin", "https://a.example" }

      it("marks its own refusals", function()
        local event = http_events.new("http", { method = "POST", headers = { origin } })
        local refused = new_with {}(event, ctx)
        event.rawQueryString = "q=%FF"
        local unreadable = new_with {}(event, ctx)
        for _, answer in ipairs { refused, unreadable } do
          local headers = http_events.headers(answer)
          assert.same({ 400, "https://a.example", "Origin" },
            { answer.statusCode, headers["access-control-allow-origin"], headers.vary })
        end
      end)

      it("has a preflight answered, which has no key", function()
        local headers = { origin, { "Access-Control-Request-Method", "POST" } }
        local answer = new_with {}(http_events.new("http", { method = "OPTIONS", headers = headers }), ctx)
        assert.same({ 204, "POST" },
          { answer.statusCode, http_events.headers(answer)["access-control-allow-methods"] })
      end)
    end)
  end)

  it("refuses options that make no sense", function()
    local db = fake_client.new {}
    local function message(options)
      local all = { table = db:table("t", { partition = "id" }), name = "n", key = print }
      for name, value in pairs(options) do all[name] = value end
      return message_of(idempotency.wrap, print, all)
    end
    assert.matches("table must be of db:table", message { table = {} })
    assert.matches("must have no version", message { table = db:table("t", { partition = "id", version = "v" }) })
    assert.matches("ttl must be a positive number", message { ttl = 0 })
    assert.matches('missing must be "error" or "run"', message { missing = "skip" })
    assert.matches("layout must be", message { layout = "java" })
    assert.matches('did you mean "layout"', message { layouts = "python" })
    assert.matches("key must be a function", message { key = "order" })
    assert.matches("cors.origins must be", message { cors = {} }, 1, true)
    assert.matches("handler must be a function", message_of(idempotency.wrap, {}, {}))
  end)
end)
