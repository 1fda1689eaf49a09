-- The loop around the policy: what is sent again, after how long, and what the caller is told. Time is virtual.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"

local SCALE = os.getenv "FLAVOUR" == "asan" and 0.01 or tonumber(os.getenv "SCALE") or 1
local KEYS = { partition = "pk" }
local LOST = { code = "Timeout", sent = true } -- sent, and no answer: nobody knows

local function connect(answers, options)
  local runtime = type(answers) == "function" and fake.new { handler = answers } or fake.new { answers = answers }
  local all = { region = "eu-west-1", runtime = runtime }
  for name, value in pairs(options or {}) do all[name] = value end
  if not all.credentials and not all.access_key_id then all.access_key_id, all.secret_access_key = "AK", "SK" end
  if not all.retry then all.retry = { random = 1 } end
  return dynamodb.connect(all), runtime
end

local function header(request, name) return core.header("POST / HTTP/1.1\r\n" .. request.head .. "\r\n", name) end

local function failure(code, fields)
  local answer = { status = 400, body = core.json_encode { __type = "a#" .. code, message = "m" } }
  for name, value in pairs(fields or {}) do answer[name] = value end
  return answer
end

local function condition_failed(item)
  return failure("ConditionalCheckFailedException", {
    body = core.json_encode { __type = "a#ConditionalCheckFailedException", message = "m", Item = item },
  })
end

describe("a call that fails", function()
  it("is tried again, each attempt marked, and says what it took", function()
    local db, runtime = connect { failure("ThrottlingException"), { status = 500, body = "" }, { body = "{}" } }
    local value, err, meta = db:call("GetItem", { TableName = "t", Key = { pk = "a" } })
    assert.same({}, value)
    assert.is_nil(err)
    assert.equal(3, meta.attempts)
    assert.equal(1.05, meta.waited)
    assert.same({ 1, 0.05 }, runtime.slept)
    local id = header(runtime.requests[1], "amz-sdk-invocation-id")
    for i, request in ipairs(runtime.requests) do
      assert.matches(("^attempt=%d; max=4; ttl=20231114T2213%%d%%dZ$"):format(i), header(request, "amz-sdk-request"))
      assert.equal(id, header(request, "amz-sdk-invocation-id"))
      assert.equal(runtime.requests[1].body, request.body)
    end
    assert.equal("20231114T221321Z", header(runtime.requests[2], "x-amz-date"))
  end)

  it("ends with the last error", function()
    local db, runtime = connect { failure("Throttling"), failure("Throttling"), failure("Throttling"),
      { status = 503, body = "" } }
    local value, err = db:call("ListTables")
    assert.is_nil(value)
    assert.same({ "503", 4, 7, true, "max_attempts" },
      { err.code, err.attempts, err.waited, err.retryable, err.stopped_by })
    assert.equal(4, #runtime.requests)
    assert.matches("4 attempts", tostring(err), 1, true)
  end)

  it("is not tried again when that cannot help", function()
    local db, runtime = connect { failure "ValidationException" }
    local _, err = db:call("ListTables")
    assert.same({ 1, false, false }, { err.attempts, err.retryable, err.ambiguous })
    assert.is_nil(err.stopped_by)
    assert.equal(1, #runtime.requests)
  end)

  it("stops when the client has spent what it may", function()
    local db, runtime = connect({ LOST, LOST }, { retry = { quota = 20 } })
    local _, err = db:call("ListTables")
    assert.same({ 2, "quota" }, { err.attempts, err.stopped_by })
    assert.equal(6, db.retry:quota())
    assert.equal(2, #runtime.requests)
  end)

  it("waits as long as the service asks, within limits", function()
    local function waited(headers)
      local db, runtime = connect { { status = 503, body = "", headers = headers }, { body = "{}" } }
      assert(db:call("ListTables"))
      return runtime.slept[1]
    end
    assert.equal(1.5, waited { ["x-amz-retry-after"] = "1500" })
    assert.equal(5.025, waited { ["x-amz-retry-after"] = "60000" })
    assert.equal(2, waited { ["Retry-After"] = "2" })
    local then_, now = "Tue, 14 Nov 2023 22:13:23 GMT", "Tue, 14 Nov 2023 22:13:20 GMT"
    assert.equal(3, waited { ["Retry-After"] = then_, Date = now })
    assert.equal(3, waited { ["Retry-After"] = then_ })
    assert.equal(0.025, waited { ["Retry-After"] = "soon" })
  end)

  it("never sleeps beyond its deadline: the last error is returned at once", function()
    local db, runtime = connect { failure("ThrottlingException", { delay = 0.5 }) }
    local _, err = db:call("ListTables", {}, { timeout = 1.4 })
    assert.same({ "ThrottlingException", 1, "deadline" }, { err.code, err.attempts, err.stopped_by })
    assert.equal(0.5, runtime:now())
    assert.same({}, runtime.slept)
  end)

  it("tells of the last real failure when the time is over before another attempt", function()
    local asked = 0
    local db, runtime = connect({ failure "Throttling" }, {
      credentials = function(rt)
        asked = asked + 1
        if asked == 2 then rt:advance(10) end
        return { access_key_id = "AK", secret_access_key = "SK" }
      end,
    })
    local _, err = db:call("ListTables", {}, { timeout = 5 })
    assert.same({ "Throttling", 1, "deadline" }, { err.code, err.attempts, err.stopped_by })
    assert.equal(1, #runtime.requests)
  end)

  it("asks for credentials before each attempt", function()
    local asked = 0
    local db, runtime = connect({ { status = 500, body = "" }, { body = "{}" } }, {
      credentials = function()
        asked = asked + 1
        return { access_key_id = "AK" .. asked, secret_access_key = "SK" }
      end,
    })
    assert(db:call("ListTables"))
    assert.matches("Credential=AK1/", header(runtime.requests[1], "authorization"), 1, true)
    assert.matches("Credential=AK2/", header(runtime.requests[2], "authorization"), 1, true)
  end)
end)

describe("expired credentials", function()
  local EXPIRED = failure "ExpiredTokenException"

  it("are not worth another attempt when they are all there is", function()
    local db, runtime = connect { EXPIRED }
    local _, err = db:call("ListTables")
    assert.same({ "ExpiredTokenException", 1, false }, { err.code, err.attempts, err.retryable })
    assert.equal(1, #runtime.requests)
  end)

  it("are replaced once when their source has others", function()
    local keys, i = { "AK1", "AK1", "AK2" }, 0
    local invalidated
    local db, runtime = connect { EXPIRED, { body = "{}" } }
    db.provider = {
      get = function()
        if i == 0 or invalidated then i = i + 1 end
        return { access_key_id = invalidated and "NEW" or keys[1], secret_access_key = "SK" }
      end,
      invalidate = function(_, credentials)
        invalidated = credentials.access_key_id
        return true
      end,
    }
    local _, err, meta = db:call("PutItem", { TableName = "t", Item = { pk = "a" } })
    assert.is_nil(err)
    assert.same({ 2, "AK1" }, { meta.attempts, invalidated })
    assert.matches("Credential=NEW/", header(runtime.requests[2], "authorization"), 1, true)
    assert.equal(500, db.retry:quota())
  end)

  it("from a function are asked for again; the same ones are not sent twice", function()
    local count = 0
    local function given(fresh)
      return function()
        count = count + 1
        return { access_key_id = fresh and "AK" .. count or "AK", secret_access_key = "SK" }
      end
    end
    local db, runtime = connect({ EXPIRED, { body = "{}" } }, { credentials = given(true) })
    assert(db:call("ListTables"))
    assert.equal(2, #runtime.requests)
    db, runtime = connect({ EXPIRED }, { credentials = given(false) })
    local _, err = db:call("ListTables")
    assert.same({ 1, 1 }, { err.attempts, #runtime.requests })
  end)

  it("that stay refused are an error after the second attempt", function()
    local count = 0
    local db = connect({ EXPIRED, EXPIRED }, { credentials = function()
      count = count + 1
      return { access_key_id = "AK" .. count, secret_access_key = "SK" }
    end })
    local _, err = db:call("ListTables")
    assert.same({ "ExpiredTokenException", 2 }, { err.code, err.attempts })
  end)
end)

describe("an attempt with an unknown outcome", function()
  local UPDATE = { TableName = "t", Key = { pk = "a" }, UpdateExpression = "ADD n :1" }

  local function attempts(answers, f, options)
    local db, runtime = connect(answers, options)
    local value, err, meta = f(db:table("t", KEYS), db)
    return #runtime.requests, err, value, meta
  end

  it("of a change that is not the same twice is the last one", function()
    for _, lost in ipairs { LOST, { code = "ConnectionError", sent = true }, { status = 500, body = "" },
      { status = 200, body = "{" }, { status = 200, body = "{}", headers = { ["x-amz-crc32"] = "1" } } } do
      local count, err = attempts({ lost }, function(t) return t:update({ pk = "a" }, { add = { n = 1 } }) end)
      assert.same({ 1, true, false, "ambiguous" }, { count, err.ambiguous, err.retryable, err.stopped_by })
      assert.matches("unknown whether the write was applied", tostring(err), 1, true)
    end
    for _, changes in ipairs { { append = { l = { 1 } } }, { remove = { dynamodb.path("l", 1) } } } do
      local count, err = attempts({ LOST }, function(t) return t:update({ pk = "a" }, changes) end)
      assert.same({ 1, true }, { count, err.ambiguous })
    end
    local count, err = attempts({ LOST }, function(_, db) return db:call("UpdateItem", UPDATE) end)
    assert.same({ 1, true }, { count, err.ambiguous })
    count, err = attempts({ LOST }, function(_, db)
      return db:call("ExecuteStatement", { Statement = "UPDATE t SET n = n + 1 WHERE pk = 'a'" })
    end)
    assert.same({ 1, true }, { count, err.ambiguous })
    -- The first one's old values would be lost with its answer.
    count, err = attempts({ LOST }, function(t) return t:delete({ pk = "a" }, { returns = "ALL_OLD" }) end)
    assert.same({ 1, true }, { count, err.ambiguous })
  end)

  it("is tried again where it was not sent or the service refused it", function()
    local function add(t) return t:update({ pk = "a" }, { add = { n = 1 } }) end
    for _, answer in ipairs { { code = "ConnectionError", sent = false }, failure("ThrottlingException"),
      failure("ThrottlingException", { status = 503 }) } do
      local count, err, _, meta = attempts({ answer, { body = "{}" } }, add)
      assert.is_nil(err)
      assert.same({ 2, 2 }, { count, meta.attempts })
    end
  end)

  it("is tried again where twice is the same: reads, plain writes, SET, tokens", function()
    local writes = {
      function(t) return t:get { pk = "a" } end,
      function(t) return t:put { pk = "a" } end,
      function(t) return t:delete { pk = "a" } end,
      function(t) return t:update({ pk = "a" }, { set = { n = 1 } }) end,
      function(t) return t:update({ pk = "a" }, { set = { n = 1 } }, { where = { v = 1 } }) end,
      function(t) return t:put({ pk = "a" }, { where = { v = 1 } }) end,
      function(t) return t:create { pk = "a" } end,
      function(_, db) return db:call("TransactWriteItems", { TransactItems = {} }) end,
    }
    for _, write in ipairs(writes) do
      local count, err = attempts({ LOST, { status = 500, body = "" }, { body = "{}" } }, write)
      assert.is_nil(err)
      assert.equal(3, count)
    end
  end)

  it("is tried again where the program insists", function()
    local count, err = attempts({ LOST, { body = "{}" } }, function(t)
      return t:update({ pk = "a" }, { add = { n = 1 } }, { retry_ambiguous = true })
    end)
    assert.is_nil(err)
    assert.equal(2, count)
  end)

  it("makes the whole call ambiguous when the later ones fail, whatever they say", function()
    local count, err = attempts({ LOST, failure "Throttling", failure "Throttling", failure "Throttling" },
      function(t) return t:put { pk = "a" } end)
    assert.same({ 4, "Throttling", true, true, true }, { count, err.code, err.ambiguous, err.sent, err.retryable })
    count, err = attempts({ LOST, LOST, LOST, LOST }, function(t) return t:get { pk = "a" } end)
    assert.same({ 4, false }, { count, err.ambiguous })
  end)

  it("keeps the token's bytes, and believes a cancellation", function()
    local db, runtime = connect { LOST, failure "TransactionCanceledException" }
    local _, err = db:call("TransactWriteItems", { TransactItems = {} })
    assert.same({ "TransactionCanceledException", false }, { err.code, err.ambiguous })
    assert.equal(runtime.requests[1].body, runtime.requests[2].body)
    assert.matches('"ClientRequestToken":"%x+%-', runtime.requests[1].body)
  end)

  describe("before a condition that fails", function()
    it("proves nothing, and the error says so", function()
      local tries = {
        function(t) return t:update({ pk = "a" }, { set = { s = 1 } }, { where = { v = 1 } }) end,
        function(t) return t:delete({ pk = "a" }, { where = { v = 1 } }) end,
        function(t) return t:put({ pk = "a", v = 2 }, { where = { v = 1 } }) end,
        function(t) return t:create { pk = "a", v = 2 } end,
      }
      for _, try in ipairs(tries) do
        local count, err = attempts({ LOST, condition_failed { pk = { S = "a" }, v = { N = "7" } } }, try)
        assert.same({ 2, true, true, false },
          { count, err:is "ConditionalCheckFailed", err.ambiguous, err.retryable })
        assert.equal(7, err.item.v)
      end
      -- Without the first attempt it proves all.
      local _, err = attempts({ condition_failed { pk = { S = "a" } } }, tries[4])
      assert.is_false(err.ambiguous)
      _, err = attempts({ failure "Throttling", condition_failed { pk = { S = "a" } } }, tries[4])
      assert.is_false(err.ambiguous)
    end)

    local ITEM = {
      pk = "a", n = 1.5, big = dynamodb.number "12345678901234567890123", list = { 1, { x = true } },
      tags = dynamodb.set { "b", "a" }, ns = dynamodb.set { 1, 10 }, bin = dynamodb.binary "\0\255",
      null = dynamodb.null, empty = dynamodb.list {},
    }

    local function wire(changes)
      local item = core.json_decode [[{"pk":{"S":"a"},"n":{"N":"1.50"},"big":{"N":"1.2345678901234567890123E22"},
        "list":{"L":[{"N":"1"},{"M":{"x":{"BOOL":true}}}]},"tags":{"SS":["a","b"]},"ns":{"NS":["1E1","1.0"]},
        "bin":{"B":"AP8="},"null":{"NULL":true},"empty":{"L":[]}}]]
      for name, value in pairs(changes or {}) do item[name] = value or nil end
      return item
    end

    it("is success where the old item is what was sent", function()
      for _, write in ipairs {
        function(t) return t:create(ITEM) end,
        function(t) return t:put(ITEM, { where = { v = 1 } }) end,
      } do
        local count, err, value, meta = attempts({ LOST, condition_failed(wire()) }, write)
        assert.is_nil(err)
        assert.same({ 2, true, 2 }, { count, value, meta.attempts })
      end
      -- However numbers are read.
      local _, err = attempts({ LOST, condition_failed(wire()) }, function(t) return t:create(ITEM) end,
        { numbers = "string" })
      assert.is_nil(err)
    end)

    it("is not where it differs in anything", function()
      for _, changes in ipairs {
        { pk = { S = "b" } }, { n = { N = "1.51" } }, { n = { S = "1.5" } }, { more = { N = "1" } }, { n = false },
        { big = { N = "1.2345678901234567890124E22" } }, { list = { L = { { N = "1" } } } },
        { list = { L = { { M = { x = { BOOL = true } } }, { N = "1" } } } }, { tags = { SS = { "a" } } },
        { tags = { SS = { "a", "b", "c" } } }, { ns = { NS = { "1", "11" } } }, { bin = { B = "AP4=" } },
        { empty = { M = {} } }, { null = { BOOL = true } },
      } do
        local _, err = attempts({ LOST, condition_failed(wire(changes)) }, function(t) return t:create(ITEM) end)
        assert.is_true(err and err.ambiguous, next(changes))
      end
    end)

    it("asks nobody when no attempt was ambiguous: the same item is still a conflict", function()
      local _, err = attempts({ condition_failed(wire()) }, function(t) return t:create(ITEM) end)
      assert.is_true(err:is "ConditionalCheckFailed")
      assert.is_false(err.ambiguous)
    end)
  end)
end)

describe("hooks", function()
  local function recorded(options)
    local seen = {}
    for _, name in ipairs { "before_send", "after_response", "on_retry", "on_throttle" } do
      options[name] = function(info)
        info.hook = name
        seen[#seen + 1] = info
      end
    end
    return seen
  end

  it("see each attempt, and no secret", function()
    local options = { access_key_id = "AKIDEXAMPLE", secret_access_key = "SECRETSECRET", session_token = "TOKENTOKEN" }
    local seen = recorded(options)
    local db = connect({
      failure("ThrottlingException", { delay = 0.5, headers = { ["x-amzn-requestid"] = "R1" } }),
      { code = "Timeout", sent = true, message = "no answer" }, { body = "{}" },
    }, options)
    assert(db:call("PutItem", { TableName = "users", Item = { pk = "a" } }))
    local names = {}
    for i, info in ipairs(seen) do
      names[i] = info.hook .. info.attempt
      assert.same({ "PutItem", "users", 4 }, { info.operation, info.table, info.max_attempts })
      for _, value in pairs(info) do
        assert.is_nil(tostring(value):find "SECRET")
        assert.is_nil(tostring(value):find "TOKEN")
      end
    end
    assert.same({ "before_send1", "after_response1", "on_throttle1", "on_retry1", "before_send2", "after_response2",
      "on_retry2", "before_send3", "after_response3" }, names)
    assert.same({ 400, "ThrottlingException", 0.5, "R1" },
      { seen[2].status, seen[2].code, seen[2].elapsed, seen[2].request_id })
    assert.same({ 1, "throttling", "ThrottlingException" }, { seen[4].delay, seen[4].class, seen[4].code })
    assert.same({ "Timeout", "no answer", "transient", 0.05 },
      { seen[7].code, seen[7].message, seen[7].class, seen[7].delay })
    assert.equal(200, seen[9].status)
  end)

  it("that raise are the program's own mistake: it sees them, and the client goes on", function()
    for _, name in ipairs { "before_send", "after_response", "on_retry", "on_throttle" } do
      local armed = true
      local db = connect({ failure "Throttling", { body = "{}" }, { body = "{}" } }, {
        [name] = function() if armed then error("mine: " .. name, 0) end end,
      })
      local ok, raised = pcall(db.call, db, "ListTables")
      assert.same({ false, "mine: " .. name }, { ok, raised })
      armed = false
      assert(db:call("ListTables"))
    end
  end)

  it("must be functions", function()
    local ok, raised = pcall(connect, {}, { on_retry = true })
    assert.is_false(ok)
    assert.matches("connect: on_retry must be a function, not a boolean", raised, 1, true)
  end)
end)

describe("connect", function()
  it("names the retry option that makes no sense, at the caller's line", function()
    local ok, raised = pcall(function() connect({}, { retry = { max_attempts = 0 } }) end)
    assert.is_false(ok)
    assert.matches("request_retry_spec.lua:%d+: connect: retry option 'max_attempts' must be a whole number", raised)
    ok, raised = pcall(function() connect({}, { retry = { max_atempts = 1 } }) end)
    assert.is_false(ok)
    assert.matches("connect: unknown retry option 'max_atempts'", raised, 1, true)
  end)

  local function in_environment(environment, retry)
    local config = require "dynamodb.config"
    return config.retry({ retry = retry }, config.snapshot(function(name) return environment[name] end))
  end

  it("takes what the options do not say from the environment", function()
    local environment = { AWS_RETRY_MODE = "Adaptive", AWS_MAX_ATTEMPTS = "7",
      AWS_DISABLE_CLOCK_SKEW_CORRECTION = "TRUE" }
    assert.same({ mode = "adaptive", max_attempts = 7, clock_skew = false }, (in_environment(environment)))
    assert.same({ mode = "standard", max_attempts = 7, clock_skew = false, base = 1 },
      (in_environment(environment, { mode = "standard", base = 1 })))
    assert.same({ mode = "standard" }, (in_environment { AWS_RETRY_MODE = "legacy" }))
    assert.same({ clock_skew = true }, (in_environment { AWS_DISABLE_CLOCK_SKEW_CORRECTION = "false" }))
  end)

  it("says what is wrong with the environment, at the first call", function()
    for name, value in pairs { AWS_RETRY_MODE = "eager", AWS_MAX_ATTEMPTS = "0",
      AWS_DISABLE_CLOCK_SKEW_CORRECTION = "yes" } do
      local _, problem = in_environment { [name] = value }
      assert.matches(("%s is %q"):format(name, value), problem, 1, true)
    end
    local db, runtime = connect {}
    db.problem = "AWS_RETRY_MODE is \"eager\", not standard or adaptive"
    local _, err = db:call("ListTables")
    assert.same({ "ConfigurationError", 0, false }, { err.code, err.attempts, err.sent })
    assert.matches("AWS_RETRY_MODE", err.message, 1, true)
    assert.equal(0, #runtime.requests)
  end)
end)

describe("adaptive mode", function()
  it("waits before it sends, and within the deadline only", function()
    local throttled = true
    local db, runtime = connect(function()
      return throttled and failure("ThrottlingException", { delay = 0.1 }) or { body = "{}" }
    end, { retry = { mode = "adaptive", random = 0 } })
    db:call("ListTables")
    throttled = false
    assert.is_true(db.retry:limiter().enabled)
    local _, err = db:call("ListTables", {}, { timeout = 0.2 })
    assert.same({ "DeadlineExceeded", 0, false, "deadline" }, { err.code, err.attempts, err.sent, err.stopped_by })
    local before = runtime:now()
    local _, _, meta = db:call("ListTables")
    assert.is_true(meta.waited > 0 and math.abs(runtime:now() - before - meta.waited) < 1e-9)
  end)
end)

-- A generator of its own, so that a seed is the same on every Lua.
local function generator(seed)
  local state = seed % 2147483647
  for _ = 1, 3 do state = (state + 1) * 16807 % 2147483647 end
  return function(n)
    state = state * 16807 % 2147483647
    return n and state % n + 1 or state / 2147483647
  end
end

describe("over any weather", function()
  -- One seed: a client and a service that really counts what it applies.
  local function voyage(seed)
    local random = generator(seed)
    local applied, waits = 0, {}
    local db, runtime
    local function answer()
      local luck, delay = random(10), random() * 2
      if luck <= 4 then
        applied = applied + 1
        return { body = "{}", delay = delay }
      elseif luck == 5 then
        applied = applied + 1
        return { code = "Timeout", sent = true, delay = delay } -- applied, and the answer lost
      elseif luck == 6 then
        return { code = "ConnectionError", sent = false, delay = delay }
      elseif luck == 7 then
        return failure("ThrottlingException", { delay = delay })
      elseif luck == 8 then
        return { status = 500, body = "", delay = delay, headers = { ["x-amz-retry-after"] = tostring(random(9000)) } }
      elseif luck == 9 then
        return failure("ValidationException", { delay = delay })
      end
      return failure("TransactionInProgressException", { delay = delay })
    end
    local quota, maximum = random(60), random(6)
    db, runtime = connect(answer, {
      retry = { quota = quota, max_attempts = maximum, mode = random(3) == 1 and "adaptive" or "standard" },
      on_retry = function(info) waits[#waits + 1] = info.delay end,
    })
    local t = db:table("t", KEYS)
    for _ = 1, 4 do
      local timeout, begun, sent, before = random() * 12 + 0.1, runtime:now(), #runtime.requests, applied
      local idempotent = random(2) == 1
      local changes = idempotent and { set = { a = 1 } } or { add = { n = 1 } }
      local ok, err = t:update({ pk = "a" }, changes, { timeout = timeout })
      local attempts, times = #runtime.requests - sent, applied - before
      assert.is_true(attempts <= maximum, seed)
      assert.is_true(runtime:now() <= begun + timeout + 1e-9, seed)
      local left = db.retry:quota()
      assert.is_true(left >= 0 and left <= quota, seed)
      if ok then
        assert.is_true(times >= 1 and (idempotent or times == 1), seed)
      else
        assert.equal(attempts, err.attempts, seed)
        -- What may have been applied is never told as refused, and never more than once unless that is the same.
        assert.is_true(times == 0 or err.ambiguous, seed)
        assert.is_true(idempotent or times <= 1, seed)
      end
    end
    for _, wait in ipairs(waits) do assert.is_true(wait >= 0 and wait <= 25, seed) end
  end

  it("attempts, quota, waits and deadlines are kept, and ADD is applied once at most", function()
    for seed = 1, 3000 * SCALE do voyage(seed) end
  end)
end)
