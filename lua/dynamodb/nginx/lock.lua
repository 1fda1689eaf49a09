--- A lock between the workers of an nginx, in a shared dictionary. It holds for a lease at most, since nginx ends a
--- request, and with it whoever has the lock, without a word.
local clock = require "dynamodb.nginx.clock"
local core = require "dynamodb.core"
local tasks = require "dynamodb.nginx.tasks"

local now = clock.now

local FIRST_LOOK, LAST_LOOK = 0.002, 0.05 -- seconds between two looks

local lock = {}

local function let_go(dict, name, token, ok, ...)
  if dict:get(name) == token then dict:delete(name) end -- after the lease it may be another's
  if not ok then error((...), 0) end
  return true, ...
end

--- Calls `f` while nobody else does so under this name.
---@param dict table
---@param name string
---@param lease number       seconds
---@param deadline number?
---@param f function
---@return boolean in_time    false: the lock was not free before the deadline
---@return any ...            what `f` returned
function lock.hold(dict, name, lease, deadline, f)
  local token, pause = core.uuid(), FIRST_LOOK
  while true do
    -- Where there is no memory for a lock, there is none.
    local locked, problem = dict:add(name, token, lease)
    if locked or problem ~= "exists" then return let_go(dict, name, token, pcall(f)) end
    if deadline and now() + pause >= deadline then return false end
    tasks.sleep(pause)
    pause = math.min(pause * 1.5, LAST_LOOK)
  end
end

return lock
