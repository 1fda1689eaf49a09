-- Run inside nginx by spec/nginx/send_spec.lua: the runtime of a job that is told to stop.
local cases = require "spec.support.stoppable_cases"
local nginx = require "dynamodb.runtime.nginx"

describe("a runtime that can be stopped", function()
  for _, case in ipairs(cases.list) do
    it(case.name, function() cases.run(case, assert, nginx.new {}) end)
  end
end)
