--- How long a shard is left alone between two readings.
local random = require "dynamodb.random"

local SHARE = 4 -- what a wait is divided by where more is to be expected

--- Nothing where a full answer says that there is more; a part of the pause behind some records, or where a shard is
--- closed or its records are old, so that empty answers only lie between others; else the whole.
---@param reader dynamodb.ShardReader
---@param count integer        records of the answer
---@param is_open boolean      may more be added to the shard?
---@param poll number          seconds of the whole
---@param jitter (fun(): number)?
---@return number seconds
return function(reader, count, is_open, poll, jitter)
  if reader.behind then return 0 end
  local share = (count > 0 or not is_open or reader.lags) and SHARE or 1
  return poll / share * (0.9 + (jitter or random)() / 5)
end
