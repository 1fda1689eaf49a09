local curl = require "dynamodb.curl"
local http = require "spec.support.http"
local server = require "spec.support.server"

local peer, pool

after_each(function()
  pool:close()
  peer:stop()
end)

-- Each connection answers once and then does `ending` to the second request that comes on it.
local function serve(ending)
  peer = server.start { { { "read" }, { "send", server.response "{}" }, { "read" }, { ending } } }
  pool = curl.pool {}
  assert(http.send(pool, http.request(peer, { body = "first" })))
end

local function count(body)
  local n = 0
  for _, request in ipairs(peer:requests()) do
    if request.body == body then n = n + 1 end
  end
  return n
end

local bodies = { ["small"] = "ADD 1", ["empty"] = "", ["of 1 MB"] = ("x"):rep(2 ^ 20) }

describe("a pooled connection that dies after a request was sent on it", function()
  for _, ending in ipairs { "close", "reset" } do
    for size, body in pairs(bodies) do
      it(("(%s, body %s) sees a write that is not repeat-safe once"):format(ending, size), function()
        serve(ending)
        local response, code, _, sent = http.send(pool, http.request(peer, { body = body, repeat_safe = false }))
        assert.is_nil(response)
        assert.same({ "ConnectionError", true }, { code, sent })
        assert.equal(2, #peer:requests())
      end)

      it(("(%s, body %s) sees a repeat-safe one answered on a new connection"):format(ending, size), function()
        serve(ending)
        assert.equal(200, http.send(pool, http.request(peer, { body = body })).status)
        assert.equal(3, #peer:requests())
      end)
    end
  end

  it("sees a GET that is not repeat-safe once", function()
    serve "close"
    local get = { method = "GET", body = "", head = "Host: h\r\n", repeat_safe = false }
    local _, code = http.send(pool, http.request(peer, get))
    assert.equal("ConnectionError", code)
    assert.equal(2, #peer:requests())
  end)

  it("among others that die as well lets a repeat-safe request be sent twice at most", function()
    peer = server.start { { { "read" }, { "wait", 0.1 }, { "send", server.response "{}" }, { "read" }, { "close" } } }
    pool = curl.pool {}
    local transfers = {}
    for i = 1, 8 do transfers[i] = pool:start(http.request(peer)) end
    for i = 1, 8 do assert(http.finish(pool, transfers[i])) end
    local response, code, _, sent = http.send(pool, http.request(peer, { body = "again and again" }))
    assert.is_nil(response)
    assert.same({ "ConnectionError", true }, { code, sent })
    assert.equal(2, count "again and again")
  end)
end)

describe("a pooled connection that was closed while it rested", function()
  it("is not used: the write goes over a new one", function()
    peer = server.start { { { "read" }, { "send", server.response "{}" }, { "close" } } }
    pool = curl.pool {}
    assert(http.send(pool, http.request(peer)))
    assert(peer:await("closed", 1))
    for _ = 1, 3 do
      assert.equal(200, http.send(pool, http.request(peer, { repeat_safe = false })).status)
      assert(peer:await("closed", #peer:requests()))
    end
    assert.equal(4, #peer:requests())
  end)
end)
