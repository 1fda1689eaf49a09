-- What another client was observed to do with answers, done by this one over real sockets: attempts, the class of the
-- delays between them, outcome, name and message. Where this library promises better, its promise holds.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local server = require "spec.support.server"
local vectors = require "spec.support.vectors"

-- Seconds before the first retry: far enough apart to be told from each other, short enough to be waited for.
local BASE, THROTTLING_BASE = 0.004, 0.03

local REASONS = { [200] = "OK", [304] = "Not Modified", [400] = "Bad Request" }

-- The bytes that the observed client saw.
local function bytes_of(response)
  local headers = {}
  for name, value in pairs(response.headers or {}) do headers[#headers + 1] = name .. ": " .. value end
  local framing = response.contentLength and "Content-Length: " .. response.contentLength
  local text = server.response(response.body, { status = response.status, headers = headers, framing = framing })
  return (text:gsub("Whatever", REASONS[response.status] or "Whatever", 1))
end

-- Is it an answer that this library does not believe? Such a reading is asked for again.
local function is_unreadable(response)
  local sum = (response.headers or {})["x-amz-crc32"]
  return response.connection ~= nil or sum ~= nil and tonumber(sum) ~= core.crc32(response.body)
    or response.status < 300 and not response.body:find "^%s*{"
end

-- What this library says where the observed client's words are accidents of its own: bodies that are not JSON, answers
-- without a code, broken connections.
local function expectation(case)
  local seen, response = case.observed, case.response
  local expected = { code = seen.name, message = seen.message, attempts = seen.attempts, class = seen.delayClass }
  if expected.class == vectors.null then expected.class = nil end
  if is_unreadable(response) then
    expected.code, expected.message, expected.attempts, expected.class = "ResponseError", nil, 4, "non-throttling"
  elseif seen.name == "Unknown" then
    expected.code, expected.message = ("%d"):format(response.status), ""
  elseif seen.name == "SyntaxError" then
    expected.code, expected.message = ("%d"):format(response.status), response.body
  end
  if seen.message == "UnknownError" then expected.message = "" end
  return expected
end

--- The second request came no sooner than its class of delay says; how much later is the machine's affair.
local function check_gap(class, requests)
  if not class then return assert.equal(1, #requests) end
  local gap = requests[2].time - requests[1].time
  assert.is_true(gap >= (class == "throttling" and THROTTLING_BASE or BASE), "a gap of " .. gap)
end

describe("as observed:", function()
  local observed = vectors.json "observed-responses.json"
  if not observed then
    return it("(no vectors)", function() pending "the public test vectors are not here" end)
  end

  local peer, db
  after_each(function()
    if db then db:close() end
    if peer then peer:stop() end
    peer, db = nil, nil
  end)

  local function call(case, retry)
    local bytes = bytes_of(case.response)
    local closes = case.response.connection ~= nil
    peer = server.start { closes and { { "read" }, { "send", bytes }, { "close" } } or server.answering(bytes) }
    local classes = {}
    db = dynamodb.connect {
      region = "eu-west-1", access_key_id = "AK", secret_access_key = "SK", retry = retry,
      endpoint = ("http://%s:%d"):format(peer.host, peer.port),
      on_retry = function(info) classes[#classes + 1] = info.class end,
    }
    local value, err, meta = db:call("GetItem", { TableName = "t", Key = { a = "b" } })
    return value, err, meta, classes
  end

  for _, case in ipairs(observed.cases) do
    local seen = case.observed
    if seen.gapMs then
      it(case.case, function()
        local _, err = call(case, { max_attempts = case.maxAttempts })
        assert.same({ seen.name, seen.message, seen.attempts }, { err.code, err.message, err.attempts })
        local requests = peer:requests()
        local gap = (requests[2].time - requests[1].time) * 1000
        -- It is the hint, or the hint's limit, plus at most the jitter of the first delay, plus a slow machine.
        local least = seen.gapMs > 5000 and 5000 or seen.gapMs > 1000 and 1000 or 0
        assert.is_true(gap >= least and gap < least + 2000, gap)
      end)
    else
      it(case.case, function()
        local value, err, meta, classes = call(case, { base = BASE, throttling_base = THROTTLING_BASE, random = 1 })
        local requests = peer:requests()
        if seen.outcome == "ok" and not is_unreadable(case.response) then
          assert.is_nil(err)
          assert.same({ seen.attempts, seen.attempts }, { #requests, meta.attempts })
          assert.same(seen.output.Item and { a = "b" }, value.Item)
          return
        end
        local expected = expectation(case)
        assert.is_nil(value)
        assert.same({ expected.code, expected.attempts, expected.attempts }, { err.code, #requests, err.attempts })
        if expected.message then assert.equal(expected.message, err.message) end
        if seen.httpStatus and not case.response.connection then assert.equal(seen.httpStatus, err.status) end
        assert.equal(seen.requestId, err.request_id)
        check_gap(expected.class, requests)
        assert.equal(expected.attempts - 1, #classes)
        for _, class in ipairs(classes) do
          assert.equal(expected.class == "throttling", class == "throttling")
        end
        assert.equal(expected.attempts > 1, err.retryable)
        local reasons = seen.CancellationReasons
        if reasons then
          assert.equal(#reasons, #err.reasons)
          assert.same({ "None", "ConditionalCheckFailed" }, { err.reasons[1].code, err.reasons[2].code })
          assert.same({ a = 1 }, err.reasons[2].item)
        end
        local throttling = seen.throttlingReasons
        if throttling then assert.same({ "r", "a" }, { err.throttling[1].reason, err.throttling[1].resource }) end
      end)
    end
  end
end)
