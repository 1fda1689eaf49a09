-- Jobs by the command: what they do, report and end with.
local command = require "spec.support.command"
local core = require "dynamodb.core"
local engine = require "spec.support.engine"
local fault_proxy = require "spec.support.fault_proxy"
local migration = require "spec.support.migration"
local process = require "spec.support.process"
local server = require "spec.support.server"

local SIGINT, SIGTERM = 2, 15

-- As `migration.split`.
local SPLIT = [[
return {
  %s mark = "split",
  map = function(item)
    item.first, item.last = item.name:match "^(%%S+) (%%S+)$"
    item.name, item.applied = nil, item.applied + 1
    return item
  end,
}]]

describe("jobs by the command", function()
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

  -- The report of a job that ends with the code.
  local function report(wanted, words)
    local code, output, errors = command.run(words)
    assert.equal(wanted, code, errors)
    return command.last(output), errors, output
  end

  local function split_of(tbl) return command.file(SPLIT:format(("table = %q,"):format(tbl.name))) end

  describe("migrate", function()
    if engine.name == "dynalite" then
      return it("needs conditions on lists and maps", function() pending "dynalite does not compare them" end)
    end

    it("shows what it would do, and does nothing", function()
      local tbl = people(20)
      local told = report(0, { "migrate", split_of(tbl), "--dry-run", "--sample", "2" })
      assert.same({ 2, 2, true }, { told.counts.changed, #told.samples, told.dry_run })
      local sample = told.samples[1]
      assert.equal(sample.old.name, sample.new.first .. " " .. sample.new.last)
      for _, item in pairs(migration.by_number(tbl)) do assert.equal(0, item.applied) end
    end)

    it("shows that to people with what goes and what comes", function()
      local tbl = people(1)
      local _, output = command.run { "migrate", split_of(tbl), "--dry-run", "--output", "table" }
      assert.matches('^update {[^\n]*"pk":"P1"', output)
      assert.matches('%+ last: "Last1"\n%- name: "First1 Last1"\n%+ split: true\n', output)
      assert.matches("\nmigrate +nothing was written\n", output)
      assert.matches("\nall: write units +1\n", output)
    end)

    it("migrates, and is taken back", function()
      local tbl, checkpoint = people(30), process.temporary()
      local file, before = split_of(tbl), migration.by_number(tbl)
      assert.equal(30, report(0, { "migrate", file, "--checkpoint", checkpoint }).counts.changed)
      for _, item in pairs(migration.by_number(tbl)) do assert.equal(1, item.applied) end
      assert.equal(30, report(0, { "revert", file, "--checkpoint", checkpoint }).counts.reverted)
      assert.same(before, migration.by_number(tbl))
    end)

    it("takes the table and the caps of the command line before those of the file", function()
      local tbl = people(10)
      local file = command.file(SPLIT:format 'table = "nowhere", wcu = 1, rcu = 1,')
      local told, errors = report(0, { "migrate", file, "--table", tbl.name, "--checkpoint", process.temporary(),
        "--wcu", "500" })
      assert.equal(10, told.counts.changed)
      local progress = assert(core.json_decode(command.lines(errors)[1]))
      assert.same({ 500, 1 }, { progress.wcu, progress.rcu })
    end)

    it("writes versions that the file's declaration of the table has", function()
      local tbl = people(3)
      local file = command.file(SPLIT:format(("table = { name = %q, version = 'v' },"):format(tbl.name)))
      report(0, { "migrate", file, "--checkpoint", process.temporary() })
      for _, item in pairs(migration.by_number(tbl)) do assert.equal(1, item.v) end
    end)

    it("tells its progress as lines of JSON, or not at all", function()
      local tbl = people(10)
      local _, errors = report(0, { "migrate", split_of(tbl), "--checkpoint", process.temporary() })
      local last = command.last(errors)
      assert.same({ "migrate", 10, 10 }, { last.kind, last.done, last.total })
      local _, silence = report(0, { "migrate", split_of(tbl), "--checkpoint", process.temporary(), "--quiet" })
      assert.equal("", silence)
    end)

    it("ends with 1 at an item whose map fails, and names it", function()
      local tbl = people(5)
      local file = command.file(('return { table = %q, mark = "m", map = function(item) return item.nothing.at end }')
        :format(tbl.name))
      local told, errors = report(1, { "migrate", file, "--checkpoint", process.temporary() })
      assert.equal("MapFailed", told.error.code)
      assert.matches('dynamodb: MapFailed: item {[^}]*"pk":"P%d"[^\n]*nothing', errors)
      assert.matches("the same command goes on", errors, 1, true)
    end)

    it("ends with 3 if such items are skipped, and lists them", function()
      local tbl = people(5)
      local file = command.file(([[return { table = %q, mark = "m", map = function(item)
        if item.sk == 3 then error "not this one" end
        item.applied = 1
        return item
      end }]]):format(tbl.name))
      local told = report(3, { "migrate", file, "--checkpoint", process.temporary(), "--skip-errors" })
      assert.same({ 1, 4, 1 }, { told.counts.failed, told.counts.changed, #told.left })
      assert.equal(3, told.left[1].key.sk)
    end)

    it("ends with 143 when it is told to end, and goes on", function()
      local tbl, checkpoint = people(800), process.temporary()
      local file = split_of(tbl)
      local child = command.start { "migrate", file, "--checkpoint", checkpoint, "--wcu", "100" }
      assert(process.await(60, function() return process.read(child.stderr):find '"phase":"migrating"' end))
      child:kill(SIGTERM)
      assert.equal(143, child:wait(60))
      local told = command.last(child:output())
      assert.equal("stopped", told.stopped)
      assert.equal(800, report(0, { "migrate", file, "--checkpoint", checkpoint }).counts.changed)
      for _, item in pairs(migration.by_number(tbl)) do assert.equal(1, item.applied) end
    end)

    it("ends at once at the second Ctrl-C, while a request hangs, and goes on", function()
      local tbl, checkpoint = people(30), process.temporary()
      local file = split_of(tbl)
      local proxy = fault_proxy.start { faults = { delay = 1 }, delay = { 60, 60 }, only = { "UpdateItem" } }
      local child = command.start { "migrate", file, "--checkpoint", checkpoint, "--endpoint-url", proxy.endpoint }
      assert(process.await(60, function() return (proxy:counts().delay or 0) > 0 end))
      local ended = process.await(4, function() -- sooner than any request is given up
        child:kill(SIGINT)
        return not child:alive()
      end)
      proxy:stop()
      assert.is_truthy(ended)
      assert.equal(130, child.code)
      assert.equal(30, report(0, { "migrate", file, "--checkpoint", checkpoint }).counts.changed)
      for _, item in pairs(migration.by_number(tbl)) do assert.equal(1, item.applied) end
    end)

    it("does its work where all standard streams are closed, and fails to tell of it", function()
      local tbl = people(1000)
      local code = process.run {
        "sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", process.lua, "bin/dynamodb", "migrate", split_of(tbl),
        "--checkpoint", process.temporary(), "--wcu", "500", env = command.environment {
          LUA_PATH = os.getenv "LUA_PATH", LUA_CPATH = os.getenv "LUA_CPATH",
        },
      }
      assert.equal(1, code)
      for _, item in pairs(migration.by_number(tbl)) do assert.equal(1, item.applied) end
    end)

    it("is shared by processes", function()
      local tbl, checkpoint = people(40), process.temporary()
      local file, changed = split_of(tbl), 0
      for i = 1, 2 do
        local told = report(0, { "migrate", file, "--checkpoint", checkpoint, "--shard", i .. "/2" })
        changed = changed + (told.counts.changed or 0)
      end
      assert.equal(40, changed)
    end)

    it("does nothing to a table that cannot be restored, if that is asked for", function()
      local path = process.temporary()
      local describe = server.response '{"Table":{"TableName":"t","TableStatus":"ACTIVE","KeySchema":[{\z
        "AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}]}}'
      local disabled = server.response '{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED",\z
        "PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}}'
      local s = server.start { { { "read" }, { "send", describe }, { "read" }, { "send", disabled }, { "drain" } } }
      local code, _, errors = command.run { "migrate", command.file(SPLIT:format 'table = "t",'), "--checkpoint", path,
        "--require-pitr", "--endpoint-url", "http://127.0.0.1:" .. s.port }
      local requests = s:requests()
      s:stop()
      assert.equal(1, code)
      assert.matches("PitrRequired: t has no point-in-time recovery", errors, 1, true)
      assert.equal(2, #requests)
      assert.matches("DescribeContinuousBackups", requests[2].head, 1, true)
      assert.equal("", process.read(path))
    end)

    it("does nothing to a table of which it does not know that it can be restored", function()
      local tbl = people(1)
      local code, _, errors = command.run { "migrate", split_of(tbl), "--checkpoint", process.temporary(),
        "--require-pitr" }
      assert.equal(1, code, errors)
      assert.equal(0, migration.by_number(tbl)[1].applied)
    end)
  end)

  describe("revert", function()
    if engine.name == "dynalite" then
      return it("needs conditions on lists and maps", function() pending "dynalite does not compare them" end)
    end

    it("ends with 3 where others have changed items since", function()
      local tbl, checkpoint = people(4), process.temporary()
      local file = split_of(tbl)
      report(0, { "migrate", file, "--checkpoint", checkpoint })
      assert(tbl:update({ pk = "P2", sk = 2 }, { set = { last = "Smith" } }))
      local told, errors = report(3, { "revert", file, "--checkpoint", checkpoint })
      assert.same({ 3, 1, 2 }, { told.counts.reverted, told.counts.changed, told.left[1].key.sk })
      assert.matches("dynamodb: revert: 4 items seen", errors, 1, true)
    end)

    it("shows what it leaves to people", function()
      local tbl, checkpoint = people(2), process.temporary()
      local file = split_of(tbl)
      report(0, { "migrate", file, "--checkpoint", checkpoint })
      assert(tbl:delete { pk = "P2", sk = 2 })
      local code, output = command.run { "revert", file, "--checkpoint", checkpoint, "--output", "table" }
      assert.equal(3, code)
      assert.matches("^revert +done but for some items\nseen +2\n", output)
      assert.matches('\nleft: gone {"pk":"P2","sk":2}: it was deleted since\n', output, 1, true)
    end)

    it("fails where nothing was migrated", function()
      local code, output, errors = command.run { "revert", split_of(people(1)), "--checkpoint", process.temporary() }
      assert.same({ 1, "" }, { code, output })
      assert.matches("there is no undo log", errors, 1, true)
    end)
  end)

  describe("export and import", function()
    it("bring items into another table, in each format", function()
      local source = people(12)
      for _, words in ipairs { { "d.json" }, { "d.json.gz" }, { "d.csv", "--format", "csv" } } do
        local target, file = people(0), process.temporary() .. words[1]
        assert.equal(12, report(0, { "export", source.name, file, words[2], words[3] }).counts.seen)
        assert.equal(12, report(0, { "import", target.name, file, words[2], words[3] }).counts.written)
        assert.same(migration.by_number(source), migration.by_number(target))
      end
    end)

    it("take the layout of an export to S3", function()
      local source, target, directory = people(12), people(0), process.temporary()
      local path = report(0, { "export", source.name, "--directory", directory }).path
      report(0, { "import", target.name, "--directory", path })
      assert.same(migration.by_number(source), migration.by_number(target))
    end)

    it("take a filter and columns", function()
      local file = process.temporary()
      report(0, { "export", people(9).name, file, "--format", "csv", "--columns",
        "name,pk,sk:N,applied:N,tags:SS,address:M,exact:N", "--filter-expression", "sk >= :n",
        "--expression-attribute-values", '{":n":9}' })
      assert.matches("^name:S,pk:S,sk:N,[^\n]*\nFirst9 Last9,P9,9,0,[^\n]*\n$", process.read(file))
    end)

    it("do not write over a file", function()
      local file = command.file "kept"
      local code, _, errors = command.run { "export", people(1).name, file }
      assert.equal(1, code)
      assert.matches("not written over", errors, 1, true)
      assert.equal("kept", process.read(file))
    end)

    it("end with 3 at lines that cannot be imported, which go to a file", function()
      local target, file = people(0), command.file '{"pk":{"S":"a"},"sk":{"N":"1"}}\nbroken\n'
      local told = report(3, { "import", target.name, file })
      assert.same({ 1, 1, file .. ".errors" }, { told.counts.written, told.counts.failed, told.errors })
      assert.equal("broken\n", process.read(file .. ".errors"))
    end)

    it("map items on their way in", function()
      local target, file = people(0), command.file '{"pk":{"S":"a"},"sk":{"N":"1"}}\n'
      local map = command.file "return function(item) item.mapped = true return item end"
      report(0, { "import", target.name, file, "--map", map })
      assert.is_true(migration.by_number(target)[1].mapped)
    end)

    it("fail at a file that is not there", function()
      local code, _, errors = command.run { "import", people(0).name, process.temporary() }
      assert.equal(1, code)
      assert.matches("FileError", errors, 1, true)
    end)
  end)

  describe("copy and diff", function()
    it("make tables equal, and say so", function()
      local source, target = people(20), people(0)
      assert.equal(20, report(0, { "copy", source.name, target.name }).counts.copied)
      assert.is_true(report(0, { "diff", source.name, target.name }).same)
    end)

    it("reach the target where it is said to be", function()
      local source, target = people(3), people(0)
      local told = report(0, { "copy", source.name, target.name, "--target-endpoint-url", engine.endpoint })
      assert.equal(3, told.counts.copied)
      local code = command.run { "copy", source.name, target.name, "--target-endpoint-url", "http://127.0.0.1:1",
        "--stall", "0.01" }
      assert.equal(1, code)
    end)

    it("end with 4 at differences, each a line", function()
      local source, target = people(3), people(2)
      assert(target:update({ pk = "P1", sk = 1 }, { set = { applied = 7 } }))
      assert(source:delete { pk = "P2", sk = 2 })
      local _, _, output = report(4, { "diff", source.name, target.name })
      local kinds = {}
      for _, line in ipairs(command.lines(output)) do
        local found = assert(core.json_decode(line))
        if found.key then kinds[found.kind] = found.key.sk end
      end
      assert.same({ different = 1, extra = 2, missing = 3 }, kinds)
      local _, text = command.run { "diff", source.name, target.name, "--no-extra", "--output", "table" }
      assert.matches('different  {"pk":"P1","sk":1}\n', text, 1, true)
      assert.is_nil(text:find("extra", 1, true))
      assert.equal(3, #report(4, { "diff", source.name, target.name, "--output", "json" }).differences)
    end)

    it("write differences as an export that mends them", function()
      local source, target, directory = people(3), people(0), process.temporary()
      local path = report(4, { "diff", source.name, target.name, "--directory", directory }).path
      report(0, { "import", target.name, "--directory", path })
      report(0, { "diff", source.name, target.name })
    end)
  end)

  describe("cost", function()
    if engine.name ~= "dynoxide" then
      return it("needs a count of items", function() pending "this engine counts them later" end)
    end

    it("says what a table costs at the given prices", function()
      local told = report(0, { "cost", people(10).name, "--wcu", "5", "--price-write", "100000" })
      assert.same({ 10, 2, 1 }, { told.wcu, told.seconds, told.money.total })
    end)

    it("says what a migration costs", function()
      local _, output = command.run { "cost", "--migration", split_of(people(10)), "--output", "table" }
      assert.matches("^items +10\nbytes +%d+\nread units +%d+\nwrite units +10\n$", output)
    end)

    it("needs a table", function()
      assert.equal(2, (command.run { "cost" }))
    end)
  end)
end)
