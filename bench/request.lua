--- GetItem from the table's method to the item, one request after the other; what is measured is the CPU time of this
--- process alone. First over a transport that has the answer at hand: what the library costs beside its three passes in
--- C. Then against a server on loopback that always gives the same answer, beside the same bytes sent through the same
--- transport by somebody who looks at nothing.
---
--- With BENCH_NODE=1, AWS's SDK for JavaScript (lib-dynamodb, installed into cache/node) takes part, as a process of
--- its own that says how much CPU time it took.
local core = require "dynamodb.core"
local curl = require "dynamodb.curl"
local dynamodb = require "dynamodb"
local model = require "dynamodb.model"
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
  local output = assert(io.popen(("node --no-warnings bench/node.mjs %d < %s"):format(port, fifo), "r"))
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

local function connect(runtime)
  return dynamodb.connect {
    region = "eu-west-1", access_key_id = "AKIDEXAMPLE", secret_access_key = "secret", runtime = runtime,
    endpoint = ("http://127.0.0.1:%d"):format(port),
  }
end

local SCHEMA = { partition = "pk", sort = "sk" }
local db = connect()
local orders = db:table("orders", SCHEMA)
local key = { pk = "CUSTOMER#00000001", sk = "ORDER#2026-11-01#000001" }
local params = { TableName = "orders", Key = key, ReturnConsumedCapacity = "TOTAL" }

-- The bytes that the library sends, for the transport alone.
local sent
local runtime = plain.new {}
local spy = setmetatable({ send = function(_, request, deadline)
  sent = request
  return runtime:send(request, deadline)
end }, { __index = function(_, name)
  local value = runtime[name]
  if type(value) ~= "function" then return value end
  return function(_, ...) return value(runtime, ...) end
end })
local item = assert(connect(spy):table("orders", SCHEMA):get(key))
assert(item.status == assert(orders:get(key)).status and item.status ~= nil)

local input = core.shape(model.operations.GetItem.input)
local output = core.shape(model.operations.GetItem.output)
local signer = core.signer {
  access_key_id = "AKIDEXAMPLE", secret_access_key = "secret", region = "eu-west-1", service = "dynamodb",
}
local call, agent = core.retry():begin(true), "dynamodb-lua/0.1.0 ua/2.1 lang/lua#5.4 api/dynamodb"

local answer = assert(runtime:send(sent))
local still = connect {
  send = function() return answer end,
  now = function() return runtime:now() end,
  time = function() return runtime:time() end,
}
local still_orders = still:table("orders", SCHEMA)
race.run {
  title = "GetItem, 1 KB, without a transport", count = 300,
  { "core.encode, signer:head, core.decode", function(n)
    for _ = 1, n do
      local text = core.encode(input, params, nil, true)
      signer:attempt(call, "127.0.0.1", "DynamoDB_20120810.GetItem", text, 1793491200, 0, agent)
      core.decode(output, body)
    end
  end },
  { "db:call", function(n) for _ = 1, n do assert(still:call("GetItem", params)) end end },
  { "table:get", function(n) for _ = 1, n do assert(still_orders:get(key)) end end },
}

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
