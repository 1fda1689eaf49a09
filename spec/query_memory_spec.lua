-- What reading holds: memory stays flat however much is read, requests under way end with the query, and segments wait
-- at the same time.
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"
local heap = require "spec.support.heap"
local server = require "spec.support.server"

-- Under the collector that runs at each allocation, fewer items must do.
local PER_PAGE = os.getenv "FLAVOUR" == "asan" and 1 or 250

local CONNECT = { region = "eu-west-1", access_key_id = "a", secret_access_key = "b" }

local function connect(options)
  for name, value in pairs(CONNECT) do options[name] = value end
  return dynamodb.connect(options)
end

-- An item's number begins with a 1, its segment and its page.
local function page_body(segment, page, per_page, is_last)
  local items = {}
  for i = 1, per_page do items[i] = ('{"pk":{"N":"1%02d%05d%04d"},"t":{"S":"text"}}'):format(segment, page, i) end
  local last = is_last and "" or (',"LastEvaluatedKey":{"pk":{"N":"1%02d%05d%04d"}}'):format(segment, page, per_page)
  return ('{"Items":[%s],"Count":%d,"ScannedCount":%d%s}'):format(table.concat(items, ","), per_page, per_page, last)
end

-- A table over the fake runtime: so many pages in all, divided among the segments, each after `delay` seconds.
local function paged_table(pages, per_page, delay)
  local runtime = fake.new {
    handler = function(request, runtime)
      runtime.requests = {} -- or it would remember all of them
      local segments = tonumber(request.body:match '"TotalSegments":(%d+)' or 1)
      local segment = tonumber(request.body:match '"Segment":(%d+)' or 0)
      local page = tonumber(request.body:match '"ExclusiveStartKey":{"pk":{"N":"1%d%d(%d%d%d%d%d)' or 0) + 1
      return { delay = delay, body = page_body(segment, page, per_page, page == pages / segments) }
    end,
  }
  return connect({ runtime = runtime }):table("t", { partition = "pk", types = { pk = "N" } }), runtime
end

describe("memory", function()
  -- Kilobytes that 90,000 more items have added.
  local function growth(options)
    local t = paged_table(480, PER_PAGE)
    local count, before, after = 0, nil, nil
    for _ in t:scan(options) do
      count = count + 1
      if count == 40 * PER_PAGE then before = heap() end
      if count == 400 * PER_PAGE then after = heap() end
    end
    assert.equal(480 * PER_PAGE, count)
    return after - before
  end

  for name, options in pairs {
    ["a page at a time"] = { prefetch = false },
    ["a page ahead"] = { prefetch = true },
    ["8 segments"] = { segments = 8 },
  } do
    it("is the same after 10,000 and after 100,000 items: " .. name, function()
      local grown = growth(options)
      assert.is_true(grown < 128, ("grown by %.0f KB"):format(grown))
    end)
  end
end)

describe("time", function()
  -- Seconds on the runtime's clock that reading 80 pages takes.
  local function seconds(options)
    local t, runtime = paged_table(80, 10, 0.02)
    local start = runtime:now()
    assert.equal(800, #assert(t:scan(options):all()))
    return runtime:now() - start
  end

  it("of 8 segments is at most a fifth of that of one", function()
    local alone = seconds { segments = 1 }
    assert.near(80 * 0.02, alone, 1e-6)
    assert.is_true(seconds { segments = 8 } <= alone / 5)
  end)
end)

describe("a query that is left", function()
  local s, db, t

  after_each(function()
    if db then db:close() end
    if s then s:stop() end
    db, s = nil, nil
  end)

  -- The script of a connection on which these bodies are answered, and nothing after them.
  local function answering(...)
    local script = {}
    for _, body in ipairs { ... } do
      script[#script + 1] = { "read" }
      script[#script + 1] = { "send", server.response(body) }
    end
    script[#script + 1] = { "read" }
    script[#script + 1] = { "drain" }
    return script
  end

  local function serve(...)
    s = server.start { ... }
    db = connect { endpoint = ("http://127.0.0.1:%d"):format(s.port) }
    t = db:table("t", { partition = "pk", types = { pk = "N" }, indexes = { byText = { partition = "t" } } })
  end

  -- Lets answers come in until the server has `count` requests.
  local function await_requests(count)
    local stop = db:now() + 10
    while #s:requests() < count do
      assert(db:now() < stop, "the requests do not come")
      db:runtime():sleep(0.01)
    end
  end

  local function assert_nothing_under_way()
    assert.is_false(db:runtime():busy())
    assert.is_nil(next(db:runtime().tasks.alive))
  end

  it("ends the request for the page ahead when it is closed", function()
    serve(answering(page_body(0, 1, 2)))
    local query = t:scan()
    query:next()
    await_requests(2)
    query:close()
    assert_nothing_under_way()
    assert.equal(1, #assert(s:await("eof", 1)))
  end)

  it("ends it when a for loop is left", function()
    if _VERSION ~= "Lua 5.4" then return pending "for loops close nothing before Lua 5.4" end
    serve(answering(page_body(0, 1, 2)))
    for item in t:scan():each() do
      await_requests(2)
      if item then break end
    end
    assert_nothing_under_way()
    assert(s:await("eof", 1))
  end)

  it("ends it when what the loop does raises", function()
    if _VERSION ~= "Lua 5.4" then return pending "for loops close nothing before Lua 5.4" end
    serve(answering(page_body(0, 1, 2)))
    pcall(function()
      for _ in t:scan():each() do
        await_requests(2)
        error "enough"
      end
    end)
    assert_nothing_under_way()
    assert(s:await("eof", 1))
  end)

  it("ends the requests of all segments", function()
    serve(answering(page_body(0, 1, 2)), answering())
    local query = t:scan { segments = 4 }
    query:next()
    await_requests(5) -- the second of one segment, the first of the others
    query:close()
    assert_nothing_under_way()
    assert(s:await("eof", 4))
  end)

  it("ends what reads the full items behind an index", function()
    local items = page_body(0, 1, 2):match "%[.*%]"
    serve(answering(page_body(0, 1, 2), ('{"Responses":{"t":%s}}'):format(items), page_body(0, 2, 2)))
    local query = t:index("byText"):query({ t = "text" }, { hydrate = true })
    query:next()
    await_requests(4) -- two pages of the index and what is behind them
    query:close()
    assert_nothing_under_way()
    assert(s:await("eof", 1))
  end)

  it("leaves the connection usable when the answer had come before", function()
    serve(answering(page_body(0, 1, 2), page_body(0, 2, 2, true), "{}"))
    local query = t:scan()
    query:next()
    await_requests(2)
    db:runtime():sleep(0.05)
    query:close()
    assert_nothing_under_way()
    assert(db:call("ListTables"))
    assert.equal(1, #s:events "connection")
  end)

  it("gives up a try that waits for its turn", function()
    local runtime = fake.new { answers = {
      { body = page_body(0, 1, 2) },
      { status = 500, body = '{"__type":"InternalServerError"}' },
    } }
    local query = connect({ runtime = runtime, retry = { random = 1 } })
      :table("t", { partition = "pk", types = { pk = "N" } }):scan()
    query:next()
    query:close()
    runtime:sleep(10)
    assert.equal(2, #runtime.requests)
    assert.is_nil(next(runtime.tasks.alive))
  end)
end)
