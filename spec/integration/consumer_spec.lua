-- Consumers of a real engine's stream: also in an nginx worker, from a timer (spec/nginx/phases_spec.lua).
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"

describe("a consumer of a real stream", function()
  if not engine.endpoint then
    return it("handles its records", function() pending "no engine: run through tools/engine.sh" end)
  elseif engine.name == "dynalite" then
    return it("handles its records", function() pending "dynalite has no streams" end)
  end

  local db, items, name, leases

  before_each(function()
    db = engine.connect()
    name, leases = engine.prefix .. core.uuid(), engine.prefix .. core.uuid()
    items = assert(db:create_table { name = name, partition = "pk", sort = "sk", types = { sk = "N" },
      stream = "NEW_AND_OLD_IMAGES" })
  end)

  after_each(function()
    engine.drop_table(db, name)
    engine.drop_table(db, leases)
    db:close()
  end)

  local function write(first, last)
    for i = first, last do assert(items:put { pk = "item-" .. i % 3, sk = i, n = dynamodb.number "1e30" }) end
  end

  local function handler_into(seen)
    return dynamodb.streams.handler { insert = function(record, ctx)
      assert(ctx.shard_id and record.new.n == dynamodb.number "1e30")
      seen[#seen + 1] = record.keys.sk
    end }
  end

  local function numbers(first, last)
    local list = {}
    for i = first, last do list[#list + 1] = i end
    return list
  end

  for _, kind in ipairs { "memory", "a lease table" } do
    it("handles what comes while it runs, with checkpoints in " .. kind, function()
      local seen = {}
      write(1, 5)
      local _, errs = db:parallel {
        function()
          return db:stream(items):consume(handler_into(seen), { poll = 0.05, timeout = 60,
            checkpoint = kind ~= "memory" and leases or nil, stop = function() return #seen >= 12 end })
        end,
        function() write(6, 12) end,
      }
      assert.is_nil(errs)
      assert.same(numbers(1, 12), seen)
    end)
  end

  it("goes on behind its last checkpoint", function()
    local seen = {}
    write(1, 10)
    local stream = db:stream(name)
    assert(stream:consume(handler_into(seen), { checkpoint = leases, stop = function() return #seen == 4 end }))
    local report = assert(stream:consume(handler_into(seen), { checkpoint = db:table(leases), poll = 0.05,
      stop = function() return #seen == 10 end }))
    assert.equal(6, report.records)
    assert.same(numbers(1, 10), seen)
  end)

  it("shares the stream with another one that takes over when it ends", function()
    local seen, ends = {}, false
    write(1, 3)
    local _, errs = db:parallel {
      function()
        return db:stream(name):consume(handler_into(seen), { checkpoint = leases, poll = 0.05, lease = 1,
          stop = function() return ends end, timeout = 60 })
      end,
      function()
        return db:stream(name):consume(handler_into(seen), { checkpoint = leases, poll = 0.05, lease = 1,
          stop = function() return #seen == 8 end, timeout = 60 })
      end,
      function()
        while #seen < 3 do db:runtime():sleep(0.02) end
        write(4, 5)
        while #seen < 5 do db:runtime():sleep(0.02) end
        ends = true
        write(6, 8)
      end,
    }
    assert.is_nil(errs)
    assert.same(numbers(1, 8), seen)
  end)

  it("writes the effect and the checkpoint in one transaction", function()
    write(1, 6)
    local done = 0
    local handler = dynamodb.streams.handler { insert = function(record, ctx)
      done = done + 1
      return ctx:transact(record, function(tx)
        tx:update(items, { pk = "sum", sk = 0 }, { add = { total = record.keys.sk } })
      end)
    end }
    for last = 3, 6, 3 do
      assert(db:stream(items):consume(handler, { checkpoint = leases, stop = function() return done >= last end }))
    end
    assert.equal(21, assert(items:get({ pk = "sum", sk = 0 }, { consistent = true })).total)
  end)

  it("gives its records one by one", function()
    write(1, 7)
    local seen, records = {}, db:stream(items):records { batch_size = 2, timeout = 60 }
    for record in records do
      seen[#seen + 1] = record.new.sk
      if #seen == 5 then break end
    end
    local place = records:position()
    records:close()
    assert.is_nil(records:next())
    records = db:stream(items):records { from = place, timeout = 60 }
    assert.same({ 6, 7 }, { records:next().new.sk, records:next().new.sk })
    records = db:stream(items):records { from = "LATEST", poll = 0.05, timeout = 60 }
    local _, errs = db:parallel {
      function()
        seen = nil
        seen = assert(records:next()).new.sk
      end,
      function() -- one of them is written when it has begun
        for sk = 8, 200 do
          db:runtime():sleep(0.3)
          if seen then break end
          write(sk, sk)
        end
      end,
    }
    assert.is_nil(errs)
    assert.is_true(seen >= 8, seen)
  end)

  it("does not leave the rest of a stream behind that the table has another one for", function()
    write(1, 5)
    local seen = {}
    assert(db:stream(items):consume(handler_into(seen), { checkpoint = leases,
      stop = function() return #seen == 3 end }))
    local old = assert(db:stream(items):arn())
    assert(items:alter { stream = false })
    assert(items:wait "active")
    assert(items:alter { stream = "NEW_AND_OLD_IMAGES" })
    write(6, 6)
    local report, err = db:stream(items):consume(handler_into(seen), { checkpoint = leases })
    assert.same({ nil, "StreamReplaced" }, { report, err.code })
    assert.matches(old, err.message, 1, true)
    local gaps = {}
    assert(db:stream(items):consume(handler_into(seen), { checkpoint = leases,
      on_trimmed = function(gap) gaps[#gaps + 1] = gap.stream end, stop = function() return #seen == 4 end }))
    assert.same({ old }, gaps) -- dynoxide shows the old records in the new stream, too: which came last is not asked
  end)

  it("ends with an error when the stream is turned off", function()
    write(1, 2)
    local seen = {}
    local stream = db:stream(assert(db:stream(items):arn()))
    assert(items:alter { stream = false })
    local report, err = stream:consume(handler_into(seen), { poll = 0.05, timeout = 60 })
    assert.is_nil(report)
    assert.is_true(err:is "ResourceNotFound" or err.code == "StreamDisabled") -- dynoxide has no word of it any more
    local again
    again, err = db:stream(items):consume(handler_into(seen))
    assert.is_nil(again)
    assert.equal("StreamNotEnabled", err.code)
  end)
end)
