--- DynamoDB's values as one writes them in Lua over a JSON library in an hour: what programs do that have no library.
--- Straightforward and not slowed down: base64 is done in C, sets keep the table that the JSON library made.
--- It loses what the library keeps (38 digits, empty lists) and checks nothing.
local core = require "dynamodb.core"
local json = require "cjson"

local base64, unbase64, null = core.base64, core.unbase64, json.null
local pairs, ipairs, next, type, tonumber = pairs, ipairs, next, type, tonumber
local getmetatable, setmetatable = getmetatable, setmetatable

local obvious = { binary_mt = {}, set_mt = {} }
local binary_mt, set_mt = obvious.binary_mt, obvious.set_mt

local unwrap

local function unwrap_map(map)
  local t = {}
  for name, value in pairs(map) do t[name] = unwrap(value) end
  return t
end

local function binary(text) return setmetatable({ (unbase64(text)) }, binary_mt) end

local readers = {
  S = function(value) return value end,
  N = tonumber,
  BOOL = function(value) return value end,
  NULL = function() return null end,
  B = binary,
  M = unwrap_map,
  L = function(list)
    local t = {}
    for i, value in ipairs(list) do t[i] = unwrap(value) end
    return t
  end,
  SS = function(list) return setmetatable(list, set_mt) end,
  NS = function(list)
    for i, value in ipairs(list) do list[i] = tonumber(value) end
    return setmetatable(list, set_mt)
  end,
  BS = function(list)
    for i, value in ipairs(list) do list[i] = binary(value) end
    return setmetatable(list, set_mt)
  end,
}

function unwrap(typed)
  local tag, value = next(typed)
  return readers[tag](value)
end

--- A GetItem answer.
function obvious.get_item(body)
  local answer = json.decode(body)
  answer.Item = unwrap_map(answer.Item)
  return answer
end

--- A Query answer.
function obvious.query(body)
  local answer = json.decode(body)
  local items = answer.Items
  for i, item in ipairs(items) do items[i] = unwrap_map(item) end
  return answer
end

--- An item.
function obvious.unmarshal(text) return unwrap_map(json.decode(text)) end

local wrap

local function wrap_map(map)
  local t = {}
  for name, value in pairs(map) do t[name] = wrap(value) end
  return t
end

local function digits(number)
  return number % 1 == 0 and ("%d"):format(number) or ("%.14g"):format(number)
end

local function wrap_set(set)
  local t, first = {}, set[1]
  if type(first) == "string" then return { SS = set } end
  if type(first) == "number" then
    for i, value in ipairs(set) do t[i] = digits(value) end
    return { NS = t }
  end
  for i, value in ipairs(set) do t[i] = base64(value[1]) end
  return { BS = t }
end

function wrap(value)
  local kind = type(value)
  if kind == "string" then return { S = value } end
  if kind == "number" then return { N = digits(value) } end
  if kind == "boolean" then return { BOOL = value } end
  if value == null then return { NULL = true } end
  local mt = getmetatable(value)
  if mt == binary_mt then return { B = base64(value[1]) } end
  if mt == set_mt then return wrap_set(value) end
  if value[1] == nil then return { M = wrap_map(value) } end
  local t = {}
  for i, element in ipairs(value) do t[i] = wrap(element) end
  return { L = t }
end

--- The body of PutItem.
function obvious.put_item(name, item) return json.encode { TableName = name, Item = wrap_map(item) } end

--- The body of BatchWriteItem.
function obvious.batch_write(name, items)
  local requests = {}
  for i, item in ipairs(items) do requests[i] = { PutRequest = { Item = wrap_map(item) } } end
  return json.encode { RequestItems = { [name] = requests } }
end

--- Raises unless both made the same of an answer; each has its own form of binaries.
function obvious.check_same(ours, theirs, path)
  path = path or "answer"
  if core.kind(ours) == "binary" then
    ours, theirs = tostring(ours), theirs[1]
  elseif type(ours) == "table" and type(theirs) == "table" then
    for name, value in pairs(ours) do obvious.check_same(value, theirs[name], path .. "." .. tostring(name)) end
    for name in pairs(theirs) do assert(ours[name] ~= nil, path .. "." .. tostring(name)) end
    return
  end
  assert(ours == theirs, path .. ": " .. tostring(ours) .. " is not " .. tostring(theirs))
end

return obvious
