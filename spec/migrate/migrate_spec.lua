-- What a migration does to items, to those of others' writes among them, and what it leaves alone.
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local equal = require "spec.support.equal"
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"
local process = require "spec.support.process"

local e = dynamodb.expr

describe("a migration", function()
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

  local function key_of(i) return { pk = "P" .. i % 50, sk = i } end

  -- Runs one with a checkpoint of its own unless the options name one.
  local function run(options)
    options.checkpoint = options.checkpoint or migration.path()
    if options.mark == nil and not options.idempotent then options.mark = "split" end
    options.map = options.map or migration.split
    return migrate(options)
  end

  it("changes what the map changes, and marks it", function()
    local tbl = people(30)
    local before = migration.by_number(tbl)
    local report = assert(run { table = tbl, segments = 3 })
    assert.same({ 30, 30 }, { report.counts.seen, report.counts.changed })
    assert.is_true(report.written >= 30)
    for i, item in pairs(migration.by_number(tbl)) do
      local expected = before[i]
      expected.name, expected.first, expected.last, expected.applied = nil, "First" .. i, "Last" .. i, 1
      expected.split = true
      assert.is_true(equal.same(expected, item))
    end
  end)

  it("leaves alone what the map leaves alone, and what where leaves out", function()
    local tbl = people(30)
    local report = assert(run {
      table = tbl, where = "sk > :n", values = { n = 10 },
      map = function(item)
        if item.sk % 2 == 0 then return nil end
        return migration.split(item)
      end,
    })
    assert.same({ 20, 10, 10 }, { report.counts.seen, report.counts.changed, report.counts.unchanged })
    assert.equal("First12 Last12", assert(tbl:get(key_of(12))).name)
    assert.is_nil(assert(tbl:get(key_of(12))).split)
    assert.equal(0, assert(tbl:get(key_of(9))).applied)
  end)

  it("deletes what the map says is to be deleted, and revert puts it back", function()
    local tbl = people(20)
    local before, checkpoint = migration.by_number(tbl), migration.path()
    local report = assert(run {
      table = tbl, checkpoint = checkpoint,
      map = function(item)
        if item.sk <= 5 then return migrate.delete end
      end,
    })
    assert.same({ 5, 15 }, { report.counts.deleted, report.counts.unchanged })
    assert.is_nil(tbl:get(key_of(3)))
    assert(migrate.revert { table = tbl, checkpoint = checkpoint })
    for i, item in pairs(migration.by_number(tbl)) do assert.is_true(equal.same(before[i], item)) end
  end)

  it("loses no write of others, who change items after they were read", function()
    local tbl = people(40)
    local met = {}
    local report = assert(run {
      table = tbl,
      map = function(item)
        if not met[item.sk] then -- between reading and writing
          met[item.sk] = true
          assert(tbl:update(key_of(item.sk), { add = { visits = 1 }, set = { name = "New" .. item.sk .. " Name" } }))
        end
        return migration.split(item)
      end,
    })
    assert.equal(40, report.counts.changed)
    for i, item in pairs(migration.by_number(tbl)) do
      assert.same({ 1, 1, "New" .. i, "Name" }, { item.applied, item.visits, item.first, item.last })
    end
  end)

  it("gives an item up that others change all the time", function()
    local tbl = people(3)
    local none, err = run {
      table = tbl, on_error = "skip",
      map = function(item)
        if item.sk == 2 then assert(tbl:update(key_of(2), { set = { name = item.name .. "!" } })) end
        return migration.split(item)
      end,
    }
    assert.is_nil(none)
    assert.same({ 2, 1 }, { err.report.counts.changed, err.report.counts.failed })
    assert.same({ pk = "P2", sk = 2 }, err.report.left[1].key)
    assert.equal("Contended", err.report.left[1].code)
    assert.equal(0, assert(tbl:get(key_of(2))).applied)
  end)

  it("brings nothing back that others delete meanwhile", function()
    local tbl = people(20)
    local report = assert(run {
      table = tbl,
      map = function(item)
        if item.sk <= 5 then assert(tbl:delete(key_of(item.sk))) end
        return migration.split(item)
      end,
    })
    assert.same({ 15, 5 }, { report.counts.changed, report.counts.gone })
    for i = 1, 5 do assert.is_nil(tbl:get(key_of(i))) end
  end)

  it("is refused without a mark for a map that is not said to be idempotent", function()
    local tbl = people(1)
    local ok, message = pcall(migrate, { table = tbl, map = migration.split, checkpoint = migration.path() })
    assert.is_false(ok)
    assert.matches("give mark = .* or say idempotent = true", message)
  end)

  it("refuses one file for its checkpoint and its undo log", function()
    local path = migration.path()
    assert.has_error(function()
      run { table = people(1), checkpoint = path, undo = path }
    end, "migrate: checkpoint and undo are the same file")
  end)

  it("needs no mark for an idempotent map", function()
    local tbl = people(10)
    local function map(item)
      item.upper = item.name:upper()
      return item
    end
    assert.equal(10, assert(run { table = tbl, map = map, idempotent = true }).counts.changed)
    assert.equal(10, assert(run { table = tbl, map = map, idempotent = true }).counts.unchanged)
    assert.equal("FIRST7 LAST7", assert(tbl:get(key_of(7))).upper)
  end)

  it("marks with a value of the program's, and maps what has another one", function()
    local tbl = people(10)
    assert(tbl:update(key_of(3), { set = { schema = 2 } }))
    assert(tbl:update(key_of(4), { set = { schema = 1 } }))
    local report = assert(run { table = tbl, mark = { schema = 2 } })
    assert.equal(9, report.counts.changed)
    assert.same({ 0, 2 }, { assert(tbl:get(key_of(3))).applied, assert(tbl:get(key_of(3))).schema })
    assert.same({ 1, 2 }, { assert(tbl:get(key_of(4))).applied, assert(tbl:get(key_of(4))).schema })
  end)

  it("says which item its map failed on, and goes on there when that is mended", function()
    local tbl = people(30)
    local options = { table = tbl, checkpoint = migration.path() }
    function options.map(item)
      if item.sk == 17 then error "no such name" end
      return migration.split(item)
    end
    local none, err = run(options)
    assert.is_nil(none)
    assert.equal("MapFailed", err.cause.code)
    assert.matches('"sk":17', err.cause.message, 1, true)
    assert.matches("no such name", err.cause.message, 1, true)
    assert.equal("error", err.report.stopped)
    options.map = migration.split
    assert(run(options))
    for _, item in pairs(migration.by_number(tbl)) do assert.equal(1, item.applied) end
  end)

  it("skips what its map fails on, if told to, and lists it", function()
    local tbl = people(30)
    local checkpoint = migration.path()
    local none, err = run {
      table = tbl, checkpoint = checkpoint, on_error = "skip",
      map = function(item)
        if item.sk == 17 then error "no such name" end
        if item.sk == 18 then return 18 end
        if item.sk == 19 then item.extra = print end
        if item.sk == 20 then item.pk = nil end
        if item.sk == 21 then
          item.last = "changed"
          return nil
        end
        return migration.split(item)
      end,
    }
    assert.is_nil(none)
    assert.equal("Incomplete", err.code)
    assert.is_nil(err.cause)
    local codes = {}
    for _, entry in ipairs(err.report.left) do codes[entry.key.sk] = entry.code end
    assert.same({ [17] = "MapFailed", [18] = "MapFailed", [19] = "InvalidItem", [20] = "InvalidItem",
      [21] = "MapFailed" }, codes)
    assert.same({ 25, 5 }, { err.report.counts.changed, err.report.counts.failed })
    local lines = select(2, process.read(checkpoint .. ".left"):gsub("\n", ""))
    assert.equal(5, lines)
  end)

  it("says what is wrong with a map that changes its item and returns nothing", function()
    local none, err = run { table = people(1), map = function(item) item.x = 1 end }
    assert.is_nil(none)
    assert.matches("has changed the item and returned nothing", err.cause.message, 1, true)
  end)

  it("names the item for which there is no name or no guard", function()
    local none, err = run { table = people(1), map = function(item) item[""] = 1 return item end }
    assert.is_nil(none)
    assert.equal('InvalidItem: item {"pk":"P1","sk":1}: an attribute\'s name cannot be empty', tostring(err.cause))
    none, err = run { table = people(1), guard = function() error "no idea" end }
    assert.is_nil(none)
    assert.matches('Unguarded: item {"pk":"P1","sk":1}: guard: .*no idea', tostring(err.cause))
  end)

  it("stops between two items and goes on there", function()
    local tbl = people(600)
    local calls = 0
    local options = {
      table = tbl, checkpoint = migration.path(),
      stop = function()
        calls = calls + 1
        return calls > 300
      end,
    }
    local none, err = run(options)
    assert.is_nil(none)
    assert.equal("stopped", err.report.stopped)
    local first = err.report.counts.changed
    assert.is_true(first > 0 and first < 600)
    options.stop = nil
    assert.equal(600, assert(run(options)).counts.changed)
    for _, item in pairs(migration.by_number(tbl)) do assert.equal(1, item.applied) end
  end)

  it("tells how it goes, what it will cost first", function()
    local tbl, told = people(50), {}
    local report = assert(run {
      table = tbl, wcu = 1e6, rates = { read = 1, write = 2 },
      progress = function(p) told[#told + 1] = { phase = p.phase, done = p.done, estimate = p.estimate } end,
    })
    assert.equal(0, told[1].done)
    assert.same(report.estimate, told[1].estimate)
    assert.equal(50, told[#told].done)
    assert.equal("migrating", told[#told].phase)
    assert.equal(report.estimate.wcu * 2 / 1e6, report.estimate.money.write)
  end)

  it("writes nothing in a dry run, and shows what it would do", function()
    local tbl = people(30)
    local before = migration.by_number(tbl)
    local report = assert(migrate { table = tbl, map = migration.split, dry_run = true, sample = 10 })
    assert.same({ 10, 10, true }, { report.counts.seen, report.counts.changed, report.dry_run })
    local sample = report.samples[1]
    local i = sample.key.sk
    assert.equal(([[
update {"pk":"P%d","sk":%d}
- applied: 0
+ applied: 1
+ first: "First%d"
+ last: "Last%d"
- name: "First%d Last%d"]]):format(i % 50, i, i, i, i, i), tostring(sample))
    for number, item in pairs(migration.by_number(tbl)) do assert.is_true(equal.same(before[number], item)) end
  end)

  it("does not say that a dry run is done which was stopped", function()
    local calls = 0
    local none, err = migrate { table = people(30), map = migration.split, dry_run = true, stop = function()
      calls = calls + 1
      return calls > 20
    end }
    assert.is_nil(none)
    assert.equal("stopped", err.report.stopped)
    assert.is_true(#err.report.samples < 30)
  end)

  it("shows the inside of values in order", function()
    local tbl = people(1)
    local report = assert(migrate { table = tbl, dry_run = true, idempotent = true, map = function(item)
      item.address = { zip = "1", city = "b", street = { "s" }, area = dynamodb.set { "y", "x" } }
      return item
    end })
    assert.matches('+ address: {"area":["x","y"],"city":"b","street":["s"],"zip":"1"}', tostring(report.samples[1]),
      1, true)
  end)

  it("has its cost told without being run", function()
    local tbl = people(40)
    local estimate = assert(migrate.cost {
      table = tbl, wcu = 10, rates = { read = 0.25, write = 1.25 }, sample = 40,
      map = function(item)
        if item.sk <= 10 then return migration.split(item) end
      end,
    })
    assert.equal(40, estimate.items)
    assert.equal(10, estimate.wcu)
    assert.equal(1, estimate.seconds)
    assert.equal(10 * 1.25 / 1e6, estimate.money.write)
  end)

  it("is shared by several processes", function()
    local tbl = people(100)
    local checkpoint, changed = migration.path(), 0
    for i = 1, 3 do
      changed = changed + (assert(run { table = tbl, checkpoint = checkpoint, shard = { i, 3 } }).counts.changed or 0)
    end
    assert.equal(100, changed)
    for _, item in pairs(migration.by_number(tbl)) do assert.equal(1, item.applied) end
    local reverted = 0
    for i = 1, 3 do
      reverted = reverted + (assert(migrate.revert {
        table = tbl, checkpoint = checkpoint, shard = { i, 3 },
      }).counts.reverted or 0)
    end
    assert.equal(100, reverted)
  end)

  it("moves versions on and sets stamps, as every write of such a table", function()
    local plain = people(10)
    local tbl = db:table(plain.name, {
      partition = "pk", sort = "sk", version = "v", stamps = { updated = "updated" },
    })
    assert(tbl:put(assert(plain:get(key_of(3)))))
    local checkpoint = migration.path()
    assert(run { table = tbl, checkpoint = checkpoint })
    local item = assert(plain:get(key_of(3)))
    assert.same({ 2, 1 }, { item.v, item.applied })
    assert.same({ 1, 1 }, { assert(plain:get(key_of(4))).v, assert(plain:get(key_of(4))).applied })
    assert.is_string(item.updated)
    assert(migrate.revert { table = tbl, checkpoint = checkpoint })
    assert.same({ 3, 0 }, { assert(plain:get(key_of(3))).v, assert(plain:get(key_of(3))).applied })
  end)

  it("does not begin if nobody knows whether there is point-in-time recovery, and that is asked for", function()
    local tbl = people(3)
    local none, err = run { table = tbl, require_pitr = true }
    assert.is_nil(none)
    assert.is_truthy(err.code)
    assert.equal(0, assert(tbl:get(key_of(1))).applied)
  end)

  describe("of items with very many attributes", function()
    local function wide(i)
      local item = { pk = "P" .. i % 50, sk = i, name = "First Last", applied = 0, v = 1 }
      for n = 1, 200 do item["attribute" .. n] = n end
      return item
    end

    it("refuses them if nothing can guard them", function()
      local none, err = run {
        table = people(2, wide), idempotent = true,
        map = function(item)
          item.upper = item.name:upper()
          return item
        end,
      }
      assert.is_nil(none)
      assert.equal("Unguarded", err.cause.code)
      assert.matches("give mark or guard", err.cause.message, 1, true)
    end)

    it("guards what is changed, if there is a mark", function()
      local tbl, met = people(4, wide), {}
      assert(run {
        table = tbl,
        map = function(item)
          if not met[item.sk] then
            met[item.sk] = true
            assert(tbl:update(key_of(item.sk), { set = { attribute7 = "mine", name = "New Name" } }))
          end
          return migration.split(item)
        end,
      })
      for _, item in pairs(migration.by_number(tbl)) do
        assert.same({ "mine", "New", 1 }, { item.attribute7, item.first, item.applied })
      end
    end)

    -- Maps each item a second time: at the first one, somebody else writes it as the application does.
    local function interrupted(tbl)
      local met = {}
      return function(item)
        if not met[item.sk] then
          met[item.sk] = true
          assert(tbl:update(key_of(item.sk), { add = { v = 1 }, set = { name = "New Name" } }))
        end
        item.upper = item.name:upper()
        return item
      end
    end

    it("guards what it is told to guard", function()
      local tbl = people(2, wide)
      assert(run { table = tbl, map = interrupted(tbl), idempotent = true, guard = { "v" } })
      assert.same({ "NEW NAME", 2 }, { assert(tbl:get(key_of(1))).upper, assert(tbl:get(key_of(1))).v })
      local function guard(old) return { name = old.name, v = e.ge(old.v) } end
      assert(run { table = tbl, map = migration.split, guard = guard })
      assert.equal(1, assert(tbl:get(key_of(2))).applied)
    end)

    it("guards the version, if the table has one", function()
      local tbl = people(2, wide)
      local versioned = db:table(tbl.name, { partition = "pk", sort = "sk", version = "v" })
      assert(run { table = versioned, map = interrupted(tbl), idempotent = true })
      assert.same({ "NEW NAME", 3 }, { assert(tbl:get(key_of(1))).upper, assert(tbl:get(key_of(1))).v })
    end)
  end)

  describe("that re-keys", function()
    local function rekey(item)
      if item.pk:find "^P" then
        item.pk = "PERSON#" .. item.sk
        item.applied = item.applied + 1
        return item
      end
    end

    it("moves items in one transaction each, and back", function()
      local tbl = people(30)
      local before, checkpoint = migration.by_number(tbl), migration.path()
      local report = assert(run { table = tbl, checkpoint = checkpoint, map = rekey })
      assert.equal(30, report.counts.rekeyed)
      for i, item in pairs(migration.by_number(tbl)) do
        assert.same({ "PERSON#" .. i, 1, true }, { item.pk, item.applied, item.split })
      end
      assert(migrate.revert { table = tbl, checkpoint = checkpoint })
      for i, item in pairs(migration.by_number(tbl)) do assert.is_true(equal.same(before[i], item)) end
    end)

    it("needs a mark", function()
      local none, err = run { table = people(2), map = rekey, idempotent = true }
      assert.is_nil(none)
      assert.equal("MarkRequired", err.cause.code)
    end)

    it("leaves an item that would become too large", function()
      local none, err = run {
        table = people(3), on_error = "skip",
        map = function(item)
          item.pk = "PERSON#" .. item.sk
          if item.sk == 2 then item.text = ("x"):rep(410 * 1024) end
          return item
        end,
      }
      assert.is_nil(none)
      assert.same({ 2, 1 }, { err.report.counts.rekeyed, err.report.counts.failed })
      assert.same({ { pk = "P2", sk = 2 }, "ValidationException" },
        { err.report.left[1].key, err.report.left[1].code })
    end)

    it("does not write over an item that has the key already", function()
      local tbl = people(5)
      assert(tbl:put { pk = "PERSON#3", sk = 3, mine = true, split = true })
      local none, err = run { table = tbl, map = rekey, on_error = "skip" }
      assert.is_nil(none)
      assert.same({ 4, 1 }, { err.report.counts.rekeyed, err.report.counts.failed })
      assert.equal("KeyTaken", err.report.left[1].code)
      assert.is_true(assert(tbl:get { pk = "PERSON#3", sk = 3 }).mine)
      assert.equal(0, assert(tbl:get(key_of(3))).applied)
    end)
  end)

  describe("that is taken back", function()
    it("lists what was changed or deleted since, and leaves it", function()
      local tbl = people(20)
      local checkpoint = migration.path()
      assert(run { table = tbl, checkpoint = checkpoint })
      assert(tbl:update(key_of(3), { set = { first = "Eve" } }))
      assert(tbl:delete(key_of(4)))
      local none, err = migrate.revert { table = tbl, checkpoint = checkpoint }
      assert.is_nil(none)
      assert.same({ 18, 1, 1 }, { err.report.counts.reverted, err.report.counts.changed, err.report.counts.gone })
      local why = {}
      for _, entry in ipairs(err.report.left) do why[entry.key.sk] = entry.why end
      assert.same({ [3] = "changed", [4] = "gone" }, why)
      assert.equal("Eve", assert(tbl:get(key_of(3))).first)
      assert.is_nil(tbl:get(key_of(4)))
      assert.equal("First5 Last5", assert(tbl:get(key_of(5))).name)
    end)

    it("puts back what was there when it was written, not what was read at first", function()
      local tbl, met = people(5), {}
      local checkpoint = migration.path()
      assert(run {
        table = tbl, checkpoint = checkpoint,
        map = function(item)
          if not met[item.sk] then
            met[item.sk] = true
            assert(tbl:update(key_of(item.sk), { set = { name = "New Name" } }))
          end
          return migration.split(item)
        end,
      })
      local report = assert(migrate.revert { table = tbl, checkpoint = checkpoint })
      assert.equal(5, report.counts.reverted)
      for _, item in pairs(migration.by_number(tbl)) do assert.same({ "New Name", 0 }, { item.name, item.applied }) end
    end)

    it("can be made anew", function()
      local tbl, checkpoint = people(5), migration.path()
      assert(run { table = tbl, checkpoint = checkpoint })
      local reverted = assert(migrate.revert { table = tbl, checkpoint = checkpoint })
      assert.equal(checkpoint .. ".undo.reverted", reverted.undo)
      assert.matches('"old"', process.read(reverted.undo), 1, true)
      assert.equal(5, assert(run { table = tbl, checkpoint = checkpoint }).counts.changed)
    end)

    it("keeps its log in place, and says so, when that cannot be put away", function()
      local tbl, checkpoint = people(5), migration.path()
      assert(run { table = tbl, checkpoint = checkpoint })
      assert(os.execute(("mkdir %s.undo.reverted"):format(checkpoint)))
      local none, err = migrate.revert { table = tbl, checkpoint = checkpoint }
      os.remove(checkpoint .. ".undo.reverted")
      assert.is_nil(none)
      assert.same({ "FileError", 5 }, { err.cause.code, err.report.counts.reverted })
      assert.equal(5, assert(migrate.revert { table = tbl, checkpoint = checkpoint }).counts.reverted)
    end)

    it("takes nothing back, and cuts nothing off, where its log is damaged", function()
      local tbl, checkpoint = people(20), migration.path()
      assert(run { table = tbl, checkpoint = checkpoint })
      local path = checkpoint .. ".undo"
      local text = process.read(path)
      local file = assert(io.open(path, "r+b"))
      file:seek("set", math.floor(#text / 2))
      file:write "X"
      file:close()
      for _ = 1, 2 do
        local none, err = migrate.revert { table = tbl, checkpoint = checkpoint }
        assert.is_nil(none)
        assert.matches("the line at %d+ is damaged", err.message)
        assert.equal(#text, #process.read(path))
      end
      file = assert(io.open(path, "wb"))
      file:write((text:sub(1, -2):gsub("[^\n]*$", "")))
      file:close()
      local none, err = migrate.revert { table = tbl, checkpoint = checkpoint }
      assert.is_nil(none)
      assert.matches("it is shorter than the migration's checkpoint says", err.message, 1, true)
      for _, item in pairs(migration.by_number(tbl)) do assert.equal(1, item.applied) end
    end)

    it("cannot be gone on with once a part of it is taken back", function()
      local tbl, checkpoint = people(5), migration.path()
      assert(run { table = tbl, checkpoint = checkpoint })
      local told
      local options = { table = tbl, checkpoint = checkpoint, wcu = 0.5 } -- one item at a time
      function options.progress() told = true end
      function options.stop() return told end
      assert.is_nil(migrate.revert(options))
      local none, err = run { table = tbl, checkpoint = checkpoint }
      assert.is_nil(none)
      assert.matches(".revert: the migration was taken back, in parts at least", err.message, 1, true)
      options.stop = nil
      assert(migrate.revert(options))
      assert.equal(5, assert(run { table = tbl, checkpoint = checkpoint }).counts.changed)
    end)

    -- Something happens when a job asks what its table is: it knows its files' names then, and nothing of what is in
    -- them.
    local function meanwhile(tbl, f)
      local other
      other = engine.connect { before_send = function(about)
        if about.operation == "DescribeTable" and f then
          local once = f
          f = nil
          once()
        end
      end }
      finally(function() other:close() end)
      return other:table(tbl.name, { partition = "pk", sort = "sk" })
    end

    it("puts no empty log in the place of the one that another process has put away meanwhile", function()
      local tbl, checkpoint = people(5), migration.path()
      assert(run { table = tbl, checkpoint = checkpoint })
      local reverted
      local late = meanwhile(tbl, function()
        reverted = assert(migrate.revert { table = tbl, checkpoint = checkpoint })
      end)
      local none, err = migrate.revert { table = late, checkpoint = checkpoint }
      assert.is_nil(none)
      assert.matches("there is no undo log", err.message, 1, true)
      assert.matches('"old"', process.read(reverted.undo), 1, true)
    end)

    it("is noticed by a migration that began at the same time", function()
      local tbl, checkpoint = people(5), migration.path()
      assert(run { table = tbl, checkpoint = checkpoint })
      local late = meanwhile(tbl, function()
        local told
        assert.is_nil(migrate.revert { table = tbl, checkpoint = checkpoint, wcu = 0.5,
          progress = function() told = true end, stop = function() return told end })
      end)
      local none, err = run { table = late, checkpoint = checkpoint }
      assert.is_nil(none)
      assert.matches("the migration was taken back, in parts at least", err.message, 1, true)
    end)

    it("keeps the migration from going on meanwhile", function()
      local tbl, checkpoint = people(5), migration.path()
      assert(run { table = tbl, checkpoint = checkpoint })
      local other
      assert(migrate.revert { table = tbl, checkpoint = checkpoint, progress = function()
        local _
        _, other = run { table = tbl, checkpoint = checkpoint }
      end })
      assert.matches(".lock: another process has it", other.message, 1, true)
    end)

    it("says so if there is nothing to take back", function()
      local none, err = migrate.revert { table = people(1), checkpoint = migration.path() }
      assert.is_nil(none)
      assert.matches("there is no undo log", err.message, 1, true)
    end)
  end)

  it("takes text filters, negations and lists in where beside its mark", function()
    local tbl = people(10)
    local report = assert(run { table = tbl, where = e.any({ sk = e.lt(3) }, { sk = e.gt(8) }) })
    assert.equal(4, report.counts.changed)
  end)

  it("refuses a client that changes values", function()
    local native = engine.connect { numbers = "native" }
    finally(function() native:close() end)
    local ok, message = pcall(migrate, {
      table = native:table "people", map = print, mark = "m", checkpoint = migration.path(),
    })
    assert.is_false(ok)
    assert.matches("items must stay as they are", message, 1, true)
  end)
end)
