--- Optimistic locking: a table whose items carry a version, which every write through the table checks and moves on.
---
--- The first write finds no version and makes it 1; each later one finds the version that the caller has read and makes
--- it one more. What somebody else wrote in between fails the condition instead of being overwritten. Global tables
--- with eventual consistency settle such a race after both writes have succeeded: there, versions protect one region
--- only.
local core = require "dynamodb.core"
local expr = require "dynamodb.expression.operators"
local same_item = require "dynamodb.same_item"
local usage = require "dynamodb.usage"

local versions = {}

--- A version as a Lua number. Raises on what cannot be one.
---@param value any
---@param where string     for the message
---@return integer?        nil if there is none yet
local function as_number(value, where)
  if value == nil or value == core.null then return nil end
  local number = core.kind(value) == "number" and value:tonumber() or value
  if type(number) ~= "number" or number < 0 or number >= 2 ^ 53 or number ~= math.floor(number) then
    usage.raise(("%s is the item's version: a whole number, not %s"):format(where, tostring(value)))
  end
  return math.floor(number)
end

--- The condition that the item is as it was read, and whatever else the caller wants of it.
---@param name string
---@param current integer?
---@param where any
---@return table
local function guard(name, current, where)
  local condition = current and { [name] = current } or expr.missing(name)
  if where == nil then return condition end
  return { condition, where }
end

--- A shallow copy with one field changed.
local function with(fields, name, value)
  local copy = {}
  for key, member in pairs(fields) do copy[key] = member end
  copy[name] = value
  return copy
end

--- A put on a versioned table.
---@param name string      the version's attribute
---@param item table       not changed
---@param where any
---@return table item      with the next version
---@return any condition
---@return integer next
function versions.put(name, item, where)
  local current = as_number(item[name], "item." .. name)
  local next_version = (current or 0) + 1
  return with(item, name, next_version), guard(name, current, where), next_version
end

--- A new item on a versioned table: whatever version the caller's table has is not of this item.
---@param name string
---@param item table
---@return table item
---@return integer next
function versions.create(name, item)
  return with(item, name, 1), 1
end

--- A key without the version that it may have because it is a whole item's, or was made of one.
---@param name string
---@param key table
---@return table key
---@return any version
function versions.strip(name, key)
  if type(key) ~= "table" or key[name] == nil then return key end
  return with(key, name, nil), key[name]
end

--- The condition of an update, a delete or a check.
---@param name string
---@param given any        version of the options, else of the key; false: the item has none yet
---@param where any
---@param method string    for the message
---@return any condition
---@return integer|false|nil current    nil: the caller conditions the write otherwise
function versions.condition(name, given, where, method)
  if given == nil then
    if where == nil then
      usage.raise(("%s needs the version that was read (in the key or as option), or where: the table has versions")
        :format(method))
    end
    return where, nil
  end
  local current = given ~= false and as_number(given, "version") or nil
  return guard(name, current, where), current or false
end

--- The changes of an update with the version's own.
---@param name string
---@param changes any
---@param current integer|false|nil    as `versions.condition` gives it
---@return table changes
---@return integer? next               nil if only the service knows
function versions.update(name, changes, current)
  if type(changes) ~= "table" then
    usage.raise("changes must be a table, not a text: the table has versions, which have to be written too")
  end
  for action, entries in pairs(changes) do
    if type(entries) == "table" then
      for key, value in pairs(entries) do
        if key == name or value == name and action == "remove" then
          usage.raise(("changes.%s: %q is the version, which moves by itself"):format(tostring(action), name))
        end
      end
    end
  end
  if current == nil then
    local add = changes.add
    return with(changes, "add", with(type(add) == "table" and add or {}, name, 1)), nil
  end
  local next_version = (current or 0) + 1
  local set = changes.set
  return with(changes, "set", with(type(set) == "table" and set or {}, name, next_version)), next_version
end

--- Is an item as an update under a version has left it? Only one that sets attributes to values can be told by them;
--- one that sets nothing but the version could be anybody's. A default says only that the attribute is there.
---@param item table      as on the wire
---@param params table    of UpdateItem, as they were sent
---@return boolean
function versions.was_updated(item, params)
  local clause = params.UpdateExpression:match "^SET (.*)$"
  if not clause then return false end
  local found, wanted, count = {}, {}, 0
  local names = params.ExpressionAttributeNames
  local rest = clause:gsub("(#%d+) = if_not_exists%(%1, :%d+%)", function(alias)
    if item[names[alias]] == nil then count = -math.huge end
    return ""
  end)
  for assignment in rest:gmatch "[^,]+" do
    local alias, placeholder = assignment:match "^ *(#%d+) = (:%d+)$"
    if not alias and assignment ~= " " then return false end
    if alias then
      local name = names[alias]
      found[name], wanted[name] = item[name], params.ExpressionAttributeValues[placeholder]
      count = count + 1
    end
  end
  return count > 1 and same_item(found, wanted)
end

return versions
