-- Migrations that may only begin where the table can be restored to a moment before them.
local core = require "dynamodb.core"
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"
local small_service = require "spec.support.small_service"

describe("a migration that requires point-in-time recovery", function()
  -- Runs one against a service that answers so: how many items it wrote, and its results.
  local function run(answer, code, options)
    local writes, handlers = 0, small_service.numbered(20)
    function handlers.DescribeContinuousBackups(params)
      assert.same({ TableName = "t" }, params)
      return answer, code
    end
    local update = handlers.UpdateItem
    function handlers.UpdateItem(params)
      writes = writes + 1
      return update(params)
    end
    local given = {
      table = small_service.connect(handlers):table("t", { partition = "pk", types = { pk = "N" } }), mark = "split",
      map = migration.split, checkpoint = migration.path(), require_pitr = true,
    }
    for name, value in pairs(options or {}) do given[name] = value end
    local report, err = migrate(given)
    return writes, report, err
  end

  local function status(text)
    return core.json_encode { ContinuousBackupsDescription = {
      ContinuousBackupsStatus = "ENABLED",
      PointInTimeRecoveryDescription = text and { PointInTimeRecoveryStatus = text },
    } }
  end

  it("runs where it is enabled", function()
    local writes, report = run(status "ENABLED")
    assert.same({ 20, 20 }, { writes, report.counts.changed })
  end)

  it("is refused where it is disabled, or not told of", function()
    for _, answer in ipairs { status "DISABLED", status(nil), "{}" } do
      local writes, report, err = run(answer)
      assert.same({ 0, nil, "PitrRequired" }, { writes, report, err.code })
      assert.matches("t has no point-in-time recovery", err.message, 1, true)
    end
  end)

  it("fails where that may not be asked", function()
    local writes, report, err = run(nil, "AccessDeniedException")
    assert.same({ 0, nil, "AccessDeniedException" }, { writes, report, err.code })
  end)

  it("is refused in a dry run, too", function()
    local _, report, err = run(status "DISABLED", nil, { dry_run = true })
    assert.same({ nil, "PitrRequired" }, { report, err.code })
  end)
end)
