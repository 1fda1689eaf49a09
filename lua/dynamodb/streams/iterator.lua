--- The records of a stream one by one, in one task, without leases: parents before children, each shard in its order.
local checkpoints = require "dynamodb.streams.checkpoint"
local pace = require "dynamodb.streams.pace"
local readers = require "dynamodb.streams.reader"
local topologies = require "dynamodb.streams.topology"

local records_methods = {}
local records_mt = { __name = "dynamodb.StreamRecords", __index = records_methods }

---@class dynamodb.StreamRecords    an iterator: `for record in stream:records() do`; a failure is raised there
---@field private client dynamodb.Client
---@field private source dynamodb.Stream
---@field private options table
---@field private readers table[]    { reader =, lease =, due =, gap = }: the shards that are read, in turn
---@field private batch dynamodb.StreamBatch?    what was read and not given out yet, from `at` on
---@field private at integer
---@field private closed boolean?

local SLICE = 0.2 -- seconds of a wait after which it is looked whether there is still something to wait for

--- Finds the stream, at the first record.
---@param self dynamodb.StreamRecords
---@return boolean? ok
---@return dynamodb.Error?
local function open(self)
  if self.topology then return true end
  local arn, err = self.source:arn()
  if not arn then return nil, err end
  self.arn = arn
  self.store = checkpoints.new(arn)
  checkpoints.begin_at(self.store, self.options.places or {})
  self.topology = topologies.new(self.client, arn, self.store, self.options.from)
  return true
end

--- Is it to end?
---@param self dynamodb.StreamRecords
---@return boolean
local function is_over(self)
  local options = self.options
  self.closed = self.closed or options.deadline and self.client:now() >= options.deadline
    or options.stop and options.stop() and true or false
  return self.closed
end

--- Looks at the shards, if that is due, and begins with those that can be read.
---@param self dynamodb.StreamRecords
---@return boolean? ok
---@return dynamodb.Error?
local function look(self)
  if self.client:now() < self.topology.due and not self.changed then return true end
  local plan, err, leases = self.topology:step()
  if not plan then return nil, err end
  self.changed = false
  local reading = {}
  for _, one in ipairs(self.readers) do reading[one.lease.id] = true end
  local ids = {}
  for id in pairs(plan.ready) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do
    if not reading[id] then
      local reader = readers.new(self.client, self.arn, leases[id], self.options.batch_size)
      table.insert(self.readers, { reader = reader, lease = leases[id], due = -math.huge })
    end
  end
  if plan.done then self.closed = true end
  return true
end

--- The shard has been read, or the service does not have it any more.
---@param self dynamodb.StreamRecords
---@param i integer
local function finish(self, i)
  self.store:checkpoint(self.readers[i].lease, "SHARD_END")
  table.remove(self.readers, i)
  self.changed = true
  self.topology:hurry()
end

--- Records were lost before they could be read. That is told once: if the oldest record is gone as well before it is
--- read, that is the same gap.
---@param self dynamodb.StreamRecords
---@param i integer
---@param kind "trimmed"|"gone"
---@param err dynamodb.Error
---@return boolean? ok
---@return dynamodb.Error?
local function lost_records(self, i, kind, err)
  local one = self.readers[i]
  if not self.options.on_trimmed then return nil, err end
  if one.gap == one.lease.checkpoint then
    one.due = self.client:now() + self.options.poll
  else
    one.gap = one.lease.checkpoint
    self.options.on_trimmed { stream = self.arn, shard_id = one.lease.id, after = one.gap }
  end
  if kind == "trimmed" then
    one.reader:rewind()
  else
    self.topology:forget(one.lease.id)
    finish(self, i)
  end
  return true
end

--- The first shard that may be read now, else when one may.
---@param self dynamodb.StreamRecords
---@return integer? i
---@return number due
local function choose(self)
  local now, due = self.client:now(), self.topology.due
  for i, one in ipairs(self.readers) do
    if one.due <= now then return i, now end
    due = math.min(due, one.due)
  end
  return nil, due
end

--- Reads one shard.
---@param self dynamodb.StreamRecords
---@param i integer
---@return boolean? ok
---@return dynamodb.Error?
local function read(self, i)
  local one = self.readers[i]
  local reader = one.reader
  local batch, err, kind = reader:next()
  if not batch then
    if kind == "trimmed" or kind == "gone" then return lost_records(self, i, kind, err) end
    one.due = self.client:now() + self.options.poll
    if kind == "missing" or err:is "ExpiredIterator" then return true end
    return nil, err
  end
  one.due = self.client:now() + pace(reader, #batch, self.topology:is_open(one.lease.id), self.options.poll,
    self.client.random)
  table.remove(self.readers, i) -- the others are next
  table.insert(self.readers, one)
  self.batch, self.at, self.current = batch, 1, one
  return true
end

--- The next record of what was read; notes that it is given out.
---@param self dynamodb.StreamRecords
---@return dynamodb.Record?
---@return dynamodb.Error?
local function take(self)
  local batch, at = self.batch, self.at
  if not batch then return nil end
  if at > #batch then
    local one = self.current
    self.batch, self.current = nil, nil
    if one.reader.ended then
      for i, each in ipairs(self.readers) do
        if each == one then finish(self, i) break end
      end
    end
    return nil
  end
  self.at = at + 1
  if batch.numbers[at] then self.store:checkpoint(self.current.lease, batch.numbers[at]) end
  if not batch[at] then return nil, batch.problems[at] end
  return batch[at]
end

--- The next record. Waits until there is one.
---@return dynamodb.Record?    nil without an error: the time is over, `stop` said so, or the stream is disabled and was
---                            read to its end
---@return dynamodb.Error?     TrimmedDataAccessException if records were lost; what can be asked for again goes on
function records_methods:next()
  local opened, problem = open(self)
  if not opened then return nil, problem end
  while not is_over(self) do
    local record, err = take(self)
    if record or err then return record, err end
    local ok
    ok, err = look(self)
    if not ok then return nil, err end
    local i, due = choose(self)
    if i then
      ok, err = read(self, i)
      if not ok then return nil, err end
    else
      local runtime = self.client:runtime()
      runtime:sleep(math.max(0, math.min(due - runtime:now(), SLICE)))
    end
  end
end

--- Where another `records` or `consume` can go on, behind the records that were given out: the option `from`.
---@return table<string, string> places    by shard
function records_methods:position()
  local places = {}
  for id, lease in pairs(self.store and self.store:load() or {}) do places[id] = checkpoints.place(lease) end
  return places
end

--- Ends it. Closing twice is allowed.
function records_methods:close() self.closed = true end

function records_mt:__call()
  local record, err = self:next()
  if err then error(err, 0) end
  return record
end

records_mt.__close = records_methods.close

--- An iterator; nothing is sent yet.
---@param source dynamodb.Stream
---@param options table    checked: as of `Stream:records`
---@return dynamodb.StreamRecords
local function new(source, options)
  return setmetatable({ client = source.client, source = source, options = options, readers = {}, at = 1 }, records_mt)
end

return { new = new }
