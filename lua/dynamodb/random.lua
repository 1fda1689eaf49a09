--- Jitter.
local core = require "dynamodb.core"

--- A number from 0 to below 1, from the system's random source: a generator's state would be copied by a fork.
---@return number
return function()
  local a, b, c = core.random(3):byte(1, 3)
  return (a * 65536 + b * 256 + c) / 16777216
end
