-- The records of a scripted stream one by one, on a virtual clock.
local dynamodb = require "dynamodb"
local message_of = require "spec.support.fake_client".message_of
local stream_world = require "spec.support.stream_world"

local SCALE = tonumber(os.getenv "SCALE") or 1

local FAULTS = { expired = 0.05, throttled = 0.05, empty = 0.1, missing = 0.2, stale = 0.3 }

describe("the records of a stream", function()
  local world, stream

  local function start(settings)
    world = stream_world.new(settings)
    stream = dynamodb.connect { region = "eu-west-1", access_key_id = "spec", secret_access_key = "spec",
      runtime = world.runtime, retry = { max_attempts = 10, random = 0.5 } }:stream "orders"
  end

  after_each(function()
    if world then world:close() end
    world = nil
  end)

  -- Notes a record as a consumer's handler would.
  local function note(record)
    table.insert(world.log, { item = tonumber(record.keys.pk:match "%d+$"), n = record.new.n,
      number = record.sequence_number })
  end

  it("are each given once and in order, whatever listings and iterators do", function()
    for seed = 1, 10 * SCALE do
      start { seed = seed, faults = FAULTS }
      for record in stream:records { poll = 0.1, batch_size = 7 } do
        note(record)
        if #world.log == #world.model:all() then break end
      end
      assert.same({ true }, { stream_world.is_ordered(world.log) })
      assert.equal(0, select(2, stream_world.numbers(world.log)))
      world:close()
    end
  end)

  it("end when a stream that is disabled was read to its end", function()
    start { seed = 2 }
    world:pass(1)
    local records = stream:records { poll = 0.1 }
    note(assert(records:next()))
    world.model:disable()
    for record in records do note(record) end
    local expected = 0
    for _, record in ipairs(world.model:all()) do
      expected = expected + (record.at <= world.model.disabled and 1 or 0)
    end
    assert.equal(expected, #world.log)
  end)

  it("begin behind a sequence number", function()
    start { seed = 3 }
    world:pass(5)
    local place = world.model.shards["shardId-a"].records[10].number
    local first
    for record in stream:records { from = { ["shardId-a"] = place, ["shardId-b"] = "SHARD_END" } } do
      first = first or record.sequence_number
      note(record)
      if #world.log == 7 * 40 - 10 then break end
    end
    assert.equal(world.model.shards["shardId-a"].records[11].number, first)
    local seen, repeated = stream_world.numbers(world.log)
    assert.same({ nil, 0 }, { seen[place], repeated })
    for _, record in ipairs(world.model.shards["shardId-b"].records) do assert.is_nil(seen[record.number]) end
  end)

  it("end with the time that they were given, and when stop says so", function()
    start { seed = 4, records = 10 }
    for record in stream:records { timeout = 60, poll = 0.1 } do note(record) end
    assert.same({ 80, true }, { #world.log, world.runtime:now() >= 60 })
    local ends = false
    world.runtime:spawn(function()
      world:pass(5)
      ends = true
    end)
    local records = stream:records { from = "LATEST", stop = function() return ends end }
    assert.is_nil((records:next()))
  end)

  it("are waited for where a shard is not there for a moment", function()
    start { seed = 4, records = 10 }
    local shard = world.model.shards["shardId-b"]
    for record in stream:records { poll = 0.1 } do
      note(record)
      if #world.log == 3 then
        shard.gone = true
        world.runtime:spawn(function()
          world:pass(0.25)
          shard.gone = nil
        end)
      end
      if #world.log == 80 then break end
    end
    assert.equal(0, select(2, stream_world.numbers(world.log)))
  end)

  it("are waited for as long as every new iterator is too old, too", function()
    start { seed = 4, records = 10, life = -1 }
    world.runtime:spawn(function()
      world:pass(5)
      world.model.life = 900
    end)
    assert.is_table(stream:records { poll = 0.1 }:next())
  end)

  it("are not there any more: the loop raises, next returns, and with on_trimmed reading goes on", function()
    start { seed = 5, every = 0.05 }
    world:pass(1)
    local place = world.model.shards["shardId-a"].records[3].number
    world.model.shards["shardId-a"].trimmed = 10
    local from = { ["shardId-a"] = place }
    local record, err = stream:records({ from = from }):next()
    assert.is_nil(record)
    assert.is_true(err:is "TrimmedDataAccess")
    local ok, raised = pcall(function() for _ in stream:records { from = from } do error "a record" end end)
    assert.same({ false, "TrimmedDataAccessException" }, { ok, raised.code })
    local gaps, seen = {}, {}
    for each in stream:records { from = from, on_trimmed = function(gap) gaps[#gaps + 1] = gap end, timeout = 20 } do
      seen[each.sequence_number] = true
    end
    assert.same({ "shardId-a", place, nil }, { gaps[1].shard_id, gaps[1].after, gaps[2] })
    for i, each in ipairs(world.model.shards["shardId-a"].records) do
      assert.equal(i > 10 or nil, seen[each.number])
    end
  end)

  it("are asked for with pauses as long as the oldest one is gone before it is read; that gap is told once", function()
    start { seed = 5, faults = { trimmed = 1 } }
    world.runtime:spawn(function()
      world:pass(5)
      world.model.faults.trimmed = nil
    end)
    local gaps = 0
    assert(stream:records({ poll = 1, on_trimmed = function() gaps = gaps + 1 end }):next())
    assert.equal(2, gaps)
    assert.is_true(world.model.counts.GetRecords < 20, world.model.counts.GetRecords .. " requests of two shards")
  end)

  it("need a stream", function()
    start { seed = 6 }
    world.model:disable()
    local record, err = stream:records():next()
    assert.same({ nil, "StreamNotEnabled" }, { record, err.code })
    assert.matches("orders has no stream", message_of(stream:records()))
  end)
end)
