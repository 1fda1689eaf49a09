-- A migration that is killed at random moments and started again. It is a process of its own.
local core = require "dynamodb.core"
local engine = require "spec.support.engine"
local generate = require "spec.support.generate"
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"
local process = require "spec.support.process"

local SIGINT, SIGKILL = 2, 9
local COUNT = 10000 * migration.scale
local PATIENCE = 120 * math.max(1, migration.scale) -- seconds

describe("a migration that is killed", function()
  if not engine.endpoint then
    return it("needs an engine", function() pending "no engine: run through tools/engine.sh" end)
  end
  if engine.name == "dynalite" then
    return it("needs conditions on whole items", function() pending "dynalite does not compare lists and maps" end)
  end
  local db, tables

  setup(function()
    db, tables = engine.connect(), {}
  end)

  teardown(function()
    for _, name in ipairs(tables) do engine.drop_table(db, name) end
    db:close()
  end)

  local function people(count, make)
    local made = migration.people(db, count, make)
    tables[#tables + 1] = made.name
    return made
  end

  local function start(tbl, checkpoint, wcu)
    return process.start { process.lua, "spec/support/migration_process.lua", tbl.name, checkpoint, "4", wcu }
  end

  -- Starts it until it ends by itself, and kills it each time but the last, later and later; `meanwhile` is called all
  -- the time.
  local function run_killed(tbl, checkpoint, random, longest, meanwhile)
    local kills = 0
    local child
    repeat
      child = start(tbl, checkpoint)
      local stop = process.now() + 0.1 + random:below(1000) / 1000 * (1 + kills) * longest
      local code = process.await(PATIENCE, function()
        if meanwhile then meanwhile() end
        if process.now() > stop then child:kill(SIGKILL) end
        return not child:alive() and child.code
      end)
      kills = kills + 1
    until code ~= 128 + SIGKILL
    assert.equal(0, child.code, process.read(child.stderr))
    assert.is_true(kills > 2)
    return child:output()
  end

  -- An export of all items, its lines sorted: the same for equal tables.
  local function exported(tbl)
    local file, sorted = migration.path(), migration.path()
    assert(migrate.export { table = tbl, file = file, consistent = true })
    assert(os.execute(("LD_PRELOAD= LC_ALL=C sort %s > %s"):format(file, sorted)))
    return process.read(sorted)
  end

  it("maps every item exactly once, and is taken back to what was there before", function()
    local seed = core.random(2):byte() * 256 + core.random(1):byte()
    local tbl, checkpoint = people(COUNT), migration.path()
    local before = exported(tbl)
    assert.equal(("done\t%d\n"):format(COUNT), run_killed(tbl, checkpoint, generate.new(seed), 0.5), "seed " .. seed)
    local count = 0
    for item in tbl:scan() do
      count = count + 1
      local i = item.sk
      if item.applied ~= 1 or item.first ~= "First" .. i or item.last ~= "Last" .. i or item.name ~= nil then
        error(("item %d is wrong with seed %d"):format(i, seed))
      end
    end
    assert.equal(COUNT, count)

    local again = start(tbl, checkpoint) -- it knows that it is done
    assert.equal(0, again:wait(PATIENCE), process.read(again.stderr))
    assert.equal(("done\t%d\n"):format(COUNT), again:output())

    local asked = 0
    local options = {
      table = tbl, checkpoint = checkpoint,
      stop = function()
        asked = asked + 1
        return asked > 1000
      end,
    }
    local none, err = migrate.revert(options)
    assert.is_nil(none)
    assert.equal("stopped", err.report.stopped)
    options.stop = nil
    local report = assert(migrate.revert(options))
    assert.equal(COUNT, report.counts.reverted)
    assert.is_true(exported(tbl) == before, "seed " .. seed)
  end)

  it("loses no write of others, and brings nothing back that they delete", function()
    local seed = core.random(2):byte() * 256 + core.random(1):byte()
    local count = math.floor(COUNT / 5)
    local tbl = people(count, function(i)
      local person = migration.person(i)
      person.visits = 0
      return person
    end)
    local random, visits, deleted = generate.new(seed), {}, {}
    run_killed(tbl, migration.path(), random, 0.1, function()
      local i = random:below(count)
      local key = { pk = "P" .. i % 50, sk = i }
      if random:below(10) == 1 then
        deleted[i] = true
        assert(tbl:delete(key))
      elseif not deleted[i] then
        visits[i] = (visits[i] or 0) + 1
        assert(tbl:update(key, { add = { visits = 1 } }))
      end
    end)
    local there = migration.by_number(tbl)
    for i = 1, count do
      if deleted[i] then
        assert.is_nil(there[i], "seed " .. seed)
      else
        assert.same({ 1, visits[i] or 0 }, { there[i].applied, there[i].visits }, "seed " .. seed)
      end
    end
  end)

  it("ends cleanly at a checkpoint on SIGINT and goes on from there", function()
    local count = math.floor(COUNT / 5)
    local tbl, checkpoint = people(count), migration.path()
    local child = start(tbl, checkpoint, "100") -- or it may be done before it is told
    assert.is_truthy(process.await(60, function() return process.read(checkpoint) ~= "" end))
    process.sleep(0.1)
    child:kill(SIGINT)
    assert.equal(0, child:wait(60), process.read(child.stderr))
    assert.matches("^stopped\t", child:output())
    child = start(tbl, checkpoint)
    assert.equal(0, child:wait(PATIENCE), process.read(child.stderr))
    assert.equal(("done\t%d\n"):format(count), child:output())
    for item in tbl:scan() do assert.equal(1, item.applied) end
  end)
end)
