--- Items of one table into another one: of this account or another, with a map between them; live, with what is written
--- meanwhile.
local bulk = require "dynamodb.migrate.bulk"
local errors = require "dynamodb.error"
local images = require "dynamodb.migrate.images"
local jobs = require "dynamodb.migrate.job"
local mapper = require "dynamodb.migrate.mapper"
local option_rules = require "dynamodb.migrate.options"
local scans = require "dynamodb.migrate.scan"
local tails = require "dynamodb.migrate.tail"
local usage = require "dynamodb.usage"

local KNOWN = [[
  source target map where names values segments rcu wcu concurrency consistent shard checkpoint live follow on_error
  on_failed progress stop grace stall warn
]]

local CHUNK = 2000
local WARN_HOURS = 20 -- of the 24 that a stream remembers

---@class dynamodb.Copy
---@field job dynamodb.Job
---@field options table
---@field source dynamodb.Table
---@field target dynamodb.Table
---@field refused table[]         of the batch that is under way
---@field tail dynamodb.Tail?

--- An item that is not copied: left, or the end.
local function fail(self, item, code, message)
  local key = images.key(item, self.source.schema)
  local entry = { key = key, why = "failed", code = code, message = message }
  if self.options.on_error ~= "skip" then
    return nil, self.job.item_error(key, code, message)
  end
  self.job:count "failed"
  self.job:leave(entry)
  if self.options.on_failed then self.options.on_failed(entry) end
  return true
end

--- What the batch has refused.
local function flush(self)
  local all = self.refused
  self.refused = {}
  for _, failure in ipairs(all) do
    local ok, err = fail(self, failure.item or failure.key, failure.code, failure.message)
    if not ok then return nil, err end
  end
  return true
end

local function listener(self)
  return function(failure) self.refused[#self.refused + 1] = failure end
end

--- The items that the next ones become; nil at the end, and when an item is the end.
local function mapped(self, pull)
  local failure
  local function next_item()
    for item in pull do
      local copy, code, message = mapper.copy(self.options.map, item)
      if copy then return copy end
      if code then
        local ok
        ok, failure = fail(self, item, code, message)
        if not ok then return nil end
      else
        self.job:count "left_out"
      end
    end
  end
  return next_item, function() return failure end
end

--- Copies a chunk of the scan.
local function copy_chunk(self, pull)
  local job = self.job
  local next_item, problem = mapped(self, pull)
  local ok, err = bulk.put(job, self.target, next_item, listener(self), "copied")
  if problem() or not ok then return nil, problem() or err end
  ok, err = flush(self)
  if not ok or not self.tail then return ok, err end
  if self.options.warn and not self.warned and self.tail:is_older_than(WARN_HOURS) then
    self.warned = true
    self.options.warn(("the scan has taken %d hours, and the stream forgets after 24: make it faster (segments, rcu, "
      .. "wcu), or the copy cannot be finished"):format(WARN_HOURS))
  end
  return self.tail:touch()
end

-- --------------------------------------------------------------------------------------------------- replaying ----

--- One record of the stream, as a put or a delete in the target.
local function replay_record(self, batch, record)
  local change, map = record.dynamodb, self.options.map
  local item, old = change.NewImage, nil
  if not map then
    if item then batch:put(self.target, item) else batch:delete(self.target, change.Keys) end
    return true
  end
  local code, message
  if item then
    item, code, message = mapper.copy(map, item)
    if code then return fail(self, change.Keys, code, message) end
  end
  if change.OldImage then old = mapper.copy(map, change.OldImage) end
  local keys = self.target.schema
  if old and not (item and images.id(item, keys) == images.id(old, keys)) then
    batch:delete(self.target, images.key(old, keys))
  end
  if item then batch:put(self.target, item) end
  return true
end

local function replay(self, records)
  if not records[1] then return true end
  local failure
  local ok, err = bulk.mixed(self.job, self.target, function(batch)
    for _, record in ipairs(records) do
      local done
      done, failure = replay_record(self, batch, record)
      if not done then return end
    end
  end, listener(self))
  if failure or not ok then return nil, failure or err end
  self.job:count("replayed", #records)
  return flush(self)
end

--- Replays what was written since the copy began, until there is nothing more; or for ever, until it is stopped.
---@return boolean? over
---@return dynamodb.Error?
local function catch_up(self)
  local job, options, caught_up = self.job, self.options, false
  job.phase, job.state.cursor, job.state.scanned = "replaying", nil, true
  local ok, err = self.tail:replay(function(records)
    if records[1] then caught_up = false end
    return replay(self, records)
  end, function(quiet)
    caught_up = quiet
    job.caught_up = quiet
    job:tell()
    local saved, problem = job:save()
    if not saved then return nil, problem end
    if job:should_stop() then return false end
    return options.follow or not quiet
  end)
  if not ok and not (job.stopped and err.code == "Stopped") then return nil, err end
  return caught_up
end

-- The images that a stream must have.
local VIEWS = { NEW_AND_OLD_IMAGES = true, NEW_IMAGE = true }

--- The tail of the source's stream; begun, if the copy begins.
local function open_tail(self, options)
  local about, err = options.source:describe { ttl = false }
  if not about then return nil, err end
  local stream = about.stream
  if not stream or not VIEWS[stream.view] or options.map and stream.view ~= "NEW_AND_OLD_IMAGES" then
    return nil, errors.new {
      code = "StreamRequired", retryable = false,
      message = ("a live copy needs a stream of %s with %s (:alter { stream = \"NEW_AND_OLD_IMAGES\" })"):format(
        options.source.name, options.map and "new and old images" or "new images"),
    }
  end
  local state = self.job.state
  state.stream = state.stream or { arn = stream.arn }
  self.tail = tails.new(self.job, self.source.client, state.stream.arn, state.stream)
  if state.stream.shards then return true end
  local ok
  ok, err = self.tail:begin()
  if not ok then return nil, err end
  return self.job:save()
end

--- Scans, if that is not done, and replays.
local function work(self)
  local job, options = self.job, self.options
  if options.live then
    local ok, err = open_tail(self, options)
    if not ok then return nil, err end
  end
  if not job.state.scanned then
    job.phase = "copying"
    local over, err = job:chunks(scans.new(job, self.source, options), CHUNK, function(pull)
      return copy_chunk(self, pull)
    end)
    if not over or not options.live then return over, err end
  end
  return catch_up(self)
end

local function check(given)
  local options = option_rules.check(given, KNOWN, "copy")
  option_rules.need(options, "copy", "source", "target")
  option_rules.check_values(options.source, "copy")
  option_rules.check_values(options.target, "copy")
  if options.source.client == options.target.client and options.source.name == options.target.name then
    usage.raise("copy: source and target are the same table")
  end
  options.live = options.live or options.follow
  if options.live and options.where then
    usage.raise("copy: a stream has no filter; a live copy leaves items out by its map, not by where")
  end
  if options.live and options.shard then
    usage.raise("copy: one process reads the stream; a live copy has no shards (but as many segments as you like)")
  end
  if options.checkpoint then options.checkpoint = options.checkpoint .. option_rules.suffix(options) end
  return options
end

--- Copies.
---@param job dynamodb.Job
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function perform(job)
  local options = job.options
  local ok, err = job:resume {
    source = options.source, target = options.target, live = options.live,
    shard = options.shard and table.concat(options.shard, "/"),
  }
  if not ok then return nil, err end
  if job.state.finished then return job:finish(true) end
  local self = { job = job, options = options, refused = {} }
  self.source, err = job:table(options.source)
  if not self.source then return job:refuse(err) end
  self.target, err = job:table(options.target)
  if not self.target then return job:refuse(err) end
  job:measure(options.source)
  local over
  over, err = work(self)
  if over then
    job.state.finished = not options.live or nil
    over, err = job:save()
  end
  return job:finish(over, err)
end

--- As `migrate.copy`.
---@param given table
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function run(given)
  local options = check(given)
  return jobs.run("copy", options.source.client, options, perform)
end

return { run = run }
