-- How fast a job writes: up to its cap, and slower when the service says so.
local fake = require "dynamodb.runtime.fake"
local migrate = require "dynamodb.migrate"
local rates = require "dynamodb.migrate.rate"
local small_service = require "spec.support.small_service"

describe("the rate of writing", function()
  local runtime

  before_each(function() runtime = fake.new() end)

  -- Writes one unit after the other for so many seconds; how many went.
  local function write(rate, seconds)
    local stop, count = runtime:now() + seconds, 0
    while runtime:now() < stop do
      rate:enter(runtime, 1)
      rate:leave(1, 1)
      runtime:wait(0.001) -- what a write takes
      count = count + 1
    end
    return count
  end

  local function between(low, high, value)
    assert.is_true(value >= low and value <= high, ("%s is not from %s to %s"):format(value, low, high))
  end

  it("is as high as it can be without a cap", function()
    between(990, 1010, write(rates.new(nil, 0), 1))
  end)

  it("stays below its cap", function()
    local rate = rates.new(50, 0)
    between(500, 560, write(rate, 10)) -- the bucket begins with one second's worth
  end)

  it("stays below a cap of less than one unit a second", function()
    between(9, 12, write(rates.new(0.5, 0), 20))
  end)

  it("is settled by what was consumed", function()
    local rate = rates.new(100, 0)
    local stop, count = 10, 0
    while runtime:now() < stop do
      rate:enter(runtime, 1)
      rate:leave(1, 5)
      count = count + 1
    end
    between(200, 225, count)
  end)

  it("falls by a fifth when something is throttled, once a second at most", function()
    local rate = rates.new(100, 0)
    write(rate, 2)
    for _ = 1, 5 do rate:throttled(runtime:now()) end
    between(310, 330, write(rate, 4))
    rate:throttled(runtime:now())
    between(250, 262, write(rate, 4))
  end)

  it("is measured when there was no cap", function()
    local rate = rates.new(nil, 0)
    write(rate, 2)
    rate:throttled(runtime:now())
    between(780, 830, write(rate, 1))
  end)

  it("never falls below one unit a second", function()
    local rate = rates.new(2, 0)
    for i = 1, 20 do rate:throttled(i * 2) end
    runtime:wait(40)
    between(4, 6, write(rate, 5))
  end)

  it("grows by a tenth after ten quiet seconds, up to its cap", function()
    local rate = rates.new(100, 0)
    write(rate, 2)
    rate:throttled(runtime:now())
    write(rate, 10.1)
    between(870, 900, write(rate, 10))
    write(rate, 40)
    between(990, 1010, write(rate, 10))
  end)
end)

describe("jobs that write in batches", function()
  it("keep to the cap over all of their chunks, of which each is a batch of its own", function()
    local handlers = small_service.numbered(1000)
    function handlers.BatchWriteItem(params)
      return ('{"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"t","CapacityUnits":%d}]}'):format(
        #params.RequestItems.t)
    end
    local client, runtime = small_service.connect(handlers)
    local declared = { partition = "pk", types = { pk = "N" } }
    local source, target = client:table("s", declared), client:table("t", declared)
    local began = runtime:now()
    assert.equal(1000, assert(migrate.copy { source = source, target = target, wcu = 50 }).written)
    -- A second's units are there at the beginning, and another second's may be owed at the end.
    assert.is_true(runtime:now() - began >= (1000 - 50 - 50) / 50, "it took " .. runtime:now() - began)
  end)
end)
