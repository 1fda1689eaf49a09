-- examples/nginx, started as its Makefile does it: the demo, and what curl cannot wait for.
local core = require "dynamodb.core"
local engine = require "spec.support.engine"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local socket = require "socket"

local SIGTERM = 15

--- Ends a script that has to end others first.
local function end_script(script)
  script:kill(SIGTERM)
  script:wait(30)
  script:stop()
end

describe("examples/nginx", function()
  if not engine.endpoint or not nginx.is_there() then
    return it("needs an engine and nginx", function()
      pending "no engine, or no nginx: run through tools/engine.sh, with libnginx-mod-http-lua"
    end)
  end
  local shop, url, db, prefix

  setup(function()
    prefix = "dynamodb-spec-" .. core.uuid() .. "-"
    shop = process.start {
      "bash", "examples/nginx/gateway.sh", "bash", "-c", 'echo "$SHOP_URL"; exec sleep 600',
      env = { SHOP_TABLES = prefix },
    }
    url = process.await(60, function() return shop:output():match "(http://[%d.:]+)\n" or not shop:alive() and "" end)
    assert(url ~= "", process.read(shop.stderr))
    db = engine.connect()
  end)

  teardown(function()
    if shop then end_script(shop) end
    if db then db:close() end
  end)

  --- One request; its status and body.
  local function ask(path, header)
    local host, port = url:match "//([%d.]+):(%d+)"
    local connection = assert(socket.connect(host, tonumber(port)))
    connection:settimeout(60)
    assert(connection:send(("GET %s HTTP/1.0\r\nHost: shop\r\n%s\r\n\r\n"):format(path, header)))
    return connection
  end

  describe("demo.sh", function()
    local output = ""

    setup(function()
      local code, text, errors = process.run { "bash", "examples/nginx/demo.sh", env = { SHOP_URL = url } }
      output = text .. errors
      assert.equal(0, code, output)
    end)

    for _, part in ipairs {
      "create", "get", "update", "orders", "pages", "by status", "delete", "session", "limit", "done",
    } do
      it("walks through: " .. part, function() assert.matches("%f[^\n%z]" .. part .. "%f[^%a]", output) end)
    end
  end)

  describe("a session", function()
    local function put(seconds_left)
      local id = core.uuid()
      assert(db:table(prefix .. "sessions", { partition = "pk" }):put {
        pk = core.sha256(id), data = { user = "ada" }, expires = os.time() + seconds_left,
      })
      return id
    end

    local function status_of(id)
      return nginx.answer(ask("/session", "Cookie: session=" .. id))
    end

    local function expires(id)
      return assert(db:table(prefix .. "sessions", { partition = "pk" }):get({ pk = core.sha256(id) },
        { consistent = true })).expires
    end

    it("lives on while there are requests", function()
      local id = put(1000)
      local before = expires(id)
      assert.equal(200, (status_of(id)))
      assert.is_true(expires(id) > before + 1000)
    end)

    it("is not written with each request", function()
      local id = put(3000)
      local before = expires(id)
      assert.equal(200, (status_of(id)))
      assert.equal(before, expires(id))
    end)

    it("that has expired is none, also before DynamoDB deletes it", function()
      assert.equal(401, (status_of(put(-10))))
    end)
  end)

  it("lets as many requests pass as the limit says, of those that come at once to two workers", function()
    local passed
    repeat -- not at the border of two minutes
      local minute = math.floor(os.time() / 60)
      local key, asked = core.uuid(), {}
      passed = 0
      for i = 1, 30 do asked[i] = ask("/quote", "X-Api-Key: " .. key) end
      for i = 1, 30 do
        local status = nginx.answer(asked[i])
        assert.is_true(status == 200 or status == 429, status)
        if status == 200 then passed = passed + 1 end
      end
    until math.floor(os.time() / 60) == minute
    assert.equal(5, passed)
  end)

  it("is served until it is stopped, and all that was started is", function()
    local own, port
    finally(function() end_script(own) end)
    for _ = 1, 5 do -- another process may take the port that was free
      local free = assert(socket.bind("127.0.0.1", 0))
      port = select(2, free:getsockname())
      free:close()
      own = process.start {
        "bash", "examples/nginx/gateway.sh", env = { SHOP_TABLES = prefix, PORT = tostring(port) },
      }
      local line = "serving on http://127.0.0.1:" .. port
      assert.truthy(process.await(60, function() return own:output():find(line, 1, true) or not own:alive() end))
      if own:alive() then break end
    end
    assert(socket.connect("127.0.0.1", tonumber(port))):close()
    end_script(own)
    assert.is_nil(socket.connect("127.0.0.1", tonumber(port)))
  end)
end)
