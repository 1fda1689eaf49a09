--- Makes and changes tables: what is wanted is compared with what is there, and the difference is applied.
---
--- Others may do the same at the same time. What is in use is waited for; a step that fails is over when a second look
--- says that it is no longer needed, and only otherwise a failure.
local errors = require "dynamodb.error"
local goals = require "dynamodb.admin.goals"
local option_rules = require "dynamodb.options"
local plans = require "dynamodb.admin.plan"
local schema = require "dynamodb.schema"
local specs = require "dynamodb.admin.spec"
local steps = require "dynamodb.admin.steps"
local tables = require "dynamodb.admin.tables"
local usage = require "dynamodb.usage"
local waiters = require "dynamodb.admin.waiters"

local ensure = {}

---@class dynamodb.AdminJob    what is done for one call
---@field client dynamodb.Client
---@field name string          of the table, as requests name it
---@field spec table           checked
---@field options table
---@field deadline number?
---@field limits table         of each request
---@field done dynamodb.Plan   the steps that were taken
---@field moving boolean       is it to be expected that the table is not at rest?
---@field fresh boolean        has it been changed right now?
---@field described table?     the member Table of the last answer that has one
---@field meta dynamodb.Meta?  of the last request

---@param client dynamodb.Client
---@param name string
---@param spec table
---@param options table
---@return dynamodb.AdminJob
local function new_job(client, name, spec, options)
  local deadline = waiters.deadline(client, options)
  return {
    client = client, name = name, spec = spec, options = options, deadline = deadline,
    limits = { timeout = client.timeout, deadline = deadline },
    done = steps.new(name), moving = false, fresh = false,
  }
end

--- Waits until the table is at rest, if it may not be.
---@param job dynamodb.AdminJob
---@return true?
---@return dynamodb.Error?
local function settle(job)
  if not job.moving then return true end
  local described, err = waiters.run(job.client, goals.settled, job.name, job.deadline, nil, job.fresh)
  if not described then return nil, err end
  job.moving, job.fresh, job.described = false, false, described
  return true
end

--- Sends what a step consists of. Between two changes the table comes to rest.
---@param job dynamodb.AdminJob
---@param step dynamodb.PlanStep
---@return true?
---@return dynamodb.Error?
local function take(job, step)
  for _, request in ipairs(step.requests) do
    local ok, err = settle(job)
    if not ok then return nil, err end
    local answer, failure, meta = job.client:perform(request.operation, request.params, job.limits)
    if not answer then return nil, failure end
    job.meta = meta
    if request.operation == "CreateTable" or request.operation == "UpdateTable" then
      job.moving, job.fresh, job.described = true, true, answer.TableDescription
    end
  end
  job.done[#job.done + 1] = step
  return true
end

--- Takes the steps that were not taken yet.
---@param job dynamodb.AdminJob
---@param plan dynamodb.Plan
---@return dynamodb.PlanStep?    the one that failed
---@return dynamodb.Error?
local function apply(job, plan)
  for _, step in ipairs(plan) do
    if not job.done:has(step) then
      local ok, err = take(job, step)
      if not ok then return step, err end
    end
  end
end

--- Does somebody else's change have to end first?
---@param err dynamodb.Error
---@return boolean
local function is_busy(err)
  return err:is "ResourceInUse" or err:is "LimitExceeded" and err.message:find("simultaneously", 1, true) ~= nil
end

--- Compares.
---@param job dynamodb.AdminJob
---@return dynamodb.Plan?
---@return dynamodb.Error?
local function look(job)
  local spec, options = job.spec, job.options
  local wanted = { ttl = spec.ttl ~= nil, tags = next(spec.tags) ~= nil or options.prune }
  local state, err, meta = tables.state(job.client, job.name, wanted, job.limits)
  if state and state.about.status == "DELETING" then
    state, err = nil, nil
    if not options.plan then
      local _, stays = waiters.run(job.client, goals.public.gone, job.name, job.deadline)
      if stays then return nil, stays end
    end
  end
  if err and not err:is "ResourceNotFound" then return nil, err end
  if not state and (not spec.partition or job.name:find "^arn:") then
    return nil, err or errors.new { code = "ResourceNotFoundException", message = "the table is being deleted" }
  end
  job.meta = meta or job.meta
  job.described = state and state.about.raw
  job.moving, job.fresh = state ~= nil and not goals.is_settled(state.about.raw), false
  return plans.make(spec, job.name, state, options)
end

--- Compares and applies until nothing is left to be done.
---@param job dynamodb.AdminJob
---@return true?
---@return dynamodb.Error?
local function run(job)
  local pauses = waiters.pauses(job.client, job.deadline)
  local step, err
  while true do
    local plan, problem = look(job)
    if not plan then return nil, err or problem end
    if err and not is_busy(err) and plan:has(step) then return nil, err end
    step, err = apply(job, plan)
    if not err then return true end
    err.step = step
    if is_busy(err) and not pauses:sleep() then return nil, err end
  end
end

--- Waits for the end of what was begun, unless the caller does not want that.
---@param job dynamodb.AdminJob
---@return true?
---@return dynamodb.Error?
local function finish(job)
  if job.options.wait == false then return true end
  return settle(job)
end

--- The table of a job that is done, with its schema as it is now.
---@param job dynamodb.AdminJob
---@param target dynamodb.Table
---@return dynamodb.Table
---@return nil
---@return dynamodb.Meta
local function result(job, target)
  target.schema = schema.from_description(job.described) or target.schema
  local meta = job.meta or {}
  meta.plan = job.done
  return target, nil, meta
end

--- What `db:table` is told of a spec.
---@param client dynamodb.Client
---@param given table
---@return dynamodb.Table
local function table_of(client, given) return client:table(given.name, given) end

local CREATING = { wait = true, timeout = true, deadline = true }

--- After a lost answer the first attempt may have made the table that is in the way of the second: is it as wanted?
---@param job dynamodb.AdminJob
---@return boolean
local function was_created(job)
  local plan = look(job)
  for _, step in ipairs(plan or {}) do
    if step.what ~= "ttl" then return false end
  end
  return plan ~= nil
end

--- As `db:create_table`.
---@param client dynamodb.Client
---@param given any
---@param options table?
---@return dynamodb.Table?
---@return dynamodb.Error?
---@return dynamodb.Meta?
function ensure.create(client, given, options)
  local spec = specs.whole(given, "create_table", client.limits)
  options = option_rules.check(options, CREATING, "create_table")
  if given.name:find "^arn:" then usage.raise("create_table: a new table has a name, not an ARN") end
  if spec.ttl and options.wait == false then
    usage.raise("create_table: ttl can be turned on when the table is ACTIVE, which wait = false does not wait for")
  end
  local job = new_job(client, spec.name, spec, options)
  local plan = plans.make(spec, spec.name, nil, options)
  local step, err = apply(job, plan)
  if err and err:is "ResourceInUse" and err.doubted and was_created(job) then
    job.done[1] = step
    step, err = apply(job, plan)
  end
  if not err then step, err = nil, select(2, finish(job)) end
  if err then
    err.step = step
    return nil, err
  end
  return result(job, table_of(client, given))
end

local ENSURING = { plan = true, prune = true, replace_indexes = true, wait = true, timeout = true, deadline = true }
local ALTERING = { plan = true, replace_indexes = true, wait = true, timeout = true, deadline = true }

--- As `db:ensure_table`.
---@param client dynamodb.Client
---@param given any
---@param options table?
---@return dynamodb.Table|dynamodb.Plan|nil
---@return dynamodb.Error?
---@return dynamodb.Meta?
function ensure.ensure(client, given, options)
  local spec = specs.whole(given, "ensure_table", client.limits)
  options = option_rules.check(options, ENSURING, "ensure_table")
  local job = new_job(client, spec.name, spec, options)
  if options.plan then return look(job) end
  local ok, err = run(job)
  if ok then ok, err = finish(job) end
  if not ok then return nil, err end
  return result(job, table_of(client, given))
end

--- As `Table:alter`.
---@param target dynamodb.Table
---@param changes any
---@param options table?
---@return dynamodb.Table|dynamodb.Plan|nil
---@return dynamodb.Error?
---@return dynamodb.Meta?
function ensure.alter(target, changes, options)
  local spec = specs.changes(changes, target.client.limits)
  options = option_rules.check(options, ALTERING, "alter")
  local job = new_job(target.client, target.name, spec, options)
  if options.plan then return look(job) end
  local ok, err = run(job)
  if ok then ok, err = finish(job) end
  if not ok then return nil, err end
  return result(job, target)
end

return ensure
