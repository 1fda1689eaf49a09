--- A table's spec in DynamoDB's own members, for CreateTable and UpdateTable.
local members = {}

--- A table's keys in an order that is the same everywhere.
---@param map table<string, any>
---@return string[]
function members.sorted(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

---@param partition string[]
---@param sort string[]
---@return table[] KeySchema
local function key_schema(partition, sort)
  local elements = {}
  for _, name in ipairs(partition) do elements[#elements + 1] = { AttributeName = name, KeyType = "HASH" } end
  for _, name in ipairs(sort) do elements[#elements + 1] = { AttributeName = name, KeyType = "RANGE" } end
  return elements
end

--- The definitions of the attributes that are named.
---@param types table<string, string>
---@return table[] AttributeDefinitions
function members.definitions(types)
  local list = {}
  for i, name in ipairs(members.sorted(types)) do list[i] = { AttributeName = name, AttributeType = types[name] } end
  return list
end

---@param read integer
---@param write integer
---@return table ProvisionedThroughput
function members.throughput(read, write)
  return { ReadCapacityUnits = read, WriteCapacityUnits = write }
end

--- An index that is to be made.
---@param name string
---@param index table        of the spec
---@param capacity table?    { read =, write = } of a global index, if the table's billing is provisioned
---@return table
function members.index(name, index, capacity)
  return {
    IndexName = name,
    KeySchema = key_schema(index.partition, index.sort),
    Projection = { ProjectionType = index.projection, NonKeyAttributes = index.attributes },
    ProvisionedThroughput = capacity and members.throughput(capacity.read, capacity.write),
  }
end

---@param view string|false
---@return table StreamSpecification
function members.stream(view)
  return { StreamEnabled = view ~= false, StreamViewType = view or nil }
end

---@param key string|boolean
---@return table SSESpecification
function members.encryption(key)
  if not key then return { Enabled = false } end
  return { Enabled = true, SSEType = "KMS", KMSMasterKeyId = key ~= true and key or nil }
end

---@param tags table<string, string|false>
---@return table[]? Tags    nil if there are none to be set
function members.tags(tags)
  local list = {}
  for _, name in ipairs(members.sorted(tags)) do
    if tags[name] then list[#list + 1] = { Key = name, Value = tags[name] } end
  end
  return list[1] and list
end

--- The parameters of CreateTable.
---@param spec table    checked
---@return table
function members.create(spec)
  local provisioned = type(spec.billing) == "table" and spec.billing or nil
  local params = {
    TableName = spec.name,
    KeySchema = key_schema({ spec.partition }, { spec.sort }),
    AttributeDefinitions = members.definitions(spec.types),
    BillingMode = provisioned and "PROVISIONED" or "PAY_PER_REQUEST",
    ProvisionedThroughput = provisioned and members.throughput(provisioned.read, provisioned.write),
    StreamSpecification = spec.stream and members.stream(spec.stream) or nil,
    SSESpecification = spec.encryption and members.encryption(spec.encryption) or nil,
    Tags = members.tags(spec.tags),
    TableClass = spec.table_class,
    DeletionProtectionEnabled = spec.deletion_protection,
  }
  local lists = { global = {}, ["local"] = {} }
  for _, name in ipairs(members.sorted(spec.indexes)) do
    local index = spec.indexes[name]
    if index then
      local capacity = provisioned and index.kind == "global"
        and { read = index.read or provisioned.read, write = index.write or provisioned.write } or nil
      table.insert(lists[index.kind], members.index(name, index, capacity))
    end
  end
  params.GlobalSecondaryIndexes = lists.global[1] and lists.global
  params.LocalSecondaryIndexes = lists["local"][1] and lists["local"]
  for name, value in pairs(spec.raw) do params[name] = value end
  return params
end

return members
