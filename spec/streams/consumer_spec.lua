-- A consumer of a scripted stream on a virtual clock: eight shards that split while they are read, listings that lack
-- some of them, iterators that expire, records that fail or are gone.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local message_of = require "spec.support.fake_client".message_of
local process = require "spec.support.process"
local stream_model = require "spec.support.stream_model"
local stream_world = require "spec.support.stream_world"

local SCALE = tonumber(os.getenv "SCALE") or 1

local FAULTS = { expired = 0.05, throttled = 0.05, failing = 0.05, empty = 0.1, missing = 0.2, stale = 0.3 }

local world

local function new_world(settings)
  world = stream_world.new(settings)
  return world
end

local function complete() return world:is_complete() end

-- Passes time until every record was begun.
local function read_all(seconds)
  assert.is_true(world:await(seconds or 120, complete), "not every record was handled")
end

describe("a consumer by itself", function()
  after_each(function()
    if world then world:close() end
    world = nil
  end)

  it("handles every record once and in order, whatever listings and iterators do", function()
    for seed = 1, 30 * SCALE do
      new_world { seed = seed, faults = FAULTS }
      local done = 0
      local one = world:start({ poll = 0.1, batch_size = 7, stop = function() return done == #world.model:all() end },
        function() done = done + 1 end)
      local report, err = one:result()
      assert.is_nil(err)
      assert.equal(#world.model:all(), report.records)
      assert.same({ true }, { stream_world.is_ordered(world.log) })
      assert.equal(0, select(2, stream_world.numbers(world.log)))
      world:close()
    end
  end)

  it("finds the children of a shard also where the filter is not heeded", function()
    new_world { seed = 1, ignores_filter = true }
    world:start { poll = 0.1 }
    read_all()
    assert.is_true(stream_world.is_ordered(world.log))
  end)

  it("makes iterators anew that have become too old", function()
    new_world { seed = 2, life = 0.05 }
    world:start { poll = 0.1 }
    read_all()
    assert.equal(0, select(2, stream_world.numbers(world.log)))
  end)

  it("waits as long as every new iterator is too old, too", function()
    new_world { seed = 2, life = -1 }
    local one = world:start { poll = 0.1 }
    world:pass(30)
    assert.is_nil(one.err)
    world.model.life = 900
    read_all()
  end)

  it("leaves a quiet shard alone for a while, and reads on at once where there is more", function()
    new_world { seed = 3, records = 30, every = 0.001 }
    world:pass(1)
    world:start { poll = 1, batch_size = 5, timeout = 3 }
    world:pass(0.5)
    local begun = #world.log
    read_all()
    local busy = world.model.counts.GetRecords
    new_world { seed = 3, records = 0, every = 100 }
    world:start { poll = 1, timeout = 30 }
    world:pass(25)
    assert.is_true(begun >= 30, begun .. " records in half a second")
    assert.is_true(busy < 100, busy .. " requests")
    assert.is_true(world.model.counts.GetRecords < 60, world.model.counts.GetRecords .. " requests of two quiet shards")
  end)

  it("begins behind what is there, with LATEST", function()
    new_world { seed = 4, records = 40 }
    world:pass(0.4)
    local before = {}
    for _, record in ipairs(world.model:all()) do
      if record.at <= 0.4 then before[record.number] = true end
    end
    world:start { poll = 0.1, from = "LATEST" }
    local expected = 0
    for _, record in ipairs(world.model:all()) do expected = expected + (record.at > 0.5 and 1 or 0) end
    assert.is_true(world:await(60, function() return #world.log >= expected end))
    for _, entry in ipairs(world.log) do assert.is_nil(before[entry.number]) end
  end)

  it("finds the place of LATEST again when its iterator has expired before the first record", function()
    new_world { seed = 5, every = 3, life = 0.5, latency = 0 }
    world:start { poll = 2, from = "LATEST" }
    read_all(1000)
    assert.equal(0, select(2, stream_world.numbers(world.log)))
  end)

  it("finds the place of LATEST again by the service's clock, where its own is wrong", function()
    for _, ahead in ipairs { 7200, -7200 } do
      new_world { seed = 5, every = 3, life = 0.5, latency = 0, records = 10, epoch = 1700000000 - ahead }
      world:start { poll = 2, from = "LATEST" }
      read_all(1000)
      world:close()
    end
  end)

  it("tries a record again that fails, and ends with its error", function()
    new_world { seed = 6 }
    local attempts = {}
    local one = world:start({ max_attempts = 4 }, function(record)
      if record.new.n == 5 then
        attempts[#attempts + 1] = world.runtime:now()
        return nil, "not this one"
      end
    end)
    local report, err = one:result()
    assert.is_nil(report)
    assert.same({ "HandlerFailed", "not this one" }, { err.code, err.cause })
    assert.is_true(#attempts >= 4)
    assert.is_true(attempts[4] - attempts[3] > attempts[2] - attempts[1])
    assert.is_true(stream_world.is_ordered(world.log))
  end)

  it("takes a function of one's own that returns nil and an error for one that fails", function()
    new_world { seed = 6, records = 5 }
    local db, calls = world:start({ timeout = 0.01 }).db, 0
    local report, err = db:stream(stream_model.arn):consume(function(batch)
      calls = calls + #batch
      return nil, "not now"
    end, { max_attempts = 2, batch_size = 1, timeout = 60 })
    assert.is_nil(report)
    assert.same({ "HandlerFailed", "not now", 0 }, { err.code, err.cause, err.report.records })
    assert.is_true(calls >= 2)
  end)

  it("begins again with the record that it has ended at", function()
    local file = process.temporary()
    new_world { seed = 6 }
    local function failing(record) if record.new.n == 5 then error "not this one" end end
    local _, err = world:start({ max_attempts = 1, checkpoint = { file = file } }, failing):result()
    local failed = err.message:match "^record (%d+) of"
    assert.equal(err.report.records, #world.log - 1)
    world.log = {}
    world:start { poll = 0.1, checkpoint = { file = file } }
    local rest = #world.model:all() - err.report.records
    assert.is_true(world:await(60, function() return #world.log == rest end))
    local seen, repeated = stream_world.numbers(world.log)
    assert.same({ true, 0 }, { seen[failed], repeated })
  end)

  it("gives a record that cannot be read to on_failure, by its number, and skips none", function()
    new_world { seed = 8, records = 10 }
    world.model:damage("110", function(record) record.dynamodb.Keys = nil end)
    local taken = {}
    local one = world:start { poll = 0.1, max_attempts = 2, timeout = 20, on_failure = function(record, err, ctx)
      taken[#taken + 1] = { tostring(record), err.message, ctx.sequence_number }
    end }
    local report = assert(one:result())
    assert.same({ { "nil", "the record has no Keys", "110" } }, taken)
    assert.same({ 1, #world.model:all() - 1 }, { report.failed, report.records })
    local _, err = world:start({ poll = 0.1, max_attempts = 2 }):result()
    assert.matches("^record 110 of .* fails, also at attempt 2: .*has no Keys", err.message)
  end)

  it("ends with an error when answers cannot be understood again and again", function()
    new_world { seed = 8, records = 10 }
    world.model:damage("110", function(record) record.dynamodb.NewImage.n = { Q = "1" } end)
    local report, err = world:start({ poll = 0.1, max_attempts = 3, timeout = 600, on_failure = print }):result()
    assert.is_nil(report)
    assert.equal("ResponseError", err.code)
    assert.matches("GetRecords", tostring(err))
    assert.is_nil(stream_world.numbers(world.log)["110"])
  end)

  it("goes on behind a record that fails once", function()
    new_world { seed = 7, faults = FAULTS }
    local failed = {}
    world:start({ poll = 0.1 }, function(record)
      if record.new.n % 10 == 0 and not failed[record.sequence_number] then
        failed[record.sequence_number] = true
        error "once"
      end
    end)
    read_all()
    local _, repeated = stream_world.numbers(world.log)
    local count = 0
    for _ in pairs(failed) do count = count + 1 end
    assert.equal(count, repeated)
    assert.is_true(stream_world.is_ordered(world.log))
  end)

  it("passes over a record that on_failure has taken, and no other", function()
    new_world { seed = 8 }
    local taken = {}
    local one = world:start({ poll = 0.1, max_attempts = 2, timeout = 20,
      on_failure = function(record, err, ctx)
        taken[#taken + 1] = { record.new.n, err, ctx.sequence_number == record.sequence_number, ctx.shard_id }
        return true
      end }, function(record)
      if record.keys.pk == "item-1" and record.new.n == 3 then return nil, "bad" end
    end)
    local report = assert(one:result())
    assert.same({ { 3, "bad", true, "shardId-a" } }, taken)
    assert.same({ 1, #world.model:all() - 1 }, { report.failed, report.records })
    assert.is_true(complete())
  end)

  it("ends when on_failure fails, too", function()
    new_world { seed = 8 }
    local one = world:start({ max_attempts = 1, on_failure = function() error("queue full", 0) end },
      function(record) if record.new.n == 3 then error "bad" end end)
    local _, err = one:result()
    assert.same({ "HandlerFailed", "queue full" }, { err.code, err.cause })
  end)

  it("raises what a function of the options raises", function()
    new_world { seed = 8 }
    local one = world:start { stop = function() return world.runtime:now() > 1 and error "broken stop" end }
    assert.matches("broken stop", message_of(one.result, one))
  end)

  it("ends with an error where records are trimmed, and tells of the gap where it is asked to", function()
    new_world { seed = 9, every = 0.05 }
    local one = world:start { poll = 0.1, batch_size = 3 }
    world:pass(1)
    one:stop()
    world:pass(2)
    world.model.shards["shardId-a"].trimmed = 39
    one:continue()
    local report, err = one:result()
    assert.is_nil(report)
    assert.is_true(err:is "TrimmedDataAccess")
    assert.matches("records of shardId%-a behind %d+ are not there any more", err.message)

    local gaps = {}
    local file = process.temporary()
    new_world { seed = 9, every = 0.05 }
    one = world:start({ poll = 0.1, batch_size = 3, checkpoint = { file = file }, timeout = 30,
      on_trimmed = function(gap) gaps[#gaps + 1] = gap end })
    world:pass(1)
    one:stop()
    local place
    for _, entry in ipairs(world.log) do place = entry.shard == "shardId-a" and entry.number or place end
    world:pass(2)
    world.model.shards["shardId-a"].trimmed = 39
    one:continue()
    report = assert(one:result())
    assert.same({ { stream = stream_model.arn, shard_id = "shardId-a", after = place } }, gaps)
    assert.same({ 1, 8 }, { report.gaps, report.shards })
  end)

  it("tells once of a gap, and asks with pauses as long as the oldest record is gone before it is read", function()
    new_world { seed = 9, every = 0.05, faults = {} }
    local gaps = {}
    local one = world:start { poll = 0.1, timeout = 60,
      on_trimmed = function(gap) gaps[#gaps + 1] = gap.shard_id .. " " .. gap.after end }
    world.model.faults.trimmed = 1
    world:pass(20)
    local asked = world.model.counts.GetRecords
    world.model.faults.trimmed = nil
    read_all()
    assert(one:result())
    assert.same({ "shardId-a TRIM_HORIZON", "shardId-b TRIM_HORIZON" }, gaps)
    assert.is_true(asked < 2 * 15, asked .. " requests in 20 seconds of two shards")
  end)

  it("tells of a shard that is not there any more before it was read", function()
    new_world { seed = 10, every = 0.05 }
    local gaps = {}
    local one = world:start { poll = 0.1, batch_size = 3, timeout = 30,
      on_trimmed = function(gap) gaps[#gaps + 1] = gap end }
    world:pass(1)
    world.model.shards["shardId-a"].gone = true
    assert(one:result())
    assert.same({ "shardId-a" }, { gaps[1].shard_id, gaps[2] })
    local seen = stream_world.numbers(world.log)
    for _, id in ipairs { "c", "d", "f", "b", "e", "g", "h" } do
      for _, record in ipairs(world.model.shards["shardId-" .. id].records) do assert.is_true(seen[record.number]) end
    end
  end)

  it("reads a disabled stream to its end, then says so", function()
    new_world { seed = 11, faults = FAULTS }
    local one = world:start { poll = 0.1, batch_size = 3 }
    world:pass(1)
    world.model:disable()
    local report, err = one:result()
    assert.is_nil(report)
    assert.equal("StreamDisabled", err.code)
    local seen, expected = stream_world.numbers(world.log), 0
    for _, record in ipairs(world.model:all()) do
      if record.at <= world.model.disabled then
        expected = expected + 1
        assert.is_true(seen[record.number])
      end
    end
    assert.is_true(expected > 20)
  end)

  it("keeps its place in a file", function()
    local file = process.temporary()
    new_world { seed = 12, faults = FAULTS }
    for i = 1, 6 do
      local one = world:start { poll = 0.1, batch_size = 7, checkpoint = { file = file }, timeout = i * 0.3 }
      assert(one:result())
    end
    world:start { poll = 0.1, checkpoint = { file = file } }
    read_all()
    assert.equal(0, select(2, stream_world.numbers(world.log)))
    assert.is_true(stream_world.is_ordered(world.log))
  end)

  it("keeps the places of a shard's children, too, before it says that the shard was read", function()
    local file = process.temporary()
    new_world { seed = 12, records = 10, faults = { stale = 1 } }
    world:pass(world.model.shards["shardId-a"].ends + 0.1)
    local done, last = 0, world.model.shards["shardId-a"].records[10].number
    local one = world:start({ checkpoint = { file = file }, stop = function() return done == last end },
      function(record)
        world.model.faults.stale = nil
        done = record.sequence_number
      end)
    assert(one:result())
    local kept = core.json_decode(process.read(file)).shards
    assert.equal("SHARD_END", kept["shardId-a"].checkpoint)
    for _, id in ipairs { "shardId-c", "shardId-d" } do
      assert.same({ checkpoint = "TRIM_HORIZON", parent = "shardId-a" }, kept[id])
    end
  end)

  it("refuses a file that is none of checkpoints", function()
    local file = process.temporary()
    local handle = assert(io.open(file, "wb"))
    handle:write "{}"
    handle:close()
    new_world { seed = 12 }
    local _, err = world:start({ checkpoint = { file = file } }):result()
    assert.same({ "CheckpointError", file .. " is no file of checkpoints" }, { err.code, err.message })
    _, err = world:start({ checkpoint = { file = file .. "/nowhere" } }):result()
    assert.equal("CheckpointError", err.code)
  end)

  it("does not leave the unread rest of an older stream behind without a word", function()
    local file = process.temporary()
    local handle = assert(io.open(file, "wb"))
    handle:write(core.json_encode { stream = stream_model.arn:gsub("2026", "2025"), shards = {
      old = { checkpoint = "5" }, older = { checkpoint = "SHARD_END" } } })
    handle:close()
    new_world { seed = 13 }
    local _, err = world:start({ checkpoint = { file = file } }):result()
    assert.equal("StreamReplaced", err.code)
    local gaps = {}
    local one = world:start { checkpoint = { file = file }, timeout = 1,
      on_trimmed = function(gap) gaps[#gaps + 1] = gap end }
    assert(one:result())
    assert.same({ "old", "5", nil }, { gaps[1].shard_id, gaps[1].after, gaps[2] })
  end)

  it("goes on where the iterator of records was", function()
    new_world { seed = 14, faults = FAULTS }
    local inner = dynamodb.connect { region = "eu-west-1", runtime = world.runtime, access_key_id = "a",
      secret_access_key = "b", retry = { max_attempts = 10 } }
    local records = inner:stream(stream_model.arn):records { poll = 0.1 }
    local latest, first = {}, {}
    for record in records do
      local item, n = record.keys.pk, record.new.n
      assert.equal((latest[item] or 0) + 1, n)
      latest[item], first[record.sequence_number] = n, true
      if record.sequence_number == "200" then break end
    end
    world:start { poll = 0.1, from = records:position() }
    local rest = 0
    for _, record in ipairs(world.model:all()) do rest = rest + (first[record.number] and 0 or 1) end
    assert.is_true(world:await(60, function() return #world.log >= rest end))
    for _, entry in ipairs(world.log) do
      assert.is_nil(first[entry.number])
      assert.equal((latest["item-" .. entry.item] or 0) + 1, entry.n)
      latest["item-" .. entry.item] = entry.n
    end
  end)

  it("refuses what cannot be meant", function()
    new_world { seed = 1 }
    local db = world:start({ timeout = 0.01 }).db
    local stream = db:stream "orders"
    for _, case in ipairs {
      { "the handler of consume must be a function", stream.consume, stream, {} },
      { 'unknown option of consume "form"; did you mean "from"%?', stream.consume, stream, print, { form = "LATEST" } },
      { "from must be", stream.consume, stream, print, { from = "YESTERDAY" } },
      { "from: the place in shard a", stream.consume, stream, print, { from = { a = 5 } } },
      { "batch_size must be 1000", stream.consume, stream, print, { batch_size = 1001 } },
      { "lease must be a number of seconds", stream.consume, stream, print, { lease = 0 } },
      { "checkpoint must be the name", stream.consume, stream, print, { checkpoint = {} } },
      { "stop must be a function", stream.records, stream, { stop = true } },
      { 'unknown option of records "checkpoint"', stream.records, stream, { checkpoint = "app" } },
      { "checkpoint must be the name", stream.consume, stream, print, { checkpoint = { file = "" } } },
      { "db:stream needs a table.* not a number", db.stream, db, 5 },
      { "db:stream needs a table.* not an empty text", db.stream, db, "" },
    } do
      assert.matches(case[1], message_of((table.unpack or unpack)(case, 2)))
    end
  end)

  it("waits out what passes when it starts, but not for ever", function()
    new_world { seed = 1, records = 5 }
    local answer, refusals = world.runtime.handler, 6
    world.runtime.handler = function(request)
      local is_refused = refusals > 0 and request.head:find "DescribeTable"
      if not is_refused then return answer(request) end
      refusals = refusals - 1
      return { status = 400, body = '{"__type":"x#ThrottlingException","message":"too fast"}' }
    end
    local stream = world:start({ timeout = 0.01 }).db:stream "orders"
    assert.equal(40, assert(stream:consume(function() end, { timeout = 60 })).records)
    refusals = math.huge
    local begun = world.runtime:now()
    local report, err = stream:consume(function() end, { max_attempts = 4 })
    assert.same({ nil, "ThrottlingException" }, { report, err.code })
    assert.is_true(world.runtime:now() - begun > 0.7)
    local ends = false
    world.runtime:spawn(function()
      world:pass(0.5)
      ends = true
    end)
    assert.equal(0, assert(stream:consume(function() end, { stop = function() return ends end })).records)
  end)

  it("says that a table has no stream", function()
    new_world { seed = 1 }
    world.model:disable()
    local db = world:start({ timeout = 0.01 }).db
    local report, err = db:stream("orders"):consume(print)
    assert.is_nil(report)
    assert.same({ "StreamNotEnabled", "orders has no stream; its last one was " .. stream_model.arn },
      { err.code, err.message })
  end)

  it("has no transactions with the checkpoint without a lease table", function()
    new_world { seed = 1 }
    local message
    world:start({}, function(record, ctx)
      message = message or message_of(ctx.transact, ctx, record, function() end)
    end)
    world:pass(1)
    assert.matches("ctx:transact needs checkpoints in a lease table", message)
  end)
end)
