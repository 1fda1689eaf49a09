-- What a query or scan makes of its arguments, what it asks for and when, over a runtime of which nothing is real.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local fake = require "dynamodb.runtime.fake"
local model_reader = require "spec.support.model_reader"

local e = dynamodb.expr
local KEYS = {
  partition = "pk", sort = "sk", types = { pk = "S", sk = "N", a = "S", b = "N", c = "S", d = "N" },
  indexes = {
    by_group = { partition = "group", sort = "sk", kind = "global" },
    wide = { partition = { "a", "b" }, sort = { "c", "d" } },
  },
}

-- A table over a handler, or over the same answer again and again.
local function new_table(handler, options, schema)
  local runtime = fake.new { handler = handler or function() return { body = '{"Items":[],"Count":0}' } end }
  local all = { region = "eu-west-1", access_key_id = "AK", secret_access_key = "SK", runtime = runtime,
    retry = { max_attempts = 1 } }
  for name, value in pairs(options or {}) do all[name] = value end
  return dynamodb.connect(all):table("t", schema or KEYS), runtime
end

local function items(count)
  local list = {}
  for i = 1, count do list[i] = { pk = "p", sk = i, group = "g", keep = i % 2 == 0, v = i } end
  return list
end

local function sent(runtime, i) return (core.json_decode(runtime.requests[i or #runtime.requests].body)) end

-- The call raises at this file, with that message, and nothing is sent.
local function refuses(message, f, options)
  local t, runtime = new_table(nil, options)
  local ok, raised = pcall(f, t)
  assert.is_false(ok)
  assert.matches(message, tostring(raised), 1, true)
  assert.matches("query_spec.lua:", tostring(raised), 1, true)
  assert.equal(0, #runtime.requests)
end

describe("Table:query", function()
  it("asks for a partition and a range of its sort key, all names aliased", function()
    local t, runtime = new_table()
    assert(t:query({ pk = "p", sk = e.between(1, 9) }, { reverse = true, consistent = true, page_size = 7 }):all())
    assert.same({
      TableName = "t", KeyConditionExpression = "#0 = :0 AND #1 BETWEEN :1 AND :2", ScanIndexForward = false,
      ConsistentRead = true, Limit = 7, ReturnConsumedCapacity = "TOTAL",
      ExpressionAttributeNames = { ["#0"] = "pk", ["#1"] = "sk" },
      ExpressionAttributeValues = { [":0"] = { S = "p" }, [":1"] = { N = "1" }, [":2"] = { N = "9" } },
    }, sent(runtime))
  end)

  it("knows the operators of a sort key", function()
    for text, condition in pairs {
      ["#1 = :1"] = 3, ["#1 < :1"] = e.lt(3), ["#1 <= :1"] = e.le(3), ["#1 > :1"] = e.gt(3), ["#1 >= :1"] = e.ge(3),
    } do
      local t, runtime = new_table()
      assert(t:query({ pk = "p", sk = condition }):all())
      assert.equal("#0 = :0 AND " .. text, sent(runtime).KeyConditionExpression)
    end
    local t, runtime = new_table(nil, nil, { partition = "pk", sort = "sk" })
    assert(t:query({ pk = "p", sk = e.begins_with "ORDER#" }):all())
    assert.equal("#0 = :0 AND begins_with(#1, :1)", sent(runtime).KeyConditionExpression)
  end)

  it("says filters and attributes beside the keys, with placeholders that are shared", function()
    local t, runtime = new_table()
    assert(t:query({ pk = "p" }, { where = { other = "p" }, attributes = { "a.b", "sk" } }):all())
    local params = sent(runtime)
    assert.equal("#0 = :0", params.KeyConditionExpression)
    assert.equal("#1 = :0", params.FilterExpression)
    assert.equal("#2.#3, #4, #0", params.ProjectionExpression)
    assert.same({ ["#0"] = "pk", ["#1"] = "other", ["#2"] = "a", ["#3"] = "b", ["#4"] = "sk" },
      params.ExpressionAttributeNames)
  end)

  it("takes keys as text", function()
    local t, runtime = new_table()
    local q = t:query("pk = :pk and (#s between :low and :high)",
      { names = { s = "sk" }, values = { pk = "p", low = 1, high = 2, open = true }, where = "keep = :open" })
    assert(q:all())
    local params = sent(runtime)
    assert.equal("#0 = :pk AND (#s BETWEEN :low AND :high)", params.KeyConditionExpression)
    assert.equal("#1 = :open", params.FilterExpression)
    assert.same({ ["#0"] = "pk", ["#1"] = "keep", ["#s"] = "sk" }, params.ExpressionAttributeNames)
  end)

  it("reads an index with keys of several parts", function()
    local t, runtime = new_table()
    assert(t:index "wide":query({ a = "x", b = 1, c = "y", d = e.gt(2) }, { attributes = { "v" } }):all())
    local params = sent(runtime)
    assert.equal("wide", params.IndexName)
    assert.equal("#0 = :0 AND #1 = :1 AND #2 = :2 AND #3 > :3", params.KeyConditionExpression)
    assert.same({ ["#0"] = "a", ["#1"] = "b", ["#2"] = "c", ["#3"] = "d", ["#4"] = "v", ["#5"] = "pk", ["#6"] = "sk" },
      params.ExpressionAttributeNames)
  end)

  it("describes a table whose keys are not declared, once, and an index that is not", function()
    local described = 0
    local handler = function(request)
      if not request.head:find "DescribeTable" then return { body = '{"Items":[]}' } end
      described = described + 1
      return { body = core.json_encode { Table = {
        AttributeDefinitions = {
          { AttributeName = "id", AttributeType = "S" }, { AttributeName = "x", AttributeType = "S" },
        },
        KeySchema = { { AttributeName = "id", KeyType = "HASH" } },
        GlobalSecondaryIndexes = { { IndexName = "by_x", KeySchema = { { AttributeName = "x", KeyType = "HASH" } } } },
      } } }
    end
    local runtime = fake.new { handler = handler }
    local db = dynamodb.connect { region = "r", access_key_id = "A", secret_access_key = "S", runtime = runtime }
    local t = db:table "t"
    assert(t:query({ id = "1" }):all())
    assert(t:index "by_x":query({ x = "1" }):all())
    assert.equal(1, described)
    local declared = db:table("t", { partition = "id" })
    assert(declared:index "by_x":query({ x = "1" }):all())
    assert.equal(2, described)
    local none, err = declared:index "by_y":query({ y = "1" }):all()
    assert.is_nil(none)
    assert.equal("ValidationException", err.code)
    assert.matches("no index of that name: by_y", err.message, 1, true)
  end)

  it("refuses keys that are none, on the caller's line", function()
    refuses('the table has the partition key pk; give a value for "pk"', function(t) t:query { sk = 1 } end)
    refuses("keys.pk: a query reads one partition; begins_with cannot be said of it",
      function(t) t:query { pk = e.begins_with "x" } end)
    refuses('"v" is not part of the key of the table (pk, sk)', function(t) t:query { pk = "p", v = 1 } end)
    refuses("keys.sk: contains cannot be said of a key", function(t) t:query { pk = "p", sk = e.contains(1) } end)
    refuses("keys.sk must be a number, not a string", function(t) t:query { pk = "p", sk = "1" } end)
    refuses("keys.sk: begins_with applies to strings", function(t) t:query { pk = "p", sk = e.begins_with(1) } end)
    refuses("keys.pk: a string that is not UTF-8", function(t) t:query { pk = "\255" } end)
    refuses("keys.sk: NaN is not a number", function(t) t:query { pk = "p", sk = e.between(1, 0 / 0) } end)
    refuses("keys.pk is empty", function(t) t:query { pk = "" } end)
    refuses("the keys must be a table", function(t) t:query(nil) end)
    refuses('keys.d: the sort key is given from the left', function(t)
      t:index "wide":query { a = "x", b = 1, d = 3 }
    end)
    refuses('keys.d: after "c", which is a range, nothing can follow', function(t)
      t:index "wide":query { a = "x", b = 1, c = e.gt "y", d = 3 }
    end)
    refuses('partition key a, b; give a value for "b"', function(t) t:index "wide":query { a = "x" } end)
  end)

  it("refuses texts that are no key conditions", function()
    local function text(source, values)
      return function(t) t:query(source, { values = values or { p = "p", s = 1 } }) end
    end
    refuses("keys, position 18: :s is not in values", text("pk = :p and sk = :s", { p = "p" }))
    refuses("AND or the end is expected here", text "pk = :p or sk = :s")
    refuses("=, <, <=, >, >= or BETWEEN is expected here", text "pk <> :p")
    refuses("a key condition has begins_with alone", text "pk = :p and contains(sk, :s)")
    refuses('"sk" is spoken of twice', text "pk = :p and sk > :s and sk < :s")
    refuses("a whole attribute, not a part of one", text "pk.x = :p")
    refuses("#k is not in names", text "#k = :p")
  end)

  it("refuses a key attribute in a filter, as table and as text", function()
    refuses('where: "sk" is part of the key that is read by', function(t)
      t:query({ pk = "p" }, { where = e.any { { v = 1 }, { sk = e.gt(3) } } })
    end)
    refuses('where: "sk" is part of the key that is read by', function(t)
      t:query({ pk = "p" }, { where = "v = :v or sk > :v", values = { v = 1 } })
    end)
    refuses('where: "group" is part of the key', function(t)
      t:index "by_group":query({ group = "g" }, { where = { group = "x" } })
    end)
    local t = new_table()
    assert(t:index "by_group":query({ group = "g" }, { where = { pk = "x" } }):all())
    assert(t:scan({ where = { pk = "x" } }):all())
  end)

  it("refuses options that make no sense", function()
    refuses('unknown option of query "limt"; did you mean "limit"?', function(t)
      t:query({ pk = "p" }, { limt = 3 })
    end)
    refuses("limit must be a whole number from 1, not 0", function(t) t:query({ pk = "p" }, { limit = 0 }) end)
    refuses("limit must be a whole number from 1, not a string", function(t)
      t:query({ pk = "p" }, { limit = "10" })
    end)
    refuses("reverse must be true or false", function(t) t:query({ pk = "p" }, { reverse = "yes" }) end)
    refuses("rcu must be a positive number", function(t) t:query({ pk = "p" }, { rcu = 0 }) end)
    refuses("concurrency says how many segments", function(t) t:scan { concurrency = 4 } end)
    refuses("segment must be from 1 to 4", function(t) t:scan { segments = 4, segment = 5 } end)
    refuses("hydrate is for an index", function(t) t:query({ pk = "p" }, { hydrate = true }) end)
    refuses("cursor must be a string", function(t) t:query({ pk = "p" }, { cursor = 3 }) end)
    refuses("cursor_keys[1] must be a string of at least 16 bytes", function(t)
      t:query({ pk = "p" }, { cursor_keys = { "short" } })
    end)
    refuses("cursor_keys must be a list of 1 to 8 keys", function(t)
      t:query({ pk = "p" }, { cursor_keys = { "current key 0123456789", previous = "previous key 012345678" } })
    end)
    refuses("consistent: by_group is a global index", function(t)
      t:index "by_group":query({ group = "g" }, { consistent = true })
    end)
    refuses('unknown option of scan "reverse"', function(t) t:scan { reverse = true } end)
  end)
end)

describe("a query object", function()
  local function over(count, page, options)
    local handler, model = model_reader.new(items(count), page, options)
    local t, runtime = new_table(handler)
    return t, model, runtime
  end

  local function values(list)
    local got = {}
    for i, item in ipairs(list) do got[i] = item.v end
    return got
  end

  it("gives each item of every page, empty pages in between or not", function()
    local t, model = over(9, 1)
    local got = {}
    for item in t:query({ pk = "p" }, { where = { keep = true } }) do got[#got + 1] = item.v end
    assert.same({ 2, 4, 6, 8 }, got)
    assert.equal(10, #model.requests)
  end)

  it("counts a limit in items, and does not read in small pages because of a filter", function()
    local t, model = over(100, 50)
    assert.equal(10, #assert(t:query({ pk = "p" }, { limit = 10, where = { keep = true } }):all()))
    assert.equal(1, #model.requests)
    assert.is_nil(model.requests[1].Limit)
  end)

  it("asks for no more than the limit when nothing is filtered", function()
    local t, model = over(100, 50)
    assert.equal(60, #assert(t:query({ pk = "p" }, { limit = 60 }):all()))
    assert.equal(60, model.requests[1].Limit)
    assert.equal(10, model.requests[2].Limit)
  end)

  it("pages for a reader who comes back", function()
    local t = over(25, 4)
    local got, cursor, pages = {}, nil, 0
    repeat
      local page = assert(t:query({ pk = "p" }, { limit = 10 }):page(cursor))
      for _, item in ipairs(page.items) do got[#got + 1] = item.v end
      assert.is_true(#page.items == 10 or page.cursor == nil)
      cursor, pages = page.cursor, pages + 1
    until not cursor
    assert.same(values(items(25)), got)
    assert.equal(3, pages)
  end)

  it("has one page of the service without a limit, the first that is not empty", function()
    local t, model = over(9, 3)
    local page = assert(t:query({ pk = "p" }):page())
    assert.same({ 1, 2, 3 }, values(page.items))
    assert.equal(1, #model.requests)
    page = assert(t:query({ pk = "p", sk = e.gt(100) }):page())
    assert.same({}, values(page.items))
    assert.is_nil(page.cursor)
    assert.equal("[]", dynamodb.to_json(page.items))
  end)

  it("goes through pages, first item, count and all", function()
    local t = over(10, 4)
    local sizes = {}
    for page in t:query({ pk = "p" }):pages() do sizes[#sizes + 1] = #page.items end
    assert.same({ 4, 4, 2 }, sizes)
    assert.equal(1, assert(t:query({ pk = "p" }):first()).v)
    local none, err = t:query({ pk = "q" }):first()
    assert.is_nil(none)
    assert.is_nil(err)
    assert.equal(10, assert(t:query({ pk = "p" }):count()))
    assert.equal(5, assert(t:scan { where = { keep = true } }:count()))
    assert.equal(3, assert(t:scan { limit = 3 }:count()))
  end)

  it("counts without reading items", function()
    local t, model = over(10, 4)
    local count, _, meta = t:query({ pk = "p" }):count()
    assert.equal(10, count)
    assert.equal("COUNT", model.requests[1].Select)
    assert.equal(0, meta.items)
    assert.equal(10, meta.scanned)
    assert.equal(5, meta.capacity.CapacityUnits)
  end)

  it("stops after max_pages and tells where", function()
    local t = over(10, 3)
    local q = t:query({ pk = "p" }, { max_pages = 2 })
    local got = {}
    for item in q do got[#got + 1] = item.v end
    assert.same({ 1, 2, 3, 4, 5, 6 }, got)
    assert.equal(7, assert(t:query({ pk = "p" }, { cursor = q:cursor() }):first()).v)
  end)

  it("tells what it has cost", function()
    local t = over(10, 4)
    local q = t:query({ pk = "p" }, { where = { keep = true } })
    assert(q:all())
    local meta = q:meta()
    assert.equal(3, meta.pages)
    assert.equal(5, meta.items)
    assert.equal(10, meta.scanned)
    assert.equal(5, meta.capacity.CapacityUnits)
    assert.equal(3, meta.attempts)
  end)

  it("strips keys that nobody asked for, and none that somebody did", function()
    local t = over(3, 2)
    assert.same({ v = 1 }, assert(t:query({ pk = "p" }, { attributes = { "v" } }):first()))
    assert.same({ pk = "p", v = 1 }, assert(t:query({ pk = "p" }, { attributes = { "pk", "v" } }):first()))
  end)

  it("is as it was when it was made, whatever becomes of the program's tables", function()
    local handler, model = model_reader.new(items(9), 4)
    local described = core.json_encode { Table = {
      AttributeDefinitions = { { AttributeName = "pk", AttributeType = "S" } },
      KeySchema = { { AttributeName = "pk", KeyType = "HASH" }, { AttributeName = "sk", KeyType = "RANGE" } },
    } }
    local t = new_table(function(request)
      if request.head:find "DescribeTable" then return { body = described } end
      return handler(request)
    end, nil, {})
    local keys, options = { pk = "p" }, { limit = 3 }
    local q = t:query(keys, options)
    keys.pk, options.limit = "q", 1
    assert.equal(3, #assert(q:all()))
    assert.same({ limit = 1 }, options)
    assert.equal("p", model.requests[1].ExpressionAttributeValues[":0"])
  end)

  it("is used once", function()
    local t = over(3, 2)
    local q = t:query({ pk = "p" })
    assert(q:all())
    assert.has_error(function() q:all() end)
    assert.has_error(function() q:page() end)
    assert.is_nil(q:next())
  end)

  it("raises the error object in loops, returns it from next, and goes on when it is asked again", function()
    local t = over(6, 2, { fails = function(i) return i == 2 or i == 3 end })
    local q = t:query({ pk = "p" }, { prefetch = false })
    local got = {}
    local ok, raised = pcall(function()
      for item in q do got[#got + 1] = item.v end
    end)
    assert.is_false(ok)
    assert.is_true(raised:is "500")
    local item, err = q:next()
    assert.is_nil(item)
    assert.equal(500, err.status)
    for again in q do got[#got + 1] = again.v end
    assert.same({ 1, 2, 3, 4, 5, 6 }, got)
    assert.equal(3, assert(t:query({ pk = "p" }, { cursor = raised.cursor }):first()).v)
  end)

  it("gives the cursor of its own beginning when a page or a list fails: nothing of it was handed out", function()
    local t = over(6, 2, { fails = function(i) return i == 3 end })
    local page = assert(t:query({ pk = "p" }):page())
    local none, err = t:query({ pk = "p" }, { prefetch = false, limit = 4 }):page(page.cursor)
    assert.is_nil(none)
    assert.equal(page.cursor, err.cursor)
  end)

  it("ends with an error when the service goes round in a circle", function()
    local body = '{"Items":[],"LastEvaluatedKey":{"pk":{"S":"p"},"sk":{"N":"1"}}}'
    local t, runtime = new_table(function() return { body = body } end)
    local none, err = t:query({ pk = "p" }):all()
    assert.is_nil(none)
    assert.equal("ResponseError", err.code)
    assert.is_true(#runtime.requests < 4)
  end)

  it("keeps a deadline over all of it", function()
    local t = over(100, 1, { delay = 1 })
    local q = t:query({ pk = "p" }, { timeout = 4.5, prefetch = false })
    local got, item, err = 0, q:next()
    while item do
      got = got + 1
      item, err = q:next()
    end
    assert.equal(4, got)
    assert.equal("DeadlineExceeded", err.code)
    assert.equal(5, assert(t:query({ pk = "p" }, { cursor = err.cursor }):first()).v)
  end)

  it("is at its end behind the last item, also when the deadline has passed meanwhile", function()
    local t, _, runtime = over(5, 3)
    local q = t:query({ pk = "p" }, { timeout = 1 })
    for _ = 1, 5 do assert(q:next()) end
    runtime:advance(2)
    local item, err = q:next()
    assert.is_nil(item)
    assert.is_nil(err)
  end)

  it("keeps to the capacity units a second", function()
    local t, _, runtime = over(400, 1000)
    local q = t:query({ pk = "p" }, { rcu = 10, prefetch = false })
    assert.equal(400, #assert(q:all()))
    assert.equal(200, q:meta().capacity.CapacityUnits)
    assert.is_true(runtime:now() >= 18 and runtime:now() < 25, "200 units at 10 a second: " .. runtime:now())
  end)

  it("refuses a second reader", function()
    local t, _, runtime = over(4, 2, { delay = 1 })
    local q = t:query({ pk = "p" })
    local task = runtime:spawn(function() return q:next() end)
    assert.has_error(function() q:next() end)
    assert.is_true((runtime:join(task)))
  end)

  it("closes by itself where a loop is left, in 5.4", function()
    if _VERSION ~= "Lua 5.4" then return end
    local t, _, runtime = over(40, 4, { delay = 1 })
    local q = t:query({ pk = "p" })
    assert(load [[local q = ... for item in q:each() do if item.v == 3 then break end end]])(q)
    assert.is_nil(q:next())
    local before = #runtime.requests
    runtime:sleep(10)
    assert.equal(before, #runtime.requests)
    assert.equal(4, assert(t:query({ pk = "p" }, { cursor = q:cursor() }):first()).v)
  end)
end)

describe("fetching ahead", function()
  local function over(count, page, options, connect)
    local handler, model = model_reader.new(items(count), page, options)
    local t, runtime = new_table(handler, connect)
    return t, model, runtime
  end

  it("asks for the next page in the middle of one, and for no more", function()
    local t, model = over(40, 10)
    local q = t:query({ pk = "p" })
    for _ = 1, 4 do q:next() end
    assert.equal(1, #model.requests)
    q:next()
    assert.equal(2, #model.requests)
    for _ = 6, 10 do q:next() end
    assert.equal(2, #model.requests)
  end)

  it("can be switched off", function()
    local t, model = over(40, 10)
    local q = t:query({ pk = "p" }, { prefetch = false })
    for _ = 1, 10 do q:next() end
    assert.equal(1, #model.requests)
  end)

  it("reads nothing beyond the limit", function()
    local t, model = over(40, 10)
    local q = t:query({ pk = "p" }, { limit = 10 })
    assert.equal(10, #assert(q:all()))
    assert.equal(1, #model.requests)
  end)

  it("reads nothing beyond max_pages, of one segment or of many", function()
    for _, segments in ipairs { 1, 8 } do
      local t, model = over(40, 2, { delay = 0.1 })
      local q = t:scan { segments = segments, max_pages = 2 }
      local count = 0
      for _ in q do count = count + 1 end
      assert.equal(2, #model.requests)
      assert.equal(40 - count, #assert(t:scan({ segments = segments, cursor = q:cursor() }):all()))
    end
  end)

  it("asks again for a page whose answer came while nobody looked", function()
    local handler, model = model_reader.new(items(8), 4)
    local t, runtime
    t, runtime = new_table(function(request, ...)
      if #runtime.requests == 2 then return { code = "Timeout", sent = true } end
      return handler(request, ...)
    end)
    local q = t:query { pk = "p" }
    for _ = 1, 4 do assert(q:next()) end
    runtime:advance(10)
    for _ = 5, 8 do assert(q:next()) end
    assert.is_nil(select(2, q:next()))
    assert.equal(4, #runtime.requests)
    assert.equal(3, #model.requests)
  end)

  it("tells what the service refused, once", function()
    local handler = model_reader.new(items(8), 4)
    local t, runtime
    t, runtime = new_table(function(request, ...)
      if #runtime.requests == 2 then
        return { status = 400, body = '{"__type":"x#ValidationException","message":"no"}' }
      end
      return handler(request, ...)
    end)
    local _, err = t:query({ pk = "p" }):all()
    assert.is_true(err:is "ValidationException")
    assert.equal(2, #runtime.requests)
  end)
end)

describe("Table:scan", function()
  it("reads segments at the same time and holds a bounded number of pages", function()
    local handler = model_reader.new(items(200), 5, { delay = 0.02 })
    local t, runtime = new_table(handler)
    local alone = runtime:now()
    assert.equal(200, #assert(t:scan():all()))
    alone = runtime:now() - alone
    local together = runtime:now()
    local seen = {}
    for item in t:scan { segments = 8 } do
      assert.is_nil(seen[item.sk])
      seen[item.sk] = true
    end
    together = runtime:now() - together
    assert.equal(200, #seen)
    assert.is_true(together * 4 < alone, ("%g beside %g"):format(together, alone))
  end)

  it("reads no more segments at a time than it is told", function()
    local under_way, most = 0, 0
    local handler = model_reader.new(items(100), 5)
    local t = new_table(function(request, runtime)
      under_way = under_way + 1
      most = math.max(most, under_way)
      runtime:wait(0.1)
      under_way = under_way - 1
      return handler(request)
    end)
    assert.equal(100, #assert(t:scan { segments = 20, concurrency = 3 }:all()))
    assert.equal(3, most)
  end)

  it("shares the segments with other programs", function()
    local handler, model = model_reader.new(items(50), 5)
    local t = new_table(handler)
    local total = 0
    for segment = 1, 4 do total = total + #assert(t:scan { segments = 4, segment = segment }:all()) end
    assert.equal(50, total)
    assert.equal(3, model.requests[#model.requests].Segment)
  end)
end)

describe("Index:query with hydrate", function()
  it("reads the full items, in the index's order, and counts those that are gone", function()
    local list = items(6)
    local handler = model_reader.new(list, 4)
    local t, runtime = new_table(function(request)
      if not request.head:find "BatchGetItem" then return handler(request) end
      local keys = core.json_decode(request.body).RequestItems.t.Keys
      local found = {}
      for i = #keys, 1, -1 do
        if keys[i].sk.N ~= "3" then found[#found + 1] = { pk = keys[i].pk, sk = keys[i].sk, full = { BOOL = true } } end
      end
      return { body = core.json_encode { Responses = { t = found }, UnprocessedKeys = {} } }
    end)
    local q = t:index "by_group":query({ group = "g" }, { hydrate = true })
    local got = {}
    for item in q do
      assert.is_true(item.full)
      got[#got + 1] = item.sk
    end
    assert.same({ 1, 2, 4, 5, 6 }, got)
    assert.equal(1, q:meta().gone)
    assert.equal("#0, #1, #2", sent(runtime, 1).ProjectionExpression)
  end)
end)

describe("the capacity units of a query with hydrate", function()
  it("count those of the full items, whatever the client wants to see of them", function()
    for _, capacity in ipairs { "total", "none" } do
      local handler = model_reader.new(items(100), 10)
      local t, runtime = new_table(function(request)
        if not request.head:find "BatchGetItem" then return handler(request) end
        local found = core.json_decode(request.body).RequestItems.t.Keys
        local consumed = { { TableName = "t", CapacityUnits = #found } }
        local answer = { Responses = { t = found }, UnprocessedKeys = {}, ConsumedCapacity = consumed }
        return { body = core.json_encode(answer) }
      end, { capacity = capacity })
      local q = t:index "by_group":query({ group = "g" }, { hydrate = true, rcu = 10, prefetch = false })
      assert.equal(100, #assert(q:all()))
      assert.equal(100, q:meta().hydrated)
      assert.is_true(runtime:now() >= 13, "150 units at 10 a second: " .. runtime:now())
    end
  end)
end)

describe("an answer that cannot be read", function()
  it("is asked for again, whatever the program wants to see of numbers", function()
    for _, numbers in ipairs { "native", "string", "lossless" } do
      local handler, model = model_reader.new(items(3), 4)
      local t, runtime
      t, runtime = new_table(function(request)
        return #runtime.requests == 1 and { body = '{"Items":[{"pk"' } or handler(request)
      end, { numbers = numbers, retry = { max_attempts = 2 } })
      local list, _, meta = t:query({ pk = "p" }):all()
      assert.equal(3, #list)
      assert.equal(2, meta.attempts)
      assert.equal(1, #model.requests)
    end
  end)
end)

describe("numbers in keys", function()
  it("are exact in cursors, whatever the program wants to see", function()
    local exact = "12345678901234567890.123456789"
    for _, numbers in ipairs { "native", "string", "exact", "lossless" } do
      local t, runtime = new_table(function()
        local template = '{"pk":{"S":"p"},"sk":{"N":"%s"}}'
        local first, second = template:format(exact), template:format(exact .. "1")
        return { body = ('{"Items":[%s,%s],"LastEvaluatedKey":%s}'):format(first, second, second) }
      end, { numbers = numbers })
      local q = t:query({ pk = "p" }, { prefetch = false })
      assert(q:next())
      local middle = q:cursor()
      assert(q:next())
      for cursor, want in pairs { [middle] = exact, [q:cursor()] = exact .. "1" } do
        t:query({ pk = "p" }, { cursor = cursor, prefetch = false }):next()
        assert.same({ pk = { S = "p" }, sk = { N = want } }, sent(runtime).ExclusiveStartKey)
      end
    end
  end)
end)
