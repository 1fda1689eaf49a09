-- Queries and scans in ways that are less common: left by another task, beside a segment that is slow.
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"

-- A table over the fake runtime with 10 pages of 3 items for each segment; `delay` gives the seconds that a request of
-- a segment takes. Items are numbered: a 1, the segment, the page, the item in it.
local function paged_table(delay)
  local runtime = fake.new {
    handler = function(request)
      local segment = tonumber(request.body:match '"Segment":(%d+)' or 0)
      local page = tonumber(request.body:match '"ExclusiveStartKey":{"pk":{"N":"1%d%d(%d%d)' or -1) + 1
      local items = {}
      for i = 1, 3 do items[i] = ('{"pk":{"N":"1%02d%02d%d"}}'):format(segment, page, i) end
      local last = page < 9 and (',"LastEvaluatedKey":%s'):format(items[3]) or ""
      return {
        delay = delay(segment, page),
        body = ('{"Items":[%s],"Count":3,"ScannedCount":3%s}'):format(table.concat(items, ","), last),
      }
    end,
  }
  local db = dynamodb.connect {
    region = "eu-west-1", access_key_id = "a", secret_access_key = "b", runtime = runtime, retry = { max_attempts = 1 },
  }
  return db:table("t", { partition = "pk", types = { pk = "N" } }), runtime
end

local function one_second() return 1 end

describe("a query that another task closes", function()
  for name, options in pairs {
    ["a page at a time"] = { prefetch = false },
    ["a page ahead"] = { prefetch = true },
    ["segments"] = { segments = 4 },
  } do
    it("gives nothing out and asks for nothing from then on: " .. name, function()
      local t, runtime = paged_table(one_second)
      local query, seen, failure = t:scan(options), {}, nil
      local reader = runtime:spawn(function()
        local item
        repeat
          item, failure = query:next()
          seen[#seen + 1] = item and item.pk
        until not item
      end)
      runtime:sleep(2.5)
      local given, sent = #seen, #runtime.requests
      query:close()
      assert.is_true(runtime:join(reader))
      assert.is_nil(failure)
      runtime:sleep(60)
      assert.same({ given, sent }, { #seen, #runtime.requests })

      local goes_on = options.segments and { segments = 4, cursor = query:cursor() } or { cursor = query:cursor() }
      for item in t:scan(goes_on) do seen[#seen + 1] = item.pk end
      local different, count = {}, 0
      for _, pk in ipairs(seen) do
        if not different[pk] then count = count + 1 end
        different[pk] = true
      end
      assert.same({ 30 * (options.segments or 1), count }, { #seen, count })
    end)
  end
end)
