-- Tables into files and back.
local core = require "dynamodb.core"
local engine = require "spec.support.engine"
local equal = require "spec.support.equal"
local generate = require "spec.support.generate"
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"
local process = require "spec.support.process"
local s3 = require "dynamodb.formats.s3"

describe("export and import", function()
  if not engine.endpoint then
    return it("needs an engine", function() pending "no engine: run through tools/engine.sh" end)
  end
  local db, tables, source

  local function new_table()
    local name = engine.create_table(db, { "pk:S" })
    tables[#tables + 1] = name
    return db:table(name, { partition = "pk" })
  end

  -- Items with values of every type.
  local function item(i)
    local made = generate.new(i):map(3, 6)
    for name in pairs(made) do
      if name == "" then made[name] = nil end
    end
    made.pk, made.n = "item " .. i, i
    return made
  end

  setup(function()
    db, tables = engine.connect(), {}
    source = new_table()
    local i = 0
    assert(source:put_all(function()
      i = i + 1
      if i <= 300 then return item(i) end
    end))
  end)

  teardown(function()
    for _, name in ipairs(tables) do engine.drop_table(db, name) end
    db:close()
  end)

  local function path(name) return migration.path() .. "-" .. name end

  local function lines_of(file)
    local lines = {}
    local command = file:find "%.gz$" and "LD_PRELOAD= gzip -dc " .. file or "cat " .. file
    local pipe = assert(io.popen(command .. " | LD_PRELOAD= LC_ALL=C sort"))
    for line in pipe:lines() do lines[#lines + 1] = line end
    pipe:close()
    return lines
  end

  local function write(file, text)
    local handle = assert(io.open(file, "wb"))
    handle:write(text)
    handle:close()
  end

  for _, case in ipairs { { "dynamodb-json", "a.json" }, { "dynamodb-json", "a.json.gz" }, { "csv", "a.csv" } } do
    it(("of %s give the same items and the same file again (%s)"):format(case[1], case[2]), function()
      local first, second, target = path(case[2]), path(case[2]), new_table()
      local report = assert(migrate.export { table = source, file = first, format = case[1], segments = 3 })
      assert.same({ 300, first }, { report.counts.seen, report.path })
      assert.equal(300, assert(migrate.import { table = target, file = first, format = case[1] }).counts.written)
      assert(migrate.export { table = target, file = second, format = case[1] })
      assert.same(lines_of(first), lines_of(second))
      for i = 1, 300, 37 do
        local key = { pk = "item " .. i }
        assert.is_true(equal.same(assert(source:get(key)), assert(target:get(key))), "item " .. i)
      end
    end)
  end

  it("of plain JSON are for other programs", function()
    local file, target = path "a.json", new_table()
    assert(target:put { pk = "a", n = 1, list = { 1, { x = true } } })
    assert(migrate.export { table = target, file = file, format = "json" })
    assert.equal('{"list":[1,{"x":true}],"n":1,"pk":"a"}\n', process.read(file))
    assert(target:delete { pk = "a" })
    assert(migrate.import { table = target, file = file, format = "json" })
    assert.is_true(assert(target:get { pk = "a" }).list[2].x)
  end)

  it("write what where and columns let through", function()
    local file = path "a.csv"
    local none, err = migrate.export { table = source, file = file, format = "csv", columns = { "pk:S" } }
    assert.is_nil(none)
    assert.equal("NoColumn", err.cause.code)
    local target = new_table()
    assert(target:put_all { { pk = "a", n = 1 }, { pk = "b", n = 2 } })
    file = path "a.csv"
    assert(migrate.export {
      table = target, file = file, format = "csv", columns = { "n:N", "pk" }, where = { n = 2 },
    })
    assert.equal("n:N,pk:S\n2,b\n", process.read(file))
  end)

  it("put broken lines into a file that can be imported when it is mended", function()
    local file, target = path "a.json", new_table()
    write(file, '{"Item":{"pk":{"S":"a"}}}\n{"Item":{"pk":{"S":"b"}\n{"Item":{"pk":{"N":"1"}}}\n'
      .. '{"Item":{"x":{"S":"c"}}}\n')
    local told = {}
    local none, err = migrate.import {
      table = target, file = file, on_failed = function(failure) told[#told + 1] = failure.raw end,
    }
    assert.is_nil(none)
    assert.same({ "Incomplete", file .. ".errors" }, { err.code, err.report.errors })
    assert.same({ seen = 4, written = 1, failed = 3 }, err.report.counts)
    assert.equal(3, #told)
    local text = process.read(file .. ".errors")
    assert.matches('{"Item":{"pk":{"S":"b"}\n', text, 1, true)
    write(file .. ".mended", (text:gsub('"b"}\n', '"b"}}}\n'):gsub('{"N":"1"}', '{"S":"1"}'):gsub('"x"', '"pk"')))
    assert(migrate.import { table = target, file = file .. ".mended" })
    for _, pk in ipairs { "a", "b", "1", "c" } do assert.is_table(target:get { pk = pk }) end
  end)

  it("are not taken for all of the items when they are told again", function()
    local file, target = path "a.json", new_table()
    write(file, '{"pk":{"S":"a"}}\n{"pk":{"N":"1"}}\n')
    for _ = 1, 2 do
      local none, err = migrate.import { table = target, file = file, checkpoint = file .. "-checkpoint" }
      assert.is_nil(none)
      assert.same({ false, file .. ".errors" }, { err.report.done, err.report.errors })
      assert.matches("not all of them could be done", err.message, 1, true)
    end
  end)

  it("keep the header of a CSV in the file of its broken lines", function()
    local file, target = path "a.csv", new_table()
    write(file, 'pk:S,n:N\na,1\nb,x\n"c\nd",\n')
    local none, err = migrate.import { table = target, file = file, format = "csv" }
    assert.is_nil(none)
    assert.equal("pk:S,n:N\nb,x\n", process.read(err.report.errors))
    assert.is_table(target:get { pk = "c\nd" })
  end)

  it("map items on their way into a table", function()
    local file, target = path "a.json", new_table()
    write(file, '{"pk":{"S":"a"}}\n{"pk":{"S":"b"}}\n{"pk":{"S":"c"}}\n')
    local none, err = migrate.import {
      table = target, file = file,
      map = function(one)
        if one.pk == "a" then return migrate.delete end
        if one.pk == "b" then error "not this one" end
        one.n = 1
        return one
      end,
    }
    assert.is_nil(none)
    assert.same({ 1, 1, 1 }, { err.report.counts.left_out, err.report.counts.failed, err.report.counts.written })
    assert.equal('{"pk":{"S":"b"}}\n', process.read(err.report.errors))
    assert.equal(1, assert(target:get { pk = "c" }).n)
  end)

  it("end at a gzip file that was cut off, behind what could be read", function()
    local file, cut, target = path "a.json.gz", path "b.json.gz", new_table()
    assert(migrate.export { table = source, file = file })
    local bytes = process.read(file)
    write(cut, bytes:sub(1, math.floor(#bytes / 2)))
    local options = { table = target, file = cut, checkpoint = path "checkpoint" }
    local none, err = migrate.import(options)
    assert.is_nil(none)
    assert.equal("TruncatedFile", err.cause.code)
    local written = err.report.counts.written
    assert.is_true(written > 10 and written < 300)
    write(cut, bytes)
    local report = assert(migrate.import(options))
    assert.equal(300, report.counts.seen)
    assert.equal(300, assert(target:scan():count()))
  end)

  it("do not take a table that vanishes for broken lines", function()
    local file, target = path "a.json", new_table()
    write(file, '{"pk":{"S":"a"}}\n')
    engine.drop_table(db, target.name)
    local none, err = migrate.import { table = target, file = file }
    assert.is_nil(none)
    assert.is_true(err.cause:is "ResourceNotFound")
    assert.is_nil(io.open(file .. ".errors"))
  end)

  it("go on where they were stopped", function()
    local file, target = path "a.json.gz", new_table()
    local calls = 0
    local function stop()
      calls = calls + 1
      return calls > 150
    end
    local options = { table = source, file = file, checkpoint = path "export", stop = stop }
    local none, err = migrate.export(options)
    assert.is_nil(none)
    assert.equal("stopped", err.report.stopped)
    options.stop = nil
    assert.equal(300, assert(migrate.export(options)).counts.seen)
    assert.equal(300, #lines_of(file))
    calls = 0
    options = { table = target, file = file, checkpoint = path "import", stop = stop }
    none, err = migrate.import(options)
    assert.is_nil(none)
    assert.equal("stopped", err.report.stopped)
    options.stop = nil
    assert(migrate.import(options))
    assert.equal(300, assert(target:scan():count()))
  end)

  it("go on after a crash, whatever it has left in their files", function()
    -- What a program raises in `progress` ends the job without a word to its checkpoint.
    local function crash(job, options)
      options.progress = function() error "crash" end
      assert.is_false(pcall(job, options))
      options.progress = nil
      return job(options)
    end
    for _, name in ipairs { "a.json", "a.json.gz", "a.csv" } do
      local file = path(name)
      assert(crash(migrate.export, {
        table = source, file = file, checkpoint = path "checkpoint", format = name == "a.csv" and "csv" or nil,
      }))
      local lines, seen = lines_of(file), {}
      for _, line in ipairs(lines) do
        assert.is_nil(seen[line], "twice: " .. line)
        seen[line] = true
      end
      if name ~= "a.csv" then assert.equal(300, #lines) end
    end
    local report = assert(crash(migrate.export, {
      table = source, directory = path "s3", checkpoint = path "checkpoint",
    }))
    assert.equal(300, #lines_of(report.path .. "/data/*.gz"))
    local file, target = path "b.json", new_table()
    write(file, '{"pk":{"S":"a"}}\nbroken\n')
    local none, err = crash(migrate.import, { table = target, file = file, checkpoint = path "checkpoint" })
    assert.is_nil(none)
    assert.equal("broken\n", process.read(err.report.errors))
  end)

  it("have a file beside the checkpoint", function()
    local file = path "a.json"
    assert.has_error(function()
      migrate.export { table = new_table(), file = file, checkpoint = file }
    end, "export: checkpoint and file are the same file")
  end)

  it("are not begun with a filter that makes no sense", function()
    local file = migration.path()
    assert.has_error(function() migrate.export { table = source, file = file, where = "pk = 5" } end)
    assert.is_nil(io.open(file))
  end)

  it("write over nothing", function()
    local file = path "mine"
    write(file, "mine")
    local none, err = migrate.export { table = source, file = file }
    assert.is_nil(none)
    assert.equal("FileError", err.code)
    write(file .. ".errors", "mine, too")
    none, err = migrate.import { table = source, file = file }
    assert.is_nil(none)
    assert.equal("FileError", err.code)
    assert.same({ "mine", "mine, too" }, { process.read(file), process.read(file .. ".errors") })
  end)

  describe("in the layout of an export to S3", function()
    it("give the same items, and can be gone on with", function()
      local root, target, calls = path "s3", new_table(), 0
      local options = {
        table = source, directory = root, checkpoint = path "checkpoint",
        stop = function()
          calls = calls + 1
          return calls > 150
        end,
      }
      local none, err = migrate.export(options)
      assert.is_nil(none)
      assert.equal("stopped", err.report.stopped)
      options.stop = nil
      local report = assert(migrate.export(options))
      local export = assert(s3.open(report.path))
      assert.same({ "full", 300, 2 }, { export.kind, export.summary.itemCount, #export.files })
      assert.equal(300, assert(migrate.import { table = target, directory = report.path }).counts.written)
      local first, second = path "a.json", path "b.json"
      assert(migrate.export { table = source, file = first })
      assert(migrate.export { table = target, file = second })
      assert.same(lines_of(first), lines_of(second))
    end)

    it("are read by an engine's own import", function()
      if engine.name ~= "dynoxide" then return pending "dynoxide alone imports such directories" end
      local report = assert(migrate.export { table = source, directory = path "s3" })
      local root, schema, out = process.temporary_directory(), path "schema.json", path "out.db"
      assert(os.execute(("ln -s %s %s/%s"):format(report.path, root, source.name)))
      write(schema, core.json_encode(assert(db:call("DescribeTable", { TableName = source.name }))))
      local code, output, errors = process.run {
        "cache/dynoxide/dynoxide", "import", "--source", root, "--schema", schema, "--output", out,
      }
      assert.equal(0, code, errors)
      assert.matches("Items:%s+300", output .. errors)
    end)

    it("are refused when a checksum is wrong, before anything of the file is written", function()
      local report, target = assert(migrate.export { table = source, directory = path "s3" }), new_table()
      local file = assert(s3.open(report.path)).files[1].path
      local bytes = process.read(file)
      write(file, bytes:sub(1, -9) .. "12345678")
      local none, err = migrate.import { table = target, directory = report.path }
      assert.is_nil(none)
      assert.equal("ChecksumMismatch", err.cause.code)
      assert.equal(0, assert(target:scan():count()))
      local manifest = report.path .. "/manifest-files.json"
      write(manifest, (process.read(manifest):gsub('"itemCount":300', '"itemCount":301')))
      none, err = migrate.import { table = target, directory = report.path }
      assert.is_nil(none)
      assert.equal("ChecksumMismatch", err.code)
    end)

    it("never read a file elsewhere", function()
      local report = assert(migrate.export { table = source, directory = path "s3" })
      local manifest = report.path .. "/manifest-files.json"
      write(manifest, (process.read(manifest):gsub('AWSDynamoDB/', 'AWSDynamoDB/../../')))
      os.remove(report.path .. "/manifest-files.checksum")
      local none, err = migrate.import { table = source, directory = report.path }
      assert.is_nil(none)
      assert.matches("this data file is not there", err.message, 1, true)
    end)

    it("read what the service writes: incremental, in files that exports share, with numbers in text or not", function()
      local root, target = process.temporary_directory(), new_table()
      local export = root .. "/AWSDynamoDB/01693685827463-2d8752fd"
      assert(os.execute("mkdir -p " .. export .. " " .. root .. "/AWSDynamoDB/data"))
      local deflater = core.deflater()
      local bytes = deflater:write(table.concat({
        '{"Metadata":{"WriteTimestampMicros":"1680109764000000"},"Keys":{"pk":{"S":"new"}},'
          .. '"NewImage":{"pk":{"S":"new"},"n":{"N":"1"}}}',
        '{"Metadata":{"WriteTimestampMicros":{"N":"1680109764000000"}},"Keys":{"pk":{"S":"gone"}},'
          .. '"OldImage":{"pk":{"S":"gone"}}}',
        '{"Keys":{"pk":{"S":"changed"}},"OldImage":{"pk":{"S":"changed"},"n":{"N":"1"}},'
          .. '"NewImage":{"pk":{"S":"changed"},"n":{"N":"2"}}}',
      }, "\n") .. "\n") .. deflater:finish()
      write(root .. "/AWSDynamoDB/data/abc.json.gz", bytes)
      write(export .. "/manifest-files.json", ('{"itemCount":3,"md5Checksum":"%s","etag":"x-1","dataFileS3Key":'
        .. '"2023-Sep/AWSDynamoDB/data/abc.json.gz"}\n'):format(core.base64(core.md5_stream():update(bytes):finish())))
      write(export .. "/manifest-summary.json", '{"version":"2023-08-01","outputFormat":"DYNAMODB_JSON",'
        .. '"outputView":"NEW_AND_OLD_IMAGES","exportType":"INCREMENTAL_EXPORT","itemCount":3}')
      assert(target:put_all { { pk = "gone" }, { pk = "changed", n = 1 } })
      local report = assert(migrate.import { table = target, directory = export })
      assert.same({ 2, 1 }, { report.counts.written, report.counts.deleted })
      assert.same({ n = 1, pk = "new" }, assert(target:get { pk = "new" }))
      assert.is_nil(target:get { pk = "gone" })
      assert.equal(2, assert(target:get { pk = "changed" }).n)
      assert(migrate.import { table = target, directory = export, revert = true })
      assert.is_nil(target:get { pk = "new" })
      assert.is_table(target:get { pk = "gone" })
      assert.equal(1, assert(target:get { pk = "changed" }).n)
    end)

    it("are not taken for one when they are none", function()
      local none, err = migrate.import { table = source, directory = process.temporary_directory() }
      assert.is_nil(none)
      assert.equal("FileError", err.code)
      local full = assert(migrate.export { table = source, directory = path "s3" }).path
      none, err = migrate.import { table = source, revert = true, directory = full }
      assert.is_nil(none)
      assert.matches("only an incremental export", err.message, 1, true)
    end)
  end)
end)
