--- Something that many requests of a worker wait for and that happens once.
local clock = require "dynamodb.nginx.clock"
local semaphore = require "ngx.semaphore"

local now = clock.now

local TICK = 0.001    -- seconds; nginx's timers know no less
local LONGEST = 3600  -- seconds of one wait on a semaphore, which are repeated

local signal_methods = {}
local signal_mt = { __name = "dynamodb.nginx.signal", __index = signal_methods }

---@class dynamodb.nginx.Signal
---@field has_rung boolean?
---@field semaphore table

---@return dynamodb.nginx.Signal
local function new()
  return setmetatable({ semaphore = assert(semaphore.new()) }, signal_mt)
end

--- Waits for it.
---@param deadline number
---@return boolean    has it happened?
function signal_methods:wait(deadline)
  while not self.has_rung do
    local left = deadline - now()
    if left <= 0 then return false end
    ngx.update_time() -- a timer begins when nginx last looked at the clock
    self.semaphore:wait(math.min(math.max(left, TICK), LONGEST))
  end
  return true
end

--- It happens: all that wait go on, and nobody waits any more.
function signal_methods:ring()
  self.has_rung = true
  local waiting = -self.semaphore:count()
  if waiting > 0 then self.semaphore:post(waiting) end
end

return { new = new }
