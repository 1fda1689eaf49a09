-- Handlers and replays on what a real engine's streams give, and idempotency against its conditions.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local idempotency = require "dynamodb.lambda.idempotency"

local streams = dynamodb.streams

describe("with a real stream", function()
  if not engine.endpoint then
    return it("records are handled", function() pending "no engine: run through tools/engine.sh" end)
  elseif engine.name == "dynalite" then
    return it("records are handled", function() pending "dynalite has no streams" end)
  end

  local db, items, name, arn

  setup(function()
    db = engine.connect()
    name = engine.prefix .. core.uuid()
    items = assert(db:create_table { name = name, partition = "pk", sort = "sk", types = { sk = "N" },
      stream = "NEW_AND_OLD_IMAGES" })
    arn = assert(db:call("DescribeTable", { TableName = name })).Table.LatestStreamArn
  end)

  teardown(function()
    engine.drop_table(db, name)
    db:close()
  end)

  -- Where the table's one shard begins, or what is behind a place in it.
  local function iterator(after)
    local shards = assert(db:call("DescribeStream", { StreamArn = arn })).StreamDescription.Shards
    local answer = assert(db:call("GetShardIterator", {
      StreamArn = arn, ShardId = shards[1].ShardId, SequenceNumber = after,
      ShardIteratorType = after and "AFTER_SEQUENCE_NUMBER" or "TRIM_HORIZON",
    }))
    return answer.ShardIterator, shards[1].ShardId
  end

  local function read(after)
    return assert(db:call("GetRecords", { ShardIterator = (iterator(after)) }))
  end

  -- The place where the stream is now.
  local function now()
    local records = read().Records
    return #records > 0 and records[#records].dynamodb.SequenceNumber or nil
  end

  -- GetRecords' answer as the event that Lambda makes of it: typed images, and where they are from.
  local function as_event(answer)
    local event = core.json_decode(core.json_encode(answer))
    event.NextShardIterator = nil
    for i, record in ipairs(event.Records) do
      for _, image in ipairs { "Keys", "NewImage", "OldImage" } do
        local value = answer.Records[i].dynamodb[image]
        record.dynamodb[image] = value and core.json_decode(core.marshal(value))
      end
      record.eventSourceARN = arn
    end
    return event
  end

  local function write_some()
    local before = now()
    assert(items:put { pk = "a", sk = 1, n = dynamodb.number "1e30", tags = dynamodb.set { "x" },
      bin = dynamodb.binary "\0" })
    assert(items:update({ pk = "a", sk = 1 }, { set = { n = 2 } }))
    assert(items:put { pk = "b", sk = 1, list = { 1, { deep = true } } })
    assert(items:delete { pk = "a", sk = 1 })
    return before
  end

  it("handlers get the same records from bytes, from a decoded event and from GetRecords", function()
    local answer = read(write_some())
    local event = as_event(answer)
    for form, source in pairs { bytes = core.json_encode(event), decoded = event,
      records = assert(streams.records(answer, { values = true })) } do
      local seen = {}
      local response = streams.handler { any = function(r)
        assert(r.sequence_number and r.id and r.created_at and r.view == "NEW_AND_OLD_IMAGES")
        seen[#seen + 1] = r
      end } (source)
      assert.equal(0, #response.batchItemFailures, form)
      assert.same({ "INSERT", "MODIFY", "INSERT", "REMOVE" },
        { seen[1].event, seen[2].event, seen[3].event, seen[4].event })
      assert.equal("1000000000000000000000000000000", tostring(seen[1].new.n))
      assert.is_true(seen[1].new.tags:contains "x" and tostring(seen[1].new.bin) == "\0")
      assert.same({ true, false, true }, { seen[2]:changed "n", seen[2]:changed "tags", seen[4]:changed "n" })
      assert.same({ set = { n = 2 } }, seen[2]:changes())
      assert.same({ { pk = "b", sk = 1 }, true }, { seen[3].keys, seen[3].new.list[2].deep })
      assert.is_nil(seen[4].new)
    end
  end)

  it("a failure is where the stream goes on: nothing is lost", function()
    local before = now()
    for i = 1, 6 do assert(items:put { pk = "n", sk = i }) end
    local seen, failing = {}, true
    local handler = streams.handler({ insert = function(r)
      if r.keys.sk == 4 and failing then error "not now" end
      seen[#seen + 1] = r.keys.sk
    end }, { on_failure = function() end })
    local event = as_event(read(before))
    local number = handler(event).batchItemFailures[1].itemIdentifier
    failing = false
    local rest = {}
    for _, record in ipairs(event.Records) do
      if streams.compare(record.dynamodb.SequenceNumber, number) >= 0 then rest[#rest + 1] = record end
    end
    assert.equal(0, #handler({ Records = rest }).batchItemFailures)
    assert.same({ 1, 2, 3, 4, 5, 6 }, seen)
  end)

  describe("replays", function()
    local function failure_of(records, shard)
      return {
        requestContext = { condition = "RetryAttemptsExhausted", approximateInvokeCount = 4 }, version = "1.0",
        responseContext = { statusCode = 200, executedVersion = "$LATEST", functionError = "Unhandled" },
        DDBStreamBatchInfo = {
          shardId = shard, streamArn = arn, batchSize = #records,
          startSequenceNumber = records[1].dynamodb.SequenceNumber,
          endSequenceNumber = records[#records].dynamodb.SequenceNumber,
        },
      }
    end

    -- Six records, of which the failure is about the 2nd to the 5th.
    local function failed()
      local before = now()
      for i = 1, 6 do assert(items:put { pk = "r" .. core.uuid(), sk = i }) end
      local records = read(before).Records
      local _, shard = iterator()
      return failure_of({ records[2], records[3], records[4], records[5] }, shard)
    end

    local function handler_into(seen, bad)
      return streams.handler({ insert = function(r)
        if r.keys.sk == bad then error "no" end
        seen[#seen + 1] = r.keys.sk
      end }, { on_failure = function() end })
    end

    it("do the failed records again, and no others", function()
      for _, form in ipairs { function(f) return f end, core.json_encode } do
        local seen = {}
        local report = assert(streams.replay(form(failed()), handler_into(seen), db))
        assert.same({ 2, 3, 4, 5 }, seen)
        assert.same({ records = 4, done = 4 }, report)
      end
    end)

    it("say where they failed again, and go on from there", function()
      local seen = {}
      local report, err = streams.replay(failed(), handler_into(seen, 4), db)
      assert.is_nil(report)
      assert.is_true(err:is "Incomplete")
      assert.same({ 2, 3 }, seen)
      assert.same({ 4, 2 }, { err.report.records, err.report.done })
      assert(streams.replay(err.report.failure, handler_into(seen), db))
      assert.same({ 2, 3, 4, 5 }, seen)
    end)

    it("keep what a handler raises", function()
      local _, err = streams.replay(failed(), function() error("broken", 0) end, db)
      assert.same({ "Incomplete", "broken", 0 }, { err.code, err.cause, err.report.done })
    end)

    it("take the records from a destination that has them", function()
      local seen = {}
      local failure = failed()
      local event = as_event(read())
      while event.Records[1].dynamodb.SequenceNumber ~= failure.DDBStreamBatchInfo.startSequenceNumber do
        table.remove(event.Records, 1)
      end
      failure.payload = core.json_encode { Records = { event.Records[1], event.Records[2] } }
      assert(streams.replay(failure, handler_into(seen), { call = function() error "nothing is to be asked" end }))
      assert.same({ 2, 3 }, seen)
    end)

    it("tell of a stream that is not there", function()
      local failure = failed()
      failure.DDBStreamBatchInfo.streamArn = arn:gsub("table/[^/]+", "table/of-nobody")
      local report, err = streams.replay(failure, handler_into {}, db)
      assert.is_nil(report)
      assert.is_true(err:is "ResourceNotFound")
    end)
  end)
end)

describe("idempotency against a real engine", function()
  if not engine.endpoint then
    return it("works once", function() pending "no engine: run through tools/engine.sh" end)
  elseif engine.name == "dynalite" then
    return it("works once", function() pending "dynalite does not return the item of a failed condition" end)
  end

  local db, name, worked

  setup(function()
    db = engine.connect()
    name = engine.create_table(db, { "id:S" })
  end)

  before_each(function() worked = 0 end)

  teardown(function()
    engine.drop_table(db, name)
    db:close()
  end)

  local ctx = { function_name = "f", remaining_ms = function() return 60000 end }

  local function wrap(f, options)
    local all = { table = db:table(name, { partition = "id" }), name = "n", key = function(event) return event.id end }
    for option, value in pairs(options or {}) do all[option] = value end
    return idempotency.wrap(function(event)
      worked = worked + 1
      return f(event)
    end, all)
  end

  it("does work once for each key", function()
    local handler = wrap(function(event) return { of = event.id, list = dynamodb.list {}, n = 1.5 } end)
    for _ = 1, 3 do
      local result = handler({ id = "once" }, ctx)
      assert.same({ "once", 1.5 }, { result.of, result.n })
    end
    handler({ id = "other" }, ctx)
    assert.equal(2, worked)
  end)

  it("does not do again what was completed when its invocation's time is over", function()
    local handler = wrap(function() return "done" end)
    local short = { function_name = "f", remaining_ms = function() return 1 end }
    handler({ id = "late" }, short)
    db:runtime():sleep(0.05)
    assert.equal("done", handler({ id = "late" }, short))
    assert.equal(1, worked)
  end)

  it("does not let two work at the same time", function()
    local handler
    handler = wrap(function(event)
      local fine, err = pcall(handler, event, ctx)
      return { inner = fine, code = err.code }
    end)
    local result = handler({ id = "nested" }, ctx)
    assert.same({ false, "IdempotencyInProgress", 1 }, { result.inner, result.code, worked })
  end)

  it("works again after a failure", function()
    local handler = wrap(function()
      if worked == 1 then error "first" end
      return "second"
    end)
    assert.is_false((pcall(handler, { id = "again" }, ctx)))
    assert.equal("second", handler({ id = "again" }, ctx))
  end)

  it("works again when an invocation ended without a word, and when a result has expired", function()
    local table_of = db:table(name, { partition = "id" })
    local handler = wrap(function() return worked end)
    handler({ id = "old" }, ctx)
    local item = assert(db:call("Scan", { TableName = name, FilterExpression = "#d = :d",
      ExpressionAttributeNames = { ["#d"] = "data" }, ExpressionAttributeValues = { [":d"] = "1" } })).Items[1]
    item.status, item.in_progress_expiration = "INPROGRESS", 1
    assert(table_of:put(item))
    assert.equal(2, handler({ id = "old" }, ctx))
    item.status, item.expiration = "COMPLETED", 1
    assert(table_of:put(item))
    assert.equal(3, handler({ id = "old" }, ctx))
    assert.equal(3, handler({ id = "old" }, ctx))
  end)

  it("keeps native data for TypeScript's readers", function()
    local handler = wrap(function() return { big = dynamodb.number "1e30" } end, { layout = "typescript" })
    handler({ id = "native" }, ctx)
    assert.equal("1000000000000000000000000000000", tostring(handler({ id = "native" }, ctx).big))
    assert.equal(1, worked)
  end)
end)
