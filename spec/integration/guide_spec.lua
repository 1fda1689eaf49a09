-- The code of docs/guide.md, run as it stands, as one program: a block sees the locals of those before it.
local engine_endpoint = os.getenv "DYNAMODB_TEST_ENDPOINT"

-- The guide with everything but its code blanked, so that an error names the guide's line.
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

describe("docs/guide.md", function()
  local dynamodb = require "dynamodb"
  local table_name = ("dynamodb-guide-%s"):format(require("dynamodb.core").uuid())
  local db

  -- `connect` as the guide calls it reaches the engine of this run.
  local function connect(options)
    local copy = {}
    for name, value in pairs(options) do
      copy[name] = value
    end
    copy.endpoint = engine_endpoint
    copy.region = os.getenv "AWS_REGION" or options.region
    if not os.getenv "AWS_ACCESS_KEY_ID" then
      copy.credentials = { access_key_id = "guide", secret_access_key = "guide" }
    end
    local made = dynamodb.connect(copy)
    db = db or made -- the guide closes others that it makes for a moment
    return made
  end

  teardown(function()
    if db then
      db:call("DeleteTable", { TableName = table_name })
    end
  end)

  it("runs as written", function()
    if not engine_endpoint then
      return pending "no engine: run through tools/engine.sh"
    elseif os.getenv "DYNAMODB_TEST_ENGINE" == "dynalite" then
      return pending "dynalite does not return the item of a failed condition, which the guide shows"
    end
    local printed = {}
    local environment = setmetatable({
      require = function(name)
        return name == "dynamodb" and setmetatable({ connect = connect }, { __index = dynamodb }) or require(name)
      end,
      print = function(value)
        printed[#printed + 1] = tostring(value)
      end,
    }, { __index = _G })
    local source = code_of("docs/guide.md"):gsub('"people"', ("%q"):format(table_name))
    load_in(source, "@docs/guide.md", environment)()
    assert.truthy(printed[1]:find "^ResourceNotFoundException: .*DescribeTable")
  end)
end)
