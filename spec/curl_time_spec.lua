local curl = require "dynamodb.curl"
local http = require "spec.support.http"
local process = require "spec.support.process"
local server = require "spec.support.server"

local pool, peer

local function serve(connections) peer = server.start(connections) end

after_each(function()
  if pool then pool:close() end
  if peer then peer:stop() end
  pool, peer = nil, nil
end)

--- What became of a request, and the seconds it took.
local function timed(request, timeout)
  local started = pool:now()
  local response, code, message, sent = http.send(pool, request, timeout and started + timeout)
  return { response = response, code = code, message = message, sent = sent, seconds = pool:now() - started }
end

--- Calls `f` until what it does is what is wanted, five times at most: a busy machine is late now and then, or lets a
--- peer fall silent, and what is wrong is wrong each time.
---@param is_good fun(outcome: table): boolean
---@param f fun(): table
---@return table outcome    the last one
local function at_best(is_good, f)
  local outcome
  for _ = 1, 5 do
    outcome = f()
    if is_good(outcome) then break end
  end
  return outcome
end

--- That `f` takes so many seconds: never less, and not always more. What came of it.
---@param f fun(): table    an outcome
---@return table
local function assert_takes(seconds, f)
  local outcome = at_best(function(outcome) return outcome.seconds < seconds + 0.5 end, f)
  assert.is_true(outcome.seconds >= seconds - 0.01, "too early: " .. outcome.seconds)
  assert.is_true(outcome.seconds < seconds + 0.5, "too late: " .. outcome.seconds)
  return outcome
end

describe("the idle timeout", function()
  before_each(function() pool = curl.pool { idle_timeout = 0.3 } end)

  local function is_answered(outcome) return outcome.response ~= nil end

  local stalls = {
    ["before the answer"] = { { "read" }, { "stall" } },
    ["within the head"] = { { "read" }, { "send", "HTTP/1.1 200 OK\r\nConte" }, { "stall" } },
    ["within the body"] = { { "read" }, { "send", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc" }, { "stall" } },
  }
  for where, script in pairs(stalls) do
    it("ends a request whose peer stalls " .. where, function()
      serve { script }
      local outcome = assert_takes(0.3, function() return timed(http.request(peer)) end)
      assert.same({ "Timeout", true }, { outcome.code, outcome.sent })
    end)
  end

  it("is not longer for what was sent before the silence", function()
    pool = curl.pool { idle_timeout = 2.4 }
    serve { { { "read" }, { "stall" } } }
    -- It is looked at four times in this while.
    assert_takes(2.4, function() return timed(http.request(peer)) end)
  end)

  it("ends an upload whose peer does not read, on time", function()
    serve { { { "stall" } } }
    for _, safe in ipairs { true, false } do
      local outcome = assert_takes(0.3, function()
        return timed(http.request(peer, { body = ("x"):rep(16 * 2 ^ 20), repeat_safe = safe }))
      end)
      assert.same({ "Timeout", true }, { outcome.code, outcome.sent })
    end
  end)

  it("leaves a slow answer alone as long as it moves", function()
    serve { { { "read" }, { "trickle", server.response(("x"):rep(40)), every = 0.1, size = 10 }, { "drain" } } }
    local outcome = at_best(is_answered, function() return timed(http.request(peer)) end)
    assert.equal(("x"):rep(40), outcome.response and outcome.response.body or outcome.message)
    assert.is_true(outcome.seconds > 0.6)
  end)

  it("leaves a slow head alone, too: within a line bytes move as well", function()
    serve { { { "read" }, { "trickle", "HTTP/1.1 200 OK\r\nX-Long: aaaaaaaaaaa", every = 0.1, size = 6 },
      { "send", "\r\nContent-Length: 0\r\n\r\n" }, { "drain" } } }
    local outcome = at_best(is_answered, function() return timed(http.request(peer)) end)
    assert.equal(200, outcome.response and outcome.response.status or outcome.message)
  end)

  it("leaves an upload alone whose peer reads slowly: what is still in the kernel moves, too", function()
    local answer = server.response "read at last"
    serve { { { "sip", every = 0.1, size = 2 ^ 19, times = 10 }, { "send", answer }, { "drain" } } }
    for _, safe in ipairs { true, false } do
      local outcome = at_best(is_answered, function()
        pool:retire()
        return timed(http.request(peer, { body = ("x"):rep(12 * 2 ^ 20), repeat_safe = safe }))
      end)
      assert.equal("read at last", outcome.response and outcome.response.body or outcome.message)
      assert.is_true(outcome.seconds > 0.9)
    end
  end)
end)

describe("the deadline", function()
  before_each(function() pool = curl.pool { idle_timeout = 10 } end)

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
    it("ends a request to a peer " .. which, function()
      serve { script }
      local outcome = assert_takes(0.3, function() return timed(http.request(peer), 0.3) end)
      assert.same({ "DeadlineExceeded", true }, { outcome.code, outcome.sent })
    end)
  end

  it("that has passed sends nothing", function()
    serve { server.answering(server.response "{}") }
    local outcome = timed(http.request(peer), 0)
    assert.same({ "DeadlineExceeded", false }, { outcome.code, outcome.sent })
    assert.same({}, peer:events())
  end)

  it("bounds a connection that is not answered, and nothing was sent", function()
    local function try() return timed({ scheme = "http", host = "192.0.2.1", port = 9 }, 0.3) end
    -- A network without a route says so at once.
    if try().code == "ConnectionError" then return end
    local outcome = assert_takes(0.3, try)
    assert.same({ "DeadlineExceeded", false }, { outcome.code, outcome.sent })
  end)

  it("lets the next request have a connection of its own", function()
    serve { { { "read" }, { "await", "deadline" }, { "send", server.response "late" }, { "drain" } },
      server.answering(server.response "mine") }
    assert.equal("DeadlineExceeded", timed(http.request(peer), 0.1).code)
    peer:let "deadline"
    assert.equal("mine", timed(http.request(peer), 60).response.body)
  end)
end)

describe("the connect timeout", function()
  -- TLS is a part of it: here a TCP connection is made, and nobody says a word.
  it("ends a handshake that is not answered, and nothing was sent", function()
    serve { { { "stall" } } }
    pool = curl.pool { connect_timeout = 0.3 }
    local outcome = assert_takes(0.3, function() return timed(http.request(peer, { scheme = "https" })) end)
    assert.same({ "Timeout", false }, { outcome.code, outcome.sent })
  end)

  it("does not bound what comes after it", function()
    serve { server.answering(server.response "{}", 1.5) }
    pool = curl.pool { connect_timeout = 1 }
    assert.equal(200, timed(http.request(peer)).response.status)
  end)
end)

describe("a name that is not resolved", function()
  -- A resolver that hangs, as a slow name server makes it: the C library's function, replaced in a child.
  local resolver = [[
    #include <unistd.h>
    int getaddrinfo (const char *node, const char *service, const void *hints, void **result) {
      (void)node, (void)service, (void)hints, (void)result;
      sleep(60);
      return -3;
    }
  ]]

  it("does not hold up the deadline, nor the end of the program", function()
    if not curl.quick_exit then return pending("this libcurl cannot leave a name resolution behind") end
    local directory = process.temporary_directory()
    local file = assert(io.open(directory .. "/resolver.c", "wb"))
    file:write(resolver)
    file:close()
    local library = directory .. "/resolver.so"
    -- The compiler is not under the sanitizers that may be preloaded here.
    local compile = { "cc", "-shared", "-fPIC", "-o", library, directory .. "/resolver.c", env = { LD_PRELOAD = "" } }
    assert.equal(0, (process.run(compile)))
    local script = [[
      local pool = require("dynamodb.curl").pool { connect_timeout = 0.4 }
      local http = require "spec.support.http"
      local request = { host = "name.example" }
      local started = pool:now()
      local _, code, _, sent = http.send(pool, request, started + 0.3)
      io.write(code, " ", tostring(sent), " ", pool:now() - started < 20 and "on time" or "late", "; ")
      started = pool:now()
      _, code, _, sent = http.send(pool, request)
      io.write(code, " ", tostring(sent), " ", pool:now() - started < 20 and "on time" or "late")
    ]]
    local started = process.now()
    local preload = os.getenv "LD_PRELOAD"
    local code, stdout, stderr = process.run {
      process.lua, "-e", script, env = { LD_PRELOAD = preload and preload .. " " .. library or library },
    }
    assert.same({ 0, "DeadlineExceeded false on time; Timeout false on time", "" }, { code, stdout, stderr })
    assert.is_true(process.now() - started < 50)
  end)
end)

describe("a step", function()
  it("without anything to do waits for as long as it may", function()
    pool = curl.pool {}
    assert_takes(0.2, function()
      local started = pool:now()
      assert.equal(0, pool:step(0.2))
      return { seconds = pool:now() - started }
    end)
    assert.equal(0, pool:step())
  end)

  it("with something to do waits no longer than it may", function()
    serve { { { "read" }, { "stall" } } }
    pool = curl.pool {}
    pool:start(http.request(peer))
    pool:step(0)
    assert_takes(0.2, function()
      local started = pool:now()
      while pool:now() < started + 0.2 do pool:step(started + 0.2 - pool:now()) end
      return { seconds = pool:now() - started }
    end)
  end)

  it("costs no CPU while it waits", function()
    serve { { { "read" }, { "stall" } } }
    pool = curl.pool { idle_timeout = 1 }
    local busy = process.cpu()
    assert.equal("Timeout", timed(http.request(peer)).code)
    assert.is_true(process.cpu() - busy < 0.2)
  end)
end)
