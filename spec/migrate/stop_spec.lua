-- Jobs that are told to stop while they are held back by a low cap: what was begun is ended, and that is not much.
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"
local small_service = require "spec.support.small_service"

describe("a job that is stopped at two capacity units a second", function()
  local tbl, runtime, handlers, writes, checkpoint
  local function stop() return writes > 0 end

  before_each(function()
    writes, checkpoint = 0, migration.path()
    handlers = small_service.numbered(2000)
    local update = handlers.UpdateItem
    function handlers.UpdateItem(params)
      writes = writes + 1
      return update(params)
    end
    local client
    client, runtime = small_service.connect(handlers)
    tbl = client:table("t", { partition = "pk", types = { pk = "N" } })
  end)

  local function stopped(none, err)
    assert.is_nil(none)
    assert.equal("stopped", err.report.stopped)
    assert.is_true(writes <= 4, writes .. " items were written")
  end

  it("has written few items of a migration, and of taking it back", function()
    local options = { table = tbl, map = migration.split, mark = "split", checkpoint = checkpoint }
    options.wcu, options.stop = 2, stop
    local _, err = migrate(options)
    stopped(_, err)
    assert.equal(writes, err.report.counts.changed)
    assert.equal(writes, err.report.counts.seen)
    options.stop, options.wcu = nil, nil
    assert(migrate(options))
    writes = 0
    stopped(migrate.revert { table = tbl, checkpoint = checkpoint, wcu = 2, stop = stop })
  end)

  -- How long it takes to stop a job that waits for capacity, on the clock of the service; the wait is a minute.
  local function waits(options, f)
    local began
    function options.stop()
      began = began or writes > 0 and runtime:now() or nil
      return began ~= nil and runtime:now() - began > 1
    end
    local none, err = f(options)
    assert.is_nil(none)
    assert.equal("stopped", err.report.stopped)
    assert.is_true(runtime:now() - began < 2, "it went on for " .. runtime:now() - began)
  end

  it("waits for capacity no longer", function()
    function handlers.BatchWriteItem()
      writes = writes + 1
      return '{"UnprocessedItems":{},"ConsumedCapacity":[{"TableName":"t","CapacityUnits":120}]}'
    end
    local source = small_service.connect(small_service.numbered(500)):table("t", { partition = "pk" })
    waits({ source = source, target = tbl, wcu = 2 }, migrate.copy)
    function handlers.UpdateItem()
      writes = writes + 1
      return '{"ConsumedCapacity":{"TableName":"t","CapacityUnits":120}}'
    end
    writes = 0
    waits({ table = tbl, map = migration.split, mark = "split", checkpoint = checkpoint, wcu = 2 }, migrate)
    local scan = handlers.Scan
    function handlers.Scan(params)
      writes = writes + 1
      return (scan(params):gsub("}$", ',"ConsumedCapacity":{"TableName":"t","CapacityUnits":120}}'))
    end
    writes = 0
    waits({ table = tbl, file = migration.path(), rcu = 2 }, migrate.export)
  end)

  it("has swept few items", function()
    stopped(migrate.sweep { table = tbl, action = { set = { swept = true } }, wcu = 2, stop = stop })
  end)
end)
