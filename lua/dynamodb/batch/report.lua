--- The account of one batch: what failed, what is left, and the words for it.
local errors = require "dynamodb.error"

local report = {}

--- The engine numbers tables; reports name them.
local function with_names(sender, list)
  for _, entry in ipairs(list) do
    if type(entry.table) == "number" then entry.table = sender.tables[entry.table].name end
  end
  return list
end

--- What the service refused, in the order of its answers.
---@param sender dynamodb.BatchSender
---@return table[]
function report.refused_by_service(sender) return with_names(sender, sender.engine:failures()) end

--- What was refused before it was sent, in the order of the input.
---@param sender dynamodb.BatchSender
---@return table[]
function report.refused_before(sender) return with_names(sender, sender.refused) end

--- Both, as many as are told.
---@param sender dynamodb.BatchSender
---@return table[]
local function failures(sender)
  local list = report.refused_by_service(sender)
  for _, failure in ipairs(report.refused_before(sender)) do
    if #list >= sender.max_failed then break end
    list[#list + 1] = failure
  end
  return list
end

---@param sender dynamodb.BatchSender
---@return dynamodb.BatchReport
local function account(sender)
  local sum = sender.engine:report()
  sum.bytes, sum.sent = nil, nil
  sum.failures = failures(sender)
  sum.stopped = sender.engine:stopped()
  local capacity = {}
  for number, units in ipairs(sum.capacity) do
    local name = sender.tables[number].name
    if units > 0 then capacity[name] = (capacity[name] or 0) + units end
  end
  sum.capacity = capacity
  if sum.unprocessed > 0 then sum.leftovers = with_names(sender, sender.engine:leftovers()) end
  return sum
end

---@param sender dynamodb.BatchSender
---@param sum dynamodb.BatchReport
---@return string
local function describe(sender, sum)
  local parts = { ("%d of %d done"):format(sum.done + sum.superseded, sum.input) }
  if sum.failed > 0 then parts[#parts + 1] = ("%d failed"):format(sum.failed) end
  if sum.unprocessed > 0 then parts[#parts + 1] = ("%d unprocessed"):format(sum.unprocessed) end
  local text = table.concat(parts, ", ")
  if sum.stopped and sum.stopped ~= "stopped" then text = text .. (" (%s)"):format(sum.stopped) end
  local cause = sender.cause
  if cause == nil and sum.failures[1] then cause = sum.failures[1].code .. ": " .. sum.failures[1].message end
  if cause == nil and sender.last_error then cause = sender.last_error end
  if cause ~= nil then text = text .. "; " .. tostring(cause) end
  return text
end

--- Ends the batch: its report, and the failure if not all of it is done.
---@param sender dynamodb.BatchSender
---@return dynamodb.BatchReport
---@return dynamodb.Error?
function report.finish(sender)
  local sum = account(sender)
  sender.engine:close()
  if sender.explained and sender.cause == nil then return sum, sender.explained end
  if sum.failed == 0 and sum.unprocessed == 0 and sender.cause == nil then return sum end
  local cause = sender.cause
  if cause == nil then cause = sender.last_error end
  return sum, errors.new {
    code = "Incomplete", message = describe(sender, sum), operation = sender.operation, report = sum, cause = cause,
    retryable = sum.unprocessed > 0, sent = sum.requests > 0,
  }
end

return report
