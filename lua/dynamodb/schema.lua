--- What a table's keys are: as the program declares them, or as DescribeTable says.
local errors = require "dynamodb.error"
local usage = require "dynamodb.usage"

local schema = {}

local DECLARATION = {
  partition = true, sort = true, types = true, indexes = true, retry_ambiguous = true, version = true, stamps = true,
  -- What is only needed to make the table: one declaration serves for `db:create_table` and for `db:table`.
  name = true, billing = true, stream = true, ttl = true, tags = true, deletion_protection = true, table_class = true,
  encryption = true, raw = true,
}
local INDEX = { partition = true, sort = true, kind = true, projection = true, read = true, write = true }
local KEY_TYPES = { S = true, N = true, B = true }
local PARTS = 4 -- attributes of an index's partition key, and of its sort key

---@class dynamodb.IndexSchema    the parts of an index's key, in order; up to four and four
---@field partition string[]
---@field sort string[]
---@field kind "global"|"local"|nil                       nil: declared without it
---@field projection "ALL"|"KEYS_ONLY"|"INCLUDE"|nil      what the index has of an item; nil: declared without it
---@field attributes string[]?                            what it has beside keys, if projection is "INCLUDE"

---@class dynamodb.Schema : dynamodb.KeySchema
---@field indexes table<string, dynamodb.IndexSchema>

---@param value any
---@param where string
local function check_name(value, where)
  if type(value) ~= "string" or value == "" then usage.raise(where .. " must be an attribute's name") end
end

--- A list of different attributes' names.
---@param value any
---@param where string
---@return string[]    a copy
local function check_names(value, where)
  local names, seen = {}, {}
  for _ in pairs(value) do names[#names + 1] = false end
  for i in ipairs(names) do
    local name = value[i]
    check_name(name, ("%s[%d]"):format(where, i))
    if seen[name] then usage.raise(("%s has %q twice"):format(where, name)) end
    names[i], seen[name] = name, true
  end
  return names
end

--- One name or a list of them as a list.
---@param value string|string[]|nil
---@param where string
---@return string[]
local function as_names(value, where)
  if value == nil then return {} end
  if type(value) ~= "table" then
    check_name(value, where)
    return { value }
  end
  local names = check_names(value, where)
  if #names == 0 then usage.raise(where .. " is empty") end
  if #names > PARTS then usage.raise(("%s has %d attributes; at most %d are possible"):format(where, #names, PARTS)) end
  return names
end

--- What an index is said to have of its items.
---@param value any
---@param where string
---@return "ALL"|"KEYS_ONLY"|"INCLUDE"|nil
---@return string[]? attributes
local function as_projection(value, where)
  if value == nil or value == "ALL" or value == "KEYS_ONLY" then return value end
  if type(value) ~= "table" or next(value) == nil then
    usage.raise(where .. ' must be "ALL", "KEYS_ONLY" or a list of attributes')
  end
  return "INCLUDE", check_names(value, where)
end

--- Checks the declaration of one index.
---@param name any           of the index
---@param declared table     { partition =, sort =, kind =, projection = }
---@param partition string?  the table's, which is a local index's too; nil: not known
---@return dynamodb.IndexSchema
function schema.declare_index(name, declared, partition)
  local where = ("indexes.%s"):format(tostring(name))
  if type(name) ~= "string" then usage.raise("indexes must be a table, { name = { partition = … } }") end
  usage.check_type(declared, "table", where)
  usage.check_names(declared, INDEX, "part of " .. where)
  local kind = declared.kind
  if kind ~= nil and kind ~= "global" and kind ~= "local" then
    usage.raise(where .. '.kind must be "global" or "local"')
  end
  local made = { kind = kind, sort = as_names(declared.sort, where .. ".sort") }
  made.partition = as_names(declared.partition or kind == "local" and partition or nil, where .. ".partition")
  made.projection, made.attributes = as_projection(declared.projection, where .. ".projection")
  if not made.partition[1] and kind ~= "local" then usage.raise(where .. " lacks its partition") end
  for _, sort in ipairs(made.sort) do
    for _, part in ipairs(made.partition) do
      if sort == part then usage.raise(("%s has %q in partition and in sort"):format(where, sort)) end
    end
  end
  if kind == "local" then
    if partition and (made.partition[1] ~= partition or made.partition[2]) then
      usage.raise(("%s is local: its partition is the table's, %q"):format(where, partition))
    end
    if #made.sort ~= 1 then usage.raise(where .. " is local: its sort is one attribute") end
  end
  return made
end

--- Checks declared types.
---@param declared table?    by attribute
---@return table<string, "S"|"N"|"B">    a copy
function schema.declare_types(declared)
  if declared == nil then return {} end
  usage.check_type(declared, "table", "types")
  local types = {}
  for name, key_type in pairs(declared) do
    if not KEY_TYPES[key_type] then usage.raise(("types.%s must be \"S\", \"N\" or \"B\""):format(tostring(name))) end
    types[name] = key_type
  end
  return types
end

--- Checks the declaration given to `db:table` and makes the schema of it.
---@param declared table?    { partition=, sort=, types=, indexes= }, and what `db:create_table` takes, which is left to
---                          it
---@return dynamodb.Schema?    nil if the key is not declared: it will be described when it is needed
function schema.declare(declared)
  if declared == nil then return nil end
  usage.check_type(declared, "table", "the schema of a table")
  usage.check_names(declared, DECLARATION, "part of a table's schema")
  for _, name in ipairs { "types", "indexes" } do
    if declared[name] ~= nil then usage.check_type(declared[name], "table", name) end
  end
  if declared.retry_ambiguous ~= nil then usage.check_type(declared.retry_ambiguous, "boolean", "retry_ambiguous") end
  if declared.version ~= nil then
    check_name(declared.version, "version")
    if declared.version == declared.partition or declared.version == declared.sort then
      usage.raise("version must be an attribute that is not part of the key")
    end
  end
  if declared.partition == nil then
    if declared.sort ~= nil then usage.raise("the schema declares sort without partition") end
    return nil
  end
  check_name(declared.partition, "partition")
  if declared.sort ~= nil then check_name(declared.sort, "sort") end
  if declared.sort == declared.partition then usage.raise("partition and sort must be two attributes") end
  local made = { partition = declared.partition, sort = declared.sort, indexes = {} }
  made.types = schema.declare_types(declared.types)
  for name, index in pairs(declared.indexes or {}) do
    if index ~= false then made.indexes[name] = schema.declare_index(name, index, made.partition) end
  end
  return made
end

-- What reads a description trusts nothing in it: whoever answers may be no DynamoDB.

---@param value any
---@return boolean
local function is_name(value)
  return type(value) == "string" and value ~= ""
end

--- The elements of a list in a description, none if it is not there.
---@param list any
---@return table[]?    nil if it is no list of structures
local function structures(list)
  if list == nil then return {} end
  if type(list) ~= "table" then return nil end
  for _, element in ipairs(list) do
    if type(element) ~= "table" then return nil end
  end
  return list
end

---@param elements any    KeySchema
---@return dynamodb.IndexSchema?
local function parts(elements)
  local made = { partition = {}, sort = {} }
  elements = structures(elements)
  for _, element in ipairs(elements or {}) do
    if not is_name(element.AttributeName) then return nil end
    local list = element.KeyType == "RANGE" and made.sort or made.partition
    list[#list + 1] = element.AttributeName
  end
  return elements and made
end

---@param definitions any    AttributeDefinitions
---@return table<string, string>?
local function key_types(definitions)
  local types = {}
  definitions = structures(definitions)
  for _, attribute in ipairs(definitions or {}) do
    local name, key_type = attribute.AttributeName, attribute.AttributeType
    if not is_name(name) or not is_name(key_type) then return nil end
    types[name] = KEY_TYPES[key_type] and key_type -- one that is not known yet is not checked
  end
  return definitions and types
end

--- What a described index has of its items.
---@param projection any    Projection
---@return string?
---@return string[]?
local function projected(projection)
  if type(projection) ~= "table" or not is_name(projection.ProjectionType) then return nil end
  if projection.ProjectionType ~= "INCLUDE" then return projection.ProjectionType end
  local names = {}
  for i, name in ipairs(type(projection.NonKeyAttributes) == "table" and projection.NonKeyAttributes or names) do
    names[i] = is_name(name) and name or nil
  end
  return "INCLUDE", names
end

--- Makes the schema of a table's description.
---@param description table    the member Table of DescribeTable's answer
---@return dynamodb.Schema?    nil if the answer does not have what every table has
function schema.from_description(description)
  if type(description) ~= "table" then return nil end
  local own, types = parts(description.KeySchema), key_types(description.AttributeDefinitions)
  if not own or not own.partition[1] or not types then return nil end
  local made = { partition = own.partition[1], sort = own.sort[1], types = types, indexes = {} }
  for member, kind in pairs { GlobalSecondaryIndexes = "global", LocalSecondaryIndexes = "local" } do
    local indexes = structures(description[member])
    if not indexes then return nil end
    for _, index in ipairs(indexes) do
      local keys = parts(index.KeySchema)
      if not keys or not is_name(index.IndexName) then return nil end
      keys.kind = kind
      keys.projection, keys.attributes = projected(index.Projection)
      made.indexes[index.IndexName] = keys
    end
  end
  return made
end

---@param target dynamodb.Table
---@param options table    timeout and deadline are taken
---@return dynamodb.Schema?
---@return dynamodb.Error?
local function describe(target, options)
  local limits = { timeout = options.timeout, deadline = options.deadline }
  local answer, err = target.client:perform("DescribeTable", { TableName = target.name }, limits, { needed = true })
  if not answer then return nil, err end
  local made = schema.from_description(answer.Table)
  if made then return made end
  local message = "the description has no key schema"
  return nil, errors.new { code = "ResponseError", message = message, operation = "DescribeTable", sent = true }
end

--- The keys of a table: declared, or described at the first need and kept.
---@param target dynamodb.Table
---@param options table    timeout and deadline are taken
---@return dynamodb.Schema?
---@return dynamodb.Error?
function schema.known(target, options)
  if target.schema then return target.schema end
  local err
  target.schema, err = describe(target, options)
  return target.schema, err
end

--- The parts of the key that is read by: an index's, declared or described at the first need, or the table's own.
---@param target dynamodb.Table    whose keys are known
---@param name string?             of the index
---@param options table            timeout and deadline are taken
---@return dynamodb.IndexSchema?
---@return dynamodb.Error?
function schema.index(target, name, options)
  local own = target.schema
  if not name then return { partition = { own.partition }, sort = { own.sort } } end
  if not own.indexes[name] then
    local described, err = describe(target, options)
    if not described then return nil, err end
    for index, keys in pairs(described.indexes) do own.indexes[index] = own.indexes[index] or keys end
    for attribute, key_type in pairs(described.types) do own.types[attribute] = own.types[attribute] or key_type end
  end
  if own.indexes[name] then return own.indexes[name] end
  return nil, errors.new {
    code = "ValidationException", message = "the table has no index of that name: " .. name,
    operation = "DescribeTable",
  }
end

return schema
