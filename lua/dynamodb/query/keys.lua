--- What a query says of the key it reads by: the partition, and how far along it; as a KeyConditionExpression, and as
--- bounds that a position can be compared with.
local core = require "dynamodb.core"
local condition = require "dynamodb.expression.condition"
local key = require "dynamodb.key"
local usage = require "dynamodb.usage"

local keys = {}

---@class dynamodb.KeyPart      what is said of one attribute
---@field name string
---@field op "eq"|"lt"|"le"|"gt"|"ge"|"between"|"begins_with"
---@field [integer] any         one value, or two

---@class dynamodb.KeyCondition
---@field partition dynamodb.KeyPart[]    all of them "eq"
---@field sort dynamodb.KeyPart[]         as many as are given; only the last one may be a range

-- Source: "Key condition expressions for the Query operation", DynamoDB Developer Guide.
local TEXTS = {
  eq = "%s = %s", lt = "%s < %s", le = "%s <= %s", gt = "%s > %s", ge = "%s >= %s",
  between = "%s BETWEEN %s AND %s", begins_with = "begins_with(%s, %s)",
}

--- The operator and its operands; a value alone is "eq".
---@param value any
---@param where string
---@return dynamodb.KeyPart
local function part_of(value, where)
  local op = condition.operator_name(value)
  if not op then return { op = "eq", value } end
  if not TEXTS[op] then
    usage.raise(("%s: %s cannot be said of a key; eq, lt, le, gt, ge, between and begins_with can"):format(where, op))
  end
  local part = { op = op }
  for i = 1, value.n do part[i] = value[i] end
  return part
end

--- Raises unless the operands can be the attribute of a key. They become what DynamoDB makes of them, for comparing.
---@param part dynamodb.KeyPart
---@param name string
---@param schema dynamodb.KeySchema
---@param limits boolean
local function check_part(part, name, schema, limits)
  part.name = name
  for i, value in ipairs(part) do
    if part.op == "begins_with" and value == "" then
      usage.raise(("keys.%s: begins_with needs at least one character; leave it out to read the whole partition")
        :format(name))
    end
    local own = key.check_value(value, name, "keys", schema, limits)
    if part.op == "begins_with" and own == "N" then
      usage.raise(("keys.%s: begins_with applies to strings and binaries, not to numbers"):format(name))
    end
    local ok, json = pcall(core.marshal_value, value)
    if not ok then usage.raise(("keys.%s%s"):format(name, (tostring(json):gsub("^Value", "")))) end
    part[i] = core.unmarshal_value(json)
  end
end

---@param names string[]
---@return string
local function list(names) return table.concat(names, ", ") end

--- Reads the table that the caller gives, `{ pk = "USER#1", sk = e.begins_with "ORDER#" }`.
---@param given table<string, any>
---@param index dynamodb.IndexSchema     the parts of the key that is read by, in order
---@param schema dynamodb.KeySchema      for types and limits
---@param limits boolean
---@param what string                    "the table" or "the index GSI1", for messages
---@return dynamodb.KeyCondition
function keys.read(given, index, schema, limits, what)
  local made, known = { partition = {}, sort = {} }, {}
  for _, name in ipairs(index.partition) do
    known[name] = true
    if given[name] == nil then
      usage.raise(("query: %s has the partition key %s; give a value for %q"):format(what, list(index.partition), name))
    end
    local part = part_of(given[name], "keys." .. name)
    if part.op ~= "eq" then
      usage.raise(("keys.%s: a query reads one partition; %s cannot be said of it (use a scan, or an index)")
        :format(name, part.op))
    end
    check_part(part, name, schema, limits)
    made.partition[#made.partition + 1] = part
  end
  local missing, range
  for _, name in ipairs(index.sort) do
    known[name] = true
    if given[name] == nil then
      missing = missing or name
    else
      if missing then
        usage.raise(("keys.%s: the sort key is given from the left; %q is missing"):format(name, missing))
      end
      if range then usage.raise(("keys.%s: after %q, which is a range, nothing can follow"):format(name, range)) end
      local part = part_of(given[name], "keys." .. name)
      check_part(part, name, schema, limits)
      if part.op ~= "eq" then range = name end
      made.sort[#made.sort + 1] = part
    end
  end
  for name in pairs(given) do
    if not known[name] then
      local all = list(index.partition) .. (#index.sort > 0 and ", " .. list(index.sort) or "")
      usage.raise(("keys: %q is not part of the key of %s (%s); conditions on other attributes belong into where")
        :format(tostring(name), what, all))
    end
  end
  return made
end

--- Writes the condition as DynamoDB's text.
---@param made dynamodb.KeyCondition
---@param builder dynamodb.ExpressionBuilder
---@return string
function keys.write(made, builder)
  local texts = {}
  for _, parts in ipairs { made.partition, made.sort } do
    for _, part in ipairs(parts) do
      local where = "keys." .. part.name
      local low = builder:value(part[1], where)
      local high = part[2] ~= nil and builder:value(part[2], where) or nil
      texts[#texts + 1] = TEXTS[part.op]:format(builder:path({ part.name }, where), low, high)
    end
  end
  return table.concat(texts, " AND ")
end

--- Orders two values of one key attribute as DynamoDB does: numbers by value, strings and binaries by their bytes
--- (Lua's own comparison of strings follows the locale).
---@param a any
---@param b any
---@return -1|0|1
local function compare(a, b)
  if type(a) == "number" or core.kind(a) == "number" then return core.compare(a, b) end
  a, b = core.binary(a), core.binary(b)
  return a < b and -1 or a == b and 0 or 1
end

--- Where does a value lie: before what the part says, inside, or behind it?
---@param part dynamodb.KeyPart
---@param value any
---@return -1|0|1
local function side(part, value)
  local low = compare(value, part[1])
  if part.op == "eq" then return low end
  if part.op == "lt" then return low < 0 and 0 or 1 end
  if part.op == "le" then return low <= 0 and 0 or 1 end
  if part.op == "gt" then return low > 0 and 0 or -1 end
  if part.op == "ge" then return low >= 0 and 0 or -1 end
  if part.op == "between" then return low < 0 and -1 or compare(value, part[2]) > 0 and 1 or 0 end
  local prefix, bytes = tostring(part[1]), tostring(value)
  if bytes:sub(1, #prefix) == prefix then return 0 end
  return low
end

--- Where does a position lie, in the order of the sort key: before everything that the condition lets through (-1),
--- behind it (1), or in its range (0)? DynamoDB refuses to start at a position outside of the range, and "the last
--- seven days" is another range with every request.
---@param made dynamodb.KeyCondition
---@param position table<string, any>
---@return -1|0|1
function keys.side(made, position)
  for _, part in ipairs(made.sort) do
    local where = side(part, position[part.name])
    if where ~= 0 then return where end
  end
  return 0
end

return keys
