--- The shards of a stream, as DescribeStream lists them.
local errors = require "dynamodb.error"

local shards = {}

local PAGE = 100 -- shards of an answer at most. Source: DescribeStream in the API reference

---@class dynamodb.ShardListing
---@field shards table<string, dynamodb.Shard>
---@field ended boolean    the stream is disabled: no shard will be added

--- Takes the shards of an answer.
---@param list any
---@param into table<string, dynamodb.Shard>
local function collect(list, into)
  for _, shard in ipairs(type(list) == "table" and list or {}) do
    if type(shard) == "table" and type(shard.ShardId) == "string" then
      local range = type(shard.SequenceNumberRange) == "table" and shard.SequenceNumberRange or {}
      into[shard.ShardId] = {
        parent = type(shard.ParentShardId) == "string" and shard.ParentShardId or nil,
        closed = type(range.EndingSequenceNumber) == "string",
      }
    end
  end
end

---@param client dynamodb.Client
---@param params table
---@return table? description
---@return dynamodb.Error?
local function describe(client, params)
  local answer, err = client:perform("DescribeStream", params, {})
  if not answer then return nil, err end
  if type(answer.StreamDescription) ~= "table" then
    return nil, errors.new {
      code = "ResponseError", operation = "DescribeStream", message = "the answer does not describe a stream",
      sent = true, retryable = true,
    }
  end
  return answer.StreamDescription
end

--- All shards that the service lists.
---@param client dynamodb.Client
---@param arn string
---@return dynamodb.ShardListing?
---@return dynamodb.Error?
function shards.list(client, arn)
  local listing = { shards = {}, ended = false }
  local last
  repeat
    local description, err = describe(client, { StreamArn = arn, Limit = PAGE, ExclusiveStartShardId = last })
    if not description then return nil, err end
    collect(description.Shards, listing.shards)
    listing.ended = description.StreamStatus == "DISABLED"
    local before = last
    last = description.LastEvaluatedShardId
    if type(last) ~= "string" or last == before then last = nil end
  until not last
  return listing
end

--- The children of one shard. Not every engine heeds the filter, so that what comes is looked at.
---@param client dynamodb.Client
---@param arn string
---@param id string
---@return table<string, dynamodb.Shard>?
---@return dynamodb.Error?
function shards.children(client, arn, id)
  local description, err = describe(client,
    { StreamArn = arn, ShardFilter = { Type = "CHILD_SHARDS", ShardId = id } })
  if not description then return nil, err end
  local found, children = {}, {}
  collect(description.Shards, found)
  for child, shard in pairs(found) do
    if shard.parent == id then children[child] = shard end
  end
  return children
end

return shards
