--- A proxy before a real engine that does to its requests what the network and the service can do, seeded.
---
---   local proxy = fault_proxy.start { seed = 1, faults = { drop_reply = 0.05, throttle = 0.1, leftovers = 0.2 } }
---   … dynamodb.connect { endpoint = proxy.endpoint } …
---   proxy:counts()                   --> { requests = 120, forwarded = 104, faults = 31, drop_reply = 6, … }
---   proxy:configure { seed = 2, … }  forgets all that happened
---   proxy:next("drop_reply", "none", "error_500")    for the next requests that these concern, before any other fault
---   proxy:stop()
---
--- `faults` gives the probability of each; one request meets one of them at most, and perhaps a delay:
---   delay             waits before the rest happens, between the two times of `delay` ({ 0.001, 0.02 } seconds)
---   drop_request      hangs up; the engine has seen nothing
---   drop_reply        hangs up when the engine has answered; reset does so with a reset
---   hang_request      neither answers nor hangs up; the engine has seen nothing; hang_reply: it has done it
---   truncate          a part of the engine's answer, then hangs up; garble changes a byte of it (its CRC-32 tells)
---   throughput        answers ProvisionedThroughputExceededException, throttle answers ThrottlingException
---   error_500         answers InternalServerError; in half of the cases the engine has done it (`error_500_applied`)
---   error_503         answers ServiceUnavailable
---   leftovers         of a batch: the engine gets a part, the rest comes back as unprocessed (`leftover_items`)
---   conflict          of a transaction: TransactionCanceledException, TransactionConflict for one of its items; not
---                     when the engine has done what the request's token stands for
---   conflict_single   of PutItem, UpdateItem, DeleteItem: TransactionConflictException
---   in_progress       of a writing transaction: TransactionInProgressException
--- `only = { "BatchWriteItem", … }` spares all other operations; those that manage tables are always spared. What a
--- request meets depends on the seed, on its bytes (but for a token), and on how often these came before: with the same
--- seed, the same requests meet the same, in whatever order several connections bring them.
local curl = require "dynamodb.curl"
local http = require "spec.support.http"
local literal = require "spec.support.literal"
local process = require "spec.support.process"

local fault_proxy = {}

local proxy_methods = {}
local proxy_mt = { __name = "spec.FaultProxy", __index = proxy_methods }

--- Starts one before the engine of this run.
---@param settings table?    seed, faults, only, delay: see above; endpoint: another one than $DYNAMODB_TEST_ENDPOINT
---@return table             with `endpoint`, `host` and `port`
function fault_proxy.start(settings)
  settings = settings or {}
  local endpoint = settings.endpoint or assert(os.getenv "DYNAMODB_TEST_ENDPOINT", "no engine: see tools/engine.sh")
  local host, port = endpoint:match "^http://([^:/]+):(%d+)/?$"
  assert(host, "the fault proxy speaks plain HTTP to an endpoint with a port")
  local port_file = process.temporary()
  os.remove(port_file)
  local child = process.start {
    "lua5.4", "spec/support/fault_proxy_process.lua", host, port, port_file,
    env = { LUA_PATH = ";;", LUA_PATH_5_4 = ";;", LUA_CPATH = ";;", LUA_CPATH_5_4 = ";;", LD_PRELOAD = "" },
  }
  local own_port = process.await(60, function()
    assert(child:alive(), "the fault proxy did not start: " .. process.read(child.stderr))
    return tonumber(process.read(port_file))
  end)
  local self = { host = "127.0.0.1", port = assert(own_port), child = child, pool = curl.pool {} }
  setmetatable(self, proxy_mt)
  self.endpoint = ("http://%s:%d"):format(self.host, self.port)
  self:configure(settings)
  return self
end

local function control(self, name, body)
  local request = http.request(self, { path = "/__proxy/" .. name, body = body })
  local response, _, message = http.send(self.pool, request)
  assert(response, message)
  assert(response.status == 200, response.body)
  local counts = {}
  for what, times in response.body:gmatch "([%w_]+)=(%d+)" do counts[what] = tonumber(times) end
  return counts
end

--- Begins anew, with other settings and nothing counted.
---@param settings table    seed, faults, only, delay
function proxy_methods:configure(settings)
  control(self, "configure", literal {
    seed = settings.seed, faults = settings.faults, only = settings.only, delay = settings.delay,
  })
end

--- What happens to the next requests that it can happen to; "none" lets one through. A fault that does not concern the
--- request's operation waits for one that it does.
---@param ... string
function proxy_methods:next(...) control(self, "next", table.concat({ ... }, " ")) end

--- How often each fault happened, and `requests`, `forwarded` (to the engine), `faults`. A fault that never happened
--- counts 0.
---@return table<string, integer>
function proxy_methods:counts()
  return setmetatable(control(self, "counts", ""), { __index = function() return 0 end })
end

--- What the proxy itself complained of.
---@return string
function proxy_methods:complaints() return process.read(self.child.stderr) end

function proxy_methods:stop()
  self.pool:close()
  self.child:stop()
end

return fault_proxy
