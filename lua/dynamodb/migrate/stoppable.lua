--- The runtime of a job that can be told to stop: a client's own one, which from then on begins no request and ends
--- every wait. Requests under way have a grace, and are cut off at its end: of a write nobody knows then whether it was
--- applied, as after a time-out.
local errors = require "dynamodb.error"

local TICK = 0.1 -- seconds between two looks at whether it is to stop

local stoppable_methods = {}

---@class dynamodb.StoppableRuntime : dynamodb.Runtime
---@field runtime dynamodb.Runtime    that does it
---@field stop dynamodb.Stop

---@class dynamodb.Stop
---@field asked fun(): boolean    is the job to stop?
---@field left fun(): number      seconds of grace that are left, once it is

---@param sent boolean
---@return dynamodb.Error
local function stopped(sent)
  return errors.new {
    code = "Stopped", retryable = false, sent = sent,
    message = sent and "the job was stopped while the request was under way" or "the job was stopped",
  }
end

--- Waits for a task as long as the job goes on, and for the grace beyond that.
---@return boolean ended
local function wait_for(self, task)
  local runtime, stop = self.runtime, self.stop
  while not task.ended do
    local pause = stop.asked() and math.min(TICK, stop.left()) or TICK
    if pause <= 0 then return false end
    local tick = runtime:spawn(runtime.sleep, runtime, pause)
    runtime:join_any { task, tick }
    runtime:cancel(tick)
    runtime:join(tick) -- until then nginx keeps what is left of it
  end
  return true
end

--- As the other runtimes' `send`; code Stopped once the job is to stop.
---@param request dynamodb.Request
---@param deadline number?
---@return dynamodb.Response?
---@return dynamodb.Error?
function stoppable_methods:send(request, deadline)
  if self.stop.asked() then return nil, stopped(false) end
  local runtime = self.runtime
  if not runtime.spawn then return runtime:send(request, deadline) end
  local task = runtime:spawn(runtime.send, runtime, request, deadline)
  if not wait_for(self, task) then
    runtime:cancel(task)
    return nil, stopped(true)
  end
  local ok, response, err = runtime:join(task)
  if not ok then error(response, 0) end
  return response, err
end

--- Waits.
---@param seconds number
---@return dynamodb.Error?    it was cut short: the job is to stop
function stoppable_methods:sleep(seconds)
  local runtime = self.runtime
  local due = runtime:now() + seconds
  repeat
    if self.stop.asked() then return stopped(false) end
    runtime:sleep(math.max(0, math.min(TICK, due - runtime:now())))
  until runtime:now() >= due
end

local stoppable = {}

--- A runtime over another one.
---@param runtime dynamodb.Runtime
---@param stop dynamodb.Stop
---@return dynamodb.StoppableRuntime
function stoppable.new(runtime, stop)
  local self = { runtime = runtime, stop = stop }
  for name, method in pairs(stoppable_methods) do self[name] = method end
  return setmetatable(self, { __index = runtime })
end

return stoppable
