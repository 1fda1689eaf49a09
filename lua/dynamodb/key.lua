--- Keys: what makes one attribute of a key valid, and which attributes a table's keys and items must have.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"

local key = {}

-- Bytes of a key attribute's value. Source: "Service, account, and table quotas", DynamoDB Developer Guide.
local PARTITION_BYTES, SORT_BYTES = 2048, 1024

local TYPE_NAMES = { S = "a string", N = "a number", B = "a binary" }

---@class dynamodb.KeySchema
---@field partition string
---@field sort string?
---@field types table<string, "S"|"N"|"B">    as far as they are known

--- The DynamoDB type of a key attribute's value, and its length in bytes where that is limited.
---@param value any
---@return "S"|"N"|"B"|nil
---@return integer?
local function type_of(value)
  local t = type(value)
  if t == "string" then return "S", #value end
  if t == "number" then return "N" end
  local kind = core.kind(value)
  if kind == "number" then return "N" end
  if kind == "binary" then return "B", #tostring(value) end
  if t == "table" and getmetatable(value) == core.raw_mt then return (next(value)) end
end

--- Raises unless the value can be the attribute of a key.
---@param value any
---@param name string
---@param where string       for the message: "key", "keys" or "item"
---@param schema dynamodb.KeySchema?
---@param limits boolean     refuse what is surely too long
---@return "S"|"N"|"B"
function key.check_value(value, name, where, schema, limits)
  local own, length = type_of(value)
  if not TYPE_NAMES[own] then
    usage.raise(("%s.%s must be a string, a number or a binary, not a %s"):format(where, name, type(value)))
  end
  local wanted = schema and schema.types[name]
  if wanted and own ~= wanted then
    usage.raise(("%s.%s must be %s, not %s: so the table's key says"):format(where, name, TYPE_NAMES[wanted],
      TYPE_NAMES[own]))
  end
  if length == 0 then usage.raise(("%s.%s is empty, which DynamoDB refuses in a key"):format(where, name)) end
  local limit = schema and name == schema.sort and SORT_BYTES or PARTITION_BYTES
  if limits and length and length > limit then
    usage.raise(("%s.%s has %d bytes; a key attribute has at most %d"):format(where, name, length, limit))
  end
  return own
end

---@param schema dynamodb.KeySchema
---@return string    "pk, sk"
local function names_of(schema)
  return schema.sort and schema.partition .. ", " .. schema.sort or schema.partition
end

---@param given table
---@param name string
---@param schema dynamodb.KeySchema
---@param limits boolean
local function check_part(given, name, schema, limits)
  local value = given[name]
  if value == nil then
    usage.raise(("key lacks the attribute %q (the key is: %s)"):format(name, names_of(schema)))
  end
  key.check_value(value, name, "key", schema, limits)
end

--- Raises unless `given` is a whole key and nothing else; as far as the table's schema is known.
---@param given any
---@param schema dynamodb.KeySchema?
---@param limits boolean
function key.check(given, schema, limits)
  usage.check_type(given, "table", "key")
  local count = 0
  for name in pairs(given) do
    if type(name) ~= "string" then usage.raise("key must be a table of attributes, { name = value }") end
    if schema and name ~= schema.partition and name ~= schema.sort then
      usage.raise(("key has the attribute %q, which is not part of the key (%s)"):format(name, names_of(schema)))
    end
    count = count + 1
  end
  if count == 0 then usage.raise("key is empty") end
  if count > 2 then usage.raise("key has more than two attributes: a partition key and perhaps a sort key") end
  if not schema then
    for name, value in pairs(given) do key.check_value(value, name, "key", nil, limits) end
    return
  end
  check_part(given, schema.partition, schema, limits)
  if schema.sort then check_part(given, schema.sort, schema, limits) end
end

--- Raises unless `item` has the attributes of the key; as far as the table's schema is known.
---@param item any
---@param schema dynamodb.KeySchema?
---@param limits boolean
function key.check_item(item, schema, limits)
  usage.check_type(item, "table", "item")
  if next(item) == nil then usage.raise("item is empty: it lacks its key") end
  if not schema then return end
  for _, name in ipairs { schema.partition, schema.sort } do
    if item[name] == nil then
      usage.raise(("item lacks the attribute %q of its key (%s)"):format(name, names_of(schema)))
    end
    key.check_value(item[name], name, "item", schema, limits)
  end
end

return key
