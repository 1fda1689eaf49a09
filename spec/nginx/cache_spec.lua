-- table:cached in nginx: what is asked of DynamoDB, and what is given when it cannot be asked.
local dynamodb = require "dynamodb"
local equal = require "spec.support.equal"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local service = require "spec.support.service"

-- Each location does one thing to the item `pk` and tells what came of it: "name cache", "nil cache", "error code".
local HTTP = [[
  lua_shared_dict items %s;
  lua_socket_log_errors off;
  init_by_lua_block {
    dynamodb = require "dynamodb"
    function connect(options)
      options.endpoint, options.region = "%s", "us-east-1"
      options.access_key_id, options.secret_access_key, options.retry = "AKID", "secret", { max_attempts = 1 }
      return dynamodb.connect(options)
    end
    users = connect({}):table("users", { partition = "pk" }):cached { dict = "items", %s }
    function tell(item, err, meta)
      if err then return ngx.say("error ", err.code) end
      ngx.say(tostring(item and item.name), " ", meta.cache, " ", meta.reason or "", " ", ngx.worker.pid())
    end
    function get(cached)
      tell(cached:get({ pk = ngx.unescape_uri(ngx.var.arg_pk or "a") },
        { timeout = tonumber(ngx.var.arg_timeout or 20), consistent = ngx.var.arg_consistent and true }))
    end
  }
]]

local SERVER = [[
  lua_check_client_abort on;
  rewrite_by_lua_block { ngx.on_abort(function() ngx.exit(499) end) }
  location /get { content_by_lua_block { get(users) } }
  location /put { content_by_lua_block { ngx.say(tostring((users:put { pk = "a", name = "Grace" }))) } }
  location /create { content_by_lua_block { ngx.say(tostring((users:create { pk = "a", name = "Grace" }))) } }
  location /update { content_by_lua_block {
    ngx.say(tostring((users:update({ pk = "a" }, { set = { name = "Grace" } }))))
  } }
  location /delete { content_by_lua_block { ngx.say(tostring((users:delete { pk = "a" }))) } }
  location /forget { content_by_lua_block { users:forget { pk = "a" } ngx.say "done" } }
]]

describe("Table:cached", function()
  it("needs nginx", function()
    local db = dynamodb.connect { region = "us-east-1" }
    assert.error_matches(function() db:table("t", { partition = "pk" }):cached { dict = "d", ttl = 1 } end,
      "cached: only nginx has shared dictionaries")
  end)

  if not nginx.is_there() then
    return it("in nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end
  local self, peer

  --- A gateway with these options of `cached`.
  local function start(options, more)
    more = more or {}
    self = nginx.start {
      http = HTTP:format(more.size or "1m", peer.endpoint, options) .. (more.http or ""),
      server = SERVER .. (more.server or ""), workers = more.workers,
    }
  end

  before_each(function() peer = service.start() end)

  after_each(function()
    if self then self:stop() end
    peer:stop()
    self = nil
  end)

  --- What a location says, without the process that said it.
  local function ask(path)
    local _, text = self:get(path)
    return (text:gsub("%s*%d*\n$", ""))
  end

  describe("gives out an item", function()
    it("without asking while it is fresh", function()
      start "ttl = 60"
      assert.equal("Ada miss", ask "/get")
      assert.equal("Ada hit", ask "/get")
      assert.equal("Ada miss", ask "/get?pk=b")
      assert.equal(2, peer:count "gets")
    end)

    it("and asks again when it is not", function()
      start "ttl = 0.1"
      ask "/get"
      process.sleep(0.3)
      peer:set { name = "Grace" }
      assert.equal("Grace miss", ask "/get")
    end)

    it("as it was, to the last digit", function()
      peer:set { more = '{"M":{"n":{"N":"12345678901234567890123456789012345678"},"b":{"B":"AAEC/w=="},"l":{"L":[]},'
        .. '"ns":{"NS":["1","2.50"]},"z":{"M":{}},"t":{"BOOL":true},"u":{"NULL":true},"e":{"S":""}}}' }
      start("ttl = 60", { server = [[ location /whole { content_by_lua_block {
        ngx.say(require("dynamodb.core").marshal((users:get { pk = "a" })))
      } } ]] })
      local first, second = ask "/whole", ask "/whole"
      assert.matches("12345678901234567890123456789012345678", first)
      assert.equal(equal.canonical(("{\"M\":%s}"):format(first)), equal.canonical(("{\"M\":%s}"):format(second)))
      assert.equal(1, peer:count "gets")
    end)

    it("that is the caller's own", function()
      start("ttl = 60", { server = [[ location /spoil { content_by_lua_block {
        users:get({ pk = "a" }).name = "spoilt"
        get(users)
      } } ]] })
      assert.equal("Ada hit", ask "/spoil")
    end)

    it("also where nothing can be waited for", function()
      start("ttl = 60", { server = [[ location /filter { content_by_lua_block { ngx.print "" }
        header_filter_by_lua_block {
          local ok, item = pcall(users.get, users, { pk = "a" })
          ngx.header.found = ok and item.name or item
        } } ]] })
      assert.matches("found: .*phase header_filter nothing can be waited for", (select(3, self:get "/filter")))
      ask "/get"
      assert.matches("found: Ada\r\n", (select(3, self:get "/filter")))
    end)

    it("that is asked for strongly consistent from the table, and keeps it", function()
      start "ttl = 60"
      ask "/get"
      peer:set { name = "Grace" }
      assert.equal("Grace miss", ask "/get?consistent=1")
      assert.equal("Grace hit", ask "/get")
      assert.equal(1, peer:count "strong")
    end)

    for what, other in pairs {
      ["tables"] = 'connect({}):table("others", { partition = "pk" })',
      ["ways to read numbers"] = 'connect({ numbers = "string" }):table("users", { partition = "pk" })',
    } do
      it("to nobody else: one dictionary serves several " .. what, function()
        start("ttl = 60", { server = ([[
          location /other { content_by_lua_block { get(%s:cached { dict = "items", ttl = 60 }) } }
        ]]):format(other) })
        assert.equal("Ada miss", ask "/get")
        assert.equal("Ada miss", ask "/other")
        assert.equal("Ada hit", ask "/get")
      end)
    end

    it("to who asks for that one only, whatever stands in keys", function()
      start "ttl = 60"
      ask "/get?pk=a"
      for _, key in ipairs { "A", "a%7C", "%7Ca", "a%7Cnil", "1%7CSa", "a%00", "mark%7Ca" } do
        assert.equal("Ada miss", ask("/get?pk=" .. key))
      end
    end)
  end)

  describe("sends one request", function()
    it("for 50 that ask at once, and one more for another item", function()
      start "ttl = 60"
      peer:set { delay = 0.3 }
      local asked, seen = {}, {}
      for i = 1, 50 do asked[i] = self:ask "/get" end
      local other = self:ask "/get?pk=b"
      for i = 1, 50 do
        local how = select(2, nginx.answer(asked[i])):match "^Ada (%a+)"
        seen[how] = (seen[how] or 0) + 1
      end
      assert.matches("^Ada miss", select(2, nginx.answer(other)))
      assert.same({ miss = 1, shared = 49 }, seen)
      assert.equal(2, peer:count "gets")
    end)

    it("of four workers that are asked at once", function()
      start("ttl = 60", { workers = 4 })
      peer:set { delay = 0.2 }
      local rounds = 0
      local several
      repeat -- until more than one of them had something to do
        rounds = rounds + 1
        local asked, pids = {}, {}
        for i = 1, 40 do asked[i] = self:ask("/get?pk=" .. rounds) end
        for i = 1, 40 do pids[select(2, nginx.answer(asked[i])):match "^Ada %a+  (%d+)\n$"] = true end
        several = next(pids, (next(pids))) ~= nil
      until several or rounds == 20
      assert.is_true(several)
      assert.equal(rounds, peer:count "gets")
    end)

    it("and gives its failure to all of them", function()
      start "ttl = 60"
      peer:set { delay = 0.7, status = 400, code = "AccessDeniedException" } -- by then all 20 have asked
      local asked = {}
      for i = 1, 20 do asked[i] = self:ask "/get" end
      for i = 1, 20 do assert.equal("error AccessDeniedException\n", select(2, nginx.answer(asked[i]))) end
      assert.equal(1, peer:count "gets")
    end)

    it("whose end nobody has to wait for when its client has gone", function()
      start "ttl = 60"
      peer:set { stalls = 1 }
      local leader = self:ask "/get"
      peer:await("gets", 1)
      local asked = {}
      for i = 1, 10 do asked[i] = self:ask "/get" end
      leader:close()
      for i = 1, 10 do assert.matches("^Ada ", (select(2, nginx.answer(asked[i])))) end
      assert.equal(2, peer:count "gets")
    end)

    it("of which nothing is left when its client has gone", function()
      start("ttl = 60", { server = [[ location /left { content_by_lua_block {
        collectgarbage() collectgarbage()
        local count = 0
        for _ in pairs(users.flights.under_way) do count = count + 1 end
        ngx.say("left: ", count)
      } } ]] })
      peer:set { stalls = 20 }
      local asked = {}
      for i = 1, 20 do asked[i] = self:ask("/get?pk=" .. i) end
      peer:await("gets", 20)
      assert.equal("left: 20\n", (select(2, self:get "/left")))
      for i = 1, 20 do asked[i]:close() end
      assert.truthy(process.await(60, function() return select(2, self:get "/left") == "left: 0\n" end))
    end)

    it("and keeps to the time of each", function()
      start "ttl = 60"
      peer:set { delay = 0.7 }
      local patient = self:ask "/get"
      peer:await("gets", 1)
      assert.equal("error DeadlineExceeded", ask "/get?timeout=0.1")
      assert.matches("^Ada miss", (select(2, nginx.answer(patient))))
    end)

    it("more when the time of the one that fetches is over before that of others", function()
      start "ttl = 60"
      peer:set { delay = 0.7 }
      local hasty = self:ask "/get?timeout=0.2"
      peer:await("gets", 1)
      local patient = self:ask "/get"
      assert.equal("error DeadlineExceeded\n", select(2, nginx.answer(hasty)))
      assert.matches("^Ada miss", (select(2, nginx.answer(patient))))
    end)
  end)

  describe("knows for a while that there is no item", function()
    it("if it is told to", function()
      peer:set { missing = true }
      start "ttl = 60, negative = 60"
      assert.equal("nil miss", ask "/get")
      assert.equal("nil hit", ask "/get")
      assert.equal(1, peer:count "gets")
    end)

    it("and else asks each time", function()
      peer:set { missing = true }
      start "ttl = 60"
      assert.equal("nil miss", ask "/get")
      assert.equal("nil miss", ask "/get")
    end)

    it("but never longer, whatever ails DynamoDB", function()
      peer:set { missing = true }
      start "ttl = 60, negative = 0.1, stale = 60"
      ask "/get"
      process.sleep(0.3)
      peer:set { status = 400, code = "ThrottlingException" }
      assert.equal("error ThrottlingException", ask "/get")
    end)

    it("until it is created", function()
      peer:set { missing = true }
      start "ttl = 60, negative = 60"
      ask "/get"
      assert.equal("true", ask "/create")
      assert.equal("Grace miss", ask "/get")
    end)
  end)

  describe("gives out what was known", function()
    local function spoil(fields)
      start "ttl = 0.1, stale = 60"
      ask "/get"
      process.sleep(0.3)
      peer:set(fields)
    end

    it("when DynamoDB throttles", function()
      spoil { status = 400, code = "ProvisionedThroughputExceededException" }
      assert.equal("Ada stale ProvisionedThroughputExceededException", ask "/get")
    end)

    it("when DynamoDB is out of order", function()
      spoil { status = 500, code = "InternalServerError" }
      assert.equal("Ada stale InternalServerError", ask "/get")
    end)

    it("when DynamoDB takes too long", function()
      spoil { stalls = 1 }
      assert.equal("Ada stale DeadlineExceeded", ask "/get?timeout=0.2")
    end)

    it("when DynamoDB cannot be reached", function()
      spoil {}
      peer:stop()
      assert.equal("Ada stale ConnectionError", ask "/get")
    end)

    it("and leaves DynamoDB alone for a moment", function()
      spoil { status = 503, code = "ServiceUnavailable" }
      local began = process.now()
      for _ = 1, 10 do assert.equal("Ada stale ServiceUnavailable", ask "/get") end
      local moments = math.floor(process.now() - began) + 1 -- one on a machine that is not too busy
      assert.is_true(peer:count "gets" < 1 + 4 * moments)
    end)

    it("also while one request finds out whether DynamoDB still takes too long", function()
      spoil { stalls = 3 }
      assert.equal("Ada stale DeadlineExceeded", ask "/get?timeout=0.2")
      process.sleep(1.2)
      local first = self:ask "/get?timeout=4"
      peer:await("gets", 3)
      assert.equal("Ada stale DeadlineExceeded", ask "/get")
      assert.equal(3, peer:count "gets")
      assert.matches("^Ada stale DeadlineExceeded", (select(2, nginx.answer(first))))
    end)

    it("until DynamoDB is well again", function()
      spoil { status = 503, code = "ServiceUnavailable" }
      ask "/get"
      peer:set { code = false, name = "Grace" }
      assert.truthy(process.await(60, function() return ask "/get" ~= "Ada stale ServiceUnavailable" end))
      assert.equal("Grace", ask("/get"):match "^%a+")
    end)

    it("but not when the request is at fault", function()
      spoil { status = 400, code = "AccessDeniedException" }
      assert.equal("error AccessDeniedException", ask "/get")
    end)

    it("but not any more when DynamoDB answers that the request is at fault", function()
      spoil { status = 400, code = "ThrottlingException" }
      ask "/get"
      process.sleep(1.2)
      peer:set { code = "AccessDeniedException" }
      assert.equal("error AccessDeniedException", ask "/get")
      assert.equal("error AccessDeniedException", ask "/get")
    end)

    it("but not for longer than it may", function()
      start "ttl = 0.1, stale = 0.1"
      ask "/get"
      process.sleep(0.5)
      peer:set { status = 400, code = "ThrottlingException" }
      assert.equal("error ThrottlingException", ask "/get")
    end)
  end)

  describe("forgets an item", function()
    for _, method in ipairs { "put", "update", "create" } do
      it("when it is written by " .. method .. ", and reads the next one strongly consistent", function()
        start "ttl = 60"
        ask "/get"
        assert.equal("true", ask("/" .. method))
        assert.equal("Grace miss", ask "/get")
        assert.equal("Grace hit", ask "/get")
        assert.equal(1, peer:count "strong")
      end)
    end

    it("when it is deleted", function()
      start "ttl = 60"
      ask "/get"
      assert.equal("true", ask "/delete")
      assert.equal("nil miss", ask "/get")
    end)

    it("when it is told to", function()
      start "ttl = 60"
      ask "/get"
      peer:set { name = "Grace" }
      assert.equal("done", ask "/forget")
      assert.equal("Grace miss", ask "/get")
    end)

    it("when a write fails, which may have been applied", function()
      start "ttl = 60"
      ask "/get"
      peer:set { status = 500, code = "InternalServerError" }
      assert.equal("nil", ask "/put")
      peer:set { code = false, name = "Grace" }
      assert.equal("Grace miss", ask "/get")
    end)

    it("that was read before a write and came after it", function()
      start "ttl = 60"
      peer:set { delay = 0.5 }
      local early = self:ask "/get"
      peer:await("gets", 1)
      peer:set { delay = 0 }
      assert.equal("true", ask "/put")
      assert.equal("Grace miss", ask "/get") -- and does not join the early one
      assert.matches("^Ada miss", (select(2, nginx.answer(early))))
      assert.equal("Grace hit", ask "/get")
    end)

    it("that was read while a write was under way whose client goes", function()
      start "ttl = 60"
      peer:set { delay = 0.7 }
      local writer = self:ask "/put"
      peer:await("writes", 1)
      writer:close()
      peer:set { delay = 0 }
      assert.equal("Ada miss", ask "/get")
      assert.truthy(process.await(60, function() return peer:count "name" == "Grace" end))
      assert.equal("Grace miss", ask "/get")
    end)
  end)

  it("takes keys for one that are one to DynamoDB, and no others", function()
    start("ttl = 60", { server = [[ location /keys { content_by_lua_block {
      local binary, number, raw = dynamodb.binary, dynamodb.number, dynamodb.raw
      local keys = { 1, "1", binary "1", 1.0, number "1.00", raw { N = "1.0" }, raw { S = "1" }, binary "\0|" }
      for _, key in ipairs(keys) do
        ngx.print(select(3, users:get { pk = key }).cache, " ")
      end
    } } ]] })
    assert.equal("miss miss miss hit hit hit hit miss ", (ask "/keys"))
  end)

  describe("with a dictionary", function()
    it("that nginx.conf lacks says what to write there", function()
      start("ttl = 60", { server = [[ location /bad { content_by_lua_block {
        local ok, message = pcall(users.table.cached, users.table, { dict = "nothing", ttl = 60 })
        ngx.say(message)
      } } ]] })
      assert.matches('cached: dict: nginx.conf has no lua_shared_dict "nothing".*"lua_shared_dict nothing 10m;"',
        ask "/bad")
    end)

    it("in which an item has no room reads it each time, and says so once", function()
      peer:set { more = ('{"S":"%s"}'):format(("x"):rep(4000)) }
      start("ttl = 60", { size = "12k" })
      assert.equal("Ada miss", ask "/get")
      assert.equal("Ada miss", ask "/get")
      assert.equal(1, select(2, self:log():gsub("dynamodb%.Cache%(users%): an item of %d+ bytes has no room", "")))
    end)

    it("that is full keeps the newest items", function()
      peer:set { more = ('{"S":"%s"}'):format(("x"):rep(400)) }
      start("ttl = 60", { size = "100k" })
      for i = 1, 300 do assert.equal("Ada miss", ask("/get?pk=" .. i)) end
      assert.equal("Ada hit", ask "/get?pk=300")
      assert.equal("Ada miss", ask "/get?pk=1")
    end)
  end)

  describe("refuses", function()
    for what, case in pairs {
      ["an unknown option"] = { '{ dict = "items", tll = 1 }', 'did you mean "ttl"' },
      ["no ttl"] = { '{ dict = "items" }', "cached: ttl must be a number of seconds, 0.1 at least" },
      ["a negative time"] = { '{ dict = "items", ttl = 1, stale = -1 }', "cached: stale must be a number" },
      ["no dictionary"] = { "{ ttl = 1 }", "cached: dict must be a string, not nil" },
    } do
      it(what, function()
        start("ttl = 60", { server = ([[ location /bad { content_by_lua_block {
          local ok, message = pcall(users.table.cached, users.table, %s)
          ngx.say(message)
        } } ]]):format(case[1]) })
        assert.matches(case[2], ask "/bad")
      end)
    end

    for what, value in pairs { ["not a number"] = "0/0", ["a typed text that is no number"] = '{ N = "x" }' } do
      it("a key that is " .. what, function()
        start("ttl = 60", { server = ([[ location /bad { content_by_lua_block {
          local value = %s
          if type(value) == "table" then value = dynamodb.raw(value) end
          ngx.say(select(2, pcall(users.get, users, { pk = value })))
          ngx.say(select(2, pcall(users.put, users, { pk = value })))
        } } ]]):format(value) })
        assert.equal(2, select(2, ask("/bad"):gsub("nginx.conf[^\n]*: key.pk is no value that DynamoDB has", "")))
      end)
    end

    it("a table without a declared key, and a key that is none", function()
      start("ttl = 60", { server = [[ location /bad { content_by_lua_block {
        local bare = connect({}):table "users"
        ngx.say(select(2, pcall(bare.cached, bare, { dict = "items", ttl = 1 })))
        for _, method in ipairs { "get", "update", "delete", "forget" } do
          ngx.say(select(2, pcall(users[method], users, { id = "a" }, method == "update" and {} or nil)))
        end
        ngx.say(select(2, pcall(users.put, users, { name = "a" })))
      } } ]] })
      local text = ask "/bad"
      assert.matches("^[^\n]*cached: the table has to be declared with its key", text)
      assert.equal(4, select(2, text:gsub("[^\n]*key [^\n]*\n", "")))
      assert.matches('item lacks the attribute "pk"', text)
      assert.equal(0, peer:count "writes")
    end)
  end)
end)
