--- What the runtime of a job that is told to stop does, over each of the runtimes: cases for `it`.
local http = require "spec.support.http"
local server = require "spec.support.server"
local stoppable = require "dynamodb.migrate.stoppable"

local list = {}

--- A case: `f` is given luassert's `assert` and a world with the runtime, the one below it, and what the job says.
local function case(name, f) list[#list + 1] = { name = name, f = f } end

local function serve(world, script)
  world.peer = server.start { script }
  return http.request(world.peer, {})
end

case("sends, and tells what the other one tells, as long as the job goes on", function(assert, world)
  local request = serve(world, server.answering(server.response "{}", 0.3))
  assert.equal("{}", world.runtime:send(request).body)
  world.peer:stop()
  local none, err = world.runtime:send(request)
  assert.is_nil(none)
  assert.equal("ConnectionError", err.code)
end)

case("sends nothing from then on", function(assert, world)
  local request = serve(world, server.answering(server.response "{}"))
  world.asked = true
  local none, err = world.runtime:send(request)
  assert.is_nil(none)
  assert.same({ "Stopped", false, false }, { err.code, err.sent, err.retryable })
  assert.equal(0, #world.peer:requests())
end)

case("waits for a request under way within the grace, and cuts it off then", function(assert, world)
  local own, runtime = world.own, world.runtime
  local request = serve(world, { { "read" }, { "wait", 0.3 }, { "send", server.response "{}" }, { "read" },
    { "stall" } })
  local task = own:spawn(function() return runtime:send(request) end)
  world.asked, world.left = true, 60
  local _, response = own:join(task)
  assert.equal("{}", response.body)
  world.asked = false
  task = own:spawn(function() return runtime:send(request) end)
  world.asked, world.left = true, 0
  local _, none, err = own:join(task)
  assert.is_nil(none)
  assert.same({ "Stopped", true }, { err.code, err.sent })
end)

case("leaves none of its tasks behind", function(assert, world)
  local own, tasks = world.own, {}
  local spawn, join = own.spawn, own.join
  function own.spawn(self, ...)
    local task = spawn(self, ...)
    tasks[task] = true
    return task
  end
  function own.join(self, task)
    tasks[task] = nil
    return join(self, task)
  end
  assert.equal("{}", world.runtime:send(serve(world, server.answering(server.response "{}", 0.3))).body)
  assert.is_nil(next(tasks))
end)

case("waits no longer", function(assert, world)
  assert.is_nil(world.runtime:sleep(0.15))
  local task = world.own:spawn(function() return world.runtime:sleep(3600) end)
  world.asked = true
  local _, err = world.own:join(task)
  assert.equal("Stopped", err.code)
end)

local cases = { list = list }

--- Runs one of them.
---@param one table
---@param assert table
---@param own dynamodb.Runtime
function cases.run(one, assert, own)
  local world = { own = own, asked = false, left = 0 }
  world.runtime = stoppable.new(own, {
    asked = function() return world.asked end, left = function() return world.left end,
  })
  local ok, problem = pcall(one.f, assert, world)
  if world.peer then world.peer:stop() end
  own:close()
  if not ok then error(problem, 0) end
end

return cases
