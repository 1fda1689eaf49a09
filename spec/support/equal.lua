--- Deep equality of values as this library has them, and of AttributeValues on the wire as DynamoDB sees them.
local cjson = require "cjson"
local core = require "dynamodb.core"

local equal = {}
local math_type = math.type or type

--- "list", "set" or "map": by the mark, an unmarked table by its first element.
local function table_kind(t)
  local mt = getmetatable(t)
  if mt == core.set_mt then return "set" end
  if mt == core.list_mt or t[1] ~= nil then return "list" end
  return "map"
end

local function set_keys(set)
  local keys = {}
  for _, element in ipairs(set) do keys[core.key(element)] = true end
  return keys
end

local same

local function same_members(a, b)
  for key, value in pairs(a) do
    if b[key] == nil or not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

--- Equal in value and in type: integers are no floats, boxed numbers no native ones, lists no maps.
---@param a any
---@param b any
---@return boolean
function same(a, b)
  if type(a) ~= type(b) or math_type(a) ~= math_type(b) then return false end
  if type(a) == "userdata" then
    if core.kind(a) ~= core.kind(b) then return false end
    return core.kind(a) == nil and a == b or core.key(a) == core.key(b) and tostring(a) == tostring(b)
  elseif type(a) ~= "table" then
    return a == b
  end
  local kind = table_kind(a)
  if kind ~= table_kind(b) then return false end
  if kind == "set" then return same_members(set_keys(a), set_keys(b)) end
  return same_members(a, b)
end
equal.same = same

--- One text for all spellings of a number: "-1.50E2" and "-150" are both "-15e1".
---@param text string
---@return string
function equal.number(text)
  local sign, whole, fraction, exponent = text:match "^([-+]?)(%d*)%.?(%d*)[eE]?([-+]?%d*)$"
  assert(sign, "not a number: " .. text)
  exponent = (tonumber(exponent) or 0) - #fraction
  local digits = (whole .. fraction):gsub("^0+", "")
  local trimmed = digits:gsub("0+$", "")
  if trimmed == "" then return "0" end
  return ("%s%se%d"):format(sign == "-" and "-" or "", trimmed, exponent + #digits - #trimmed)
end

local function canonical(value)
  local tag, content = next(value)
  assert(next(value, tag) == nil, "an AttributeValue of two types")
  if tag == "N" then return "N" .. equal.number(content) end
  if tag == "S" or tag == "B" then return ("%s%d:%s"):format(tag, #content, content) end
  if tag == "BOOL" or tag == "NULL" then return tag .. tostring(content) end
  local parts = {}
  if tag == "M" then
    for name, member in pairs(content) do parts[#parts + 1] = ("%d:%s=%s"):format(#name, name, canonical(member)) end
    table.sort(parts)
  elseif tag == "L" then
    for i, element in ipairs(content) do parts[i] = canonical(element) end
  else
    for i, element in ipairs(content) do
      parts[i] = tag == "NS" and equal.number(element) or #element .. ":" .. element
    end
    table.sort(parts)
  end
  return tag .. "(" .. table.concat(parts, ",") .. ")"
end

--- One text for all texts of an AttributeValue that DynamoDB takes for equal; read by lua-cjson, not by the core.
---@param json string
---@return string
function equal.canonical(json)
  return canonical(cjson.decode(json))
end

return equal
