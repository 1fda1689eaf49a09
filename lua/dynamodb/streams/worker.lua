--- One shard in the hands of a consumer: it reads, has the records handled, and sets the checkpoint behind those that
--- are done. It ends when the shard does, when the lease is lost or wanted by another one, and with the consumer.
local contexts = require "dynamodb.streams.context"
local delay_of = require "dynamodb.streams.delay"
local errors = require "dynamodb.error"
local events = require "dynamodb.streams.event"
local is_passing = require "dynamodb.streams.passing"
local pace = require "dynamodb.streams.pace"
local readers = require "dynamodb.streams.reader"
local records = require "dynamodb.streams.record"

local worker_methods = {}
local worker_mt = { __name = "dynamodb.ShardWorker", __index = worker_methods }

---@class dynamodb.ShardWorker
---@field consumer dynamodb.Consumer
---@field lease dynamodb.Lease
---@field reader dynamodb.ShardReader
---@field ctx dynamodb.StreamContext
---@field turn number          when the others had one
---@field failures integer     of reading, in a row
---@field failing string?      sequence number of the record that fails
---@field attempts integer     at that record
---@field pinned number        when it was noted where LATEST is
---@field batch dynamodb.StreamBatch?    that the handler has
---@field gap string?          the place behind which records were lost, as was told

local SLICE = 0.2           -- seconds of a wait after which it is looked whether there is still something to wait for
local PATIENCE = 2          -- seconds before a write of the lease is tried again, at most
local PIN = 240             -- seconds after which the place of LATEST is noted anew; iterators live 900

--- Is nothing further to be begun?
---@return boolean
function worker_methods:is_over()
  local lease, consumer = self.lease, self.consumer
  return lease.lost or consumer:is_stopping() or consumer.store.shared and lease.wanted_by ~= nil or false
end

--- Waits, not longer than there is something to wait for.
---@param self dynamodb.ShardWorker
---@param seconds number
local function pause(self, seconds)
  local runtime = self.consumer.runtime
  local due = runtime:now() + seconds
  repeat
    if self:is_over() then return end
    runtime:sleep(math.max(0, math.min(due - runtime:now(), SLICE)))
  until runtime:now() >= due
end

--- Seconds before an attempt.
---@param self dynamodb.ShardWorker
---@param failures integer    in a row, before it
---@return number
local function delay(self, failures) return delay_of(failures, self.consumer.client.random) end

--- Does something with the lease until it is known to have worked, or that it was in vain.
---@param self dynamodb.ShardWorker
---@param method string
---@param ... any
---@return boolean held    false: the lease is lost, or the consumer ends and has no time left for it
local function insist(self, method, ...)
  local consumer, lease, failures = self.consumer, self.lease, 0
  while true do
    local ok, err = consumer.store[method](consumer.store, lease, ...)
    if ok then return true end
    if lease.lost then return false end
    if not is_passing(err) then
      consumer:fail(err)
      return false
    end
    if consumer:is_stopping() and consumer.store:left(lease) <= 0 then return false end
    failures = failures + 1
    consumer.runtime:sleep(math.min(delay(self, failures), PATIENCE))
  end
end

--- Is the lease still this consumer's? One that has expired may be, if nobody wanted it; again when the answer to that
--- took longer than a lease.
---@param self dynamodb.ShardWorker
---@return boolean
local function holds(self)
  local lease, store = self.lease, self.consumer.store
  while not lease.lost and store:left(lease) <= 0 do
    if self.consumer:is_stopping() or not insist(self, "renew") then return false end
  end
  return not lease.lost
end

-- ---------------------------------------------------------------------------------------------------- handling ----

--- The place of the first record that has to come again; nil if all are done.
---@param batch dynamodb.StreamBatch
---@param ok boolean
---@param answer any    of the handler
---@return integer?
local function first_left(batch, ok, answer)
  if not ok then return 1 end
  local failures = type(answer) == "table" and answer.batchItemFailures
  local failure = type(failures) == "table" and failures[1]
  if not failure then return nil end
  local number = type(failure) == "table" and failure.itemIdentifier
  for i = 1, #batch do
    if batch.numbers[i] == number then return i end
  end
  return 1 -- none of ours: the whole batch has failed
end

--- A record that fails again and again: is it passed over?
---@param self dynamodb.ShardWorker
---@param batch dynamodb.StreamBatch    it is the first of them
---@param err any
---@return boolean
local function give_up(self, batch, err)
  local consumer = self.consumer
  if not consumer.on_failure then
    consumer:fail(errors.new {
      code = "HandlerFailed", cause = err, sent = true, retryable = false,
      message = ("record %s of %s fails, also at attempt %d: %s"):format(tostring(batch.numbers[1]), self.lease.id,
        self.attempts, tostring(err)),
    })
    return false
  end
  self.ctx.sequence_number = batch.numbers[1]
  local ok, result, problem = pcall(consumer.on_failure, batch[1] or nil, err, self.ctx)
  self.ctx.sequence_number = nil
  if ok and (result or problem == nil) then
    consumer.report.failed = consumer.report.failed + 1
    return true
  end
  consumer:fail(errors.new {
    code = "HandlerFailed", cause = not ok and result or problem, sent = true, retryable = false,
    message = "on_failure failed: " .. tostring(not ok and result or problem),
  })
  return false
end

--- A record has failed: waits before the next attempt, or gives it up.
---@param self dynamodb.ShardWorker
---@param batch dynamodb.StreamBatch    it is the first of them
---@param err any
---@return boolean passed    it is behind us
local function failed(self, batch, err)
  local number = batch.numbers[1]
  if self.failing ~= number then self.failing, self.attempts = number, 0 end
  self.attempts = self.attempts + 1
  if self.attempts >= self.consumer.max_attempts then return give_up(self, batch, err) end
  pause(self, delay(self, self.attempts))
  return false
end

--- Sets the checkpoint behind the records before a place.
---@param self dynamodb.ShardWorker
---@param batch dynamodb.StreamBatch
---@param place integer
---@return boolean held
local function advance(self, batch, place)
  local number, there = batch.numbers[place - 1], self.lease.checkpoint
  -- A transaction may have set it behind a record that has failed afterwards.
  if not number or there:find "^%d" and records.compare(number, there) <= 0 then return not self.lease.lost end
  return insist(self, "checkpoint", number)
end

--- Has the records handled, one after the other.
---@param self dynamodb.ShardWorker
---@param batch dynamodb.StreamBatch
---@return boolean all    false: nothing further shall begin
local function handle(self, batch)
  local consumer = self.consumer
  while #batch > 0 do
    if not holds(self) or self:is_over() then return false end
    self.batch, self.turn = batch, consumer.runtime:now()
    batch.failed, batch.err = nil, nil
    local ok, answer, problem = pcall(consumer.handler, batch, self.ctx)
    if ok and not answer and problem ~= nil then ok, answer = false, problem end
    self.batch = nil
    local first = first_left(batch, ok, answer)
    local done = (first or #batch + 1) - 1
    consumer.report.records = consumer.report.records + done
    if not advance(self, batch, done + 1) then return false end
    local err = not ok and answer or batch.err
    local has_failed = not ok or batch.failed ~= false -- a handler that does not say has
    batch = events.rest(batch, done + 1)
    if first and has_failed then
      if failed(self, batch, err) then
        if not advance(self, batch, 2) then return false end
        batch = events.rest(batch, 2)
      end
    end -- else there was little time left, and the checkpoint has renewed the lease
  end
  return true
end

-- ----------------------------------------------------------------------------------------------------- reading ----

--- What was to be read is not there any more. That is told once: if the oldest record is gone as well before it is
--- read, that is the same gap.
---@param self dynamodb.ShardWorker
---@param err dynamodb.Error
---@param kind "trimmed"|"gone"
local function lost_records(self, err, kind)
  local lease, consumer = self.lease, self.consumer
  local is_known = self.gap == lease.checkpoint
  self.gap = lease.checkpoint
  if not is_known and not consumer:tell_gap({ stream = consumer.arn, shard_id = lease.id, after = self.gap }, err) then
    return
  end
  if kind == "trimmed" then
    if is_known then pause(self, delay(self, self.failures)) end
    self.reader:rewind()
  else
    consumer.topology:forget(lease.id)
    insist(self, "checkpoint", "SHARD_END")
  end
end

--- After a reading that failed.
---@param self dynamodb.ShardWorker
---@param err dynamodb.Error
---@param kind "trimmed"|"gone"|"missing"|nil
local function read_failed(self, err, kind)
  self.failures = self.failures + 1
  if kind == "trimmed" or kind == "gone" then
    lost_records(self, err, kind)
  elseif err.code == "ResponseError" and self.failures >= self.consumer.max_attempts then
    self.consumer:fail(err) -- what cannot be understood again and again would be waited for in vain
  elseif kind == "missing" or is_passing(err) then
    pause(self, delay(self, self.failures))
  else
    self.consumer:fail(err)
  end
end

--- Where LATEST is goes with the iterator as long as no record has come.
---@param self dynamodb.ShardWorker
local function pin(self)
  local reader, now = self.reader, self.consumer.runtime:now()
  if self.lease.checkpoint ~= "LATEST" or reader.filters or now < self.pinned + PIN then return end
  self.pinned = now
  insist(self, "pin", reader.iterator)
end

--- Reads once and handles what came.
---@param self dynamodb.ShardWorker
local function turn(self)
  local consumer, lease, reader = self.consumer, self.lease, self.reader
  local batch, err, kind = reader:next()
  if not batch then return read_failed(self, err, kind) end
  self.failures = 0
  local count = #batch
  if not handle(self, batch) then return end
  if reader.ended then
    consumer.topology:adopt(lease.id)
    insist(self, "checkpoint", "SHARD_END")
  else
    pin(self)
    pause(self, pace(reader, count, consumer.topology:is_open(lease.id), consumer.poll, consumer.client.random))
  end
end

--- Reads and handles until it is over, then lets go of the lease.
function worker_methods:run()
  local consumer, lease = self.consumer, self.lease
  while lease.checkpoint ~= "SHARD_END" and not self:is_over() and holds(self) do turn(self) end
  if lease.checkpoint == "SHARD_END" then
    consumer.report.shards = consumer.report.shards + 1
    consumer.topology:hurry()
  elseif lease.lost then
    consumer.report.lost = consumer.report.lost + 1
  else
    consumer.store:release(lease) -- if that fails it expires
  end
end

--- A worker for a lease that the consumer has.
---@param consumer dynamodb.Consumer
---@param lease dynamodb.Lease
---@return dynamodb.ShardWorker
local function new(consumer, lease)
  local self = setmetatable({
    consumer = consumer, lease = lease, turn = consumer.runtime:now(), failures = 0, attempts = 0,
    pinned = consumer.runtime:now(),
    reader = readers.new(consumer.client, consumer.arn, lease, consumer.batch_size),
  }, worker_mt)
  self.ctx = contexts.new(self)
  return self
end

return { new = new }
