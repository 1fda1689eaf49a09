--- Capacity units a second that a job may write: a cap, and below it what the service lets through. Every throttle
--- takes a fifth of it away, once a second at most; after ten seconds without one it grows by a tenth.
local core = require "dynamodb.core"

local rate_methods = {}
local rate_mt = { __name = "dynamodb.Rate", __index = rate_methods }

local LESS, MORE = 0.8, 1.1
local PAUSE, QUIET = 1, 10 -- seconds
local LEAST = 1            -- unit a second

---@class dynamodb.Rate
---@field cap number?         nil: as much as there is
---@field current number?     nil: as much as there is
---@field bucket dynamodb.Bucket?
---@field slowed number       when it was made less the last time
---@field changed number      when it was changed the last time
---@field consumed number     units since then

---@param self dynamodb.Rate
---@param wanted number
---@param now number
local function set(self, wanted, now)
  self.current = math.min(math.max(LEAST, wanted), self.cap or math.huge)
  self.bucket = core.bucket(self.current, now)
  if self.changed then self.bucket:charge(self.current) end -- a new bucket is full
  self.changed, self.consumed = now, 0
end

--- Something was throttled.
---@param now number
function rate_methods:throttled(now)
  if now - self.slowed < PAUSE then return end
  self.slowed = now
  local measured = self.consumed / math.max(now - self.changed, PAUSE)
  set(self, LESS * (self.current or math.max(measured, LEAST)), now)
end

--- Waits until a write may go, and charges it.
---@param runtime dynamodb.Runtime
---@param units number
function rate_methods:enter(runtime, units)
  local now = runtime:now()
  if self.current and now - self.changed >= QUIET and (not self.cap or self.current < self.cap) then
    set(self, self.current * MORE, now)
  end
  while self.bucket do
    local wait = self.bucket:wait(now)
    if wait <= 0 then break end
    if runtime:sleep(wait) then return end -- what is sent now is refused, and tells why
    now = runtime:now()
  end
  if self.bucket then self.bucket:charge(units) end
end

--- Tells what a write cost.
---@param charged number
---@param consumed number
function rate_methods:leave(charged, consumed)
  self.consumed = self.consumed + consumed
  if self.bucket then self.bucket:settle(charged, consumed) end
end

--- A rate.
---@param cap number?    units a second
---@param now number
---@return dynamodb.Rate
local function new(cap, now)
  local self = setmetatable({ cap = cap, slowed = -math.huge, consumed = 0 }, rate_mt)
  if cap then set(self, cap, now) else self.changed = now end
  return self
end

return { new = new }
