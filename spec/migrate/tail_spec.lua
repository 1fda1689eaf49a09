-- The tail of a stream: nothing that is written after it began is missed, whatever the shards do meanwhile.
local core = require "dynamodb.core"
local jobs = require "dynamodb.migrate.job"
local small_service = require "spec.support.small_service"
local tails = require "dynamodb.migrate.tail"

-- A stream. Iterators are "shard:position:number"; those of `expired` are refused.
local function new_stream()
  local stream = { shards = {}, order = {}, expired = {}, iterators = 0, trimmed = 0, page = 2 }

  function stream.open(id, parent)
    stream.shards[id] = { parent = parent, records = {} }
    stream.order[#stream.order + 1] = id
  end

  function stream.write(id, name, at)
    local records = stream.shards[id].records
    records[#records + 1] = { name = name, at = at or 1700000000 }
  end

  function stream.split(id, ...)
    stream.shards[id].closed = true
    for _, child in ipairs { ... } do stream.open(child, id) end
  end

  local function iterator(id, position)
    stream.iterators = stream.iterators + 1
    return ("%s:%d:%d"):format(id, position, stream.iterators)
  end

  stream.handlers = {}

  function stream.handlers.DescribeStream()
    local shards = {}
    for i, id in ipairs(stream.order) do
      local shard = stream.shards[id]
      shards[i] = ('{"ShardId":"%s",%s"SequenceNumberRange":{"StartingSequenceNumber":"1"%s}}'):format(id,
        shard.parent and ('"ParentShardId":"%s",'):format(shard.parent) or "",
        shard.closed and ',"EndingSequenceNumber":"9"' or "")
    end
    return ('{"StreamDescription":{"Shards":[%s]}}'):format(table.concat(shards, ","))
  end

  function stream.handlers.GetShardIterator(params)
    local shard, kind = stream.shards[params.ShardId], params.ShardIteratorType
    local position = 1
    if kind == "LATEST" then position = #shard.records + 1 end
    if params.SequenceNumber then
      position = tonumber(params.SequenceNumber) + (kind == "AFTER_SEQUENCE_NUMBER" and 1 or 0)
      if position <= stream.trimmed then return nil, "TrimmedDataAccessException" end
    end
    return ('{"ShardIterator":"%s"}'):format(iterator(params.ShardId, position))
  end

  function stream.handlers.GetRecords(params)
    local id, position = params.ShardIterator:match "^(.-):(%d+)"
    if stream.expired[params.ShardIterator] then return nil, "ExpiredIteratorException" end
    local shard, records = stream.shards[id], {}
    position = tonumber(position)
    while shard.records[position] and #records < (params.Limit or stream.page) do
      local record = shard.records[position]
      records[#records + 1] = ('{"eventName":"INSERT","dynamodb":{"Keys":{"pk":{"S":"%s"}},"SequenceNumber":"%d",'
        .. '"ApproximateCreationDateTime":%.0f}}'):format(record.name, position, record.at)
      position = position + 1
    end
    local ended = shard.closed and position > #shard.records
    local next_one = ended and "" or (',"NextShardIterator":"%s"'):format(iterator(id, position))
    return ('{"Records":[%s]%s}'):format(table.concat(records, ","), next_one)
  end

  return stream
end

describe("the tail of a stream", function()
  local stream, db, runtime, state, seen

  before_each(function()
    stream = new_stream()
    db, runtime = small_service.connect(stream.handlers)
    state, seen = {}, {}
    stream.open("a")
  end)

  after_each(function() db:close() end)

  local function new_tail()
    local job
    jobs.run("copy", db, {}, function(made) job = made end)
    return tails.new(job, job.client, "arn:aws:dynamodb:local:1:table/t/stream/1", state)
  end

  -- Replays until nothing comes; `meanwhile` is told after each round.
  local function replay(tail, meanwhile)
    local rounds = 0
    return tail:replay(function(records)
      for _, record in ipairs(records) do seen[#seen + 1] = record.dynamodb.Keys.pk end
      return true
    end, function(quiet)
      rounds = rounds + 1
      if meanwhile then meanwhile(rounds) end
      return not quiet and rounds < 100
    end)
  end

  -- What a new process finds in the checkpoint.
  local function restart()
    state = core.json_decode(core.json_encode(state))
    return new_tail()
  end

  it("has what was written after it began, and nothing else", function()
    stream.write("a", "before")
    local tail = new_tail()
    assert(tail:begin())
    for i = 1, 5 do stream.write("a", "after " .. i) end
    assert(replay(tail))
    assert.same({ "after 1", "after 2", "after 3", "after 4", "after 5" }, seen)
  end)

  it("reads parents before their children, however they are listed", function()
    local tail = new_tail()
    assert(tail:begin())
    stream.write("a", "1")
    stream.split("a", "b", "c")
    stream.write("b", "2")
    stream.split("b", "d")
    stream.write("d", "3")
    stream.order = { "d", "b", "c", "a" }
    assert(replay(tail))
    assert.same({ "1", "2", "3" }, seen)
  end)

  it("finds shards that are made while it reads", function()
    local tail = new_tail()
    assert(tail:begin())
    stream.write("a", "1")
    assert(replay(tail, function(rounds)
      if rounds == 2 then
        stream.split("a", "b")
        stream.write("b", "2")
      end
    end))
    assert.same({ "1", "2" }, seen)
  end)

  it("leaves out shards that had ended before", function()
    stream.write("a", "before")
    stream.split("a", "b")
    stream.write("b", "before, too")
    local tail = new_tail()
    assert(tail:begin())
    stream.write("b", "after")
    assert(replay(tail))
    assert.same({ "after" }, seen)
  end)

  it("does not let its iterators expire while something else goes on", function()
    local tail = new_tail()
    assert(tail:begin())
    local first = state.shards.a.iterator
    runtime:advance(300)
    assert(tail:touch())
    assert.are_not.equal(first, state.shards.a.iterator)
    stream.write("a", "1")
    stream.write("a", "2")
    runtime:advance(300)
    assert(tail:touch())
    assert.is_nil(state.shards.a.iterator)
    assert.equal("1", state.shards.a.sequence)
    assert(replay(tail))
    assert.same({ "1", "2" }, seen)
  end)

  it("notices while something else goes on that a shard has ended", function()
    local tail = new_tail()
    assert(tail:begin())
    stream.split("a", "b")
    stream.write("b", "1")
    runtime:advance(300)
    assert(tail:touch())
    assert(replay(tail))
    assert.same({ "1" }, seen)
  end)

  it("begins at the horizon when its iterator has expired all the same, without what is older", function()
    stream.write("a", "long before", 1600000000)
    local tail = new_tail()
    assert(tail:begin())
    stream.write("a", "after", runtime:time() + 10)
    stream.expired[state.shards.a.iterator] = true
    assert(replay(restart()))
    assert.same({ "after" }, seen)
  end)

  it("goes on behind what was replayed", function()
    local tail = new_tail()
    assert(tail:begin())
    stream.write("a", "1")
    stream.write("a", "2")
    assert(replay(tail))
    stream.write("a", "3")
    assert(replay(restart()))
    assert.same({ "1", "2", "3" }, seen)
  end)

  it("reads again what could not be applied", function()
    local tail = new_tail()
    assert(tail:begin())
    stream.write("a", "1")
    local ok, err = tail:replay(function() return nil, "no" end, function() return true end)
    assert.same({ nil, "no" }, { ok, err })
    assert(replay(restart()))
    assert.same({ "1" }, seen)
  end)

  it("says so when the stream has forgotten its beginning", function()
    local tail = new_tail()
    assert(tail:begin())
    stream.write("a", "1")
    runtime:advance(300)
    assert(tail:touch())
    stream.trimmed = 1
    local ok, err = replay(tail)
    assert.is_nil(ok)
    assert.equal("StreamTrimmed", err.code)
  end)

  it("knows its age", function()
    local tail = new_tail()
    assert(tail:begin())
    runtime:advance(19 * 3600)
    assert.is_false(tail:is_older_than(20))
    runtime:advance(2 * 3600)
    assert.is_true(tail:is_older_than(20))
  end)
end)
