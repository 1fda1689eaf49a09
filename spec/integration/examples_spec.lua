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

  it("stream_consumer.lua runs", function()
    if engine.name == "dynalite" then return pending "dynalite has no streams" end
    local output = start "examples/stream_consumer.lua"
    local counted, handled = output:match "killed; (%d+) of 120 .- handled (%d+) records\n"
    assert.is_true(tonumber(counted) >= 20 and tonumber(handled) >= 120 - counted - 1) -- one may be under way
    assert.matches("sum of the customer's orders: 120 changes were counted once each", output, 1, true)
    assert.matches("90 inserts, 18 changes, 12 removals", output, 1, true)
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

  describe("migrations/", function()
    -- A table with these items, and what runs an example on it.
    local function new_run(items, example)
      local name = engine.create_table(db, { "pk:S", "sk:S" })
      local tbl = db:table(name, { partition = "pk", sort = "sk" })
      assert(tbl:put_all(items))
      local checkpoint = process.temporary()
      local function migrate(what)
        local code, output, errors = process.run {
          process.lua, "examples/migrate.lua", "examples/migrations/" .. example, name, checkpoint, what or "dry",
          env = { AWS_ENDPOINT_URL = engine.endpoint },
        }
        assert.equal(0, code, output .. errors)
        return output
      end
      return tbl, migrate
    end

    it("split_name.lua runs and is taken back", function()
      local people, migrate = new_run({
        { pk = "1", sk = "p", name = "Ada Lovelace" }, { pk = "2", sk = "p", name = "Plato" },
      }, "split_name.lua")
      finally(function() engine.drop_table(db, people.name) end)
      assert.matches('%+ last: "Lovelace"', migrate())
      assert.equal("Ada Lovelace", assert(people:get { pk = "1", sk = "p" }).name)
      assert.matches("changed 1", migrate "run")
      assert.same({ pk = "1", sk = "p", first = "Ada", last = "Lovelace" }, assert(people:get { pk = "1", sk = "p" }))
      assert.equal("Plato", assert(people:get { pk = "2", sk = "p" }).name)
      assert.matches("reverted 1", migrate "revert")
      assert.same({ pk = "1", sk = "p", name = "Ada Lovelace" }, assert(people:get { pk = "1", sk = "p" }))
    end)

    it("single_table.lua runs", function()
      if engine.name == "dynalite" then return pending "dynalite has no transactions" end
      local orders, migrate = new_run({
        { pk = "42", sk = "7", placed = "2026-11-28T10:00:00Z", total = 10 },
        { pk = "42", sk = "8", placed = "2026-11-29T10:00:00Z", total = 20 },
      }, "single_table.lua")
      finally(function() engine.drop_table(db, orders.name) end)
      assert.matches("rekeyed 2", migrate "run")
      local found = assert(orders:query({ pk = "CUSTOMER#42" }):all())
      assert.same({ "ORDER#2026-11-28#000007", "ORDER#2026-11-29#000008" }, { found[1].sk, found[2].sk })
      assert.same({ "42", 7, 10, 2 }, { found[1].customer, found[1].number, found[1].total, found[1].schema })
      assert.equal(2, assert(orders:scan():count()))
    end)

    it("backfill_index.lua runs", function()
      local orders, migrate = new_run({
        { pk = "1", sk = "o", status = "open", placed = "2026-11-28" },
        { pk = "2", sk = "o", status = "closed", placed = "2026-11-27" },
        { pk = "3", sk = "o", status = "open", placed = "2026-11-26" },
      }, "backfill_index.lua")
      finally(function() engine.drop_table(db, orders.name) end)
      if engine.name ~= "dynalite" then
        assert(orders:alter { indexes = { GSI1 = { partition = "GSI1PK", sort = "GSI1SK" } } })
      end
      assert.matches("changed 2", migrate "run")
      if engine.name == "dynalite" then return end
      local open = assert(orders:index("GSI1"):query({ GSI1PK = "STATUS#open" }):all())
      assert.same({ "3", "1" }, { open[1].pk, open[2].pk })
    end)
  end)
end)
