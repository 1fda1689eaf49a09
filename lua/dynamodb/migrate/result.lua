--- What a job has come to: its report, or the error that has it.
local errors = require "dynamodb.error"

local result = {}

---@class dynamodb.JobReport
---@field kind string
---@field done boolean               all of it
---@field counts table<string, integer>    of this run and those before it; what did not happen has none
---@field seconds number             of this run
---@field throttles integer
---@field read number                capacity units of this run
---@field written number
---@field stopped string?            "stopped" by the program, or "error"
---@field left table[]?              what was left as it was: `{ key =, why =, code =, message = }`, the first 100
---@field checkpoint string?         the file

--- Are there items that are not as they should be? What an earlier run has left is only counted.
local function has_left(self)
  local counts = self.state.counts
  return self.left[1] ~= nil or (counts.failed or 0) > 0 or (counts.unknown or 0) > 0
end

---@param self dynamodb.Job
---@param report dynamodb.JobReport
---@param cause any
---@return string
local function describe(self, report, cause)
  local parts = {}
  for name, number in pairs(report.counts) do
    if number > 0 and name ~= "seen" then parts[#parts + 1] = ("%d %s"):format(number, name) end
  end
  table.sort(parts)
  local text = ("%s: %d items seen"):format(self.kind, report.counts.seen or 0)
  if parts[1] then text = ("%s (%s)"):format(text, table.concat(parts, ", ")) end
  if report.stopped == "stopped" then text = text .. ", then it was stopped" end
  if cause ~= nil then return text .. "; " .. tostring(cause) end
  if has_left(self) then text = text .. "; not all of them could be done" end
  return text
end

--- The result of a job.
---@param self dynamodb.Job
---@param over boolean?             is all of it done?
---@param cause dynamodb.Error?     what ended it
---@param more table?               further members of the report
---@return dynamodb.JobReport?
---@return dynamodb.Error?          code Incomplete, with `report` and `cause`
function result.of(self, over, cause, more)
  if self.stopped and errors.is_error(cause) and cause.code == "Stopped" then cause = nil end -- which is no failure
  local report = {
    kind = self.kind, counts = self.state.counts, done = over == true and cause == nil and not has_left(self),
    seconds = self.runtime:now() - self.began, throttles = self.throttles, read = self.read, written = self.written,
    stopped = self.stopped or cause and "error" or nil, checkpoint = self.options.checkpoint,
    left = self.left[1] and self.left or nil,
  }
  for name, value in pairs(more or {}) do report[name] = value end
  if report.done then
    report.stopped = nil -- it was, where there was nothing more to do
    return report
  end
  return nil, errors.new {
    code = "Incomplete", message = describe(self, report, cause), report = report, cause = cause,
    retryable = cause ~= nil and cause.retryable == true,
  }
end

return result
