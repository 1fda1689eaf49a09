--- Items from a file, or from an export to S3, into a table.
local bulk = require "dynamodb.migrate.bulk"
local files = require "dynamodb.migrate.files"
local jobs = require "dynamodb.migrate.job"
local mapper = require "dynamodb.migrate.mapper"
local option_rules = require "dynamodb.migrate.options"
local rejects = require "dynamodb.migrate.rejects"
local sources = require "dynamodb.migrate.sources"
local usage = require "dynamodb.usage"

local KNOWN = [[
  table file directory format map revert wcu concurrency checkpoint errors on_failed progress stop grace stall
]]

local CHUNK = 2000

--- Puts the items of a chunk.
---@return true?
---@return dynamodb.Error?
local function put_items(job, tbl, pull, list)
  local failure
  local ok, err = bulk.put(job, tbl, function()
    for entry in pull do
      local item, code, message, raw = entry.item, "BrokenLine", entry.message, entry.raw
      if item then item, code, message = mapper.copy(job.options.map, item) end
      if item then
        list.raw[item] = raw
        return item
      end
      if code then
        local added
        added, failure = list:add(raw, code, message, entry.item)
        if not added then return nil end
      else
        job:count "left_out"
      end
    end
  end, list:listener(), "written")
  if failure or not ok then return nil, failure or err end
  return list:flush()
end

--- Applies the changes of a chunk of an incremental export, or takes them back.
---@return true?
---@return dynamodb.Error?
local function apply_changes(job, tbl, pull, list)
  local revert, listener = job.options.revert, list:listener()
  local ok, err = bulk.mixed(job, tbl, function(batch)
    for entry in pull do
      local change = entry.change
      local image = change.NewImage
      if revert then image = change.OldImage end
      if image then
        job:count "written"
        batch:put(tbl, image)
      else
        job:count "deleted"
        batch:delete(tbl, change.Keys)
      end
    end
  end, function(failure)
    job:count(failure.item and "written" or "deleted", -1)
    listener(failure)
  end)
  if not ok then return nil, err end
  return list:flush()
end

local function check(given)
  local options = option_rules.check(given, KNOWN, "import")
  option_rules.need(options, "import", "table")
  option_rules.check_values(options.table, "import")
  if (options.file == nil) == (options.directory == nil) then
    usage.raise("import: give either file, or directory for an export to S3")
  end
  options.format = options.format or "dynamodb-json"
  options.errors = options.errors or (options.file or options.directory:gsub("/+$", "")) .. ".errors"
  return options
end

--- The file of what was not imported, if there is any.
local function errors_of(job, options)
  return (job.state.errors_size or 0) > 0 and options.errors or nil
end

--- The result of an import that was over already; of another file it would say nothing. While an import is under way,
--- its file may become another one: who has found it cut off brings the whole one.
local function again(job, options)
  local was, is = job.state.bytes, sources.size(options.file)
  if was and is and was ~= is then
    return nil, files.failure(options.checkpoint,
      ("it says that %s was imported when it had %.0f bytes; now it has %.0f"):format(options.file, was, is),
      "CheckpointMismatch")
  end
  return job:finish(true, nil, { errors = errors_of(job, options) })
end

--- Reads the file or the directory and writes the table.
---@param job dynamodb.Job
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function perform(job)
  local options = job.options
  local ok, err = job:resume {
    table = options.table, from = options.file or options.directory, format = options.format, revert = options.revert,
  }
  if not ok then return nil, err end
  if job.state.finished then return again(job, options) end
  local tbl
  tbl, err = job:table(options.table)
  if not tbl then return job:refuse(err) end
  local source
  source, err = sources.open(options, job.state.cursor)
  if not source then return nil, err end
  local list
  list, err = rejects.new(job, source, options.errors)
  if not list then return nil, err end
  function job.before_save() return list:save() end
  local began
  began, err = job:save()
  if not began then return job:finish(nil, err) end
  local handle = source.kind == "full" and put_items or apply_changes
  local over, problem
  ok, over, problem = pcall(job.chunks, job, source, CHUNK, function(pull)
    return handle(job, tbl, pull, list)
  end)
  if ok and over then
    job.state.finished, job.state.bytes = true, sources.size(options.file)
    over, problem = job:save()
    if over then over, problem = list:save() end
  end
  list:close()
  source:close()
  if not ok then error(over, 0) end
  return job:finish(over, problem, { errors = errors_of(job, options) })
end

--- As `migrate.import`.
---@param given table
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function run(given)
  local options = check(given)
  return jobs.run("import", options.table.client, options, perform)
end

return { run = run }
