--- Takes a migration back: what it wrote becomes what was there before, if nobody has changed it since. From the last
--- intent to the first, since an item may have been written more than once.
local core = require "dynamodb.core"
local files = require "dynamodb.migrate.files"
local images = require "dynamodb.migrate.images"
local jobs = require "dynamodb.migrate.job"
local left = require "dynamodb.migrate.left"
local option_rules = require "dynamodb.migrate.options"
local undo = require "dynamodb.migrate.undo"
local writers = require "dynamodb.migrate.writer"

local KNOWN = "table checkpoint undo shard wcu concurrency progress stop grace stall guard"

local GROUP = 256

---@class dynamodb.Reversion
---@field job dynamodb.Job
---@field rules dynamodb.GuardRules
---@field writer dynamodb.StepWriter
---@field left dynamodb.LeftList

--- Leaves an item as it is, and says so.
local function leave(self, entry)
  self.job:leave(entry)
  self.job:count(entry.why)
  return self.left:add(entry)
end

--- The step back. The version of an item goes on: who has the old one must not take it for the current one.
local function step_back(self, record)
  local old, new, version = record.old, record.new, self.rules.version
  if old and new and version and type(new[version]) == "number" then old[version] = new[version] + 1 end
  return images.step(self.rules, new, old)
end

local function settle(self, step, outcome)
  if outcome.what == "done" then
    self.job:count "reverted"
    return true
  end
  local why = outcome.what == "gone" and "gone" or outcome.what == "failed" and "failed" or "changed"
  return leave(self, {
    key = step.key, why = why, code = outcome.code,
    message = outcome.message or why == "gone" and "it was deleted since" or "it was changed since, or never written",
  })
end

--- Takes a group of intents back.
local function take_back(self, records)
  local steps = {}
  for _, record in ipairs(records) do
    local step, message = step_back(self, record)
    if step then
      steps[#steps + 1] = step
    else
      local ok, err = leave(self, { key = record.key, why = "failed", code = "Unguarded", message = message })
      if not ok then return nil, err end
    end
  end
  local outcomes, failure = self.writer:take_all(steps)
  for i, step in ipairs(steps) do
    local ok, err = true, nil
    if outcomes[i] then ok, err = settle(self, step, outcomes[i]) end
    if not ok then return nil, err end
    if failure and outcomes[i] then self.job:count "seen" end
  end
  return not failure, failure
end

--- The intents that are left, in groups in which no item stands twice.
---@param void table<integer, true>    offsets of those that were not written
---@return boolean? over
---@return dynamodb.Error?
local function work(self, log, void)
  local job, state = self.job, self.job.state
  local began, failure = job:save() -- from the first item on: what was taken back must not count as migrated
  if not began then return nil, failure end
  local next_record = log:backwards(state.at)
  local records, seen, keys = {}, {}, self.rules.keys
  local size = job:within_seconds(GROUP)
  local function flush()
    if not records[1] then return true end
    local ok, err = take_back(self, records)
    if not ok then return nil, err end
    job:count("seen", #records)
    state.at = records[#records].offset
    records, seen = {}, {}
    job:tell()
    return job:save()
  end
  while true do
    if job:should_stop() then return false end
    local record, err = next_record()
    if err then return nil, err end
    if not record or record.key and seen[images.id(record.key, keys)] or #records >= size then
      local ok
      ok, err = flush()
      if not ok then return nil, err end
    end
    if not record then return true end
    if not record.void and not void[record.offset] then
      records[#records + 1] = record
      seen[images.id(record.key, keys)] = true
    end
  end
end

--- How long the log was at the migration's last checkpoint: all of it was on the disk then.
---@return integer?
local function sure_bytes(options)
  local text = files.read(options.migration)
  local content = text and core.json_decode(text)
  local state = type(content) == "table" and content.state
  return type(state) == "table" and state.log_bytes or nil
end

--- The log, cut off where a crash has torn it, and which of its intents were not written: that stands behind them, and
--- so perhaps behind the place where a reversion goes on.
---@return dynamodb.UndoLog?
---@return table<integer, true>|dynamodb.Error
local function checked_log(job, options)
  local log, err = undo.open(options.undo, job.checkpoint.identity.table)
  if not log then return nil, err end
  local void, sure = {}, sure_bytes(options)
  local ok
  ok, err = log:read(log.begin, function(record)
    if record.void then void[record.void] = true end
    return true
  end, sure)
  if ok and sure and sure > log:size() then
    ok, err = nil, files.failure(options.undo, "it is shorter than the migration's checkpoint says")
  end
  if ok then return log, void end
  log:close()
  return nil, err
end

--- All of it is as before: the migration could begin anew, so its files must not say that it is done. The log is the
--- last one: as long as it is there, all of this can be done again.
---@return string? path    of the log from now on
---@return dynamodb.Error?
local function put_away(options)
  for _, path in ipairs { options.migration, options.migration .. ".left", options.checkpoint, options.left } do
    local ok, err = files.remove(path)
    if not ok then return nil, err end
  end
  local path = options.undo .. ".reverted"
  local ok, err = files.rename(options.undo, path)
  return ok and path, err
end

--- Takes a migration back.
---@param job dynamodb.Job
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function perform(job)
  local options = job.options
  local ok, err = job:resume { table = options.table }
  if not ok then return nil, err end
  local is_there
  is_there, err = files.exists(options.undo)
  if not is_there then
    return nil, err or files.failure(options.undo,
      "there is no undo log: nothing was migrated with this checkpoint, or all of it was taken back")
  end
  local plain
  plain, err = job:table(options.table)
  if not plain then return job:refuse(err) end
  local rules = { keys = plain.schema, guard = options.guard, version = options.table.version, touched = true }
  local self = { job = job, rules = rules, writer = writers.new(job, plain, rules) }
  local log, void = checked_log(job, options)
  if not log then return nil, void end
  self.left, err = left.open(options.left, job.state.left_bytes or 0, function(entry) job:leave(entry) end)
  if not self.left then
    log:close()
    return nil, err
  end
  function job.before_save()
    local problem
    job.state.left_bytes, problem = self.left:sync()
    return job.state.left_bytes and true, problem
  end
  local over, problem
  ok, over, problem = pcall(work, self, log, void)
  log:close()
  self.left:close()
  if not ok then error(over, 0) end
  local path = options.undo
  if over and #job.left == 0 then path, problem = put_away(options) end
  return job:finish(over, problem, { undo = path or options.undo })
end

--- As `migrate.revert`.
---@param given table
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function run(given)
  local options = option_rules.check(given, KNOWN, "revert")
  option_rules.need(options, "revert", "table", "checkpoint")
  option_rules.check_values(options.table, "revert")
  local suffix = option_rules.suffix(options)
  options.migration = options.checkpoint .. suffix
  options.undo = options.undo and options.undo .. suffix or options.migration .. ".undo"
  options.checkpoint, options.left = options.migration .. ".revert", options.migration .. ".revert.left"
  options.locked = options.migration -- so that it does not go on meanwhile
  return jobs.run("revert", options.table.client, options, perform)
end

return { run = run }
