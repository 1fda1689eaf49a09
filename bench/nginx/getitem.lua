--- What a GetItem costs an nginx worker: CPU time of its process alone, one worker, a canned engine on loopback.
---
--- First for requests that come from outside, 32 at a time: a handler that gets an item, beside `proxy_pass` to the
--- same engine over connections that are kept, beside the bytes alone over a cosocket, and out of the cache. Then the
--- exchange with the engine itself, in a handler that has 32 of them under way: the same bytes over a bare cosocket,
--- `db:call` and `table:get`. Both times beside a ladder: the bytes over a cosocket, then one after the other the steps
--- in C that any client takes which makes an item of an answer. It keeps no time and never tries again.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"
local nginx = require "spec.support.nginx"
local payload = require "bench.support.payload"
local race = require "bench.support.race"

local IN_FLIGHT = 32
local directory = "build/bench/"

local function serve(body)
  local name = directory .. "answer." .. core.uuid()
  local file = assert(io.open(name, "wb"))
  file:write("HTTP/1.1 200 OK\r\nServer: Server\r\nDate: Sun, 01 Nov 2026 00:00:00 GMT\r\n",
    "Content-Type: application/x-amz-json-1.0\r\nContent-Length: ", #body, "\r\nConnection: keep-alive\r\n",
    "x-amzn-RequestId: 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEF\r\n",
    "x-amz-crc32: ", ("%d"):format(core.crc32(body)), "\r\n\r\n", body)
  file:close()
  local server = assert(io.popen(directory .. "server " .. name, "r"))
  local port = server:read "*n"
  os.remove(name)
  return server, assert(port, "the server did not start: make bench builds it")
end

--- The bytes that the library sends for a GetItem.
local function request_bytes()
  local runtime = fake.new { answers = { { status = 200, body = payload.get_item() } } }
  local db = dynamodb.connect {
    region = "eu-west-1", access_key_id = "AKIDEXAMPLE", secret_access_key = "secret", runtime = runtime,
  }
  assert(db:table("orders", { partition = "pk", sort = "sk" }):get {
    pk = "CUSTOMER#00000001", sk = "ORDER#2026-11-01#000001",
  })
  local request = runtime.requests[1]
  return core.http_request("POST", request.path, request.head, request.body, true)
end

local HTTP = [[
  upstream engine { server 127.0.0.1:%d; keepalive 64; keepalive_requests 1000000000; }
  lua_socket_pool_size 64;
  lua_shared_dict items 1m;
  init_by_lua_block {
    local dynamodb = require "dynamodb"
    db = dynamodb.connect {
      region = "eu-west-1", access_key_id = "AKIDEXAMPLE", secret_access_key = "secret",
      endpoint = "http://127.0.0.1:%d",
    }
    local key = { pk = "CUSTOMER#00000001", sk = "ORDER#2026-11-01#000001" }
    local params = { TableName = "orders", Key = key, ReturnConsumedCapacity = "TOTAL" }
    local orders = db:table("orders", { partition = "pk", sort = "sk" })
    local bytes = ngx.decode_base64 "%s"
    work = {}
    function work.bare()
      local sock = ngx.socket.tcp()
      assert(sock:connect("127.0.0.1", %d))
      assert(sock:send(bytes))
      local length
      repeat
        local line = assert(sock:receive())
        length = length or line:match "^Content%%-Length: (%%d+)"
      until line == ""
      local body = assert(sock:receive(tonumber(length)))
      sock:setkeepalive(50000)
      return #body
    end
    -- As little as can be done: it relies on an answer that comes in one piece.
    function work.least()
      local sock = ngx.socket.tcp()
      assert(sock:connect("127.0.0.1", %d))
      assert(sock:send(bytes))
      local text = assert(sock:receiveany(65536))
      sock:setkeepalive(50000)
      return #text
    end
    -- The ladder: what any client has to do, one step more each time. It keeps no time and never tries again.
    local core, operation = require "dynamodb.core", require("dynamodb.model").operations.GetItem
    local input, output, policy = core.shape(operation.input), core.shape(operation.output), core.retry()
    local signer = core.signer {
      access_key_id = "AKIDEXAMPLE", secret_access_key = "secret", region = "eu-west-1", service = "dynamodb",
    }
    local reader, pool, now = core.http(1e6), { pool = "ladder", pool_size = 64 }, 1793491200
    local function exchange(text)
      local sock = ngx.socket.tcp()
      sock:settimeouts(5000, 5000, 5000)
      if not sock:connect("", %d, pool) then
        sock = ngx.socket.tcp()
        assert(sock:connect("127.0.0.1", %d, pool))
      end
      assert(sock:send(text))
      text = assert(sock:receiveany(65536))
      sock:setkeepalive(50000)
      return text
    end
    local function signed(attempts, body)
      return (signer:attempt(attempts, "127.0.0.1", operation.target, body, now, 0, nil, nil, "/", 65536))
    end
    function work.pooled() return #exchange(bytes) end
    function work.encoded()
      core.encode(input, params)
      return #exchange(bytes)
    end
    function work.signed() return #exchange(signed(policy:begin(true), core.encode(input, params))) end
    function work.checked()
      local attempts = policy:begin(true)
      local _, head, body = reader:feed(exchange(signed(attempts, core.encode(input, params))))
      body = core.content(head, body, 1e6)
      attempts:ended(nil, 0, head, now, now)
      return #body
    end
    function work.decoded()
      local attempts = policy:begin(true)
      local _, head, body = reader:feed(exchange(signed(attempts, core.encode(input, params))))
      body = core.content(head, body, 1e6)
      attempts:ended(nil, 0, head, now, now)
      return core.decode(output, body).Item.status
    end
    function work.call() return assert(db:call("GetItem", params)).Item.status end
    function work.get() return assert(orders:get(key)).status end
    local cached = orders:cached { dict = "items", ttl = 3600 }
    function work.cached() return assert(cached:get(key)).status end
  }
]]

local SERVER = [[
  keepalive_requests 1000000000;
  location /proxy { proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection ""; }
  location /clock { content_by_lua_block { ngx.say(("%.9f"):format(os.clock())) } }
  location /one { content_by_lua_block { ngx.print(work[ngx.var.arg_work]()) } }
  location /nothing { content_by_lua_block { ngx.print "SHIPPED" } }
  location /loop { content_by_lua_block {
    local f, left = work[ngx.var.arg_work], tonumber(ngx.var.arg_n)
    local threads = {}
    local function run()
      while left > 0 do
        left = left - 1
        f()
      end
    end
    for i = 1, math.min(left, tonumber(ngx.var.arg_threads)) do threads[i] = ngx.thread.spawn(run) end
    for _, thread in ipairs(threads) do assert(ngx.thread.wait(thread)) end
    ngx.say "done"
  } }
]]

local body = payload.get_item()
local server, port = serve(body)
local worker = nginx.start {
  http = HTTP:format(port, port, core.base64(request_bytes()), port, port, port, port), server = SERVER,
  level = "error", connections = 4096,
}

local function clock() return tonumber((select(2, worker:get "/clock"))) end

--- Asks for a path `n` times over connections that are kept, IN_FLIGHT at a time; the worker's CPU seconds.
local function drive(path)
  local connections, length = {}, nil
  local request = ("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(path)
  local BURST = 8

  local function learn_length(connection)
    assert(connection:send(request))
    local size, content = 0, 0
    repeat
      local line = assert(connection:receive "*l")
      size = size + #line + 2
      content = tonumber(line:match "^Content%-Length: (%d+)") or content
      if line:find "^Transfer%-Encoding: chunked" then content = nil end
    until line == ""
    if content then
      assert(connection:receive(content))
      return size + content
    end
    repeat
      local line = assert(connection:receive "*l")
      local chunk = tonumber(line, 16)
      assert(connection:receive(chunk + 2))
      size = size + #line + 2 + chunk + 2
    until chunk == 0
    return size
  end

  return function(n)
    for i = #connections + 1, IN_FLIGHT do
      connections[i] = worker:connect()
      length = learn_length(connections[i])
    end
    local started, left = clock(), n
    while left > 0 do
      local sent = {}
      for i = 1, IN_FLIGHT do
        sent[i] = math.min(left, BURST)
        left = left - sent[i]
        if sent[i] > 0 then assert(connections[i]:send(request:rep(sent[i]))) end
      end
      for i = 1, IN_FLIGHT do
        if sent[i] > 0 then
          local text = assert(connections[i]:receive(length * sent[i]))
          assert(text:find "^HTTP/1.1 200 OK", text)
        end
      end
    end
    return clock() - started
  end
end

--- Has the worker do something `n` times by itself; its CPU seconds.
local function loop(work, threads)
  return function(n)
    local started = clock()
    local _, text = worker:get(("/loop?work=%s&n=%d&threads=%d"):format(work, n, threads or IN_FLIGHT))
    assert(text == "done\n", text)
    return clock() - started
  end
end

local function contestant(name, run) return { name, run, clock = run } end

race.run {
  title = "a request to nginx that gets an item of 1 KB: the worker's CPU time", count = 1000, sample = 8,
  contestant("proxy_pass to the engine", drive "/proxy"),
  contestant("nothing", drive "/nothing"),
  contestant("the bytes over a cosocket, line by line", drive "/one?work=bare"),
  contestant("the bytes over a cosocket, in one piece", drive "/one?work=least"),
  contestant("as the library has cosockets", drive "/one?work=pooled"),
  contestant("… and encoded", drive "/one?work=encoded"),
  contestant("… and signed", drive "/one?work=signed"),
  contestant("… and its head and CRC-32 read", drive "/one?work=checked"),
  contestant("… and decoded", drive "/one?work=decoded"),
  contestant("db:call", drive "/one?work=call"),
  contestant("table:get", drive "/one?work=get"),
  contestant("table:cached, a hit", drive "/one?work=cached"),
}
race.run {
  title = "the exchange alone, 32 under way", count = 1000, sample = 8,
  contestant("the bytes over a cosocket, line by line", loop "bare"),
  contestant("the bytes over a cosocket, in one piece", loop "least"),
  contestant("… and encoded, signed, read and decoded", loop "decoded"),
  contestant("db:call", loop "call"),
  contestant("table:get", loop "get"),
}

worker:stop()
server:close()
