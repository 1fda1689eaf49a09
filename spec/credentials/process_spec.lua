-- Programs that print credentials. They are real ones, run by the plain runtime.
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"
local loopback = require "spec.support.loopback"
local plain = require "dynamodb.runtime.plain"
local process = require "spec.support.process"
local stoppable = require "dynamodb.migrate.stoppable"

local open = io.open -- which `find` takes away

local JSON = '{"Version":1,"AccessKeyId":"AK","SecretAccessKey":"SECRET12","SessionToken":"T",'
  .. '"Expiration":"2199-01-01T00:00:00Z"}'

describe("credential_process", function()
  local runtime, directory

  before_each(function()
    runtime, directory = plain.new(), process.temporary_directory()
  end)

  after_each(function()
    loopback.leave()
    runtime:close()
  end)

  local function script(name, text)
    local path = directory .. "/" .. name
    local file = assert(io.open(path, "wb"))
    file:write("#!/bin/sh\n", text, "\n")
    file:close()
    assert(os.execute("chmod 755 '" .. path .. "'"))
    return path
  end

  local function find(command, more, deadline, its_runtime)
    its_runtime = its_runtime or runtime
    loopback.enter({ ["/h/.aws/config"] = ("[default]\ncredential_process = %s\n%s"):format(command, more or "") },
      { HOME = "/h" })
    local db = dynamodb.connect { region = "eu-west-1", runtime = its_runtime }
    db:runtime()
    local found, err = db.provider:get(its_runtime, deadline)
    loopback.leave()
    return found, err
  end

  local function is_alive(pid)
    local state = process.read("/proc/" .. pid .. "/status"):match "State:%s+(%u)"
    return state ~= nil and state ~= "Z"
  end

  it("gives what the program prints", function()
    local found, err = find(script("good", "echo '" .. JSON .. "'"), "aws_account_id = 123456789012")
    assert.is_nil(err)
    assert.same({ "AK", "SECRET12", "T", "123456789012", 7226582400 }, { found.access_key_id, found.secret_access_key,
      found.session_token, found.account_id, found.expires })
  end)

  it("takes an end as the program date writes it, and Python's str", function()
    for _, text in ipairs { "2199-01-01T01:00:00+0100", "2199-01-01 00:00:00+00:00" } do
      local json = JSON:gsub("2199%-01%-01T00:00:00Z", text)
      local found = find(script("date", "echo '" .. json .. "'"))
      assert.equal(7226582400, found.expires)
    end
  end)

  it("runs it without a shell, its words as quoted", function()
    local path = script("with blank", 'for word; do echo "<$word>"; done >&2; exit 1')
    local _, err = find(([["%s" $HOME 'a b' "c \"d\"" e\ f "" | a;b * `x` a'b'c]]):format(path))
    assert.matches([[<$HOME> <a b> <c "d"> <e f> <> <|> <a;b> <*> <`x`> <abc>]], err.message, 1, true)
  end)

  for name, case in pairs {
    ["exits with a code"] = { "echo 'no ticket' >&2; exit 3", "exited with code exit status: 3: no ticket" },
    ["is ended by a signal"] = { "kill -9 $$", "was ended by signal 9" },
    ["prints no JSON"] = { "echo hello", "invalid JSON in response" },
    ["prints another version"] = { "echo '" .. JSON:gsub(":1", ":2", 1) .. "'", "a Version other than 1" },
    ["prints half of them"] = { [[echo '{"Version":1,"AccessKeyId":"AK"}']], "SecretAccessKey is missing" },
    ["prints without end"] = { "yes", "writes more than it should" },
  } do
    it("is an error when it " .. name, function()
      local found, err = find(script("bad", case[1]))
      assert.is_nil(found)
      assert.equal("CredentialsError", err.code)
      assert.matches(case[2], err.message, 1, true)
    end)
  end

  it("is an error when it does not exist, or names nothing", function()
    local _, err = find "/no/such/program"
    assert.matches("/no/such/program: No such file or directory", err.message, 1, true)
    _, err = find "'open"
    assert.matches("has a quote that is not closed", err.message, 1, true)
    _, err = find '""'
    assert.matches("names no program", err.message, 1, true)
  end)

  it("is ended at the deadline, with its children", function()
    local path = script("slow", "sleep 600 & echo $$ $! > " .. directory .. "/pids; wait")
    local parent, child
    for _, seconds in ipairs { 0.3, 3, 30 } do -- until it has begun by then
      local _, err = find(path, "", runtime:now() + seconds)
      assert.equal("DeadlineExceeded", err.code)
      parent, child = process.read(directory .. "/pids"):match "(%d+) (%d+)"
      if parent then break end
    end
    assert.is_true(process.await(60, function() return not is_alive(parent) and not is_alive(child) end))
  end)

  it("is ended with the job that needs it, and has not failed", function()
    local note = directory .. "/pid"
    local path = script("stopped", ("echo $$ > %s.new; mv %s.new %s; exec sleep 600"):format(note, note, note))
    local its_runtime = stoppable.new(runtime, {
      asked = function() return os.rename(note, note) ~= nil end, left = function() return 0 end,
    })
    local _, err = find(path, "", nil, its_runtime)
    assert.equal("Stopped", err.code)
    local pid = process.read(note):match "%d+"
    assert.is_true(process.await(5, function() return not is_alive(pid) end))
  end)

  it("lets other tasks go on", function()
    local ticks = 0
    local other = runtime:spawn(function()
      while ticks < 3 do
        runtime:sleep(0.001)
        ticks = ticks + 1
      end
      assert(open(directory .. "/ticked", "wb")):close()
    end)
    local ticks_then
    local path = script("waits", ("while ! test -e %s/ticked; do sleep 0.01; done; echo '%s'"):format(directory, JSON))
    assert(find(path))
    ticks_then = ticks
    runtime:join(other)
    assert.equal(3, ticks_then)
  end)

  -- In a process of its own: here, other specs' objects come and go.
  it("leaves no zombie and no descriptor", function()
    local path = script("program.lua", "") .. ".lua"
    local file = assert(io.open(path, "wb"))
    file:write [[
      local runtime = require("dynamodb.runtime.plain").new()
      local function round()
        assert(runtime:execute({ "true" }, runtime:now() + 10).exit == 0)
        assert(runtime:execute({ "false" }, runtime:now() + 10).exit == 1)
        assert(not runtime:execute({ "/no/such/program" }, runtime:now() + 10))
        assert(not runtime:execute({ "yes" }, runtime:now() + 10))
        assert(not runtime:execute({ "sleep", "60" }, runtime:now() + 0.02))
      end
      local lfs = require "lfs"
      local function descriptors()
        local count = 0
        for _ in lfs.dir "/proc/self/fd" do count = count + 1 end
        return count
      end
      round()
      local before = descriptors()
      for _ = 1, 5 do round() end
      local more = descriptors() - before
      local pid = io.open("/proc/self/stat"):read "*n"
      print(more, #io.open("/proc/self/task/" .. ("%d"):format(pid) .. "/children"):read "*a")
    ]]
    file:close()
    local _, output, errors = process.run { process.lua, path }
    assert.equal("0\t0\n", output, errors)
  end)

  it("is refused where programs cannot be run", function()
    local _, err = find("x", "", nil, fake.new())
    assert.matches("an nginx worker must not wait for one", err.message, 1, true)
  end)

  it("is not waited for by a fork of the process that started it", function()
    local system = require "dynamodb.system"
    local child = assert(system.spawn { "sleep", "0.3" })
    local fork = process.fork(function() return child:poll().exit end)
    assert.equal(0, fork:wait(60))
    local result
    process.await(60, function()
      result = child:poll()
      return result
    end)
    assert.same({ 0 }, { result.exit, result.signal })
  end)
end)
