--- GetItem from the table's method to the item and back, one request after the other, against a server on loopback that
--- always gives the same answer. What is measured is the CPU time of this process alone. The first contestant sends the
--- same bytes through the same transport and looks at nothing.
---
--- With BENCH_NODE=1, AWS's SDK for JavaScript (lib-dynamodb, installed into cache/node) takes part, as a process of
--- its own that says how much CPU time it took.
local core = require "dynamodb.core"
local curl = require "dynamodb.curl"
local dynamodb = require "dynamodb"
local payload = require "bench.support.payload"
local plain = require "dynamodb.runtime.plain"
local race = require "bench.support.race"

local directory = "build/bench/"

--- Starts the server; its handle is to be closed.
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

--- A Node process that does `n` requests when told to; gives a function that does so, and one that ends it.
local function start_node(port)
  local fifo = directory .. "node." .. core.uuid()
  os.execute("mkfifo " .. fifo)
  local output = assert(io.popen(("node bench/node.mjs %d < %s"):format(port, fifo), "r"))
  local input = assert(io.open(fifo, "w"))
  os.remove(fifo)
  local function run(n)
    input:write(("%d\n"):format(n))
    input:flush()
    return assert(output:read "*n", "node failed") / 1e6
  end
  return run, function() input:close() output:close() end
end

local body = payload.get_item()
local server, port = serve(body)
local db = dynamodb.connect {
  region = "eu-west-1", access_key_id = "AKIDEXAMPLE", secret_access_key = "secret",
  endpoint = ("http://127.0.0.1:%d"):format(port),
}
local orders = db:table("orders", { partition = "pk", sort = "sk" })
local key = { pk = "CUSTOMER#00000001", sk = "ORDER#2026-11-01#000001" }
local params = { TableName = "orders", Key = key, ReturnConsumedCapacity = "TOTAL" }

-- The bytes that the library sends, for the transport alone.
local sent
local runtime = plain.new {}
local spy = setmetatable({ send = function(_, request, deadline)
  sent = request
  return runtime:send(request, deadline)
end }, { __index = function(_, name) return function(_, ...) return runtime[name](runtime, ...) end end })
local spied = dynamodb.connect {
  region = "eu-west-1", access_key_id = "AKIDEXAMPLE", secret_access_key = "secret", runtime = spy,
  endpoint = ("http://127.0.0.1:%d"):format(port),
}
local item = assert(spied:table("orders", { partition = "pk", sort = "sk" }):get(key))
assert(item.status == assert(orders:get(key)).status and item.status ~= nil)

local pool = curl.pool {}
local contestants = {
  title = "GetItem, 1 KB, over loopback", count = 200, sample = 4,
  { "dynamodb.curl alone", function(n)
    for _ = 1, n do
      local transfer = pool:start(sent, pool:now() + 30)
      local response, code = transfer:result()
      while not response and not code do
        pool:step()
        response, code = transfer:result()
      end
      assert(response)
    end
  end },
  { "db:call", function(n) for _ = 1, n do assert(db:call("GetItem", params)) end end },
  { "table:get", function(n) for _ = 1, n do assert(orders:get(key)) end end },
}

local stop_node
if os.getenv "BENCH_NODE" == "1" then
  local run
  run, stop_node = start_node(port)
  run(10000) -- it is slow until its code is compiled
  contestants[#contestants + 1] = { "AWS SDK for JavaScript, GetCommand", run, clock = run }
end

race.run(contestants)

if stop_node then stop_node() end
db:close()
runtime:close()
pool:close()
server:close()
