--- What bulk work is given: its options, and where its items come from.
local usage = require "dynamodb.usage"

local input = {}

local function flag(value) return type(value) == "boolean" end

--- Can it be called like a function?
---@param value any
---@return boolean
function input.callable(value)
  if type(value) == "function" then return true end
  local metatable = getmetatable(value)
  return type(metatable) == "table" and metatable.__call ~= nil
end

local function positive(value) return type(value) == "number" and value > 0 end
local function count(value) return positive(value) and value == math.floor(value) end

-- What bulk work takes: a check and what it wants, for each option.
local COMMON = {
  concurrency = { count, "a whole number of requests" },
  deadline = { function(value) return type(value) == "number" end, "a time on db:now()" },
  timeout = { positive, "a positive number of seconds" },
  stall = { positive, "a positive number of seconds" },
  budget = { count, "a positive number of bytes" },
  max_failed = { count, "a positive whole number" },
  progress = { input.callable, "a function" },
  on_failed = { input.callable, "a function" },
}
input.WRITING = { wcu = { positive, "a positive number of capacity units a second" } }
input.READING = {
  rcu = { positive, "a positive number of capacity units a second" },
  consistent = { flag, "true or false" },
  attributes = { function(value) return type(value) == "table" end, "a list of paths" },
}
for name, check in pairs(COMMON) do input.WRITING[name], input.READING[name] = check, check end

--- Checked options, with `timeout` turned into a deadline.
---@param client dynamodb.Client
---@param given table?
---@param known table     input.WRITING or input.READING
---@param method string   the caller's name, for messages
---@return table
function input.options(client, given, known, method)
  if given == nil then return {} end
  usage.check_type(given, "table", "the options of " .. method)
  usage.check_names(given, known, "option of " .. method)
  local copy = {}
  for name, value in pairs(given) do
    if not known[name][1](value) then usage.raise(("%s: %s must be %s"):format(method, name, known[name][2])) end
    copy[name] = value
  end
  if copy.timeout then
    local stop = client:now() + copy.timeout
    copy.deadline = copy.deadline and math.min(copy.deadline, stop) or stop
  end
  return copy
end

--- A function that gives one item after the other: from a list, an iterator, or an object with `next`, whose failures
--- it raises.
---@param source table|function
---@param method string    the caller's name, for messages
---@return function
function input.puller(source, method)
  if type(source) == "table" and not input.callable(source) then
    local at, last = 0, #source
    if type(source.next) == "function" then
      return function()
        local item, err = source:next()
        if err then error(err, 0) end
        return item
      end
    end
    return function()
      at = at + 1
      if at > last then return nil end
      if source[at] == nil then return false end -- a hole is refused, it does not end the list
      return source[at]
    end
  end
  if not input.callable(source) then usage.raise(method .. ": a list or an iterator is expected") end
  return function() return (source()) end
end

return input
