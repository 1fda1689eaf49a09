--- What has to be changed to make one item of another, as the changes of an update.
local core = require "dynamodb.core"
local path = require "dynamodb.expression.path"
local usage = require "dynamodb.usage"

-- What a change costs in a request beside names and values, in bytes: `"#0":"…",` and `#0.`; ` = :0, ` and `":0":,`.
local NAME, POSITION, VALUE = 11, 4, 14

--- An item as it comes back from the service: raw values, numbers, sets and lists in their one form.
---@param item any
---@param which string    for messages
---@return table
local function as_stored(item, which)
  usage.check_type(item, "table", "diff: the " .. which .. " item")
  local ok, json = pcall(core.marshal, item)
  if not ok then usage.raise("diff: " .. (tostring(json):gsub("^Item", which))) end
  return (assert(core.unmarshal(json)))
end

---@param value any
---@return "set"|"list"|"map"|"scalar"
local function kind_of(value)
  if type(value) ~= "table" then return "scalar" end
  local mt = getmetatable(value)
  return mt == core.set_mt and "set" or mt == core.list_mt and "list" or "map"
end

--- The elements of a set that another one lacks.
---@param set dynamodb.Set
---@param other dynamodb.Set
---@return dynamodb.Set
local function without(set, other)
  local there, rest = {}, setmetatable({}, core.set_mt)
  for _, element in ipairs(other) do there[core.key(element)] = true end
  for _, element in ipairs(set) do
    if not there[core.key(element)] then rest[#rest + 1] = element end
  end
  return rest
end

---@class dynamodb.Change
---@field action "set"|"remove"|"add"|"delete"
---@field segments (string|integer)[]
---@field value any

--- A change, and what it costs.
---@param action string
---@param segments (string|integer)[]
---@param value any    nil for remove
---@return dynamodb.Change[]
---@return integer bytes
local function change(action, segments, value)
  local bytes = value ~= nil and #core.marshal_value(value) + VALUE or 0
  for _, segment in ipairs(segments) do
    bytes = bytes + (type(segment) == "number" and POSITION or #segment + NAME)
  end
  return { { action = action, segments = segments, value = value } }, bytes
end

---@param segments (string|integer)[]
---@param segment string|integer
---@return (string|integer)[]
local function below(segments, segment)
  local longer = {}
  for i, each in ipairs(segments) do longer[i] = each end
  longer[#longer + 1] = segment
  return longer
end

--- ADD and DELETE know only whole attributes, and one set takes only one of them. Source: UpdateExpression in
--- DynamoDB's API reference. Sets of two types have no element in common.
local function diff_sets(old, new, segments)
  local added, gone = without(new, old), without(old, new)
  if #added == 0 and #gone == 0 then return {}, 0 end
  if #segments == 1 and #gone == 0 then return change("add", segments, added) end
  if #segments == 1 and #added == 0 then return change("delete", segments, gone) end
  return change("set", segments, new)
end

local diff_values

--- The changes of members, each for itself.
---@param old table
---@param new table
---@param segments (string|integer)[]
---@return dynamodb.Change[]
---@return integer bytes    infinite if a member cannot be named
local function diff_members(old, new, segments)
  local all, sum = {}, 0
  local function take(changes, bytes, name)
    if name == "" and #changes > 0 then bytes = math.huge end -- no path leads there
    for _, each in ipairs(changes) do all[#all + 1] = each end
    sum = sum + bytes
  end
  for name, value in pairs(new) do
    local inner = below(segments, name)
    if old[name] == nil then
      local changes, bytes = change("set", inner, value)
      take(changes, bytes, name)
    else
      local changes, bytes = diff_values(old[name], value, inner)
      take(changes, bytes, name)
    end
  end
  for name in pairs(old) do
    if new[name] == nil then
      local changes, bytes = change("remove", below(segments, name))
      take(changes, bytes, name)
    end
  end
  return all, sum
end

--- The changes that make one value of another: inside of it, or all of it where that is shorter.
---@param old any
---@param new any
---@param segments (string|integer)[]
---@return dynamodb.Change[]
---@return integer bytes
function diff_values(old, new, segments)
  local kind = kind_of(new)
  if kind ~= kind_of(old) then return change("set", segments, new) end
  if kind == "scalar" then
    if core.key(old) == core.key(new) then return {}, 0 end
    return change("set", segments, new)
  end
  if kind == "set" then return diff_sets(old, new, segments) end
  if kind == "list" and #old ~= #new then return change("set", segments, new) end
  local inner, bytes = diff_members(old, new, segments)
  if #inner == 0 then return inner, 0 end
  local whole, whole_bytes = change("set", segments, new)
  if whole_bytes < bytes then return whole, whole_bytes end
  return inner, bytes
end

--- The changes that make `new` of `old`.
---@param old table    the item as it is stored
---@param new table    the item as it shall be
---@return table?      for `Table:update`; nil if nothing differs
local function diff(old, new)
  old, new = as_stored(old, "old"), as_stored(new, "new")
  local changes
  for _, each in ipairs((diff_members(old, new, {}))) do
    if each.segments[1] == "" then usage.raise "diff: an attribute's name cannot be empty" end
    changes = changes or {}
    local entries = changes[each.action] or {}
    changes[each.action] = entries
    local key = #each.segments == 1 and each.segments[1] or path.new((table.unpack or unpack)(each.segments))
    if each.action == "remove" then
      entries[#entries + 1] = key
    else
      entries[key] = each.value
    end
  end
  return changes
end

return diff
