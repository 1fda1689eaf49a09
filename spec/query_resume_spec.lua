-- However reading is interrupted and resumed, each item comes once, and in its order: thousands of seeds on a virtual
-- clock.
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"
local generate = require "spec.support.generate"
local model_reader = require "spec.support.model_reader"

local SCALE = tonumber(os.getenv "SCALE") or 1
local e = dynamodb.expr
local SCHEMA = {
  partition = "pk", sort = "sk", types = { pk = "S", sk = "N", group = "S" },
  indexes = { by_group = { partition = "group", sort = "sk" } },
}

-- Items in a few partitions, in an order that means nothing.
local function random_items(random)
  local items, seen = {}, {}
  for _ = 1, random:below(40) do
    local pk, sk = "p" .. random:below(3), random:below(60) - 30
    if not seen[pk .. sk] then
      seen[pk .. sk] = true
      items[#items + 1] = { pk = pk, sk = sk, group = "g" .. random:below(2), keep = random:below(3) > 1, v = #items }
    end
  end
  return items
end

-- How a reader of one seed reads, again and again the same way but for where it begins.
local function random_reading(random)
  local kind = random:pick { "query", "index", "scan", "segments" }
  local low, high = random:below(60) - 30, random:below(60) - 30
  if low > high then low, high = high, low end
  local ranged = random:below(2) == 1
  local options = {
    page_size = random:pick { nil, random:below(7) }, where = random:below(2) == 1 and { keep = true } or nil,
    prefetch = random:below(2) == 1, attributes = random:pick { nil, { "v" } } and { "v", "keep" } or nil,
    rcu = random:below(4) == 1 and random:below(20) or nil,
  }
  if random:below(3) == 1 then options.numbers = "native" end
  local numbers = options.numbers
  options.numbers = nil
  if kind == "scan" or kind == "segments" then
    if kind == "segments" then
      options.segments, options.concurrency = random:below(5) + 1, random:pick { nil, random:below(3) }
    end
    return { options = options, numbers = numbers, begin = function(t, o) return t:scan(o) end }
  end
  options.reverse = random:below(2) == 1
  local key = kind == "query" and "pk" or "group"
  local value = kind == "query" and "p1" or "g1"
  return {
    options = options, numbers = numbers, ordered = true,
    wanted = function(item)
      return item[key] == value and (not ranged or item.sk >= low and item.sk <= high)
    end,
    begin = function(t, o)
      local keys = { [key] = value, sk = ranged and e.between(low, high) or nil }
      return (kind == "query" and t or t:index "by_group"):query(keys, o)
    end,
  }
end

-- What must come, by `v`, in its order if there is one.
local function expected(items, reading)
  local list = {}
  for _, item in ipairs(items) do
    if (not reading.wanted or reading.wanted(item)) and (not reading.options.where or item.keep) then
      list[#list + 1] = item
    end
  end
  table.sort(list, function(a, b)
    if not reading.ordered then return a.v < b.v end
    if a.sk ~= b.sk then return a.sk < b.sk end
    return a.pk < b.pk
  end)
  local values = {}
  for i, item in ipairs(list) do values[reading.options.reverse and #list + 1 - i or i] = item.v end
  return values
end

-- Takes a few items of one query object, one after the other or in pages; the cursor that another one goes on from.
local function read_some(random, query, got)
  local way = random:below(4)
  if way == 1 then
    local page, err = query:page()
    if err then return err.cursor, err end
    for _, item in ipairs(page.items) do got[#got + 1] = item.v end
    return page.cursor
  end
  for _ = 1, way == 2 and math.huge or random:below(12) do
    local item, err = query:next()
    if err then return err.cursor, err end
    if not item then return query:cursor() end
    assert(item.pk == nil == (query.options.attributes ~= nil), "keys that nobody asked for are not given out")
    got[#got + 1] = item.v
    item.pk, item.sk, item.group = nil, nil, nil -- the program's own; cursors do not depend on it
  end
  local cursor = query:cursor()
  query:close()
  assert(query:cursor() == cursor, "closing does not move the cursor")
  return cursor
end

local function run(seed)
  local random = generate.new(seed)
  local items, reading = random_items(random), random_reading(random)
  local keys = random:below(2) == 1 and { "0123456789abcdef" } or nil
  local handler = model_reader.new(items, random:below(9), {
    delay = 0.001 * random:below(50), fails = function() return random:below(9) == 1 end,
  })
  local db = dynamodb.connect {
    region = "r", access_key_id = "AK", secret_access_key = "SK", runtime = fake.new { handler = handler },
    retry = { max_attempts = 1 }, cursor_keys = keys, numbers = reading.numbers,
  }
  local target = db:table("t", SCHEMA)
  local got, rounds = {}, 0
  local cursor, failed
  repeat
    rounds = rounds + 1
    assert(rounds < 2000, "it does not come to an end")
    local options = { cursor = cursor }
    for name, value in pairs(reading.options) do options[name] = value end
    if random:below(3) == 1 then options.limit = random:below(6) end
    if random:below(5) == 1 then options.timeout = 0.1 end
    if random:below(5) == 1 then options.max_pages = random:below(3) end
    local query = reading.begin(target, options)
    local failure
    cursor, failure = read_some(random, query, got)
    failed = failure ~= nil
    query:close()
  until not cursor and not failed
  local want = expected(items, reading)
  if not reading.ordered then table.sort(got) end
  assert.same(want, got, "seed " .. seed)
end

describe("reading that is interrupted", function()
  local count = 3000 * SCALE
  it(("gives each item once in %d random readings"):format(count), function()
    for seed = 1, count do
      local ok, message = pcall(run, seed)
      if not ok then error(("seed %d: %s"):format(seed, tostring(message)), 0) end
    end
  end)
end)
