-- Files that are there after a crash, and Ctrl-C.
local process = require "spec.support.process"
local system = require "dynamodb.system"

local SIGINT, SIGTERM = 2, 15

describe("system.append", function()
  local path

  before_each(function() path = process.temporary() end)

  it("adds to what is there", function()
    local file = assert(system.append(path))
    assert(file:append "one\n")
    assert(file:sync())
    file:close()
    file = assert(system.append(path))
    assert.equal(4, file:size())
    assert(file:append "two\n")
    assert.equal("one\ntwo\n", file:read(0, 100))
    assert.equal("two", file:read(4, 3))
    file:close()
    assert.equal("one\ntwo\n", process.read(path))
  end)

  it("cuts off what stands behind an offset", function()
    local file = assert(system.append(path))
    assert(file:append "onetwo")
    assert(file:truncate(3))
    assert(file:append "!")
    assert.equal("one!", process.read(path))
    assert.has_error(function() file:truncate(5) end)
  end)

  it("keeps other processes out", function()
    local file = assert(system.append(path))
    local none, message = system.append(path)
    assert.is_nil(none)
    assert.equal("another process has it", message)
    file:close()
    assert.is_truthy(system.append(path))
  end)

  it("says what the system says", function()
    local none, message = system.append(path .. "/below")
    assert.is_nil(none)
    assert.equal("No such file or directory", message)
    local full
    repeat                                                   -- the specs of another Lua may have it, for a moment
      full, message = system.append "/dev/full"
    until message ~= "another process has it"
    none, message = assert(full, message):append "x"
    full:close()
    assert.is_nil(none)
    assert.equal("No space left on device", message)
  end)

  it("cannot be used when it is closed", function()
    local file = assert(system.append(path))
    file:close()
    file:close()
    assert.has_error(function() file:append "x" end, "the file is closed")
  end)
end)

describe("system.replace", function()
  it("puts the whole content in place, or leaves the old one", function()
    local path = process.temporary()
    assert(system.replace(path, "old"))
    assert(system.replace(path, "new"))
    assert.equal("new", process.read(path))
    assert.is_nil(io.open(path .. ".new"))
    -- A disk that is full: the file that is written beside it leads to a device that takes nothing.
    assert(os.execute("ln -s /dev/full " .. path .. ".new"))
    local none, message = system.replace(path, "newer")
    assert.is_nil(none)
    assert.equal("No space left on device", message)
    assert.equal("new", process.read(path))
  end)
end)

describe("system.mkdir", function()
  it("makes a directory that may be there already, but not a file", function()
    local path = process.temporary()
    assert(system.mkdir(path))
    assert(system.mkdir(path))
    assert(system.replace(path .. "/file", "x"))
    local none, message = system.mkdir(path .. "/file")
    assert.is_nil(none)
    assert.equal("File exists", message)
  end)
end)

describe("system.interrupts", function()
  -- A process that says what it was told, as long as it is told anything; `body` sees `interrupts` and `wait`.
  local function run(body)
    return process.start {
      process.lua, "-e", [[
        local system, posix = require "dynamodb.system", require "spec.support.posix"
        local interrupts = system.interrupts "noticed "
        io.stdout:setvbuf "no"
        print "ready"
        local function wait() while not interrupts:raised() do posix.sleep(0.01) end end
      ]] .. body,
    }
  end

  local function ready(child)
    assert.is_truthy(process.await(10, function() return child:output():find "ready" end), process.read(child.stderr))
  end

  it("tells of SIGINT and of SIGTERM", function()
    for name, signal in pairs { SIGINT = SIGINT, SIGTERM = SIGTERM } do
      local child = run "wait() print(interrupts:raised())"
      ready(child)
      child:kill(signal)
      assert.equal(0, child:wait(10))
      assert.equal("ready\n" .. name .. "\n", child:output())
    end
  end)

  it("leaves the second one to end the process, of whatever kind", function()
    for first, second in pairs { [SIGTERM] = SIGTERM, [SIGINT] = SIGTERM } do
      local child = run "wait() print 'once' posix.sleep(60)"
      ready(child)
      child:kill(first)
      assert.is_truthy(process.await(10, function() return child:output():find "once" end))
      child:kill(second)
      assert.equal(128 + second, child:wait(10))
    end
  end)

  it("writes its notice at once, while the program is busy", function()
    local child = run "while true do posix.sleep(60) end"
    ready(child)
    child:kill(SIGINT)
    assert.is_truthy(process.await(10, function() return process.read(child.stderr) == "noticed " end))
    child:kill(SIGINT)
    assert.equal(128 + SIGINT, child:wait(10))
  end)

  it("are taken by one at a time", function()
    local interrupts = system.interrupts()
    assert.has_error(system.interrupts, "interrupts are taken already in this process")
    interrupts:close()
    system.interrupts():close()
  end)
end)
