--- Follows a stream for good: shares its shards with other consumers by leases, reads each in a task of its own, and
--- ends when it is told to or when something is wrong that waiting does not mend.
local balance = require "dynamodb.streams.balance"
local checkpoints = require "dynamodb.streams.checkpoint"
local core = require "dynamodb.core"
local delay_of = require "dynamodb.streams.delay"
local errors = require "dynamodb.error"
local is_passing = require "dynamodb.streams.passing"
local leases = require "dynamodb.streams.lease"
local random = require "dynamodb.random"
local topologies = require "dynamodb.streams.topology"
local workers = require "dynamodb.streams.worker"

local consumer_methods = {}
local consumer_mt = { __name = "dynamodb.Consumer", __index = consumer_methods }

---@class dynamodb.Consumer
---@field client dynamodb.Client
---@field runtime table
---@field source dynamodb.Stream
---@field arn string
---@field owner string            tells it from all others
---@field lease_table dynamodb.Table?
---@field file string?             of checkpoints
---@field from "TRIM_HORIZON"|"LATEST"
---@field store table             the leases; once it is open, as `arn` and `topology`
---@field topology dynamodb.Topology
---@field handler function
---@field duration number         seconds that a lease is held without being renewed
---@field poll number             seconds between two looks at a shard in which nothing happens
---@field batch_size integer
---@field max_attempts integer
---@field on_failure function?
---@field on_trimmed function?
---@field stop (fun(): any)?
---@field deadline number?
---@field workers table<string, table>    { lease =, task = }, by shard
---@field sightings table<string, dynamodb.Sighting>
---@field report dynamodb.ConsumerReport
---@field err dynamodb.Error?     why it ends
---@field stopping boolean?
---@field is_new boolean?         there were no leases when it came

---@class dynamodb.ConsumerReport
---@field records integer    that were handled
---@field failed integer     of them, passed to on_failure
---@field gaps integer       that on_trimmed was told of
---@field shards integer     read to their end
---@field lost integer       leases that another consumer has taken

-- What of `lease` an owner has without renewing. The rest is the time between two looks at the leases: who dies just
-- behind a look, which sees its last renewal that much late, is replaced within `lease` all the same.
local HELD = 3 / 4
local BEATS = 3    -- renewals, and looks at the leases, in the time that a lease is held
local SLICE = 0.2  -- seconds of a wait after which it is looked whether there is still something to wait for
local RETRY = 1    -- seconds before the shards or leases are asked for again, after a failure

--- Is nothing further to be begun?
---@return boolean
function consumer_methods:is_stopping()
  if not self.stopping then
    self.stopping = self.deadline ~= nil and self.runtime:now() >= self.deadline
      or self.stop ~= nil and self.stop() and true or nil
  end
  return self.stopping == true
end

--- Ends it with an error; the first one is told.
---@param err dynamodb.Error
function consumer_methods:fail(err)
  self.err, self.stopping = self.err or err, true
end

--- Tells that records were lost before they could be read. It ends unless somebody has asked to be told.
---@param gap table              stream, shard_id, after
---@param err dynamodb.Error?    that told us
---@return boolean told
function consumer_methods:tell_gap(gap, err)
  if not self.on_trimmed then
    err = err or errors.new { code = "TrimmedDataAccessException", retryable = false, sent = false }
    err.message = ("records of %s behind %s are not there any more; with on_trimmed reading would go on%s"):format(
      gap.shard_id, gap.after, err.message ~= "" and " (" .. err.message .. ")" or "")
    self:fail(err)
    return false
  end
  self.on_trimmed(gap)
  self.report.gaps = self.report.gaps + 1
  return true
end

--- Waits, not longer than there is something to wait for.
---@param self dynamodb.Consumer
---@param due number
---@param is_early (fun(): boolean)?
local function wait_until(self, due, is_early)
  while not self:is_stopping() and self.runtime:now() < due and not (is_early and is_early()) do
    self.runtime:sleep(math.max(0, math.min(due - self.runtime:now(), SLICE)))
  end
end

-- ------------------------------------------------------------------------------------------------------ leases ----

--- Renews one lease. Its worker finds out what came of it.
---@param self dynamodb.Consumer
---@param lease dynamodb.Lease
local function renew(self, lease)
  local ok, err = self.store:renew(lease)
  if not ok and not lease.lost and not is_passing(err) then self:fail(err) end
end

--- Renews all leases, again and again. None waits for another one: a lease that is being written may be so for long.
---@param self dynamodb.Consumer
local function beat(self)
  local tasks = {} -- by lease
  while not self.is_over do
    for lease, task in pairs(tasks) do
      if task.ended then
        tasks[lease] = nil
        local ok, raised = self.runtime:join(task)
        if not ok then error(raised, 0) end
      end
    end
    for _, worker in pairs(self.workers) do
      local lease = worker.lease
      if not lease.lost and not worker.task.ended and not tasks[lease] then
        tasks[lease] = self.runtime:spawn(renew, self, lease)
      end
    end
    local due = self.runtime:now() + self.duration / BEATS
    while not self.is_over and self.runtime:now() < due do
      self.runtime:sleep(math.max(0, math.min(due - self.runtime:now(), SLICE)))
    end
  end
  for _, task in pairs(tasks) do self.runtime:join(task) end
end

--- Begins to read a shard.
---@param self dynamodb.Consumer
---@param lease dynamodb.Lease    as it was seen
---@return boolean? ok
---@return dynamodb.Error?
local function take(self, lease)
  local taken, err = self.store:take(lease)
  if err then return nil, err end
  if not taken then return true end
  local worker = workers.new(self, taken)
  self.workers[taken.id] = { lease = taken, task = self.runtime:spawn(worker.run, worker) }
  return true
end

--- Forgets the workers that have ended, and raises what one of them raised.
---@param self dynamodb.Consumer
local function reap(self)
  for id, worker in pairs(self.workers) do
    if worker.task.ended then
      self.workers[id] = nil
      local ok, raised = self.runtime:join(worker.task)
      if not ok then error(raised, 0) end
    end
  end
end

--- Looks at shards and leases, and takes what is its share.
---@param self dynamodb.Consumer
---@return number? due          when to look again
---@return dynamodb.Error?
local function look(self)
  local plan, err, found = self.topology:step()
  if not plan then return nil, err end
  local now = self.runtime:now()
  balance.see(self.sightings, found, now)
  local decided = balance.decide({
    leases = found, ready = plan.ready, running = self.workers, me = self.owner, now = now, duration = self.duration,
  }, self.sightings, self.client.random or random)
  for _, lease in ipairs(decided.take) do
    local ok
    ok, err = take(self, lease)
    if not ok then return nil, err end
  end
  if decided.request then
    local ok
    ok, err = self.store:request(decided.request)
    if not ok then return nil, err end
  end
  if plan.done then
    self:fail(errors.new {
      code = "StreamDisabled", retryable = false, sent = true,
      message = "the stream is disabled; all that it has was handled: " .. self.arn,
    })
  end
  return math.min(now + self.duration / BEATS, decided.due or math.huge, self.topology.due)
end

--- The unread rest of another stream of the same table.
---@param self dynamodb.Consumer
---@return boolean? ok
---@return dynamodb.Error?
local function check_others(self)
  local others = self.store.others
  if others[1] and not self.on_trimmed then
    return nil, errors.new {
      code = "StreamReplaced", retryable = false, sent = false,
      message = ("the table has another stream than the checkpoints are of, and %s of %s was not read to its end; "
        .. "consume that one first, by its ARN, or give on_trimmed"):format(others[1].id, others[1].stream),
    }
  end
  for _, lease in ipairs(others) do
    self:tell_gap { stream = lease.stream, shard_id = lease.id, after = lease.checkpoint }
  end
  if others[1] then return self.store:forget_others() end
  return true
end

--- Makes the leases of the places where the caller wants to begin.
---@param self dynamodb.Consumer
---@param places table<string, string>
---@return boolean? ok
---@return dynamodb.Error?
local function begin_at(self, places)
  local found, err = self.store:load()
  if not found then return nil, err end
  self.is_new = self.is_new or next(found) == nil -- also when it is tried again, and some of them are there
  if not self.is_new then return true end
  return checkpoints.begin_at(self.store, places)
end

-- --------------------------------------------------------------------------------------------------------- run ----

--- Finds the stream and opens the leases.
---@param self dynamodb.Consumer
---@param places table<string, string>?
---@return boolean? ok
---@return dynamodb.Error?
local function open(self, places)
  local arn, problem = self.source:arn()
  if not arn then return nil, problem end
  self.arn = arn
  self.store = self.lease_table and leases.new(self.lease_table, arn, self.owner, self.duration)
    or checkpoints.new(arn, self.file)
  self.topology = topologies.new(self.client, arn, self.store, self.from)
  local ok, err = self.store:open()
  if ok then ok, err = self.store:load() end
  if ok then ok, err = check_others(self) end
  if ok and places then ok, err = begin_at(self, places) end
  return ok, err
end

--- Opens it, again and again if that may help: who starts a service wants to know when it cannot.
---@param self dynamodb.Consumer
---@param places table<string, string>?
---@return boolean? ok       nil without an error: it is to stop
---@return dynamodb.Error?
local function start(self, places)
  local failures = 0
  while not self:is_stopping() do
    local ok, err = open(self, places)
    if ok then return true end
    failures = failures + 1
    if not is_passing(err) or failures >= self.max_attempts then return nil, err end
    wait_until(self, self.runtime:now() + delay_of(failures, self.client.random))
  end
end

--- Looks at everything again and again until it is to stop.
---@param self dynamodb.Consumer
local function watch(self)
  local function is_early()
    for _, worker in pairs(self.workers) do
      if worker.task.ended then return true end
    end
    return false
  end
  while not self:is_stopping() do
    local due, err = look(self)
    if err and not is_passing(err) then return self:fail(err) end
    wait_until(self, due or self.runtime:now() + RETRY, is_early)
    reap(self)
  end
end

--- Waits for all workers: each ends with the record that it is at.
---@param self dynamodb.Consumer
---@return boolean ok
---@return any raised
local function finish(self)
  local all_ok, first = true, nil
  for _, worker in pairs(self.workers) do
    local ok, raised = self.runtime:join(worker.task)
    if not ok and all_ok then all_ok, first = false, raised end
  end
  return all_ok, first
end

--- Runs until it is to stop.
---@param places table<string, string>?    where to begin, where there are no leases yet
---@return dynamodb.ConsumerReport?
---@return dynamodb.Error?
function consumer_methods:run(places)
  local started, err = start(self, places)
  if err then return nil, err end
  if not started then return self.report end
  local heart = self.store.shared and self.runtime:spawn(beat, self) or nil
  local ok, raised = pcall(watch, self)
  self.stopping = true
  local all_ok, first = finish(self)
  self.is_over = true
  if heart then
    local heart_ok, problem = self.runtime:join(heart)
    if all_ok and not heart_ok then all_ok, first = false, problem end
  end
  if not ok then error(raised, 0) end
  if not all_ok then error(first, 0) end
  if self.err then
    self.err.report = self.report
    return nil, self.err
  end
  return self.report
end

--- A consumer of a stream. Nothing is sent yet.
---@param source dynamodb.Stream
---@param handler function
---@param options table    checked: as of `Stream:consume`, `lease_table` and `file` apart
---@return dynamodb.Consumer
local function new(source, handler, options)
  return setmetatable({
    client = source.client, runtime = source.client:runtime(), source = source, handler = handler, owner = core.uuid(),
    lease_table = options.lease_table, file = options.file, from = options.from,
    duration = (options.lease or 10) * HELD, poll = options.poll or 1, batch_size = options.batch_size or 100,
    max_attempts = options.max_attempts or 10, on_failure = options.on_failure, on_trimmed = options.on_trimmed,
    stop = options.stop, deadline = options.deadline, workers = {}, sightings = {},
    report = { records = 0, failed = 0, gaps = 0, shards = 0, lost = 0 },
  }, consumer_mt)
end

return { new = new }
