local core = require "dynamodb.core"
local model = require "spec.support.batch_model"

-- How many; the sanitizers and their collector take fifty times as long.
local SCHEDULES = 10000 * tonumber(os.getenv "SCALE" or 1) / (os.getenv "FLAVOUR" == "asan" and 50 or 1)

local function new_batch(fields)
  fields.kind = fields.kind or "write"
  return core.batch(fields)
end

local KEYS = { partition = "pk", sort = "sk" }
local function add_table(batch, name, fields)
  local copy = { name = name, partition = KEYS.partition, sort = KEYS.sort }
  for field, value in pairs(fields or {}) do copy[field] = value end
  return batch:table(copy)
end

local function check_sum(report)
  assert.equal(report.input, report.done + report.failed + report.superseded + report.unprocessed)
end

--- The operations of a request: `P a 1`, `D a 2`, in their order.
local function operations(body)
  local list = {}
  for name, part in pairs(core.json_decode(body).RequestItems) do
    for _, each in ipairs(part.Keys or part) do
      local put = each.PutRequest
      local subject = put and put.Item or each.DeleteRequest and each.DeleteRequest.Key or each
      list[#list + 1] = ("%s%s %s %s"):format(name == "t" and "" or name .. ":", put and "P" or "D", subject.pk.S,
        subject.sk.N or subject.sk.S)
    end
  end
  return list
end

local NOTHING_LEFT = { body = '{"UnprocessedItems":{}}' }

local function put(batch, t, pk, sk, fields)
  local item = { pk = pk, sk = sk }
  for name, value in pairs(fields or {}) do item[name] = value end
  return batch:add(t, "put", item)
end

describe("core.batch", function()
  it("sends 25 operations in a request, 100 keys", function()
    local batch = new_batch {}
    local t = add_table(batch, "t")
    for i = 1, 60 do assert.is_true(put(batch, t, "p" .. i, 1)) end
    local sizes = {}
    for i = 1, 3 do
      local id, body = batch:next(0)
      sizes[i] = #operations(body)
      batch:done(id, NOTHING_LEFT, 0)
    end
    assert.same({ 25, 25, 10 }, sizes)
    assert.is_nil(batch:next(0))
    local gets = new_batch { kind = "get" }
    t = add_table(gets, "t")
    for i = 1, 150 do gets:add(t, "get", { pk = "p", sk = i }, i) end
    assert.equal(100, #operations(select(2, gets:next(0))))
    assert.equal(50, #operations(select(2, gets:next(0))))
  end)

  it("splits by bytes on the wire", function()
    local batch = new_batch { max_bytes = 100000 }
    local t = add_table(batch, "t")
    for i = 1, 10 do put(batch, t, "p", i, { x = ("\1"):rep(5000) }) end -- 6 bytes each as an escape
    local count = 0
    while true do
      local id, body = batch:next(0)
      if not id then break end
      assert.is_true(#body <= 100000)
      count = count + #operations(body)
      batch:done(id, NOTHING_LEFT, 0)
    end
    assert.equal(10, count)
  end)

  it("puts several tables into one request", function()
    local batch = new_batch {}
    local a, b = add_table(batch, "a"), add_table(batch, "b")
    put(batch, a, "p", 1)
    put(batch, b, "p", 1)
    batch:add(a, "delete", { pk = "p", sk = 2 })
    local list = operations(select(2, batch:next(0)))
    table.sort(list)
    assert.same({ "a:D p 2", "a:P p 1", "b:P p 1" }, list)
  end)

  it("names a table once in a request, however often it was made known", function()
    local batch = new_batch {}
    local a, b = add_table(batch, "t"), add_table(batch, "t")
    assert.equal(a, b)
    put(batch, a, "p", 1)
    local other = add_table(batch, "u")
    put(batch, other, "p", 1)
    put(batch, b, "p", 2)
    put(batch, b, "p", 1)
    local _, body = batch:next(0)
    assert.equal(1, select(2, body:gsub('"t":', "")))
    assert.equal(3, #operations(body))
    assert.has_error(function() add_table(batch, "t", { sort = "other" }) end,
      "table t is in the batch already, with another key")
  end)

  describe("with a rate", function()
    local function large(batch, t, sk) put(batch, t, "p" .. sk, sk, { x = ("x"):rep(100 * 1024 - 50) }) end

    it("does not take its own waiting for a lack of progress", function()
      local batch = new_batch { random = function() return 1 end }
      local t = add_table(batch, "t", { rate = 1, now = 0 })
      large(batch, t, 1)
      large(batch, t, 2)
      local now, requests = 0, 0
      while not batch:stopped() and batch:report().done < 2 do
        local id, wait = batch:next(now)
        if id then
          requests = requests + 1
          batch:done(id, requests == 1 and { class = "transient" } or NOTHING_LEFT, now)
        else
          now = now + (wait or 0)
        end
      end
      assert.same({ nil, 2, 3 }, { batch:stopped(), batch:report().done, requests })
      assert.is_true(now > 180 and now < 220, now)
    end)

    it("stalls all the same where nothing ever succeeds", function()
      local batch = new_batch { random = function() return 0.5 end }
      local t = add_table(batch, "t", { rate = 1, now = 0 })
      for sk = 1, 4 do large(batch, t, sk) end
      local now, requests = 0, 0
      while not batch:stopped() and requests < 1000 do
        local id, wait = batch:next(now)
        if id then
          requests = requests + 1
          batch:done(id, { class = "transient" }, now)
        else
          now = now + (wait or 0)
        end
      end
      assert.equal("stalled", batch:stopped())
      assert.is_true(requests > 4 and requests < 200, requests)
    end)

    it("believes no cost that the operations cannot have had", function()
      for units, longest in pairs {
        ["1e125"] = 799, ["1E400"] = 1, ["-1e125"] = 1, ["-5"] = 1, ['"NaN"'] = 1, ["[]"] = 1, ["7"] = 6,
      } do
        local batch = new_batch {}
        local t = add_table(batch, "t", { rate = 1, now = 0 })
        put(batch, t, "p", 1)
        put(batch, t, "p", 2)
        local id = batch:next(0)
        batch:done(id, { body = '{"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"t","CapacityUnits":'
          .. units .. "}]}" }, 0)
        assert.equal(2, batch:report().done, units)
        put(batch, t, "p", 3)
        local _, wait = batch:next(0)
        assert.equal(longest, wait, units)
      end
    end)
  end)

  it("replaces what waits by what is newer, whatever way the number is written", function()
    local batch = new_batch {}
    local t = add_table(batch, "t")
    put(batch, t, "p", 1, { x = 1 })
    put(batch, t, "p", 1.0, { x = 2 })
    put(batch, t, "p", setmetatable({ N = "1E0" }, core.raw_mt), { x = 3 })
    put(batch, t, "p", "1", { x = 4 }) -- a string is another key
    local _, body = batch:next(0)
    local items = core.json_decode(body).RequestItems.t
    assert.equal(2, #items)
    assert.equal("3", items[1].PutRequest.Item.x.N)
    local report = batch:report()
    assert.equal(2, report.superseded)
    check_sum(report)
  end)

  it("lets a newer operation wait for the one in flight, and only the newest", function()
    local batch = new_batch {}
    local t = add_table(batch, "t")
    put(batch, t, "p", 1)
    local first = batch:next(0)
    put(batch, t, "p", 1, { x = 2 })
    batch:add(t, "delete", { pk = "p", sk = 1 })
    local id, wait = batch:next(0)
    assert.is_nil(id)
    assert.equal(math.huge, wait)
    batch:done(first, NOTHING_LEFT, 0)
    local _, body = batch:next(0)
    assert.same({ "D p 1" }, operations(body))
    assert.equal(1, batch:report().superseded)
  end)

  it("does not send again what is left over when a newer operation waits", function()
    local batch = new_batch { random = function() return 1 end }
    local t = add_table(batch, "t")
    put(batch, t, "p", 1)
    local id, body = batch:next(0)
    batch:add(t, "delete", { pk = "p", sk = 1 })
    batch:done(id, { body = '{"UnprocessedItems":' .. body:match '"RequestItems":(.*),"Return' .. "}" }, 0)
    assert.is_nil(batch:next(0.049))
    id, body = batch:next(0.051)
    assert.same({ "D p 1" }, operations(body))
    batch:done(id, NOTHING_LEFT, 1)
    local report = batch:report()
    assert.same({ 2, 1, 1 }, { report.input, report.done, report.superseded })
  end)

  it("sends leftovers again after delays that double up to 20 s, each on its own", function()
    local batch = new_batch { random = function() return 1 end }
    local t = add_table(batch, "t")
    put(batch, t, "slow", 1)
    local now, delays = 0, {}
    for i = 1, 12 do
      local id = batch:next(now)
      put(batch, t, "fast", i) -- others' progress does not shorten it
      local other = batch:next(now)
      batch:done(other, NOTHING_LEFT, now)
      batch:done(id, { body = '{"UnprocessedItems":{"t":[{"PutRequest":{"Item":{"sk":{"N":"1.00"},'
        .. '"pk":{"S":"sl\\u006fw"}}}}]}}' }, now)
      local _, wait = batch:next(now)
      delays[i] = wait
      now = now + wait
    end
    for i, delay in ipairs(delays) do assert.near(math.min(20, 0.05 * 2 ^ (i - 1)), delay, 1e-6) end
  end)

  it("lets new items of a partition queue behind its leftovers", function()
    local batch = new_batch { random = function() return 1 end }
    local t = add_table(batch, "t")
    put(batch, t, "hot", 1)
    local id = batch:next(0)
    batch:done(id, { class = "throttling", code = "ThrottlingException" }, 0)
    put(batch, t, "hot", 2)
    put(batch, t, "cold", 1)
    local body
    id, body = batch:next(0)
    assert.same({ "P cold 1" }, operations(body))
    batch:done(id, NOTHING_LEFT, 0)
    id, body = batch:next(0.06)
    assert.same({ "P hot 1" }, operations(body))
    assert.is_nil(batch:next(0.06))
    batch:done(id, NOTHING_LEFT, 0.07)
    assert.same({ "P hot 2" }, operations(select(2, batch:next(0.07))))
  end)

  it("waits as long as the service asks, within five seconds of its own delay", function()
    local batch = new_batch { random = function() return 0 end }
    local t = add_table(batch, "t")
    put(batch, t, "p", 1)
    batch:done(batch:next(0), { class = "throttling", retry_after = 1.5 }, 0)
    assert.near(1.5, select(2, batch:next(0)), 1e-6)
    batch:done(batch:next(2), { class = "transient", retry_after = 900 }, 2)
    assert.near(5, select(2, batch:next(2)), 1e-6)
  end)

  it("takes everything as unprocessed when the reply is garbled or leaves over what was never sent", function()
    for _, reply in ipairs { "", "{", "[]", '{"UnprocessedItems":{"t":[{]}}', '{"UnprocessedItems":{"t":[{"PutRequest":'
      .. '{"Item":{"pk":{"S":"stranger"},"sk":{"N":"1"}}}}]}}',
      '{"UnprocessedItems":{"t":[{"PutRequest":{"Item":{}}}]}}', '{"UnprocessedItems":{"t":[null]}}',
      '{"UnprocessedItems":{"t":[{}]}}', '{"UnprocessedItems":{"t":[{"PutRequest":{}}]}}',
      '{"UnprocessedItems":{"t":[{"PutRequest":null}]}}', '{"UnprocessedItems":{"t":[{"PutRequest":{"Item":null}}]}}',
      '{"UnprocessedItems":{"t":[{"Put":{"Item":{"pk":{"S":"p"},"sk":{"N":"1"}}}}]}}',
      '{"UnprocessedItems":{"t":null}}', '{"UnprocessedItems":{"u":[{}]}}' } do
      local batch = new_batch {}
      local t = add_table(batch, "t")
      put(batch, t, "p", 1)
      batch:done(batch:next(0), { body = reply }, 0)
      assert.equal(1, batch:report().unprocessed, reply)
    end
  end)

  it("takes every key as unprocessed when a get's reply does not tell which are", function()
    local KEY = '{"pk":{"S":"p"},"sk":{"N":"1"}}'
    for reply, left in pairs {
      ["{}"] = 2, ['{"Responses":null}'] = 2, ['{"UnprocessedKeys":{}}'] = 2,
      ['{"UnprocessedKeys":{"t":{"Keys":[' .. KEY .. "]}}}"] = 2,
      ['{"UnprocessedKeys":{"t":{"Keys":[' .. KEY .. ',{"pk":{"S":"p"},"sk":{"N":"2"}}]}}}'] = 2,
      ['{"Responses":{"t":[]},"UnprocessedKeys":{"t":{}}}'] = 2,
      ['{"Responses":{"t":[]},"UnprocessedKeys":{"t":null}}'] = 2,
      ['{"Responses":{"t":[]},"UnprocessedKeys":{"t":{"Keys":null}}}'] = 2,
      ['{"Responses":{"t":[]},"UnprocessedKeys":{"t":{"Keys":[{}]}}}'] = 2,
      ['{"Responses":{"t":[]},"UnprocessedKeys":{"t":{"Keys":[null]}}}'] = 2,
      ['{"Responses":{"t":[]},"UnprocessedKeys":{"t":{"Keys":[]}}}'] = 0,
      ['{"Responses":{"t":[]},"UnprocessedKeys":{"t":{"Keys":[' .. KEY .. "]}}}"] = 1,
      ['{"Responses":{"t":[]}}'] = 0,
    } do
      local batch = new_batch { kind = "get" }
      local t = add_table(batch, "t")
      batch:add(t, "get", { pk = "p", sk = 1 }, 1)
      batch:add(t, "get", { pk = "p", sk = 2 }, 2)
      local results = batch:done(batch:next(0), { body = reply }, 0)
      assert.equal(left, batch:report().unprocessed, reply)
      assert.equal(left == 0, results[1] == false, reply)
    end
  end)

  it("knows a table that it named by ARN by its name in the reply, and the other way round", function()
    local ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
    for asked, answered in pairs { [ARN .. "t"] = "t", t = ARN .. "t" } do
      local batch = new_batch {}
      local t, u = add_table(batch, asked, { rate = 1, now = 0 }), add_table(batch, "u")
      put(batch, t, "p", 1)
      put(batch, t, "p", 2)
      put(batch, u, "p", 1)
      local id = batch:next(0)
      batch:done(id, { body = '{"UnprocessedItems":{"' .. answered .. '":[{"PutRequest":{"Item":{"pk":{"S":"p"},'
        .. '"sk":{"N":"2"}}}}]},"ConsumedCapacity":[{"TableName":"' .. answered .. '","CapacityUnits":6}]}' }, 0)
      assert.equal(2, batch:report().done)
      assert.near(5, select(2, batch:next(0.9)) + 0.9, 1e-6)
    end
    -- Of two accounts' tables nobody knows which one is meant.
    local batch = new_batch {}
    put(batch, add_table(batch, ARN .. "t"), "p", 1)
    put(batch, add_table(batch, (ARN:gsub("1234", "4321")) .. "t"), "p", 1)
    local id = batch:next(0)
    batch:done(id, { body = '{"UnprocessedItems":{"t":[{"PutRequest":{"Item":{"pk":{"S":"p"},"sk":{"N":"1"}}}}]}}' }, 0)
    assert.equal(0, batch:report().done)
  end)

  it("finds the items that are refused and writes all others", function()
    local batch = new_batch {}
    local t = add_table(batch, "t")
    local world = model.new(model.random(1), { t = { "pk", "sk" } }, { poison = "bad" })
    local i = 0
    world:run(batch, { kind = "write", pull = function()
      i = i + 1
      if i > 100 then return nil end
      return put(batch, t, "p", i, { bad = i % 33 == 0 and true or nil })
    end })
    local report = batch:report()
    assert.same({ 97, 3, 0 }, { report.done, report.failed, report.unprocessed })
    local seen = {}
    for n, failure in ipairs(batch:failures()) do
      seen[n] = failure.item.sk
      assert.equal("ValidationException", failure.code)
    end
    table.sort(seen)
    assert.same({ 33, 66, 99 }, seen)
    assert.is_true(report.requests < 40)
  end)

  it("gives up after max_failed refusals and tells what is left", function()
    local batch = new_batch { max_failed = 5 }
    local t = add_table(batch, "t")
    for i = 1, 50 do put(batch, t, "p", i) end
    local now = 0
    while true do
      local id, wait = batch:next(now)
      if not id and not wait then break end
      batch:done(id, { class = "refused", code = "ValidationException", message = "no" }, now)
    end
    local report = batch:report()
    assert.equal("failures", batch:stopped())
    assert.same({ 5, 45 }, { report.failed, report.unprocessed })
    assert.equal(45, #batch:leftovers())
    check_sum(report)
  end)

  it("isolates a missing table, now and later", function()
    local batch = new_batch {}
    local gone, there = add_table(batch, "gone"), add_table(batch, "there")
    local world = model.new(model.random(2), { there = { "pk", "sk" } })
    local i = 0
    world:run(batch, { kind = "write", concurrency = 3, pull = function()
      i = i + 1
      if i > 200 then return nil end
      return put(batch, i % 2 == 0 and gone or there, "p" .. i % 7, i)
    end })
    local report = batch:report()
    assert.same({ 100, 100, 0 }, { report.done, report.failed, report.unprocessed })
    assert.is_true(batch:lost(gone))
    assert.is_false(batch:lost(there))
    assert.equal("ResourceNotFoundException", batch:failures()[100].code)
  end)

  it("stops when nothing has gone well for a minute, but not while it is only slow", function()
    local batch = new_batch { random = function() return 1 end }
    local t = add_table(batch, "t")
    put(batch, t, "a", 1)
    put(batch, t, "b", 1)
    local now = 0
    batch:done(batch:next(now), { class = "throttling" }, now)
    now = 50
    local id = batch:next(now)
    batch:done(id, NOTHING_LEFT, now) -- progress
    for i = 2, 3 do put(batch, t, "a", i) end
    batch:done(batch:next(now), { class = "throttling" }, now)
    while true do
      local one, wait = batch:next(now)
      if not one and not wait then break end
      if one then batch:done(one, { class = "throttling" }, now) else now = now + wait end
    end
    assert.equal("stalled", batch:stopped())
    assert.near(110, now, 1e-3)
    check_sum(batch:report())
  end)

  it("stops at its deadline and waits no longer than that", function()
    local batch = new_batch { deadline = 1, random = function() return 1 end, base = 8 }
    local t = add_table(batch, "t")
    put(batch, t, "p", 1)
    local id = batch:next(0)
    batch:done(id, { class = "transient" }, 0.5)
    local none, wait = batch:next(0.5)
    assert.is_nil(none)
    assert.near(0.5, wait, 1e-9)
    local over, nothing = batch:next(1)
    assert.is_nil(over)
    assert.is_nil(nothing)
    assert.equal("deadline", batch:stopped())
    assert.same({ { table = 1, op = "put", item = { pk = "p", sk = 1 } } }, batch:leftovers())
  end)

  it("holds no more bytes than its budget", function()
    local batch = new_batch { budget = 50000 }
    local t = add_table(batch, "t")
    local added = 0
    while put(batch, t, "p", added + 1, { x = ("x"):rep(1000) }) do added = added + 1 end
    assert.is_true(added > 20 and added < 50)
    assert.is_true(batch:report().bytes <= 50000)
    batch:done(batch:next(0), NOTHING_LEFT, 0)
    assert.is_true(put(batch, t, "q", 1))
  end)

  it("holds capacity units back: estimated before, settled after", function()
    local batch = new_batch {}
    local t = add_table(batch, "t", { rate = 100, now = 0 })
    for i = 1, 60 do put(batch, t, "p", i, { x = ("x"):rep(10000) }) end -- 10 units each
    local id, body = batch:next(0)
    assert.equal(20, #operations(body)) -- one second's worth, and one more that is owed
    local none, wait = batch:next(0)
    assert.is_nil(none)
    assert.near(1, wait, 0.05)
    batch:done(id, { body = '{"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"t","CapacityUnits":400.0}]}' }, 0)
    assert.near(3, select(2, batch:next(0)), 0.05)
    assert.equal(400, batch:report().capacity[1])
    assert.is_not_nil(batch:next(3.1))
  end)

  it("refuses what cannot be an item of the table, before it is sent", function()
    local batch = new_batch {}
    local t = add_table(batch, "t", { types = { pk = "S", sk = "N" } })
    local function message(item, op)
      local ok, text = batch:add(t, op or "put", item)
      assert.is_nil(ok)
      return text
    end
    assert.matches("sk: the key needs it", message { pk = "a" })
    assert.matches("pk must be a string, not a number", message { pk = 1, sk = 1 })
    assert.matches("pk is empty", message { pk = "", sk = 1 })
    assert.matches("pk has 2049 bytes", message { pk = ("x"):rep(2049), sk = 1 })
    assert.matches("a key of 3 attributes; this table's has 2", message({ pk = "a", sk = 1, x = 1 }, "delete"))
    assert.matches("largest attribute is big with 410003", message { pk = "a", sk = 1, big = ("x"):rep(410000), y = 1 })
    assert.matches("Item.f: a function", message { pk = "a", sk = 1, f = print })
    local report = batch:report()
    assert.same({ 7, 7 }, { report.input, report.failed })
    assert.is_nil(batch:next(0))
  end)

  it("hands out what a get found by who asked: copies for duplicates, false for what is missing", function()
    local batch = new_batch { kind = "get" }
    local t = add_table(batch, "t", { members = '"ConsistentRead":true' })
    batch:add(t, "get", { pk = "a", sk = 1 }, 1)
    batch:add(t, "get", { pk = "b", sk = core.binary "\0\255" }, 2)
    batch:add(t, "get", { pk = "a", sk = 1.0 }, 3)
    batch:add(t, "get", { pk = "c", sk = 3 }, 4)
    local id, body = batch:next(0)
    assert.matches('"Keys":%[.*%],"ConsistentRead":true}}', body)
    assert.equal(3, #core.json_decode(body).RequestItems.t.Keys)
    local results = batch:done(id, { body = '{"Responses":{"t":[{"sk":{"B":"AP8="},"pk":{"S":"b"},"x":{"L":[]}},'
      .. '{"sk":{"N":"1.0"},"pk":{"S":"a"},"x":{"N":"7"}}]},"UnprocessedKeys":{}}' }, 0)
    assert.equal(7, results[1].x)
    assert.equal(7, results[3].x)
    assert.are_not.equal(results[1], results[3])
    assert.equal(core.list_mt, getmetatable(results[2].x))
    assert.is_false(results[4])
    assert.same({ 4, 4 }, { batch:report().input, batch:report().done })
  end)

  it("asks at once for what a full page of a partition left over", function()
    local batch = new_batch { kind = "get", random = function() return 1 end }
    local t = add_table(batch, "t")
    batch:add(t, "get", { pk = "a", sk = 1 }, 1)
    batch:add(t, "get", { pk = "a", sk = 2 }, 2)
    local big = ("x"):rep(950000)
    batch:done(batch:next(0), { body = '{"Responses":{"t":[{"pk":{"S":"a"},"sk":{"N":"1"},"x":{"S":"' .. big .. '"}}]},'
      .. '"UnprocessedKeys":{"t":{"Keys":[{"pk":{"S":"a"},"sk":{"N":"2"}}]}}}' }, 0)
    assert.is_not_nil(batch:next(0))
  end)

  it("does not ask at once for what a large reply left over that brought nothing", function()
    local batch = new_batch { kind = "get", random = function() return 1 end, stall = 10 }
    local t = add_table(batch, "t")
    batch:add(t, "get", { pk = "a", sk = 1 }, 1)
    local reply = '{"Responses":{},"UnprocessedKeys":{"t":{"Keys":[{"pk":{"S":"a"},"sk":{"N":"1"}}]}}}'
      .. (" "):rep(15000000)
    local now, requests = 0, 0
    while not batch:stopped() and requests < 50 do
      local id, wait = batch:next(now)
      if id then
        requests = requests + 1
        batch:done(id, { body = reply }, now)
      else
        now = now + (wait or 0)
      end
    end
    assert.equal("stalled", batch:stopped())
    assert.is_true(requests < 12, requests)
  end)

  it("asks for less at once when a reply is too large", function()
    local batch = new_batch { kind = "get" }
    local t = add_table(batch, "t")
    for i = 1, 8 do batch:add(t, "get", { pk = "a", sk = i }, i) end
    batch:done(batch:next(0), { class = "too_large", code = "ResponseError" }, 0)
    assert.equal(4, #operations(select(2, batch:next(0))))
    assert.equal(4, #operations(select(2, batch:next(0))))
  end)

  it("is closed once and for all, and refuses to go on", function()
    local batch = new_batch {}
    batch:close()
    batch:close()
    assert.has_error(function() batch:report() end, "the batch is closed")
  end)
end)

describe("schedules of a batch by the thousand, on a virtual clock against tables in memory", function()
  --- What is wanted of every key in the end, as the operations come.
  local function schedule(seed)
    local random = model.random(seed)
    local rough = random() < 0.3
    local faults = {
      leftover = random() * (rough and 0.6 or 0.3), throttle = random() * 0.3, transient = random() * 0.3,
      applied = random(), poison = random() < 0.3 and "bad" or nil,
    }
    local world = model.new(random, { a = { "pk" }, b = { "pk", "sk" } }, faults)
    local batch = new_batch {
      random = random, budget = random() < 0.3 and 6000 or nil, max_failed = random() < 0.5 and 3 or nil,
      deadline = random() < 0.2 and random() * 3 or nil, stall = 30,
    }
    local tables = {
      batch:table { name = "a", partition = "pk" },
      batch:table { name = "b", partition = "pk", sort = "sk", types = { pk = "S", sk = "N" }, rate = 200 },
      random() < 0.2 and batch:table { name = "missing", partition = "pk" } or nil,
    }
    local last, added, total = {}, 0, math.floor(random() * 60) + 1
    local waiting
    local function pull()
      if not waiting then
        if added == total then return nil end
        added = added + 1
        local which = math.floor(random() * #tables) + 1
        local item = { pk = "p" .. math.floor(random() * 6) }
        if which == 2 then item.sk = math.floor(random() * 8) end
        local id = which .. item.pk .. "/" .. (item.sk or "")
        local op = random() < 0.3 and "delete" or "put"
        if op == "put" then
          item.value = added
          if random() < 0.05 then item.bad = true end
        end
        waiting = { which, op, item, id }
      end
      local fits = batch:add(tables[waiting[1]], waiting[2], waiting[3])
      if not fits then return false end
      last[waiting[4]] = waiting
      waiting = nil
      return true
    end
    world:run(batch, { kind = "write", concurrency = math.floor(random() * 4) + 1, pull = pull })

    local report = batch:report()
    local taken = added - (waiting and 1 or 0)
    if report.input ~= taken or report.done + report.failed + report.superseded + report.unprocessed ~= taken then
      error(("seed %d: the sum is wrong"):format(seed))
    end
    local open = {} -- what the report names does not have to be as written last
    for _, list in ipairs { batch:failures(), batch:leftovers() } do
      for _, entry in ipairs(list) do
        local key = entry.item or entry.key
        open[entry.table .. key.pk .. "/" .. (key.sk or "")] = true
      end
    end
    local all_told = report.failed == #batch:failures() -- no more than max_failed are
    if not batch:stopped() and report.unprocessed > 0 then error(("seed %d: left without a reason"):format(seed)) end
    for id, operation in pairs(last) do
      local which, op, item = operation[1], operation[2], operation[3]
      local tbl = world.tables[which == 1 and "a" or "b"]
      if which < 3 and all_told and not open[id] then
        local key = "S:" .. item.pk .. (item.sk and "|N:" .. core.key(item.sk) or "")
        local stored = tbl.items[key]
        local value = stored and tonumber(stored.value.N)
        if value ~= (op == "put" and item.value or nil) then
          error(("seed %d: %s is %s, %s was written"):format(seed, id, tostring(value), tostring(item.value)))
        end
      end
    end
    batch:close()
    return report
  end

  it("end with each item as written last or in the report, and the sum adds up", function()
    local done, failed, superseded, unprocessed = 0, 0, 0, 0
    for seed = 1, SCHEDULES do
      local report = schedule(seed)
      done, failed = done + report.done, failed + report.failed
      superseded, unprocessed = superseded + report.superseded, unprocessed + report.unprocessed
    end
    -- The schedules are such that everything happens.
    local few = SCHEDULES / 10
    assert.is_true(done > 10 * few and failed > few and superseded > few and unprocessed > few)
  end)

  it("read every key once or tell that they did not", function()
    for seed = 1, SCHEDULES / 10 do
      local random = model.random(seed)
      local world = model.new(random, { b = { "pk", "sk" } },
        { leftover = random() * 0.4, throttle = random() * 0.3, transient = random() * 0.3 })
      local batch = new_batch { kind = "get", random = random, stall = 1000 }
      local t = batch:table { name = "b", partition = "pk", sort = "sk" }
      for i = 0, 29 do
        world.tables.b.items["S:p|N:" .. core.key(i)] = { pk = { S = "p" }, sk = { N = ("%d"):format(i) } }
      end
      local asked, found, more = {}, {}, math.floor(random() * 200)
      world:run(batch, {
        kind = "get", concurrency = 3,
        pull = function()
          if #asked == more then return nil end
          local sk = math.floor(random() * 60)
          asked[#asked + 1] = sk
          return batch:add(t, "get", { pk = "p", sk = sk }, #asked)
        end,
        results = function(results)
          for index, item in pairs(results) do
            assert(found[index] == nil, "told twice")
            found[index] = item
          end
        end,
      })
      for index, sk in ipairs(asked) do
        local item = found[index]
        if sk < 30 then assert(item.sk == sk) else assert(item == false) end
      end
      assert(batch:report().done == #asked)
    end
  end)
end)
