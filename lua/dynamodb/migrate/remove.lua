--- Items taken away in numbers: all of a table, or one partition.
local bulk = require "dynamodb.migrate.bulk"
local errors = require "dynamodb.error"
local identity = require "dynamodb.migrate.identity"
local jobs = require "dynamodb.migrate.job"
local option_rules = require "dynamodb.migrate.options"
local scans = require "dynamodb.migrate.scan"

local remove = {}

local TRUNCATE = "table segments shard rcu wcu concurrency checkpoint progress stop grace stall"
local PARTITION = "table key rcu wcu concurrency checkpoint progress stop grace stall"

local CHUNK = 5000

--- Deletes what a query gives.
---@param job dynamodb.Job
---@param tbl dynamodb.Table
---@param query dynamodb.Query
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function delete_found(job, tbl, query)
  local over, err = job:chunks(query, CHUNK, function(pull)
    local refused
    local counts = job.state.counts
    local before = counts.deleted or 0
    local ok, problem = bulk.delete(job, tbl, pull, function(failure) refused = refused or failure end,
      "deleted")
    if ok and refused then
      ok, problem = nil, errors.new { code = refused.code, message = refused.message, retryable = false }
    end
    if not ok then job:count("seen", (counts.deleted or 0) - before) end -- of the chunk only these are not met again
    return ok, problem
  end)
  if over == nil then job:save() end
  if over then
    job.state.finished = true
    over, err = job:save()
  end
  return job:finish(over, err)
end

--- Runs a deletion.
---@param kind string
---@param options table
---@param key string?    what is deleted of the table, if not all of it
---@param reading fun(job: dynamodb.Job, tbl: dynamodb.Table): dynamodb.Query
---@return dynamodb.JobReport?
---@return dynamodb.Error?
local function run(kind, options, key, reading)
  if options.checkpoint then options.checkpoint = options.checkpoint .. option_rules.suffix(options) end
  return jobs.run(kind, options.table.client, options, function(job)
    local ok, err = job:resume { table = options.table, key = key }
    if not ok then return nil, err end
    local tbl
    tbl, err = job:table(options.table)
    if not tbl then return job:refuse(err) end
    if job.state.finished then return job:finish(true) end
    if not key then job:measure(options.table) end
    return delete_found(job, tbl, reading(job, tbl))
  end)
end

---@param tbl dynamodb.Table
---@return string[]
local function key_names(tbl)
  return { tbl.schema.partition, tbl.schema.sort }
end

--- As `migrate.truncate`.
---@param given table
---@return dynamodb.JobReport?
---@return dynamodb.Error?
function remove.truncate(given)
  local options = option_rules.check(given, TRUNCATE, "truncate")
  option_rules.need(options, "truncate", "table")
  return run("truncate", options, nil, function(job, tbl) return scans.new(job, tbl, options, key_names(tbl)) end)
end

--- As `migrate.delete_partition`.
---@param given table
---@return dynamodb.JobReport?
---@return dynamodb.Error?
function remove.partition(given)
  local options = option_rules.check(given, PARTITION, "delete_partition")
  option_rules.need(options, "delete_partition", "table", "key")
  return run("delete_partition", options, identity.of_filter { where = options.key }, function(job, tbl)
    return tbl:query(options.key, {
      attributes = key_names(tbl), rcu = options.rcu, cursor = job.state.cursor, capacity = "total",
    })
  end)
end

return remove
