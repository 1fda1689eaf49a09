--- Sets: sequences with a metatable, so that `#`, `ipairs` and `table.concat` work as on any list. Order means nothing.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"

local set_mt = core.set_mt
---@class dynamodb.Set
local set_methods = {}
set_mt.__name = "dynamodb.set"
set_mt.__index = set_methods

local KINDS = { S = "strings", N = "numbers", B = "binaries" }

--- The canonical text of an element and the kind of set it belongs to; raises for what no set can hold.
---@param value any
---@return string key
---@return "S"|"N"|"B" kind
local function identify(value)
  local key = core.key(value)
  local kind = key and key:sub(1, 1)
  if not KINDS[kind] then
    local given = value == nil and "nil" or "a " .. type(value)
    usage.raise("a set holds strings, numbers or binaries, not " .. given)
  end
  return key, kind
end

--- Raises unless `kind` is the kind of the elements that are there.
local function check_kind(set, kind)
  if set[1] == nil then return end
  local _, own = identify(set[1])
  if own ~= kind then usage.raise(("this set holds %s, not %s"):format(KINDS[own], KINDS[kind])) end
end

---@return integer?    the position of the element with that canonical text
local function position(set, key)
  for i = 1, #set do
    if core.key(set[i]) == key then return i end
  end
end

--- A set of strings, of numbers or of binaries; equal elements (1, 1.0, "1E0" boxed) are taken once.
---@param elements table    a sequence; nil for an empty set
---@return dynamodb.Set
local function new(elements)
  if elements == nil then elements = {} end
  usage.check_type(elements, "table", "the elements of a set")
  local set, seen, count, kind = {}, {}, 0, nil
  for key in pairs(elements) do
    if type(key) ~= "number" then usage.raise("the elements of a set must be a list, not a map") end
    count = count + 1
  end
  for i = 1, count do
    local key, own = identify(elements[i])
    if kind and own ~= kind then usage.raise(("a set holds one type: %s or %s"):format(KINDS[kind], KINDS[own])) end
    kind = own
    if not seen[key] then
      seen[key] = true
      set[#set + 1] = elements[i]
    end
  end
  return setmetatable(set, set_mt)
end

--- Is the value an element? Numbers are compared as DynamoDB compares them.
---@param value any
---@return boolean
function set_methods:contains(value)
  local key = core.key(value)
  return key ~= nil and position(self, key) ~= nil
end

--- Adds an element.
---@param value any    of the type of the others
---@return boolean changed    false if it was there
function set_methods:add(value)
  local key, kind = identify(value)
  check_kind(self, kind)
  if position(self, key) then return false end
  self[#self + 1] = value
  return true
end

--- Takes an element out.
---@param value any
---@return boolean changed    false if it was not there
function set_methods:remove(value)
  local key = core.key(value)
  local at = key and position(self, key)
  if not at then return false end
  table.remove(self, at)
  return true
end

--- The distinct elements of a set by their canonical text, and how many there are.
local function distinct(set)
  local keys, count = {}, 0
  for i = 1, #set do
    local key = core.key(set[i])
    if key and not keys[key] then
      keys[key] = true
      count = count + 1
    end
  end
  return keys, count
end

--- Equal if the same elements are in both, in whatever order.
function set_mt.__eq(a, b)
  -- Lua 5.4 asks also when only one of the two is a set.
  if getmetatable(a) ~= set_mt or getmetatable(b) ~= set_mt then return false end
  local in_a, count_a = distinct(a)
  local in_b, count_b = distinct(b)
  if count_a ~= count_b then return false end
  for key in pairs(in_a) do
    if not in_b[key] then return false end
  end
  return true
end

function set_mt:__tostring()
  local texts = {}
  for i = 1, #self do texts[i] = tostring(self[i]) end
  return "set{" .. table.concat(texts, ", ") .. "}"
end

return { new = new }
