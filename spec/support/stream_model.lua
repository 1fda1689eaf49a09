--- A DynamoDB stream that makes it hard for its readers, out of a seed and a clock: eight shards that split while they
--- are read, listings that lack shards or are behind, iterators that expire, answers without records, throttling.
---
---   local model = stream_model.new { seed = 1, now = os.time }
---   local status, answer = model:answer("GetRecords", { ShardIterator = "…" })
---   model:all()      --> every record that there will be: { shard =, number =, item =, n = }, in order of writing
---
--- Item i of a shard is one whose changes 1, 2, 3 … stand in that shard and in the ones that came of it. `faults` gives
--- the probability of each: expired, throttled, failing (500), trimmed (what is asked for is just gone), empty (an
--- answer without records), missing (a shard that a listing lacks), stale (a listing that knows nothing of the latest
--- split).
local core = require "dynamodb.core"

local stream_model = {}

local model_methods = {}
local model_mt = { __name = "spec.StreamModel", __index = model_methods }

local ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-11-27T00:00:00.000"

-- What comes of what, with the items of each.
local LINEAGE = {
  { "a", nil, { 1, 2, 3, 4 } }, { "b", nil, { 5, 6, 7, 8 } }, { "c", "a", { 1, 2 } }, { "d", "a", { 3, 4 } },
  { "e", "b", { 5, 6, 7, 8 } }, { "f", "c", { 1, 2 } }, { "g", "e", { 5, 6 } }, { "h", "e", { 7, 8 } },
}

function model_methods:random()
  self.state = (self.state * 16807) % 2147483647
  return (self.state - 1) / 2147483646
end

--- Lays down what will be written, and when.
local function write_script(self, settings)
  local counters = {}
  for _, line in ipairs(LINEAGE) do
    local id, parent = "shardId-" .. line[1], line[2] and "shardId-" .. line[2]
    local items = line[3]
    local shard = { id = id, parent = parent, records = {}, trimmed = 0 }
    local at = parent and self.shards[parent].ends or 0
    shard.begins = at
    for _ = 1, settings.records do
      at = at + settings.every * (0.5 + self:random())
      local item = items[1 + math.floor(self:random() * #items)]
      counters[item] = (counters[item] or 0) + 1
      table.insert(shard.records, { at = at, shard = id, item = item, n = counters[item] })
    end
    shard.ends = at + settings.every
    self.shards[id], self.order[#self.order + 1] = shard, id
  end
  for _, id in ipairs(self.order) do
    for _, record in ipairs(self.shards[id].records) do table.insert(self.records, record) end
  end
  table.sort(self.records, function(a, b) return a.at < b.at end)
  -- From two digits to three: they are numbers, not texts.
  for i, record in ipairs(self.records) do record.number = ("%d"):format(95 + i) end
end

--- Everything that will be written.
function model_methods:all() return self.records end

local function is_open(self, shard)
  return not self.disabled and self:time() < shard.ends
end

--- Seconds since the beginning.
function model_methods:time() return self.now() - self.start end

local function refuse(code)
  return 400, { __type = "com.amazonaws.dynamodb.v20120810#" .. code, message = "scripted" }
end

local function draws(self, fault) return self:random() < (self.faults[fault] or 0) end

--- How many records of a shard have been written.
local function written(self, shard)
  local time, count = self:time(), 0
  if self.disabled then time = math.min(time, self.disabled) end
  while shard.records[count + 1] and shard.records[count + 1].at <= time do count = count + 1 end
  return count
end

local operations = {}

function operations.DescribeTable(self)
  return 200, { Table = { TableName = "orders", LatestStreamArn = ARN,
    StreamSpecification = { StreamEnabled = not self.disabled, StreamViewType = "NEW_IMAGE" } } }
end

function operations.DescribeStream(self, params)
  local filter = params.ShardFilter
  local time = self:time()
  local stale = draws(self, "stale") and time - 0.5 or time
  local list, last = core.json_decode "[]", nil
  local after = params.ExclusiveStartShardId
  for _, id in ipairs(self.order) do
    local shard = self.shards[id]
    local exists = stale >= shard.begins and not shard.gone and not (self.disabled and shard.begins > self.disabled)
    if exists and (not after or id > after) and not last and not draws(self, "missing")
      and (not filter or shard.parent == filter.ShardId or self.ignores_filter) then
      local closed = not is_open(self, shard) and stale == time
      list[#list + 1] = { ShardId = id, ParentShardId = shard.parent,
        SequenceNumberRange = { StartingSequenceNumber = "1", EndingSequenceNumber = closed and "9" or nil } }
      if #list == self.page then last = id end
    end
  end
  return 200, { StreamDescription = { StreamArn = ARN, StreamStatus = self.disabled and "DISABLED" or "ENABLED",
    Shards = list, LastEvaluatedShardId = last } }
end

--- Iterators are texts: shard, records before it, time of making.
local function iterator_of(self, shard, index) return ("%s %d %f"):format(shard.id, index, self.now()) end

function operations.GetShardIterator(self, params)
  local shard = self.shards[params.ShardId]
  if not shard or shard.gone or self:time() < shard.begins then return refuse "ResourceNotFoundException" end
  local kind, index = params.ShardIteratorType, shard.trimmed
  if kind == "LATEST" then
    index = written(self, shard)
  elseif kind == "AFTER_SEQUENCE_NUMBER" or kind == "AT_SEQUENCE_NUMBER" then
    index = nil
    for i, record in ipairs(shard.records) do
      if record.number == params.SequenceNumber then index = i - (kind:find "^AT" and 1 or 0) end
    end
    if not index then return refuse "ValidationException" end
    if index < shard.trimmed then return refuse "TrimmedDataAccessException" end
  end
  return 200, { ShardIterator = iterator_of(self, shard, index) }
end

local function typed(record)
  local key = { pk = { S = ("item-%d"):format(record.item) } }
  return {
    eventID = "id-" .. record.number, eventName = record.n == 1 and "INSERT" or "MODIFY", eventVersion = "1.1",
    eventSource = "aws:dynamodb", awsRegion = "eu-west-1",
    dynamodb = {
      ApproximateCreationDateTime = record.created, Keys = key, SequenceNumber = record.number, SizeBytes = 30,
      NewImage = { pk = key.pk, n = { N = ("%d"):format(record.n) } }, StreamViewType = "NEW_IMAGE",
    },
  }
end

function operations.GetRecords(self, params)
  local id, index, made = tostring(params.ShardIterator):match "^(%S+) (%d+) (%S+)$"
  local shard = self.shards[id]
  if not shard then return refuse "ValidationException" end
  if shard.gone then return refuse "ResourceNotFoundException" end
  if draws(self, "expired") or self.now() - tonumber(made) > self.life then return refuse "ExpiredIteratorException" end
  if draws(self, "throttled") then return refuse "LimitExceededException" end
  if draws(self, "failing") then return 500, { __type = "InternalServerError", message = "scripted" } end
  index = tonumber(index)
  if index < shard.trimmed or draws(self, "trimmed") then return refuse "TrimmedDataAccessException" end
  local list, count = core.json_decode "[]", written(self, shard)
  local last = draws(self, "empty") and index or math.min(count, index + (params.Limit or 1000))
  for i = index + 1, last do
    local record = shard.records[i]
    record.created = math.floor(self.epoch + record.at)
    list[#list + 1] = typed(record)
    if self.damages[record.number] then self.damages[record.number](list[#list]) end
  end
  local drained = last == count and not is_open(self, shard)
  return 200, { Records = list, NextShardIterator = not drained and iterator_of(self, shard, last) or nil }
end

--- The answer to a request; nil to one that is not about streams.
---@param operation string
---@param params table
---@return integer? status
---@return table? answer
function model_methods:answer(operation, params)
  self.counts[operation] = (self.counts[operation] or 0) + 1
  if not operations[operation] then return nil end
  return operations[operation](self, params)
end

--- The record is one that something is wrong with.
---@param number string
---@param damage fun(record: table)    changes it, as it is sent
function model_methods:damage(number, damage) self.damages[number] = damage end

--- Nothing is written any more.
function model_methods:disable() self.disabled = self:time() end

--- A stream; its first record comes soon.
---@param settings table    seed; now (a function: seconds); records (40 a shard), every (seconds between two), page
---                         (3 shards an answer), life (900 seconds of an iterator), faults, ignores_filter, epoch
---                         (the wall clock's time of the beginning)
function stream_model.new(settings)
  local self = setmetatable({
    state = settings.seed * 7919 + 17, now = settings.now, start = settings.now(), shards = {}, order = {},
    records = {}, counts = {}, damages = {}, faults = settings.faults or {}, page = settings.page or 3,
    life = settings.life or 900, ignores_filter = settings.ignores_filter, epoch = settings.epoch or 1700000000,
  }, model_mt)
  for _ = 1, 3 do self:random() end
  write_script(self, { records = settings.records or 40, every = settings.every or 0.02 })
  return self
end

stream_model.arn = ARN

return stream_model
