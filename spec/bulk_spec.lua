local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"
local model = require "spec.support.batch_model"

--- A client whose requests tables in memory answer.
local function connect(world, options)
  local runtime = fake.new {
    handler = function(request)
      local kind = request.head:find "BatchWriteItem" and "write" or "get"
      local outcome = world:answer(world:accept(kind, request.body))
      if outcome.body then return { status = 200, body = outcome.body } end
      local status = outcome.class == "transient" and 500 or 400
      return { status = status, body = ('{"__type":"x#%s","message":"by the model"}'):format(outcome.code) }
    end,
  }
  local fields = {
    region = "local", access_key_id = "a", secret_access_key = "b", runtime = runtime,
    retry = { random = model.random(7) },
  }
  for name, value in pairs(options or {}) do fields[name] = value end
  return dynamodb.connect(fields), runtime
end

local function new_world(faults)
  return model.new(model.random(3), { t = { "pk" }, u = { "pk" } }, faults)
end

local function check_sum(report)
  assert.equal(report.input, report.done + report.failed + report.superseded + report.unprocessed)
end

describe("put_all, delete_all and db:batch", function()
  local function numbered(count)
    local i = 0
    return function()
      i = i + 1
      if i <= count then return { pk = "p" .. i } end
    end
  end

  it("give the report when all is done, leftovers and failures notwithstanding", function()
    local world = new_world { leftover = 0.3, throttle = 0.2, transient = 0.2, applied = 0.5 }
    local t = connect(world):table("t", { partition = "pk" })
    local patient = { stall = 3600 } -- by chance one item can be unlucky for longer than a minute
    local report, err = t:put_all(numbered(500), patient)
    assert.is_nil(err)
    assert.same({ 500, 500, 0, 0, 0 },
      { report.input, report.done, report.failed, report.superseded, report.unprocessed })
    for i = 1, 500 do assert.is_table(world.tables.t.items["S:p" .. i]) end
    assert.equal(500, assert(t:delete_all(numbered(500), patient)).done)
    assert.is_nil(next(world.tables.t.items))
  end)

  it("take a list, an iterator, or an object that gives one after the other", function()
    local t = connect(new_world()):table("t", { partition = "pk" })
    assert.equal(2, assert(t:put_all { { pk = "a" }, { pk = "b" } }).done)
    local left, cursor = 3, {}
    function cursor.next()
      left = left - 1
      if left >= 0 then return { pk = "c" .. left } end
      return nil, left == -1 and "no more pages" or nil
    end
    local _, err = t:put_all(cursor)
    assert.equal("no more pages", err.cause)
    assert.equal(3, err.report.input)
    assert.equal(0, assert(t:put_all {}).input)
  end)

  it("tell how far they came when the iterator raises", function()
    local world = new_world()
    local t = connect(world):table("t", { partition = "pk" })
    local items = numbered(1000)
    local given = 0
    local report, err = t:put_all(function()
      given = given + 1
      if given == 61 then error({ "boom" }, 0) end
      return items()
    end)
    assert.is_nil(report)
    assert.equal("Incomplete", err.code)
    assert.same({ "boom" }, err.cause)
    assert.equal(60, err.report.input)
    assert.equal(50, err.report.done)
    assert.equal(10, err.report.unprocessed)
    assert.equal("p51", err.report.leftovers[1].item.pk)
    check_sum(err.report)
  end)

  it("put and delete in several tables, the last one of a key wins", function()
    local world = new_world()
    local db = connect(world)
    local t, u = db:table("t", { partition = "pk" }), db:table("u", { partition = "pk" })
    local report = assert(db:batch(function(b)
      for i = 1, 100 do
        b:put(t, { pk = "a" .. i })
        b:put(u, { pk = "b", n = i })
      end
      b:delete(u, { pk = "b" })
    end))
    check_sum(report)
    assert.is_nil(world.tables.u.items["S:b"])
    assert.is_true(report.superseded > 0)
  end)

  it("send nothing new when the function of a batch raises", function()
    local world = new_world()
    local db = connect(world)
    local t = db:table("t", { partition = "pk" })
    local kept
    local _, err = db:batch(function(b)
      kept = b
      for i = 1, 10 do b:put(t, { pk = "a" .. i }) end
      error "half way"
    end)
    assert.matches("half way", err.cause)
    assert.matches("0 of 10 done, 10 unprocessed; .*half way", err.message)
    assert.equal(0, world.requests)
    assert.has_error(function() kept:put(t, { pk = "a" }) end, "batch:put: the batch is over")
  end)

  it("hold no more than their budget, however fast items come", function()
    local t = connect(new_world { throttle = 0.5 }):table("t", { partition = "pk" })
    local most = 0
    local i = 0
    local report = assert(t:put_all(function()
      i = i + 1
      if i <= 300 then return { pk = "p" .. i, x = ("x"):rep(1000) } end
    end, { budget = 20000, progress = function(counts) most = math.max(most, counts.bytes) end }))
    assert.equal(300, report.done)
    assert.is_true(most <= 20000)
  end)

  it("wait for room instead of asking for it again and again", function()
    local db = connect(new_world { throttle = 0.5 })
    local t = db:table("t", { partition = "pk" })
    local report = assert(db:batch(function(b)
      for i = 1, 60 do b:put(t, { pk = "p" .. i, x = ("x"):rep(i % 3 * 150) }) end
    end, { budget = 1000 }))
    assert.equal(60, report.done)
  end)

  it("end at the deadline, with the rest in the report", function()
    local db, runtime = connect(new_world { throttle = 1 })
    local t = db:table("t", { partition = "pk" })
    local _, err = t:put_all(numbered(30), { timeout = 7 })
    assert.equal("deadline", err.report.stopped)
    assert.same({ 0, 30 }, { err.report.done, err.report.unprocessed })
    assert.equal(30, #err.report.leftovers)
    assert.equal("ProvisionedThroughputExceededException", err.cause.code)
    assert.is_true(err.retryable)
    assert.near(7, runtime:now(), 1e-3)
  end)

  it("end at once when no request can do better", function()
    local _, runtime = connect(new_world())
    runtime.handler = function()
      return { status = 400, body = '{"__type":"x#UnrecognizedClientException","message":"who?"}' }
    end
    local t = dynamodb.connect({ region = "local", access_key_id = "a", secret_access_key = "b", runtime = runtime })
      :table("t", { partition = "pk" })
    local _, err = t:put_all(numbered(100), { concurrency = 1 })
    assert.equal("error", err.report.stopped)
    assert.equal("UnrecognizedClientException", err.cause.code)
    assert.equal(0, err.report.done)
    check_sum(err.report)
    assert.equal(1, #runtime.requests)
  end)

  it("end soon when the only table is missing", function()
    local world = new_world()
    local t = connect(world):table("missing", { partition = "pk" })
    local _, err = t:put_all(numbered(1e6))
    assert.is_true(err.report.input < 1000)
    assert.equal(err.report.input, err.report.failed)
  end)

  it("end when a callback raises", function()
    local t = connect(new_world()):table("t", { partition = "pk" })
    local _, err = t:put_all(numbered(100), { progress = function() error("enough", 0) end })
    assert.equal("enough", err.cause)
    check_sum(err.report)
  end)

  it("refuse wrong options and tables with a version", function()
    local t = connect(new_world()):table("t", { partition = "pk" })
    assert.error_matches(function() t:put_all({}, { concurency = 2 }) end, 'did you mean "concurrency"')
    assert.error_matches(function() t:put_all({}, { wcu = "x" }) end, "wcu must be a positive number")
    assert.error_matches(function() t:put_all(7) end, "a list or an iterator is expected")
    t.version = "v"
    assert.error_matches(function() t:put_all {} end, "has a version")
  end)
end)

describe("get_all", function()
  it("gives what is there in the order of the keys, and strips what nobody asked for", function()
    local world = new_world { leftover = 0.3, throttle = 0.2 }
    for i = 1, 250 do
      world.tables.t.items["S:p" .. i] = { pk = { S = "p" .. i }, name = { S = "n" .. i }, x = { N = "1" } }
    end
    local t, keys = connect(world):table("t", { partition = "pk" }), {}
    for i = 1, 300 do keys[i] = { pk = "p" .. i } end
    local found, err, report = t:get_all(keys, { attributes = { "name", "x" } })
    assert.is_nil(err)
    for i = 1, 250 do assert.same({ name = "n" .. i, x = 1 }, found[i]) end
    for i = 251, 300 do assert.is_false(found[i]) end
    assert.equal(50, #report.missing)
    assert.equal("p1", assert(t:get_all({ { pk = "p1" } }, { attributes = { "pk" } }))[1].pk)
    assert.same({}, (assert(t:get_all {})))
  end)

  it("gives a list, as an answer of HTTP has to have one, also where there is nothing", function()
    local t = connect(new_world()):table("t", { partition = "pk" })
    assert.equal("[]", core.json_encode((t:get_all {})))
  end)

  it("writes keys and projection into the request", function()
    local body
    local _, runtime = connect(new_world())
    runtime.handler = function(request)
      body = core.json_decode(request.body).RequestItems.t
      return { status = 200, body = '{"Responses":{"t":[]}}' }
    end
    local t = dynamodb.connect({ region = "local", access_key_id = "a", secret_access_key = "b", runtime = runtime })
      :table("t", { partition = "pk" })
    t:get_all({ { pk = "a" } }, { attributes = { "address.city" }, consistent = true })
    assert.is_true(body.ConsistentRead)
    assert.equal(3, #body.ProjectionExpression:gsub("[^#]", ""))
    t:get_all { { pk = "a" } }
    assert.is_nil(body.ConsistentRead)
  end)

  it("raises on what is no key, before any request", function()
    local world = new_world()
    local t = connect(world):table("t", { partition = "pk" })
    assert.error_matches(function() t:get_all { { pk = "a" }, { pk = "a", x = 1 } } end, "key 2: a key of 2 attributes")
    assert.error_matches(function() t:get_all { { pk = "a" }, "b" } end, "key 2: a table is expected")
    assert.equal(0, world.requests)
  end)

  it("tells what it found when it has to end", function()
    local world = new_world { throttle = 1 }
    local t = connect(world):table("t", { partition = "pk" })
    local found, err = t:get_all({ { pk = "a" } }, { timeout = 1 })
    assert.is_nil(found)
    assert.same({}, err.report.found)
    assert.equal("a", err.report.leftovers[1].key.pk)
  end)
end)
