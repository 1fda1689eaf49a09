--- Many PartiQL statements, 25 to a request, until each is done or accounted for. An answer with the status 200 does
--- not mean that they are: each statement has its own outcome.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local option_rules = require "dynamodb.options"
local random = require "dynamodb.random"
local statement = require "dynamodb.partiql.statement"
local usage = require "dynamodb.usage"
local write = require "dynamodb.write"

local OPTIONS = write.set_of("consistent", "capacity", "timeout", "deadline", "stall", "retry_ambiguous")

local MOST = 25 -- statements of a request. Source: Statements of BatchExecuteStatement in DynamoDB's API reference

-- Between two requests when the service left something over: random, up to BASE, doubled as long as nothing is done.
-- Source: "Error retries and exponential backoff", DynamoDB Developer Guide.
local BASE, CAP = 0.05, 20
local STALL = 60 -- seconds without any progress

-- Codes of statements that are not those of whole requests. Source: BatchStatementError in the API reference.
local THROTTLED = write.set_of("ProvisionedThroughputExceeded", "ThrottlingError")

--- May the statement succeed a moment later, and was nothing done?
---@param code string
---@return boolean
local function is_throttled(code)
  return THROTTLED[code] or core.classify(nil, code) == "throttling"
end

---@class dynamodb.StatementReport    done + failed + unprocessed == input
---@field input integer          statements
---@field done integer
---@field failed integer         refused by the service
---@field unprocessed integer    not confirmed when it ended
---@field results table          results[i]: the item of statement i, false if there is none; true for a write; nil for
---                              one that is not done
---@field failures table[]       { index =, statement =, code =, message =, item = }
---@field leftovers table[]      what is unprocessed: { index =, statement =, code =, message =, ambiguous = }
---@field stopped string?        why it gave up: "deadline", "stalled", "error"
---@field requests integer
---@field capacity table<string, number>    units that the service reported, by table

---@class dynamodb.StatementBatch
---@field client dynamodb.Client
---@field statements dynamodb.Statement[]
---@field options table
---@field limits table            deadline, retry_ambiguous
---@field pending integer[]       numbers of the statements that are to be sent, in order
---@field again table             what was said of a statement when it was left over the last time
---@field ambiguous table<integer, boolean>    may it have been applied?
---@field report dynamodb.StatementReport
---@field level integer           requests since something was done
---@field progress number         when that was
---@field cause dynamodb.Error?   what ended it
---@field explained dynamodb.Error?

---@param self dynamodb.StatementBatch
---@param index integer
---@param code string
---@param message string?
---@param item table?
local function fail(self, index, code, message, item)
  local report = self.report
  report.failed = report.failed + 1
  report.failures[report.failed] = {
    index = index, statement = self.statements[index].text, code = code, message = message, item = item,
  }
end

---@param self dynamodb.StatementBatch
---@param index integer
---@param response table    of this statement
---@return boolean left     it is to be sent again
local function settle(self, index, response)
  local failure = response.Error
  if not failure then
    local item = response.Item
    if item == nil then item = self.statements.kind ~= "read" end
    self.report.results[index], self.report.done = item, self.report.done + 1
    return false
  end
  local code = type(failure.Code) == "string" and failure.Code or "Unknown"
  local message, throttled = failure.Message, is_throttled(code)
  if throttled or code == "InternalServerError" then
    self.again[index] = { code = code, message = message }
    if throttled or self.repeatable then return true end
    self.ambiguous[index] = true -- it is left over: nobody knows whether it was applied
    return false
  end
  fail(self, index, code, message, failure.Item)
  return false
end

--- Nothing more is sent.
---@param self dynamodb.StatementBatch
---@param why string
---@param cause dynamodb.Error?
local function stop(self, why, cause)
  self.report.stopped, self.cause = why, cause
end

--- A request that failed as a whole.
---@param self dynamodb.StatementBatch
---@param chunk integer[]
---@param err dynamodb.Error
---@return integer[] left
local function settle_failure(self, chunk, err)
  if err.code == "Explained" then
    self.explained = err
    return {}
  end
  -- One request has its own time; whether the batch is out of time is seen when it waits.
  if err.retryable or err.code == "DeadlineExceeded" and not err.ambiguous then
    for _, index in ipairs(chunk) do self.again[index] = { code = err.code, message = err.message } end
    self.last_error = err
    return chunk
  end
  if err:is "Validation" then
    for _, index in ipairs(chunk) do fail(self, index, err.code, err.message) end
    return {}
  end
  for _, index in ipairs(chunk) do
    self.again[index] = { code = err.code, message = err.message }
    self.ambiguous[index] = err.ambiguous or nil
  end
  local deadline = self.limits.deadline
  stop(self, deadline and self.client:now() >= deadline and "deadline" or "error", err)
  return chunk
end

---@param self dynamodb.StatementBatch
---@param consumed any    ConsumedCapacity of the answer: one for each table
local function count_capacity(self, consumed)
  local sums = self.report.capacity
  for _, one in ipairs(type(consumed) == "table" and consumed or {}) do
    local name, units = one.TableName, one.CapacityUnits
    if name and type(units) == "number" then sums[name] = (sums[name] or 0) + units end
  end
end

--- Sends one request.
---@param self dynamodb.StatementBatch
---@param chunk integer[]    numbers of its statements
---@return integer[] left    those that are to be sent again
local function send(self, chunk)
  local params = { Statements = {}, ReturnConsumedCapacity = option_rules.capacity(self.client, self.options) }
  for i, index in ipairs(chunk) do
    params.Statements[i] = statement.members(self.statements[index], self.options.consistent)
  end
  self.report.requests = self.report.requests + 1
  local answer, err, meta = self.client:perform("BatchExecuteStatement", params, self.limits)
  if answer and (type(answer.Responses) ~= "table" or #answer.Responses ~= #chunk) then
    err = errors.new {
      code = "ResponseError", operation = "BatchExecuteStatement", sent = true, attempts = meta.attempts,
      request_id = meta.request_id, message = "the answer does not have one response for each statement",
      ambiguous = self.statements.kind ~= "read", retryable = false,
    }
  end
  if err then return settle_failure(self, chunk, err) end
  count_capacity(self, answer.ConsumedCapacity)
  local left = {}
  for i, index in ipairs(chunk) do
    if settle(self, index, answer.Responses[i]) then left[#left + 1] = index end
  end
  return left
end

--- The next statements to send: those that were left over stand before the others.
---@param self dynamodb.StatementBatch
---@return integer[]
local function take(self)
  local chunk = {}
  while #chunk < MOST and self.first <= self.last do
    chunk[#chunk + 1] = self.pending[self.first]
    self.pending[self.first], self.first = nil, self.first + 1
  end
  return chunk
end

---@param self dynamodb.StatementBatch
---@param left integer[]
local function give_back(self, left)
  for i = #left, 1, -1 do
    self.first = self.first - 1
    self.pending[self.first] = left[i]
  end
end

--- Waits before what was left over is sent again; gives up where that makes no sense any more.
---@param self dynamodb.StatementBatch
local function wait(self)
  local client = self.client
  local runtime = client:runtime()
  local now = runtime:now()
  local delay = (client.random or random)() * math.min(CAP, BASE * 2 ^ self.level)
  self.level = self.level + 1
  if now + delay - self.progress >= (self.options.stall or STALL) then return stop(self, "stalled", self.last_error) end
  local deadline = self.limits.deadline
  if deadline and now + delay >= deadline then return stop(self, "deadline", self.last_error) end
  runtime:sleep(delay)
end

---@param self dynamodb.StatementBatch
local function run(self)
  local report = self.report
  while not report.stopped do
    local chunk = take(self)
    if #chunk == 0 then return end
    local before = report.done + report.failed
    local left = send(self, chunk)
    give_back(self, left)
    if report.done + report.failed > before then
      self.level, self.progress = 0, self.client:now()
    end
    if #left > 0 and not report.stopped then wait(self) end
  end
end

---@param self dynamodb.StatementBatch
---@return dynamodb.StatementReport?
---@return dynamodb.Error?
local function finish(self)
  if self.explained then return nil, self.explained end
  local report, ambiguous = self.report, false
  local function leave(index)
    local said = self.again[index] or {}
    report.leftovers[#report.leftovers + 1] = {
      index = index, statement = self.statements[index].text, code = said.code, message = said.message,
      ambiguous = self.ambiguous[index] or false,
    }
    ambiguous = ambiguous or self.ambiguous[index] == true
  end
  local failed = {}
  for _, failure in ipairs(report.failures) do failed[failure.index] = true end
  for index = 1, report.input do
    if report.results[index] == nil and not failed[index] then leave(index) end
  end
  report.unprocessed = #report.leftovers
  if report.done == report.input then return report end
  local parts = { ("%d of %d done"):format(report.done, report.input) }
  if report.failed > 0 then parts[#parts + 1] = report.failed .. " failed" end
  if report.unprocessed > 0 then parts[#parts + 1] = report.unprocessed .. " unprocessed" end
  local message, first = table.concat(parts, ", "), report.failures[1] or report.leftovers[1]
  if report.stopped then message = ("%s (%s)"):format(message, report.stopped) end
  if first.code then
    message = ("%s; statement %d: %s: %s"):format(message, first.index, first.code, first.message or "")
  end
  return nil, errors.new {
    code = "Incomplete", message = message, operation = "BatchExecuteStatement", report = report, cause = self.cause,
    retryable = report.unprocessed > 0 and not ambiguous, ambiguous = ambiguous, sent = report.requests > 0,
  }
end

---@param client dynamodb.Client
---@param list table[]
---@param given table?
---@return dynamodb.StatementReport?
---@return dynamodb.Error?
local function run_all(client, list, given)
  local options = option_rules.check(given, OPTIONS, "execute_batch")
  local stall = options.stall
  if stall ~= nil and (type(stall) ~= "number" or stall <= 0) then
    usage.raise("stall must be a positive number of seconds")
  end
  option_rules.capacity(client, options)
  local statements = statement.list(list, client, "execute_batch")
  if options.consistent ~= nil and statements.kind == "write" then
    usage.raise("consistent is for statements that read")
  end
  local insists = options.retry_ambiguous
  if insists == nil then insists = client.retry_ambiguous end
  local now, deadline = client:now(), options.deadline
  if options.timeout then deadline = math.min(deadline or math.huge, now + options.timeout) end
  local self = {
    client = client, statements = statements, options = options,
    limits = { deadline = deadline, retry_ambiguous = options.retry_ambiguous },
    repeatable = statements.kind == "read" or insists,
    pending = {}, first = 1, last = #statements,
    again = {}, ambiguous = {},
    level = 0, progress = now,
    report = {
      input = #statements, done = 0, failed = 0, unprocessed = 0, results = {}, failures = {}, leftovers = {},
      requests = 0, capacity = {},
    },
  }
  for i = 1, #statements do self.pending[i] = i end
  run(self)
  return finish(self)
end

return { run = run_all }
