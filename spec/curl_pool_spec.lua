local curl = require "dynamodb.curl"
local http = require "spec.support.http"
local process = require "spec.support.process"
local server = require "spec.support.server"

local peer

local function serve(connections) peer = server.start(connections) end

after_each(function()
  if peer then peer:stop() end
  peer = nil
end)

--- Steps until the server has seen so many requests.
local function step_until(pool, requests)
  local stop = pool:now() + 60
  repeat
    pool:step(0.01)
    assert(pool:now() < stop, "the requests do not arrive")
  until #peer:requests() >= requests
end

describe("curl.pool", function()
  it("names the option that is wrong", function()
    local wrong = {
      connect_timout = 1, verify = 1, ca_bundle = true, connect_timeout = "1", idle_timeout = 0, max_response = 1,
      max_connections = -1, buffer_size = 0 / 0,
    }
    for name, value in pairs(wrong) do
      assert.error_matches(function() curl.pool { [name] = value } end, "option.*" .. name)
    end
    assert.error_matches(function() curl.pool { 1 } end, "unknown option")
    assert.has_error(function() curl.pool "x" end)
  end)

  it("prints its state and closes more than once", function()
    local pool = curl.pool()
    assert.equal("dynamodb.curl.pool (0 in flight)", tostring(pool))
    pool:close()
    pool:close()
    assert.equal("dynamodb.curl.pool (closed)", tostring(pool))
    for _, method in ipairs { "step", "start", "retire", "active" } do
      assert.error_matches(function() pool[method](pool, { host = "h" }) end, "pool is closed")
    end
  end)

  it("takes nothing else for a pool or a transfer", function()
    local pool = curl.pool()
    local transfer = pool:start { scheme = "http", host = "127.0.0.1", port = 1 }
    assert.has_error(function() pool.step(io.stdout) end)
    assert.has_error(function() pool.close(transfer) end)
    assert.has_error(function() transfer.result(pool) end)
    pool:close()
  end)

  it("has two clocks", function()
    local pool = curl.pool()
    local earliest, wall = os.time(), pool:time()
    assert.is_true(earliest <= wall and wall < os.time() + 2)
    local before = pool:now()
    process.sleep(0.01)
    assert.is_true(pool:now() > before)
  end)
end)

describe("100 transfers at once", function()
  it("take as long as one", function()
    serve { server.answering(server.response "{}", 0.3) }
    local pool = curl.pool {}
    for _ = 1, 2 do
      local transfers, ended, started = {}, 0, pool:now()
      for i = 1, 100 do transfers[i] = pool:start(http.request(peer, { body = ("%d"):format(i) })) end
      assert.equal(100, pool:active())
      while pool:active() > 0 do ended = ended + pool:step() end
      assert.is_true(pool:now() - started < 15) -- 30 s if one came after the other
      assert.equal(100, ended)
      for i = 1, 100 do assert.equal(200, transfers[i]:result().status) end
    end
    assert.equal(100, #peer:events "connection") -- the second round used the connections of the first
    pool:close()
  end)

  it("each get their own answer, and their own failure", function()
    serve {
      { { "read" }, { "send", server.response "first" }, { "drain" } }, { { "read" }, { "close" } },
      { { "read" }, { "send", "nonsense" } }, { { "read" }, { "stall" } },
    }
    local pool, transfers = curl.pool { idle_timeout = 1 }, {}
    for i = 1, 4 do transfers[i] = pool:start(http.request(peer)) end
    local outcomes = {}
    for i = 1, 4 do
      local response, code = http.finish(pool, transfers[i])
      outcomes[i] = response and response.body or code
    end
    table.sort(outcomes)
    assert.same({ "ConnectionError", "ResponseError", "Timeout", "first" }, outcomes)
    pool:close()
  end)
end)

describe("a transfer", function()
  it("keeps its result when another one is waited for", function()
    serve { { { "read" }, { "await", "both" }, { "send", server.response "quick" }, { "drain" } },
      { { "read" }, { "await", "quick" }, { "send", server.response "slow" }, { "drain" } } }
    local pool = curl.pool {}
    local quick = pool:start(http.request(peer))
    step_until(pool, 1)
    local slow = pool:start(http.request(peer))
    step_until(pool, 2) -- each on a connection of its own
    peer:let "both"
    while pool:active() > 1 do pool:step(0.01) end
    peer:let "quick"
    assert.equal("slow", http.finish(pool, slow).body)
    assert.equal("dynamodb.curl.transfer (answered)", tostring(quick))
    collectgarbage()
    pool:close()
    assert.equal("quick", quick:result().body)
  end)

  it("can be cancelled, once or twice, and its connection with it", function()
    serve { { { "read" }, { "stall" } } }
    local pool = curl.pool {}
    local transfer = pool:start(http.request(peer))
    assert.is_nil(transfer:result())
    pool:step(0)
    transfer:cancel()
    transfer:cancel()
    assert.equal(0, pool:active())
    local _, code, message = transfer:result()
    assert.same({ "ConnectionError", "cancelled" }, { code, message })
    assert.equal("dynamodb.curl.transfer (failed)", tostring(transfer))
    pool:close()
  end)

  it("fails when the pool is closed", function()
    serve { { { "read" }, { "stall" } } }
    local pool = curl.pool {}
    local transfer = pool:start(http.request(peer))
    pool:step(0.1)
    pool:close()
    local _, code, message = transfer:result()
    assert.equal("ConnectionError", code)
    assert.matches("closed", message)
  end)

  it("that nobody holds any more is ended", function()
    serve { { { "read" }, { "stall" } } }
    local pool = curl.pool {}
    for _ = 1, 10 do pool:start(http.request(peer, { body = ("x"):rep(100000) })) end
    pool:step(0.05)
    collectgarbage()
    collectgarbage()
    assert.equal(0, pool:active())
    pool:close()
  end)

  it("keeps the bytes of its request alive", function()
    serve { { { "wait", 0.1 }, { "read" }, { "send", server.response "{}" }, { "again" } } }
    local pool = curl.pool {}
    for _, safe in ipairs { true, false } do
      local transfer = pool:start(http.request(peer, { body = ("y"):rep(3e6), repeat_safe = safe }))
      repeat
        collectgarbage()
        local trash = ("z"):rep(3e6)
        pool:step(0.01 * #trash / 3e6)
      until pool:active() == 0
      assert.equal(200, transfer:result().status)
    end
    assert.equal(("y"):rep(64) .. "…" .. ("y"):rep(64), peer:requests()[2].body)
    pool:close()
  end)

  it("and its pool may go in any order, in flight or not", function()
    serve { { { "read" }, { "stall" } } }
    for round = 1, 20 do
      local held = { pool = curl.pool {} }
      for i = 1, 3 do held[i] = held.pool:start(http.request(peer)) end
      held.pool:step(0)
      if round % 2 == 0 then held.pool:step(0.01) end
      if round % 5 == 0 then held.pool:close() end
      if round % 3 ~= 0 then held.pool = nil end
      for i = 1, round % 4 do held[i] = nil end
      collectgarbage()
      if held[3] then assert.equal(round % 5 == 0 and "ConnectionError" or nil, (select(2, held[3]:result()))) end
    end
    collectgarbage()
  end)

  it("may be in flight when its Lua state ends", function()
    serve { { { "read" }, { "stall" } } }
    local script = [[
      local pool = require("dynamodb.curl").pool {}
      local http = require "spec.support.http"
      local peer = { host = "127.0.0.1", port = %d }
      held = { pool, pool:start(http.request(peer)), pool:start(http.request(peer, { scheme = "https" })) }
      dropped = require("dynamodb.curl").pool {}:start(http.request(peer))
      for _ = 1, 20 do pool:step(0.005) end
      os.exit(7, true)
    ]]
    local code, _, stderr = process.run { process.lua, "-e", script:format(peer.port) }
    assert.same({ 7, "" }, { code, stderr })
  end)
end)

describe("a forked child", function()
  it("leaves its parent's connection alone and opens its own", function()
    serve { server.answering(server.response "{}") }
    local pool = curl.pool {}
    assert(http.send(pool, http.request(peer)))
    local child = process.fork(function()
      local response = http.send(pool, http.request(peer, { body = "child" }))
      pool:close()
      collectgarbage()
      return tostring(response and response.status)
    end)
    assert.equal(0, child:wait(60))
    assert.equal("200", child:output())
    assert.equal(200, http.send(pool, http.request(peer, { body = "parent" })).status)
    local seen = peer:requests()
    assert.same({ 1, 2, 1 }, { seen[1].connection, seen[2].connection, seen[3].connection })
    pool:close()
  end)

  it("fails its copy of what was under way, and the parent's goes on", function()
    serve { { { "read" }, { "await", "fork" }, { "send", server.response "{}" }, { "drain" } } }
    local pool = curl.pool {}
    local transfer = pool:start(http.request(peer))
    step_until(pool, 1)
    local child = process.fork(function()
      local _, code, message, sent = transfer:result()
      return ("%s %s %s %d"):format(code, message:match "forked", tostring(sent), pool:active())
    end)
    assert.equal(0, child:wait(60))
    assert.equal("ConnectionError forked true 0", child:output())
    peer:let "fork"
    assert.equal(200, http.finish(pool, transfer).status)
    pool:close()
  end)

  it("does not say farewell on its parent's TLS connection, also when it only collects garbage", function()
    local tls = require "spec.support.tls"
    peer = tls.start("good", { page = false })
    local pool = curl.pool { ca_bundle = tls.authority() }
    local function exchange(body)
      local transfer = pool:start(http.request(peer, { scheme = "https", body = body, repeat_safe = false }))
      assert(process.await(60, function()
        pool:step(0.01)
        return peer:output():find(body, 1, true)
      end))
      peer:tell(server.response(body))
      assert.equal(body, http.finish(pool, transfer).body)
    end
    exchange "first"
    for _, ending in ipairs { "close", "step", "collect" } do
      local child = process.fork(function()
        if ending ~= "collect" then pool[ending](pool, 0) end
        pool = nil
        collectgarbage()
        collectgarbage()
      end)
      assert.equal(0, child:wait(60))
      exchange("after " .. ending)
    end
    local _, handshakes = peer:output():gsub("CIPHER is", "")
    assert.equal(1, handshakes)
    pool:close()
  end)
end)

describe("programs that are started", function()
  it("do not inherit the connections, and forked children do not keep them open", function()
    for _, start in ipairs {
      function() return process.start { "sleep", "600" } end,
      function(pool)
        return process.fork(function()
          pool:step(0)
          process.sleep(600)
        end)
      end,
    } do
      serve { server.answering(server.response "{}") }
      local pool = curl.pool {}
      assert(http.send(pool, http.request(peer)))
      local child = start(pool)
      process.sleep(0.05)
      pool:close()
      assert(peer:await("eof", 1))
      child:stop()
      peer:stop()
    end
  end)
end)
