--- Items as JSON with one text for equal items: names and the elements of sets in order, so that two exports of the
--- same items can be compared line by line.
local core = require "dynamodb.core"

local ordered = {}

--- The names of a map in order.
---@param map table
---@return string[]
local function sorted_names(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- A set with its elements in order.
---@param set dynamodb.Set
---@return dynamodb.Set
local function sorted_set(set)
  local keyed = {}
  for i, element in ipairs(set) do keyed[i] = { core.key(element), element } end
  table.sort(keyed, function(a, b) return a[1] < b[1] end)
  local sorted = setmetatable({}, core.set_mt)
  for i, pair in ipairs(keyed) do sorted[i] = pair[2] end
  return sorted
end

--- A writer of values: `scalar` writes what has no inside, `list` and `map` are what stands around the others.
local function writer(scalar, list, map)
  local write
  local function members(value)
    local parts = {}
    for i, name in ipairs(sorted_names(value)) do parts[i] = core.json_encode(name) .. ":" .. write(value[name]) end
    return table.concat(parts, ",")
  end
  function write(value)
    if type(value) ~= "table" then return scalar(value) end
    local mt = getmetatable(value)
    if mt == core.set_mt then return scalar(sorted_set(value)) end
    if mt ~= core.list_mt then return map:format(members(value)) end
    local parts = {}
    for i, element in ipairs(value) do parts[i] = write(element) end
    return list:format(table.concat(parts, ","))
  end
  return function(item) return "{" .. members(item) .. "}" end
end

local write_typed, write_plain

--- An item, as it was read, in DynamoDB JSON: `{"pk":{"S":"a"}}`.
---@param item table
---@return string
function ordered.typed(item)
  write_typed = write_typed or writer(core.marshal_value, '{"L":[%s]}', '{"M":{%s}}')
  return write_typed(item)
end

--- An item, as it was read, in plain JSON: sets are arrays, binaries base64.
---@param item table
---@return string
function ordered.plain(item)
  write_plain = write_plain or writer(core.json_encode, "[%s]", "{%s}")
  return write_plain(item)
end

--- A value, as it was read, in plain JSON.
---@param value any
---@return string
function ordered.plain_value(value)
  return ordered.plain({ v = value }):sub(6, -2) -- {"v":…}
end

return ordered
