-- Jobs need as much memory for many items as for few.
local heap = require "spec.support.heap"
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"
local small_service = require "spec.support.small_service"

local ROOM = 1024 -- KB that the collector may leave more at one time than at another

-- What is alive at most while `job` runs, in KB. It is given a table of `count` items, and what it must call to be
-- looked at.
local function peak(count, job)
  local db = small_service.connect(small_service.numbered(count))
  local most = 0
  job(db:table("t", { partition = "pk", types = { pk = "N" } }), function()
    most = math.max(most, heap())
  end)
  db:close()
  return most
end

describe("the memory of", function()
  local function is_flat(few, job)
    peak(few, job) -- what is loaded at the first use stays
    local small, large = peak(few, job), peak(10 * few, job)
    assert.is_true(large < small + ROOM, ("%.0f KB, and %.0f KB for ten times as many"):format(small, large))
  end

  it("a migration is the same for ten times as many items", function()
    is_flat(1000 * migration.scale, function(tbl, look)
      assert(migrate {
        table = tbl, map = migration.split, mark = "split", checkpoint = migration.path(), progress = look,
      })
    end)
  end)

  it("an export and an import is the same for ten times as many items", function()
    is_flat(10000 * math.min(1, migration.scale), function(tbl, look)
      local file = migration.path() .. ".gz"
      local report = assert(migrate.export { table = tbl, file = file, progress = look })
      assert.equal(report.counts.seen,
        assert(migrate.import { table = tbl, file = file, progress = look }).counts.written)
      os.remove(file)
    end)
  end)

  it("a copy is the same for ten times as many items", function()
    is_flat(10000 * math.min(1, migration.scale), function(tbl, look)
      local target = tbl.client:table("other", { partition = "pk", types = { pk = "N" } })
      assert(migrate.copy { source = tbl, target = target, progress = look })
    end)
  end)
end)
