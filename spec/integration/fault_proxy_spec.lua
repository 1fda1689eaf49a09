-- The fault proxy does to a real engine's requests what it says. Plain HTTP, so that nobody repeats anything.
local core = require "dynamodb.core"
local curl = require "dynamodb.curl"
local fault_proxy = require "spec.support.fault_proxy"
local http = require "spec.support.http"

local endpoint = os.getenv "DYNAMODB_TEST_ENDPOINT"
local transacts = os.getenv "DYNAMODB_TEST_ENGINE" ~= "dynalite"

describe("The fault proxy", function()
  if not endpoint then
    return it("needs an engine", function() pending "no engine: run through tools/engine.sh" end)
  end
  local table_name = "proxy-" .. core.uuid()
  local proxy, pool, engine

  local function start_request(peer, operation, params)
    local body = core.json_encode(params)
    return pool:start(http.request(peer, {
      body = body,
      repeat_safe = false,
      head = ("Host: %s:%d\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: DynamoDB_20120810.%s\r\n"
        .. "X-Amz-Date: 20261122T000000Z\r\nContent-Length: %d\r\nAuthorization: AWS4-HMAC-SHA256 Credential="
        .. "a/20261122/us-east-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=00\r\n")
        :format(peer.host, peer.port, operation, #body),
    }))
  end

  --- The status, the decoded body or the failure's code, and the whole response.
  local function finish(transfer)
    local response, code = http.finish(pool, transfer)
    if not response then return nil, code end
    return response.status, core.json_decode(response.body), response
  end

  local function ask(peer, operation, params) return finish(start_request(peer, operation, params)) end

  local function put(number, peer)
    return ask(peer or proxy, "PutItem", { TableName = table_name, Item = { pk = { S = tostring(number) } } })
  end

  local function is_there(number)
    local _, answer = ask(engine, "GetItem",
      { TableName = table_name, Key = { pk = { S = tostring(number) } }, ConsistentRead = true })
    return answer.Item ~= nil
  end

  local function batch(from, count)
    local list = {}
    for i = 1, count do list[i] = { PutRequest = { Item = { pk = { S = ("%s%d"):format(from, i) } } } } end
    return { RequestItems = { [table_name] = list } }
  end

  setup(function()
    pool = curl.pool {}
    local host, port = endpoint:match "^http://([^:]+):(%d+)"
    engine = { host = host, port = tonumber(port) }
    proxy = fault_proxy.start { faults = {} }
    assert.equal(200, (ask(proxy, "CreateTable", {
      TableName = table_name, BillingMode = "PAY_PER_REQUEST",
      KeySchema = { { AttributeName = "pk", KeyType = "HASH" } },
      AttributeDefinitions = { { AttributeName = "pk", AttributeType = "S" } },
    })))
    repeat
      local _, answer = ask(engine, "DescribeTable", { TableName = table_name })
    until answer.Table.TableStatus == "ACTIVE"
  end)

  before_each(function() proxy:configure {} end)

  teardown(function()
    if engine then ask(engine, "DeleteTable", { TableName = table_name }) end
    if proxy then
      assert.equal(0, proxy:counts().proxy_errors, proxy:complaints())
      proxy:stop()
    end
    if pool then pool:close() end
  end)

  it("passes on what meets no fault, bytes and all", function()
    assert.equal(200, (put("plain")))
    assert.is_true(is_there "plain")
    local text = ("é\\\"{[]}\t"):rep(20000)
    local item = { pk = { S = "big" }, t = { S = text }, l = { L = core.json_decode "[]" } }
    assert.equal(200, (ask(proxy, "PutItem", { TableName = table_name, Item = item })))
    local _, answer, response = ask(proxy, "GetItem", { TableName = table_name, Key = { pk = { S = "big" } } })
    assert.same(item, answer.Item)
    assert.equal(core.crc32(response.body), tonumber(core.header(response.head, "x-amz-crc32")))
    local counts = proxy:counts()
    assert.same({ 3, 3, 0 }, { counts.requests, counts.forwarded, counts.faults })
  end)

  -- What each fault answers, and whether the engine has done it: nil when that is left to chance.
  local single = {
    drop_request = { failure = "ConnectionError", applied = false },
    drop_reply = { failure = "ConnectionError", applied = true },
    reset = { failure = "ConnectionError", applied = true },
    truncate = { failure = true, applied = true },
    throughput = { status = 400, code = "ProvisionedThroughputExceededException", applied = false },
    throttle = { status = 400, code = "ThrottlingException", applied = false },
    error_500 = { status = 500, code = "InternalServerError" },
    error_503 = { status = 503, code = "ServiceUnavailable", applied = false },
    conflict_single = { status = 400, code = "TransactionConflictException", applied = false },
  }
  for name, expected in pairs(single) do
    it(name .. ": what the client sees, and what the engine has done", function()
      for i = 1, 4 do
        proxy:next(name)
        local key = name .. i
        local status, answer = put(key)
        assert.equal(expected.status, status)
        if expected.code then
          assert.matches("#" .. expected.code .. "$", answer.__type)
        elseif expected.failure ~= true then
          assert.equal(expected.failure, answer)
        end
        local applied = expected.applied
        if applied ~= nil then assert.equal(applied, is_there(key)) end
      end
      local counts = proxy:counts()
      assert.same({ 4, 4, 4 }, { counts[name], counts.faults, counts.requests })
      if name == "error_500" then assert.equal(counts.forwarded, counts.error_500_applied) end
    end)
  end

  it("garble: an answer whose checksum does not fit", function()
    proxy:next "garble"
    local response = http.finish(pool, start_request(proxy, "GetItem",
      { TableName = table_name, Key = { pk = { S = "nobody" } } }))
    assert.equal(200, response.status)
    assert.are_not.equal(core.crc32(response.body), tonumber(core.header(response.head, "x-amz-crc32")))
  end)

  it("delay: within its two times", function()
    proxy:configure { faults = { delay = 1 }, delay = { 0.1, 0.2 } }
    local started = pool:now()
    put "late"
    local seconds = pool:now() - started
    assert.is_true(seconds >= 0.1 and seconds < 10, seconds .. " s")
    assert.equal(1, proxy:counts().delay)
  end)

  it("leftovers of a written batch: each item is written or comes back", function()
    local left = 0
    for round = 1, 8 do
      proxy:next "leftovers"
      local from = "left" .. round .. "-"
      local status, answer, response = ask(proxy, "BatchWriteItem", batch(from, 10))
      assert.equal(200, status)
      local crc = core.header(response.head, "x-amz-crc32")
      if crc then assert.equal(core.crc32(response.body), tonumber(crc)) end
      local unprocessed = {}
      for _, one in ipairs(answer.UnprocessedItems[table_name] or {}) do
        unprocessed[one.PutRequest.Item.pk.S] = true
        left = left + 1
      end
      for i = 1, 10 do assert.equal(not unprocessed[from .. i], is_there(from .. i)) end
    end
    assert.is_true(left > 0 and left < 80)
    assert.same({ 8, left }, { proxy:counts().leftovers, proxy:counts().leftover_items })
  end)

  it("leftovers of a read batch: each key is answered or comes back, with its options", function()
    ask(engine, "BatchWriteItem", batch("read", 20))
    local keys = {}
    for i = 1, 20 do keys[i] = { pk = { S = "read" .. i } } end
    proxy:next "leftovers"
    local status, answer = ask(proxy, "BatchGetItem",
      { RequestItems = { [table_name] = { Keys = keys, ConsistentRead = true, ProjectionExpression = "pk" } } })
    assert.equal(200, status)
    local left = answer.UnprocessedKeys[table_name]
    assert.is_true(left.ConsistentRead)
    assert.equal("pk", left.ProjectionExpression)
    assert.equal(20, #answer.Responses[table_name] + #left.Keys)
    assert.is_true(#left.Keys > 0)
  end)

  it("conflict and in_progress of a transaction: nothing is done", function()
    if not transacts then return pending "dynalite has no transactions" end
    local function transact()
      local list = {}
      for i = 1, 3 do list[i] = { Put = { TableName = table_name, Item = { pk = { S = "transacted" .. i } } } } end
      return ask(proxy, "TransactWriteItems", { TransactItems = list, ClientRequestToken = core.uuid() })
    end
    proxy:next("conflict", "in_progress")
    local status, answer = transact()
    assert.equal(400, status)
    assert.matches("#TransactionCanceledException$", answer.__type)
    local codes = {}
    for i, reason in ipairs(answer.CancellationReasons) do codes[i] = reason.Code end
    table.sort(codes)
    assert.same({ "None", "None", "TransactionConflict" }, codes)
    status, answer = transact()
    assert.equal(400, status)
    assert.matches("#TransactionInProgressException$", answer.__type)
    for i = 1, 3 do assert.is_false(is_there("transacted" .. i)) end
    assert.equal(200, (transact()))
    for i = 1, 3 do assert.is_true(is_there("transacted" .. i)) end
  end)

  it("spares what manages tables, and what `only` does not name", function()
    proxy:configure { faults = { throttle = 1 } }
    assert.equal(200, (ask(proxy, "DescribeTable", { TableName = table_name })))
    assert.equal(400, (put "spared"))
    proxy:configure { faults = { throttle = 1 }, only = { "GetItem" } }
    assert.equal(200, (put "spared"))
  end)

  -- The faults of many requests, by their number, made at the same time or one after the other.
  local function outcomes(seed, at_once)
    proxy:configure { seed = seed, faults = { throttle = 0.2, drop_request = 0.1, error_503 = 0.2, delay = 0.3 } }
    local list, transfers = {}, {}
    for i = 1, 60 do
      local transfer = start_request(proxy, "PutItem", { TableName = table_name, Item = { pk = { S = "o" .. i } } })
      if not at_once then list[i] = tostring(finish(transfer)) end
      transfers[i] = transfer
    end
    for i = 1, at_once and 60 or 0 do list[i] = tostring(finish(transfers[i])) end
    return table.concat(list, " ")
  end

  it("does the same again with the same seed, whoever comes first", function()
    local first = outcomes(1, true)
    assert.equal(first, outcomes(1, true))
    assert.equal(first, outcomes(1, false))
    assert.are_not.equal(first, outcomes(2, true))
    local counts = proxy:counts()
    for _, name in ipairs { "throttle", "drop_request", "error_503", "delay" } do assert.is_true(counts[name] > 0) end
  end)

  it("meets a repeated request with something else", function()
    proxy:configure { seed = 3, faults = { throttle = 0.5 } }
    local answers = {}
    for _ = 1, 20 do answers[put "again"] = true end
    assert.same({ [200] = true, [400] = true }, answers)
  end)

  it("keeps up with several connections", function()
    proxy:configure { seed = 1, faults = { leftovers = 0.3 } }
    local started = pool:now()
    for round = 1, 5 do
      local transfers = {}
      for i = 1, 8 do transfers[i] = start_request(proxy, "BatchWriteItem", batch(("b%d-%d-"):format(round, i), 25)) end
      for i = 1, 8 do assert.equal(200, (finish(transfers[i]))) end
    end
    assert.equal(40, proxy:counts().requests)
    assert.is_true(pool:now() - started < 60)
  end)
end)
