-- A migration that is killed at random moments and started again. It is a process of its own; the seed is printed when
-- something does not hold.
local core = require "dynamodb.core"
local engine = require "spec.support.engine"
local equal = require "spec.support.equal"
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"
local process = require "spec.support.process"

local SIGINT, SIGKILL = 2, 9
local COUNT = 10000 * migration.scale

describe("a migration that is killed", function()
  if not engine.endpoint then
    return it("needs an engine", function() pending "no engine: run through tools/engine.sh" end)
  end
  local db, people, before, checkpoint

  setup(function()
    db = engine.connect()
    people = migration.people(db, COUNT)
    before = migration.by_number(people)
    checkpoint = migration.path()
  end)

  teardown(function()
    engine.drop_table(db, people.name)
    db:close()
  end)

  local function start()
    return process.start { process.lua, "spec/support/migration_process.lua", people.name, checkpoint, "4" }
  end

  it("maps every item exactly once, however often it is killed", function()
    local seed = tonumber(core.random(2):byte()) * 256 + core.random(1):byte()
    local random, kills = require("spec.support.generate").new(seed), 0
    local child
    repeat
      child = start()
      local code = child:wait(0.2 + random:below(1000) / 1000 * (1 + kills) / 2)
      if not code then
        child:kill(SIGKILL)
        child:wait(5)
        kills = kills + 1
      end
    until code
    assert.equal(0, child.code, process.read(child.stderr))
    assert.equal(("done\t%d\n"):format(COUNT), child:output(), "seed " .. seed)
    assert.is_true(kills > 2)
    local after, count = migration.by_number(people), 0
    for i, old in pairs(before) do
      local new = after[i]
      assert.equal(1, new.applied, "seed " .. seed)
      assert.same({ "First" .. i, "Last" .. i, nil, true }, { new.first, new.last, new.name, new.split })
      assert.is_true(equal.same(old.address, new.address))
      count = count + 1
    end
    assert.equal(COUNT, count)
  end)

  it("says that it is done when it is started once more", function()
    local child = start()
    assert.equal(0, child:wait(20), process.read(child.stderr))
    assert.equal(("done\t%d\n"):format(COUNT), child:output())
  end)

  it("is taken back to what was there before, also in two goes", function()
    local calls = 0
    local options = {
      table = people, checkpoint = checkpoint,
      stop = function()
        calls = calls + 1
        return calls > 500
      end,
    }
    local none, err = migrate.revert(options)
    assert.is_nil(none)
    assert.equal("stopped", err.report.stopped)
    options.stop = nil
    local report = assert(migrate.revert(options))
    assert.equal(COUNT, report.counts.reverted + (report.counts.already or 0))
    local after = migration.by_number(people)
    for i, old in pairs(before) do assert.is_true(equal.same(old, after[i]), "item " .. i) end
  end)

  it("ends cleanly at a checkpoint on SIGINT and goes on from there", function()
    local child = start()
    assert.is_truthy(process.await(20, function() return process.read(checkpoint) ~= "" end))
    process.sleep(0.3)
    child:kill(SIGINT)
    assert.equal(0, child:wait(20), process.read(child.stderr))
    assert.matches("^stopped\t", child:output())
    child = start()
    assert.equal(0, child:wait(60 * migration.scale), process.read(child.stderr))
    assert.equal(("done\t%d\n"):format(COUNT), child:output())
    for _, item in pairs(migration.by_number(people)) do assert.equal(1, item.applied) end
  end)
end)
