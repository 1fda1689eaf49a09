local errors = require "dynamodb.error"
local http = require "spec.support.http"
local plain = require "dynamodb.runtime.plain"
local server = require "spec.support.server"

local runtime, peer

before_each(function() runtime = plain.new {} end)

after_each(function()
  runtime:close()
  if peer then peer:stop() end
  peer = nil
end)

describe("the plain runtime", function()
  it("sends a request and returns its response", function()
    peer = server.start { server.answering(server.response("{}", { status = 400 })) }
    local response, err = runtime:send(http.request(peer), runtime:now() + 5)
    assert.is_nil(err)
    assert.equal(400, response.status)
    assert.equal("{}", response.body)
    assert.matches("^HTTP/1%.1 400 .*\r\n\r\n$", response.head)
  end)

  it("returns failures as the library's errors, with what may have been sent", function()
    peer = server.start { { { "read" }, { "stall" } } }
    local response, err = runtime:send(http.request(peer), runtime:now() + 0.1)
    assert.is_nil(response)
    assert.is_true(errors.is_error(err))
    assert.is_true(err:is "DeadlineExceeded")
    assert.is_true(err.sent)
    peer:stop()
    response, err = runtime:send(http.request(peer))
    assert.is_nil(response)
    assert.is_true(err:is "ConnectionError")
    assert.is_false(err.sent)
    assert.is_true(err.retryable)
  end)

  it("passes its options on", function()
    peer = server.start { { { "read" }, { "stall" } } }
    local hasty = plain.new { idle_timeout = 0.1 }
    local _, err = hasty:send(http.request(peer))
    assert.equal("Timeout", err.code)
    hasty:close()
    assert.error_matches(function() plain.new { idle_timout = 1 } end, "idle_timout")
  end)

  it("sleeps", function()
    local before = runtime:now()
    runtime:sleep(0.15)
    runtime:sleep(0)
    runtime:sleep(-1)
    local slept = runtime:now() - before
    assert.is_true(slept >= 0.15 and slept < 10, slept)
  end)

  it("has a monotonic clock and one on the wall", function()
    local earliest, wall = os.time(), runtime:time()
    assert.is_true(earliest <= wall and wall < os.time() + 2)
    assert.is_true(runtime:now() <= runtime:now())
  end)

  it("drops its connections after the wall clock has jumped, and only then", function()
    peer = server.start { server.answering(server.response "{}") }
    local real, jumped = runtime.clock, 0
    runtime.clock = {
      now = function() return real:now() end,
      time = function() return real:time() + jumped end,
    }
    local function connections()
      assert(runtime:send(http.request(peer, { repeat_safe = false })))
      return #peer:events "connection"
    end
    assert.same({ 1, 1 }, { connections(), connections() })
    jumped = 1.5
    assert.equal(1, connections())
    jumped = 600
    assert.equal(2, connections())
    assert.equal(2, connections())
    jumped = 0
    assert.equal(3, connections())
  end)

  it("fails requests after it was closed", function()
    runtime:close()
    runtime:close()
    assert.error_matches(function() runtime:send { host = "h", head = "", body = "" } end, "closed")
  end)
end)
