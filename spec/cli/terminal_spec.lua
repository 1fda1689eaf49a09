-- The command at a terminal: its progress line, Ctrl-C, and going on.
local command = require "spec.support.command"
local engine = require "spec.support.engine"
local migration = require "spec.support.migration"
local process = require "spec.support.process"
local terminal = require "spec.support.terminal"

describe("the command at a terminal", function()
  if not engine.endpoint then
    return it("needs an engine", function() pending "no engine: run through tools/engine.sh" end)
  end
  if engine.name == "dynalite" then
    return it("needs conditions on lists and maps", function() pending "dynalite does not compare them" end)
  end
  if not terminal.exists() then
    return it("needs a terminal", function() pending "there is no tmux" end)
  end
  local db, people, tty, dynamodb
  local commands = 0

  setup(function()
    db = engine.connect()
    people = migration.people(db, 800)
    tty = terminal.open { columns = 100, env = command.environment {
      LUA_PATH = os.getenv "LUA_PATH" or ";;", LUA_CPATH = os.getenv "LUA_CPATH" or ";;",
    } }
    dynamodb = process.lua .. " bin/dynamodb "
  end)

  teardown(function()
    tty:close()
    engine.drop_table(db, people.name)
    db:close()
  end)

  -- Types a command on an empty screen; its exit code, and what stands there when it has ended. Each has a number, so
  -- that what stood there before is not taken for it.
  local function run(words, meanwhile)
    commands = commands + 1
    tty:type(("clear; %s%s; echo end %d, code $?."):format(dynamodb, words, commands))
    if meanwhile then meanwhile() end
    local screen = tty:await(("end %d, code %%d+%%."):format(commands))
    return tonumber(screen:match "code (%d+)%."), "\n" .. screen
  end

  it("shows progress, ends at a checkpoint with Ctrl-C, and goes on", function()
    local file = command.file(([[
      return { table = %q, mark = "split", map = function(item)
        item.first, item.last = item.name:match "^(%%S+) (%%S+)$"
        item.name, item.applied = nil, item.applied + 1
        return item
      end }]]):format(people.name))
    local words = "migrate " .. file .. " --checkpoint " .. process.temporary()
    local code, screen = run(words .. " --wcu 100", function()
      tty:await "migrating +%d+ of 800 %(%d+%%%) +%d+/s .*%d/100 WCU +ETA %d+:%d%d"
      tty:press "C-c"
    end)
    assert.equal(130, code)
    assert.matches("dynamodb: it ends where it can go on; Ctrl-C again ends it at once\n", screen, 1, true)
    assert.matches("\nmigrate +stopped\nseen +%d+\n", screen)
    assert.matches("dynamodb: the same command goes on from there\n", screen, 1, true)
    code, screen = run(words)
    assert.equal(0, code)
    assert.matches("\nmigrating +800 of 800 %(100%%%) [^\n]*\nmigrate +done\nseen +800\nchanged +800\n", screen)
    for _, item in pairs(migration.by_number(people)) do assert.equal(1, item.applied) end
  end)

  it("shows items as a table", function()
    local code, screen = run("query " .. people.name .. " pk=P7 'sk<100' --projection-expression pk,sk,applied")
    assert.equal(0, code)
    assert.matches("\npk +sk +applied\nP7 +7 +1\nP7 +57 +1\n", screen)
  end)

  it("follows a stream until Ctrl-C", function()
    if engine.name == "dynalite" then return pending "dynalite has no streams" end
    assert(people:alter { stream = "NEW_IMAGE" })
    assert(people:put { pk = "new", sk = 1 })
    tty:type(dynamodb .. "tail " .. people.name .. " --shard-iterator-type TRIM_HORIZON --poll 0.1")
    tty:await 'INSERT +{"pk":"new","sk":1}'
    assert(people:put { pk = "newer", sk = 1 })
    tty:await '"newer"'
    tty:press "C-c"
    tty:await "%^C\n%$" -- a signal has ended it, and with it all that stands on the shell's line
    tty:type "echo code $?."
    tty:await "\ncode 130%."
  end)
end)
