--- One shard, read from a place on: iterators that expire are made anew, behind the last record that was read.
local events = require "dynamodb.streams.event"

local reader_methods = {}
local reader_mt = { __name = "dynamodb.ShardReader", __index = reader_methods }

---@class dynamodb.ShardReader
---@field client dynamodb.Client
---@field arn string
---@field id string             of the shard
---@field position string       of what was read: "TRIM_HORIZON", "LATEST" or a sequence number
---@field iterator string?      of what comes next
---@field since number?         of LATEST: older records are passed over when its place has to be found again
---@field limit integer         records of an answer
---@field filters boolean?      older records are passed over right now
---@field ended boolean         the shard is closed, and all of it was read
---@field behind boolean        there is more to be read at once
---@field missing integer       how often, in a row, the shard was not there

local LISTINGS = 4 -- times in a row that the shard is not there until that is believed
local RENEWALS = 3 -- iterators that may turn out to be expired, in a row
local LAG = 60     -- seconds that records may be old and still be recent. Source: the Streams adapter's catch-up mode
local MARGIN = 60  -- seconds that the service's clocks may differ by, and times of records be rounded down
local FULL = 0.9e6 -- bytes of an answer to which a megabyte, the most of one, is near

--- What time it is for the service, which dates the records: this machine's clock may be wrong.
---@param self dynamodb.ShardReader
---@return number    seconds since 1970
local function service_time(self)
  return self.client:runtime():time() + (self.client.retry:skew() or 0)
end

--- An iterator for the place.
---@param self dynamodb.ShardReader
---@return boolean? opened
---@return dynamodb.Error?
local function open(self)
  local params = { StreamArn = self.arn, ShardId = self.id, ShardIteratorType = self.position }
  if self.position:find "^%d" then
    params.ShardIteratorType, params.SequenceNumber = "AFTER_SEQUENCE_NUMBER", self.position
  elseif self.position == "LATEST" and self.since then
    params.ShardIteratorType = "TRIM_HORIZON" -- the latest place of now is not that of then
    self.filters = true
  end
  local answer, err = self.client:perform("GetShardIterator", params, {})
  if not answer then return nil, err end
  self.iterator = answer.ShardIterator
  if self.position == "LATEST" then self.since = self.since or math.floor(service_time(self)) - MARGIN end
  return true
end

--- Drops records that are from before LATEST was asked for.
---@param self dynamodb.ShardReader
---@param batch dynamodb.StreamBatch
---@return dynamodb.StreamBatch
local function recent(self, batch)
  local first = 1
  while batch[first] and batch[first].created_at and batch[first].created_at < self.since do first = first + 1 end
  if first <= #batch then self.filters = false end
  return events.rest(batch, first)
end

--- Takes an answer in.
---@param self dynamodb.ShardReader
---@param batch dynamodb.StreamBatch
---@return dynamodb.StreamBatch
local function take(self, batch)
  self.iterator = batch.next_iterator
  self.ended = self.iterator == nil
  local count, size = #batch, 0
  for i = 1, count do size = size + (batch[i] and batch[i].size or 0) end
  local last = batch[count]
  if last and last.created_at then
    self.lags = service_time(self) - last.created_at > LAG
  end
  self.behind = count >= self.limit or size >= FULL or count > 0 and self.lags == true
  if self.filters then batch = recent(self, batch) end
  if #batch > 0 then self.position = batch.numbers[#batch] or self.position end
  return batch
end

--- What comes next; perhaps nothing.
---@return dynamodb.StreamBatch?
---@return dynamodb.Error?
---@return "trimmed"|"gone"|"missing"|nil kind    the records behind the place, or the shard, are not there any more;
---                                            "missing": it may be there again in a moment
function reader_methods:next()
  local problem
  for _ = 1, RENEWALS do
    local opened, answer = true, nil
    if not self.iterator then opened, problem = open(self) end
    if opened then
      answer, problem = self.client:perform("GetRecords", { ShardIterator = self.iterator, Limit = self.limit }, {})
    end
    if answer then
      local batch
      batch, problem = events.read(answer, nil, true)
      if not batch then return nil, problem end
      self.missing = 0
      return take(self, batch)
    end
    if not problem:is "ExpiredIterator" then break end
    self.iterator = nil
  end
  if problem:is "TrimmedDataAccess" then return nil, problem, "trimmed" end
  if not problem:is "ResourceNotFound" then return nil, problem end
  self.missing = self.missing + 1
  return nil, problem, self.missing < LISTINGS and "missing" or "gone"
end

--- Where reading goes on, for another reader. Good for 15 minutes. Source: GetShardIterator in the API reference.
---@return string? iterator
---@return dynamodb.Error?
function reader_methods:place()
  if not self.iterator then
    local opened, err = open(self)
    if not opened then return nil, err end
  end
  return self.iterator
end

--- Goes on with the oldest record that there is.
function reader_methods:rewind()
  self.position, self.iterator, self.filters = "TRIM_HORIZON", nil, false
end

--- A reader of a shard; nothing is sent yet.
---@param client dynamodb.Client
---@param arn string
---@param lease dynamodb.Lease    where it begins
---@param limit integer
---@return dynamodb.ShardReader
local function new(client, arn, lease, limit)
  return setmetatable({
    client = client, arn = arn, id = lease.id, limit = limit,
    position = lease.checkpoint, iterator = lease.iterator, since = lease.since,
    ended = false, behind = false, missing = 0,
  }, reader_mt)
end

return { new = new }
