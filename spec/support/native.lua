--- The abstract notation of vectors/marshalling, {"t": type, "v": value}, as Lua values.
local core = require "dynamodb.core"

local native

local function elements(list)
  local out = {}
  for i, element in ipairs(list) do
    if type(element) == "table" then out[i] = native(element) else out[i] = element end
  end
  return out
end

local function set_of(values) return setmetatable(values, core.set_mt) end

local FLOATS = { NaN = 0/0, Infinity = 1/0, ["-Infinity"] = -1/0 }

local readers = {
  null = function() return core.null end,
  bool = function(n) return n.v end,
  string = function(n) return n.v end,
  number = function(n) return FLOATS[n.v] or core.number(n.v) end,
  double = function(n) return tonumber(n.v .. ".0") end,
  binary = function(n) return core.binary(assert(core.unbase64(n.b64))) end,
  undefined = function() return print end,
  list = function(n) return setmetatable(elements(n.v), core.list_mt) end,
  set = function(n) return set_of(elements(n.v)) end,
  string_set = function(n) return set_of(elements(n.v)) end,
  number_set = function(n)
    local numbers = {}
    for i, text in ipairs(n.v) do numbers[i] = core.number(text) end
    return set_of(numbers)
  end,
  map = function(n)
    local out = {}
    for name, member in pairs(n.v) do out[name] = native(member) end
    return out
  end,
}

---@param notation table
---@return any
function native(notation)
  local read = readers[notation.t]
  if not read then error("no such native type: " .. tostring(notation.t)) end
  return read(notation)
end

return native
