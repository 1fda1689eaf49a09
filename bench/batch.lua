--- Writing 100,000 items of 1 KB from an iterator to a server that answers at once: the client's CPU time for each, and
--- its memory. BENCH_NODE=1 sets the AWS SDK for JavaScript beside it, in turns; BENCH_ITEMS changes how many.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local payload = require "bench.support.payload"

if os.getenv "BENCH_LIST" or os.getenv "BENCH_ONLY" then return end -- instructions are not counted here

local COUNT = tonumber(os.getenv "BENCH_ITEMS" or 100000)
local ROUNDS = 3

local body = '{"UnprocessedItems":{}}'
local name = "build/bench/answer." .. core.uuid()
local file = assert(io.open(name, "wb"))
file:write("HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: ", #body, "\r\n\r\n", body)
file:close()
local server = assert(io.popen("build/bench/server " .. name, "r"))
local port = assert(server:read "*n", "the server did not start: make bench builds it")
os.remove(name)
local endpoint = ("http://127.0.0.1:%d"):format(port)

local wire = payload.items(1)[1]
local item = assert(core.unmarshal(wire))

local db = dynamodb.connect { endpoint = endpoint, region = "us-east-1", access_key_id = "b", secret_access_key = "b" }
local orders = db:table("orders", { partition = "pk", sort = "sk" })

--- Kilobytes of the process, now.
local function resident()
  local status = io.open "/proc/self/status"
  if not status then return 0 end
  local text = status:read "*a"
  status:close()
  return tonumber(text:match "VmRSS:%s*(%d+)")
end

--- CPU seconds of writing `count` items; the most kilobytes seen on the way.
local function write(count)
  local i, most = 0, 0
  local start = os.clock()
  local report = assert(orders:put_all(function()
    i = i + 1
    if i > count then return nil end
    if i % 1000 == 0 then most = math.max(most, resident()) end
    item.pk = "CUSTOMER#" .. i
    return item
  end))
  assert(report.done == count)
  return os.clock() - start, most
end

--- The same by the SDK.
local function write_by_sdk(count)
  local output = assert(io.popen(("node --no-warnings bench/batch.mjs %s %d '%s'"):format(endpoint, count,
    (wire:gsub("'", [['\'']]))), "r"))
  local seconds = output:read "*n"
  output:close()
  return assert(seconds, "node failed")
end

write(2500)
local _, small = write(COUNT / 10)
local ours, theirs, ratio, most = math.huge, math.huge, {}, 0
for round = 1, ROUNDS do
  local spent, kilobytes = write(COUNT)
  ours, most = math.min(ours, spent), math.max(most, kilobytes)
  if os.getenv "BENCH_NODE" == "1" then
    local other = write_by_sdk(COUNT)
    theirs, ratio[round] = math.min(theirs, other), other / spent
  end
end
local line = "put_all, %d items of %d bytes: %.2f us of CPU each; resident %d KB after a tenth of them, %d KB after all"
print(line:format(COUNT, #wire, ours / COUNT * 1e6, small, most))
if ratio[1] then
  table.sort(ratio)
  print(("AWS SDK for JavaScript, BatchWriteCommand: %.2f us each; %.1f times as much (%.1f-%.1f)"):format(
    theirs / COUNT * 1e6, ratio[2], ratio[1], ratio[ROUNDS]))
end
db:close()
server:close()
