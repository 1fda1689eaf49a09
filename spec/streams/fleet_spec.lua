-- Consumers that share a scripted stream by leases in a real engine. First on a virtual clock, where they are killed,
-- stopped and continued to the millisecond and from many seeds; then as processes, with signals.
local engine = require "spec.support.engine"
local process = require "spec.support.process"
local stream_server = require "spec.support.stream_server"
local stream_world = require "spec.support.stream_world"

local SCALE = tonumber(os.getenv "SCALE") or 1

local FAULTS = { expired = 0.05, throttled = 0.05, failing = 0.05, empty = 0.1, missing = 0.2, stale = 0.3 }

local world

local function new_world(settings)
  world = stream_world.new(settings)
  return world
end

-- Passes time until every record was begun.
local function read_all()
  assert.is_true(world:await(120, function() return world:is_complete() end), "not every record was handled")
end

describe("consumers that share a stream", function()
  if not engine.endpoint then
    return it("need an engine", function() pending "no engine: run through tools/engine.sh" end)
  elseif engine.name == "dynalite" then
    return it("work", function() pending "dynalite has neither transactions nor items of failed conditions" end)
  end

  local db, name

  setup(function() db = engine.connect() end)
  teardown(function() db:close() end)
  before_each(function() name = engine.create_table(db, { "leaseKey:S" }) end)
  after_each(function()
    if world then world:close() end
    world = nil
    engine.drop_table(db, name)
  end)

  local LEASE, BATCH = 2, 7

  local function options(more)
    local all = { checkpoint = name, lease = LEASE, poll = 0.1, batch_size = BATCH }
    for option, value in pairs(more or {}) do all[option] = value end
    return all
  end

  local function work() world.runtime:wait(0.005) end

  -- Another table for another seed.
  local function renew_table()
    engine.drop_table(db, name)
    name = engine.create_table(db, { "leaseKey:S" })
  end

  it("lose and exchange nothing while they are killed, stopped and continued", function()
    for seed = 1, 8 * SCALE do
      new_world { seed = seed, records = 60, every = 0.05, faults = FAULTS }
      local consumers = { world:start(options(), work), world:start(options(), work), world:start(options(), work) }
      local random = function(n) return 1 + math.floor(world.model:random() * n) end
      local killed = 0
      while not world:is_complete() do
        assert.is_true(world.runtime:now() < 200, "it takes too long")
        world:pass(random(20) / 20)
        local one = consumers[random(#consumers)]
        if one.stopped then
          one:continue()
        elseif one.killed then
          consumers[#consumers + 1] = killed < 6 and world:start(options(), work) or nil
        elseif random(4) == 1 and killed < 3 then
          one:kill()
          killed = killed + 1
        else
          one:stop()
        end
        local alive = 0
        for _, each in ipairs(consumers) do alive = alive + (each.killed and 0 or 1) end
        if alive == 0 then consumers[#consumers + 1] = world:start(options(), work) end
      end
      assert.same({ seed, true }, { seed, stream_world.is_ordered(world.log) })
      local again = stream_world.overlap(world.log)
      assert.is_true(again <= BATCH, ("seed %d: %d records were begun again"):format(seed, again))
      assert.same({ seed, 0 }, { seed, stream_world.late(world.log) })
      for _, each in ipairs(consumers) do assert.is_nil(each.err) end
      world:close()
      renew_table()
    end
  end)

  it("take over from one that died within a lease and a poll", function()
    for seed = 1, 8 * SCALE do
      new_world { seed = seed, records = 400, every = 0.02 }
      local one = world:start(options(), work)
      world:pass(0.5)
      world:start(options(), work)
      world:pass(2 + world.model:random())
      local died, count = world.runtime:now(), #world.log
      local had = {}
      for i = 1, count do had[world.log[i].shard] = world.log[i].consumer end
      one:kill()
      world:pass(LEASE + 0.3) -- what is written meanwhile is read every 0.1 s
      for shard, consumer in pairs(had) do
        local began
        for i = count + 1, #world.log do
          if world.log[i].shard == shard and not began then began = world.log[i].at end
        end
        assert.is_number(began, ("seed %d: %s of consumer %d, dead since %g, is not read"):format(seed, shard, consumer,
          died))
      end
      world:close()
      renew_table()
    end
  end)

  -- Only "b" ends early, then "e", which comes of it and has two children; the shards of "a" would hide who found what.
  local function only_b_splits()
    for id, shard in pairs(world.model.shards) do
      if id == "shardId-a" then shard.ends = math.huge end
      if id:find "[cdf]$" then shard.begins = math.huge end
    end
  end

  -- Kills who has read "e" to its end, which it has said just now. No listing has had `hidden` before. Seconds until
  -- both children are begun.
  local function begun_after_death(hidden)
    only_b_splits()
    for _, id in ipairs(hidden) do world.model.shards[id].gone = true end
    world:start(options(), work)
    world:pass(0.5)
    world:start(options(), work)
    local inner, died = world.runtime.handler, nil
    world.runtime.handler = function(request, ...)
      local answer = inner(request, ...)
      if not died and request.body:find '"SHARD_END"' and request.body:find '"shardId%-e"' then
        for _, entry in ipairs(world.log) do died = entry.shard == "shardId-e" and entry.consumer or died end
        world.consumers[died]:stop()
      end
      return answer
    end
    assert.is_true(world:await(60, function() return died end))
    world.consumers[died]:kill()
    for _, id in ipairs(hidden) do world.model.shards[id].gone = nil end
    local at, first = world.runtime:now(), {}
    assert.is_true(world:await(120, function()
      for _, entry in ipairs(world.log) do first[entry.shard] = first[entry.shard] or entry.at end
      return first["shardId-g"] and first["shardId-h"]
    end))
    return math.max(first["shardId-g"], first["shardId-h"]) - at
  end

  for what, hidden in pairs { ["a child"] = { "shardId-h" }, ["any child"] = { "shardId-g", "shardId-h" } } do
    it(("find the children of a shard whose reader died at its end before it found %s"):format(what), function()
      for seed = 1, 4 do
        new_world { seed = seed, records = 100, every = 0.16 } -- so that no listing is due
        assert.is_true(begun_after_death(hidden) < LEASE + 0.3)
        world:close()
        renew_table()
      end
    end)
  end

  it("begin no record after the lease is lost, and set no checkpoint", function()
    new_world { seed = 1, records = 200, every = 0.001 }
    world:pass(1)
    local stopped, one -- the shard that it is at
    one = world:start(options(), function(_, ctx)
      work()
      if #world.log >= 3 and not stopped then
        one:stop()
        stopped = ctx.shard_id
        work() -- is still in this record when it goes on
      end
    end)
    assert.is_true(world:await(5, function() return stopped end))
    local two = world:start(options(), work)
    world:pass(LEASE * 3)
    local taken
    for i, entry in ipairs(world.log) do
      if entry.consumer == 2 and entry.shard == stopped then taken = taken or i end
    end
    assert.is_number(taken)
    local count = #world.log
    one:continue()
    world:pass(1)
    for i = count + 1, #world.log do
      assert.is_false(world.log[i].consumer == 1 and world.log[i].shard == stopped)
    end
    two:kill()
    assert.is_nil(one.err)
  end)

  it("begin no record when their machine wakes up that was suspended for longer than a lease", function()
    for seed = 1, 4 do
      new_world { seed = seed, records = 200, every = 0.001 }
      world:pass(1)
      local one = world:start(options(), work)
      world:pass(0.5)
      world:start(options(), work)
      one:suspend(LEASE * 3)
      world:pass(1)
      assert.equal(0, stream_world.late(world.log))
      world:close()
      renew_table()
    end
  end)

  it("begin no record when they hear of a lease's renewal only after it has expired", function()
    for seed = 1, 16 do
      new_world { seed = seed, records = 200, every = 0.001 }
      world:pass(1)
      local one = world:start(options(), work)
      world:pass(world.model:random())
      one:stop()
      world:pass(LEASE * 2)
      local answer, is_slow = world.runtime.handler, true
      world.runtime.handler = function(request, ...)
        local got = answer(request, ...)
        if is_slow and request.body:find('"UpdateExpression":"SET #0 = :0"', 1, true) then
          world:pass(LEASE * 2)
        end
        return got
      end
      one:continue()
      world:start(options(), work)
      world:pass(LEASE * 3)
      is_slow = false
      read_all()
      assert.equal(0, stream_world.late(world.log))
      world:close()
      renew_table()
    end
  end)

  it("hand over to one that comes: nothing is done twice, and each has its share", function()
    new_world { seed = 3, records = 200, every = 0.05 }
    world:start(options(), work)
    world:pass(2)
    world:start(options(), work)
    world:pass(2)
    local shards = { {}, {} }
    for _, entry in ipairs(world.log) do
      if entry.at > 3.5 then shards[entry.consumer][entry.shard] = true end
    end
    assert.is_not_nil(next(shards[1]))
    assert.is_not_nil(next(shards[2]))
    for shard in pairs(shards[1]) do assert.is_nil(shards[2][shard]) end
    assert.equal(0, select(2, stream_world.numbers(world.log)))
  end)

  it("let go of their leases when they are told to end", function()
    new_world { seed = 4, records = 100, every = 0.02 }
    local ends = false
    local one = world:start(options { lease = 60, stop = function() return ends end }, work)
    world:pass(0.5)
    ends = true
    assert(one:result())
    local before = world.runtime:now()
    world:start(options { lease = 60 }, work)
    read_all()
    assert.is_true(world.runtime:now() - before < 30)
    assert.equal(0, select(2, stream_world.numbers(world.log)))
  end)

  it("begin at all the places that they are given, also when they come to some of them at a later attempt", function()
    new_world { seed = 5, records = 40, every = 0.001 }
    world:pass(1)
    local places = {}
    for _, record in ipairs(world.model:all()) do places[record.shard] = record.number end
    local answer, rows = world.runtime.handler, 0
    world.runtime.handler = function(request)
      if not request.head:find "PutItem" then return answer(request) end
      rows = rows + 1
      if rows < 3 or rows > 4 then return answer(request) end
      return { status = 400, body = '{"__type":"x#ThrottlingException","message":"too fast"}' }
    end
    world:start(options { from = places }, work)
    world:pass(10)
    assert.is_true(rows > 4)
    assert.same({}, world.log)
  end)

  it("take over the place of LATEST, where nothing has been read yet", function()
    new_world { seed = 5, records = 40, every = 0.2 }
    world:pass(0.1)
    local one = world:start(options { from = "LATEST", poll = 30 }, work)
    world:pass(0.3)
    one:kill()
    world:pass(3)
    world:start(options { from = "LATEST" }, work)
    assert.is_true(world:await(120, function() return #world.log >= #world.model:all() - 2 end))
    local seen = stream_world.numbers(world.log)
    for _, record in ipairs(world.model:all()) do
      if record.at > 0.4 then assert.is_true(seen[record.number], "the record of " .. record.at .. " is lost") end
    end
  end)

  it("end with an error when the lease table vanishes, and do not begin anew", function()
    new_world { seed = 6, records = 400, every = 0.02 }
    local one = world:start(options(), work)
    world:pass(1)
    engine.drop_table(db, name)
    local _, err = one:result()
    assert.is_true(err:is "ResourceNotFound")
    assert.matches("lease table " .. name, err.message, 1, true)
    assert.is_nil((db:call("DescribeTable", { TableName = name })))
  end)

  it("handle all that there is when they are started again after the lease table has vanished", function()
    new_world { seed = 6, records = 40, every = 0.02 }
    local one = world:start(options(), work)
    world:pass(0.5)
    engine.drop_table(db, name)
    local _, err = one:result()
    assert.is_true(err:is "ResourceNotFound")
    world.log = {}
    world:start(options(), work)
    read_all()
    assert.is_true(stream_world.is_ordered(world.log))
  end)

  it("end with an error where the lease table is of another kind", function()
    local other = engine.create_table(db, { "pk:S" })
    finally(function() engine.drop_table(db, other) end)
    new_world { seed = 7 }
    local _, err = world:start(options { checkpoint = other }):result()
    assert.equal("LeaseTableError", err.code)
    assert.same({}, world.log)
  end)

  it("do in a transaction with the checkpoint what a record brings about, once", function()
    for seed = 1, 3 * SCALE do
      local sums = engine.create_table(db, { "pk:S" })
      finally(function() engine.drop_table(db, sums) end)
      new_world { seed = seed, records = 25, every = 0.05, faults = FAULTS }
      local function count(record, ctx, client)
        work()
        return ctx:transact(record, function(tx)
          tx:update(client:table(sums, { partition = "pk" }), { pk = record.keys.pk }, { add = { n = 1 } })
        end)
      end
      local one, two = world:start(options(), count), world:start(options(), count)
      world:pass(1 + world.model:random())
      one:kill()
      two:stop()
      world:start(options(), count)
      world:pass(LEASE * 2)
      two:continue()
      read_all()
      world:pass(1)
      local expected, found = {}, {}
      for _, record in ipairs(world.model:all()) do expected["item-" .. record.item] = record.n end
      for item in db:table(sums):scan() do found[item.pk] = item.n end
      assert.same(expected, found)
      world:close()
      renew_table()
    end
  end)

  it("go on where a transaction of another one is in the way of a write", function()
    new_world { seed = 3, records = 60, every = 0.05 }
    local answer, writes = world.runtime.handler, 0
    world.runtime.handler = function(request, ...)
      local is_write = request.head:find "UpdateItem"
      writes = writes + (is_write and 1 or 0)
      if not is_write or writes % 3 > 0 then return answer(request, ...) end
      return { status = 400, body = '{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException",'
        .. '"message":"Transaction is ongoing for the item"}' }
    end
    world:start(options(), work)
    world:pass(1)
    world:start(options(), work)
    read_all()
    for _, each in ipairs(world.consumers) do assert.is_nil(each.err) end
    local seen = {}
    for _, entry in ipairs(world.log) do seen[entry.consumer] = true end
    assert.same({ true, true }, seen)
  end)

  it("do not do again what was done in a transaction before its record failed after all", function()
    local sums = engine.create_table(db, { "pk:S" })
    finally(function() engine.drop_table(db, sums) end)
    new_world { seed = 7, records = 10 }
    local failed = {}
    world:start(options(), function(record, ctx, client)
      assert(ctx:transact(record, function(tx)
        tx:update(client:table(sums, { partition = "pk" }), { pk = "sum" }, { add = { n = 1 } })
      end))
      if record.new.n % 3 == 0 and not failed[record.sequence_number] then
        failed[record.sequence_number] = true
        error "afterwards"
      end
    end)
    read_all()
    world:pass(1)
    assert.is_not_nil(next(failed))
    assert.equal(80, assert(db:table(sums, { partition = "pk" }):get({ pk = "sum" }, { consistent = true })).n)
  end)

  it("keep their other leases while a transaction takes longer than a lease", function()
    for seed = 1, 4 do
      new_world { seed = seed, records = 30, every = 0.05 }
      local busy, ends = {}, nil
      local one = world:start(options { stop = function() return ends end }, function(record, ctx)
        busy[ctx.shard_id] = true
        if ctx.shard_id ~= "shardId-a" then return world.runtime:wait(LEASE * 3) end
        return ctx:transact(record, function() world.runtime:wait(LEASE * 3) end)
      end)
      assert.is_true(world:await(5, function() return busy["shardId-a"] and busy["shardId-b"] end))
      world:start(options(), work)
      world:pass(LEASE * 2.9)
      ends = true
      assert.equal(1, assert(one:result()).lost)
      assert.equal(0, stream_world.late(world.log))
      world:close()
      renew_table()
    end
  end)

  it("set no checkpoint behind a record that failed", function()
    new_world { seed = 8, records = 20 }
    local codes = {}
    local failed = false
    world:start(options { max_attempts = 3, batch_size = 20 }, function(record, ctx)
      if record.new.n == 2 and not failed then
        failed = true
        return nil, "once"
      end
      local ok, err = ctx:transact(record, function() end)
      if err then codes[err.code] = (codes[err.code] or 0) + 1 end
      return ok, err
    end, { mode = "all", on_failure = function() end, margin = 0 })
    read_all()
    assert.is_true(codes.CheckpointBlocked > 0)
    assert.is_true(stream_world.is_ordered(world.log))
  end)
end)

describe("consumers that are processes", function()
  if not engine.endpoint then
    return it("need an engine", function() pending "no engine: run through tools/engine.sh" end)
  elseif engine.name == "dynalite" then
    return it("work", function() pending "dynalite does not return the items of failed conditions" end)
  end

  local LEASE, BATCH = 1, 10

  -- What all have begun, in the order of time.
  local function logs_of(consumers)
    local all = {}
    for _, consumer in ipairs(consumers) do
      for _, entry in ipairs(consumer:log()) do all[#all + 1] = entry end
    end
    table.sort(all, function(a, b) return a.at < b.at end)
    return all
  end

  for seed = 1, SCALE do
    it(("lose and exchange nothing, killed and stopped with signals (seed %d)"):format(seed), function()
      local db = engine.connect()
      local name = engine.create_table(db, { "leaseKey:S" })
      local server = stream_server.start { seed = seed, records = 60, every = 0.04, faults = FAULTS }
      local consumers = {}
      local function start()
        consumers[#consumers + 1] = server:consume { endpoint = engine.endpoint, table = name, lease = LEASE,
          poll = 0.05, batch_size = BATCH, work = 0.005 }
        return consumers[#consumers]
      end
      finally(function()
        for _, consumer in ipairs(consumers) do
          consumer:continue()
          consumer:kill()
        end
        server:stop()
        engine.drop_table(db, name)
        db:close()
      end)
      local state = seed * 7919 + 5
      local function random()
        state = state * 16807 % 2147483647
        return state / 2147483647
      end
      local function began(consumer)
        return assert(process.await(60, function() return #consumer:log() > 0 end), process.read(consumer.child.stderr))
      end
      local one, two, three = start(), start(), start()
      began(one)
      began(two)
      process.sleep(random())
      one:kill()
      began(three)
      for _ = 1, 3 do
        process.sleep(random())
        local paused = random() < 0.5 and two or three
        paused:pause()
        process.sleep(random() * 2.5 * LEASE)
        paused:continue()
      end
      local total = 8 * 60
      local is_complete = process.await(120, function()
        local seen, count = {}, 0
        for _, entry in ipairs(logs_of(consumers)) do
          if not seen[entry.number] then seen[entry.number], count = true, count + 1 end
        end
        process.sleep(0.1)
        return count == total
      end)
      assert.is_true(is_complete, "not every record was handled")
      local log = logs_of(consumers)
      assert.same({ true }, { stream_world.is_ordered(log) })
      assert.is_true(stream_world.overlap(log) <= BATCH)
      assert.is_true(stream_world.late(log) <= 1) -- it may be stopped between the look at the clock and the record
      assert.equal("", process.read(two.child.stderr) .. process.read(three.child.stderr))
    end)
  end
end)
