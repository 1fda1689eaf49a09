-- The model of DynamoDB that properties run against: does it do what the service does, and what it was told to?
local core = require "dynamodb.core"
local fake = require "dynamodb.runtime.fake"
local model_server = require "spec.support.model_server"

local function new(settings)
  settings = settings or {}
  settings.tables = settings.tables or { t = { "pk" } }
  local model = model_server.new(settings)
  return model, fake.new { handler = model:handler() }
end

--- The status, the decoded body or the failure's code, and the response or failure.
local function ask(rt, operation, params, deadline)
  local head = "X-Amz-Target: DynamoDB_20120810." .. operation .. "\r\n"
  local response, err = rt:send({ head = head, body = core.json_encode(params) }, deadline)
  if not response then return nil, err.code, err end
  return response.status, core.json_decode(response.body), response
end

local function item(key, value) return { pk = { S = tostring(key) }, v = { N = tostring(value or 0) } } end

local function puts(list)
  local requests = {}
  for i, one in ipairs(list) do requests[i] = { PutRequest = { Item = one } } end
  return { RequestItems = { t = requests } }
end

describe("The model server", function()
  it("puts, gets and deletes", function()
    local model, rt = new()
    assert.equal(200, (ask(rt, "PutItem", { TableName = "t", Item = item("a", 1) })))
    local _, answer = ask(rt, "PutItem", { TableName = "t", Item = item("a", 2), ReturnValues = "ALL_OLD" })
    assert.same(item("a", 1), answer.Attributes)
    local key = { TableName = "t", Key = { pk = { S = "a" } } }
    assert.same({ Item = item("a", 2) }, (select(2, ask(rt, "GetItem", key))))
    assert.equal(200, (ask(rt, "DeleteItem", key)))
    assert.same({}, (select(2, ask(rt, "GetItem", key))))
    assert.equal(0, model:size "t")
    local history = model:history("t", { pk = { S = "a" } })
    assert.same({ item("a", 1), item("a", 2), false }, { history[1].item, history[2].item, history[3].item })
  end)

  it("knows the condition of a create", function()
    local _, rt = new()
    local create = {
      TableName = "t", Item = item("a", 1), ConditionExpression = "attribute_not_exists(#k)",
      ExpressionAttributeNames = { ["#k"] = "pk" }, ReturnValuesOnConditionCheckFailure = "ALL_OLD",
    }
    assert.equal(200, (ask(rt, "PutItem", create)))
    local status, answer = ask(rt, "PutItem", create)
    assert.equal(400, status)
    assert.matches("#ConditionalCheckFailedException$", answer.__type)
    assert.same(item("a", 1), answer.Item)
  end)

  it("takes 1, 1.0 and 1E0 for the same key", function()
    local model, rt = new { tables = { t = { "pk", "n" } } }
    for _, n in ipairs { "1", "1.0", "1E0", "2" } do
      assert.equal(200, (ask(rt, "PutItem", { TableName = "t", Item = { pk = { S = "a" }, n = { N = n } } })))
    end
    assert.equal(2, model:size "t")
  end)

  it("writes and reads batches", function()
    local model, rt = new()
    local list, keys = {}, {}
    for i = 1, 25 do
      list[i] = item("k" .. i, i)
      keys[i] = { pk = { S = "k" .. i } }
    end
    assert.same({ UnprocessedItems = {} }, (select(2, ask(rt, "BatchWriteItem", puts(list)))))
    assert.equal(25, model:size "t")
    keys[26] = { pk = { S = "nobody" } }
    local _, answer = ask(rt, "BatchGetItem", { RequestItems = { t = { Keys = keys } } })
    assert.equal(25, #answer.Responses.t)
    ask(rt, "BatchWriteItem", { RequestItems = { t = { { DeleteRequest = { Key = keys[1] } } } } })
    assert.is_nil(model:item("t", keys[1]))
  end)

  local function refused(params, operation, settings)
    local model, rt = new(settings)
    local status, answer = ask(rt, operation or "BatchWriteItem", params)
    assert.equal(400, status)
    assert.equal(0, model:size "t")
    return answer.__type:match "#(.*)$"
  end

  it("refuses what the service refuses, whole", function()
    assert.equal("ValidationException", refused(puts { item "a", item "a" }))
    assert.equal("ValidationException", refused(puts { item "a", { v = { N = "1" } } }))
    assert.equal("ValidationException", refused(puts { item "a", { pk = { S = "b" }, v = { S = ("x"):rep(410000) } } }))
    assert.equal("ValidationException", refused(puts {}))
    local many = {}
    for i = 1, 26 do many[i] = item("k" .. i) end
    assert.equal("ValidationException", refused(puts(many)))
    local elsewhere = { RequestItems = { other = { { PutRequest = { Item = item "a" } } } } }
    assert.equal("ResourceNotFoundException", refused(elsewhere))
    local poison = { rejects = function(one) return one.pk.S == "b" end }
    assert.equal("ValidationException", refused(puts { item "a", item "b" }, nil, poison))
  end)

  -- What a put that meets the fault looks like, and whether it was applied: nil when that is left to chance.
  local seen = {
    unsent = { nil, "ConnectionError", false },
    drop_request = { nil, "ConnectionError", false },
    drop_reply = { nil, "ConnectionError", true },
    timeout = { nil, "Timeout" },
    truncate = { nil, "ResponseError", true },
    throughput = { 400, "ProvisionedThroughputExceededException", false },
    throttle = { 400, "ThrottlingException", false },
    error_500 = { 500, "InternalServerError" },
    error_503 = { 503, "ServiceUnavailable", false },
  }
  for name, expected in pairs(seen) do
    it("does " .. name, function()
      local model, rt = new { faults = { [name] = 1 } }
      local applied = 0
      for i = 1, 20 do
        local status, answer, whole = ask(rt, "PutItem", { TableName = "t", Item = item(i) })
        assert.equal(expected[1], status)
        assert.equal(expected[2], status and answer.__type:match "#(.*)$" or answer)
        if not status then assert.equal(name ~= "unsent", whole.sent) end
        if model:item("t", item(i)) then applied = applied + 1 end
      end
      if expected[3] == nil then
        assert.is_true(applied > 0 and applied < 20)
      else
        assert.equal(expected[3] and 20 or 0, applied)
      end
      assert.equal(20, model.counts[name])
    end)
  end

  it("does garble", function()
    local _, rt = new { faults = { garble = 1 } }
    local status, _, response = ask(rt, "PutItem", { TableName = "t", Item = item "a" })
    assert.equal(200, status)
    assert.are_not.equal(core.crc32(response.body), tonumber(core.header(response.head, "x-amz-crc32")))
  end)

  it("leaves a part of a batch, and says so", function()
    local model, rt = new { faults = { leftovers = 1 } }
    local list, left = {}, 0
    for i = 1, 25 do list[i] = item("k" .. i) end
    for _ = 1, 20 do
      local _, answer = ask(rt, "BatchWriteItem", puts(list))
      left = left + #(answer.UnprocessedItems.t or {})
    end
    local applied = 0
    for i = 1, 25 do applied = applied + #model:history("t", list[i]) end
    assert.equal(20 * 25, applied + left)
    assert.is_true(left > 50 and applied > 50)
  end)

  it("does not overrun a deadline, and applies nothing afterwards", function()
    local model, rt = new { latency = { 1, 1 } }
    local _, code, err = ask(rt, "PutItem", { TableName = "t", Item = item "a" }, 0.4)
    assert.same({ "DeadlineExceeded", true, 0.4 }, { code, err.sent, rt:now() })
    assert.equal(0, model:size "t")
    ask(rt, "PutItem", { TableName = "t", Item = item "a" }, rt:now() + 0.6)
    assert.equal(1, model:size "t")
    assert.equal(1, rt:now())
  end)

  it("sees writes of one key that are under way together", function()
    local model, rt = new()
    local function write(key) return function() ask(rt, "PutItem", { TableName = "t", Item = item(key) }) end end
    for _, key in ipairs { "a", "b" } do rt:spawn(write(key)) end
    rt:sleep(1)
    assert.equal(0, model.overlaps)
    for _ = 1, 3 do rt:spawn(write "a") end
    rt:sleep(1)
    assert.equal(2, model.overlaps)
  end)
end)

-- The simplest client that loses nothing: four tasks that each write their items again until they are done.
local FAULTS = {
  unsent = 0.03, drop_request = 0.04, drop_reply = 0.04, timeout = 0.02, truncate = 0.03, garble = 0.03,
  throughput = 0.06, throttle = 0.06, error_500 = 0.05, error_503 = 0.04, leftovers = 0.2,
}

local function run(seed)
  local model, rt = new { seed = seed, faults = FAULTS }
  local tasks, trace = {}, {}
  for task = 1, 4 do
    tasks[task] = rt:spawn(function()
      local todo = {}
      for i = 1, 25 do todo[i] = item(("%d-%d"):format(task, i), seed) end
      while #todo > 0 do
        local status, answer, response = ask(rt, "BatchWriteItem", puts(todo))
        trace[#trace + 1] = ("%d %s %d"):format(task, status or answer, #todo)
        if status == 200 and tonumber(core.header(response.head, "x-amz-crc32")) == core.crc32(response.body) then
          todo = {}
          for i, one in ipairs(answer.UnprocessedItems.t or {}) do todo[i] = one.PutRequest.Item end
        end
        rt:sleep(0.05)
      end
    end)
  end
  for _, task in ipairs(tasks) do assert(rt:join(task)) end
  return model, table.concat(trace, "\n") .. rt:now()
end

describe("Against the model server", function()
  it("a client that repeats loses nothing, in all its faults", function()
    local totals = {}
    for seed = 1, os.getenv "FLAVOUR" == "asan" and 10 or 200 do
      local model = run(seed)
      assert.equal(100, model:size "t")
      assert.equal(0, model.overlaps)
      for name in pairs(FAULTS) do totals[name] = (totals[name] or 0) + model.counts[name] end
    end
    for name in pairs(FAULTS) do assert.is_true(totals[name] > 0, name) end
  end)

  it("the same seed is the same story, and another one is not", function()
    local _, first = run(1)
    local _, again = run(1)
    local _, other = run(2)
    assert.equal(first, again)
    assert.are_not.equal(first, other)
  end)
end)
