-- The undo log, and what a crash may leave of it.
local core = require "dynamodb.core"
local migration = require "spec.support.migration"
local process = require "spec.support.process"
local undo = require "dynamodb.migrate.undo"

local TABLE = "people, id 1"

local function step(i, size)
  local key = { pk = "P" .. i }
  return migration.step(key, { pk = key.pk, n = i, text = ("x"):rep(size or 0) }, { pk = key.pk, n = i + 1 })
end

local function append(path, bytes)
  local file = assert(io.open(path, "ab"))
  file:write(bytes)
  file:close()
end

local function read(log, from)
  local found = {}
  assert(log:read(from or log.begin, function(record)
    found[#found + 1] = record.void and "void " .. record.void or record.key.pk
    return true
  end))
  return found
end

local function read_backwards(log, stop)
  local found = {}
  for record in log:backwards(stop) do found[#found + 1] = record.void and "void" or record.key.pk end
  return found
end

describe("the undo log", function()
  local path, log

  before_each(function()
    path = migration.path()
    log = assert(undo.open(path, TABLE))
  end)

  after_each(function() log:close() end)

  -- Closes it and opens it again.
  local function again(...)
    log:close()
    local err
    log, err = undo.open(path, ... or TABLE)
    return log, err
  end

  it("gives back images as they were", function()
    local exact = core.number "0.12345678901234567890123"
    assert(log:write({ migration.step({ pk = "a" }, { pk = "a", n = exact }, nil) }, {}))
    assert(log:write({ migration.step({ pk = "b" }, nil, { pk = "b" }) }, {}))
    assert(again())
    local records = {}
    assert(log:read(log.begin, function(record)
      records[#records + 1] = record
      return true
    end))
    assert.equal(tostring(exact), tostring(records[1].old.n))
    assert.is_nil(records[1].new)
    assert.is_nil(records[2].old)
    assert.same({ pk = "b" }, records[2].new)
  end)

  it("is read in both directions, lines of all sizes", function()
    local expected = {}
    for i = 1, 60 do
      assert(log:write({ step(i, i % 7 == 0 and 200000 or i * 300) }, {}))
      expected[i] = "P" .. i
    end
    assert.same(expected, read(log))
    local reversed = read_backwards(log)
    for i = 1, 60 do assert.equal(expected[61 - i], reversed[i]) end
  end)

  it("is read backwards from any line on", function()
    local steps = { step(1), step(2), step(3) }
    assert(log:write(steps, {}))
    assert.same({ "P2", "P1" }, read_backwards(log, steps[3].offset))
    assert.same({}, read_backwards(log, steps[1].offset))
  end)

  it("says which intents became void", function()
    local steps = { step(1), step(2) }
    assert(log:write(steps, {}))
    assert(log:write({}, { steps[2].offset }))
    assert.same({ "P1", "P2", ("void %d"):format(steps[2].offset) }, read(log))
  end)

  it("is cut off where a crash has torn a line", function()
    assert(log:write({ step(1), step(2) }, {}))
    local whole = process.read(path)
    for _, torn in ipairs { whole:sub(-40, -2), whole:sub(-40), ("\0"):rep(500) .. "\n", "0" } do
      append(path, torn)
      assert(again())
      assert.same({ "P1", "P2" }, read(log))
      assert.equal(whole, process.read(path))
    end
  end)

  it("begins anew when a crash has torn its first line", function()
    log:close()
    local header = process.read(path)
    local file = assert(io.open(path, "wb"))
    file:write(header:sub(1, 20))
    file:close()
    log = assert(undo.open(path, TABLE))
    assert(log:write({ step(1) }, {}))
    assert.equal(header, process.read(path):sub(1, #header))
    assert.same({ "P1" }, read(log))
  end)

  it("tells a damaged line when it is read backwards", function()
    assert(log:write({ step(1), step(2), step(3) }, {}))
    log:close()
    local text = process.read(path):gsub('"P2"', '"P9"', 1)
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    log = assert(undo.open(path, TABLE))
    local previous = log:backwards()
    assert.equal("P3", previous().key.pk)
    local none, err = previous()
    assert.is_nil(none)
    assert.matches("the line at %d+ is damaged", err.message)
  end)

  it("is refused for another table, and if it is another file", function()
    local none, err = again "people, id 2"
    assert.is_nil(none)
    assert.equal("CheckpointMismatch", err.code)
    assert.matches("its table is people, id 1, not people, id 2", err.message)
    for _, text in ipairs { "pk,sk\n1,2\n", "one line", "0\n" } do
      local foreign = migration.path()
      append(foreign, text)
      none, err = undo.open(foreign, TABLE)
      assert.is_nil(none)
      assert.equal("FileError", err.code)
      assert.equal(text, process.read(foreign))
    end
    log = assert(undo.open(path, TABLE))
  end)

  it("belongs to one process at a time", function()
    local none, err = undo.open(path, TABLE)
    assert.is_nil(none)
    assert.matches("another process has it", err.message)
  end)
end)
