--- Writes a chunk of items, deletes it, or reads one, in batches.
local batch = require "dynamodb.batch"
local errors = require "dynamodb.error"

local bulk = {}

local FAILED = 1e6 -- refused items after which a chunk is given up: more than there are in one

-- What concerns the table, whatever the item is.
local NO_TABLE = { ResourceNotFoundException = true, ResourceInUseException = true, AccessDeniedException = true }

--- The failure of a batch that has to do with more than single items.
---@param err dynamodb.Error    code Incomplete
---@return dynamodb.Error?
local function cause_of(err)
  local report = err.report
  for _, failure in ipairs(report.failures) do
    if NO_TABLE[failure.code] then
      return errors.new { code = failure.code, message = failure.message, operation = err.operation, retryable = false }
    end
  end
  if report.unprocessed == 0 and not report.stopped then return nil end
  return errors.is_error(err.cause) and err.cause or err
end

--- Each batch has a bucket of its own, which is full at first but for what those before it have taken.
---@param job dynamodb.Job
---@param tbl dynamodb.Table
---@param rate number?        capacity units a second
---@param consumed number     by the batch that is over
---@return number? owed       what the next one has to wait for
local function pace(job, tbl, rate, consumed)
  if not rate then return nil end
  local now = job.runtime:now()
  local own = job.paces[tbl] or { left = rate, at = now }
  own.left, own.at = math.min(rate, own.left + (now - own.at) * rate - consumed), now
  job.paces[tbl] = own
  return rate - own.left
end

--- What of a chunk's report ends the job; what was refused was told already.
---@param counted string?    the name under which it is counted what was done
local function finish(job, tbl, report, err, counted)
  report = report or err.report
  if not report then return nil, err end -- the table's keys could not be read
  if counted then job:count(counted, report.done + report.superseded) end
  local units = report.capacity[tbl.name] or 0
  job.written = job.written + units
  pace(job, tbl, job.options.wcu, units)
  local cause = err and cause_of(err)
  return not cause, cause
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
---@param counted string    the name under which it is counted what was done
---@return true?
---@return dynamodb.Error?
function bulk.put(job, tbl, pull, on_failed, counted)
  local owed = pace(job, tbl, job.options.wcu, 0)
  local report, err = batch.write_all(tbl, "put", pull, options_for(job, on_failed), owed)
  return finish(job, tbl, report, err, counted)
end

--- Deletes the items of the keys that `pull` gives.
---@param job dynamodb.Job
---@param tbl dynamodb.Table
---@param pull fun(): table?
---@param on_failed fun(failure: table)
---@param counted string
---@return true?
---@return dynamodb.Error?
function bulk.delete(job, tbl, pull, on_failed, counted)
  local owed = pace(job, tbl, job.options.wcu, 0)
  local report, err = batch.write_all(tbl, "delete", pull, options_for(job, on_failed), owed)
  return finish(job, tbl, report, err, counted)
end

--- Reads the items of keys; what may pass is waited for.
---@param job dynamodb.Job
---@param tbl dynamodb.Table
---@param keys table[]
---@param options table      consistent, attributes, as of `Table:get_all`
---@return table? found      found[i] is the item of keys[i], or false
---@return dynamodb.Error?
function bulk.get(job, tbl, keys, options)
  local rate = job.options.rcu
  options.rcu = rate
  while true do
    local found, err, report = batch.get_all(tbl, keys, options, pace(job, tbl, rate, 0))
    report = report or err.report
    local units = report and report.capacity[tbl.name] or 0
    job.read = job.read + units
    pace(job, tbl, rate, units)
    if found then return found end
    err = err.report and (cause_of(err) or errors.new(err.report.failures[1])) or err
    if not job:wait_after(err) then return nil, err end
  end
end

--- Puts and deletes, as `f` tells them.
---@param job dynamodb.Job
---@param tbl dynamodb.Table
---@param f fun(writer: dynamodb.BatchWriter)
---@param on_failed fun(failure: table)
---@return true?
---@return dynamodb.Error?
function bulk.mixed(job, tbl, f, on_failed)
  local owed = pace(job, tbl, job.options.wcu, 0)
  local report, err = batch.run(tbl.client, f, options_for(job, on_failed), owed)
  return finish(job, tbl, report, err)
end

return bulk
