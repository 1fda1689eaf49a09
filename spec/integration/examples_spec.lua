-- The examples, as they stand; each checks itself and ends with an error if something is not as it says.
local engine = require "spec.support.engine"
local process = require "spec.support.process"

local function load_in(path, environment)
  if not rawget(_G, "setfenv") then return assert(loadfile(path, "t", environment)) end
  return setfenv(assert(loadfile(path)), environment)
end

-- Runs an example against the engine; what it printed.
local function run(path)
  local printed = {}
  local environment = setmetatable({
    arg = { engine.endpoint },
    print = function(...) printed[#printed + 1] = table.concat({ ... }, "\t") end,
  }, { __index = _G })
  load_in(path, environment)()
  return table.concat(printed, "\n")
end

describe("examples/errors.lua", function()
  it("runs", function()
    if not engine.endpoint then return pending "no engine: run through tools/engine.sh" end
    local output = run "examples/errors.lua"
    assert.matches("done at the third time: balance 152", output, 1, true)
    assert.matches("nobody there%s+busy", output)
  end)
end)

describe("examples/", function()
  if not engine.endpoint then
    return it("need an engine", function() pending "no engine: run through tools/engine.sh" end)
  end
  local db, table_name

  setup(function()
    db = engine.connect()
    table_name = engine.create_table(db, { "pk:S", "sk:S" })
  end)

  teardown(function()
    engine.drop_table(db, table_name)
    db:close()
  end)

  -- Runs one as a program of its own.
  local function start(path, argument)
    local code, output, errors = process.run {
      process.lua, path, argument, env = { AWS_ENDPOINT_URL = engine.endpoint },
    }
    assert.equal(0, code, errors)
    return output
  end

  it("whoami.lua runs", function()
    local code, output = process.run { process.lua, "examples/whoami.lua", env = {
      AWS_REGION = "eu-west-1", AWS_ACCESS_KEY_ID = "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY = "hunter22hunter22",
    } }
    assert.equal(0, code)
    assert.matches("region       eu-west-1 (AWS_REGION)", output, 1, true)
    assert.matches("************MPLE (the environment)", output, 1, true)
    assert.is_nil(output:find("hunter22", 1, true))
  end)

  it("batch.lua runs", function()
    local output = start("examples/batch.lua", table_name)
    assert.matches("250 users written in %d+ requests", output)
    assert.matches("3%s+User 250\n4%s+no such user", output)
    assert.matches("250 users deleted", output)
    assert.same({}, assert(db:call("Scan", { TableName = table_name })).Items)
  end)

  it("orders.lua runs", function()
    local output = start "examples/orders.lua"
    assert.matches("ada has 40 open orders on 4 pages, from 0160 to 0004", output, 1, true)
    assert.matches("ada 200, charles 400, changed by a letter 400, a limit of -1 400", output, 1, true)
    assert.matches("open, newest first: 45 orders on 4 pages, from 0160", output, 1, true)
    assert.matches("shipped, oldest first: 74 orders on 5 pages, from 0022 to 1004", output, 1, true)
  end)

  it("parallel_scan.lua runs", function()
    local output = start "examples/parallel_scan.lua"
    assert.matches("2000 items, counted in 8 segments", output, 1, true)
    assert.equal(3, select(2, output:gsub("%d+ items in %d+ pages\n", "")))
    assert.matches("2000 different items in all", output, 1, true)
    assert.matches("2000 items in the segments, one by one", output, 1, true)
  end)

  it("query.lua runs", function()
    local output = start "examples/query.lua"
    assert.matches("the cursor goes on at 31", output, 1, true)
    assert.matches("8 messages given out, 120 read", output, 1, true)
    assert.matches("ada's latest at 120: nil; hydrated: message 120", output, 1, true)
    assert.matches("with a cursor of another room: InvalidCursor", output, 1, true)
    assert.matches("resume     after message 100: DeadlineExceeded", output, 1, true)
  end)

  it("transfer.lua runs", function()
    if engine.name == "dynalite" then return pending "dynalite has no transactions" end
    local output = start "examples/transfer.lua"
    assert.matches("10500 in all", output)
    assert.matches("transfer rent was made before", output)
  end)

  it("unique.lua runs", function()
    if engine.name == "dynalite" then return pending "dynalite has no transactions" end
    assert.matches("eve registers Ada@Example.com +the address is taken", start "examples/unique.lua")
  end)
end)
