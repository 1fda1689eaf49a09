-- The environment, files that are there after a crash, and Ctrl-C.
local lfs = require "lfs"
local process = require "spec.support.process"
local system = require "dynamodb.system"

local SIGINT, SIGTERM = 2, 15

describe("system.setenv", function()
  local NAME = "_DYNAMODB_SPEC_VARIABLE"

  after_each(function() system.setenv(NAME) end)

  it("sets a variable, whatever it was, and removes it", function()
    for _, value in ipairs { "a", ("long "):rep(100), "", "b" } do
      system.setenv(NAME, value)
      assert.equal(value, os.getenv(NAME))
    end
    system.setenv(NAME)
    assert.is_nil(os.getenv(NAME))
    assert.has_error(function() system.setenv("A=B", "1") end)
  end)

  it("keeps no value that a variable had", function()
    if os.getenv "FLAVOUR" == "asan" then return pending "the sanitizer keeps what was freed" end
    local function resident() return tonumber(process.read("/proc/self/status"):match "VmRSS:%s+(%d+)" or 0) end
    system.setenv(NAME, "0")
    local before = resident()
    for i = 1, 100000 do
      system.setenv(NAME, ("a value of its own, of some length: %d"):format(i))
      if i % 1000 == 0 then collectgarbage() end
    end
    assert.is_true(resident() - before < 4096, ("it grew by %d KB"):format(resident() - before))
  end)
end)

describe("system.take_turns", function()
  it("keeps together what several processes write to one pipe", function()
    local path = process.temporary()
    local file = assert(io.open(path, "w"))
    file:write [[
      local system = require "dynamodb.system"
      system.watch(true)
      system.take_turns()
      for i = 1, 4 do
        if system.fork() == 0 then
          local length = i > 2 and 10 or 200000 -- which is more than a pipe holds
          for _ = 1, 1e6 / length do system.write(1, tostring(i):rep(length) .. "\n") end
          os.exit(0)
        end
      end
      for _ = 1, 4 do system.wait() end]]
    file:close()
    local pipe = io.popen(("LUA_CPATH='%s' LUA_PATH='%s' %s %s"):format(package.cpath, package.path, process.lua, path))
    local count = 0
    for line in pipe:lines() do
      assert.is_truthy((#line == 200000 or #line == 10) and line == line:sub(1, 1):rep(#line),
        "a line is mixed with another one")
      count = count + 1
    end
    pipe:close()
    assert.equal(2 * 5 + 2 * 1e5, count)
  end)
end)

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
  local function names_in(directory)
    local names = {}
    for name in lfs.dir(directory) do names[#names + 1] = name end
    table.sort(names)
    return names
  end

  it("puts the whole content in place, for its owner alone", function()
    local directory = process.temporary_directory()
    local path = directory .. "/f"
    assert(system.replace(path, "old"))
    assert(system.replace(path, "new\0"))
    assert.equal("new\0", process.read(path))
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
    assert.same({ ".", "..", "f" }, names_in(directory))
  end)

  it("leaves the old one, and nothing beside it, where there is no room", function()
    local directory = process.temporary_directory()
    local path = directory .. "/f"
    assert(system.replace(path, "old"))
    local code, output = process.run { "sh", "-c", [[trap '' XFSZ; ulimit -f 8; exec "$@"]], "sh", process.lua, "-e",
      ([[print(require("dynamodb.system").replace(%q, ("x"):rep(1e6)))]]):format(path) }
    assert.same({ 0, "nil\tFile too large\n" }, { code, output })
    assert.equal("old", process.read(path))
    assert.same({ ".", "..", "f" }, names_in(directory))
  end)

  it("has it on the disk before it is in place, and its name there before it returns", function()
    local directory = process.temporary_directory()
    local code, _, calls = process.run { "strace", "-y", "-e", "trace=fsync,rename", process.lua, "-e",
      ([[require("dynamodb.system").replace(%q, "new")]]):format(directory .. "/f"),
      env = { ASAN_OPTIONS = "detect_leaks=0" } }
    if code == 127 or calls:find "ptrace" then return pending "there is no strace, or it is not allowed" end
    local order = {}
    for name, what in calls:gmatch "(%w+)%([^\n]-([^\n/]*)[>\"]%)%s+= 0" do
      order[#order + 1] = name .. " " .. what:gsub("^f%.%w+", "new"):gsub(directory:match "[^/]*$", "directory")
    end
    assert.same({ "fsync new", "rename f", "fsync directory" }, order)
  end)

  it("says why it cannot", function()
    local ok, message = system.replace("/no/such/directory/f", "x")
    assert.same({ nil, "No such file or directory" }, { ok, message })
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

describe("system.rename and system.remove", function()
  it("give a file another name and take it away, and say why they cannot", function()
    local path, other = process.temporary(), process.temporary()
    assert(system.replace(path, "x"))
    assert(system.rename(path, other))
    assert.same({ "", "x" }, { process.read(path), process.read(other) })
    assert.same({ n = 2, nil, "No such file or directory" }, { n = 2, system.rename(path, other) })
    assert(system.remove(other))
    assert(system.remove(other)) -- which is not there any more
    assert(system.mkdir(path))
    assert.is_nil((system.remove(path)))
    assert.is_truthy(select(2, system.remove(path)))
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
    assert.is_truthy(process.await(60, function() return child:output():find "ready" end), process.read(child.stderr))
  end

  it("tells of SIGINT and of SIGTERM", function()
    for name, signal in pairs { SIGINT = SIGINT, SIGTERM = SIGTERM } do
      local child = run "wait() print(interrupts:raised())"
      ready(child)
      child:kill(signal)
      assert.equal(0, child:wait(60))
      assert.equal("ready\n" .. name .. "\n", child:output())
    end
  end)

  it("leaves the second one to end the process, of whatever kind", function()
    for first, second in pairs { [SIGTERM] = SIGTERM, [SIGINT] = SIGTERM } do
      local child = run "wait() print 'once' posix.sleep(60)"
      ready(child)
      child:kill(first)
      assert.is_truthy(process.await(60, function() return child:output():find "once" end))
      child:kill(second)
      assert.equal(128 + second, child:wait(60))
    end
  end)

  it("writes its notice at once, while the program is busy", function()
    local child = run "while true do posix.sleep(60) end"
    ready(child)
    child:kill(SIGINT)
    assert.is_truthy(process.await(60, function() return process.read(child.stderr) == "noticed " end))
    child:kill(SIGINT)
    assert.equal(128 + SIGINT, child:wait(60))
  end)

  it("are taken by one at a time", function()
    local interrupts = system.interrupts()
    assert.has_error(system.interrupts, "interrupts are taken already in this process")
    interrupts:close()
    system.interrupts():close()
  end)
end)
