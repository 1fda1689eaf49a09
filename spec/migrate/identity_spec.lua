-- What a checkpoint and an undo log belong to: the very table, and what is read of it.
local dynamodb = require "dynamodb"
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"
local process = require "spec.support.process"
local small_service = require "spec.support.small_service"

local e = dynamodb.expr

local NAME = "arn:aws:dynamodb:local:000000000000:table/t"
local ARN = ('"TableArn":"%s",'):format(NAME)

-- The table `t` of a service, with these members in its description.
local function table_of(members, options)
  local handlers = small_service.numbered(20)
  local describe = handlers.DescribeTable
  function handlers.DescribeTable(params)
    if not members then return nil, "AccessDeniedException" end
    return (describe(params):gsub('"TableName"', members .. "%0"))
  end
  return small_service.connect(handlers, options):table("t", { partition = "pk", types = { pk = "N" } })
end

local function by_id(id) return table_of(ARN .. ('"TableId":"%s",'):format(id)) end

local function run(tbl, checkpoint, more)
  local options = { table = tbl, map = migration.split, mark = "split", checkpoint = checkpoint }
  for name, value in pairs(more or {}) do options[name] = value end
  return migrate(options)
end

-- Refused, and told with both.
local function refused(was, is, none, err)
  assert.is_nil(none)
  assert.equal("CheckpointMismatch", err.code)
  assert.matches(("is %s, not %s"):format(was, is), err.message, 1, true)
end

describe("a checkpoint", function()
  local checkpoint

  before_each(function() checkpoint = migration.path() end)

  it("is not taken for one of a table that was made anew", function()
    assert(run(by_id "one", checkpoint))
    refused(NAME .. ", id one", NAME .. ", id two", run(by_id "two", checkpoint))
  end)

  it("is the same table's by whatever endpoint", function()
    assert(run(by_id "one", checkpoint))
    local other = table_of(ARN .. '"TableId":"one",', { endpoint = "http://elsewhere:8000" })
    assert.equal(20, assert(run(other, checkpoint)).counts.changed)
  end)

  it("is bound to the endpoint and the time where tables have no id", function()
    local function made(port, time)
      return table_of(('"CreationDateTime":%d,'):format(time), { endpoint = "http://127.0.0.1:" .. port })
    end
    assert(run(made(1, 1000), checkpoint))
    assert(run(made(1, 1000), checkpoint))
    refused("t at http://127.0.0.1:1/, made at 1000", "t at http://127.0.0.1:2/, made at 1000",
      run(made(2, 1000), checkpoint))
    refused("t at http://127.0.0.1:1/, made at 1000", "t at http://127.0.0.1:1/, made at 2000",
      run(made(1, 2000), checkpoint))
  end)

  it("is bound to the endpoint where tables may not be described", function()
    local function hidden(region) return table_of(nil, { region = region }) end
    assert(run(hidden "eu-west-1", checkpoint))
    assert(run(hidden "eu-west-1", checkpoint))
    refused("t at https://dynamodb.eu-west-1.amazonaws.com/", "t at https://dynamodb.eu-west-2.amazonaws.com/",
      run(hidden "eu-west-2", checkpoint))
  end)

  it("is not taken for one of another filter", function()
    local tbl = by_id "one"
    assert(run(tbl, checkpoint, { where = { name = "Ada", applied = e.lt(1) } }))
    assert(run(tbl, checkpoint, { where = { applied = e.lt(1), name = "Ada" } }))
    local none, err = run(tbl, checkpoint, { where = { name = "Ada", applied = e.lt(2) } })
    assert.is_nil(none)
    assert.matches("its filter is .*, not .*", err.message)
    none, err = run(tbl, checkpoint)
    assert.is_nil(none)
    assert.matches("its filter is .*, not none", err.message)
  end)

  it("is not taken for one of another partition", function()
    local handlers = small_service.numbered(20)
    handlers.Query = function() return '{"Count":1,"ScannedCount":1,"Items":[{"pk":{"N":"1"}}]}' end
    local tbl = small_service.connect(handlers):table("t", { partition = "pk", types = { pk = "N" } })
    assert(migrate.delete_partition { table = tbl, key = { pk = 1 }, checkpoint = checkpoint })
    local none, err = migrate.delete_partition { table = tbl, key = { pk = 2 }, checkpoint = checkpoint }
    assert.is_nil(none)
    assert.equal("CheckpointMismatch", err.code)
  end)

  it("is not taken for one of another file of the same name", function()
    local path, tbl = process.temporary(), by_id "one"
    local function write(text)
      local file = assert(io.open(path, "wb"))
      file:write(text)
      file:close()
    end
    write '{"pk":{"N":"1"}}\n'
    assert(migrate.import { table = tbl, file = path, checkpoint = checkpoint })
    write '{"pk":{"N":"1"}}\n{"pk":{"N":"2"}}\n'
    local none, err = migrate.import { table = tbl, file = path, checkpoint = checkpoint }
    assert.is_nil(none)
    assert.equal("CheckpointMismatch", err.code)
    assert.matches("was imported when it had 17 bytes; now it has 34", err.message, 1, true)
  end)

  it("waits for a table's description, and tells what failed", function()
    local handlers = small_service.numbered(20)
    function handlers.DescribeTable() return nil, "InternalServerError" end
    local tbl = small_service.connect(handlers):table("t", { partition = "pk", types = { pk = "N" } })
    local none, err = run(tbl, checkpoint, { stall = 5 })
    assert.is_nil(none)
    assert.same({ "Incomplete", "InternalServerError" }, { err.code, err.cause.code })
  end)
end)

describe("an undo log", function()
  it("is not applied to a table that was made anew", function()
    local checkpoint = migration.path()
    assert(run(by_id "one", checkpoint))
    os.remove(checkpoint)
    local none, err = run(by_id "two", checkpoint)
    assert.is_nil(none)
    assert.equal("CheckpointMismatch", err.cause.code)
    assert.matches("id one, not .*id two", err.cause.message)
    none, err = migrate.revert { table = by_id "two", checkpoint = checkpoint }
    assert.is_nil(none)
    assert.matches("id one, not .*id two", err.message)
  end)
end)
