--- Leases in a table, which processes share: a row a shard, whose owner moves its counter on while it lives.
---
--- A row has the layout of the Kinesis client library's (1.x and 2.x), so that an application can be stopped and go on
--- with the other one. `requestedBy`, `streamArn`, `latestIterator` and `latestSince` are ours; that library leaves
--- alone what it does not know. Source: DynamoDBLeaseSerializer of amazon-kinesis-client.
---
--- Each write of an owner is conditional on owner and counter, and moves the counter on: what comes from somebody who
--- has lost the lease, however late, changes nothing. Writes of one lease go one after the other.
local errors = require "dynamodb.error"
local expr = require "dynamodb.expression.operators"
local record = require "dynamodb.streams.record"
local set = require "dynamodb.set"

local lease_methods = {}
local lease_mt = { __name = "dynamodb.LeaseTable", __index = lease_methods }

---@class dynamodb.LeaseTable
---@field table dynamodb.Table
---@field client dynamodb.Client
---@field stream string             ARN
---@field owner string              this consumer
---@field duration number           seconds that a lease lasts
---@field others dynamodb.Lease[]   of another stream of the same table, not read to their end
---@field shared boolean

local KEY = "leaseKey"
local TRIES = 3 -- of one write that finds its own earlier attempt

---@param err dynamodb.Error
---@param name string    of the table
---@return nil
---@return dynamodb.Error
local function told(err, name)
  err.message = ("lease table %s: %s"):format(name, err.message)
  return nil, err
end

---@param name string
---@param keys dynamodb.TableDescription
---@return nil
---@return dynamodb.Error
local function wrong_kind(name, keys)
  local names = {}
  for i, key in ipairs { keys.partition, keys.sort } do
    names[i] = ("%s (%s)"):format(key, tostring(keys.types[key]))
  end
  return nil, errors.new {
    code = "LeaseTableError", retryable = false, sent = true,
    message = ("%s is no lease table: its key is %s, not leaseKey (S) alone"):format(name,
      table.concat(names, " and ")),
  }
end

---@param lease dynamodb.Lease
---@return dynamodb.Error
local function lost(lease)
  lease.lost = true
  return errors.new {
    code = "LeaseLost", message = "another consumer has the lease of " .. lease.id, retryable = false, sent = true,
  }
end

--- A number, however the client decodes numbers.
---@param value any
---@return number?
local function number(value) return value ~= nil and tonumber(tostring(value)) or nil end

---@param value any
---@return string?
local function text(value) return type(value) == "string" and value or nil end

--- Takes a row in.
---@param lease table    is filled
---@param row table
---@return dynamodb.Lease
local function read_row(lease, row)
  local parents = row.parentShardId
  lease.id, lease.owner, lease.checkpoint = row[KEY], text(row.leaseOwner), text(row.checkpoint) or "TRIM_HORIZON"
  lease.counter, lease.switches = number(row.leaseCounter), number(row.ownerSwitchesSinceCheckpoint) or 0
  lease.parent = type(parents) == "table" and text(parents[1]) or text(parents)
  lease.stream, lease.wanted_by = text(row.streamArn), text(row.requestedBy)
  lease.iterator, lease.since = text(row.latestIterator), number(row.latestSince)
  return lease
end

--- A row that is a lease; nil of what else that library keeps in the table, and of its leases of several streams.
---@param row table
---@return dynamodb.Lease?
local function lease_of(row)
  local is_lease = (row.entityType == nil or row.entityType == "LEASE") and row.streamName == nil
  return is_lease and text(row[KEY]) and read_row({}, row) or nil
end

--- The table of a stream: "arn:…:table/orders/stream/2026-…" -> "arn:…:table/orders".
---@param arn string?
---@return string?
local function table_of(arn) return arn and arn:match "^(.*)/stream/" end

--- Looks at the table; makes it, if there is none, and waits until it is there.
---@return boolean? ok
---@return dynamodb.Error?    code LeaseTableError if it is a table of another kind
function lease_methods:open()
  local about, err = self.table:describe { ttl = false }
  local ok = about ~= nil
  if not about and err:is "ResourceNotFound" then
    ok, err = self.client:create_table { name = self.table.name, partition = KEY }
    ok = ok or err:is "ResourceInUse" -- another one makes it
  end
  if ok and (not about or about.status == "CREATING") then
    ok, err = self.table:wait "active"
    if ok then about, err = self.table:describe { ttl = false } end
  end
  if not ok or not about then return told(err, self.table.name) end
  if about.partition ~= KEY or about.sort or about.types[KEY] ~= "S" then return wrong_kind(self.table.name, about) end
  return true
end

--- All leases of the stream, as they are now.
---@return table<string, dynamodb.Lease>?
---@return dynamodb.Error?
function lease_methods:load()
  local rows, err = self.table:scan { consistent = true }:all()
  if not rows then return told(err, self.table.name) end
  local leases, own = {}, table_of(self.stream)
  self.others = {}
  for _, row in ipairs(rows) do
    local lease = lease_of(row)
    if lease and (lease.stream == nil or lease.stream == self.stream) then
      leases[lease.id] = lease
    elseif lease and table_of(lease.stream) == own and lease.checkpoint ~= "SHARD_END" then
      self.others[#self.others + 1] = lease
    end
  end
  return leases
end

--- Makes a row, unless there is one.
---@param lease dynamodb.Lease
---@return boolean? ok
---@return dynamodb.Error?    code LeaseTableError if the row is no lease of this stream
function lease_methods:create(lease)
  local ok, err = self.table:create {
    [KEY] = lease.id, checkpoint = lease.checkpoint, checkpointSubSequenceNumber = 0, leaseCounter = 0,
    ownerSwitchesSinceCheckpoint = 0, streamArn = self.stream,
    parentShardId = lease.parent and set.new { lease.parent },
    latestIterator = lease.iterator, latestSince = lease.since,
  }
  if ok then return true end
  if not err:is "ConditionalCheckFailed" then return told(err, self.table.name) end
  local found = err.item and lease_of(err.item)
  if err.item and not (found and (found.stream or self.stream) == self.stream) then
    return nil, errors.new {
      code = "LeaseTableError", retryable = false, sent = true,
      message = ("lease table %s: the row %s is of something else%s"):format(self.table.name, lease.id,
        found and ", the stream " .. found.stream or ""),
    }
  end
  return true
end

--- Removes the row of a shard that has been read.
---@param id string
---@return boolean? ok
---@return dynamodb.Error?
function lease_methods:remove(id)
  local ok, err = self.table:delete({ [KEY] = id }, { where = { checkpoint = "SHARD_END" } })
  if not ok and not err:is "ConditionalCheckFailed" then return told(err, self.table.name) end
  return true
end

--- Removes the rows of another stream.
---@return boolean? ok
---@return dynamodb.Error?
function lease_methods:forget_others()
  for _, lease in ipairs(self.others) do
    local ok, err = self.table:delete({ [KEY] = lease.id })
    if not ok then return told(err, self.table.name) end
  end
  self.others = {}
  return true
end

--- What both clocks say.
---@param self dynamodb.LeaseTable
---@return { now: number, time: number }
local function moment(self) return { now = self.client:now(), time = self.client:runtime():time() } end

--- Seconds for which the lease is this consumer's without another write; none when it has expired. They are counted
--- from when the last write of it began, on the clock that has gone further: while a machine is suspended its monotonic
--- clock may stand still.
---@param lease dynamodb.Lease
---@return number
function lease_methods:left(lease)
  local runtime, since = self.client:runtime(), lease.written
  return self.duration - math.max(runtime:now() - since.now, runtime:time() - since.time)
end

--- Takes a lease that nobody has, or whose owner has let it expire.
---@param seen dynamodb.Lease    as it was when that was seen
---@return dynamodb.Lease?       nil without an error: another one was faster
---@return dynamodb.Error?
function lease_methods:take(seen)
  local written, counter = moment(self), (seen.counter or 0) + 1 -- a row that was put by hand may lack it
  local row, err = self.table:update({ [KEY] = seen.id }, {
    set = { leaseOwner = self.owner, leaseCounter = counter, streamArn = self.stream,
      ownerSwitchesSinceCheckpoint = (seen.switches or 0) + 1 },
    remove = { "requestedBy" },
  }, {
    where = { leaseOwner = seen.owner or expr.missing, leaseCounter = seen.counter or expr.missing },
    returns = "ALL_NEW",
  })
  if not row and err:is "ConditionalCheckFailed" then
    local found = err.item
    local is_own = found and found.leaseOwner == self.owner and number(found.leaseCounter) == counter
    if not is_own then return nil end
    row = found -- an attempt whose answer was lost
  end
  if not row then return told(err, self.table.name) end
  local lease = read_row({ written = written }, row)
  lease.lock = self.client:runtime():lock()
  return lease
end

--- Asks the owner to let go of a lease for this consumer.
---@param seen dynamodb.Lease
---@return boolean? ok
---@return dynamodb.Error?
function lease_methods:request(seen)
  local ok, err = self.table:update({ [KEY] = seen.id }, { set = { requestedBy = self.owner } },
    { where = { leaseOwner = seen.owner } })
  if not ok and not err:is "ConditionalCheckFailed" then return told(err, self.table.name) end
  return true
end

--- Does a row show that a write was applied? Of one that only renews it never does: that may have been long ago.
---@param self dynamodb.LeaseTable
---@param row table
---@param changes table
---@return boolean
local function shows(self, row, changes)
  local place = changes.set.checkpoint
  if place ~= nil and row.checkpoint ~= place then return false end
  if place == nil and row.leaseOwner == self.owner then return false end
  return number(row.leaseCounter) == changes.set.leaseCounter
end

--- After a write whose condition did not hold: was it this consumer's own, whose answer was lost? The lease lasts no
--- longer by it, since nobody knows when it was applied.
---@param self dynamodb.LeaseTable
---@param lease dynamodb.Lease
---@param changes table
---@param row table?      as it is
---@return "applied"|"again"|nil
local function own_write(self, lease, changes, row)
  local applied = row ~= nil and shows(self, row, changes)
  local is_own = row and (row.leaseOwner == self.owner or row.leaseOwner == nil and applied) -- it has let go of it
  if not is_own then return nil end
  read_row(lease, row)
  return applied and "applied" or "again"
end

--- Writes as the owner, while holding the lease's lock.
---@param self dynamodb.LeaseTable
---@param lease dynamodb.Lease
---@param changes table
---@return boolean? ok
---@return dynamodb.Error?    code LeaseLost
local function write(self, lease, changes)
  for _ = 1, TRIES do
    local written = moment(self)
    changes.set.leaseCounter = lease.counter + 1
    local row, err = self.table:update({ [KEY] = lease.id }, changes,
      { where = { leaseOwner = self.owner, leaseCounter = lease.counter }, returns = "ALL_NEW" })
    if row then
      read_row(lease, row)
      lease.written = written
      return true
    end
    if not err:is "ConditionalCheckFailed" then return told(err, self.table.name) end
    local found = own_write(self, lease, changes, err.item)
    if found == "applied" then return true end
    if not found then return nil, lost(lease) end
  end
  return nil, lost(lease)
end

--- Calls `f` while nobody else writes the lease.
---@param self dynamodb.LeaseTable
---@param lease dynamodb.Lease
---@param f function
---@param ... any
---@return any ...
local function exclusively(self, lease, f, ...)
  local ok, err = lease.lock:acquire(self.client:now() + math.max(self.duration, 60))
  if not ok then return nil, err end
  if lease.lost then
    lease.lock:release()
    return nil, lost(lease)
  end
  local results = { pcall(f, self, lease, ...) }
  lease.lock:release()
  if not results[1] then error(results[2], 0) end
  return results[2], results[3]
end

--- What is set when it is known how far the shard was read.
---@param place string
---@return table
local function progress(place)
  return {
    set = { checkpoint = place, checkpointSubSequenceNumber = 0, ownerSwitchesSinceCheckpoint = 0 },
    remove = { "latestIterator" },
  }
end

--- Sets how far the shard was read. At its end nobody has it any more.
---@param lease dynamodb.Lease
---@param place string         "SHARD_END" or a sequence number
---@return boolean? ok
---@return dynamodb.Error?     code LeaseLost
function lease_methods:checkpoint(lease, place)
  local changes = progress(place)
  if place == "SHARD_END" then
    table.insert(changes.remove, "leaseOwner")
    table.insert(changes.remove, "requestedBy")
  end
  return exclusively(self, lease, write, changes)
end

--- Sets where LATEST is, for as long as nothing has come.
---@param lease dynamodb.Lease
---@param iterator string
---@return boolean? ok
---@return dynamodb.Error?
function lease_methods:pin(lease, iterator)
  return exclusively(self, lease, write, { set = { latestIterator = iterator } })
end

--- Says that this consumer is alive.
---@param lease dynamodb.Lease
---@return boolean? ok
---@return dynamodb.Error?     code LeaseLost
function lease_methods:renew(lease)
  return exclusively(self, lease, write, { set = {} })
end

--- Lets go. Somebody who has asked for it is first.
---@param lease dynamodb.Lease
---@return boolean? ok
---@return dynamodb.Error?
function lease_methods:release(lease)
  return exclusively(self, lease, write, { set = {}, remove = { "leaseOwner" } })
end

-- ------------------------------------------------------------------------------------------------ transactions ----

--- Puts the checkpoint into the caller's transaction.
---@param self dynamodb.LeaseTable
---@param lease dynamodb.Lease
---@param place string
---@param f fun(tx: dynamodb.Transaction)
---@param options table?
---@return boolean? ok
---@return dynamodb.Error?
local function transact(self, lease, place, f, options)
  for _ = 1, TRIES do
    local number_of, changes, written = nil, progress(place), moment(self)
    changes.set.leaseCounter = lease.counter + 1
    local ok, err = self.client:transact(function(tx)
      f(tx)
      number_of = tx:update(self.table, { [KEY] = lease.id }, changes,
        { where = { leaseOwner = self.owner, leaseCounter = lease.counter } })
    end, options)
    if ok then
      lease.counter, lease.checkpoint = changes.set.leaseCounter, place
      lease.iterator, lease.written = nil, written
      return true
    end
    local reason = err:is "TransactionCanceled" and err.reasons and number_of and err.reasons[number_of]
    if not reason or reason.code ~= "ConditionalCheckFailed" then return nil, err end
    local found = own_write(self, lease, changes, reason.item)
    if found == "applied" then return true end
    if not found then return nil, lost(lease) end
  end
  return nil, lost(lease)
end

--- Writes what a record brings about and the checkpoint behind it in one transaction: both or none, and only while the
--- lease is this consumer's.
---@param lease dynamodb.Lease
---@param place string                          the record's sequence number
---@param f fun(tx: dynamodb.Transaction)       may run more than once
---@param options table?                        of `db:transact`
---@return boolean? ok                          also if the record was done before
---@return dynamodb.Error?                      code LeaseLost
function lease_methods:transact(lease, place, f, options)
  return exclusively(self, lease, function()
    if lease.checkpoint:find "^%d" and record.compare(place, lease.checkpoint) <= 0 then return true end
    return transact(self, lease, place, f, options)
  end)
end

--- A lease table. Nothing is sent yet.
---@param target dynamodb.Table
---@param stream string      ARN
---@param owner string
---@param duration number    seconds
---@return dynamodb.LeaseTable
local function new(target, stream, owner, duration)
  return setmetatable({
    table = target, client = target.client, stream = stream, owner = owner, duration = duration, others = {},
    shared = true,
  }, lease_mt)
end

return { new = new }
