local cases = require "spec.support.http_cases"
local curl = require "dynamodb.curl"
local http = require "spec.support.http"
local process = require "spec.support.process"
local server = require "spec.support.server"

local pool, peer

local function serve(connections)
  peer = server.start(connections)
  return peer
end

before_each(function() pool = curl.pool {} end)

after_each(function()
  pool:close()
  if peer then peer:stop() end
  peer = nil
end)

describe("a request", function()
  it("is sent as given: no header of curl's own, the signed Host", function()
    serve { server.answering(server.response "{}") }
    local head = "Host: dynamodb.example\r\nContent-Type: application/x-amz-json-1.0\r\nX-Empty: \r\n"
      .. "Content-Length: 7\r\n"
    assert(http.send(pool, http.request(peer, { head = head, body = '{"a":1}', path = "/a/../b?c=%20" })))
    local seen = peer:requests()[1]
    assert.equal("POST /a/../b?c=%20 HTTP/1.1\r\n" .. head:gsub("X%-Empty: ", "X-Empty:") .. "\r\n", seen.head)
    assert.equal('{"a":1}', seen.body)
  end)

  it("gets its Content-Length when it has none", function()
    serve { server.answering(server.response "{}") }
    assert(http.send(pool, http.request(peer, { head = "Host: h\r\n", body = "abc" })))
    assert.equal("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", peer:requests()[1].head)
  end)

  it("may be a GET, a PUT without a body or a HEAD", function()
    serve { { { "read" }, { "send", server.response "get" }, { "read" }, { "send", server.response "put" }, { "read" },
      { "send", server.response("", { framing = "Content-Length: 5" }) }, { "drain" } } }
    assert.equal("get", http.send(pool, http.request(peer, { method = "GET", body = "", head = "Host: h\r\n" })).body)
    assert.equal("put", http.send(pool, http.request(peer, { method = "PUT", body = "", head = "Host: h\r\n" })).body)
    assert.equal("", http.send(pool, http.request(peer, { method = "HEAD", body = "", head = "Host: h\r\n" })).body)
    local seen = peer:requests()
    assert.equal("GET / HTTP/1.1\r\nHost: h\r\n\r\n", seen[1].head)
    assert.equal("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", seen[2].head)
    assert.equal("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", seen[3].head)
  end)

  it("of 16 MB arrives whole, with and without leave to repeat it", function()
    serve { server.answering(server.response "{}") }
    local body = ("0123456789abcdef"):rep(2 ^ 20)
    for _, safe in ipairs { true, false } do
      assert(http.send(pool, http.request(peer, { body = body, repeat_safe = safe })))
    end
    local seen = peer:requests()
    assert.equal(#body, seen[1].size)
    assert.equal(#body, seen[2].size)
    assert.equal(body:sub(1, 64) .. "…" .. body:sub(-64), seen[2].body)
  end)

  it("with a body of zero bytes, line ends and NULs arrives as it is", function()
    serve { server.answering(server.response "{}") }
    for _, safe in ipairs { true, false } do
      for _, body in ipairs { "", "\0\r\n\r\n\0" } do
        assert(http.send(pool, http.request(peer, { body = body, repeat_safe = safe })))
      end
    end
    local seen = peer:requests()
    assert.same({ "", "\0\r\n\r\n\0", "", "\0\r\n\r\n\0" }, { seen[1].body, seen[2].body, seen[3].body, seen[4].body })
  end)

  it("does not ask for leave to send a large body, and does not wait for it", function()
    serve { server.answering(server.response "{}") }
    assert(http.send(pool, http.request(peer, { body = ("x"):rep(2 ^ 21) })))
    assert.is_nil(peer:requests()[1].head:lower():find "expect")
  end)

  for name, fields in pairs(cases.refused) do
    it("is refused with " .. name, function()
      serve { server.answering(server.response "{}") }
      local field = next(fields) == "method" and fields.method == "HEAD" and "body" or next(fields)
      local ok, message = pcall(pool.start, pool, http.request(peer, fields))
      assert.is_false(ok)
      assert.matches("request%." .. field, message)
      assert.equal(0, pool:active())
      assert(http.send(pool, http.request(peer))) -- the pool is as good as before
      assert.equal(1, #peer:requests())
    end)
  end

  it("is refused when a field has the wrong type", function()
    local good = { host = "127.0.0.1", port = 1 }
    for name, value in pairs { host = 1, path = false, head = {}, body = 7, port = "80", method = true } do
      local request = { host = good.host, port = good.port, [name] = value }
      assert.error_matches(function() pool:start(request) end, "request%." .. name)
    end
    assert.has_error(function() pool:start(nil) end)
    assert.has_error(function() pool:start(good, 0 / 0) end)
  end)

  it("does not go through a proxy that the environment names", function()
    serve { server.answering(server.response "{}") }
    local script = [[
      local pool = require("dynamodb.curl").pool {}
      local response = require("spec.support.http").send(pool, { scheme = "http", host = "127.0.0.1", port = %d })
      io.write(response.status)
    ]]
    local code, stdout, stderr = process.run {
      process.lua, "-e", script:format(peer.port),
      env = { http_proxy = "http://127.0.0.1:1", HTTP_PROXY = "http://127.0.0.1:1", ALL_PROXY = "http://127.0.0.1:1" },
    }
    assert.same({ 0, "200", "" }, { code, stdout, stderr })
  end)
end)

describe("a response", function()
  it("is handed over raw: status, head, body", function()
    local head = "HTTP/1.1 400 Bad Request\r\nX-A: b \r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
    serve { server.answering(head .. "\31\139\0\r") }
    local response = assert(http.send(pool, http.request(peer)))
    assert.equal(400, response.status)
    assert.equal(head, response.head)
    assert.equal("\31\139\0\r", response.body)
  end)

  it("may be chunked, with trailers that are left out", function()
    local head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    serve { server.answering(head .. "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Late: 1\r\n\r\n") }
    local response = assert(http.send(pool, http.request(peer)))
    assert.equal("abcde", response.body)
    assert.equal(head, response.head)
    assert(http.send(pool, http.request(peer)))
    assert.equal(1, #peer:events "connection")
  end)

  it("may come after an interim one, which is left out", function()
    serve { server.answering("HTTP/1.1 103 Early\r\nX: y\r\n\r\n" .. server.response "late") }
    local response = assert(http.send(pool, http.request(peer)))
    assert.equal("late", response.body)
    assert.equal("HTTP/1.1 200 Whatever\r\nContent-Length: 4\r\n\r\n", response.head)
  end)

  it("may end with the connection", function()
    serve { { { "read" }, { "send", "HTTP/1.1 200 OK\r\n\r\nall of it" } } }
    assert.equal("all of it", http.send(pool, http.request(peer)).body)
  end)

  it("is not followed elsewhere", function()
    serve { server.answering(server.response("", { status = 301, headers = { "Location: http://127.0.0.1:1/" } })) }
    assert.equal(301, http.send(pool, http.request(peer)).status)
    assert.equal(1, #peer:requests())
  end)

  it("is handed out once", function()
    serve { server.answering(server.response "{}") }
    local transfer = pool:start(http.request(peer))
    assert(http.finish(pool, transfer))
    assert.error_matches(function() transfer:result() end, "taken before")
  end)

  it("of 32 MB is at the limit, one byte more is refused", function()
    local head = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    local megabyte, limit = ("x"):rep(2 ^ 20), 32 * 2 ^ 20
    local last = limit - 31 * 2 ^ 20 - #head:format(limit)
    local body = limit - #head:format(limit)
    serve {
      { { "read" }, { "send", head:format(body) }, { "send_many", megabyte, 31 }, { "send", megabyte:sub(1, last) } },
      { { "read" }, { "send", head:format(body + 1) }, { "send_many", megabyte, 31 },
        { "send", megabyte:sub(1, last + 1) } },
    }
    assert.equal(body, #http.send(pool, http.request(peer)).body)
    local response, code, message, sent = http.send(pool, http.request(peer))
    assert.is_nil(response)
    assert.equal("ResponseError", code)
    assert.matches("larger than max_response", message)
    assert.is_true(sent)
  end)

  it("without end is cut off at the limit", function()
    pool = curl.pool { max_response = 100000 }
    serve {
      { { "read" }, { "send", "HTTP/1.1 200 OK\r\n\r\n" }, { "send_many", ("x"):rep(10000), 100 } },
      { { "read" }, { "send", "HTTP/1.1 200 OK\r\n" }, { "send_many", "X-A: " .. ("y"):rep(1000) .. "\r\n", 1000 } },
      { { "read" }, { "send_many", "HTTP/1.1 100 Continue\r\nX-A: " .. ("y"):rep(1000) .. "\r\n\r\n", 1000 } },
    }
    for _ = 1, 3 do
      local _, code, message = http.send(pool, http.request(peer))
      assert.equal("ResponseError", code)
      assert.matches("larger than max_response", message)
    end
  end)

  for name, bytes in pairs(cases.garbled) do
    it(name .. " is a ResponseError", function()
      serve { { { "read" }, { "send", bytes }, { "close" } } }
      local response, code, message, sent = http.send(pool, http.request(peer))
      assert.is_nil(response)
      assert.equal("ResponseError", code)
      assert.is_true(#message > 0)
      assert.is_true(sent)
    end)
  end

  it("that a reset cuts off is a ResponseError", function()
    local beginning = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
    serve { { { "read" }, { "send", beginning }, { "wait", 1 }, { "reset" } } } -- a reset takes what is not read
    local _, code, _, sent = http.send(pool, http.request(peer))
    assert.same({ "ResponseError", true }, { code, sent })
  end)
end)

describe("a connection", function()
  -- libcurl counts whole seconds, and drops what is older than the limit.
  for limit, gap in pairs { max_idle = 2.2, max_age = 1.1 } do
    it("is not used again beyond " .. limit, function()
      local limited = curl.pool { [limit] = 1 }
      serve { server.answering(server.response "{}") }
      for _ = 1, 3 do
        assert.equal(200, http.send(limited, http.request(peer)).status)
        limited:step(gap)
      end
      assert.is_true(#peer:events "connection" > 1)
      limited:close()
    end)
  end

  it("that is refused is a ConnectionError, and nothing was sent", function()
    serve { { { "stall" } } }
    peer:stop()
    local _, code, message, sent = http.send(pool, http.request(peer))
    assert.same({ "ConnectionError", false }, { code, sent })
    assert.matches("connect", message:lower())
  end)

  it("that closes or is reset without an answer is a ConnectionError, and the request may have arrived", function()
    for _, ending in ipairs { "close", "reset" } do
      serve { { { "read" }, { ending } } }
      local _, code, _, sent = http.send(pool, http.request(peer))
      assert.same({ "ConnectionError", true }, { code, sent })
      peer:stop()
    end
  end)

  it("to a name that does not exist is a ConnectionError, and nothing was sent", function()
    local _, code, message, sent = http.send(pool, http.request { host = "no-such-host.invalid", port = 80 })
    assert.same({ "ConnectionError", false }, { code, sent })
    assert.matches("no%-such%-host%.invalid", message)
  end)

  it("is used again", function()
    serve { server.answering(server.response "{}") }
    for _ = 1, 5 do assert(http.send(pool, http.request(peer))) end
    assert.equal(1, #peer:events "connection")
    assert.equal(5, #peer:requests())
  end)

  it("is not used again after the pool was retired", function()
    serve { server.answering(server.response "{}") }
    assert(http.send(pool, http.request(peer)))
    pool:retire()
    assert(peer:await("eof", 1))
    assert(http.send(pool, http.request(peer)))
    assert.equal(2, #peer:events "connection")
  end)

  it("is opened anew while older ones still run in a retired pool, which are closed later", function()
    local answer = { "send", server.response "{}" }
    local slowly = { "await", "retired" }
    serve { { { "read" }, answer, { "read" }, slowly, answer, { "again" } },
      { { "read" }, slowly, answer, { "again" } }, { { "read" }, answer, { "again" } } }
    assert(http.send(pool, http.request(peer)))
    local slow = { pool:start(http.request(peer)), pool:start(http.request(peer)) }
    repeat pool:step(0.01) until #peer:requests() == 3
    pool:retire()
    assert(http.send(pool, http.request(peer)))
    peer:let "retired"
    for _, transfer in ipairs(slow) do assert(http.finish(pool, transfer)) end
    assert.equal(3, #peer:events "connection")
    assert(http.send(pool, http.request(peer)))
    assert(http.send(pool, http.request(peer)))
    assert.equal(4, #peer:events "connection")
    assert(peer:await("eof", 3))
  end)
end)
