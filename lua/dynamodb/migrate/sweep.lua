--- Changes or deletes the items that meet a condition. Each write is under that condition again: an item that does not
--- meet it any more is left alone.
local e = require "dynamodb.expression.operators"
local images = require "dynamodb.migrate.images"
local jobs = require "dynamodb.migrate.job"
local mapper = require "dynamodb.migrate.mapper"
local option_rules = require "dynamodb.migrate.options"
local ordered = require "dynamodb.formats.ordered"
local parallel = require "dynamodb.parallel"
local rates = require "dynamodb.migrate.rate"
local scans = require "dynamodb.migrate.scan"

local KNOWN = [[
  table where names values action segments shard rcu wcu concurrency consistent checkpoint on_error progress stop
  grace stall
]]

local CHUNK = 256
local CONCURRENCY = 16

-- What concerns one item alone: others can be swept all the same.
local OF_ONE_ITEM = { ValidationException = true, ItemCollectionSizeLimitExceededException = true }

--- What is to be done with an item.
---@return "delete"|table|nil action
---@return string? message    what went wrong
local function action_for(action, item)
  if type(action) ~= "function" then return action end
  local ok, wanted = pcall(action, item)
  if not ok then return nil, tostring(wanted) end
  if wanted == mapper.DELETE or wanted == "delete" then return "delete" end
  if wanted == nil or type(wanted) == "table" then return wanted end
  return nil, 'an action gives "delete", a table of changes or nil (leave it), not a ' .. type(wanted)
end

--- Sends one write; what may pass is waited for.
---@return string? what      a count
---@return dynamodb.Error?
local function write(self, key, action, version)
  local tbl, options = self.table, self.options
  local own = {
    where = options.where or e.exists(tbl.schema.partition), names = options.where and options.names,
    values = options.where and options.values, version = version, capacity = "total",
  }
  while true do
    self.rate:enter(self.job.runtime, 1)
    local ok, err, meta
    if action == "delete" then
      ok, err, meta = tbl:delete(key, own)
    else
      ok, err, meta = tbl:update(key, action, own)
    end
    if ok then
      local units = meta and meta.capacity and tonumber(meta.capacity.CapacityUnits) or 1
      self.rate:leave(1, units)
      self.job.written = self.job.written + units
      self.job:moved()
      return action == "delete" and "deleted" or "changed"
    end
    if err.ambiguous or err.doubted and err:is "ConditionalCheckFailed" then
      self.job:leave { key = key, why = "unknown", code = err.code, message = "it is unknown whether it was written" }
      return "unknown"
    end
    if err:is "ConditionalCheckFailed" then return "left_alone" end
    if OF_ONE_ITEM[err.code] or not self.job:wait_after(err) then return nil, err end
  end
end

--- An item that cannot be swept: left, or the end.
local function fail(self, key, code, message)
  if self.options.on_error == "skip" then
    self.job:count "failed"
    self.job:leave { key = key, why = "failed", code = code, message = message }
    return true
  end
  return nil, self.job.item_error(key, code, message)
end

--- Sweeps the items of a chunk at the same time. What was swept of one that is not ended is noted until it is: it is
--- met again, perhaps by several runs that do not end it either.
local function sweep_chunk(self, pull)
  local state, version = self.job.state, self.table.version
  local noted = state.swept or {}
  local tasks, failure, swept = {}, nil, {}
  for item in pull do
    local key = images.key(item, self.table.schema)
    local own, id = version and (item[version] or false) or nil, ordered.typed(key)
    swept[id] = noted[id]
    tasks[#tasks + 1] = not noted[id] and function()
      if failure then return end
      local action, message = action_for(self.options.action, item)
      if message then
        local _, problem = fail(self, key, "ActionFailed", message)
        failure = failure or problem
      elseif action then
        local what, err = write(self, key, action, own)
        if what then
          self.job:count(what)
          swept[id] = true
        elseif OF_ONE_ITEM[err.code] then
          local _, problem = fail(self, key, err.code, err.message)
          failure = failure or problem
        else
          failure = failure or err
        end
      else
        self.job:count "unchanged"
      end
    end or nil
  end
  parallel.run(self.job.runtime, tasks, { concurrency = self.options.concurrency or CONCURRENCY })
  for id in pairs(swept) do noted[id] = failure and true or nil end
  if not failure then return true end
  state.swept = noted
  self.job:save()
  return nil, failure
end

--- Sweeps.
---@param job dynamodb.Job
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function perform(job)
  local options = job.options
  local target = options.table
  local ok, err = job:resume { table = target }
  if not ok then return nil, err end
  if job.state.finished then return job:finish(true) end
  local self = { job = job, options = options, rate = rates.new(options.wcu, job.runtime:now()) }
  self.table, err = job:table(target, { version = target.version, stamps = target.stamps })
  if not self.table then return job:refuse(err) end
  function job.on_throttle() self.rate:throttled(job.runtime:now()) end
  job:measure(target)
  local attributes
  if type(options.action) ~= "function" then
    attributes = { self.table.schema.partition, self.table.schema.sort }
    if target.version then attributes[#attributes + 1] = target.version end
  end
  local over
  over, err = job:chunks(scans.new(job, self.table, options, attributes), job:within_seconds(CHUNK), function(pull)
    return sweep_chunk(self, pull)
  end)
  if over then
    job.state.finished = true
    over, err = job:save()
  end
  return job:finish(over, err)
end

--- As `migrate.sweep`.
---@param given table
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function run(given)
  local options = option_rules.check(given, KNOWN, "sweep")
  option_rules.need(options, "sweep", "table", "action")
  option_rules.check_values(options.table, "sweep")
  if options.checkpoint then options.checkpoint = options.checkpoint .. option_rules.suffix(options) end
  return jobs.run("sweep", options.table.client, options, perform)
end

return { run = run }
