--- Compares two tables, all of them or a sample. What differs can be written as an incremental export, which makes the
--- target what the source is.
local bulk = require "dynamodb.migrate.bulk"
local errors = require "dynamodb.error"
local images = require "dynamodb.migrate.images"
local jobs = require "dynamodb.migrate.job"
local mapper = require "dynamodb.migrate.mapper"
local option_rules = require "dynamodb.migrate.options"
local s3 = require "dynamodb.formats.s3"
local scans = require "dynamodb.migrate.scan"
local usage = require "dynamodb.usage"

local KNOWN = [[
  source target map where names values sample segments rcu consistent extra directory checkpoint on_difference progress
  stop grace stall
]]

local CHUNK = 200
local KEPT = 100 -- differences in the report
local SEGMENTS = 8 -- that a sample is taken from

---@class dynamodb.Difference
---@field kind "missing"|"different"|"extra"
---@field key table
---@field source table?    as the target should have it
---@field target table?

--- Notes a difference.
local function note(self, kind, key, source, target)
  local job = self.job
  job:count(kind)
  local difference = { kind = kind, key = key, source = source, target = target }
  if #self.differences < KEPT then self.differences[#self.differences + 1] = difference end
  if self.options.on_difference then self.options.on_difference(difference) end
  if not self.writer then return true end
  return self.writer:change(key, source, target, job.runtime:time())
end

--- What the source's items should be in the target, their keys there, and their own keys.
---@return table[]?
---@return table[]|dynamodb.Error
---@return table[]?
local function expected(self, items)
  local wanted, keys, originals = {}, {}, {}
  for _, item in ipairs(items) do
    local original = images.key(item, self.source.schema) -- a map may change its item
    local own, code, message = mapper.copy(self.options.map, item)
    if code then return nil, errors.new { code = code, message = message, retryable = false } end
    if own then
      wanted[#wanted + 1] = own
      keys[#keys + 1], originals[#originals + 1] = images.key(own, self.target.schema), original
    else
      self.job:count "left_out"
    end
  end
  return wanted, keys, originals
end

--- Reads items of the source once more: what differs may only have been written meanwhile.
local function read_again(self, keys)
  local found, err = bulk.get(self.job, self.source, keys, { consistent = true })
  if not found then return nil, err end
  local there = {}
  for _, item in ipairs(found) do
    if item then there[#there + 1] = item end
  end
  return there
end

--- Compares items of the source with the target.
---@param is_last boolean    nothing is read again
local function compare(self, items, is_last)
  if not items[1] then return true end
  local wanted, keys, originals = expected(self, items)
  if not wanted then return nil, keys end
  local found, err = bulk.get(self.job, self.target, keys, { consistent = true })
  if not found then return nil, err end
  local doubtful = {}
  for i, own in ipairs(wanted) do
    local there = found[i] or nil
    if images.same(own, there) then
      self.job:count "equal"
    elseif not is_last then
      doubtful[#doubtful + 1] = originals[i]
    else
      local ok
      ok, err = note(self, there and "different" or "missing", keys[i], own, there)
      if not ok then return nil, err end
    end
  end
  if is_last then return true end
  doubtful, err = read_again(self, doubtful)
  if not doubtful then return nil, err end
  return compare(self, doubtful, true)
end

--- Looks for items of the target that the source does not have.
local function find_extra(self, items)
  local keys, names = {}, { self.source.schema.partition, self.source.schema.sort }
  for i, item in ipairs(items) do keys[i] = images.key(item, self.source.schema) end
  local found, err = bulk.get(self.job, self.source, keys, { consistent = true, attributes = names })
  if not found then return nil, err end
  for i, item in ipairs(items) do
    if not found[i] then
      local ok
      ok, err = note(self, "extra", keys[i], nil, self.writer and item or nil)
      if not ok then return nil, err end
    end
  end
  return true
end

--- The items of a chunk as a list.
local function all_of(pull)
  local items = {}
  for item in pull do items[#items + 1] = item end
  return items
end

--- A scan of all items, or of a sample from all over the table.
local function reading(self, tbl, options, attributes)
  if not options.sample then return scans.new(self.job, tbl, options, attributes) end
  return tbl:scan {
    where = options.where, names = options.names, values = options.values, consistent = options.consistent,
    attributes = attributes, rcu = options.rcu, limit = options.sample, segments = SEGMENTS,
    page_size = math.max(1, math.ceil(options.sample / SEGMENTS)),
  }
end

--- Both passes.
---@return boolean? over
---@return dynamodb.Error?
local function work(self, options)
  local job, state = self.job, self.job.state
  if not state.compared then
    job.phase = "comparing"
    local over, err = job:chunks(reading(self, self.source, options), CHUNK, function(pull)
      return compare(self, all_of(pull), false)
    end)
    if not over then return over, err end
    state.compared, state.cursor, state.segments = true, nil, nil
  end
  if options.extra == false or options.map or options.where then return true end
  job.phase = "looking for extra items"
  local attributes = not self.writer and { self.source.schema.partition, self.source.schema.sort } or nil
  return job:chunks(reading(self, self.target, options, attributes), CHUNK, function(pull)
    return find_extra(self, all_of(pull))
  end)
end

local function check(given)
  local options = option_rules.check(given, KNOWN, "diff")
  option_rules.need(options, "diff", "source", "target")
  option_rules.check_values(options.source, "diff")
  option_rules.check_values(options.target, "diff")
  if options.sample and options.checkpoint then
    usage.raise("diff: a sample is not gone on with; leave checkpoint out")
  end
  return options
end

--- Compares, files opened and closed.
---@param job dynamodb.Job
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function perform(job)
  local options = job.options
  local ok, err = job:resume { source = options.source, target = options.target, directory = options.directory }
  if not ok then return nil, err end
  local self = { job = job, options = options, differences = {} }
  self.source, err = job:table(options.source)
  if not self.source then return job:refuse(err) end
  self.target, err = job:table(options.target)
  if not self.target then return job:refuse(err) end
  job:measure(options.source)
  local began = job.runtime:time()
  if options.directory then
    self.writer, err = s3.writer(options.directory, job.state.export, began)
    if not self.writer then return nil, err end
    job.state.export = self.writer.state
    function job.is_due() return self.writer:is_full() end
    function job.before_save() return self.writer:end_file() end
  end
  local over
  over, err = job:save()
  if over then over, err = work(self, options) end
  if over and self.writer then
    local about = options.target:describe { ttl = false } or {}
    over, err = self.writer:finish {
      kind = "incremental", table_arn = about.arn, table_id = about.id, now = job.runtime:time(),
      from = self.writer.state.began, to = job.runtime:time(),
    }
  end
  if over and options.checkpoint then os.remove(options.checkpoint) end -- what was found is true of this moment alone
  local counts = job.state.counts
  return job:finish(over, err, {
    differences = self.differences, path = self.writer and self.writer.directory,
    same = over and (counts.different or 0) + (counts.missing or 0) + (counts.extra or 0) == 0,
  })
end

--- As `migrate.diff`.
---@param given table
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function run(given)
  local options = check(given)
  return jobs.run("diff", options.source.client, options, perform)
end

return { run = run }
