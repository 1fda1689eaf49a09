--- Are two items, as they are on the wire, the same to DynamoDB? `1` is `1.0`, and sets and maps have no order.
local core = require "dynamodb.core"

local same_value

---@param a table    attribute name -> AttributeValue
---@param b table
---@return boolean
local function same_map(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for name, value in pairs(a) do
    if b[name] == nil or not same_value(value, b[name]) then return false end
  end
  for name in pairs(b) do
    if a[name] == nil then return false end
  end
  return true
end

local function same_list(a, b)
  if type(a) ~= "table" or type(b) ~= "table" or #a ~= #b then return false end
  for i, value in ipairs(a) do
    if not same_value(value, b[i]) then return false end
  end
  return true
end

local function same_number(a, b)
  if a == b then return true end
  local ok_a, number_a = pcall(core.number, a)
  local ok_b, number_b = pcall(core.number, b)
  return ok_a and ok_b and core.compare(number_a, number_b) == 0
end

--- The elements of a set in a form in which equal ones are the same.
local function members(set, of_numbers)
  local found, count = {}, 0
  for _, element in ipairs(set) do
    if of_numbers then
      local ok, number = pcall(core.number, element)
      element = ok and core.key(number) or element
    end
    if not found[element] then count = count + 1 end
    found[element] = true
  end
  return found, count
end

local function same_set(a, b, of_numbers)
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  local in_a, count_a = members(a, of_numbers)
  local in_b, count_b = members(b, of_numbers)
  if count_a ~= count_b then return false end
  for element in pairs(in_a) do
    if not in_b[element] then return false end
  end
  return true
end

local COMPARE = {
  N = same_number,
  L = same_list,
  M = same_map,
  SS = same_set,
  BS = same_set,
  NS = function(a, b) return same_set(a, b, true) end,
}

function same_value(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  local tag, value = next(a)
  local other = tag ~= nil and b[tag]
  if tag == nil or other == nil then return false end
  local compare = COMPARE[tag]
  if compare then return compare(value, other) end
  return value == other
end

return same_map
