--- The scan of a job: where it begins or goes on, and how many parts it is read in.
local scan = {}

local SEGMENT_BYTES, MOST_SEGMENTS = 64 * 2 ^ 20, 64

--- How many segments are worth their while.
---@param job dynamodb.Job
---@param options table
---@return integer
local function segments_for(job, options)
  if options.segments then return options.segments end
  return math.max(1, math.min(MOST_SEGMENTS, math.ceil((job.bytes or 0) / SEGMENT_BYTES)))
end

--- A scan from where the job's state says. The number of segments is part of the state: a cursor means nothing for
--- another one.
---@param job dynamodb.Job
---@param tbl dynamodb.Table
---@param options table      where, names, values, segments, shard, rcu, consistent
---@param attributes string[]?
---@return dynamodb.Query
function scan.new(job, tbl, options, attributes)
  local state, shard = job.state, options.shard
  state.segments = state.segments or shard and shard[2] or segments_for(job, options)
  return tbl:scan {
    where = options.where, names = options.names, values = options.values, consistent = options.consistent,
    attributes = attributes, rcu = options.rcu, segments = state.segments, segment = shard and shard[1],
    cursor = state.cursor, capacity = "total",
  }
end

return scan
