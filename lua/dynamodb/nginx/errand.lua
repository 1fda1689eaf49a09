--- Work that is done apart from the requests that wait for it, in a timer of its own: nginx ends a request, and what is
--- under way in it, as soon as its client goes.
local clock = require "dynamodb.nginx.clock"
local phase = require "dynamodb.nginx.phase"
local signal = require "dynamodb.nginx.signal"

local now = clock.now

local PATIENCE = 1 -- seconds; nginx drops a timer without a word to us when too many run (lua_max_running_timers)

local errand_methods = {}
local errand_mt = { __name = "dynamodb.nginx.errand", __index = errand_methods }

---@class dynamodb.nginx.Errand
---@field signal dynamodb.nginx.Signal
---@field lost_at number       if it has not begun by then, it will not
---@field has_begun boolean?
---@field results table?       ok, and what it returned or raised

local function run(_, self, f)
  self.has_begun = true
  self.results = { pcall(f) }
  self.signal:ring()
end

--- Begins at once, when nginx has a turn.
---@param f function
---@return dynamodb.nginx.Errand?    nil: nginx takes no timer (it ends, or has too many), or cannot wait here
local function begin(f)
  if not phase.may_wait() then return nil end
  local self = setmetatable({ signal = signal.new(), lost_at = now() + PATIENCE }, errand_mt)
  return ngx.timer.at(0, run, self, f) and self or nil
end

--- Has nginx dropped it?
---@return boolean
function errand_methods:is_lost() return not self.has_begun and now() >= self.lost_at end

--- Waits until it has ended.
---@param deadline number?
---@return boolean    has it?
function errand_methods:wait(deadline)
  deadline = deadline or math.huge
  if not self.has_begun then self.signal:wait(math.min(self.lost_at, deadline)) end
  return self.has_begun and self.signal:wait(deadline) or false
end

return { begin = begin }
