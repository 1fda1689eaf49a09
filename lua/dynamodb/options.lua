--- The options of a method: known by name, and of the right type where several methods share them.
local usage = require "dynamodb.usage"

local options = {}

local FLAGS = { "consistent", "retry_ambiguous", "wait", "if_exists", "plan", "prune", "replace_indexes" }

---@param timeout any
---@param deadline any
local function check_times(timeout, deadline)
  local is_positive = type(timeout) == "number" and timeout > 0
  if timeout and not is_positive then
    usage.raise("timeout must be a positive number of seconds, or false for none")
  end
  if deadline ~= nil and (type(deadline) ~= "number" or deadline ~= deadline) then
    usage.raise(("deadline must be a number of seconds on db:now(), not a %s"):format(type(deadline)))
  end
end

local NONE = {} -- nobody writes to the options of a call

--- The options as given, or none. Raises on a name that the method does not know and on a wrong type.
---@param given table?
---@param known table<string, boolean>
---@param method string    for messages
---@return table
function options.check(given, known, method)
  if given == nil then return NONE end
  usage.check_type(given, "table", "the options of " .. method)
  usage.check_names(given, known, "option of " .. method)
  check_times(given.timeout, given.deadline)
  for _, name in ipairs(FLAGS) do
    local value = given[name]
    if value ~= nil and type(value) ~= "boolean" then
      usage.raise(("%s must be true or false, not a %s"):format(name, type(value)))
    end
  end
  local token = given.idempotent
  if token ~= nil and type(token) ~= "boolean" then options.check_token(token, "idempotent") end
  return given
end

--- Raises unless each of the options, if it is given, is a count that the service takes.
---@param given table
---@param names string[]
function options.check_counts(given, names)
  for _, name in ipairs(names) do
    local value = given[name]
    if value ~= nil and (type(value) ~= "number" or value < 1 or value % 1 ~= 0 or value > 2 ^ 31 - 1) then
      local given_as = type(value) == "number" and tostring(value) or "a " .. type(value)
      usage.raise(("%s must be a whole number from 1, not %s"):format(name, given_as))
    end
  end
end

--- Raises unless the value can be an idempotency token. Source: ClientRequestToken of TransactWriteItems.
---@param token any
---@param name string    of the option
function options.check_token(token, name)
  if type(token) ~= "string" or #token < 1 or #token > 36 or token:find("[^!-~]") then
    usage.raise(name .. " must be a token: a string of 1 to 36 printable characters without blanks")
  end
end

local CAPACITY = { none = "NONE", total = "TOTAL", indexes = "INDEXES" }

--- What is asked about the capacity that an operation consumes: the option, else the client's.
---@param client dynamodb.Client
---@param given table
---@return string?    as DynamoDB spells it; nil for nothing
function options.capacity(client, given)
  local capacity = given.capacity or client.capacity
  if not CAPACITY[capacity] then usage.raise('capacity must be "none", "total" or "indexes"') end
  return capacity ~= "none" and CAPACITY[capacity] or nil
end

return options
