-- The code of docs/guide.md and of README.md, run as it stands, each as one program: a block sees the locals of those
-- before it.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"

-- A text with everything but its code blanked, so that an error names the text's line.
local function code_of(path)
  local lines, inside = {}, false
  for line in io.lines(path) do
    if line:find "^```" then
      inside = line == "```lua"
      line = ""
    end
    lines[#lines + 1] = inside and line or ""
  end
  return table.concat(lines, "\n")
end

local function load_in(source, name, environment)
  if not setfenv then
    return assert(load(source, name, "t", environment))
  end
  return setfenv(assert(loadstring(source, name)), environment)
end

describe("the code in", function()
  local clients = {}

  -- `connect` as the texts call it reaches the engine of this run.
  local function connect(options)
    local copy = {}
    for name, value in pairs(options) do
      copy[name] = value
    end
    copy.region = os.getenv "AWS_REGION" or options.region
    clients[#clients + 1] = engine.connect(copy)
    return clients[#clients]
  end

  after_each(function()
    for i = #clients, 1, -1 do
      clients[i]:close()
      clients[i] = nil
    end
  end)

  -- Runs the code with `name` as the name of the table that it calls `table_name`; what it printed.
  local function run(path, table_name, name)
    local printed = {}
    local environment = setmetatable({
      require = function(module)
        return module == "dynamodb" and setmetatable({ connect = connect }, { __index = dynamodb }) or require(module)
      end,
      print = function(...)
        local texts = {}
        for i = 1, select("#", ...) do
          texts[i] = tostring((select(i, ...)))
        end
        printed[#printed + 1] = table.concat(texts, " ")
      end,
    }, { __index = _G })
    local source = code_of(path):gsub(("%q"):format(table_name), ("%q"):format(name))
    load_in(source, "@" .. path, environment)()
    return printed
  end

  local function is_pending()
    if not engine.endpoint then
      pending "no engine: run through tools/engine.sh"
    elseif engine.name == "dynalite" then
      pending "dynalite does not return the item of a failed condition, which the texts show"
    else
      return false
    end
    return true
  end

  it("docs/guide.md runs as written", function()
    if is_pending() then return end
    local name = "dynamodb-guide-" .. core.uuid()
    finally(function() engine.drop_table(connect { region = "eu-west-1" }, name) end)
    local printed = run("docs/guide.md", "people", name)
    assert.truthy(printed[1]:find "^ResourceNotFoundException: .*DescribeTable")
  end)

  it("README.md runs as written", function()
    if is_pending() then return end
    local db = connect { region = "eu-west-1" }
    local name = engine.create_table(db, { "pk:S", "sk:S" })
    finally(function() engine.drop_table(db, name) end)
    assert.same({ "1000" }, run("README.md", "users", name))
    local users = db:table(name, { partition = "pk", sort = "sk" })
    assert.equal(5, assert(users:get({ pk = "USER#1", sk = "PROFILE" }, { consistent = true })).balance)
    assert.equal(15, assert(users:get({ pk = "USER#2", sk = "PROFILE" }, { consistent = true })).balance)
  end)
end)
