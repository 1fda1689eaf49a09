-- Learning how far the service's clock is from ours, and signing by it.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"
local vectors = require "spec.support.vectors"

-- "2026-01-01T00:00:02Z" in seconds since 1970; the year is one of a few.
local function seconds(text)
  local year, month, day, hour, minute, second = text:match "^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)Z$"
  local days = 0
  for y = 1970, year - 1 do days = days + ((y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0)) and 366 or 365) end
  local lengths = { 31, (year % 4 == 0) and 29 or 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  for m = 1, month - 1 do days = days + lengths[m] end
  return (days + day - 1) * 86400 + hour * 3600 + minute * 60 + second
end

local function head_of(date, age)
  return "HTTP/1.1 200\r\n" .. (date and ("Date: %s\r\n"):format(date) or "") .. (age and ("Age: %s\r\n"):format(age) or "")
end

-- A response that teaches a policy the skew that the case begins with.
local function teach(policy, skew)
  local date = os.date("!%a, %d %b %Y %H:%M:%S GMT", 1000000 + skew)
  policy:call():outcome(nil, 0, head_of(date), 1000000, 1000000)
end

describe("core.retry corrects the clock as the vectors say:", function()
  local suite = vectors.json "clock-skew.json"
  if not suite then
    return it("(no vectors)", function() pending "the public test vectors are not here" end)
  end
  for _, case in ipairs(suite.tests) do
    it(case.description, function()
      local policy = core.retry { random = 0 }
      for n, operation in ipairs(case.operations) do
        if n == 1 and operation.initialClientSkew ~= 0 then teach(policy, operation.initialClientSkew) end
        assert.equal(operation.initialClientSkew, policy:skew() or 0)
        local call = policy:call(true, nil, operation.maxAttempts)
        local verdict, _, reason
        for i, attempt in ipairs(operation.attempts) do
          if i > 1 then assert.equal("retry", verdict) end
          local sent_at = seconds(attempt.clientTimeAtSend)
          assert.equal(seconds(attempt.expectedSigningTime), call:signing_time(sent_at))
          local response = attempt.response
          local failure = response.statusCode >= 300 and { status = response.statusCode, code = response.errorCode }
          verdict, _, reason = call:outcome(failure or nil, sent_at,
            head_of(response.headers.Date, response.headers.Age), sent_at, seconds(attempt.clientTimeAtReceive))
        end
        assert.equal("done", verdict)
        assert.equal(operation.expectedOutcome == "success", reason == "success")
        assert.equal(operation.expectedClientSkew, policy:skew() or 0)
      end
    end)
  end
end)

describe("core.retry", function()
  local DATE = "Thu, 01 Jan 2026 00:10:00 GMT"
  local SENT = 1767225600 -- ten minutes before

  -- What a call is told of a refusal, changed in these fields; `false` takes one away.
  local function tell(call, changes)
    local all = { code = "SignatureDoesNotMatch", date = DATE, sent_at = SENT, received_at = SENT }
    for name, value in pairs(changes or {}) do all[name] = value or nil end
    return call:outcome({ status = 403, code = all.code }, 0, head_of(all.date, all.age), all.sent_at, all.received_at)
  end

  it("tries again only what a wrong clock can explain", function()
    local function verdict(changes, options) return (tell(core.retry(options):call(), changes)) end
    for _, code in ipairs { "InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure",
      "RequestTimeTooSkewed", "AccessDeniedException" } do
      assert.equal("retry", verdict { code = code }, code)
    end
    assert.equal("done", verdict { code = "ValidationException" })
    assert.equal("done", verdict { date = false })
    assert.equal("done", verdict { date = "yesterday" })
    assert.equal("done", verdict { age = "7" })
    assert.equal("done", verdict { sent_at = SENT + 500, received_at = SENT + 500 }) -- less than four minutes
    assert.equal("done", verdict { received_at = SENT + 901 }) -- the way took too long to tell
    assert.equal("done", verdict({}, { clock_skew = false }))
    assert.equal("done", verdict({}, { clock_skew_threshold = 3600 }))
  end)

  it("costs as much as any retry that is not throttled", function()
    local policy = core.retry { random = 1 }
    local verdict, delay, class = tell(policy:call())
    assert.same({ "retry", 0.025, "clock_skew", 486 }, { verdict, delay, class, policy:quota() })
  end)

  it("can be told not to correct anything", function()
    local policy = core.retry { clock_skew = false }
    local call = policy:call()
    call:outcome(nil, 0, head_of(DATE), SENT, SENT)
    assert.is_nil(policy:skew())
    assert.equal(SENT, policy:call():signing_time(SENT))
  end)
end)

describe("a client whose clock is wrong", function()
  local WALL = 1767225600 -- Thu, 01 Jan 2026 00:00:00 GMT

  local function client(answers, options)
    local runtime = fake.new { answers = answers, time = WALL }
    local all = { region = "eu-west-1", access_key_id = "AK", secret_access_key = "SK", runtime = runtime }
    for name, value in pairs(options or {}) do all[name] = value end
    return dynamodb.connect(all), runtime
  end

  local function date_of(request)
    return core.header("POST / HTTP/1.1\r\n" .. request.head .. "\r\n", "x-amz-date")
  end

  local REFUSED = { status = 403, body = '{"__type":"a#InvalidSignatureException","message":"Signature expired"}',
    headers = { Date = "Thu, 01 Jan 2026 01:00:00 GMT" } }

  it("is refused, learns the time and succeeds; the next call is right at once", function()
    local db, runtime = client { REFUSED, { body = "{}" }, { body = "{}" } }
    local _, err, meta = db:call("ListTables")
    assert.is_nil(err)
    assert.equal(2, meta.attempts)
    assert.equal("20260101T000000Z", date_of(runtime.requests[1]))
    assert.equal("20260101T010000Z", date_of(runtime.requests[2]))
    assert(db:call("ListTables"))
    assert.equal("20260101T010000Z", date_of(runtime.requests[3]))
  end)

  it("leaves it wrong when it is told so, by option or environment", function()
    for _, options in ipairs { { retry = { clock_skew = false } } } do
      local db, runtime = client({ REFUSED }, options)
      local _, err = db:call("ListTables")
      assert.equal(1, err.attempts)
      assert.is_false(err.retryable)
      assert.equal(1, #runtime.requests)
    end
  end)

  it("measures the way by the clock that does not jump", function()
    local db, runtime = client { function(_, rt)
      rt:advance(2)
      rt:jump(7200) -- somebody sets the clock meanwhile
      return { body = "{}", headers = { Date = "Thu, 01 Jan 2026 00:05:01 GMT" } }
    end, { body = "{}" } }
    assert(db:call("ListTables"))
    assert.equal(300, db.retry:skew())
    assert.equal(1, #runtime.requests)
  end)
end)
