-- What a consumer knows of a stream's shards, over days: on a virtual clock, of a scripted stream.
local checkpoints = require "dynamodb.streams.checkpoint"
local dynamodb = require "dynamodb"
local stream_model = require "spec.support.stream_model"
local stream_world = require "spec.support.stream_world"
local topologies = require "dynamodb.streams.topology"

describe("what is known of a stream's shards", function()
  local world, topology, store

  before_each(function()
    world = stream_world.new { seed = 1, records = 1 }
    world:pass(10)
    local db = dynamodb.connect { region = "eu-west-1", access_key_id = "spec", secret_access_key = "spec",
      runtime = world.runtime }
    store = checkpoints.new(stream_model.arn)
    topology = topologies.new(db, stream_model.arn, store, "TRIM_HORIZON")
  end)
  after_each(function() world:close() end)

  local function pass(hours)
    local due = world.runtime:now() + hours * 3600
    while world.runtime:now() < due do
      assert(topology:step())
      world:pass(math.max(1, topology.due - world.runtime:now()))
    end
  end

  local function shards_of(map)
    local names = {}
    for id in pairs(map) do names[#names + 1] = id:match "%w$" end
    table.sort(names)
    return table.concat(names)
  end

  -- The service forgets shards; another consumer has read them, and has removed their leases.
  local function trim(ids)
    for id in ids:gmatch "%w" do
      world.model.shards["shardId-" .. id].gone = true
      store.leases["shardId-" .. id] = nil
    end
  end

  it("is not more than the service and the leases have, whoever removed those", function()
    pass(0.1)
    assert.equal("abcdefgh", shards_of(topology.shards))
    trim "abcde"
    pass(5)
    assert.equal("fgh", shards_of(topology.shards))
    assert.equal("fgh", shards_of(store:load()))
    assert.equal("", shards_of(topology.alive))
  end)

  it("stays, as long as a lease could ask for it", function()
    pass(0.1)
    topology:forget "shardId-c"
    store.leases["shardId-c"], world.model.shards["shardId-c"].gone = nil, true
    pass(5)
    assert.equal("c", shards_of(topology.gone))
    trim "af"
    pass(5)
    assert.equal("", shards_of(topology.gone))
  end)

  it("stays, where a shard between others is missing for long", function()
    pass(0.1)
    for id in ("ce"):gmatch "%w" do
      world.model.shards["shardId-" .. id].gone = true
      store.leases["shardId-" .. id] = nil
    end
    store.leases["shardId-a"], store.leases["shardId-b"] = nil, nil
    pass(5)
    assert.equal("dfgh", shards_of(store:load())) -- and not "a" and "b" again
  end)
end)
