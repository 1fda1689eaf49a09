--- The scripted stream of spec/support/stream_model.lua, served by a process of its own, and consumers of it that are
--- processes, too. What each of them begins stands in a file of its own.
---
---   local server = stream_server.start { seed = 1, records = 60 }
---   local one = server:consume { endpoint = engine.endpoint, table = "leases", lease = 1, poll = 0.05 }
---   one:log()      --> { { at =, tenure =, shard =, item =, n =, number = }, … }; `at` is on a clock of all processes
---   server:stop()
local literal = require "spec.support.literal"
local process = require "spec.support.process"

local stream_server = {}

local server_methods = {}
local server_mt = { __name = "spec.StreamServer", __index = server_methods }

local consumer_methods = {}
local consumer_mt = { __name = "spec.StreamConsumerProcess", __index = consumer_methods }

local function write(text)
  local name = process.temporary()
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
  return name
end

---@param settings table    of stream_model; without functions
function stream_server.start(settings)
  local port_file = process.temporary()
  local child = process.start { process.lua, "spec/support/stream_server_process.lua",
    write("return " .. literal(settings)), port_file }
  local port = process.await(60, function()
    assert(child:alive(), "the stream's server did not start: " .. process.read(child.stderr))
    return tonumber(process.read(port_file))
  end)
  return setmetatable({ endpoint = "http://127.0.0.1:" .. assert(port), child = child }, server_mt)
end

--- Starts a consumer.
---@param settings table    endpoint (of the lease table), table (its name), and the options lease, poll, batch_size
function server_methods:consume(settings)
  local log = process.temporary()
  local copy = { streams = self.endpoint, log = log }
  for name, value in pairs(settings) do copy[name] = value end
  local child = process.start { process.lua, "spec/support/stream_consumer_process.lua",
    write("return " .. literal(copy)) }
  return setmetatable({ child = child, file = log }, consumer_mt)
end

function server_methods:stop() self.child:stop() end

--- What it has begun so far.
function consumer_methods:log()
  local list = {}
  local text = process.read(self.file):match "^(.*\n)" or "" -- the last line may be on its way
  for at, tenure, shard, item, n, number in text:gmatch "(%S+) (%d+) (%S+) (%d+) (%d+) (%d+)\n" do
    list[#list + 1] = { at = tonumber(at), tenure = self.file .. tenure, shard = shard, item = tonumber(item),
      n = tonumber(n), number = number }
  end
  return list
end

--- As signals do.
function consumer_methods:pause() self.child:kill(19) end
function consumer_methods:continue() self.child:kill(18) end

function consumer_methods:kill()
  self.child:kill(9)
  self.child:wait(60)
end

return stream_server
