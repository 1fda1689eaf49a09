local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"

local PK = { partition = "pk" }
local DONE = { body = "{}", delay = 0.1 }
local POISON = { status = 400, body = '{"__type":"x#ValidationException","message":"poison"}', delay = 0.1 }

--- A client whose requests `handler` answers; one that sleeps a thousand times for nothing fails.
local function connect(handler, options)
  local runtime = fake.new { handler = handler or function() return DONE end }
  local sleep = runtime.sleep
  function runtime:sleep(seconds)
    assert(#self.slept < 1000, "a busy loop")
    assert(seconds < math.huge, "a sleep without an end")
    return sleep(self, seconds)
  end
  local fields = { region = "local", runtime = runtime }
  for name, value in pairs(options or {}) do fields[name] = value end
  if not fields.credentials then fields.access_key_id, fields.secret_access_key = "a", "b" end
  return dynamodb.connect(fields), runtime
end

local function numbered(count)
  local i = 0
  return function()
    i = i + 1
    if i <= count then return { pk = "p" .. i } end
  end
end

local function check_sum(report)
  assert.equal(report.input, report.done + report.failed + report.superseded + report.unprocessed)
end

describe("db:batch", function()
  it("knows a table by its name, however many objects stand for it", function()
    local db, runtime = connect()
    local report = assert(db:batch(function(b)
      b:put(db:table("t", PK), { pk = "a", v = 1 })
      b:put(db:table("t", PK), { pk = "b" })
      b:put(db:table("t", PK), { pk = "a", v = 2 })
    end))
    assert.same({ 2, 1 }, { report.done, report.superseded })
    local _, members = runtime.requests[1].body:gsub('"t":%[', "")
    assert.equal(1, members)
  end)

  it("asks for the keys of one table once, though two tasks use it first", function()
    local description = [[{"Table":{"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],
      "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}]}}]]
    local bodies = {}
    local db = connect(function(request)
      if request.head:find "DescribeTable" then return { body = description, delay = 0.1 } end
      bodies[#bodies + 1] = request.body
      return DONE
    end)
    local report = assert(db:batch(function(b)
      local function writer(name)
        return function() b:put(db:table "t", { pk = name }) end
      end
      db:parallel { writer "a", writer "b" }
    end))
    assert.equal(2, report.done)
    local _, members = table.concat(bodies):gsub('"t":%[', "")
    assert.equal(#bodies, members)
  end)

  it("refuses a name and an ARN that may be one table, and takes the ARNs of two", function()
    local db = connect()
    local arn = "arn:aws:dynamodb:eu-west-1:%s:table/t"
    local arns = { arn:format "111111111111", arn:format "222222222222" }
    for _, pair in ipairs { { "t", arns[1] }, { arns[1], "t" } } do
      local _, err = db:batch(function(b)
        b:put(db:table(pair[1], PK), { pk = "a" })
        b:put(db:table(pair[2], PK), { pk = "a" })
      end)
      assert.matches("bulk_faults_spec.*may be the same table", err.cause)
    end
    assert.equal(2, assert(db:batch(function(b)
      for _, name in ipairs(arns) do b:put(db:table(name, PK), { pk = "a" }) end
    end)).done)
  end)

  it("refuses another client's table where it is called", function()
    local db, runtime = connect()
    local other = connect():table("t", PK)
    local raised
    db:batch(function(b)
      raised = select(2, pcall(b.put, b, other, { pk = "a" }))
      local _, none = pcall(b.put, b, { client = db, name = "t" }, { pk = "a" })
      assert.matches("must be a table, db:table", none)
    end)
    assert.matches("batch:put: the table is another client's", raised)
    local _, err = db:batch(function(b) b:delete(other, { pk = "a" }) end)
    assert.matches("bulk_faults_spec.lua:%d+: batch:delete: the table is another client's", err.cause)
    assert.equal(0, #runtime.requests)
  end)

  for _, concurrency in ipairs { 1, 4 } do
    it("takes what several tasks write when there is no room, with concurrency " .. concurrency, function()
      local db, runtime = connect()
      local report = assert(db:batch(function(b)
        local t, writers = db:table("t", PK), {}
        for writer = 1, 4 do
          writers[writer] = function()
            for i = 1, 20 do b:put(t, { pk = writer .. ":" .. i, v = ("x"):rep(100) }) end
          end
        end
        db:parallel(writers)
      end, { budget = 500, concurrency = concurrency }))
      assert.equal(80, report.done)
      assert.is_true(runtime:now() < 10)
    end)
  end

  it("has no more requests under way than it may, though several tasks write", function()
    local now, most = 0, 0
    local db = connect(function(_, runtime)
      now = now + 1
      most = math.max(most, now)
      runtime:wait(0.1)
      now = now - 1
      return { body = "{}" }
    end)
    assert(db:batch(function(b)
      local t, writers = db:table("t", PK), {}
      for writer = 1, 6 do
        writers[writer] = function()
          for i = 1, 100 do b:put(t, { pk = writer .. ":" .. i }) end
        end
      end
      db:parallel(writers)
    end, { concurrency = 2 }))
    assert.equal(2, most)
  end)
end)

describe("put_all", function()
  for _, concurrency in ipairs { 1, 2, 4 } do
    for _, hook in ipairs { "before_send", "after_response" } do
      it(("ends with a report when %s raises, with concurrency %d"):format(hook, concurrency), function()
        local calls = 0
        local db, runtime = connect(nil, { [hook] = function()
          calls = calls + 1
          if calls == 2 then error({ "from the hook" }, 0) end
        end })
        local report, err = db:table("t", PK):put_all(numbered(200), { concurrency = concurrency })
        assert.is_nil(report)
        assert.equal("Incomplete", err.code)
        assert.same({ "from the hook" }, err.cause)
        check_sum(err.report)
        assert.equal(err.report.unprocessed, #err.report.leftovers)
        assert.is_true(err.report.unprocessed >= 25)
        assert.is_true(runtime:now() < 1)
      end)
    end
  end

  it("ends with a report when the runtime is closed", function()
    for _, concurrency in ipairs { 1, 4 } do
      local db, runtime = connect()
      runtime:spawn(function()
        runtime:wait(0.25)
        runtime:close()
      end)
      local _, err = db:table("t", PK):put_all(numbered(1000), { concurrency = concurrency })
      assert.matches("closed", tostring(err.cause))
      check_sum(err.report)
      assert.equal(50 * concurrency, err.report.done)
    end
  end)

  for _, concurrency in ipairs { 1, 2, 4 } do
    it("goes on with new credentials when the old ones expire, with concurrency " .. concurrency, function()
      local db = connect(function(request, runtime)
        local delay = 0.05 + #runtime.requests % 4 * 0.01
        local now = runtime:now()
        if request.head:find "Credential=K1/" and now >= 0.25 or request.head:find "Credential=K2/" and now >= 0.45 then
          return { status = 400, delay = delay, body = '{"__type":"x#ExpiredTokenException","message":"expired"}' }
        end
        return { body = "{}", delay = delay }
      end, {
        credentials = function(runtime)
          local now = runtime:now()
          local id = now >= 0.5 and "K3" or now >= 0.3 and "K2" or "K1"
          return { access_key_id = id, secret_access_key = "b", session_token = "t" }
        end,
      })
      local report = assert(db:table("t", PK):put_all(numbered(1000), { concurrency = concurrency }))
      assert.equal(1000, report.done)
    end)
  end

  it("ends when new credentials are refused as expired, too", function()
    local db, runtime = connect(function()
      return { status = 400, delay = 0.1, body = '{"__type":"x#ExpiredTokenException","message":"expired"}' }
    end)
    local _, err = db:table("t", PK):put_all(numbered(1000))
    assert.equal("ExpiredTokenException", err.cause.code)
    assert.equal("error", err.report.stopped)
    assert.is_true(#runtime.requests < 12)
  end)

  it("tells on_failed each failure once, wherever it was found", function()
    local db = connect(function(request) return request.body:find "bad" and POISON or DONE end)
    local items = {}
    for i = 1, 60 do items[i] = { pk = "p" .. i } end
    items[2], items[28], items[29], items[30], items[60] = "x", { pk = "bad1" }, "y", { pk = "bad2" }, "z"
    local told = {}
    local _, err = db:table("t", PK):put_all(items, { on_failed = function(failure)
      assert.equal("t", failure.table)
      told[#told + 1] = type(failure.item) == "table" and failure.item.pk or failure.item
    end })
    table.sort(told)
    assert.same({ "bad1", "bad2", "x", "y", "z" }, told)
    assert.equal(5, #err.report.failures)
  end)

  it("tells on_failed also what failed when nothing is sent", function()
    local db, runtime = connect()
    local told = 0
    db:table("t", PK):put_all({ "x", { pk = 0 / 0 } }, { on_failed = function() told = told + 1 end })
    assert.equal(2, told)
    assert.equal(0, #runtime.requests)
    local _, err = db:table("t", PK):put_all({ "x" }, { on_failed = function() error("enough", 0) end })
    assert.equal("enough", err.cause)
  end)

  it("is not done when something raises nil", function()
    local db = connect()
    local t = db:table("t", PK)
    local items = numbered(25)
    local function check(report, err)
      assert.is_nil(report)
      assert.equal("Incomplete", err.code)
      assert.is_true(err.cause ~= nil)
      assert.equal(25, err.report.done)
    end
    check(t:put_all(function() return items() or error() end))
    check(t:put_all(numbered(25), { progress = function() error() end }))
    check(db:batch(function(b)
      for i = 1, 25 do b:put(t, { pk = "p" .. i }) end
      error()
    end))
  end)

  it("waits quietly while the iterator waits for the network", function()
    local db, runtime = connect()
    local t, items, pulled = db:table("t", PK), numbered(120), 0
    assert(t:put_all(function()
      pulled = pulled + 1
      if pulled % 25 == 10 then runtime:wait(5) end
      return items()
    end))
    for _, seconds in ipairs(runtime.slept) do assert.is_true(seconds > 0) end
    assert.equal(125, #runtime.requests * 25)
  end)

  it("waits quietly while a helper is in the iterator", function()
    local db, runtime = connect(function(_, runtime)
      return { body = "{}", delay = #runtime.requests == 4 and 1 or 0.1 } -- the fourth is the caller's own
    end)
    local items, pulled = numbered(200), 0
    assert(db:table("t", PK):put_all(function()
      pulled = pulled + 1
      if pulled == 110 then runtime:wait(5) end
      return items()
    end))
    for _, seconds in ipairs(runtime.slept) do assert.is_true(seconds > 0) end
    assert.is_true(runtime:now() < 6)
  end)

  it("pulls one item after the other, though several helpers send", function()
    local db, runtime = connect()
    local items, pulling, most = numbered(500), 0, 0
    local report = assert(db:table("t", PK):put_all(function()
      pulling = pulling + 1
      most = math.max(most, pulling)
      runtime:wait(0.03)
      pulling = pulling - 1
      return items()
    end))
    assert.equal(500, report.done)
    assert.equal(1, most)
  end)

  it("pulls in the coroutine that called it, so that the iterator may yield out of it", function()
    local db, runtime = connect()
    local put = coroutine.wrap(function()
      return assert(db:table("t", PK):put_all(function() return coroutine.yield "more" end))
    end)
    local answer, given = put(), 0
    while answer == "more" do
      given = given + 1
      answer = put(given <= 200 and { pk = "p" .. given } or nil)
    end
    assert.equal(200, answer.done)
    assert.is_true(runtime:now() < 0.35) -- of eight requests, still several at a time
  end)

  it("counts the item that was being pulled when its table was found missing", function()
    local db, runtime = connect(function()
      return { status = 400, delay = 0.1, body = '{"__type":"x#ResourceNotFoundException","message":"none"}' }
    end)
    local pulled = 0
    local _, err = db:table("t", PK):put_all(function()
      pulled = pulled + 1
      if pulled == 30 then runtime:wait(1) end
      return { pk = "p" .. pulled }
    end)
    assert.equal(30, pulled)
    assert.equal(30, err.report.input)
    assert.equal(30, err.report.failed)
    check_sum(err.report)
  end)
end)
