-- Replays of failed batches, with the answers of a stream that does not make it easy.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local fake_client = require "spec.support.fake_client"
local stream_events = require "spec.support.stream_events"

local streams = dynamodb.streams
local message_of = fake_client.message_of

local function answer(value) return { status = 200, body = core.json_encode(value) } end

local function failure(first, last)
  return { DDBStreamBatchInfo = {
    shardId = "shardId-1", streamArn = "arn:stream", batchSize = 9,
    startSequenceNumber = first, endSequenceNumber = last,
  } }
end

-- An answer of GetRecords with records of these numbers.
local function page(next_iterator, ...)
  local records = dynamodb.list {}
  for i, number in ipairs { ... } do records[i] = stream_events.record("INSERT", number, { new = { pk = "a" } }) end
  return answer { Records = records, NextShardIterator = next_iterator }
end

local iterator = answer { ShardIterator = "i1" }

-- Replays with these answers behind that of GetShardIterator; what the handler saw comes last.
local function run(bounds, answers, options)
  local db, runtime = fake_client.new { iterator, (table.unpack or unpack)(answers) }
  local seen = {}
  local handler = streams.handler { any = function(r) seen[#seen + 1] = r.sequence_number end }
  local report, err = streams.replay(bounds, handler, db, options)
  return report, err, seen, runtime
end

describe("streams.replay", function()
  it("reads from the first number to the last one, and no further", function()
    local report, _, seen, runtime = run(failure("8", "10"), { page("i2", 8, 9), page("i3", 10, 11) })
    assert.same({ "8", "9", "10" }, seen)
    assert.same({ records = 3, done = 3 }, report)
    assert.equal(3, #runtime.requests)
    local first = core.json_decode(runtime.requests[1].body)
    assert.same({ "AT_SEQUENCE_NUMBER", "8", "shardId-1", "arn:stream" },
      { first.ShardIteratorType, first.SequenceNumber, first.ShardId, first.StreamArn })
    assert.equal("i2", core.json_decode(runtime.requests[3].body).ShardIterator)
  end)

  it("goes on after answers without records", function()
    local _, _, seen, runtime = run(failure("8", "9"), { page "i2", page("i3", 8), page "i4", page("i5", 9) })
    assert.same({ "8", "9" }, seen)
    assert.is_true(runtime:now() > 0.3)
  end)

  it("ends with the shard", function()
    local report, _, seen = run(failure("8", "9"), { page(nil, 8) })
    assert.same({ "8" }, seen)
    assert.equal(1, report.done)
  end)

  it("does not wait for ever for the last record", function()
    local answers = { page("i2", 8) }
    for i = 1, 50 do answers[#answers + 1] = page("i" .. i) end
    local report, err = run(failure("8", "9"), answers)
    assert.is_nil(report)
    assert.is_true(err:is "Incomplete")
    assert.equal("8", err.report.failure.DDBStreamBatchInfo.startSequenceNumber)
  end)

  it("says that the records are gone", function()
    local db = fake_client.new { { status = 400, body = '{"__type":"x#TrimmedDataAccessException"}' } }
    local _, err = streams.replay(failure("8", "9"), print, db)
    assert.is_true(err:is "TrimmedDataAccess")
  end)

  it("says how far it came when the stream cannot be read on", function()
    local _, err, seen = run(failure("8", "10"),
      { page("i2", 8, 9), { status = 400, body = '{"__type":"x#ExpiredIteratorException"}' } })
    assert.same({ "8", "9" }, seen)
    assert.is_true(err:is "Incomplete")
    assert.is_true(err.cause:is "ExpiredIterator")
    assert.same({ 2, 2, "9" },
      { err.report.records, err.report.done, err.report.failure.DDBStreamBatchInfo.startSequenceNumber })
  end)

  it("gives the handler its context, and has one deadline for all requests", function()
    local db, runtime = fake_client.new { iterator, page("i2"), page("i3", 8) }
    local given
    local function handler(_, ctx) given = ctx end
    local deadline = runtime:now() + 7
    assert(streams.replay(failure("8", "8"), handler, db, { ctx = "context", timeout = 7 }))
    assert.equal("context", given)
    for _, request in ipairs(runtime.requests) do assert.equal(deadline, request.deadline) end
  end)

  it("says why a record failed again", function()
    local db = fake_client.new { iterator, page(nil, 8) }
    local handler = streams.handler({ any = function() return nil, "no stock" end }, { on_failure = function() end })
    local _, err = streams.replay(failure("8", "8"), handler, db)
    assert.equal("no stock", err.cause)
  end)

  it("keeps the records that its failure came with, as long as some are left", function()
    local given, seen, broken = failure("8", "10"), {}, true
    local records = dynamodb.list {}
    for i = 8, 10 do records[#records + 1] = stream_events.record("INSERT", i, { new = { pk = "a" } }) end
    given.payload = core.json_encode { Records = records }
    local handler = streams.handler({ any = function(r)
      if broken and r.sequence_number == "9" then error "not now" end
      seen[#seen + 1] = r.sequence_number
    end }, { on_failure = function() end })
    local db, runtime = fake_client.new {}
    local _, err = streams.replay(given, handler, db)
    assert.same({ "8" }, seen)
    broken = false
    assert(streams.replay(core.json_encode(err.report.failure), handler, db))
    assert.same({ "8", "9", "10" }, seen)
    assert.equal(0, #runtime.requests)
  end)

  it("refuses what is no failure of a stream's batch", function()
    for _, bad in ipairs { "{", "7", {}, { DDBStreamBatchInfo = 1 }, { DDBStreamBatchInfo = { shardId = "s" } },
      { KinesisBatchInfo = {} } } do
      local report, err = streams.replay(bad, print, (fake_client.new {}))
      assert.is_nil(report)
      assert.is_true(err:is "InvalidEvent")
    end
    local bad_payload = failure("8", "9")
    bad_payload.payload = "no event"
    local _, err = streams.replay(bad_payload, print, (fake_client.new {}))
    assert.is_true(err:is "InvalidEvent")
  end)

  it("needs a handler and a client", function()
    assert.matches("handler of streams.replay must be a function", message_of(streams.replay, failure("8", "9"), {}))
    assert.matches("must be a client", message_of(streams.replay, failure("8", "9"), print, {}))
    local db = fake_client.new {}
    assert.matches("unknown option", message_of(streams.replay, failure("8", "9"), print, db, { x = 1 }))
  end)
end)

describe("streams.compare", function()
  it("orders numbers of any length", function()
    assert.same({ -1, 1, 0, -1 }, {
      streams.compare("9", "10"), streams.compare("4421584500000000017450439092", "9"), streams.compare("7", "7"),
      streams.compare("4421584500000000017450439091", "4421584500000000017450439092"),
    })
  end)
end)
