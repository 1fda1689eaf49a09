--- What the functions of a consumer's handler get beside each record: where it is from, for how long further ones may
--- be begun, and transactions that have the checkpoint in them.
local errors = require "dynamodb.error"
local usage = require "dynamodb.usage"

local context_methods = {}
local context_mt = { __name = "dynamodb.StreamContext", __index = context_methods }

---@class dynamodb.StreamContext
---@field stream string              ARN
---@field shard_id string
---@field sequence_number string?    of the record that is given up, for on_failure
---@field private worker dynamodb.ShardWorker

local TURN = 0.05 -- seconds of records until other shards, and the renewing of leases, have a turn

--- Milliseconds for which records may be begun: until the lease expires. Less than none: no further record. The handler
--- asks before each.
---@return number
function context_methods:remaining_ms()
  local worker = self.worker
  local runtime = worker.consumer.runtime
  if runtime:now() - worker.turn >= TURN then
    runtime:sleep(0)
    worker.turn = runtime:now()
  end
  if worker:is_over() then return -1 end
  return worker.consumer.store:left(worker.lease) * 1000
end

--- Writes what a record brings about in one transaction with the checkpoint behind it: both or none, and only while the
--- shard is this consumer's, so that it happens once, however often the record comes. For a lease table of the same
--- client, and records that are handled in order (mode "stop"): behind a failed one there is no checkpoint.
---@param record dynamodb.Record
---@param f fun(tx: dynamodb.Transaction)    as of `db:transact`, up to 99 operations; it may run more than once
---@param options table?                     of `db:transact`, without token
---@return boolean? done                     also if it was done before
---@return dynamodb.Error?                   LeaseLost, CheckpointBlocked, or what the transaction failed by
function context_methods:transact(record, f, options)
  local worker = self.worker
  local store = worker.consumer.store
  if not store.transact then
    usage.raise "ctx:transact needs checkpoints in a lease table: consume(handler, { checkpoint = \"name\" })"
  end
  usage.check_type(f, "function", "what ctx:transact runs")
  local number = type(record) == "table" and record.sequence_number
  if type(number) ~= "string" then usage.raise "ctx:transact: the first argument must be a record of the stream" end
  if not worker.batch or worker.batch.failed then
    return nil, errors.new {
      code = "CheckpointBlocked", message = "an earlier record has failed: there can be no checkpoint behind this one",
      retryable = true, sent = false,
    }
  end
  return store:transact(worker.lease, number, f, options)
end

--- The context of a worker.
---@param worker dynamodb.ShardWorker
---@return dynamodb.StreamContext
local function new(worker)
  return setmetatable({ stream = worker.consumer.arn, shard_id = worker.lease.id, worker = worker }, context_mt)
end

return { new = new }
