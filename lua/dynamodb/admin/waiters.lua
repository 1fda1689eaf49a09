--- Waits until something of the control plane has come to the state that is wanted.
---
--- They look again after a delay that grows from 0.2 seconds to 10; the AWS SDKs wait 20 seconds from the start, which
--- is long for an engine on the same machine, and for most changes of a table.
local errors = require "dynamodb.error"
local goals = require "dynamodb.admin.goals"
local option_rules = require "dynamodb.options"
local random = require "dynamodb.random"
local usage = require "dynamodb.usage"

local waiters = {}

local PATIENCE = 600                           -- seconds in all, if the caller does not say
local FIRST, FACTOR, LONGEST = 0.2, 1.7, 10    -- seconds until the second look, its growth and its limit
local FAILURES = 5                             -- looks in a row that may fail

--- When a wait has to be over: after 600 seconds, if the options say nothing.
---@param client dynamodb.Client
---@param options table    timeout, deadline
---@return number?
function waiters.deadline(client, options)
  local timeout = options.timeout
  if timeout == nil and options.deadline == nil then timeout = PATIENCE end
  if not timeout then return options.deadline end
  return math.min(client:now() + timeout, options.deadline or math.huge)
end

---@class dynamodb.Pauses    delays that grow
---@field client dynamodb.Client
---@field deadline number?
---@field delay number    the next one, before jitter
local pause_methods = {}
local pause_mt = { __index = pause_methods }

--- Sleeps for a while; never over the deadline, before which there is one more look.
---@private
---@return boolean    false when there is no time left for another look
function pause_methods:sleep()
  local wait = self.delay * (0.75 + (self.client.random or random)() / 2)
  self.delay = math.min(self.delay * FACTOR, LONGEST)
  if self.deadline then
    local left = self.deadline - self.client:now()
    if left < 1.5 * FIRST then return false end
    wait = math.min(wait, left - FIRST)
  end
  self.client:runtime():sleep(wait)
  return true
end

--- Delays from 0.2 to 10 seconds.
---@param client dynamodb.Client
---@param deadline number?
---@return dynamodb.Pauses
function waiters.pauses(client, deadline)
  return setmetatable({ client = client, deadline = deadline, delay = FIRST }, pause_mt)
end

--- What is waited for, in words.
---@param goal dynamodb.Goal
---@param of string
---@param options table
---@return string
local function in_words(goal, of, options)
  return goal.text:format(options.index and ("index %s of %s"):format(options.index, of) or of)
end

---@param goal dynamodb.Goal
---@param text string
---@param state string?     the last one seen
---@param cause any
---@return dynamodb.Error
local function expired(goal, text, state, cause)
  return errors.new {
    code = "DeadlineExceeded", operation = goal.operation, state = state, cause = cause, retryable = true, sent = true,
    message = ("waited for %s; %s"):format(text, state and "the last state seen is " .. state
      or "nothing was seen in time"),
  }
end

---@param goal dynamodb.Goal
---@param text string
---@param state string?
---@param reason any
---@return dynamodb.Error
local function failed(goal, text, state, reason)
  local message = ("waited for %s, but it is %s"):format(text, tostring(state))
  if type(reason) == "string" and reason ~= "" then message = message .. ": " .. reason end
  return errors.new {
    code = "WaitFailed", operation = goal.operation, state = state, message = message, retryable = false, sent = true,
  }
end

--- May a look that failed be repeated?
local function is_passing(err) return err.retryable or err.code == "DeadlineExceeded" end

--- Looks until the goal is reached, is out of reach, or the time is over.
---@param client dynamodb.Client
---@param goal dynamodb.Goal
---@param of string             the name or ARN of what is looked at
---@param deadline number?      on the runtime's clock
---@param options table?        of the goal
---@param later boolean?        something was changed right now: the first look is after a delay, too
---@return any value            what was looked at, as DynamoDB describes it; true if it is gone
---@return dynamodb.Error?
function waiters.run(client, goal, of, deadline, options, later)
  options = options or {}
  local limits = { timeout = client.timeout, deadline = deadline }
  local pauses, seen = waiters.pauses(client, deadline), {}
  local params = { [goal.subject] = of, IndexName = goal.operation ~= "DescribeTable" and options.index or nil }
  local text, failures = in_words(goal, of, options), 0
  local last, cause -- the last state, and why the last look failed
  if later and not pauses:sleep() then return nil, expired(goal, text) end
  repeat
    local answer, err = client:perform(goal.operation, params, limits)
    local state, verdict, value, reason
    if answer then
      state, verdict, value, reason = goal.judge(answer, options, seen)
    elseif goal.missing and err:is "ResourceNotFound" then
      state, verdict, value, err = "missing", goal.missing, true, nil
    else
      failures = failures + 1
      if not is_passing(err) or failures >= FAILURES then return nil, err end
    end
    if not err then failures, last = 0, state and tostring(state) or "unknown" end
    cause = err
    if verdict == "done" then return value end
    if verdict == "failed" then return nil, failed(goal, text, last, reason) end
  until not pauses:sleep()
  return nil, expired(goal, text, last, cause)
end

--- As `db:wait`.
---@param client dynamodb.Client
---@param what any
---@param of any
---@param options table?
---@param method string        the caller's name, for messages
---@return any value
---@return dynamodb.Error?
function waiters.wait(client, what, of, options, method)
  usage.check_type(what, "string", "what is waited for")
  local goal = goals.public[what]
  if not goal then usage.check_names({ [what] = true }, goals.public, "goal of " .. method) end
  usage.check_type(of, "string", "the name or ARN of what is waited for")
  local known = { timeout = true, deadline = true }
  for name in pairs(goal.options or {}) do known[name] = true end
  options = option_rules.check(options, known, ("%s %q"):format(method, what))
  if what == "index" then usage.check_type(options.index, "string", "index") end
  return waiters.run(client, goal, of, waiters.deadline(client, options), options)
end

--- As `Table:wait`.
---@param target dynamodb.Table
---@param what any
---@param options table?
function waiters.wait_for_table(target, what, options)
  local goal = goals.public[what]
  if goal and goal.subject ~= "TableName" then
    usage.raise(("wait: %q is not about a table; use db:wait(%q, arn)"):format(what, what))
  end
  return waiters.wait(target.client, what, target.name, options, "wait")
end

return waiters
