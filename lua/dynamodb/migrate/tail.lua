--- A table's stream from a moment on, for a live copy: where each shard was then, and what came since, shard by shard,
--- parents before their children.
local errors = require "dynamodb.error"

local tail_methods = {}
local tail_mt = { __name = "dynamodb.Tail", __index = tail_methods }

local FRESH = 240  -- seconds after which an iterator is renewed; it lives 15 minutes
local EMPTY = 3    -- reads without a record after which a shard is taken to have no more at this moment
local PAUSE = 0.25 -- seconds between two reads of a shard that had nothing
local MARGIN = 300 -- seconds that clocks and the times of records may differ

---@class dynamodb.ShardState
---@field parent string?
---@field iterator string?    where the shard was when the tail began, as long as nothing has come
---@field at number?          when the iterator was made; wall clock
---@field sequence string?    of a record
---@field kind string?        how the sequence is meant: "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"
---@field all boolean?        from its beginning
---@field done boolean?

---@class dynamodb.Tail
---@field job dynamodb.Job
---@field client dynamodb.Client
---@field arn string
---@field state { began: number, shards: table<string, dynamodb.ShardState> }
---@field empty table<string, integer>         reads without a record, by shard
---@field iterators table<string, string>      for the next read

--- One request; what may pass is waited for.
local function ask(self, operation, params)
  local answer, err = self.client:call(operation, params)
  while err and self.job:wait_after(err) do answer, err = self.client:call(operation, params) end
  if not err then self.job:moved() end
  return answer, err
end

--- Every shard that the stream has at this moment.
---@return table[]?
---@return dynamodb.Error?
local function list_shards(self)
  local shards, last = {}, nil
  repeat
    local answer, err = ask(self, "DescribeStream", { StreamArn = self.arn, ExclusiveStartShardId = last })
    if not answer then return nil, err end
    local about = answer.StreamDescription or {}
    for _, shard in ipairs(about.Shards or {}) do shards[#shards + 1] = shard end
    last = about.LastEvaluatedShardId
  until not last
  return shards
end

--- The shards that have ended and whose children are there. (Some engines give open shards an end, too.)
---@param shards table[]
---@return table<string, boolean>
local function closed(shards)
  local parents, ended = {}, {}
  for _, shard in ipairs(shards) do
    if shard.ParentShardId then parents[shard.ParentShardId] = true end
  end
  for _, shard in ipairs(shards) do
    local last = (shard.SequenceNumberRange or {}).EndingSequenceNumber
    ended[shard.ShardId] = last ~= nil and parents[shard.ShardId] or nil
  end
  return ended
end

---@param id string
---@param kind string
---@param sequence string?
---@return string?
---@return dynamodb.Error?
local function iterator_of(self, id, kind, sequence)
  local answer, err = ask(self, "GetShardIterator",
    { StreamArn = self.arn, ShardId = id, ShardIteratorType = kind, SequenceNumber = sequence })
  return answer and answer.ShardIterator, err
end

--- Notes where each shard is. What is written from now on will be read.
---@return true?
---@return dynamodb.Error?
function tail_methods:begin()
  local state, runtime = self.state, self.job.runtime
  local shards, err = list_shards(self)
  if not shards then return nil, err end
  state.began, state.shards = runtime:time(), {}
  local ended = closed(shards)
  for _, shard in ipairs(shards) do
    local own = { parent = shard.ParentShardId, at = runtime:time() }
    if ended[shard.ShardId] then
      own.done = true
    else
      own.iterator, err = iterator_of(self, shard.ShardId, "LATEST")
      if not own.iterator then return nil, err end
    end
    state.shards[shard.ShardId] = own
  end
  return true
end

--- Keeps what was noted from expiring, while something else goes on.
---@return true?
---@return dynamodb.Error?
function tail_methods:touch()
  local now = self.job.runtime:time()
  for _, own in pairs(self.state.shards) do
    if own.iterator and not own.done and now - own.at > FRESH then
      local answer, err = ask(self, "GetRecords", { ShardIterator = own.iterator, Limit = 1 })
      if answer then
        local first = (answer.Records or {})[1]
        if first then
          own.sequence, own.kind, own.iterator = first.dynamodb.SequenceNumber, "AT_SEQUENCE_NUMBER", nil
        else
          own.iterator, own.at, own.done = answer.NextShardIterator, now, answer.NextShardIterator == nil or nil
        end
      elseif err:is "ExpiredIterator" then
        own.iterator, own.all = nil, true -- what came before the beginning is left out by its time
      else
        return nil, err
      end
    end
  end
  return true
end

--- Is the time near at which the stream forgets what it began with?
---@param hours number
---@return boolean
function tail_methods:is_older_than(hours)
  return self.job.runtime:time() - self.state.began > hours * 3600
end

--- Shards that are new since the beginning are read from their beginning.
local function discover(self)
  local shards, err = list_shards(self)
  if not shards then return nil, err end
  local listed = {}
  for _, shard in ipairs(shards) do
    listed[shard.ShardId] = true
    if not self.state.shards[shard.ShardId] then
      self.state.shards[shard.ShardId] = { parent = shard.ParentShardId, all = true }
    end
  end
  return listed
end

--- What a read of the stream failed on.
local function failure(err)
  if not err:is "TrimmedDataAccess" then return err end
  return errors.new {
    code = "StreamTrimmed", cause = err, retryable = false,
    message = "the stream has forgotten what it began with (it keeps 24 hours); the copy has to begin anew",
  }
end

---@class dynamodb.TailRead
---@field records table[]     that belong to the tail
---@field last table?         the last one that was read
---@field ended boolean       the shard has no more, and never will
---@field expired boolean     nothing was read; the next time it is

--- The next records of a shard.
---@param id string
---@param own dynamodb.ShardState
---@return dynamodb.TailRead?
---@return dynamodb.Error?
local function read(self, id, own)
  local iterator = self.iterators[id] or own.iterator
  local err
  if not iterator then
    iterator, err = iterator_of(self, id, own.kind or "TRIM_HORIZON", own.sequence)
    if not iterator then return nil, failure(err) end
  end
  local answer
  answer, err = ask(self, "GetRecords", { ShardIterator = iterator })
  if err and err:is "ExpiredIterator" then
    self.iterators[id], own.iterator = nil, nil
    own.all = own.sequence == nil or nil -- what came before the beginning is left out by its time
    return { records = {}, ended = false, expired = true }
  end
  if not answer then return nil, failure(err) end
  self.iterators[id] = answer.NextShardIterator
  local records, belonging = answer.Records or {}, {}
  for _, record in ipairs(records) do
    local at = own.all and tonumber(record.dynamodb.ApproximateCreationDateTime)
    if not at or at >= self.state.began - MARGIN then belonging[#belonging + 1] = record end
  end
  return {
    records = belonging, last = records[#records], ended = answer.NextShardIterator == nil, expired = false,
  }
end

--- Reads a shard once and notes how far it is.
---@return true?
---@return dynamodb.Error?
local function advance(self, id, own, apply)
  local got, err = read(self, id, own)
  if not got then return nil, err end
  local ok
  ok, err = apply(got.records)
  if not ok then return nil, err end
  if got.last then
    own.sequence, own.kind = got.last.dynamodb.SequenceNumber, "AFTER_SEQUENCE_NUMBER"
    own.iterator, own.all = nil, nil
    self.empty[id] = 0
  elseif not got.expired then
    self.empty[id] = (self.empty[id] or 0) + 1
  end
  own.done = got.ended or nil
  return true
end

--- One read of each shard that can be read.
---@param apply fun(records: table[]): true?, dynamodb.Error?
---@param listed table<string, boolean>
---@return boolean? quiet    nothing came, and nothing can be expected at this moment
---@return dynamodb.Error?
local function round(self, apply, listed)
  local quiet = true
  for id, own in pairs(self.state.shards) do
    local parent = own.parent and self.state.shards[own.parent]
    if not own.done and (not parent or parent.done or not listed[own.parent]) then
      local ok, err = advance(self, id, own, apply)
      if not ok then return nil, err end
    end
    quiet = quiet and (own.done == true or (self.empty[id] or 0) >= EMPTY)
  end
  return quiet
end

--- Reads what has come since the beginning, and what comes while it does.
---@param apply fun(records: table[]): true?, dynamodb.Error?    is given records in their order
---@param go_on fun(quiet: boolean): boolean?, dynamodb.Error?   after each round
---@return true?
---@return dynamodb.Error?
function tail_methods:replay(apply, go_on)
  while true do
    local listed, err = discover(self)
    if not listed then return nil, err end
    local quiet
    quiet, err = round(self, apply, listed)
    if quiet == nil then return nil, err end
    local more
    more, err = go_on(quiet)
    if err then return nil, err end
    if not more then return true end
    self.job.runtime:sleep(PAUSE)
  end
end

local tail = {}

--- The tail of a table's stream.
---@param job dynamodb.Job
---@param client dynamodb.Client
---@param arn string      of the stream
---@param state table     empty, or as it was saved
---@return dynamodb.Tail
function tail.new(job, client, arn, state)
  return setmetatable({ job = job, client = client, arn = arn, state = state, empty = {}, iterators = {} }, tail_mt)
end

return tail
