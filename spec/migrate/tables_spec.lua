-- Tables copied, compared, emptied and swept.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"
local process = require "spec.support.process"

local e = dynamodb.expr

describe("tables", function()
  if not engine.endpoint then
    return it("need an engine", function() pending "no engine: run through tools/engine.sh" end)
  end
  local db, tables

  setup(function()
    db, tables = engine.connect(), {}
  end)

  teardown(function()
    for _, name in ipairs(tables) do engine.drop_table(db, name) end
    db:close()
  end)

  local function people(count)
    local made = migration.people(db, count)
    tables[#tables + 1] = made.name
    return made
  end

  -- The same with a stream.
  local function streaming(count, view)
    local tbl = people(count)
    assert(tbl:alter { stream = view or "NEW_AND_OLD_IMAGES" })
    return tbl
  end

  local function key_of(i) return { pk = "P" .. i % 50, sk = i } end

  local function same(source, target)
    local report = assert(migrate.diff { source = source, target = target })
    return report.same
  end

  -- Stops at its n-th question.
  local function stopping(n)
    local calls = 0
    return function()
      calls = calls + 1
      return calls > n
    end
  end

  describe("that are copied", function()
    it("have the same items, by whatever client", function()
      local source, target = people(200), people(0)
      local other = engine.connect { region = "eu-central-1" }
      finally(function() other:close() end)
      local report = assert(migrate.copy {
        source = source, target = other:table(target.name, { partition = "pk", sort = "sk" }), segments = 4,
      })
      assert.same({ 200, 200 }, { report.counts.seen, report.counts.copied })
      assert.is_true(same(source, target))
    end)

    it("have what the map makes of the items", function()
      local source, target = people(20), people(0)
      local function map(item)
        if item.sk > 15 then return migrate.delete end
        if item.sk > 10 then return nil end
        return migration.split(item)
      end
      local report = assert(migrate.copy { source = source, target = target, map = map })
      assert.same({ 15, 5 }, { report.counts.copied, report.counts.left_out })
      assert.equal("First3", assert(target:get(key_of(3))).first)
      assert.equal("First12 Last12", assert(target:get(key_of(12))).name)
      assert.is_true(assert(migrate.diff { source = source, target = target, map = map }).same)
    end)

    it("say which item the map failed on, or skip it", function()
      local source, target = people(20), people(0)
      local function map(item)
        if item.sk == 7 then error "no" end
        return item
      end
      local none, err = migrate.copy { source = source, target = target, map = map }
      assert.is_nil(none)
      assert.equal("MapFailed", err.cause.code)
      assert.matches('"sk":7', err.cause.message, 1, true)
      local told = {}
      none, err = migrate.copy {
        source = source, target = target, map = map, on_error = "skip",
        on_failed = function(failure) told[#told + 1] = failure.key.sk end,
      }
      assert.is_nil(none)
      assert.same({ 19, 1 }, { err.report.counts.copied, err.report.counts.failed })
      assert.same({ 7 }, told)
    end)

    it("go on where they were stopped", function()
      local source, target = people(300), people(0)
      local options = { source = source, target = target, checkpoint = migration.path(), stop = stopping(150) }
      local none, err = migrate.copy(options)
      assert.is_nil(none)
      local first = err.report.counts.copied
      assert.is_true(first > 0 and first < 300)
      options.stop = nil
      assert.equal(300, assert(migrate.copy(options)).counts.copied)
      assert.is_true(same(source, target))
    end)

    it("are not one and the same", function()
      local source = people(0)
      local ok, message = pcall(migrate.copy, { source = source, target = source })
      assert.is_false(ok)
      assert.matches("the same table", message, 1, true)
    end)
  end)

  describe("that are copied live", function()
    if engine.name == "dynalite" then
      return it("need a stream", function() pending "dynalite has no streams" end)
    end

    -- Writes while the copy is at it: once after its first chunk, and once while it replays.
    local function writing(source)
      local copying, replaying = false, false
      return function(p)
        if p.phase == "copying" and not copying then
          copying = true
          assert(source:update(key_of(1), { set = { name = "Changed Name" } }))
          assert(source:delete(key_of(2)))
          assert(source:put { pk = "P1", sk = 1001, name = "Late Comer", applied = 0 })
        elseif p.phase == "replaying" and not replaying then
          replaying = true
          assert(source:put { pk = "P2", sk = 1002, name = "Later Comer", applied = 0 })
        end
      end
    end

    it("have what is written meanwhile", function()
      local source, target = streaming(100, "NEW_IMAGE"), people(0)
      local report = assert(migrate.copy { source = source, target = target, live = true, progress = writing(source) })
      assert.same({ 100, 4 }, { report.counts.copied, report.counts.replayed })
      assert.is_true(same(source, target))
      assert.is_nil(target:get(key_of(2)))
    end)

    it("have it mapped, other keys included", function()
      local source, target = streaming(50), people(0)
      local function map(item)
        item.pk = "CITY#" .. item.name:match "^%S+"
        return item
      end
      assert(migrate.copy { source = source, target = target, live = true, map = map, progress = writing(source) })
      assert.is_true(assert(migrate.diff { source = source, target = target, map = map }).same)
      assert.equal(51, assert(target:scan():count()))
      assert.is_nil(target:get { pk = "CITY#First1", sk = 1 })
      assert.is_table(target:get { pk = "CITY#Changed", sk = 1 })
    end)

    it("go on with the stream when they are called again", function()
      local source, target = streaming(50), people(0)
      local options = { source = source, target = target, live = true, checkpoint = migration.path() }
      assert(migrate.copy(options))
      assert(source:update(key_of(5), { set = { name = "Changed Name" } }))
      local report = assert(migrate.copy(options))
      assert.same({ 50, 1 }, { report.counts.copied, report.counts.replayed })
      assert.is_true(same(source, target))
    end)

    it("are warned of when the stream is about to forget how they began", function()
      local source, target = streaming(20), people(0)
      local options = {
        source = source, target = target, live = true, checkpoint = migration.path(),
      }
      function options.stop() return process.read(options.checkpoint) ~= "" end -- when the stream's place is known
      assert.is_nil(migrate.copy(options))
      local state = core.json_decode(process.read(options.checkpoint))
      state.state.stream.began = state.state.stream.began - 21 * 3600
      local file = assert(io.open(options.checkpoint, "wb"))
      file:write(core.json_encode(state))
      file:close()
      local warnings = {}
      options.stop = nil
      function options.warn(text) warnings[#warnings + 1] = text end
      assert(migrate.copy(options))
      assert.equal(1, #warnings)
      assert.matches("the scan has taken 20 hours, and the stream forgets after 24", warnings[1], 1, true)
    end)

    it("follow until they are stopped", function()
      local source, target = streaming(20), people(0)
      local quiet = 0
      local report = assert(migrate.copy {
        source = source, target = target, follow = true,
        progress = function(p)
          if p.phase ~= "replaying" then return end
          quiet = quiet + 1
          if quiet == 6 then assert(source:put { pk = "P1", sk = 1001, name = "Late Comer" }) end
        end,
        stop = function() return quiet > 12 end,
      })
      assert.equal(1, report.counts.replayed)
      assert.is_true(same(source, target))
    end)

    it("are not said to be the same if a change was cut off", function()
      local source, target = streaming(20), people(0)
      local put, cut = false, false
      local other = engine.connect { before_send = function(about)
        cut = cut or put and about.operation == "BatchWriteItem"
      end }
      finally(function() other:close() end)
      local quiet = 0
      local none, err = migrate.copy {
        source = source, target = other:table(target.name, { partition = "pk", sort = "sk" }), follow = true,
        progress = function(p)
          if p.phase ~= "replaying" then return end
          quiet = quiet + 1
          if quiet == 6 then put = source:put { pk = "P1", sk = 1001, name = "Late Comer" } end
        end,
        stop = function() return cut end,
      }
      assert.is_nil(none)
      assert.equal("stopped", err.report.stopped)
      assert.is_nil(target:get { pk = "P1", sk = 1001 })
    end)

    it("need a stream with the images", function()
      local target = people(0)
      local none, err = migrate.copy { source = people(1), target = target, live = true }
      assert.is_nil(none)
      assert.equal("StreamRequired", err.cause.code)
      none, err = migrate.copy { source = streaming(1, "NEW_IMAGE"), target = target, live = true, map = print }
      assert.is_nil(none)
      assert.equal("StreamRequired", err.cause.code)
    end)
  end)

  describe("that are compared", function()
    local function differing()
      local source, target = people(60), people(0)
      assert(migrate.copy { source = source, target = target })
      assert(source:update(key_of(1), { set = { name = "Changed Name" } }))
      assert(source:put { pk = "P1", sk = 1001 })
      assert(target:put { pk = "P2", sk = 1002, extra = true })
      return source, target
    end

    it("have their differences told", function()
      local source, target = differing()
      local told = {}
      local report = assert(migrate.diff {
        source = source, target = target, on_difference = function(d) told[d.key.sk] = d end,
      })
      assert.is_false(report.same)
      assert.same({ 59, 1, 1, 1 },
        { report.counts.equal, report.counts.different, report.counts.missing, report.counts.extra })
      assert.same({ "different", "Changed Name", "First1 Last1" },
        { told[1].kind, told[1].source.name, told[1].target.name })
      assert.same({ "missing", "extra" }, { told[1001].kind, told[1002].kind })
      assert.equal(3, #report.differences)
      assert.is_nil(assert(migrate.diff { source = source, target = target, extra = false }).counts.extra)
    end)

    it("are made equal by what differs, and that is taken back", function()
      local source, target = differing()
      local report = assert(migrate.diff {
        source = source, target = target, directory = process.temporary_directory(),
      })
      assert(migrate.import { table = target, directory = report.path })
      assert.is_true(same(source, target))
      assert(migrate.import { table = target, directory = report.path, revert = true })
      local again = assert(migrate.diff { source = source, target = target })
      assert.same({ 1, 1, 1 }, { again.counts.different, again.counts.missing, again.counts.extra })
    end)

    it("are looked at in parts, if a sample is enough", function()
      local source, target = people(200), people(0)
      local report = assert(migrate.diff { source = source, target = target, sample = 20 })
      assert.equal(20, report.counts.missing)
    end)

    it("go on where they were stopped", function()
      local source, target = differing()
      local options = { source = source, target = target, checkpoint = migration.path(), stop = stopping(30) }
      local none, err = migrate.diff(options)
      assert.is_nil(none)
      assert.equal("stopped", err.report.stopped)
      options.stop = nil
      local report = assert(migrate.diff(options))
      assert.same({ 59, 1, 1, 1 },
        { report.counts.equal, report.counts.different, report.counts.missing, report.counts.extra })
      assert.equal("", process.read(options.checkpoint)) -- the next time it begins anew
    end)
  end)

  it("are emptied", function()
    assert.equal(50, assert(migrate.truncate { table = people(50), segments = 3 }).counts.deleted)
    local tbl = people(200)
    local options = { table = tbl, checkpoint = migration.path(), stop = stopping(100) }
    local none, err = migrate.truncate(options)
    assert.is_nil(none)
    assert.equal("stopped", err.report.stopped)
    assert.is_true(assert(tbl:scan():count()) > 0)
    options.stop = nil
    assert.equal(200, assert(migrate.truncate(options)).counts.deleted)
    assert.equal(0, assert(tbl:scan():count()))
  end)

  it("are the business of one process at a time, as long as that runs", function()
    local tbl = people(50)
    local options, other = { table = tbl, checkpoint = migration.path() }, nil
    function options.progress() -- after a chunk
      local _
      _, other = migrate.truncate { table = tbl, checkpoint = options.checkpoint }
      error "no more"
    end
    assert.has_error(function() migrate.truncate(options) end)
    assert.matches("another process has it", other.message, 1, true)
    options.progress = nil
    assert(migrate.truncate(options))
    assert.is_nil(io.open(options.checkpoint .. ".lock"))
  end)

  it("lose a partition, or a part of it", function()
    local tbl = people(200)
    assert.equal(4, assert(migrate.delete_partition { table = tbl, key = { pk = "P7" } }).counts.deleted)
    local part = { pk = "P8", sk = e.gt(100) }
    assert.equal(2, assert(migrate.delete_partition { table = tbl, key = part }).counts.deleted)
    assert.equal(194, assert(tbl:scan():count()))
  end)

  describe("that are swept", function()
    it("lose or change what meets the condition", function()
      local tbl = people(40)
      local report = assert(migrate.sweep { table = tbl, where = { sk = e.gt(30) }, action = "delete" })
      assert.equal(10, report.counts.deleted)
      report = assert(migrate.sweep {
        table = tbl, where = "sk > :n", values = { n = 20 }, action = { set = { senior = true }, remove = { "tags" } },
      })
      assert.equal(10, report.counts.changed)
      assert.is_true(assert(tbl:get(key_of(25))).senior)
      assert.is_nil(assert(tbl:get(key_of(25))).tags)
      report = assert(migrate.sweep {
        table = tbl, where = { sk = e.le(3) },
        action = function(item)
          if item.sk == 1 then return "delete" end
          if item.sk == 2 then return { set = { was = item.name } } end
        end,
      })
      assert.same({ 1, 1, 1 }, { report.counts.deleted, report.counts.changed, report.counts.unchanged })
      assert.equal("First2 Last2", assert(tbl:get(key_of(2))).was)
    end)

    it("are changed once, however often that is stopped", function()
      local tbl, begun, limit, runs = people(20), 0, 0, 0
      local report
      local function action()
        begun = begun + 1
        return { add = { applied = 1 } }
      end
      local options = { table = tbl, action = action, checkpoint = migration.path(), concurrency = 1 }
      function options.stop() return begun >= limit end
      repeat
        limit, runs = begun + 5, runs + 1
        report = migrate.sweep(options)
      until report or runs == 20
      assert.is_true(runs > 3)
      for _, item in pairs(migration.by_number(tbl)) do assert.equal(1, item.applied) end
      assert.equal(20, report.counts.changed)
    end)

    it("leave alone what does not meet it any more when it is written", function()
      local tbl = people(10)
      local report = assert(migrate.sweep {
        table = tbl, where = { applied = 0 },
        action = function(item)
          if item.sk == 4 then assert(tbl:update(key_of(4), { set = { applied = 1 } })) end
          if item.sk == 5 then assert(tbl:delete(key_of(5))) end
          return { set = { swept = true } }
        end,
      })
      assert.same({ 8, 2 }, { report.counts.changed, report.counts.left_alone })
      assert.is_nil(assert(tbl:get(key_of(4))).swept)
      assert.is_nil(tbl:get(key_of(5)))
    end)

    it("say which item their action failed on, or skip it", function()
      local tbl = people(10)
      local function action(item)
        if item.sk == 4 then error "no" end
        return { set = { swept = true } }
      end
      local none, err = migrate.sweep { table = tbl, action = action }
      assert.is_nil(none)
      assert.equal("ActionFailed", err.cause.code)
      assert.matches('"sk":4', err.cause.message, 1, true)
      none, err = migrate.sweep { table = tbl, action = action, on_error = "skip" }
      assert.is_nil(none)
      assert.same({ 9, 1 }, { err.report.counts.changed, err.report.counts.failed })
    end)

    it("move versions on", function()
      local tbl = people(3)
      local versioned = db:table(tbl.name, { partition = "pk", sort = "sk", version = "v" })
      assert(migrate.sweep { table = versioned, action = { set = { swept = true } } })
      assert.equal(1, assert(tbl:get(key_of(1))).v)
      assert(migrate.sweep { table = versioned, action = { set = { swept = false } } })
      assert.equal(2, assert(tbl:get(key_of(1))).v)
    end)
  end)
end)
