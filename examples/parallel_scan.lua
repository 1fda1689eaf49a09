-- A whole table read in parts at the same time, at a price that is known before, and not twice when it is interrupted.
--
--   AWS_ENDPOINT_URL=http://localhost:8000 lua examples/parallel_scan.lua       or the endpoint as its argument
--
-- Without an endpoint it talks to DynamoDB itself, with whatever credentials and region the environment has.
local dynamodb = require "dynamodb"

-- For an engine on this machine any credentials and any region will do.
local endpoint = arg and arg[1] or os.getenv "AWS_ENDPOINT_URL"
local options = { endpoint = endpoint }
if endpoint then
  options.region = os.getenv "AWS_REGION" or "us-east-1"
  if not os.getenv "AWS_ACCESS_KEY_ID" then
    options.access_key_id, options.secret_access_key = "scan", "scan"
  end
end

local db = dynamodb.connect(options)
local spec = { name = "dynamodb-scan-" .. os.time(), partition = "id" }
local sensors = db:table(spec.name, spec)

local COUNT, SEGMENTS = 2000, 8

local function say(format, ...)
  print(format:format(...))
end

local function write_sensors()
  local n = 0
  assert(sensors:put_all(function()
    n = n + 1
    if n <= COUNT then return { id = "SENSOR#" .. n, kelvin = 270 + n % 30, place = ("shelf "):rep(20) } end
  end))
end

--- A scan of the table in so many segments, which are read at the same time; `concurrency` of them, if there are more.
local function scan(cursor)
  return sensors:scan { segments = SEGMENTS, page_size = 25, cursor = cursor, consistent = true }
end

--- Reads until `enough` items were seen.
---@return string? cursor    where it stopped; nil if that was the end
local function read(seen, cursor, enough)
  local query, count = scan(cursor), 0
  for item in query:each() do
    assert(not seen[item.id], "an item came twice")
    seen[item.id] = true
    count = count + 1
    if count == enough then break end
  end
  query:close() -- `each` does it by itself in Lua 5.4
  say("  %4d items in %d pages", count, query:meta().pages)
  return query:cursor()
end

local function show()
  write_sensors()
  local total = assert(scan():count())
  say("%d items, counted in %d segments", total, SEGMENTS)
  assert(total == COUNT)

  -- The cursor knows where each segment stands. It is a text: write it down, and another process goes on tomorrow.
  say("read in three goes:")
  local seen, cursor = {}, nil
  for _, enough in ipairs { 700, 45 } do
    cursor = read(seen, cursor, enough)
    say("       stopped, a cursor of %d characters", #assert(cursor))
  end
  assert(read(seen, cursor, math.huge) == nil)
  local number = 0
  for _ in pairs(seen) do number = number + 1 end
  say("%d different items in all", number)
  assert(number == COUNT)

  -- What readers may consume a second is a promise to everybody else who uses the table.
  local budget = sensors:scan { segments = SEGMENTS, rcu = 200 }
  local hot = 0
  for item in budget do
    if item.kelvin > 298 then hot = hot + 1 end
  end
  local meta = budget:meta()
  say("%d are too warm; read at 200 units a second, %s units in %d pages", hot,
    tostring(meta.capacity and meta.capacity.CapacityUnits), meta.pages)
  assert(hot == 66)

  -- A segment by itself, for programs that share the work: this one would be the third of eight.
  local parts = 0
  for segment = 1, SEGMENTS do
    parts = parts + assert(sensors:scan({ segments = SEGMENTS, segment = segment }):count())
  end
  say("%d items in the segments, one by one", parts)
  assert(parts == COUNT)
end

-- The table is dropped however it ends.
assert(db:create_table(spec))
local ok, problem = pcall(show)
local dropped, err = db:delete_table(spec.name)
db:close()
if not ok or not dropped then
  io.stderr:write("the example failed: ", tostring(ok and err or problem), "\n")
  os.exit(1)
end
