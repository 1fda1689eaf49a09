-- Queries and scans in company: closed by another task, segments of which one is slow.
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

  it("does not pass off a part as the whole", function()
    for _, method in ipairs { "all", "count", "first", "page" } do
      local t, runtime = paged_table(one_second)
      local query = t:scan { limit = 20 }
      local reader = runtime:spawn(function() return query[method](query) end)
      runtime:sleep(0.5)
      query:close()
      local _, value, err = runtime:join(reader)
      assert.is_nil(value)
      assert.is_true(err:is "Cancelled")
    end
  end)

  it("sends nothing when it was closed while its table was described", function()
    local _, runtime = paged_table(one_second)
    local answer = runtime.handler
    function runtime.handler(request)
      if not request.head:find "DescribeTable" then return answer(request) end
      local key = '[{"AttributeName":"pk","KeyType":"HASH"}]'
      return { delay = 1, body = ('{"Table":{"KeySchema":%s,"AttributeDefinitions":[]}}'):format(key) }
    end
    local db = dynamodb.connect { region = "r", access_key_id = "a", secret_access_key = "b", runtime = runtime }
    local query = db:table("t"):scan()
    local reader = runtime:spawn(function() return query:next() end)
    query:close()
    local _, item, err = runtime:join(reader)
    assert.is_nil(item)
    assert.is_nil(err)
    assert.equal(1, #runtime.requests)
  end)
end)

describe("a scan in segments", function()
  it("takes as long as the slowest of them, not as long as all their delays", function()
    -- Each segment has one page that takes a second, each at another time.
    local t, runtime = paged_table(function(segment, page) return page == segment + 1 and 1 or 0.02 end)
    assert.equal(8 * 30, #assert(t:scan({ segments = 8 }):all()))
    assert.near(1 + 9 * 0.02, runtime:now(), 1e-6)
  end)

  it("gives out what other segments have while one waits for another try", function()
    local failed = false
    local _, runtime = paged_table(function() return 0.02 end)
    local answer = runtime.handler
    runtime.handler = function(request)
      if not failed and request.body:find '"Segment":1' and request.body:find "ExclusiveStartKey" then
        failed = true
        return { status = 400, body = '{"__type":"x#ThrottlingException"}', delay = 0.02 }
      end
      return answer(request)
    end
    local db = dynamodb.connect {
      region = "eu-west-1", access_key_id = "a", secret_access_key = "b", runtime = runtime,
      retry = { random = 1 }, -- the whole delay: a second
    }
    local last_of_others, count = nil, 0
    for item in db:table("t", { partition = "pk", types = { pk = "N" } }):scan { segments = 2 } do
      count = count + 1
      if item.pk < 101000 then last_of_others = runtime:now() end
    end
    assert.equal(60, count)
    assert.is_true(failed)
    assert.near(10 * 0.02, last_of_others, 1e-6)
  end)

  it("raises what a hook raises, whichever segment it was", function()
    local _, runtime = paged_table(function(segment) return 0.02 * (segment + 1) end)
    local db = dynamodb.connect {
      region = "eu-west-1", access_key_id = "a", secret_access_key = "b", runtime = runtime,
      after_response = function() if runtime:now() > 0.15 then error("a hook's own", 0) end end,
    }
    local scan = db:table("t", { partition = "pk", types = { pk = "N" } }):scan { segments = 4 }
    assert.error_matches(function() scan:all() end, "a hook's own")
  end)
end)

describe("a failing service", function()
  -- How often the second page is asked for until its failure is returned.
  local function attempts(options)
    local _, runtime = paged_table(function() return 0.02 end)
    local answer, count = runtime.handler, 0
    runtime.handler = function(request)
      if not request.body:find "ExclusiveStartKey" then return answer(request) end
      count = count + 1
      return { code = "ConnectionError", sent = false, delay = 0.02 }
    end
    local db = dynamodb.connect {
      region = "eu-west-1", access_key_id = "a", secret_access_key = "b", runtime = runtime,
    }
    local _, err = db:table("t", { partition = "pk", types = { pk = "N" } }):scan(options):all()
    assert.equal("ConnectionError", err.code)
    return count
  end

  it("is not asked more often for a page ahead than for another one", function()
    assert.equal(4, attempts { prefetch = false })
    assert.equal(4, attempts { prefetch = true })
  end)
end)
