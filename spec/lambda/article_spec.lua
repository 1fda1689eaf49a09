-- The patterns of "How to Use DynamoDB with Lambda", in the functions of examples/lambda, against a real engine. The
-- numbers are those of docs/lambda.md.
local capture = require "spec.support.capture"
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local http_events = require "spec.support.http_events"
local lambda_functions = require "spec.support.lambda_functions"
local process = require "spec.support.process"
local server = require "spec.support.server"
local stream_events = require "spec.support.stream_events"

local time = dynamodb.time

describe("the article's patterns", function()
  if not engine.endpoint then
    return it("need an engine", function() pending "no engine: run through tools/engine.sh" end)
  elseif engine.name == "dynalite" then
    return it("need streams and transactions", function() pending "dynalite has neither" end)
  end

  local functions, shop, table_name, published

  setup(function()
    table_name = engine.prefix .. core.uuid()
    functions = lambda_functions.new {
      TABLE_NAME = table_name, IDEMPOTENCY_TABLE = table_name .. "-idempotency",
      CURSOR_KEY = "0123456789abcdef0123456789abcdef", TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:orders",
      AWS_ACCESS_KEY_ID = "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY = "secret",
    }
    shop = functions.require "shop"
    assert(shop.db:ensure_table(shop.spec))
    assert(shop.db:ensure_table(shop.idempotency_spec))
    functions.require("sns").runtime = {
      now = function() return 0 end, time = function() return 1795821901 end,
      send = function(_, request)
        published[#published + 1] = request
        return { status = 200, head = "", body = "" }
      end,
    }
  end)

  before_each(function() published = {} end)

  teardown(function()
    engine.drop_table(shop.db, table_name)
    engine.drop_table(shop.db, table_name .. "-idempotency")
    shop.db:close()
  end)

  -- Asks a function as a source of HTTP would.
  local function ask(handler, request, source)
    if type(request.body) == "table" then request.body = core.json_encode(request.body) end
    local event = http_events.new(source or "rest", request)
    return select(2, capture("stdout", functions.invoke, functions, handler, event))
  end

  local function make_user(id, fields)
    local user = { id = id, email = id .. "@example.com", name = "Name of " .. id }
    for name, value in pairs(fields or {}) do user[name] = value end
    assert.equal(201, ask("users.create", { method = "POST", path = "/users", body = user }).statusCode)
  end

  local function stored(id) return shop.table:get(shop.user_key(id), { consistent = true }) end

  it("1: API Gateway, S3 and EventBridge reach functions; the table has a global and a local index", function()
    assert.equal(201, functions:invoke("users.create", functions:recorded "create-user.rest").statusCode)
    functions:invoke("ingest.uploaded", functions:recorded "uploaded.s3")
    functions:invoke("ingest.uploaded", functions:recorded "uploaded.s3")
    assert.equal(1024, assert(shop.table:get { pk = "UPLOAD#shop-uploads", sk = "photos/red lamp(1).jpg" }).size)
    functions:invoke("ingest.scheduled", functions:recorded "scheduled.eventbridge")
    assert.equal("aws.scheduler", assert(shop.table:get { pk = "SCHEDULE", sk = "2026-11-27T23:25:00Z" }).source)
    local indexes = assert(shop.table:describe()).indexes
    assert.same({ "global", "local" }, { indexes.GSI1.kind, indexes.LSI1.kind })
  end)

  it("3: one client of a shared module, with a timeout and attempts, for all functions", function()
    assert.equal(functions.require "shop", functions.require "shop")
    assert.equal(5, shop.db.timeout)
  end)

  it("4: what DynamoDB cannot hold is left out of items, numbers stay numbers", function()
    assert(shop.table:put { pk = "NOTE#1", sk = "NOTE", f = print, n = 1.5, big = dynamodb.number "1e30" })
    local item = assert(shop.table:get { pk = "NOTE#1", sk = "NOTE" })
    assert.same({ nil, 1.5 }, { item.f, item.n })
    assert.equal("1000000000000000000000000000000", tostring(item.big))
  end)

  it("6: an item is created once, with its keys, kind, stamps and expiry", function()
    make_user "c1"
    local item = assert(stored "c1")
    assert.same({ "USER#c1", "PROFILE#c1", "User" }, { item.pk, item.sk, item.entityType })
    assert.is_true(time.parse(item.createdAt) ~= nil and item.createdAt == item.updatedAt)
    assert.is_true(item.ttl > os.time() + 360 * 86400)
    local answer, body = ask("users.create", { method = "POST", body = { id = "c1", email = "x" } })
    assert.same({ 409, "User already exists" }, { answer.statusCode, body.error })
    assert.equal("c1@example.com", stored("c1").email)
  end)

  it("7: a request is read and answered in the form of each source", function()
    make_user "h1"
    for _, source in ipairs(http_events.sources) do
      local answer, body = ask("users.get",
        { path = "/users/h1", params = { id = "h1" }, resource = "/users/{id}" }, source)
      if source == "rest" or source == "http" then -- the others have no path parameters: they need a router
        assert.same({ 200, "h1" }, { answer.statusCode, body.id })
      end
      answer, body = ask("api.handler", { path = "/users/h1" }, source)
      assert.same({ 200, "h1" }, { answer.statusCode, body.id })
      answer = ask("api.handler",
        { method = "PATCH", path = "/users/h1", body = core.base64 '{"name":"Ü"}', base64 = true }, source)
      assert.equal(200, answer.statusCode)
    end
    assert.equal("Ü", stored("h1").name)
    local answer, body = ask("users.create", { method = "POST", body = "{" })
    assert.same({ 400, "The body is not JSON" }, { answer.statusCode, body.error })
    assert.equal(400, ask("users.create", { method = "POST" }).statusCode)
  end)

  it("8: an item is read in part, reserved words or not, consistently if asked to; 404 where there is none", function()
    make_user "r1"
    local request = { path = "/users/r1", params = { id = "r1" }, query = { { "consistent", "true" } } }
    local answer, body = ask("users.get", request)
    assert.equal(200, answer.statusCode)
    assert.same({ "r1", "r1@example.com", "Name of r1", nil }, { body.id, body.email, body.name, body.pk })
    assert.is_string(body.createdAt)
    assert.equal(404, ask("users.get", { params = { id = "nobody" } }).statusCode)
  end)

  it("9: an update is built from what is given, and cannot touch keys, kinds and stamps", function()
    make_user("u1", { phone = nil })
    local answer, body = ask("users.update", { method = "PATCH", params = { id = "u1" }, body = {
      name = "New", phone = "1", pk = "USER#other", sk = "x", id = "other", entityType = "Admin", createdAt = "1970",
    } })
    assert.same({ 200, "New", "1", "u1" }, { answer.statusCode, body.name, body.phone, body.id })
    local item = assert(stored "u1")
    assert.equal("User", item.entityType)
    assert.is_true(item.createdAt > "2000" and item.updatedAt >= item.createdAt)
    answer = ask("users.update", { method = "PATCH", params = { id = "u1" }, body = { phone = core.null } })
    assert.equal(200, answer.statusCode)
    assert.is_nil(stored("u1").phone)
    assert.equal(400, ask("users.update", { method = "PATCH", params = { id = "u1" }, body = "{}" }).statusCode)
    answer, body = ask("users.update", { method = "PATCH", params = { id = "nobody" }, body = { name = "x" } })
    assert.same({ 404, "User not found" }, { answer.statusCode, body.error })
    assert.is_nil((stored "nobody"))
  end)

  it("10: a delete gives the item that was there, 404 if there was none", function()
    make_user "d1"
    local answer, body = ask("users.delete", { method = "DELETE", params = { id = "d1" } })
    assert.same({ 200, "d1@example.com" }, { answer.statusCode, body.deleted.email })
    assert.equal(404, ask("users.delete", { method = "DELETE", params = { id = "d1" } }).statusCode)
  end)

  it("what no user can be is refused before anything is written", function()
    for _, body in ipairs { '{"id":"a\\nb","email":"e"}', '{"id":"v1","email":{}}',
      '{"id":"v1","email":"e","name":[]}' } do
      assert.equal(400, ask("users.create", { method = "POST", path = "/users", body = body }).statusCode)
    end
    assert.is_nil((stored "a\nb") or (stored "v1"))
    make_user "v1"
    assert.equal(400,
      ask("users.update", { method = "PATCH", params = { id = "v1" }, body = '{"name":1e300}' }).statusCode)
  end)

  it("a part of a key that would reach into another one is a 400", function()
    for _, id in ipairs { "a#b", "" } do
      assert.equal(400, ask("users.get", { params = { id = id } }).statusCode)
    end
  end)

  it("a part of a key that is too long for one is a 400", function()
    local function status(handler, id, body, headers)
      return ask(handler, { params = { id = id, status = id }, body = body, headers = headers }).statusCode
    end
    local once = { { "Idempotency-Key", core.uuid() } }
    for _, id in ipairs { ("x"):rep(1024), ("x"):rep(3000) } do -- for a sort key, for any
      for _, name in ipairs { "users.get", "users.delete" } do assert.equal(400, status(name, id)) end
      assert.equal(400, status("users.create", nil, { id = id, email = "e" }))
      assert.equal(400, status("users.update", id, { name = "n" }))
      assert.equal(400, status("batch.create", nil, { { id = id, email = "e" } }))
      assert.equal(400, status("batch.lookup", nil, { ids = { id } }))
      assert.equal(400, status("accounts.transfer", nil, { id = id, from = "a", to = "b", amount = 1 }))
    end
    local id = ("x"):rep(3000)
    for _, name in ipairs { "orders.list", "orders.by_status" } do assert.equal(400, status(name, id)) end
    assert.equal(400, status("orders.create", id, { total = 1, items = {} }, once))
    assert.equal(400, status("orders.create", "u", { total = 1, items = { { product = id, quantity = 1 } } }, once))
    assert.equal(400, ask("accounts.balances", { query = { { "id", id } } }).statusCode)
  end)

  describe("of orders", function()
    local day = 86400
    local function place(user, age, status)
      local at = time.iso(os.time() - age)
      local id = core.uuid()
      assert(shop.table:put {
        pk = shop.keys.user(user), sk = shop.keys.order { created = at, id = id }, entityType = "Order", id = id,
        status = status, total = age, items = dynamodb.list {}, GSI1PK = shop.keys.status(status), GSI1SK = at,
      })
      return id
    end

    it("11: the newest of a user come first, as many as asked for, and of a status", function()
      for i = 1, 5 do place("q1", i * 10, i % 2 == 0 and "open" or "paid") end
      local _, body = ask("orders.list", { params = { id = "q1" }, query = { { "limit", "3" } } })
      assert.same({ 3, 10, 20, 30 }, { body.count, body.items[1].total, body.items[2].total, body.items[3].total })
      _, body = ask("orders.list", { params = { id = "q1" }, query = { { "status", "open" } } })
      assert.same({ 20, 40 }, { body.items[1].total, body.items[2].total })
      for _, limit in ipairs { "0", "101", "all", "1e9" } do
        assert.equal(400, ask("orders.list", { params = { id = "q1" }, query = { { "limit", limit } } }).statusCode)
      end
    end)

    it("12: pages go on by a token that is signed, and bound to the user", function()
      for i = 1, 5 do place("q2", i * 10, "open") end
      local seen, next_key = {}, nil
      repeat
        local query = { { "limit", "2" }, next_key and { "nextKey", next_key } or nil }
        local _, body = ask("orders.list", { params = { id = "q2" }, query = query })
        for _, order in ipairs(body.items) do seen[#seen + 1] = order.total end
        next_key = body.nextKey
        if next_key then
          local answer, refused = ask("orders.list", { params = { id = "q1" }, query = { { "nextKey", next_key } } })
          assert.same({ 400, "The cursor is not valid" }, { answer.statusCode, refused.error })
        end
      until not next_key
      assert.same({ 10, 20, 30, 40, 50 }, seen)
      local forged = core.base64 '{"pk":"USER#q1","sk":"ORDER#"}'
      assert.equal(400, ask("orders.list", { params = { id = "q2" }, query = { { "nextKey", forged } } }).statusCode)
    end)

    it("13: of all users by status and date, of the last seven days by default", function()
      local recent, old = place("q3", day, "shipped"), place("q4", 10 * day, "shipped")
      local function ids(query)
        local answer, body = ask("orders.by_status", { params = { status = "shipped" }, query = query or {} })
        local list = {}
        for i, order in ipairs(body.orders or {}) do list[i] = order.id end
        return list, answer.statusCode
      end
      assert.same({ recent }, (ids()))
      local ten_days_ago = time.iso(os.time() - 11 * day)
      assert.same({ recent, old }, (ids { { "startDate", ten_days_ago } }))
      assert.same({ old }, (ids { { "startDate", ten_days_ago }, { "endDate", time.iso(os.time() - 9 * day) } }))
      assert.equal(400, (select(2, ids { { "startDate", "yesterday" } })))
    end)

    it("one that is placed again with the same key is one order", function()
      local request = { method = "POST", path = "/users/o1/orders", params = { id = "o1" },
        headers = { { "Idempotency-Key", "k1" } }, body = { total = 5, items = dynamodb.list {} } }
      local first = ask("orders.create", request)
      local second = ask("orders.create", request)
      assert.same({ 201, first.body }, { second.statusCode, second.body })
      local _, listed = ask("orders.list", { params = { id = "o1" } })
      assert.equal(1, listed.count)
      request.body = '{"total":6,"items":[]}'
      assert.equal(422, ask("orders.create", request).statusCode)
      for _, headers in ipairs { {}, { { "Idempotency-Key", "" } } } do
        request.headers = headers
        assert.equal(400, ask("orders.create", request).statusCode)
      end
    end)

    it("the same key of another user is another order", function()
      local request = { method = "POST", headers = { { "Idempotency-Key", "k2" } },
        body = { total = 5, items = dynamodb.list {} } }
      local made = {}
      for i, user in ipairs { "o2", "o3" } do
        request.path, request.params = "/users/" .. user .. "/orders", { id = user }
        made[i] = select(2, ask("orders.create", request)).id
        assert.equal(1, select(2, ask("orders.list", { params = { id = user } })).count)
      end
      assert.are_not.equal(made[1], made[2])
    end)

    it("one that the stream could not handle is refused", function()
      local function status(body)
        return ask("orders.create", { method = "POST", path = "/users/o4/orders", params = { id = "o4" }, body = body,
          headers = { { "Idempotency-Key", core.uuid() } } }).statusCode
      end
      for _, items in ipairs { '{"a":1}', "[{}]", "[7]", "[null]", '[{"product":"lamp"}]',
        '[{"product":"a#b","quantity":1}]', '[{"product":"lamp","quantity":-5}]', '[{"product":"lamp","quantity":1.5}]',
        '[{"product":"lamp","quantity":1},{"product":"lamp","quantity":1}]' } do
        assert.equal(400, status(('{"total":5,"items":%s}'):format(items)))
      end
      for _, total in ipairs { "-1", "1e-200", "1e10" } do
        assert.equal(400, status(('{"total":%s,"items":[]}'):format(total)))
      end
      assert.equal(201, status '{"total":5,"items":[{"product":"lamp","quantity":1}]}')
    end)
  end)

  it("14, 15: many items are written and read in one go, in order, and what is missing is told", function()
    local list = dynamodb.list {}
    for i = 1, 130 do list[i] = { id = ("b%03d"):format(i), email = "e", name = "n" } end
    local answer, body = ask("batch.create", { method = "POST", body = list })
    assert.same({ 200, 130, 0, 0 }, { answer.statusCode, body.done, body.failed, body.left })
    local ids = {}
    for i = 1, 120 do ids[i] = ("b%03d"):format(i) end
    ids[121] = "nobody"
    answer, body = ask("batch.lookup", { method = "POST", body = { ids = ids } })
    assert.equal(200, answer.statusCode)
    assert.same({ "b001", "b120" }, { body.users[1].id, body.users[120].id })
    assert.equal(core.null, body.users[121])
    assert.is_nil(body.users[1].pk)
    assert.equal(400, ask("batch.create", { method = "POST", body = dynamodb.list { {} } }).statusCode)
  end)

  it("16: changes of orders are notified and move the stock, once", function()
    local lamp = { pk = shop.keys.product "lamp", sk = "STOCK" }
    assert(shop.table:put { pk = lamp.pk, sk = lamp.sk, stock = 10 })
    local function order(status)
      return { pk = "USER#s", sk = "ORDER#s", entityType = "Order", id = "s", status = status,
        items = { { product = "lamp", quantity = 2 } } }
    end
    local function record(name, number, fields)
      local made = stream_events.record(name, number, fields)
      made.eventID = table_name .. number
      return made
    end
    local event = { Records = {
      record("INSERT", 1, { new = order "open" }),
      record("INSERT", 2, { new = { pk = "USER#s", sk = "PROFILE#s", entityType = "User" } }),
      record("MODIFY", 3, { old = order "open", new = order "open" }),
      record("MODIFY", 4, { old = order "open", new = order "cancelled" }),
      record("REMOVE", 5, { old = order "cancelled" }),
      record("REMOVE", 6, { old = order "cancelled",
        identity = { type = "Service", principalId = "dynamodb.amazonaws.com" } }),
    } }
    assert.same({}, functions:invoke("stream.process", event).batchItemFailures)
    assert.equal(10, assert(shop.table:get(lamp)).stock)
    assert.equal(2, #published)
    assert.matches("Subject=Order%20received", published[1].body, 1, true)
    assert.matches("Subject=Order%20cancelled", published[2].body, 1, true)
    assert.matches("Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261127/eu-west-1/sns/aws4_request",
      published[1].head, 1, true)
    event.Records = { event.Records[1] }                   -- it comes again, as bytes, as the runtime gives it
    assert.is_true(functions.require("stream").lambda.raw)
    assert.same({}, functions:invoke("stream.process", core.json_encode(event)).batchItemFailures)
    assert.equal(10, assert(shop.table:get(lamp)).stock)
  end)

  it("16: a side effect that fails brings its record, and those behind it, again", function()
    local sns = functions.require "sns"
    local runtime = sns.runtime
    finally(function() sns.runtime = runtime end)
    sns.runtime = { now = runtime.now, time = runtime.time, send = function()
      return { status = 403, head = "", body = "<Error><Code>AuthorizationError</Code></Error>" }
    end }
    local item = { pk = "USER#s", sk = "ORDER#t", entityType = "Order", id = "t", status = "open",
      items = dynamodb.list {} }
    local event = { Records = {
      stream_events.record("INSERT", 7, { new = { pk = "x", entityType = "User" } }),
      stream_events.record("INSERT", 8, { new = item }), stream_events.record("INSERT", 9, { new = item }),
    } }
    event.Records[2].eventID = table_name .. "8"
    local text, answer = capture("stderr", functions.invoke, functions, "stream.process", event)
    assert.same({ "8" }, { answer.batchItemFailures[1].itemIdentifier, answer.batchItemFailures[2] })
    assert.matches("AuthorizationError", text, 1, true)
  end)

  it("17: money moves all or not at all, once, and each refusal has its reason", function()
    local function account(id, balance)
      assert(shop.table:put { pk = "ACCOUNT#" .. id, sk = "BALANCE", balance = balance })
    end
    account("m1", 100)
    account("m2", 0)
    local function transfer(id, from, to, amount)
      local answer, body = ask("accounts.transfer",
        { method = "POST", body = { id = id, from = from, to = to, amount = amount } })
      return answer.statusCode, body.error
    end
    assert.equal(201, (transfer("t1", "m1", "m2", 60)))
    assert.same({ 409, "The transfer was made before" }, { transfer("t1", "m1", "m2", 60) })
    assert.same({ 409, "Insufficient balance" }, { transfer("t2", "m1", "m2", 60) })
    assert.same({ 409, "Destination account not found" }, { transfer("t3", "m1", "m3", 10) })
    assert.equal(400, (transfer("t4", "m1", "m1", 10)))
    for _, bad in ipairs { -10, 0, 1e-200, 1e300 } do assert.equal(400, (transfer("t4", "m1", "m2", bad))) end
    assert.equal(400, (transfer("t4", 7, "7", 10)))
    local _, body = ask("accounts.balances", { query = { { "id", "m1" }, { "id", "m2" }, { "id", "m3" } } })
    assert.same({ { id = "m1", balance = 40 }, { id = "m2", balance = 60 } }, { body.accounts[1], body.accounts[2] })
    assert.equal(core.null, body.accounts[3])
    assert.equal(400, ask("accounts.balances", { query = { { "id", "m1" }, { "id", "m1" } } }).statusCode)
    local entry = assert(shop.table:get { pk = "ACCOUNT#m2", sk = "TXN#t1" })
    assert.same({ "CREDIT", 60, "m1" }, { entry.type, entry.amount, entry.counterparty })
  end)

  it("18: one connection serves one invocation after the other", function()
    local peer = server.start { server.answering(server.response '{"Item":{"id":{"S":"x"}}}') }
    finally(function() peer:stop() end)
    local warm = lambda_functions.new({}, { endpoint = ("http://127.0.0.1:%d"):format(peer.port) })
    for _ = 1, 3 do
      local event = http_events.new("rest", { params = { id = "x" } })
      assert.equal(200, warm:invoke("users.get", event).statusCode)
    end
    local requests = peer:requests()
    assert.same({ 3, 1, 1 }, { #requests, requests[2].connection, requests[3].connection })
    warm.require("shop").db:close()
  end)

  it("20: what is not asked for is not sent", function()
    make_user "p1"
    local whole = assert(shop.table:get(shop.user_key "p1"))
    local part = assert(shop.table:get(shop.user_key "p1", { attributes = { "id", "name" } }))
    assert.is_true(whole.email ~= nil and part.email == nil and part.name ~= nil)
  end)

  it("all of them are invoked by the demonstration", function()
    local name = engine.prefix .. core.uuid()
    local code, output, errors = process.run {
      process.lua, "examples/lambda/demo.lua", env = {
        AWS_ENDPOINT_URL = engine.endpoint, AWS_REGION = "us-east-1", AWS_ACCESS_KEY_ID = "spec",
        AWS_SECRET_ACCESS_KEY = "spec", CURSOR_KEY = "0123456789abcdef0123456789abcdef", TABLE_NAME = name,
        IDEMPOTENCY_TABLE = name .. "-idempotency", TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:orders",
        LUA_PATH = "./examples/lambda/?.lua;" .. package.path,
      },
    }
    engine.drop_table(shop.db, name)
    engine.drop_table(shop.db, name .. "-idempotency")
    assert.equal(0, code, errors)
    local _, answers = output:gsub("\n    [%d{n]", "")
    assert.equal(21, answers)
    assert.matches("replay.failed.*{\"batchItemFailures\":%[%]}.*stock of lamps: 8", output)
  end)

  it("23: internals do not reach a client", function()
    local broken = lambda_functions.new { TABLE_NAME = engine.prefix .. "missing" }
    local event = http_events.new("rest", { params = { id = "x" } })
    local text, answer = capture("stderr", broken.invoke, broken, "users.get", event)
    assert.equal(500, answer.statusCode)
    assert.same({ error = "Internal server error", requestId = "request-1" }, core.json_decode(answer.body))
    assert.matches("ResourceNotFound", text, 1, true)
    broken.require("shop").db:close()
  end)
end)
