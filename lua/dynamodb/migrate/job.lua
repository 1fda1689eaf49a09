--- What all jobs have in common: items come in chunks, and behind each of them the job can be left and gone on with;
--- somebody is told how it goes; what may pass is waited for.
local checkpoints = require "dynamodb.migrate.checkpoint"
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local files = require "dynamodb.migrate.files"
local identities = require "dynamodb.migrate.identity"
local ordered = require "dynamodb.formats.ordered"
local results = require "dynamodb.migrate.result"
local stoppable = require "dynamodb.migrate.stoppable"

local job_methods = {}
local job_mt = { __name = "dynamodb.Job", __index = job_methods }

local CHUNK_SECONDS = 2 -- that a chunk takes at most, so that a slow job can be watched and stopped
local SAVE_SECONDS = 1  -- between two checkpoints
local STALL = 60        -- seconds without any success until it gives up
local LONGEST_WAIT = 20 -- seconds
local GRACE = 3         -- seconds that requests under way have once the job is to stop

---@class dynamodb.Progress
---@field kind string            of the job: "migrate", "copy", …
---@field phase string?          what it does at this moment, where there are several things
---@field done integer           items that were seen
---@field total integer?         that there are, as the table's description says
---@field elapsed number         seconds of this run
---@field rate number            items a second of this run
---@field eta number?            seconds that are left, at this rate
---@field read number            capacity units of this run, where the service reports them
---@field written number
---@field rcu number?            the caps
---@field wcu number?
---@field throttles integer      of this run
---@field stopping number?       it is to stop: seconds that requests under way have until they are cut off
---@field counts table<string, integer>
---@field estimate dynamodb.Estimate?    of a migration

---@class dynamodb.Job
---@field kind string
---@field options table
---@field client dynamodb.Client     the caller's, as `listen` makes it
---@field clients table<dynamodb.Client, dynamodb.Client>    as `listen` has made them
---@field paces table<dynamodb.Table, table>    what batches have taken of the caps, see dynamodb.migrate.bulk
---@field stopped string?            "stopped" by the program
---@field stopped_at number?         when that was noticed
---@field runtime dynamodb.Runtime
---@field state table                what is saved: counts, cursor, and whatever the job has beside them
---@field resumed boolean            was there a state?
---@field left table[]
---@field before_save (fun(): true?, dynamodb.Error?)?    makes the files of the job be what the state will say of them
---@field lock dynamodb.AppendFile?         on the checkpoint
---@field is_due (fun(): boolean)?    is it a good moment for a checkpoint?
---@field failing_since number?      when the first of the failures was after which nothing has succeeded yet

--- A client of the caller's with one more listener to throttling; its requests and waits end when the job is to stop.
--- All else is the caller's own.
---@param client dynamodb.Client
---@return dynamodb.Client
function job_methods:listen(client)
  if self.clients[client] then return self.clients[client] end
  local all, own = {}, client.hooks.on_throttle
  for name, hook in pairs(client.hooks) do all[name] = hook end
  function all.on_throttle(info)
    self.throttles = self.throttles + 1
    if self.on_throttle then self.on_throttle() end
    if own then own(info) end
  end
  local runtime = client:runtime() -- made now, so that both have the same one
  if self.options.stop then
    runtime = stoppable.new(runtime, {
      asked = function() return self:should_stop() end,
      left = function() return self:grace_left() end,
    })
  end
  local made = setmetatable({ hooks = all, given_runtime = runtime }, { __index = client })
  self.clients[client], self.clients[made] = made, made
  return made
end

--- A table of the caller's by a client of the job's.
---@param target dynamodb.Table
---@return dynamodb.Table
local function with_client(self, target)
  local own = setmetatable({ client = self:listen(target.client) }, getmetatable(target))
  for name, value in pairs(target) do
    if name ~= "client" then own[name] = value end
  end
  return own
end

--- What the checkpoint is bound to: its tables are described, and what is read of them is told.
---@param self dynamodb.Job
---@param parts table<string, any>
---@return table<string, any>?
---@return dynamodb.Error?
local function identity_of(self, parts)
  local identity = { filter = identities.of_filter(self.options) }
  for name, part in pairs(parts) do
    local err
    if type(part) == "table" then part, err = identities.of_table(self, part) end
    if err then return nil, err end
    identity[name] = part
  end
  return identity
end

--- A job that has not begun. The tables of its options are from now on those of its own clients.
---@param kind string
---@param client dynamodb.Client
---@param options table      table, source, target, stop, grace, progress, stall, checkpoint, locked (the file that
---                          nobody else may have meanwhile, if that is not the checkpoint), rcu, wcu, where, names,
---                          values
---@return dynamodb.Job
local function new(kind, client, options)
  local self = setmetatable({
    kind = kind, options = options, clients = {}, paces = {}, state = { counts = {} }, resumed = false, left = {},
    read = 0, written = 0, throttles = 0, failures = 0, seen_before = 0,
  }, job_mt)
  self.client = self:listen(client)
  self.runtime = self.client:runtime()
  self.began = self.runtime:now()
  for _, name in ipairs { "table", "source", "target" } do
    options[name] = options[name] and with_client(self, options[name])
  end
  return self
end

--- The file whose lock a job has that is at work.
---@param options table
---@return string path
local function lock_of(options) return (options.locked or options.checkpoint) .. ".lock" end

--- Goes on from the checkpoint, if there is one. Until the job ends, no other process can. Without a checkpoint,
--- nothing is sent.
---@param parts table        what it is bound to: tables (dynamodb.Table), and what has a text of its own
---@return true?
---@return dynamodb.Error?
function job_methods:resume(parts)
  local options = self.options
  if not options.checkpoint then return true end
  local identity, err = identity_of(self, parts)
  if not identity then return self:finish(nil, err) end
  self.lock, err = files.append(lock_of(options))
  if not self.lock then return nil, err end
  self.checkpoint = { path = options.checkpoint, kind = self.kind, identity = identity }
  local state
  state, err = checkpoints.load(self.checkpoint)
  if err then return nil, err end
  if state then
    self.state, self.resumed = state, true
    self.seen_before = state.counts.seen or 0
  end
  self.saved = self.runtime:now()
  return true
end

--- A table as the job uses it: without versions and stamps, which it sees to itself.
---@param target dynamodb.Table
---@param options table?    of the declaration: version, stamps
---@return dynamodb.Table?
---@return dynamodb.Error?
function job_methods:table(target, options)
  local keys, err = target:keys {}
  if not keys then return nil, err end
  local declared = { partition = keys.partition, sort = keys.sort, types = keys.types }
  for name, value in pairs(options or {}) do declared[name] = value end
  return self:listen(target.client):table(target.name, declared)
end

--- Asks how large a table is; that nobody may know is no failure.
---@param target dynamodb.Table
function job_methods:measure(target)
  local about = target:describe { ttl = false }
  if about then self.total, self.bytes = about.items, about.bytes end
end

--- Counts.
---@param name string
---@param by integer?    1
function job_methods:count(name, by)
  local counts = self.state.counts
  counts[name] = (counts[name] or 0) + (by or 1)
end

--- Something succeeded: what failed before has passed.
function job_methods:moved()
  self.failing_since, self.failures = nil, 0
end

--- Does the program want it to end?
---@return boolean
function job_methods:should_stop()
  local stop = self.options.stop
  if stop and not self.stopped and stop() then
    self.stopped, self.stopped_at = "stopped", self.runtime:now()
    self:tell()
  end
  return self.stopped ~= nil
end

--- Seconds that requests under way have still, once it is to end.
---@return number
function job_methods:grace_left()
  return self.stopped_at + (self.options.grace or GRACE) - self.runtime:now()
end

--- What a job gives that cannot begin.
---@param err dynamodb.Error
---@return nil
---@return dynamodb.Error
function job_methods:refuse(err)
  if self.stopped then return self:finish(nil, err) end
  return nil, err
end

--- Waits after a failure that may pass.
---@param err dynamodb.Error
---@return boolean    is it to be tried again?
function job_methods:wait_after(err)
  if not err.retryable and not err.ambiguous or self:should_stop() then return false end
  local now = self.runtime:now()
  self.failing_since = self.failing_since or now
  if now - self.failing_since > (self.options.stall or STALL) then return false end
  self.failures = self.failures + 1
  local longest = math.min(LONGEST_WAIT, 0.05 * 2 ^ math.min(self.failures, 20))
  self.runtime:sleep(longest * (core.random(1):byte() + 1) / 256)
  return true
end

--- The next item of a query; a failure that may pass is waited for.
---@param query dynamodb.Query
---@return table?
---@return dynamodb.Error?
function job_methods:next(query)
  local item, err = query:next()
  while err and self:wait_after(err) do item, err = query:next() end
  if not err then self.failing_since = nil end
  return item, err
end

--- What a query has consumed since it was asked the last time.
local function count_reading(self, query)
  local capacity = query:meta().capacity
  local units = capacity and capacity.CapacityUnits or 0
  self.read = self.read + units - (self.query == query and self.query_read or 0)
  self.query, self.query_read = query, units
end

--- Is it time for a checkpoint? The job may know better than the clock.
local function needs_saving(self)
  if self.is_due then return self.is_due() end
  return self.checkpoint ~= nil and self.runtime:now() - self.saved >= SAVE_SECONDS
end

--- How many items may be begun at once so that writing them does not take longer than a chunk may.
---@param most integer
---@return integer
function job_methods:within_seconds(most)
  local wcu = self.options.wcu
  return wcu and math.max(1, math.min(most, math.floor(CHUNK_SECONDS * wcu))) or most
end

--- Saves the state.
---@return true?
---@return dynamodb.Error?
function job_methods:save()
  if self.before_save then
    local ok, err = self.before_save()
    if not ok then return nil, err end
  end
  if not self.checkpoint then return true end
  self.saved = self.runtime:now()
  return checkpoints.save(self.checkpoint, self.state)
end

--- Tells how it goes.
function job_methods:tell()
  local progress = self.options.progress
  if not progress then return end
  local elapsed = self.runtime:now() - self.began
  local seen = self.state.counts.seen or 0
  local rate = elapsed > 0 and (seen - self.seen_before) / elapsed or 0
  local left = self.total and self.total - seen
  progress {
    kind = self.kind, phase = self.phase, done = seen, total = self.total, elapsed = elapsed, rate = rate,
    eta = left and left > 0 and rate > 0 and left / rate or nil,
    read = self.read, written = self.written, rcu = self.options.rcu, wcu = self.options.wcu,
    throttles = self.throttles, counts = self.state.counts, estimate = self.estimate,
    stopping = self.stopped and math.max(0, self:grace_left()) or nil,
  }
end

--- The items of a query in chunks. `handle` is given a function that gives one item after the other, nil at the end of
--- the chunk; when it returns true, all of them are done, and the state says so from then on.
---@param query dynamodb.Query
---@param size integer                   items of a chunk, at most
---@param handle fun(pull: fun(): table?): true?, dynamodb.Error?
---@return boolean? over                 false: it was stopped
---@return dynamodb.Error?
function job_methods:chunks(query, size, handle)
  local over, failure = false, nil
  while not over and not failure and not self:should_stop() do
    local taken, began = 0, self.runtime:now()
    local ok, err = handle(function()
      local full = taken >= size or taken > 0 and self.runtime:now() - began >= CHUNK_SECONDS
      if over or failure or full or self:should_stop() then return nil end
      local item
      item, failure = self:next(query)
      if item == nil then
        over = not failure
        return nil
      end
      taken = taken + 1
      return item
    end)
    count_reading(self, query)
    if not ok then
      query:close()
      return nil, err
    end
    self:count("seen", taken)
    if taken > 0 then self.state.cursor = query:cursor() end
    self:tell()
    if not over and needs_saving(self) then
      ok, err = self:save()
      if not ok then return nil, err end
    end
  end
  query:close()
  if over then return true end
  local ok, err = self:save()
  if failure or not ok then return nil, failure or err end
  return false
end

--- Notes an item that stays as it is.
---@param entry table    key, why, code, message
function job_methods:leave(entry)
  if #self.left < 100 then self.left[#self.left + 1] = entry end
end

--- What a job ends with because of an item.
---@param key table
---@param code string
---@param message string
---@return dynamodb.Error
function job_methods.item_error(key, code, message)
  return errors.new {
    code = code, message = ("item %s: %s"):format(ordered.plain(key), message), retryable = false,
  }
end

--- The result of a job.
---@param over boolean?             is all of it done?
---@param cause dynamodb.Error?     what ended it
---@param more table?               further members of the report
---@return dynamodb.JobReport?
---@return dynamodb.Error?          code Incomplete, with `report` and `cause`
function job_methods:finish(over, cause, more) return results.of(self, over, cause, more) end

--- Lets others have the checkpoint.
local function unlock(self)
  if not self.lock then return end
  os.remove(lock_of(self.options))
  self.lock:close()
end

--- Runs a job.
---@param kind string
---@param client dynamodb.Client
---@param options table    see `new`
---@param f fun(job: dynamodb.Job): dynamodb.JobReport?, dynamodb.Error?
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function run(kind, client, options, f)
  local job = new(kind, client, options)
  local ok, report, err = pcall(f, job)
  unlock(job)
  if not ok then error(report, 0) end
  return report, err
end

return { run = run }
