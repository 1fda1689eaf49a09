--- Scans of a table whose pages a server on loopback makes. Three things are measured:
---   * the memory of the process, after a tenth of 100,000 items and after all;
---   * 8 segments beside one, where each page takes 20 ms to come: seconds on the clock, which is what segments save;
---   * the client's CPU time for each of 100,000 items of 1 KB that come at once, beside decoding the pages alone and
---     (BENCH_NODE=1) beside paginateScan of the AWS SDK for JavaScript, in turns.
--- BENCH_ITEMS changes how many items there are.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local model = require "dynamodb.model"
local payload = require "bench.support.payload"

if os.getenv "BENCH_LIST" or os.getenv "BENCH_ONLY" then return end -- instructions are not counted here

local COUNT = tonumber(os.getenv "BENCH_ITEMS" or 100000)
local ROUNDS = 3
local SEGMENTS = 8

--- A page of the scan, as the server wants it.
local function page_of(items)
  local last = '{"pk":{"S":"PAGE#000000"},"sk":{"S":"last of its page"}}'
  return ('{"Count":%d,"ScannedCount":%d,"Items":[%s],"LastEvaluatedKey":%s}'):format(items, items,
    table.concat(payload.items(items), ","), last)
end

--- Starts a server of a table of that many pages; a table, and a function that ends both.
local function serve(body, pages, milliseconds)
  local name = "build/bench/answer." .. core.uuid()
  local file = assert(io.open(name, "wb"))
  file:write("HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: ", #body, "\r\n\r\n", body)
  file:close()
  local server = assert(io.popen(("build/bench/server %s %d %d"):format(name, pages, milliseconds or 0), "r"))
  local port = assert(server:read "*n", "the server did not start: make bench builds it")
  os.remove(name)
  local endpoint = ("http://127.0.0.1:%d"):format(port)
  local db = dynamodb.connect {
    endpoint = endpoint, region = "us-east-1", access_key_id = "bench", secret_access_key = "bench",
  }
  local function stop()
    db:close()
    server:close()
  end
  return db:table("orders", { partition = "pk", sort = "sk" }), stop, endpoint
end

--- Kilobytes of the process, now.
local function resident()
  local status = io.open "/proc/self/status"
  if not status then return 0 end
  local text = status:read "*a"
  status:close()
  return tonumber(text:match "VmRSS:%s*(%d+)")
end

--- Reads all items; the most kilobytes seen in reading the first tenth of them, and in reading all.
local function read(orders, options, expected)
  local count, small, most = 0, 0, 0
  for item in orders:scan(options) do
    count = item.pk and count + 1
    if count % 1000 == 0 then
      most = math.max(most, resident())
      if count == expected / 10 then small = most end
    end
  end
  assert(count == expected)
  return small, most
end

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

local function spread(list) return ("%.2f-%.2f"):format(list[1], list[#list]) end

-- First, since a process keeps what it once had.
do
  local orders, stop = serve(page_of(100), COUNT / 100)
  for _, options in ipairs { { prefetch = true }, { segments = SEGMENTS, prefetch = true } } do
    collectgarbage()
    local small, most = read(orders, options, COUNT)
    print(("resident, 100 items to a page, %s: %d KB after a tenth of the items, %d KB after all"):format(
      options.segments and SEGMENTS .. " segments" or "a page ahead", small, most))
  end
  stop()
end

do
  local orders, stop = serve(page_of(50), 80, 20)
  local function seconds(segments)
    local start = orders.client:now()
    read(orders, { segments = segments }, 4000)
    return orders.client:now() - start
  end
  local one, several, ratios = {}, {}, {}
  for round = 1, ROUNDS do
    one[round], several[round] = seconds(1), seconds(SEGMENTS)
    ratios[round] = one[round] / several[round]
  end
  local line = "80 pages of 50 items, each after 20 ms: one segment %.2f s, %d segments %.2f s, %.1f times as fast (%s)"
  print(line:format(median(one), SEGMENTS, median(several), median(ratios), spread(ratios)))
  stop()
end

do
  local body, pages = page_of(1000), COUNT / 1000
  local orders, stop, endpoint = serve(body, pages)
  local shape = core.shape(model.operations.Scan.output)

  --- CPU seconds and seconds on the clock that `f` takes.
  local function measure(f)
    local cpu, start = os.clock(), orders.client:now()
    f()
    return os.clock() - cpu, orders.client:now() - start
  end

  local contestants = {
    { "scan, a page ahead", function() return measure(function() read(orders, { prefetch = true }, COUNT) end) end },
    { "scan, pages when they are needed", function()
      return measure(function() read(orders, { prefetch = false }, COUNT) end)
    end },
    { "core.decode alone", function()
      return measure(function()
        for _ = 1, pages do assert(#assert(core.decode(shape, body)).Items == 1000) end
      end)
    end },
  }
  if os.getenv "BENCH_NODE" == "1" then
    contestants[4] = { "AWS SDK for JavaScript, paginateScan", function()
      local node = assert(io.popen("node --no-warnings bench/scan.mjs " .. endpoint, "r"))
      local count, cpu, seconds = node:read("*n", "*n", "*n")
      node:close()
      assert(count == COUNT, "node failed")
      return cpu, seconds
    end }
  end
  local times, ratios, rates = {}, {}, {}
  for i in ipairs(contestants) do times[i], ratios[i], rates[i] = {}, {}, {} end
  for round = 1, ROUNDS do
    for i, contestant in ipairs(contestants) do
      collectgarbage()
      local cpu, seconds = contestant[2]()
      times[i][round], rates[i][round] = cpu, COUNT / seconds
      ratios[i][round] = cpu / times[1][round]
    end
  end
  local title = ("%d items of %d bytes, 1000 to a page"):format(COUNT, #payload.items(1)[1])
  print(("%-48s %10s %10s %8s  %s"):format(title, "us of CPU", "items/s", "ratio", "min-max"))
  for i, contestant in ipairs(contestants) do
    print(("  %-46s %10.2f %10.0f %8.2f  %s"):format(contestant[1], median(times[i]) / COUNT * 1e6, median(rates[i]),
      median(ratios[i]), i > 1 and spread(ratios[i]) or ""))
  end
  stop()
end
