--- Writes a chunk of items or deletes it, in batches.
local bulk = {}

local FAILED = 1e6 -- refused items after which a chunk is given up: more than there are in one

--- What of a chunk's report ends the job; what was refused was told already.
local function finish(job, tbl, report, err)
  report = report or err.report
  job.written = job.written + (report.capacity[tbl.name] or 0)
  if not err then return true end
  if report.unprocessed == 0 and err.cause == nil and not report.stopped then return true end
  return nil, err.cause or err
end

---@param job dynamodb.Job
---@param on_failed function?
---@return table
local function options_for(job, on_failed)
  local options = job.options
  return {
    wcu = options.wcu, concurrency = options.concurrency, stall = options.stall, on_failed = on_failed,
    max_failed = FAILED,
  }
end

--- Puts what `pull` gives.
---@param job dynamodb.Job
---@param tbl dynamodb.Table
---@param pull fun(): table?
---@param on_failed fun(failure: table)
---@return true?
---@return dynamodb.Error?
function bulk.put(job, tbl, pull, on_failed)
  local report, err = tbl:put_all(pull, options_for(job, on_failed))
  return finish(job, tbl, report, err)
end

--- Deletes the items of the keys that `pull` gives.
---@param job dynamodb.Job
---@param tbl dynamodb.Table
---@param pull fun(): table?
---@param on_failed fun(failure: table)
---@return true?
---@return dynamodb.Error?
function bulk.delete(job, tbl, pull, on_failed)
  local report, err = tbl:delete_all(pull, options_for(job, on_failed))
  return finish(job, tbl, report, err)
end

--- Puts and deletes, as `f` tells them.
---@param job dynamodb.Job
---@param tbl dynamodb.Table
---@param f fun(writer: dynamodb.BatchWriter)
---@param on_failed fun(failure: table)
---@return true?
---@return dynamodb.Error?
function bulk.mixed(job, tbl, f, on_failed)
  local report, err = tbl.client:batch(f, options_for(job, on_failed))
  return finish(job, tbl, report, err)
end

return bulk
