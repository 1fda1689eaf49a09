--- Following a stream whose answers of 1 MB come at once: the client's CPU time for each record, whose new image is
--- looked into. BENCH_NODE=1 sets the loop around GetRecords beside it that one writes with the AWS SDK for JavaScript,
--- in turns. BENCH_ITEMS changes how many records there are.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local payload = require "bench.support.payload"

if os.getenv "BENCH_LIST" or os.getenv "BENCH_ONLY" then return end -- instructions are not counted here

local PAGE = 800 -- records of an answer: 1 MB
local COUNT = math.ceil((tonumber(os.getenv "BENCH_ITEMS") or 100000) / PAGE) * PAGE
local ROUNDS = 5

local ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-11-01T00:00:00.000"

--- One answer to all that is asked about the stream.
local function answer()
  local records = {}
  for i, image in ipairs(payload.items(PAGE)) do
    records[i] = ([[{"eventID":"%032d","eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb",]]
      .. [["awsRegion":"us-east-1","dynamodb":{"ApproximateCreationDateTime":1793491200,"Keys":{"pk":{"S":"%d"}},]]
      .. [["NewImage":%s,"SequenceNumber":"%d","SizeBytes":1100,"StreamViewType":"NEW_IMAGE"}}]]):format(i, i, image,
      4e14 + i)
  end
  return ([[{"ShardIterator":"i","NextShardIterator":"i","StreamDescription":{"StreamStatus":"ENABLED","Shards":[]]
    .. [[{"ShardId":"shardId-1","SequenceNumberRange":{"StartingSequenceNumber":"1"}}]},"Records":[%s]}]])
    :format(table.concat(records, ","))
end

local body = answer()
local name = "build/bench/answer." .. core.uuid()
local file = assert(io.open(name, "wb"))
file:write("HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: ", #body, "\r\n\r\n", body)
file:close()
local server = assert(io.popen("build/bench/server " .. name, "r"))
local port = assert(server:read "*n", "the server did not start: make bench builds it")
os.remove(name)
local endpoint = ("http://127.0.0.1:%d"):format(port)

local db = dynamodb.connect { endpoint = endpoint, region = "us-east-1", access_key_id = "b", secret_access_key = "b" }
local stream = db:stream(ARN)

local seen
local handler = dynamodb.streams.handler { any = function(record) seen = record.new.pk and seen + 1 end }

local function consume()
  seen = 0
  assert(stream:consume(handler, { batch_size = 1000, stop = function() return seen >= COUNT end }))
end

local function iterate()
  seen = 0
  for record in stream:records { batch_size = 1000 } do
    seen = record.new.pk and seen + 1
    if seen == COUNT then break end
  end
end

local function call()
  seen = 0
  repeat
    for _, record in ipairs(assert(db:call("GetRecords", { ShardIterator = "i", Limit = 1000 })).Records) do
      seen = record.dynamodb.NewImage.pk and seen + 1
    end
  until seen == COUNT
end

--- CPU seconds that `f` takes.
local function measured(f)
  return function()
    collectgarbage()
    local start = os.clock()
    f()
    assert(seen == COUNT)
    return os.clock() - start
  end
end

local function sdk(kind)
  return function()
    local node = assert(io.popen(("node --no-warnings bench/stream.mjs %s %d %s"):format(endpoint, COUNT, kind), "r"))
    local seconds = node:read "*n"
    node:close()
    return assert(seconds, "node failed")
  end
end

local contestants = {
  { "stream:consume", measured(consume) },
  { "stream:records", measured(iterate) },
  { 'db:call "GetRecords"', measured(call) },
}
if os.getenv "BENCH_NODE" == "1" then
  contestants[4] = { "AWS SDK for JavaScript, GetRecords, unmarshall", sdk "unmarshall" }
  contestants[5] = { "AWS SDK for JavaScript, GetRecords, typed", sdk "typed" }
end

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

local times, ratios = {}, {}
for i in ipairs(contestants) do times[i], ratios[i] = {}, {} end
for round = 1, ROUNDS do
  for i, contestant in ipairs(contestants) do
    times[i][round] = contestant[2]()
    ratios[i][round] = times[i][round] / times[1][round]
  end
end
print(("%-48s %10s %8s  %s"):format(("%d records of %.0f bytes, %d to an answer"):format(COUNT, #body / PAGE, PAGE),
  "us of CPU", "ratio", "min-max"))
for i, contestant in ipairs(contestants) do
  local middle = median(ratios[i])
  print(("  %-46s %10.2f %8.2f  %s"):format(contestant[1], median(times[i]) / COUNT * 1e6, middle,
    i > 1 and ("%.2f-%.2f"):format(ratios[i][1], ratios[i][ROUNDS]) or ""))
end
db:close()
server:close()
