--- Takes steps, each under its condition, several at a time, and finds out what became of each.
local e = require "dynamodb.expression.operators"
local errors = require "dynamodb.error"
local images = require "dynamodb.migrate.images"
local mapper = require "dynamodb.migrate.mapper"
local parallel = require "dynamodb.parallel"
local rates = require "dynamodb.migrate.rate"

local writer_methods = {}
local writer_mt = { __name = "dynamodb.StepWriter", __index = writer_methods }

local CONCURRENCY = 16

---@class dynamodb.StepWriter
---@field job dynamodb.Job
---@field table dynamodb.Table        plain: the job's own
---@field rules dynamodb.GuardRules
---@field rate dynamodb.Rate

---@class dynamodb.Outcome
---@field what "done"|"gone"|"again"|"conflict"|"failed"    done: the new image is there; gone: there is no item any
---                         more; again: it is another item meanwhile, and the step was surely not taken; conflict: it
---                         is another item, and nobody knows whether the step was taken before
---@field current table?    of "again" and "conflict"
---@field code string?      of "failed"
---@field message string?

-- What concerns one item alone: others can be written all the same.
local OF_ONE_ITEM = { ValidationException = true, ItemCollectionSizeLimitExceededException = true }

--- Re-keys an item. What cannot be sent (the item has become too large) raises in a transaction: it is a failure of
--- this item.
local function transact(self, step)
  local tbl = self.table
  local sent, ok, err, meta = pcall(tbl.client.transact, tbl.client, function(tx)
    tx:put(tbl, step.to, { where = e.missing(self.rules.keys.partition) })
    tx:delete(tbl, step.key, { where = step.where })
  end, { capacity = "total" })
  if sent then return ok, err, meta end
  if type(ok) ~= "string" then error(ok, 0) end
  return nil, errors.new { code = "ValidationException", message = ok, retryable = false, sent = false }
end

--- Sends a step.
---@return any? ok
---@return dynamodb.Error?
---@return dynamodb.Meta?
local function send(self, step)
  local tbl = self.table
  local options = { where = step.where, retry_ambiguous = true, capacity = "total" }
  if step.kind == "update" then return tbl:update(step.key, step.changes, options) end
  if step.kind == "delete" then return tbl:delete(step.key, options) end
  if step.kind == "put" then
    options.where = e.missing(self.rules.keys.partition)
    return tbl:put(step.to, options)
  end
  return transact(self, step)
end

--- The item that a condition failed on.
---@param err dynamodb.Error
---@return table?
---@return dynamodb.Error?
local function read_current(self, err, key)
  if err.item then return err.item end
  local item, problem = self.table:get(key, { consistent = true })
  while problem and self.job:wait_after(problem) do item, problem = self.table:get(key, { consistent = true }) end
  return item, problem
end

--- What a failed condition means.
---@param self dynamodb.StepWriter
---@param step dynamodb.Step
---@param current table?    the item at the old image's key
---@return dynamodb.Outcome
local function judge(self, step, current)
  if step.kind == "put" then
    return { what = images.same(current, step.to) and "done" or "conflict", current = current }
  end
  if current == nil then return { what = step.kind == "delete" and step.doubted and "done" or "gone" } end
  if images.same(current, step.to) then return { what = "done" } end
  if self.rules.value ~= nil and mapper.is_marked(self.rules, current) then return { what = "done" } end
  if step.doubted and self.rules.value == nil then return { what = "conflict", current = current } end
  return { what = "again", current = current }
end

--- What a cancelled re-keying means.
---@return dynamodb.Outcome?
---@return dynamodb.Error?    `err` itself where nothing more is known; else what is in the way of knowing more
local function judge_rekey(self, step, err)
  local reasons = err.reasons or {}
  for _, reason in ipairs(reasons) do
    if reason.code == "ValidationError" or reason.code == "ItemCollectionSizeLimitExceeded" then
      return { what = "failed", code = reason.code, message = reason.message }
    end
  end
  local taken, changed = reasons[1] and reasons[1].code == "ConditionalCheckFailed",
    reasons[2] and reasons[2].code == "ConditionalCheckFailed"
  if not taken and not changed then return nil, err end
  local there, problem = read_current(self, { item = taken and reasons[1].item or nil },
    images.key(step.to, self.rules.keys))
  if problem then return nil, problem end
  local old
  old, problem = read_current(self, { item = changed and reasons[2].item or nil }, step.key)
  if problem then return nil, problem end
  if not old then
    local is_ours = there and (images.same(there, step.to) or mapper.is_marked(self.rules, there))
    return { what = is_ours and "done" or "gone" }
  end
  if changed then return { what = "again", current = old } end
  return { what = "failed", code = "KeyTaken", message = "another item has the key already that it should get" }
end

--- Is it a cancellation that another try may not meet?
local function is_passing(err)
  for _, reason in ipairs(err.reasons or {}) do
    if reason.code == "TransactionConflict" or reason.code == "ThrottlingError"
      or reason.code == "ProvisionedThroughputExceeded" then
      return true
    end
  end
  return false
end

--- Takes one step.
---@param step dynamodb.Step
---@return dynamodb.Outcome?
---@return dynamodb.Error?    what no further step would survive either
function writer_methods:take(step)
  local job, rate = self.job, self.rate
  while true do
    rate:enter(job.runtime, step.units)
    local ok, err, meta = send(self, step)
    if not err then
      local units = meta and meta.capacity and tonumber(meta.capacity.CapacityUnits) or step.units
      rate:leave(step.units, units)
      job.written = job.written + units
      job:moved()
      return { what = ok and "done" }
    end
    step.doubted = step.doubted or err.doubted or err.ambiguous
    if err:is "ConditionalCheckFailed" then
      local current, problem = read_current(self, err, step.key)
      if problem then return nil, problem end
      job:moved()
      return judge(self, step, current)
    end
    if err:is "TransactionCanceled" then
      local outcome, problem = judge_rekey(self, step, err)
      if outcome then return outcome end
      if problem ~= err then return nil, problem end
      err.retryable = err.retryable or is_passing(err)
    end
    if OF_ONE_ITEM[err.code] then return { what = "failed", code = err.code, message = err.message } end
    if not job:wait_after(err) then return nil, err end
  end
end

--- Takes steps at the same time. After a failure that concerns all of them nothing new is begun.
---@param steps dynamodb.Step[]
---@return dynamodb.Outcome[] outcomes    as far as they are known
---@return dynamodb.Error?
function writer_methods:take_all(steps)
  local outcomes, failure, tasks = {}, nil, {}
  for i, step in ipairs(steps) do
    tasks[i] = function()
      if failure then return end
      local outcome, err = self:take(step)
      outcomes[i] = outcome
      failure = failure or err
    end
  end
  parallel.run(self.job.runtime, tasks, { concurrency = self.concurrency })
  return outcomes, failure
end

--- A writer.
---@param job dynamodb.Job
---@param tbl dynamodb.Table           of `job:table`
---@param rules dynamodb.GuardRules    with `value`, the mark of what was written, if current images can have it
---@return dynamodb.StepWriter
local function new(job, tbl, rules)
  local self = setmetatable({
    job = job, table = tbl, rules = rules, concurrency = job.options.concurrency or CONCURRENCY,
    rate = rates.new(job.options.wcu, job.runtime:now()),
  }, writer_mt)
  function job.on_throttle() self.rate:throttled(job.runtime:now()) end
  return self
end

return { new = new }
