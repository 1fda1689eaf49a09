-- Jobs that are told to stop while the network hangs: nothing is begun or repeated, what is under way is cut off, and
-- whether that was applied or not, the next run ends what this one began.
local command = require "spec.support.command"
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local fault_proxy = require "spec.support.fault_proxy"
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"
local process = require "spec.support.process"
local server = require "spec.support.server"

describe("a job that is stopped while the network hangs", function()
  if not engine.endpoint then
    return it("needs an engine", function() pending "no engine: run through tools/engine.sh" end)
  end
  if engine.name == "dynalite" then
    return it("needs conditions on lists and maps", function() pending "dynalite does not compare them" end)
  end
  local db, proxy, far
  local tables = {}

  setup(function()
    db = engine.connect()
    proxy = fault_proxy.start()
    far = engine.connect { endpoint = proxy.endpoint }
  end)

  teardown(function()
    for _, name in ipairs(tables) do engine.drop_table(db, name) end
    far:close()
    proxy:stop()
    db:close()
  end)

  local function people(count)
    local tbl = migration.people(db, count)
    tables[#tables + 1] = tbl.name
    return tbl
  end

  -- The same table, seen through the proxy.
  local function through(tbl) return far:table(tbl.name, { partition = "pk", sort = "sk" }) end

  -- Runs a job until requests of an operation hang, and stops it then. How many of them there were.
  local function stop_hanging(f, options, operation, fault)
    proxy:configure { seed = 1, faults = { [fault] = 1 }, only = { operation } }
    options.grace, options.stop = 0.1, function() return proxy:counts()[fault] > 0 end
    local none, err = f(options)
    assert.is_nil(none)
    assert.same({ "Incomplete", "stopped" }, { err.code, err.report.stopped }, err.message)
    assert.is_nil(err.cause)
    local hung = proxy:counts()[fault]
    proxy:configure { seed = 1 }
    options.grace, options.stop = nil, nil
    return hung, err
  end

  for _, fault in ipairs { "hang_request", "hang_reply" } do
    describe("(" .. fault .. ")", function()
      it("migrates and reverts every item once", function()
        local tbl = people(40)
        local before = migration.by_number(tbl)
        local options = { table = through(tbl), map = migration.split, mark = "split", checkpoint = migration.path(),
          concurrency = 2 }
        assert.is_true(stop_hanging(migrate, options, "UpdateItem", fault) <= 2)
        assert.equal(40, assert(migrate(options)).counts.changed)
        for _, item in pairs(migration.by_number(tbl)) do assert.equal(1, item.applied) end
        local back = { table = through(tbl), checkpoint = options.checkpoint, concurrency = 2 }
        assert.is_true(stop_hanging(migrate.revert, back, "UpdateItem", fault) <= 2)
        local none, err = migrate(options)
        assert.is_nil(none)
        assert.matches("the migration was taken back, in parts at least", err.message, 1, true)
        assert(migrate.revert(back))
        assert.same(before, migration.by_number(tbl))
      end)

      it("re-keys every item once", function()
        local tbl = people(10)
        local options = { table = through(tbl), mark = "moved", checkpoint = migration.path(), concurrency = 1 }
        function options.map(item)
          item.pk, item.applied = "new " .. item.pk, item.applied + 1
          return item
        end
        assert.equal(1, (stop_hanging(migrate, options, "TransactWriteItems", fault)))
        assert(migrate(options))
        local found = migration.by_number(tbl)
        assert.equal(10, #found)
        for i, item in ipairs(found) do
          assert.same({ "new " .. migration.person(i).pk, 1 }, { item.pk, item.applied })
        end
        local back = { table = through(tbl), checkpoint = options.checkpoint, concurrency = 1 }
        assert.equal(1, (stop_hanging(migrate.revert, back, "TransactWriteItems", fault)))
        -- What was applied is cancelled now, and it is looked why.
        if fault == "hang_reply" then stop_hanging(migrate.revert, back, "GetItem", fault) end
        assert(migrate.revert(back))
        for i, item in ipairs(migration.by_number(tbl)) do assert.equal(migration.person(i).pk, item.pk) end
      end)

      it("copies all items", function()
        local source, target = people(200), people(0)
        local options = { source = source, target = through(target), checkpoint = migration.path(), concurrency = 2 }
        assert.is_true(stop_hanging(migrate.copy, options, "BatchWriteItem", fault) <= 2)
        assert.equal(200, assert(migrate.copy(options)).counts.copied)
        assert.same(migration.by_number(source), migration.by_number(target))
      end)

      it("imports all items", function()
        local source, target, file = people(200), people(0), migration.path()
        assert(migrate.export { table = source, file = file })
        local options = { table = through(target), file = file, checkpoint = migration.path(), concurrency = 2 }
        assert.is_true(stop_hanging(migrate.import, options, "BatchWriteItem", fault) <= 2)
        assert.equal(200, assert(migrate.import(options)).counts.written)
        assert.same(migration.by_number(source), migration.by_number(target))
      end)

      it("deletes all items", function()
        local tbl = people(200)
        local options = { table = through(tbl), checkpoint = migration.path(), concurrency = 2 }
        assert.is_true(stop_hanging(migrate.truncate, options, "BatchWriteItem", fault) <= 2)
        assert(migrate.truncate(options))
        assert.equal(0, assert(tbl:scan():count()))
      end)

      it("sweeps no item twice, and tells which one it does not know of", function()
        local tbl = people(40)
        local options = { table = through(tbl), action = { add = { applied = 1 } }, checkpoint = migration.path(),
          concurrency = 1 }
        local hung, err = stop_hanging(migrate.sweep, options, "UpdateItem", fault)
        assert.same({ 1, "unknown" }, { hung, err.report.left[1].why })
        local none, again = migrate.sweep(options)
        assert.is_nil(none)
        assert.same({ 39, 1 }, { again.report.counts.changed, again.report.counts.unknown })
        local key = err.report.left[1].key
        for _, item in pairs(migration.by_number(tbl)) do
          local is_known = item.sk ~= key.sk
          assert.equal((is_known or fault == "hang_reply") and 1 or 0, item.applied)
        end
      end)
    end)
  end

  it("reads on where it was", function()
    local tbl, target = people(40), people(40)
    local options = { table = through(tbl), file = migration.path(), checkpoint = migration.path() }
    assert.equal(1, (stop_hanging(migrate.export, options, "Scan", "hang_reply")))
    assert.equal(40, assert(migrate.export(options)).counts.seen)
    local both = { source = tbl, target = through(target), checkpoint = migration.path() }
    assert.equal(1, (stop_hanging(migrate.diff, both, "BatchGetItem", "hang_reply")))
    assert.is_true(assert(migrate.diff(both)).same)
  end)

  it("is cut off before it has begun, too", function()
    local deaf = server.start { { { "read" }, { "stall" } } }
    local client = dynamodb.connect {
      endpoint = "http://127.0.0.1:" .. deaf.port, region = "local", access_key_id = "a", secret_access_key = "b",
    }
    local tbl = client:table "t"
    local function stop() return #deaf:requests() > 0 end
    local function stopped(none, err)
      assert.is_nil(none)
      assert.same({ "Incomplete", "stopped" }, { err.code, err.report.stopped }, err.message)
    end
    stopped(migrate { table = tbl, map = migration.split, mark = "m", checkpoint = migration.path(), grace = 0.1,
      stop = stop })
    stopped(migrate.truncate { table = tbl, checkpoint = migration.path(), grace = 0.1, stop = stop })
    assert.equal(1, #deaf:requests())
    client:close()
    deaf:stop()
  end)

  it("ends with the signal's exit code", function()
    local tbl = people(40)
    local map = "function(item) item.new = 1 return item end"
    local file = command.file(("return { table = %q, mark = 'm', map = %s }"):format(tbl.name, map))
    local words = { "migrate", file, "--checkpoint", process.temporary(), "--grace", "0.2",
      env = { AWS_ENDPOINT_URL = proxy.endpoint } }
    proxy:configure { seed = 1, faults = { hang_reply = 1 }, only = { "UpdateItem" } }
    local child = command.start(words)
    assert(process.await(60, function() return proxy:counts().hang_reply > 0 end))
    child:kill(2)
    assert.equal(130, child:wait(60))
    assert.equal("stopped", command.last(process.read(child.stdout)).stopped)
    local progress = {}
    local told = process.read(child.stderr)
    for _, line in ipairs(command.lines(told)) do progress[#progress + 1] = core.json_decode(line) end
    assert.is_number(progress[#progress].stopping)
    assert.matches("the same command goes on from there", told, 1, true)
    proxy:configure { seed = 1 }
    local code, output = command.run(words)
    assert.same({ 0, 40 }, { code, command.last(output).counts.changed })
  end)
end)
