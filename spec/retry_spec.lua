-- The retry policy alone: the vectors of the AWS SDKs, and what is asked of it beyond them.
local core = require "dynamodb.core"
local vectors = require "spec.support.vectors"

local SCALE = os.getenv "FLAVOUR" == "asan" and 0.01 or tonumber(os.getenv "SCALE") or 1

-- What the vectors call an outcome, of what the policy says.
local NAMES = {
  success = "success", max_attempts = "max_attempts_exceeded", quota = "retry_quota_exceeded",
  not_retryable = "fail_request",
}

local function outcome_of(response)
  local headers = response.headers or {}
  return {
    ok = response.status_code < 300,
    status = response.status_code,
    code = response.error_code,
    retry_after = headers["x-amz-retry-after"],
  }
end

-- A policy as the vectors were recorded: general numbers, unless a case is of DynamoDB.
local function policy_of(given)
  local is_own = (given.service or ""):lower():find "^dynamodb" ~= nil
  return core.retry {
    base = not is_own and 0.05 or nil, throttling_base = 1, random = given.exponential_base,
    max_attempts = given.max_attempts or not is_own and 3 or nil, max_backoff = given.max_backoff_time,
    initial_quota = given.initial_retry_tokens,
  }
end

local function near(expected, value, message)
  assert.is_true(math.abs(expected - value) < 1e-9, ("%s: %s instead of %s"):format(message, value, expected))
end

-- One step of a case; the call goes on or is over.
local function play(policy, call, step, name)
  local verdict, delay, reason = call:outcome(outcome_of(step.response), 0)
  local expected = step.expected
  assert.equal(expected.outcome, verdict == "retry" and "retry_request" or NAMES[reason], name)
  if expected.retry_quota then assert.equal(expected.retry_quota, policy:quota(), name) end
  if verdict == "retry" and expected.delay then near(expected.delay, delay, name) end
  return verdict == "retry"
end

describe("core.retry does what the vectors of standard mode say:", function()
  local suites = vectors.json "retry/standard-2.1-2026.json"
  if not suites then
    return it("(no vectors)", function() pending "the public test vectors are not here" end)
  end

  -- Longer waits of long polling do not concern DynamoDB: it is only looked at what is retried.
  for _, suite in ipairs { "newStandardRetryIntegrationTestCases", "newStandardRetryMultiInvocationTestCases",
    "newStandardRetryLongPollingTestCases" } do
    for _, case in ipairs(suites[suite]) do
      it(case.name, function()
        local policy = policy_of(case.given)
        local call
        for i, step in ipairs(case.responses) do
          call = call or policy:call { safe = true }
          if not play(policy, call, step, ("%s, step %d"):format(case.name, i)) then call = nil end
        end
      end)
    end
  end

  for _, case in ipairs(suites.newStandardRetryMultiThreadedTestCases) do
    it(case.name, function()
      -- The order of the two is the one in which the quotas follow from each other.
      local policy = policy_of(case.given)
      local calls = { policy:call { safe = true }, policy:call { safe = true } }
      local order = { { 1, 1 }, { 1, 2 }, { 2, 1 }, { 2, 2 }, { 1, 3 } }
      for _, at in ipairs(order) do
        play(policy, calls[at[1]], case.threads[at[1]][at[2]], case.name)
      end
      assert.equal(case.expected_final_quota, policy:quota())
    end)
  end
end)

describe("core.classify", function()
  local lists = vectors.json "retry/error-classification.json"

  it("knows the codes and statuses of the SDKs", function()
    if not lists then return pending "the public test vectors are not here" end
    for _, code in ipairs(lists.throttling_codes) do assert.equal("throttling", (core.classify(400, code)), code) end
    for _, code in ipairs(lists.transient_codes) do assert.equal("transient", (core.classify(400, code)), code) end
    for _, code in ipairs(lists.service_special.sts_all_ops_transient) do
      assert.equal("transient", (core.classify(400, code)), code)
    end
    for _, code in ipairs(lists.service_special.dynamodb_modeled_retryable_non_throttling) do
      assert.equal("modelled", (core.classify(400, code)), code)
    end
    for _, code in ipairs(lists.clock_skew_codes_2026) do
      assert.equal("clock_skew", (core.classify(403, code)), code)
    end
    for _, code in ipairs(lists.credential_invalidation_codes) do
      assert.equal("expired", (core.classify(400, code)), code)
    end
    for _, code in ipairs(lists.clock_skew_codes_legacy_extra) do assert.is_nil((core.classify(400, code)), code) end
    for status = 300, 599 do
      local expected
      for _, each in ipairs(lists.transient_status) do
        if status == each then expected = "transient" end
      end
      if status == 429 then expected = "throttling" end
      assert.equal(expected, (core.classify(status, "Unheard")), tostring(status))
    end
  end)

  it("says never to what repeating cannot help", function()
    for code in ([[ConditionalCheckFailedException TransactionCanceledException TransactionConflictException
      IdempotentParameterMismatchException DuplicateItemException ItemCollectionSizeLimitExceededException
      ValidationException SerializationException ResourceNotFoundException ResourceInUseException
      UnrecognizedClientException InternalFailure CertificateError CredentialsError DeadlineExceeded]]):gmatch "%S+" do
      assert.is_nil((core.classify(400, code)), code)
    end
  end)

  it("tells when a request may have been applied", function()
    local function ambiguous(...) return select(2, core.classify(...)) end
    assert.is_true(ambiguous(500, "InternalServerError"))
    assert.is_true(ambiguous(nil, "Timeout", true))
    assert.is_true(ambiguous(200, "ResponseError"))
    assert.is_false(ambiguous(nil, "Timeout", false))
    assert.is_false(ambiguous(503, "ThrottlingException"))
    assert.is_false(ambiguous(400, "ValidationException"))
  end)
end)

describe("core.retry in adaptive mode", function()
  local THROTTLED = { status = 400, code = "ThrottlingException" }

  local function answer(policy, outcome, now) policy:call { safe = true }:outcome(outcome, now) end

  local function many(policy, count, now)
    for _ = 1, count do answer(policy, { ok = true }, now) end
  end

  -- Throttled at second 5, when the measured rate was 10: what the vectors begin with.
  local function throttled_policy()
    local policy = core.retry { mode = "adaptive", quota = 1e6 }
    many(policy, 24, 3)
    answer(policy, THROTTLED, 5)
    return policy
  end

  local cubic = vectors.json "retry/adaptive.json"
  for _, case in ipairs(cubic and cubic.adaptiveRetryCubicTestCases or {}) do
    it("follows the curve: " .. case.name, function()
      local policy = throttled_policy()
      near(10, policy:limiter().last_max, "last_max")
      for _, step in ipairs(case.cases) do
        local now = step.timestamp
        -- Many answers at one moment keep the measured rate out of the curve's way.
        if step.response == "throttle" then answer(policy, THROTTLED, now) else many(policy, 1000, now) end
        assert.is_true(math.abs(step.calculated_rate - policy:limiter().rate) < 1e-5,
          ("at %d: %.12f instead of %.12f"):format(now, policy:limiter().rate, step.calculated_rate))
      end
    end)
  end

  it("lets everything go until it is throttled", function()
    local policy = core.retry { mode = "adaptive" }
    for _ = 1, 100 do assert.equal(0, policy:call():wait(0)) end
    assert.is_false(policy:limiter().enabled)
  end)

  it("holds back every send afterwards", function()
    local policy = throttled_policy()
    local now, sent = 5, 0
    while now < 25 do
      local call = policy:call {}
      local wait = call:wait(now)
      if wait == 0 then sent = sent + 1 end
      assert.is_true(wait == 0 or wait >= 0.001)
      now = now + wait
    end
    assert.is_true(sent >= 7 * 20 - 2 and sent <= 7 * 20 + 8, tostring(sent))
  end)

  it("is off in standard mode", function()
    local policy = core.retry {}
    answer(policy, THROTTLED, 5)
    assert.is_false(policy:limiter().enabled)
    assert.equal(0, policy:call():wait(5))
  end)
end)

describe("core.retry", function()
  local function refuses(message, options)
    local ok, raised = pcall(core.retry, options)
    assert.is_false(ok, message)
    assert.equal(message, (tostring(raised):gsub("^%S+:%d+: ", "")))
  end

  it("refuses options that make no sense, by name", function()
    local seconds = "a number of seconds, 0 or more"
    refuses("unknown retry option 'bse'", { bse = 1 })
    refuses("names of retry options are strings", { 1 })
    refuses("retry option 'mode' must be \"standard\" or \"adaptive\"", { mode = "legacy" })
    refuses("retry option 'max_attempts' must be a whole number, 1 or more", { max_attempts = 0 })
    refuses("retry option 'max_attempts' must be a whole number, 1 or more", { max_attempts = 1.5 })
    refuses("retry option 'max_attempts' must be a whole number, 1 or more", { max_attempts = "3" })
    refuses("retry option 'base' must be " .. seconds, { base = -1 })
    refuses("retry option 'base' must be " .. seconds, { base = 0 / 0 })
    refuses("retry option 'max_backoff' must be " .. seconds, { max_backoff = math.huge })
    refuses("retry option 'throttling_base' must be " .. seconds, { throttling_base = false })
    refuses("retry option 'cost' must be a number, 0 or more", { cost = -1 })
    refuses("retry option 'quota' must be a number, 0 or more", { quota = {} })
    refuses("retry option 'beta' must be a number above 0, up to 1", { beta = 0 })
    refuses("retry option 'min_rate' must be a number above 0", { min_rate = 0 })
    refuses("retry option 'clock_skew' must be true or false", { clock_skew = "no" })
    local chance = "retry option 'random' must be a number from 0 to 1, or a function that gives one"
    refuses(chance, { random = 2 })
    refuses(chance, { random = "x" })
    local ok, raised = pcall(function()
      core.retry({ random = function() return 7 end }):call { safe = true }:outcome({ status = 500 }, 0)
    end)
    assert.is_false(ok)
    assert.matches(chance, raised, 1, true)
  end)

  it("refuses outcomes that make no sense, and objects that are not its own", function()
    local policy = core.retry()
    local call = policy:call()
    assert.has_error(function() call:outcome({ ok = false, status = "500" }, 0) end)
    assert.has_error(function() call:outcome({ code = {} }, 0) end)
    assert.has_error(function() call:outcome({}) end)
    assert.has_error(function() call:outcome(nil, 0) end)
    assert.has_error(function() policy.call(call) end)
    assert.has_error(function() call.wait(policy, 0) end)
    assert.has_error(function() policy:call { max_attempts = 0 } end)
    assert.has_error(function() policy:call { deadline = "soon" } end)
  end)

  it("takes its chances from a function", function()
    local given, i = { 0.5, 0.25 }, 0
    local call = core.retry({ random = function() i = i + 1 return given[i] end }):call { safe = true }
    assert.equal(0.0125, (select(2, call:outcome({ status = 500 }, 0))))
    assert.equal(0.0125, (select(2, call:outcome({ status = 500 }, 0))))
  end)

  it("draws delays from the whole interval, by the system's random source", function()
    local policy, low, high, sum, count = core.retry { quota = 1e9 }, 1, 0, 0, 2000
    for _ = 1, count do
      local _, delay = policy:call { safe = true }:outcome({ status = 400, code = "Throttling" }, 0)
      low, high, sum = math.min(low, delay), math.max(high, delay), sum + delay
    end
    assert.is_true(low < 0.02 and high > 0.98 and math.abs(sum / count - 0.5) < 0.05)
  end)

  it("keeps what calls need alive when the policy is forgotten", function()
    local call = core.retry({ random = function() return 1 end }):call { safe = true }
    collectgarbage()
    collectgarbage()
    assert.equal(0.025, (select(2, call:outcome({ status = 500 }, 0))))
  end)

  it("sends again what was refused as expired, once, when there are other credentials", function()
    local call = core.retry():call {}
    assert.same({ "retry", 0, "expired" }, { call:outcome({ status = 400, code = "ExpiredTokenException",
      refreshed = true }, 0) })
    assert.equal("not_retryable", (select(3, call:outcome({ status = 400, code = "ExpiredTokenException",
      refreshed = true }, 0))))
    assert.equal(2, call:attempts())
  end)

  it("lets the last attempt come five seconds after the first while a transaction is in progress", function()
    local call = core.retry({ random = 0 }):call { safe = true }
    local now = 50
    assert.equal(0, call:wait(now))
    local in_progress = { status = 400, code = "TransactionInProgressException" }
    for _ = 1, 3 do
      local verdict, delay = call:outcome(in_progress, now + 0.1)
      assert.equal("retry", verdict)
      now = now + 0.1 + delay
    end
    assert.is_true(now >= 55)
    assert.equal("max_attempts", (select(3, call:outcome(in_progress, now))))
  end)

  -- A generator of its own, so that a seed is the same on every Lua.
  local function generator(seed)
    local state = seed % 2147483647
    if state == 0 then state = 1 end
    return function(n)
      state = state * 16807 % 2147483647
      return n and state % n + 1 or state / 2147483647
    end
  end

  it("keeps its promises over any history", function()
    local codes = { "ThrottlingException", "InternalServerError", "Timeout", "ValidationException",
      "TransactionInProgressException", "ReplicatedWriteConflictException", "ExpiredTokenException", "junk" }
    for seed = 1, 2000 * SCALE do
      local random = generator(seed)
      local options = { max_attempts = random(6), quota = random(80), mode = random(2) == 1 and "adaptive" or nil }
      local policy = core.retry(options)
      local now = random() * 1000
      for _ = 1, 10 do
        local deadline = random(3) > 1 and now + random() * 8 or nil
        local call = policy:call { safe = random(2) == 1, deadline = deadline }
        local attempts, verdict = 0, nil
        repeat
          local wait = call:wait(now)
          assert.is_true(wait >= 0 and wait <= 2.001, seed)
          now = now + wait
          if wait == 0 then
            attempts = attempts + 1
            now = now + random() * 0.2
            local before = policy:quota()
            local delay
            verdict, delay = call:outcome({
              ok = random(4) == 1, status = ({ 400, 500, 503, 429 })[random(4)], code = codes[random(#codes)],
              sent = random(2) == 1, refreshed = random(2) == 1,
              retry_after = random(4) == 1 and tostring(random(9000)) or nil,
            }, now)
            local quota = policy:quota()
            assert.is_true(quota >= 0 and quota <= options.quota, seed)
            assert.equal(attempts, call:attempts(), seed)
            if verdict == "retry" then
              assert.is_true(delay >= 0 and delay <= 20 + 5, seed)
              assert.is_true(quota <= before, seed)
              assert.is_true(not deadline or now + delay < deadline, seed)
              now = now + delay
            end
          end
        until verdict == "done"
        assert.is_true(attempts <= options.max_attempts, seed)
      end
    end
  end)
end)
