--- A table's items into a file, or into a directory in the layout of DynamoDB's export to S3.
local errors = require "dynamodb.error"
local jobs = require "dynamodb.migrate.job"
local option_rules = require "dynamodb.migrate.options"
local outputs = require "dynamodb.formats.output"
local s3 = require "dynamodb.formats.s3"
local scans = require "dynamodb.migrate.scan"
local usage = require "dynamodb.usage"

local KNOWN = [[
  table file directory format gzip columns where names values segments rcu consistent checkpoint progress stop
  grace stall
]]

local CHUNK = 2000
local FORMATS = { ["dynamodb-json"] = "dynamodb.formats.dynamodb_json", json = "dynamodb.formats.json",
  csv = "dynamodb.formats.csv" }

--- Items that were read already, to be written first; then those that `pull` gives.
local function with(items, pull)
  local at = 0
  return function()
    at = at + 1
    if items[at] then return items[at] end
    return pull()
  end
end

--- The sink for one file: `write(pull)` and `save()`.
local function file_sink(job, options, keys)
  local state = job.state
  local format = require(FORMATS[options.format])
  local out, err = outputs.open(options.file, { gzip = options.gzip, size = state.size })
  if not out then return nil, err end
  local sink, writer = {}, nil
  --- A CSV needs its columns before its first line: what the first items have, if nobody says it.
  local function begin(pull)
    local columns = state.columns or options.columns
    local items = {}
    if options.format == "csv" and not columns then
      for item in pull do items[#items + 1] = item end
      columns = format.columns(items, keys)
    end
    state.columns = columns
    writer = format.writer(columns)
    if state.size == 0 and writer.header then
      local ok, problem = out:write(writer.header)
      if not ok then return nil, problem end
    end
    return with(items, pull)
  end
  function sink.write(pull)
    local problem
    if not writer then
      pull, problem = begin(pull)
      if not pull then return nil, problem end
    end
    for item in pull do
      local text, missing = writer.write(item)
      if not text then
        return nil, errors.new {
          code = "NoColumn", retryable = false,
          message = ("an item has %s, for which there is no column; give columns"):format(missing),
        }
      end
      local ok
      ok, problem = out:write(text)
      if not ok then return nil, problem end
    end
    return true
  end
  function sink.save()
    local problem
    state.size, problem = out:mark()
    return state.size and true, problem
  end
  function sink.close() out:close() end
  function sink.finish() return sink.save() end
  return sink
end

--- The sink for a directory. It can be gone on with where a data file ends.
local function s3_sink(job, options)
  local state, runtime = job.state, job.runtime
  local writer, err = s3.writer(options.directory, state.export, runtime:time())
  if not writer then return nil, err end
  state.export = writer.state
  local sink = { directory = writer.directory }
  function sink.write(pull)
    for item in pull do
      local ok, problem = writer:item(item)
      if not ok then return nil, problem end
    end
    return true
  end
  function job.is_due() return writer:is_full() end
  function sink.save() return writer:end_file() end
  function sink.close()
    if writer.out then writer.out:close() end
  end
  function sink.finish()
    local about = options.table:describe { ttl = false } or {}
    return writer:finish { kind = "full", table_arn = about.arn, table_id = about.id, now = runtime:time() }
  end
  return sink
end

local function check(given)
  local options = option_rules.check(given, KNOWN, "export")
  option_rules.need(options, "export", "table")
  option_rules.check_values(options.table, "export")
  option_rules.need_two_files(options, "export", "checkpoint", "file")
  if (options.file == nil) == (options.directory == nil) then
    usage.raise("export: give either file, or directory for the layout of an export to S3")
  end
  if options.directory and (options.format or "dynamodb-json") ~= "dynamodb-json" then
    usage.raise("export: an export to S3 is dynamodb-json")
  end
  if options.columns and options.format ~= "csv" then usage.raise("export: columns belong to the format csv") end
  options.format = options.format or "dynamodb-json"
  if options.gzip == nil and options.file then options.gzip = options.file:find "%.gz$" ~= nil end
  return options
end

--- Reads the table and writes the file or the directory.
---@param job dynamodb.Job
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function perform(job)
  local options = job.options
  local target = options.table
  local ok, err = job:resume {
    table = target, to = options.file or options.directory, format = options.format, gzip = options.gzip,
  }
  if not ok then return nil, err end
  local plain
  plain, err = job:table(target)
  if not plain then return job:refuse(err) end
  if job.state.finished then return job:finish(true, nil, { path = job.state.path }) end
  job:measure(target)
  local query = scans.new(job, plain, options) -- a filter that makes no sense raises, and leaves no file
  local sink
  if options.file then sink, err = file_sink(job, options, plain.schema) else sink, err = s3_sink(job, options) end
  if not sink then return nil, err end
  job.before_save = sink.save
  local began
  began, err = job:save()
  if not began then
    sink.close()
    return job:finish(nil, err)
  end
  local over, problem
  ok, over, problem = pcall(job.chunks, job, query, CHUNK, sink.write)
  job.state.path = options.file or sink.directory
  if ok and over then
    over, problem = sink.finish()
    if over then
      job.state.finished, job.before_save = true, nil
      over, problem = job:save()
    end
  end
  sink.close()
  if not ok then error(over, 0) end
  return job:finish(over, problem, { path = job.state.path })
end

--- As `migrate.export`.
---@param given table
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function run(given)
  local options = check(given)
  return jobs.run("export", options.table.client, options, perform)
end

return { run = run }
