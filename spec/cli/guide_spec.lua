-- What the guide shows of the command, run as it stands: its files are written, its commands typed into a shell.
local command = require "spec.support.command"
local core = require "dynamodb.core"
local engine = require "spec.support.engine"
local process = require "spec.support.process"

--- The blocks of a section, by the language of each.
local function blocks_of(path, title)
  local blocks, inside, language = {}, false, nil
  for line in io.lines(path) do
    if line:find "^## " then
      inside = line == "## " .. title
    elseif inside and line:find "^```" then
      language = not language and line:sub(4) or nil
      if language then blocks[#blocks + 1] = { language = language, text = "" } end
    elseif inside and language then
      blocks[#blocks].text = blocks[#blocks].text .. line .. "\n"
    end
  end
  return blocks
end

describe("the guide's command line", function()
  if not engine.endpoint then
    return it("needs an engine", function() pending "no engine: run through tools/engine.sh" end)
  end
  if engine.name == "dynalite" then
    return it("needs streams", function() pending "dynalite has none" end)
  end
  local db, names, directory

  setup(function()
    db, directory, names = engine.connect(), process.temporary_directory(), {}
    for _, name in ipairs { "users", "orders", "archive" } do names[name] = engine.prefix .. core.uuid() end
    local specs = {
      users = { partition = "id", types = { id = "N" }, stream = "NEW_AND_OLD_IMAGES" },
      archive = { partition = "id", types = { id = "N" } },
      orders = { partition = "pk", sort = "sk", indexes = { by_status = { partition = "status" } } },
    }
    for name, spec in pairs(specs) do
      spec.name = names[name]
      assert(db:create_table(spec))
    end
    for i = 1, 9 do
      assert(db:table(names.users):put { id = i, name = ("First%d Last%d"):format(i, i) })
      assert(db:table(names.orders):put { pk = "USER#7", sk = "ORDER#" .. i, status = "open", total = i * 50 })
    end
  end)

  teardown(function()
    for _, name in pairs(names) do engine.drop_table(db, name) end
    db:close()
  end)

  local function write(name, text)
    local file = assert(io.open(directory .. "/" .. name, "wb"))
    file:write(text)
    file:close()
  end

  -- The text with the names of this run's tables.
  local function ours(text)
    return (text:gsub("%f[%w](%w+)%f[^%w%.]", function(word) return names[word] end))
  end

  it("does what it says", function()
    local root = os.getenv "PWD"
    local script = { "set -e", ('dynamodb () { %s %s/bin/dynamodb "$@"; }'):format(process.lua, root) }
    for _, block in ipairs(blocks_of("docs/guide.md", "The command line")) do
      if block.language == "lua no-run" then
        write(assert(block.text:match "^%-%- (%S+)\n"), ours(block.text))
      elseif block.language == "sh" then
        script[#script + 1] = ours(block.text)
      end
    end
    write("commands.sh", table.concat(script, "\n"))
    local code, output, errors = process.run {
      "sh", "-c", "cd " .. directory .. " && . ./commands.sh", env = command.environment {
        LUA_PATH = (os.getenv "LUA_PATH" or ""):gsub("%./", root .. "/"),
        LUA_CPATH = (os.getenv "LUA_CPATH" or ""):gsub("%./", root .. "/"),
      },
    }
    assert.equal(0, code, errors)
    assert.matches("\n%- name: \"First%d Last%d\"\n", output)
    assert.matches("\npk +sk +total\nUSER#7 +ORDER#3 +150\n", output)
  end)
end)
