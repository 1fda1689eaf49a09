-- The examples, as they stand; each checks itself and ends with an error if something is not as it says.
local engine = require "spec.support.engine"

local function load_in(path, environment)
  if not rawget(_G, "setfenv") then return assert(loadfile(path, "t", environment)) end
  return setfenv(assert(loadfile(path)), environment)
end

-- Runs an example against the engine; what it printed.
local function run(path)
  local printed = {}
  local environment = setmetatable({
    arg = { engine.endpoint },
    print = function(...) printed[#printed + 1] = table.concat({ ... }, "\t") end,
  }, { __index = _G })
  load_in(path, environment)()
  return table.concat(printed, "\n")
end

describe("examples/errors.lua", function()
  it("runs", function()
    if not engine.endpoint then return pending "no engine: run through tools/engine.sh" end
    local output = run "examples/errors.lua"
    assert.matches("done at the third time: balance 152", output, 1, true)
    assert.matches("nobody there%s+busy", output)
  end)
end)
