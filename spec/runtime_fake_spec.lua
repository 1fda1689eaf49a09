local errors = require "dynamodb.error"
local fake = require "dynamodb.runtime.fake"

describe("the fake runtime", function()
  it("answers from its script, in order, and remembers what it was asked", function()
    local runtime = fake.new { now = 10, time = 1000, answers = { { body = "one" } } }
    runtime:push({ status = 400, headers = { ["x-b"] = "2", ["x-a"] = "1" } }, { code = "Timeout" })
    local first = assert(runtime:send({ host = "h", body = "a" }, 99))
    assert.same({ status = 200, head = "HTTP/1.1 200 Fake\r\n\r\n", body = "one" }, first)
    local second = assert(runtime:send { host = "h", body = "b" })
    assert.same({ status = 400, head = "HTTP/1.1 400 Fake\r\nx-a: 1\r\nx-b: 2\r\n\r\n", body = "" }, second)
    local none, err = runtime:send { host = "h", body = "c" }
    assert.is_nil(none)
    assert.is_true(errors.is_error(err) and err:is "Timeout" and err.sent)
    assert.same({ host = "h", body = "a", at = 10, time = 1000, deadline = 99 }, runtime.requests[1])
    assert.equal(3, #runtime.requests)
    assert.error_matches(function() runtime:send { host = "h" } end, "request 4 has no answer")
  end)

  it("answers from a function", function()
    local runtime = fake.new { handler = function(request) return { body = request.body:upper() } end }
    assert.equal("ABC", runtime:send({ body = "abc" }).body)
    runtime:push(function() return nil, errors.new { code = "ConnectionError", sent = false } end)
    runtime.handler = nil
    local _, err = runtime:send { body = "x" }
    assert.same({ "ConnectionError", false }, { err.code, err.sent })
  end)

  it("lets time pass when it sleeps and when an answer takes time", function()
    local runtime = fake.new { now = 5, time = 100 }
    runtime:sleep(2)
    runtime:push { delay = 3 }
    assert(runtime:send {})
    assert.same({ 10, 105, { 2 } }, { runtime:now(), runtime:time(), runtime.slept })
    runtime:jump(-50)
    assert.same({ 10, 55 }, { runtime:now(), runtime:time() })
  end)

  it("keeps deadlines", function()
    local runtime = fake.new()
    runtime:push({ delay = 3 }, { delay = 3 })
    local _, err = runtime:send({}, 2)
    assert.same({ "DeadlineExceeded", true, 2 }, { err.code, err.sent, runtime:now() })
    _, err = runtime:send({}, 2)
    assert.same({ "DeadlineExceeded", false, 2 }, { err.code, err.sent, runtime:now() })
    assert(runtime:send({}, 6))
  end)
end)
