--- Generated values: what DynamoDB can hold, from a seed, and smaller ones when a value shows a fault.
local core = require "dynamodb.core"

local generate = {}
local Generator = {}
Generator.__index = Generator

--- A generator of its own: the same seed gives the same values on every Lua (Park and Miller's minimal standard).
---@param seed integer
function generate.new(seed)
  return setmetatable({ state = seed % 2147483646 + 1 }, Generator)
end

--- A whole number from 1 to `n`.
function Generator:below(n)
  self.state = self.state * 16807 % 2147483647
  return self.state % n + 1
end

function Generator:pick(list)
  return list[self:below(#list)]
end

local function utf8_character(code)
  local char, floor = string.char, math.floor
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  if code < 0x10000 then return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64) end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64,
    0x80 + code % 64)
end

local PLANES = { 0x20, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xFFFF, 0x10000, 0x10FFFF }

--- Any character but surrogates: controls and the edges of each length more often than chance has it.
function Generator:character()
  local code = self:below(self:pick(PLANES)) - self:below(2) + 1
  if code > 0x10FFFF or (code >= 0xD800 and code <= 0xDFFF) then code = self:pick { 0, 0xD7FF, 0xE000, 0x2028 } end
  return utf8_character(code)
end

function Generator:string()
  local parts = {}
  for i = 1, self:below(24) - 1 do
    parts[i] = self:below(3) == 1 and self:character() or utf8_character(self:below(127))
  end
  return table.concat(parts)
end

function Generator:bytes()
  local parts = {}
  for i = 1, self:below(24) - 1 do parts[i] = string.char(self:below(256) - 1) end
  return table.concat(parts)
end

--- Digits and an exponent over all of DynamoDB's range; half of them numbers as people write them.
function Generator:number()
  local kind = self:below(4)
  if kind == 1 then return core.number(self:below(2000) - 1000) end
  if kind == 2 then return core.number((self:below(2000000) - 1000000) / self:pick { 10, 100, 1000, 7, 3 }) end
  local digits = { self:below(9) }
  for i = 2, self:below(38) do digits[i] = self:below(10) - 1 end
  local sign = self:below(2) == 1 and "-" or ""
  return core.number(("%s%d.%se%d"):format(sign, digits[1], table.concat(digits, "", 2), self:below(256) - 131))
end

function Generator:set()
  local make = self:pick { self.string, self.number, function(g) return core.binary(g:bytes()) end }
  local set, seen = setmetatable({}, core.set_mt), {}
  for _ = 1, self:below(12) do
    local element = make(self)
    local key = core.key(element)
    if not seen[key] then seen[key], set[#set + 1] = true, element end
  end
  return set
end

--- A table of up to `width` members, its values nested up to `depth` levels.
function Generator:map(depth, width)
  local map = {}
  for _ = 1, self:below(width) - 1 do map[self:string()] = self:value(depth - 1) end
  return map
end

function Generator:list(depth, width)
  local list = setmetatable({}, core.list_mt)
  for i = 1, self:below(width) - 1 do list[i] = self:value(depth - 1) end
  return list
end

local scalars = {
  Generator.string, Generator.number, Generator.set,
  function(g) return core.binary(g:bytes()) end,
  function(g) return g:below(2) == 1 end,
  function() return core.null end,
}

--- Any value; one in sixteen that nests is a shaft straight down.
function Generator:value(depth)
  local kind = depth > 0 and self:below(9) or self:below(6)
  if kind <= 6 then return scalars[kind](self) end
  local width = self:below(16) == 1 and 2 or 5
  if width == 2 then return setmetatable({ self:value(depth - 1) }, core.list_mt) end
  return kind == 7 and self:list(depth, width) or self:map(depth, width)
end

--- A copy of a value with a few changes in it: members changed, added and taken away, here or further inside.
function Generator:changed(value, depth)
  local mt = getmetatable(value)
  if type(value) ~= "table" or self:below(8) == 1 then return self:value(depth) end
  local copy, keys = setmetatable({}, mt), {}
  for key, member in pairs(value) do
    copy[key] = member
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  if mt == core.set_mt then
    for _ = 1, self:below(3) - 1 do table.remove(copy) end
    if #copy == 0 or self:below(2) == 1 then return self:set_like(copy) end
    return copy
  end
  for _ = 1, self:below(3) do
    local kind, key = self:below(4), keys[1] and self:pick(keys)
    if mt == core.list_mt and (kind == 1 or not key) then
      copy[#copy + 1] = self:value(depth - 1)
    elseif kind == 1 or not key then
      copy[self:string()] = self:value(depth - 1)
    elseif kind == 2 then
      if mt == core.list_mt then table.remove(copy) else copy[key] = nil end
    elseif copy[key] ~= nil then
      copy[key] = self:changed(copy[key], depth - 1)
    end
  end
  return copy
end

--- The set with elements added that are like those it has; one that is empty gets any.
function Generator:set_like(set)
  local kind = set[1] ~= nil and core.key(set[1]):sub(1, 1)
  for _ = 1, 20 do
    local other = self:set()
    if not kind or core.key(other[1]):sub(1, 1) == kind then
      local there = {}
      for _, element in ipairs(set) do there[core.key(element)] = true end
      for _, element in ipairs(other) do
        if not there[core.key(element)] then set[#set + 1] = element end
      end
      return set
    end
  end
  return set
end

--- The members of `value` under the keys from `first` to `last`; elements of lists move up.
local function part(value, keys, first, last)
  local out = setmetatable({}, getmetatable(value))
  for i = first, last do
    local key = keys[i]
    if type(key) == "number" then out[#out + 1] = value[key] else out[key] = value[key] end
  end
  return out
end

--- Smaller versions of a value: halves of a string or of a table, and each member for itself.
local function smaller(value)
  if type(value) == "string" then
    local half = math.floor(#value / 2)
    return half > 0 and { value:sub(1, half), value:sub(half + 1) } or {}
  elseif type(value) ~= "table" then
    return {}
  end
  local keys, out = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  local half = math.floor(#keys / 2)
  if half > 0 then out = { part(value, keys, 1, half), part(value, keys, half + 1, #keys) } end
  for _, key in ipairs(keys) do out[#out + 1] = value[key] end
  return out
end

--- The smallest version of `value` for which `fails` still holds.
---@param value any
---@param fails fun(value: any): boolean
function generate.shrink(value, fails)
  for _ = 1, 1000 do
    local found
    for _, candidate in ipairs(smaller(value)) do
      if fails(candidate) then found = candidate; break end
    end
    if found == nil then return value end
    value = found
  end
  return value
end

return generate
