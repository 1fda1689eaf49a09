--- A migration: scan, map, write down what is going to be written, write it under a condition, and go on.
local core = require "dynamodb.core"
local e = require "dynamodb.expression.operators"
local errors = require "dynamodb.error"
local estimates = require "dynamodb.migrate.estimate"
local files = require "dynamodb.migrate.files"
local images = require "dynamodb.migrate.images"
local jobs = require "dynamodb.migrate.job"
local left = require "dynamodb.migrate.left"
local mapper = require "dynamodb.migrate.mapper"
local option_rules = require "dynamodb.migrate.options"
local preview = require "dynamodb.migrate.preview"
local recovery = require "dynamodb.migrate.recovery"
local scans = require "dynamodb.migrate.scan"
local undo = require "dynamodb.migrate.undo"
local usage = require "dynamodb.usage"
local writers = require "dynamodb.migrate.writer"

local CHUNK = 1024
local GROUP, GROUP_BYTES = 256, 4 * 2 ^ 20 -- items that one sync of the log is for
local ROUNDS = 5                           -- how often an item is mapped that others change meanwhile

local KNOWN = [[
  table where names values map segments rcu wcu checkpoint undo mark guard idempotent dry_run sample concurrency shard
  on_error progress stop grace stall require_pitr consistent rates
]]

local WORDS = { update = "changed", delete = "deleted", rekey = "rekeyed" } -- counts, by the kind of step

---@class dynamodb.Migration
---@field job dynamodb.Job
---@field rules dynamodb.MapRules
---@field table dynamodb.Table
---@field log dynamodb.UndoLog
---@field left dynamodb.LeftList
---@field writer dynamodb.StepWriter
---@field voids integer[]                     lines of the log that were not written and never will be
---@field settled table<string, boolean>      keys that the scan is going to meet, and that are done
local migration_methods = {}
local migration_mt = { __name = "dynamodb.Migration", __index = migration_methods }

--- The name and value of the mark.
---@param mark string|table|nil
---@return string?
---@return any
local function read_mark(mark)
  if type(mark) ~= "table" then return mark, mark and true or nil end
  local name, value = next(mark)
  if core.key(value) == nil then usage.raise("migrate: the value of mark must be a string, a number or a boolean") end
  return name, value
end

--- Raises unless the options say enough to migrate safely.
local function check(options)
  option_rules.need(options, "migrate", "table", "map")
  option_rules.check_values(options.table, "migrate")
  if options.shard and options.segments then
    usage.raise("migrate: shard { i, n } reads one of n segments; leave segments out")
  end
  if options.dry_run then return end
  option_rules.need(options, "migrate", "checkpoint")
  option_rules.need_two_files(options, "migrate", "checkpoint", "undo")
  if not options.mark and not options.idempotent then
    usage.raise("migrate: give mark = \"attribute\", which tells mapped items from others, or say idempotent = true: "
      .. "that mapping a mapped item again changes nothing")
  end
end

--- The names of its files.
local function name_files(options)
  local suffix = option_rules.suffix(options)
  if not options.checkpoint then return end
  options.checkpoint = options.checkpoint .. suffix
  options.undo = options.undo and options.undo .. suffix or options.checkpoint .. ".undo"
end

--- What a reversion has taken back would stay so, and nobody would notice.
---@return dynamodb.Error?
local function check_reverted(options)
  local path = options.checkpoint .. ".revert"
  local is_there, err = files.exists(path)
  if not is_there then return err end
  return files.failure(path, "the migration was taken back, in parts at least; end that, or use another checkpoint")
end

--- The rules of a migration, once the table's keys are known.
---@param options table
---@param keys dynamodb.KeySchema
---@return dynamodb.MapRules
local function rules_of(options, keys)
  local mark, value = read_mark(options.mark)
  if mark == keys.partition or mark and mark == keys.sort then
    usage.raise(("migrate: the mark %q is part of the table's key"):format(mark))
  end
  return {
    keys = keys, map = options.map, target = options.table, mark = mark, value = value, touched = mark ~= nil,
    guard = options.guard, version = options.table.version,
  }
end

--- Only with point-in-time recovery, if that was asked for.
---@return dynamodb.Error?
local function check_pitr(options)
  if not options.require_pitr then return nil end
  local answer, err = options.table.client:call("DescribeContinuousBackups", { TableName = options.table.name })
  if not answer then return err end
  local about = (answer.ContinuousBackupsDescription or {}).PointInTimeRecoveryDescription or {}
  if about.PointInTimeRecoveryStatus == "ENABLED" then return nil end
  return errors.new {
    code = "PitrRequired", message = options.table.name .. " has no point-in-time recovery, and require_pitr is set",
    retryable = false, sent = true,
  }
end

--- Leaves an item as it is, and says so.
---@param entry dynamodb.LeftEntry
---@return true?
---@return dynamodb.Error?
function migration_methods:leave(entry)
  self.job:leave(entry)
  self.job:count(entry.why == "conflict" and "conflicts" or entry.why)
  return self.left:add(entry)
end

--- An item that cannot be migrated: skipped, or the end.
---@param key table
---@param code string
---@param message string
---@return true?
---@return dynamodb.Error?
function migration_methods:fail(key, code, message)
  if self.job.options.on_error == "skip" then
    return self:leave { key = key, why = "failed", code = code, message = message }
  end
  return nil, self.job.item_error(key, code, message)
end

--- What became of a step. Items that are to be mapped again are added to `again`.
---@param step dynamodb.Step
---@param outcome dynamodb.Outcome
---@param again table[]
---@return true?
---@return dynamodb.Error?
function migration_methods:settle(step, outcome, again)
  local what = outcome.what
  if what == "done" then
    self.job:count(WORDS[step.kind])
    return true
  end
  if what == "conflict" then
    local message = "it was changed meanwhile, and it is unknown whether after it was migrated"
    return self:leave { key = step.key, why = "conflict", message = message }
  end
  self.voids[#self.voids + 1] = step.offset
  if what == "gone" then
    self.job:count "gone"
    return true
  elseif what == "again" then
    again[#again + 1] = outcome.current
    return true
  end
  return self:fail(step.key, outcome.code, outcome.message)
end

--- The steps that the map wants.
---@param items table[]
---@return dynamodb.Step[]?
---@return dynamodb.Error?
local function steps_for(self, items)
  local steps, job, rules = {}, self.job, self.rules
  for _, item in ipairs(items) do
    local key, id = images.key(item, rules.keys), images.id(item, rules.keys)
    if self.settled[id] then
      self.settled[id] = nil
      job:count("seen", -1)
    elseif mapper.is_marked(rules, item) then
      job:count "marked"
    else
      local step, code, message = mapper.step(rules, item)
      if step then
        steps[#steps + 1] = step
      elseif not code then
        job:count "unchanged"
      else
        local ok, err = self:fail(key, code, message)
        if not ok then return nil, err end
      end
    end
  end
  return steps
end

--- Maps items and writes what comes of it; those that others change meanwhile are mapped again.
---@param items table[]
---@return true?
---@return dynamodb.Error?
function migration_methods:process(items)
  for round = 1, ROUNDS do
    local steps, err = steps_for(self, items)
    if not steps then return nil, err end
    if not steps[1] then return true end
    local ok
    ok, err = self:write_log(steps)
    if not ok then return nil, err end
    local outcomes, failure = self.writer:take_all(steps)
    local again = {}
    for i, step in ipairs(steps) do
      if outcomes[i] then
        ok, err = self:settle(step, outcomes[i], again)
        if not ok then return nil, err end
        if failure then self.job:count "seen" end -- of the group, which is not ended
      end
    end
    if failure then return nil, failure end
    items = again
    if round == ROUNDS then
      for _, item in ipairs(items) do
        ok, err = self:fail(images.key(item, self.rules.keys), "Contended", "others keep changing it")
        if not ok then return nil, err end
      end
    end
  end
  return true
end

--- Writes the log: intents, and what is known to be void.
---@param steps dynamodb.Step[]
---@return true?
---@return dynamodb.Error?
function migration_methods:write_log(steps)
  local voids = self.voids
  self.voids = {}
  return self.log:write(steps, voids)
end

--- Takes a chunk in groups. A group that has begun is written to its end, which must not be far where the cap is low.
local function handle(self, pull)
  local size, done = self.job:within_seconds(GROUP), 0
  repeat
    local items, bytes = {}, 0
    local item = pull()
    while item do
      items[#items + 1] = item
      bytes = bytes + #core.marshal(item)
      if #items >= size or bytes >= GROUP_BYTES then break end
      item = pull()
    end
    if items[1] then
      local ok, err = self:process(items)
      if not ok then
        self.job:count("seen", done) -- of the chunk, which is not ended
        return nil, err
      end
      done = done + #items
    end
  until item == nil
  return true
end

--- Opens the files, and sees to what an earlier run had begun.
---@return true?
---@return dynamodb.Error?
local function open(self, options)
  local job = self.job
  local state = job.state
  local err
  self.log, err = undo.open(options.undo, job.checkpoint.identity.table)
  if not self.log then return nil, err end
  self.left, err = left.open(options.checkpoint .. ".left", state.left_bytes or 0, function(entry)
    job:leave(entry)
    if entry.why == "conflict" then self.settled[images.id(entry.key, self.rules.keys)] = true end
  end)
  if not self.left then return nil, err end
  function job.before_save()
    local ok, problem = self:write_log {}
    if not ok then return nil, problem end
    state.log_bytes = self.log:size()
    state.left_bytes, problem = self.left:sync()
    return state.left_bytes and true, problem
  end
  if state.log_bytes and state.log_bytes > self.log:size() then
    return nil, errors.new {
      code = "FileError", message = options.undo .. ": it is shorter than the checkpoint says", retryable = false,
    }
  end
  job.phase = "recovering"
  local ok
  ok, err = recovery.run(self, state.log_bytes or self.log.begin)
  if not ok then return nil, err end
  return job:save()
end

--- Reads the table, without what is marked already.
local function scan(self, options)
  local rules, scanning = self.rules, options
  if rules.mark then
    scanning = setmetatable({}, { __index = options })
    scanning.where = { { [rules.mark] = e.ne(rules.value) }, options.where }
  end
  return scans.new(self.job, self.table, scanning)
end

local function close(self)
  if self.log then self.log:close() end
  if self.left then self.left:close() end
end

--- Runs it, files opened.
---@return boolean? over
---@return dynamodb.Error?
local function work(self, options)
  local ok, err = open(self, options)
  if not ok then return nil, err end
  self.job.phase = "migrating"
  return self.job:chunks(scan(self, options), CHUNK, function(pull) return handle(self, pull) end)
end

--- Migrates, or shows what that would do.
---@param job dynamodb.Job
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function perform(job)
  local options = job.options
  local target = options.table
  local keys, err = target:keys {}
  if not keys then return job:refuse(err) end
  local rules = rules_of(options, keys)
  err = check_pitr(options)
  if err then return job:refuse(err) end
  if options.dry_run then return preview.run(job, rules) end
  local ok
  ok, err = job:resume {
    table = target, shard = options.shard and table.concat(options.shard, "/"),
    mark = rules.mark and rules.mark .. " = " .. tostring(rules.value),
  }
  if not ok then return nil, err end
  err = check_reverted(options) -- from now on no reversion can begin
  if err then return nil, err end
  if job.state.finished then
    local list
    list, err = left.open(options.checkpoint .. ".left", job.state.left_bytes, function(entry) job:leave(entry) end)
    if not list then return nil, err end
    list:close()
    return job:finish(true, nil, { undo = options.undo })
  end
  local estimate = estimates.of_table(target, options)
  if estimate then job.total, job.bytes = estimate.items, estimate.bytes end
  job.phase, job.estimate = "estimating", estimate
  job:tell()
  local plain
  plain, err = job:table(target)
  if not plain then return job:refuse(err) end
  local self = setmetatable({ job = job, rules = rules, table = plain, voids = {}, settled = {} }, migration_mt)
  self.writer = writers.new(job, plain, rules)
  local over, problem
  ok, over, problem = pcall(work, self, options)
  if ok and over then
    job.state.finished, job.state.cursor = true, nil
    over, problem = job:save()
  end
  close(self)
  if not ok then error(over, 0) end
  return job:finish(over, problem, { undo = options.undo, estimate = estimate })
end

--- As `migrate`.
---@param given table
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function run(given)
  local options = option_rules.check(given, KNOWN, "migrate")
  check(options)
  name_files(options)
  return jobs.run("migrate", options.table.client, options, perform)
end

return { run = run }
