--- How long it is waited before something that has failed is tried again.
local random = require "dynamodb.random"

local FIRST, LONGEST = 0.2, 10 -- seconds

--- Twice as long each time.
---@param failures integer      in a row, before it
---@param jitter (fun(): number)?
---@return number seconds
return function(failures, jitter)
  local seconds = math.min(FIRST * 2 ^ math.min(failures - 1, 20), LONGEST)
  return seconds * (0.5 + (jitter or random)() / 2)
end
