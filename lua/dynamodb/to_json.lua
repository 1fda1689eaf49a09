--- Plain JSON of an item, for an HTTP reply: sets become arrays, binaries base64, numbers bare digits.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"

local MAX_DEPTH = 100 -- deeper than any item; a cycle ends here

local write

--- A sequence is an array; an empty table is one only if it carries the list mark.
---@param value table
---@param where string    path of the table, for messages
---@return boolean
local function is_array(value, where)
  local mt = getmetatable(value)
  local count, named = 0, false
  for key in pairs(value) do
    if type(key) == "number" then count = count + 1 else named = true end
  end
  if named and count > 0 then usage.raise(where .. " mixes a list and a map") end
  if count ~= #value then usage.raise(where .. " has a hole") end
  return count > 0 or not named and (mt == core.list_mt or mt == core.set_mt)
end

local function write_table(value, where, depth)
  if depth > MAX_DEPTH then usage.raise(where .. " is nested too deeply") end
  local parts = {}
  if is_array(value, where) then
    for i = 1, #value do parts[i] = write(value[i], ("%s[%d]"):format(where, i), depth + 1) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local names = {}
  for name in pairs(value) do
    if type(name) ~= "string" then usage.raise(("%s has a key that is a %s"):format(where, type(name))) end
    names[#names + 1] = name
  end
  table.sort(names)
  for i, name in ipairs(names) do
    parts[i] = core.json_encode(name) .. ":" .. write(value[name], where .. "." .. name, depth + 1)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

---@param value any
---@param where string
---@param depth integer
---@return string
function write(value, where, depth)
  local kind = core.kind(value)
  if kind == "number" then return tostring(value) end
  if kind == "binary" then return '"' .. core.base64(tostring(value)) .. '"' end
  if type(value) == "table" then return write_table(value, where, depth) end
  if value == core.null then return "null" end
  local ok, text = pcall(core.json_encode, value)
  if not ok then usage.raise(("%s: a %s cannot be written as JSON"):format(where, type(value))) end
  return text
end

--- Plain JSON of an item or of any value in one. Object members are sorted. What tells a set from a list, or a binary
--- from a string, is lost: it is for readers who do not know DynamoDB.
---@param value any
---@return string
local function to_json(value)
  return write(value, "value", 1)
end

return to_json
