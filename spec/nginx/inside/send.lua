-- Run inside nginx by spec/nginx/send_spec.lua: the runtime's `send` against servers that misbehave.
local cases = require "spec.support.http_cases"
local errors = require "dynamodb.error"
local http = require "spec.support.http"
local process = require "spec.support.process"
local runtimes = require "dynamodb.runtime.nginx"
local server = require "spec.support.server"

local runtime, peer

local function serve(connections)
  peer = server.start(connections)
  return peer
end

before_each(function() runtime = runtimes.new {} end)

after_each(function()
  runtime:close()
  if peer then peer:stop() end
  peer = nil
end)

local function send(fields, deadline) return runtime:send(http.request(peer, fields), deadline) end

local function assert_failed(code, sent, response, err)
  assert.is_nil(response)
  assert.is_true(errors.is_error(err))
  assert.same({ code, sent }, { err.code, err.sent }, err.message)
  return err
end

describe("a request", function()
  it("is sent as given, with the Content-Length that it lacks", function()
    serve { server.answering(server.response "{}") }
    assert(send { path = "/a/../b?c=%20", head = "Host: dynamodb.example\r\nX-Empty: \r\n", body = '{"a":1}' })
    local seen = peer:requests()[1]
    assert.equal("POST /a/../b?c=%20 HTTP/1.1\r\nHost: dynamodb.example\r\nX-Empty: \r\nContent-Length: 7\r\n\r\n",
      seen.head)
    assert.equal('{"a":1}', seen.body)
  end)

  it("may be a GET, or a HEAD whose answer has no body", function()
    serve { { { "read" }, { "send", server.response "get" }, { "read" },
      { "send", server.response("", { framing = "Content-Length: 5" }) }, { "drain" } } }
    assert.equal("get", send({ method = "GET", body = "", head = "Host: h\r\n" }).body)
    assert.equal("", send({ method = "HEAD", body = "", head = "Host: h\r\n" }).body)
    assert.equal("GET / HTTP/1.1\r\nHost: h\r\n\r\n", peer:requests()[1].head)
  end)

  it("of 16 MB arrives whole, with a deadline and without", function()
    serve { server.answering(server.response "{}") }
    local body = ("0123456789abcdef"):rep(2 ^ 20)
    assert(send { body = body })
    assert(send({ body = body }, runtime:now() + 30))
    for i = 1, 2 do
      local seen = peer:requests()[i]
      assert.equal(#body, seen.size)
      assert.equal(body:sub(1, 64) .. "…" .. body:sub(-64), seen.body)
    end
  end)

  it("with a body of zero bytes, line ends and NULs arrives as it is", function()
    serve { server.answering(server.response "{}") }
    for _, body in ipairs { "", "\0\r\n\r\n\0" } do assert(send { body = body }) end
    assert.same({ "", "\0\r\n\r\n\0" }, { peer:requests()[1].body, peer:requests()[2].body })
  end)

  for name, fields in pairs(cases.refused) do
    it("is refused with " .. name, function()
      serve { server.answering(server.response "{}") }
      local field = next(fields) == "method" and fields.method == "HEAD" and "body" or next(fields)
      assert.error_matches(function() send(fields) end, "request%." .. field)
      assert(send())
      assert.equal(1, #peer:requests())
    end)
  end
end)

describe("a response", function()
  it("is handed over raw: status, head, body", function()
    local head = "HTTP/1.1 400 Bad Request\r\nX-A: b \r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
    serve { server.answering(head .. "\31\139\0\r") }
    assert.same({ status = 400, head = head, body = "\31\139\0\r" }, (send()))
  end)

  it("may be chunked, with trailers that are left out", function()
    local head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    serve { server.answering(head .. "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Late: 1\r\n\r\n") }
    for _ = 1, 2 do assert.same({ status = 200, head = head, body = "abcde" }, (send())) end
    assert.equal(1, #peer:events "connection")
  end)

  it("may come after an interim one, which is left out, and byte by byte", function()
    local text = "HTTP/1.1 103 Early\r\nX: y\r\n\r\n" .. server.response "late"
    serve { { { "read" }, { "trickle", text, every = 0.001 }, { "drain" } } }
    local response = assert(send())
    assert.equal("late", response.body)
    assert.equal("HTTP/1.1 200 Whatever\r\nContent-Length: 4\r\n\r\n", response.head)
  end)

  it("may end with the connection", function()
    serve { { { "read" }, { "send", "HTTP/1.1 200 OK\r\n\r\nall of it" } } }
    assert.equal("all of it", send().body)
  end)

  it("is not followed elsewhere", function()
    serve { server.answering(server.response("", { status = 301, headers = { "Location: http://127.0.0.1:1/" } })) }
    assert.equal(301, send().status)
    assert.equal(1, #peer:requests())
  end)

  it("of max_response is at the limit, one byte more is refused", function()
    runtime = runtimes.new { max_response = 2 ^ 20 }
    local head = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    local size = 2 ^ 20 - #head:format(2 ^ 20)
    serve { { { "read" }, { "send", head:format(size) .. ("x"):rep(size) }, { "read" },
      { "send", head:format(size + 1) .. ("x"):rep(size + 1) } } }
    assert.equal(size, #send().body)
    assert.matches("larger than max_response", assert_failed("ResponseError", true, send()).message)
  end)

  it("without end is cut off at the limit", function()
    runtime = runtimes.new { max_response = 100000 }
    serve {
      { { "read" }, { "send", "HTTP/1.1 200 OK\r\n\r\n" }, { "send_many", ("x"):rep(10000), 100 } },
      { { "read" }, { "send", "HTTP/1.1 200 OK\r\n" }, { "send_many", "X-A: " .. ("y"):rep(1000) .. "\r\n", 1000 } },
      { { "read" }, { "send_many", "HTTP/1.1 100 Continue\r\nX-A: " .. ("y"):rep(1000) .. "\r\n\r\n", 1000 } },
    }
    for _, message in ipairs { "larger than max_response", "head is too large", "larger than max_response" } do
      assert.matches(message, assert_failed("ResponseError", true, send()).message)
    end
  end)

  for name, bytes in pairs(cases.garbled) do
    it(name .. " is a ResponseError", function()
      serve { { { "read" }, { "send", bytes }, { "close" } } }
      assert.is_true(#assert_failed("ResponseError", true, send()).message > 0)
    end)
  end

  it("with bytes beyond its end leaves a connection that is not used again", function()
    serve { { { "read" }, { "send", server.response "{}" .. "HTTP/1.1 200 OK\r\n" }, { "drain" } } }
    assert(send())
    assert(send())
    assert.equal(2, #peer:events "connection")
  end)

  for _, ending in ipairs { "close", "reset", "stall" } do
    it(("that refuses a body before it has come whole is the answer, and the connection is left (%s)"):format(ending),
      function()
        runtime = runtimes.new { idle_timeout = 2 }
        local answer = server.response("too large", { status = 413 })
        serve { { { "read_bytes", 100 }, { "send", answer }, { "wait", 0.5 }, { ending } },
          server.answering(server.response "{}") }
        local fields = { body = ("x"):rep(16 * 2 ^ 20), repeat_safe = false }
        local response = assert(send(fields))
        assert.same({ 413, "too large" }, { response.status, response.body })
        assert.equal(200, assert(send()).status)
        assert.equal(2, #peer:events "connection")
      end)
  end

  it("that takes a body before it has come whole is none", function()
    serve { { { "read_bytes", 100 }, { "send", server.response "{}" }, { "wait", 0.1 }, { "close" } } }
    assert_failed("ConnectionError", true, send { body = ("x"):rep(16 * 2 ^ 20), repeat_safe = false })
  end)

  it("after which bytes come that nobody asked for leaves a connection that is not used again", function()
    serve { { { "read" }, { "send", server.response "{}" }, { "await", "rest" },
      { "send", server.response "not yours" }, { "drain" } }, server.answering(server.response "{}") }
    assert(send())
    peer:let "rest"
    runtime:sleep(0.2)
    assert.equal("{}", send().body)
    assert.equal(2, #peer:events "connection")
  end)

  it("of HTTP/1.0 is whole, over a connection that is used again only if it says so", function()
    local head = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n"
    serve { server.answering(head .. "\r\n{}"), server.answering(head .. "Connection: keep-alive\r\n\r\n{}") }
    for _ = 1, 3 do assert.equal("{}", send().body) end
    assert.equal(2, #peer:events "connection")
  end)

  it("that a reset cuts off is a ResponseError", function()
    local beginning = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
    serve { { { "read" }, { "send", beginning }, { "wait", 1 }, { "reset" } } } -- a reset takes what is not read
    assert_failed("ResponseError", true, send())
  end)
end)

describe("a connection", function()
  it("that is refused is a ConnectionError, and nothing was sent", function()
    serve { { { "stall" } } }
    peer:stop()
    assert.matches("refused", assert_failed("ConnectionError", false, send()).message)
  end)

  for _, ending in ipairs { "close", "reset" } do
    it(("that ends (%s) without an answer is a ConnectionError; the request may be there"):format(ending), function()
      serve { { { "read" }, { ending } } }
      assert_failed("ConnectionError", true, send())
      assert.equal(1, #peer:requests())
    end)
  end

  it("is used again, also by another runtime of the worker", function()
    serve { server.answering(server.response "{}") }
    for _ = 1, 5 do assert(send()) end
    runtime = runtimes.new {}
    assert(send())
    assert.equal(1, #peer:events "connection")
    assert.equal(6, #peer:requests())
  end)

  it("is not used again when the server says that it closes it", function()
    serve { server.answering(server.response("{}", { headers = { "Connection: close" } })) }
    for _ = 1, 2 do assert(send()) end
    assert.equal(2, #peer:events "connection")
  end)

  it("is not used again after a jump between the two clocks, nor when it is old", function()
    serve { server.answering(server.response "{}") }
    assert(send())
    runtime.offset = runtime.offset - 600
    assert(send())
    assert.equal(2, #peer:events "connection")
    assert(send())
    assert.equal(2, #peer:events "connection")
    for _, known in pairs(runtime.connections.peers) do known.expires, known.key = 0, known.key .. "|another time" end
    assert(send())
    assert.equal(3, #peer:events "connection")
  end)

  it("that was closed while it rested is not used: a write goes over a new one", function()
    serve { { { "read" }, { "send", server.response "{}" }, { "close" } } }
    for _ = 1, 3 do
      assert.equal(200, send({ repeat_safe = false }).status)
      assert(peer:await("closed", #peer:requests()))
      runtime:sleep(0.01)
    end
    assert.equal(3, #peer:requests())
  end)

  it("is closed, not left, when the answer does not come", function()
    runtime = runtimes.new { idle_timeout = 0.1 }
    serve { { { "read" }, { "drain" } } }
    collectgarbage "stop" -- it would close it sooner or later
    finally(function() collectgarbage "restart" end)
    assert_failed("Timeout", true, send())
    assert(peer:await("eof", 1))
  end)
end)

describe("a pooled connection that dies after a request was sent on it", function()
  -- One that answers; it is used again and ends.
  local function serve_dying(ending)
    serve { { { "read" }, { "send", server.response "first" }, { "read" }, { ending } },
      server.answering(server.response "fresh") }
    assert.equal("first", send().body)
  end

  local bodies = { ["small"] = "ADD 1", ["empty"] = "", ["of 1 MB"] = ("x"):rep(2 ^ 20) }
  for _, ending in ipairs { "close", "reset" } do
    for size, body in pairs(bodies) do
      it(("(%s, body %s) sees a write that is not repeat-safe once"):format(ending, size), function()
        serve_dying(ending)
        assert_failed("ConnectionError", true, send { body = body, repeat_safe = false })
        assert.equal(2, #peer:requests())
      end)

      it(("(%s, body %s) sees a repeat-safe one answered on a new connection"):format(ending, size), function()
        serve_dying(ending)
        assert.equal("fresh", send({ body = body }).body)
        assert.equal(3, #peer:requests())
      end)
    end
  end

  it("lets a repeat-safe request be sent twice at most, the second time on a connection of its own", function()
    serve { { { "read" }, { "wait", 0.1 }, { "send", server.response "{}" }, { "read" }, { "close" } },
      { { "read" }, { "wait", 0.1 }, { "send", server.response "{}" }, { "read" }, { "close" } },
      { { "read" }, { "close" } } }
    local tasks = {}
    for i = 1, 2 do tasks[i] = runtime:spawn(send) end
    for i = 1, 2 do assert(select(2, runtime:join(tasks[i]))) end
    assert_failed("ConnectionError", true, send { body = "again and again" })
    local connections = {}
    for _, request in ipairs(peer:requests()) do
      if request.body == "again and again" then connections[#connections + 1] = request.connection end
    end
    assert.equal(2, #connections)
    assert.equal(3, connections[2])
  end)

  it("and cannot be replaced leaves it unknown whether the request was read", function()
    serve { { { "read" }, { "send", server.response "first" }, { "read" }, { "stall" } } }
    assert(send())
    local task = runtime:spawn(send)
    assert(peer:await("request", 2))
    peer.child:kill(9)
    peer.child:wait(2)
    local _, response, err = runtime:join(task)
    assert_failed("ConnectionError", true, response, err)
  end)
end)

describe("time", function()
  --- What became of a request, in no less than `least` seconds, and long before anything else would have ended it.
  local function timed(least, fields, timeout)
    local started = process.now()
    local response, err = send(fields, timeout and runtime:now() + timeout)
    local took = process.now() - started
    assert.is_true(took >= least - 0.01 and took < least + 4, took) -- the idle time is 5 s
    return response, err
  end

  local stalls = {
    ["before the answer"] = { { "read" }, { "stall" } },
    ["within the head"] = { { "read" }, { "send", "HTTP/1.1 200 OK\r\nConte" }, { "stall" } },
    ["within the body"] = { { "read" }, { "send", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc" }, { "stall" } },
  }
  for where, script in pairs(stalls) do
    it("is over when idle_timeout is, of a peer that stalls " .. where, function()
      runtime = runtimes.new { idle_timeout = 0.2 }
      serve { script }
      assert_failed("Timeout", true, timed(0.2))
    end)
  end

  it("is over when idle_timeout is, of a peer that does not read", function()
    runtime = runtimes.new { idle_timeout = 0.2 }
    serve { { { "stall" } } }
    assert_failed("Timeout", true, timed(0.2, { body = ("x"):rep(16 * 2 ^ 20) }))
    assert_failed("Timeout", true, timed(0.2, { body = ("x"):rep(16 * 2 ^ 20) }, 5))
  end)

  it("goes on as long as bytes move", function()
    runtime = runtimes.new { idle_timeout = 1 }
    serve { { { "read" }, { "trickle", server.response(("x"):rep(40)), every = 0.2, size = 10 }, { "drain" } } }
    assert.equal(("x"):rep(40), send().body)
  end)

  local scripts = {
    ["that stalls"] = { { "read" }, { "stall" } },
    ["that trickles its head"] = { { "read" }, { "send", "HTTP/1.1 200 OK\r\n" },
      { "trickle", "X: " .. ("x"):rep(999), every = 0.05 } },
    ["that trickles its body"] = { { "read" }, { "send", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" },
      { "trickle", ("x"):rep(1000), every = 0.05 } },
    ["that trickles interim heads"] = { { "read" }, { "trickle", ("HTTP/1.1 100 C\r\n\r\n"):rep(100), every = 0.05,
      size = 18 } },
  }
  for which, script in pairs(scripts) do
    it("is over at the deadline, of a peer " .. which, function()
      serve { script }
      assert_failed("DeadlineExceeded", true, timed(0.2, nil, 0.2))
    end)
  end

  it("is over at the deadline, of a peer that does not read: not after idle_timeout", function()
    serve { { { "stall" } } }
    for i = 1, 10 do -- the deadline ends the wait for the socket and the whole of it in the same moment
      local seconds = 0.1 + i / 1000
      assert_failed("DeadlineExceeded", true, timed(seconds, { body = ("x"):rep(16 * 2 ^ 20) }, seconds))
    end
  end)

  it("is over at the deadline, of a peer that reads slowly", function()
    serve { { { "sip", every = 0.05, size = 2 ^ 17, times = 20 }, { "drain" } } }
    assert_failed("DeadlineExceeded", true, timed(0.5, { body = ("x"):rep(32 * 2 ^ 20) }, 0.5))
    assert(peer:await("eof", 1, 60)) -- and the connection is not left open
  end)

  it("that has passed sends nothing", function()
    serve { server.answering(server.response "{}") }
    assert_failed("DeadlineExceeded", false, timed(0, nil, 0))
    assert.same({}, peer:events())
  end)

  it("for a connection is connect_timeout, or what the deadline leaves, and nothing was sent", function()
    runtime = runtimes.new { connect_timeout = 0.2 }
    serve { { { "stall" } } }
    assert_failed("Timeout", false, timed(0.2, { scheme = "https", host = "localhost" }))
    assert_failed("DeadlineExceeded", false, timed(0.1, { scheme = "https", host = "localhost" }, 0.1))
  end)

  it("is measured by clocks that do not stand still while a handler computes", function()
    local before, wall = runtime:now(), runtime:time()
    process.sleep(0.05)
    assert.is_true(runtime:now() - before >= 0.05)
    assert.is_true(runtime:time() - wall >= 0.04)
    local earliest, now = os.time(), runtime:time()
    assert.is_true(earliest <= now and now < os.time() + 2)
  end)

  it("slept is as long as asked for, also after a long computation", function()
    process.sleep(0.2)
    local before = runtime:now()
    runtime:sleep(0.1)
    runtime:sleep(0)
    runtime:sleep(-1)
    local slept = runtime:now() - before
    assert.is_true(slept >= 0.1 and slept < 10, slept)
  end)
end)

describe("a proxy of the environment", function()
  it("is refused in words, not passed over, but for what is direct or exempt", function()
    local proxies = { http = "http://127.0.0.1:9", exempt = { "exempt.example" } }
    runtime = runtimes.new { proxies = proxies, connect_timeout = 0.1 }
    local request = { scheme = "http", host = "dynamodb.example", port = 80, head = "", body = "" }
    local err = assert_failed("ConfigurationError", false, runtime:send(request))
    assert.matches("NO_PROXY name dynamodb%.example", err.message)
    for _, fields in ipairs { { is_direct = true }, { host = "exempt.example" } } do
      for name, value in pairs(fields) do request[name] = value end
      assert.matches("no resolver", select(2, runtime:send(request)).message)
      request.is_direct, request.host = nil, "dynamodb.example"
    end
    serve { server.answering(server.response "{}") }
    assert(send())
  end)
end)

describe("a runtime that was closed", function()
  it("raises", function()
    serve { server.answering(server.response "{}") }
    runtime:close()
    runtime:close()
    assert.error_matches(function() send() end, "closed")
  end)
end)
