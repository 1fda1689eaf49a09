--- What `db:create_table`, `db:ensure_table` and `Table:alter` are given: checked, and in one form.
local schema = require "dynamodb.schema"
local usage = require "dynamodb.usage"

local spec = {}

-- Source: "Service, account, and table quotas", DynamoDB Developer Guide.
local GLOBAL_INDEXES, LOCAL_INDEXES, PROJECTED = 20, 5, 20
local SHORTEST_NAME, LONGEST_NAME = 3, 255

local SETTINGS = {
  types = true, indexes = true, billing = true, stream = true, ttl = true, tags = true, deletion_protection = true,
  table_class = true, encryption = true, raw = true,
}
local WHOLE = { name = true, partition = true, sort = true, version = true, stamps = true, retry_ambiguous = true }
for name in pairs(SETTINGS) do WHOLE[name] = true end

-- Source: StreamViewType and TableClass in DynamoDB's API reference.
local VIEWS = { KEYS_ONLY = true, NEW_IMAGE = true, OLD_IMAGE = true, NEW_AND_OLD_IMAGES = true }
local CLASSES = { STANDARD = true, STANDARD_INFREQUENT_ACCESS = true }

---@class dynamodb.IndexSpec     an index, as it is to be
---@field partition string|string[]    the attributes of its partition key, up to four; a local index has the table's
---@field sort string|string[]|nil     of its sort key, up to four
---@field projection "ALL"|"KEYS_ONLY"|string[]|nil    what it has of an item: all (if nil), keys, or keys and these
---@field kind "global"|"local"|nil    global if nil; local ones are made with the table, or never
---@field read integer?                provisioned capacity units; the table's if nil
---@field write integer?

---@class dynamodb.TableSpec     a table, as it is to be
---@field name string                  3 to 255 letters, digits, `_`, `.` and `-`; ensure_table takes an ARN, too
---@field partition string             the attribute of the partition key
---@field sort string?                 the attribute of the sort key
---@field types table<string, "S"|"N"|"B">?      of key attributes; "S" for those that are not named
---@field indexes table<string, dynamodb.IndexSpec|false>?    by name; false: there is to be none of this name
---@field billing "on_demand"|table|nil          or provisioned capacity units: `{ read = 5, write = 5 }`
---@field stream string|false|nil      "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE" or "NEW_AND_OLD_IMAGES"; false: none
---@field ttl string|false|nil         the attribute that says when an item expires; false: none
---@field tags table<string, string|false>?      false: there is to be none of this name
---@field deletion_protection boolean?
---@field table_class string?          "STANDARD" or "STANDARD_INFREQUENT_ACCESS"
---@field encryption string|boolean|nil          a KMS key (id, ARN, alias); true: AWS's key in this account; false: the
---                                    one that is DynamoDB's own
---@field raw table?                   members of CreateTable (in `alter`, of UpdateTable) as DynamoDB has them
---@field version string?              as for `db:table`; also stamps, retry_ambiguous

local function is_count(value)
  return type(value) == "number" and value >= 1 and value == math.floor(value)
end

--- Raises unless `name` can be the name of a table or an index.
---@param name any
---@param where string
function spec.check_name(name, where)
  usage.check_type(name, "string", where)
  if #name < SHORTEST_NAME or #name > LONGEST_NAME or name:find("[^%w_.-]") then
    usage.raise(("%s must have 3 to 255 of the characters a-z, A-Z, 0-9, _, . and -: %q"):format(where, name))
  end
end

---@param value any
---@param known table<string, boolean>
---@param where string
local function check_word(value, known, where)
  if known[value] then return end
  local words = {}
  for word in pairs(known) do words[#words + 1] = word end
  table.sort(words)
  usage.raise(('%s must be "%s"'):format(where, table.concat(words, '" or "')))
end

-- Checks of single settings, by name.
local checks = {}

function checks.billing(value)
  if value == "on_demand" then return end
  if type(value) ~= "table" then usage.raise('billing must be "on_demand" or { read = units, write = units }') end
  usage.check_names(value, { read = true, write = true }, "part of billing")
  if not is_count(value.read) or not is_count(value.write) then
    usage.raise("billing.read and billing.write must be positive whole numbers of capacity units")
  end
end

function checks.stream(value)
  if value ~= false then check_word(value, VIEWS, "stream, if it is not false,") end
end

function checks.ttl(value)
  if value ~= false and (type(value) ~= "string" or value == "") then
    usage.raise("ttl must be the name of an attribute, or false for none")
  end
end

function checks.tags(value)
  usage.check_type(value, "table", "tags")
  for name, text in pairs(value) do
    if type(name) ~= "string" then usage.raise("tags must be a table, { name = text }") end
    if text ~= false and type(text) ~= "string" then
      usage.raise(("tags.%s must be a string, or false for none"):format(name))
    end
  end
end

function checks.deletion_protection(value) usage.check_type(value, "boolean", "deletion_protection") end

function checks.table_class(value) check_word(value, CLASSES, "table_class") end

function checks.encryption(value)
  if type(value) ~= "boolean" and (type(value) ~= "string" or value == "") then
    usage.raise("encryption must be true, false or the name of a KMS key")
  end
end

function checks.raw(value) usage.check_type(value, "table", "raw") end

--- The throughput that is declared for an index.
local function throughput(name, declared)
  for _, member in ipairs { "read", "write" } do
    local value = declared[member]
    if value ~= nil and not is_count(value) then
      usage.raise(("indexes.%s.%s must be a positive whole number of capacity units"):format(name, member))
    end
    if value ~= nil and declared.kind == "local" then
      usage.raise(("indexes.%s.%s: a local index has the table's capacity"):format(name, member))
    end
  end
  return declared.read, declared.write
end

--- The indexes in the form of the schema, with what only their making needs.
---@param given table
---@param limits boolean
---@return table<string, table|false>
---@return table<string, integer> count    of each kind
local function indexes_of(given, limits)
  local made, count = {}, { global = 0, ["local"] = 0 }
  if given.indexes == nil then return made, count end
  usage.check_type(given.indexes, "table", "indexes")
  for name, declared in pairs(given.indexes) do
    if declared == false then
      made[name] = false
    else
      local index = schema.declare_index(name, declared, given.partition)
      spec.check_name(name, "the name of an index")
      index.kind, index.projection = index.kind or "global", index.projection or "ALL"
      index.read, index.write = throughput(name, declared)
      if limits and index.attributes and #index.attributes > PROJECTED then
        usage.raise(("indexes.%s.projection has more than %d attributes"):format(name, PROJECTED))
      end
      count[index.kind] = count[index.kind] + 1
      made[name] = index
    end
  end
  if limits and count.global > GLOBAL_INDEXES then
    usage.raise(("indexes: %d are global; a table has at most %d"):format(count.global, GLOBAL_INDEXES))
  end
  if limits and count["local"] > LOCAL_INDEXES then
    usage.raise(("indexes: %d are local; a table has at most %d"):format(count["local"], LOCAL_INDEXES))
  end
  return made, count
end

--- The attributes of all keys, as a set.
---@param made table    the checked spec
---@return table<string, boolean>
local function key_attributes(made)
  local names = {}
  if made.partition then names[made.partition] = true end
  if made.sort then names[made.sort] = true end
  for _, index in pairs(made.indexes) do
    for _, part in ipairs(index and { "partition", "sort" } or {}) do
      for _, name in ipairs(index[part]) do names[name] = true end
    end
  end
  return names
end

--- The types that are named; a name that is in no key is a slip of the pen.
---@param given table
---@param made table
---@return table<string, string>
local function types_of(given, made)
  local types, attributes = schema.declare_types(given.types), key_attributes(made)
  for name in pairs(types) do
    if not attributes[name] then
      usage.raise(("types.%s: no key of the table or its indexes has this attribute"):format(tostring(name)))
    end
  end
  return types
end

---@param given table
---@param known table<string, boolean>
---@param what string
---@param limits boolean
---@return table made
---@return table<string, integer> count    of indexes of each kind
local function check(given, known, what, limits)
  usage.check_names(given, known, "part of " .. what)
  for name, check_value in pairs(checks) do
    if given[name] ~= nil then check_value(given[name]) end
  end
  local made = {}
  for name, value in pairs(given) do made[name] = value end
  made.tags, made.raw = given.tags or {}, given.raw or {}
  local indexes, count = indexes_of(given, limits)
  made.indexes = indexes
  return made, count
end

--- Checks the spec of a whole table.
---@param given any
---@param method string    for messages
---@param limits boolean    refuse what is surely over a quota
---@return table    a copy: indexes as in `dynamodb.Schema`, the types of all key attributes
function spec.whole(given, method, limits)
  usage.check_type(given, "table", "the table's spec of " .. method)
  local made, count = check(given, WHOLE, "a table's spec", limits)
  usage.check_type(given.name, "string", "name")
  if not given.name:find "^arn:" then spec.check_name(given.name, "name") end
  if given.partition == nil then usage.raise("the table's spec lacks partition") end
  schema.declare(given)
  if count["local"] > 0 and not given.sort then
    usage.raise("indexes: local ones need a table with a sort key")
  end
  made.types = types_of(given, made)
  for name in pairs(key_attributes(made)) do made.types[name] = made.types[name] or "S" end
  if type(given.billing) ~= "table" then
    for name, index in pairs(made.indexes) do
      if index and (index.read or index.write) then
        usage.raise(("indexes.%s: read and write belong to billing = { read =, write = }"):format(name))
      end
    end
  end
  return made
end

--- Checks the changes of a table.
---@param given any
---@param limits boolean
---@return table    a copy: indexes as in `dynamodb.Schema`, types as given
function spec.changes(given, limits)
  usage.check_type(given, "table", "the changes")
  local made = check(given, SETTINGS, "a table's changes", limits)
  if next(given) == nil then usage.raise("the changes are empty") end
  made.types = types_of(given, made)
  return made
end

return spec
