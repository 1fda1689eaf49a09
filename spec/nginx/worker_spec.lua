-- What a worker of nginx owes to all its requests while some of them wait for DynamoDB.
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local server = require "spec.support.server"

local SCALE = tonumber(os.getenv "SCALE") or 1

-- A client of `endpoint`, and a table.
local CLIENT = [[
  init_by_lua_block {
    db = require("dynamodb").connect {
      endpoint = "%s", region = "us-east-1", access_key_id = "AKIDEXAMPLE", secret_access_key = "secret", retry = {
        max_attempts = 1 },
    }
    users = db:table("users", { partition = "pk" })
  }
]]

local GET = [[
  location /get { content_by_lua_block {
    local item, err = users:get { pk = "a" }
    answered = (answered or 0) + 1
    if err then return ngx.say(tostring(err)) end
    ngx.say(item.name)
  } }
  location /answered { content_by_lua_block { ngx.say(answered or 0) } }
]]

local ANSWER = server.response '{"Item":{"pk":{"S":"a"},"name":{"S":"Ada"}}}'

local function endpoint_of(peer) return ("http://127.0.0.1:%d"):format(peer.port) end

--- How many files and sockets a process has open, once those that it is about to close are closed.
local function descriptors(pid)
  local last
  return assert(process.await(60, function()
    local pipe = assert(io.popen(("sleep 0.1; ls /proc/%d/fd | wc -l"):format(pid)))
    local count = pipe:read "*n"
    pipe:close()
    if count == last then return count end
    last = count
  end))
end

describe("an nginx worker", function()
  if not nginx.is_there() then
    return it("needs nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end
  local self, peer

  local function start(script, options)
    peer = server.start(script)
    options = options or {}
    options.http = CLIENT:format(endpoint_of(peer)) .. "lua_socket_log_errors off;" .. (options.http or "")
    options.server = GET .. (options.server or "")
    options.level = options.level or "crit"
    self = nginx.start(options)
  end

  after_each(function()
    if self then self:stop() end
    if peer then peer:stop() end
    self, peer = nil, nil
  end)

  it("answers others while 50 requests wait", function()
    start { { { "read" }, { "await", "all" }, { "send", ANSWER }, { "again" } } }
    local asked = {}
    for i = 1, 50 do asked[i] = self:ask "/get" end
    assert(peer:await("request", 50)) -- all 50 are on their way before the first answer
    assert.equal("0\n", select(2, self:get "/answered"))
    peer:let "all"
    for i = 1, 50 do assert.equal("Ada\n", select(2, nginx.answer(asked[i]))) end
    assert.equal(50, #peer:events "connection")
    assert.equal("Ada\n", select(2, self:get "/get"))
    assert.equal(50, #peer:events "connection") -- they rest, and one of them was used again
  end)

  it("says so when a peer closes in mid-body, leaks nothing and lives", function()
    start { { { "read" }, { "send", ANSWER:sub(1, -5) }, { "close" } } }
    self:get "/get"
    local before = descriptors(self.pid)
    for _ = 1, 20 do
      assert.matches("^ResponseError: the connection ended in the middle of the response", select(2, self:get "/get"))
    end
    assert.equal(before, descriptors(self.pid))
    assert.equal("21\n", select(2, self:get "/answered"))
  end)

  it("leaves no connection behind when a client goes and its request is ended", function()
    start({ { { "read" }, { "drain" } } }, { server = [[
      lua_check_client_abort on;
      location /abort { content_by_lua_block {
        ngx.on_abort(function() ngx.exit(499) end)
        db:parallel { function() return users:get { pk = "a" } end, function() return users:get { pk = "b" } end }
      } }
    ]] })
    local before = descriptors(self.pid)
    local client = self:ask "/abort"
    assert(peer:await("request", 2))
    client:close()
    assert(peer:await("eof", 2))
    assert.equal("0\n", select(2, self:get "/answered"))
    assert.equal(before, descriptors(self.pid))
  end)

  it("is not kept by a call whose light thread is killed for longer than the call's own time-outs", function()
    start({ { { "stall" } } }, { server = [[
      location /kill { content_by_lua_block {
        local hasty = require("dynamodb").connect { endpoint = db.given.endpoint, region = "us-east-1",
          access_key_id = "AKIDEXAMPLE", secret_access_key = "secret", limits = false,
          idle_timeout = 0.3, timeout = 600 }
        local call = ngx.thread.spawn(function()
          hasty:table("users", { partition = "pk" }):put { pk = "a", text = ("x"):rep(16 * 2 ^ 20) }
        end)
        ngx.sleep(0.1)
        ngx.say(ngx.thread.kill(call))
      } }
    ]] })
    assert.equal("1\n", select(2, self:get "/kill"))
  end)

  it("does not mind a client that goes and is not watched: the request goes on to its end", function()
    start { server.answering(ANSWER, 0.1) }
    local client = self:ask "/get"
    assert(peer:await("request", 1))
    client:close()
    assert.equal("1\n", process.await(60, function()
      local _, text = self:get "/answered"
      return text ~= "0\n" and text
    end))
    assert.equal("Ada\n", select(2, self:get "/get"))
    assert.equal(1, #peer:events "connection")
  end)

  it("never loads libcurl", function()
    start { server.answering(ANSWER) }
    assert.equal("Ada\n", select(2, self:get "/get"))
    assert.is_nil(process.read(("/proc/%d/maps"):format(self.pid)):find("libcurl", 1, true))
    assert.truthy(process.read(("/proc/%d/maps"):format(self.pid)):find("libcrypto", 1, true))
  end)

  it("works with lua_code_cache off, and leaks nothing", function()
    start({ server.answering(ANSWER) }, { server = "lua_code_cache off;" })
    assert.equal("Ada\n", select(2, self:get "/get"))
    local before = descriptors(self.pid)
    for _ = 1, 5 do assert.equal("Ada\n", select(2, self:get "/get")) end
    assert.equal(before, descriptors(self.pid))
  end)

  it("is replaced under load, and no request fails", function()
    start({ server.answering(ANSWER, 0.05) }, { workers = 2 })
    local before, asked = self:workers(), {}
    for i = 1, 200 do
      asked[#asked + 1] = self:ask "/get"
      if i % 50 == 0 then self:reload() end
      if #asked >= 20 then assert.equal("Ada\n", select(2, nginx.answer(table.remove(asked, 1)))) end
    end
    for _, connection in ipairs(asked) do assert.equal("Ada\n", select(2, nginx.answer(connection))) end
    assert.truthy(process.await(60, function()
      for _, pid in ipairs(self:workers()) do
        if pid == before[1] or pid == before[2] then return false end
      end
      return true
    end))
  end)
end)

describe("four nginx workers", function()
  if not nginx.is_there() then
    return it("need nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end

  it("draw different tokens and invocation ids, though they began as one process", function()
    local self = nginx.start { workers = 4, http = [[
      init_by_lua_block {
        local fake = require("dynamodb.runtime.fake").new { handler = function(request)
          ngx.say(request.head:match "[Ii]nvocation%-[Ii]d: (%S+)")
          ngx.say(request.body:match 'Token":"([^"]+)')
          return { status = 200, body = "{}" }
        end }
        local db = require("dynamodb").connect {
          region = "us-east-1", access_key_id = "AKIDEXAMPLE", secret_access_key = "secret", runtime = fake,
        }
        local users = db:table("users", { partition = "pk" })
        function draw() assert(db:transact(function(tx) tx:put(users, { pk = "a" }) end)) end
        -- Whatever is made at the first use is there to be copied.
        require("dynamodb.core").uuid()
      }
    ]], server = [[
      location /draw { content_by_lua_block {
        ngx.say(ngx.worker.pid())
        for _ = 1, 25 do draw() end
      } }
    ]] }
    finally(function() self:stop() end)
    local seen, pids, count = {}, {}, 0
    -- Several at once, so that one worker does not take them all.
    while count < 4 or #pids < 40 do
      local asked = {}
      for i = 1, 20 do asked[i] = self:ask "/draw" end
      for i = 1, 20 do
        local pid, rest = select(2, nginx.answer(asked[i])):match "^(%d+)\n(.*)$"
        count = count + (pids[pid] and 0 or 1)
        pids[pid], pids[#pids + 1] = true, pid
        for token in rest:gmatch "%S+" do
          assert.is_nil(seen[token])
          seen[token] = true
        end
      end
      assert.is_true(#pids < 10000, "some workers get no requests")
    end
  end)
end)

describe("in an nginx worker, memory, connections and descriptors", function()
  if not nginx.is_there() then
    return it("need nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end

  local BATCH = 100

  --- Has a path answered many times over one connection, and checks that all answers are the same.
  local function ask_many(self, path, times)
    local connection = self:connect()
    local request = ("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(path)
    assert(connection:send(request))
    local head = ""
    repeat
      local line = assert(connection:receive "*l")
      head = head .. line .. "\r\n"
    until line == ""
    assert.matches("^HTTP/1.1 200 OK", head)
    assert.equal("Ada", connection:receive(3))
    for _ = 1, times / BATCH do
      assert(connection:send(request:rep(BATCH)))
      local answers = assert(connection:receive((#head + 3) * BATCH))
      assert.equal(BATCH, select(2, answers:gsub("HTTP/1.1 200 OK\r\n[^{}]-\r\n\r\nAda", "")))
    end
    connection:close()
  end

  local function resident(pid)
    return tonumber(process.read(("/proc/%d/status"):format(pid)):match "VmRSS:%s+(%d+)") -- KB
  end

  -- How often each path is asked for.
  local paths = { ["/get"] = SCALE >= 10 and 1000000 or 50000, ["/cached"] = SCALE >= 10 and 1000000 or 20000 }

  local CANNED = [[
    keepalive_requests 1000000000;
    location / { default_type application/x-amz-json-1.0; return 200 '{"Item":{"pk":{"S":"a"},"name":{"S":"Ada"}}}'; }
  ]]
  local GATEWAY = [[
    keepalive_requests 1000000000;
    location /get { content_by_lua_block { tell(assert(users:get { pk = "a" })) } }
    location /cached { content_by_lua_block {
      cached = cached or users:cached { dict = "items", ttl = 0.1, stale = 1 }
      count = (count or 0) + 1
      local key = { pk = tostring(count % 500) }
      if count % 100 == 0 then assert(cached:update(key, { set = { name = "Ada" } })) end
      tell(assert(cached:get(key)))
    } }
    location /memory { content_by_lua_block {
      collectgarbage() collectgarbage()
      ngx.say(collectgarbage "count")
    } }
  ]]
  local TELL = [[
    lua_shared_dict items 500k;
    init_worker_by_lua_block {
      function tell(item)
        ngx.header.content_length = #item.name
        ngx.print(item.name)
      end
    }
  ]]

  for path, requests in pairs(paths) do
    it(("stay what they are over %d requests for %s"):format(requests, path), function()
      local canned = nginx.start { server = CANNED }
      local self = nginx.start { http = CLIENT:format(endpoint_of(canned)) .. TELL, server = GATEWAY }
      finally(function()
        self:stop()
        canned:stop()
      end)
      local function measure()
        local _, lua = self:get "/memory"
        return { lua = tonumber(lua), resident = resident(self.pid), descriptors = descriptors(self.pid) }
      end
      ask_many(self, path, requests / 10)
      local before = measure()
      ask_many(self, path, requests - requests / 10)
      local after = measure()
      assert.equal(before.descriptors, after.descriptors)
      assert.is_true(after.lua < before.lua + 100, ("%.0f KB of Lua's, then %.0f"):format(before.lua, after.lua))
      assert.is_true(after.resident < before.resident + 2048,
        ("%d KB resident, then %d"):format(before.resident, after.resident))
    end)
  end
end)

describe("in nginx's phase", function()
  if not nginx.is_there() then
    return it("init needs nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end

  -- In each of these a client can be made; where nothing may wait, its calls raise.
  local CALL = [[
    local ok, message = pcall(function()
      local db = require("dynamodb").connect { endpoint = "http://127.0.0.1:9", region = "us-east-1",
        access_key_id = "AKIDEXAMPLE", secret_access_key = "secret", retry = { max_attempts = 1 } }
      local _, err = db:table("users", { partition = "pk" }):get { pk = "a" }
      error(err)
    end)
    ngx.log(ngx.ERR, "PHASE=", ngx.get_phase(), " ", tostring(message))
  ]]
  local PHASES = {
    init = "no", init_worker = "no", set = "no", header_filter = "no", body_filter = "no", log = "no", balancer = "no",
    rewrite = "yes", access = "yes", content = "yes", timer = "yes", ssl_cert = "yes",
  }
  local self

  setup(function()
    self = nginx.start {
      http = ([[
        init_by_lua_block { %s }
        init_worker_by_lua_block { ngx.timer.at(0, function() %s end) %s }
        upstream balanced {
          server 0.0.0.1;
          balancer_by_lua_block { %s require("ngx.balancer").set_current_peer("127.0.0.1", 9) }
        }
        server {
          listen unix:$directory/tls.sock ssl;
          ssl_certificate_by_lua_block { %s }
          %s
          location / { return 200; }
        }
      ]]):format(CALL, CALL, CALL, CALL, CALL, nginx.certificate "good"),
      server = ([[
        location /other {
          set_by_lua_block $x { %s return "" }
          rewrite_by_lua_block { %s }
          access_by_lua_block { %s }
          content_by_lua_block { %s ngx.say "done" }
          header_filter_by_lua_block { %s }
          body_filter_by_lua_block { if ngx.arg[2] then %s end }
          log_by_lua_block { %s }
        }
        location /balancer { proxy_pass http://balanced; }
      ]]):format(CALL, CALL, CALL, CALL, CALL, CALL, CALL),
    }
    self:get "/other"
    self:get "/balancer"
    process.run { "openssl", "s_client", "-unix", self.directory .. "/tls.sock", timeout = 10 }
  end)

  teardown(function() self:stop() end)

  for phase, allowed in pairs(PHASES) do
    if allowed == "no" then
      it(phase .. " a call raises, names the phase and says what to do", function()
        local text = assert(self:await_log("PHASE=" .. phase .. " ([^\n]*)"))
        assert.matches("phase " .. phase .. " nothing can be waited for.*ngx%.timer%.at", text)
      end)
    else
      it(phase .. " a call is made", function()
        assert.matches("^ConnectionError: ", self:await_log("PHASE=" .. phase .. " ([^\n]*)"))
      end)
    end
  end
end)

describe("an nginx with another OpenSSL of its own", function()
  if not nginx.is_there() then
    return it("needs nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end

  -- What a build with OpenSSL 1.1.1 linked into nginx does to us: its symbols come first.
  local OLD = "unsigned long OpenSSL_version_num (void) { return 0x101011ffL; }\n"

  it("is told that the library was built for another one", function()
    local directory = process.temporary_directory()
    local file = assert(io.open(directory .. "/old.c", "wb"))
    file:write(OLD)
    file:close()
    assert.equal(0, (process.run { "cc", "-shared", "-fPIC", "-o", directory .. "/old.so", directory .. "/old.c" }))
    local self = nginx.start {
      env = { LD_PRELOAD = directory .. "/old.so" },
      server = [[ location / { content_by_lua_block { ngx.say(select(2, pcall(require, "dynamodb"))) } } ]],
    }
    finally(function() self:stop() end)
    assert.matches("OpenSSL", select(2, self:get "/"))
  end)
end)
