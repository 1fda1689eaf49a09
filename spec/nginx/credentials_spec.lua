-- Credentials in nginx: fetched once for all that need them, whoever of these goes away meanwhile.
local dynamodb = require "dynamodb"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local service = require "spec.support.service"

local HTTP = [[
  lua_shared_dict shared 1m;
  lua_socket_log_errors off;
  init_by_lua_block {
    local dynamodb = require "dynamodb"
    db = dynamodb.connect { region = "us-east-1", retry = { max_attempts = 2, base = 0 }, %s }
    users = db:table("users", { partition = "pk" })
  }
]]

local SERVER = [[
  lua_check_client_abort on;
  rewrite_by_lua_block { ngx.on_abort(function() ngx.exit(499) end) }
  location /get { content_by_lua_block {
    local item, err = users:get({ pk = "a" }, { timeout = tonumber(ngx.var.arg_timeout) })
    ngx.say(item and item.name or tostring(err), " ", ngx.worker.pid())
  } }
]]

describe("credentials in nginx", function()
  if not nginx.is_there() then
    return it("need nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end
  local self, peer

  local function start(options, more)
    more = more or {}
    self = nginx.start {
      main = nginx.pass("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_DISABLED", "AWS_ENDPOINT_URL"),
      http = HTTP:format(options) .. (more.http or ""), server = SERVER .. (more.server or ""),
      workers = more.workers,
      env = {
        AWS_CONTAINER_CREDENTIALS_FULL_URI = peer.endpoint .. "/credentials", AWS_EC2_METADATA_DISABLED = "true",
        AWS_ENDPOINT_URL = peer.endpoint, HOME = "",
      },
    }
  end

  before_each(function() peer = service.start() end)

  after_each(function()
    if self then self:stop() end
    peer:stop()
    self = nil
  end)

  --- Asks many times at once; the answers without the processes they come from, and these.
  local function ask_all(times)
    local asked, texts, pids = {}, {}, {}
    for i = 1, times do asked[i] = self:ask "/get" end
    for i = 1, times do
      local _, body = nginx.answer(asked[i])
      local text, pid = body:match "^(.*) (%d+)\n$"
      texts[i], pids[#pids + 1] = text, not pids[pid] and pid or nil
      pids[pid or ""] = true
    end
    return texts, #pids
  end

  local function assert_all(expected, texts)
    for _, text in ipairs(texts) do assert.matches(expected, text) end
  end

  it("are fetched once for 50 requests that need them at once", function()
    start ""
    peer:set { delay = 0.3 }
    assert_all("^Ada$", (ask_all(50)))
    assert.equal(1, peer:count "fetches")
  end)

  it("come also when the client goes whose request was the first to need them", function()
    start ""
    peer:set { delay = 0.5 }
    local first = self:ask "/get"
    peer:await("fetches", 1)
    first:close()
    assert_all("^Ada$", (ask_all(10)))
    assert.equal(1, peer:count "fetches")
  end)

  it("of a function come also when the client goes whose request was the first to call it", function()
    start([[credentials = function()
      calls = (calls or 0) + 1
      if calls == 1 then ngx.sleep(3600) end
      return { access_key_id = "AK" .. calls, secret_access_key = "SECRET12" }
    end, timeout = 600]],
      { server = "location /calls { content_by_lua_block { ngx.say(calls or 0) } }" })
    local first = self:ask "/get"
    assert.truthy(process.await(60, function() return select(2, self:get "/calls") == "1\n" end))
    local second = self:ask "/get"
    first:close()
    assert.matches("^Ada ", (select(2, nginx.answer(second)))) -- waits for a minute
  end)

  it("are not waited for beyond the time of a request, and are there for the next one", function()
    start ""
    peer:set { delay = 1 }
    assert.matches("^DeadlineExceeded: the deadline passed in waiting for credentials", (select(2,
      self:get "/get?timeout=0.2")))
    assert_all("^Ada$", (ask_all(1)))
    assert.equal(1, peer:count "fetches")
  end)

  it("are fetched anew, once, when they are about to expire", function()
    start ""
    peer:set { lifetime = 6 }
    assert_all("^Ada$", (ask_all(5)))
    assert.equal(1, peer:count "fetches")
    process.sleep(5)
    peer:set { lifetime = 3600 }
    assert_all("^Ada$", (ask_all(20)))
    assert.equal(2, peer:count "fetches")
    assert.equal("AK2", peer:count "key")
  end)

  it("that the service refuses are fetched anew", function()
    start ""
    ask_all(1)
    peer:set { status = 400, code = "ExpiredTokenException", only = "AK1" }
    assert_all("^Ada$", (ask_all(10)))
    assert.equal(2, peer:count "fetches")
  end)

  it("that cannot be fetched are an error for all, after one fetch", function()
    start ""
    peer:set { delay = 1, refuses = 403 } -- by then all 20 have asked
    assert_all("^CredentialsError: ", (ask_all(20)))
    assert.equal(1, peer:count "fetches")
  end)

  for what, directive in pairs {
    ["takes no timers"] = "lua_max_pending_timers 1;", ["drops timers"] = "lua_max_running_timers 1;",
  } do
    it("are fetched within a request while nginx " .. what, function()
      start("", { http = directive .. [[
        init_worker_by_lua_block { ngx.timer.at(0, function() ngx.sleep(3600) end) ngx.timer.at(3600, print) }
      ]] })
      process.sleep(0.1)
      peer:set { delay = 0.2 }
      assert_all("^Ada$", (ask_all(10)))
      assert.equal(1, peer:count "fetches")
    end)
  end

  it("come also in a worker that a reload ends", function()
    start("", { workers = 1, server = [[
      location /later { content_by_lua_block {
        ngx.sleep(0.5)
        ngx.exec "/get"
      } }
    ]] })
    peer:set { delay = 0.5 }
    local later = self:ask "/later" -- by then its worker takes no timers any more
    process.sleep(0.1)
    self:reload()
    assert.matches("^Ada %d+\n$", (select(2, nginx.answer(later))))
  end)

  it("that are being fetched come, though a reload ends the worker", function()
    start("", { workers = 1 })
    peer:set { delay = 0.5 }
    local asked = self:ask "/get"
    peer:await("fetches", 1)
    self:reload()
    assert.matches("^Ada %d+\n$", (select(2, nginx.answer(asked))))
  end)

  describe("with shared_dict", function()
    --- Asks until several workers have had something to do.
    local function ask_workers()
      for _ = 1, 20 do
        local texts, workers = ask_all(40)
        assert_all("^Ada$", texts)
        if workers > 1 then return end
      end
      error "one worker does it all"
    end

    it("are fetched once by all workers", function()
      start('shared_dict = "shared"', { workers = 4 })
      peer:set { delay = 0.3 }
      ask_workers()
      assert.equal(1, peer:count "fetches")
    end)

    it("are fetched anew by one of them", function()
      start('shared_dict = "shared"', { workers = 4 })
      peer:set { lifetime = 6 }
      ask_workers()
      process.sleep(5)
      peer:set { lifetime = 3600, delay = 0.2 }
      ask_workers()
      assert.equal(2, peer:count "fetches")
    end)

    it("survive a reload", function()
      start('shared_dict = "shared"', { workers = 1 })
      ask_all(1)
      local before = self:workers()[1]
      self:reload()
      assert.truthy(process.await(60, function()
        local now = self:workers()
        return #now == 1 and now[1] ~= before
      end))
      ask_all(5)
      assert.equal(1, peer:count "fetches")
    end)

    it("that the service refuses are fetched anew, and the others find those", function()
      start('shared_dict = "shared"', { workers = 4 })
      ask_workers()
      peer:set { status = 400, code = "ExpiredTokenException", only = "AK1" }
      ask_workers()
      ask_workers()
      assert.equal(2, peer:count "fetches")
    end)

    it("are not shared with who is configured otherwise", function()
      start('shared_dict = "shared"', { server = [[ location /other { content_by_lua_block {
        local other = require("dynamodb").connect { region = "eu-west-1", shared_dict = "shared" }
        ngx.say(assert(other:table("users", { partition = "pk" }):get { pk = "a" }).name)
      } } ]] })
      ask_all(1)
      assert.equal("Ada\n", select(2, self:get "/other"))
      assert.equal(2, peer:count "fetches")
    end)

    it("need a dictionary, and to be searched for", function()
      start("", { server = [[ location /bad { content_by_lua_block {
        local connect = require("dynamodb").connect
        ngx.say(select(2, pcall(connect, { shared_dict = "nothing" })))
        ngx.say(select(2, pcall(connect, { shared_dict = "shared", access_key_id = "a", secret_access_key = "b" })))
      } } ]] })
      local _, text = self:get "/bad"
      assert.matches('connect: shared_dict: nginx.conf has no lua_shared_dict "nothing"', text)
      assert.matches("connect: shared_dict is for credentials that are searched, not for given ones", text)
    end)

    it("need nginx", function()
      assert.error_matches(function() dynamodb.connect { shared_dict = "shared" } end,
        "connect: shared_dict: only nginx has shared dictionaries")
    end)
  end)
end)
