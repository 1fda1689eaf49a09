--- The condition of a write that makes one image of an item another: the item is still the one that was read.
local e = require "dynamodb.expression.operators"
local expression = require "dynamodb.expression"
local input = require "dynamodb.batch.input"

local guard = {}

local SURE = 100 -- attributes that are within the quotas for sure: two operators and 25 bytes each

--- Does it stay within the quotas of expressions?
---@param condition table
---@return boolean
local function fits(condition)
  return (pcall(function() expression.new(nil, nil, true):condition(condition) end))
end

--- The values of some attributes, or that they are not there.
---@param names table<string, any>    the attributes are its keys
---@param from table
---@param keys dynamodb.KeySchema
---@return table
local function unchanged(names, from, keys)
  local condition = { e.exists(keys.partition) }
  for name in pairs(names) do
    if name ~= keys.partition and name ~= keys.sort then
      local value = from[name]
      if value == nil then value = e.missing end
      condition[name] = value
    end
  end
  return condition
end

--- The attributes that changes are about.
---@param changes table
---@return table<string, boolean>
local function touched(changes)
  local names = {}
  for action, entries in pairs(changes) do
    for key, value in pairs(entries) do
      local at = action == "remove" and value or key
      names[type(at) == "table" and at[1] or at] = true
    end
  end
  return names
end

--- All attributes of either image, and how many they are.
local function all_of(from, to)
  local names, count = {}, 0
  for name in pairs(from) do
    names[name] = true
    count = count + 1
  end
  for name in pairs(to or {}) do
    if not names[name] then
      names[name] = true
      count = count + 1
    end
  end
  return names, count
end

---@class dynamodb.GuardRules
---@field keys dynamodb.KeySchema
---@field version string?           the attribute that every writer moves on
---@field touched boolean?          may the values of what is changed be enough?
---@field guard string[]|function?  what the caller wants to be checked instead

--- The condition under which `from` may become `to`. All values that were read, if there are not too many of them; else
--- the version; else, where that may be enough, the values of what is changed: with a mark, that is one of them.
---@param rules dynamodb.GuardRules
---@param from table
---@param to table?          nil: it is deleted
---@param changes table?     that make `to` of `from`, if that is an update
---@return table? condition
---@return string? message   why there is none
function guard.condition(rules, from, to, changes)
  local own, keys = rules.guard, rules.keys
  if own and input.callable(own) then
    local ok, condition = pcall(own, from, to)
    if not ok then return nil, "guard: " .. tostring(condition) end
    return { e.exists(keys.partition), condition }
  elseif own then
    local names = {}
    for _, name in ipairs(own) do names[name] = true end
    return unchanged(names, from, keys)
  end
  local names, count = all_of(from, changes and to)
  local condition = unchanged(names, from, keys)
  if count <= SURE or fits(condition) then return condition end
  if rules.version then return unchanged({ [rules.version] = true }, from, keys) end
  if rules.touched and changes then
    condition = unchanged(touched(changes), from, keys)
    if fits(condition) then return condition end
  end
  return nil, "it has too many attributes for one condition (4 KB, 300 operators): give mark or guard, "
    .. "or a table with a version"
end

return guard
