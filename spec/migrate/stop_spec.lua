-- Jobs that are told to stop while they are held back by a low cap: what was begun is ended, and that is not much.
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"
local small_service = require "spec.support.small_service"

describe("a job that is stopped at two capacity units a second", function()
  local tbl, writes, checkpoint
  local function stop() return writes > 0 end

  before_each(function()
    writes, checkpoint = 0, migration.path()
    local handlers = small_service.numbered(500)
    local update = handlers.UpdateItem
    function handlers.UpdateItem(params)
      writes = writes + 1
      return update(params)
    end
    tbl = small_service.connect(handlers):table("t", { partition = "pk", types = { pk = "N" } })
  end)

  local function stopped(none, err)
    assert.is_nil(none)
    assert.equal("stopped", err.report.stopped)
    assert.is_true(writes <= 4, writes .. " items were written")
  end

  it("has written few items of a migration, and of taking it back", function()
    local options = { table = tbl, map = migration.split, mark = "split", checkpoint = checkpoint }
    options.wcu, options.stop = 2, stop
    stopped(migrate(options))
    options.stop, options.wcu = nil, nil
    assert(migrate(options))
    writes = 0
    stopped(migrate.revert { table = tbl, checkpoint = checkpoint, wcu = 2, stop = stop })
  end)

  it("has swept few items", function()
    stopped(migrate.sweep { table = tbl, action = { set = { swept = true } }, wcu = 2, stop = stop })
  end)
end)
