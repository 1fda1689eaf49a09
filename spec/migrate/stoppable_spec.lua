-- The runtime of a job that is told to stop, over the runtime of plain Lua.
local cases = require "spec.support.stoppable_cases"
local plain = require "dynamodb.runtime.plain"

describe("a runtime that can be stopped", function()
  for _, case in ipairs(cases.list) do
    it(case.name, function() cases.run(case, assert, plain.new {}) end)
  end
end)
