--- The control plane in memory, on the fake runtime's clock: tables and indexes are CREATING, UPDATING and DELETING for
--- a while, and what the real service would refuse meanwhile is refused. It is told by `handler` of the fake runtime.
local core = require "dynamodb.core"

local control_plane = {}

local plane_methods = {}
local plane_mt = { __index = plane_methods }

local operations = {}

local function refuse(code, message) error({ code = code, message = message }, 0) end

local function is_empty(t) return next(t) == nil end

--- Is a table or an index still on its way?
local function is_moving(self, thing) return thing.ready and self.now < thing.ready end

--- Only attributes of keys are defined.
local function check_definitions(tbl)
  local used = {}
  local function use(key_schema)
    for _, element in ipairs(key_schema) do
      local name = element.AttributeName
      if not tbl.types[name] then refuse("ValidationException", name .. " is not defined") end
      used[name] = true
    end
  end
  use(tbl.keys)
  for _, index in pairs(tbl.indexes) do use(index.KeySchema) end
  for _, index in ipairs(tbl.local_indexes) do use(index.KeySchema) end
  for name in pairs(tbl.types) do
    if not used[name] then tbl.types[name] = nil end
  end
end

local function define(tbl, definitions)
  for _, definition in ipairs(definitions or {}) do
    local name, key_type = definition.AttributeName, definition.AttributeType
    if tbl.types[name] and tbl.types[name] ~= key_type then
      refuse("ValidationException", "the type of " .. name .. " is another one")
    end
    tbl.types[name] = key_type
  end
  check_definitions(tbl)
end

--- What time has done since it was asked the last time.
local function pass(self, tbl)
  if tbl.deleting and not is_moving(self, tbl) then
    self.tables[tbl.name] = nil
    return nil
  end
  for name, index in pairs(tbl.indexes) do
    if index.deleting and not is_moving(self, index) then tbl.indexes[name] = nil end
  end
  check_definitions(tbl)
  return tbl
end

local function find(self, name)
  local tbl = self.tables[name]
  tbl = tbl and pass(self, tbl)
  if not tbl then refuse("ResourceNotFoundException", "Requested resource not found: Table: " .. name) end
  return tbl
end

--- A table that can be changed now.
local function find_at_rest(self, name)
  local tbl = find(self, name)
  if tbl.deleting or is_moving(self, tbl) then refuse("ResourceInUseException", "Table is being changed: " .. name) end
  return tbl
end

local function new_index(self, definition, delay)
  if is_empty(definition.KeySchema) then refuse("ValidationException", "an index without a key") end
  return {
    IndexName = definition.IndexName, KeySchema = definition.KeySchema, Projection = definition.Projection,
    ProvisionedThroughput = definition.ProvisionedThroughput, creating = true, ready = self.now + delay,
  }
end

local function tags_of(list)
  local tags = {}
  for _, tag in ipairs(list or {}) do tags[tag.Key] = tag.Value end
  return tags
end

function operations.CreateTable(self, params)
  local old = self.tables[params.TableName]
  if old and pass(self, old) then refuse("ResourceInUseException", "Table already exists: " .. params.TableName) end
  local tbl = {
    name = params.TableName, arn = "arn:aws:dynamodb:local:000000000000:table/" .. params.TableName, creating = true,
    ready = self.now + self.delay, keys = params.KeySchema, types = {}, indexes = {},
    local_indexes = params.LocalSecondaryIndexes or {}, tags = tags_of(params.Tags),
    settings = {
      BillingMode = params.BillingMode, ProvisionedThroughput = params.ProvisionedThroughput,
      TableClass = params.TableClass, DeletionProtectionEnabled = params.DeletionProtectionEnabled,
      StreamSpecification = params.StreamSpecification, SSESpecification = params.SSESpecification,
    },
  }
  for _, index in ipairs(params.GlobalSecondaryIndexes or {}) do
    tbl.indexes[index.IndexName] = new_index(self, index, self.delay)
  end
  define(tbl, params.AttributeDefinitions)
  self.tables[tbl.name] = tbl
  return { TableDescription = self:describe(tbl) }
end

function operations.DescribeTable(self, params) return { Table = self:describe(find(self, params.TableName)) } end

local function change_index(self, tbl, update)
  for _, index in pairs(tbl.indexes) do
    if not update.Update and is_moving(self, index) then
      refuse("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted "
        .. "simultaneously per table")
    end
  end
  local definition = update.Create or update.Delete or update.Update
  local index = tbl.indexes[definition.IndexName]
  if update.Create then
    if index then refuse("ValidationException", "Attempting to create an index which already exists") end
    tbl.indexes[definition.IndexName] = new_index(self, definition, self.delay * 3)
  elseif not index then
    refuse("ResourceNotFoundException", "no such index")
  elseif update.Delete then
    index.deleting, index.creating, index.ready = true, false, self.now + self.delay
  else
    index.ProvisionedThroughput, index.creating, index.ready = definition.ProvisionedThroughput, false,
      self.now + self.delay
  end
end

--- What one UpdateTable may change: one thing.
local KINDS = {
  BillingMode = "billing", ProvisionedThroughput = "billing", StreamSpecification = "stream", TableClass = "class",
  DeletionProtectionEnabled = "protection", SSESpecification = "encryption", AttributeDefinitions = "index",
  GlobalSecondaryIndexUpdates = "index",
}

local function check_update(tbl, params)
  local kinds, stream = {}, params.StreamSpecification
  for member in pairs(params) do
    if member ~= "TableName" then kinds[assert(KINDS[member], member)] = true end
  end
  local updates = params.GlobalSecondaryIndexUpdates or {}
  if kinds.billing and updates[1] and updates[1].Update then kinds.index = nil end
  local first = next(kinds)
  if not first or next(kinds, first) then refuse("ValidationException", "one kind of change at a time") end
  if updates[2] and not updates[1].Update then refuse("LimitExceededException", "one index at a time") end
  local is = tbl.settings.StreamSpecification
  if stream and (is ~= nil and is.StreamEnabled) == stream.StreamEnabled then
    refuse("ValidationException", "Table already has a stream, or none")
  end
end

function operations.UpdateTable(self, params)
  local tbl = find_at_rest(self, params.TableName)
  check_update(tbl, params)
  for _, update in ipairs(params.GlobalSecondaryIndexUpdates or {}) do change_index(self, tbl, update) end
  define(tbl, params.AttributeDefinitions)
  for member in pairs(KINDS) do
    if member ~= "AttributeDefinitions" and member ~= "GlobalSecondaryIndexUpdates" and params[member] ~= nil then
      tbl.settings[member] = params[member]
    end
  end
  if params.BillingMode == "PAY_PER_REQUEST" then tbl.settings.ProvisionedThroughput = nil end
  tbl.creating, tbl.ready = false, self.now + self.delay
  if params.SSESpecification then tbl.encrypting = { ready = tbl.ready + self.delay } end
  return { TableDescription = self:describe(tbl) }
end

function operations.DeleteTable(self, params)
  local tbl = find(self, params.TableName)
  if not tbl.deleting and is_moving(self, tbl) then refuse("ResourceInUseException", "Table is being changed") end
  if tbl.settings.DeletionProtectionEnabled then refuse("ValidationException", "it is protected") end
  tbl.deleting, tbl.ready = true, self.now + self.delay
  return { TableDescription = self:describe(tbl) }
end

function operations.ListTables(self, params)
  local names, list = {}, setmetatable({}, core.list_mt)
  for name in pairs(self.tables) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    if not params.ExclusiveStartTableName or name > params.ExclusiveStartTableName then
      if #list == (params.Limit or 100) then return { TableNames = list, LastEvaluatedTableName = list[#list] } end
      list[#list + 1] = name
    end
  end
  return { TableNames = list }
end

function operations.DescribeTimeToLive(self, params)
  local ttl = find(self, params.TableName).ttl
  return { TimeToLiveDescription = { TimeToLiveStatus = ttl and "ENABLED" or "DISABLED", AttributeName = ttl } }
end

function operations.UpdateTimeToLive(self, params)
  local tbl, wanted = find_at_rest(self, params.TableName), params.TimeToLiveSpecification
  if wanted.Enabled == (tbl.ttl ~= nil) then
    refuse("ValidationException", "TimeToLive is already " .. (tbl.ttl and "enabled" or "disabled"))
  end
  if tbl.ttl_changed and self.now < tbl.ttl_changed + 3600 then
    refuse("ValidationException", "Time to live has been modified multiple times within a fixed interval")
  end
  tbl.ttl, tbl.ttl_changed = wanted.Enabled and wanted.AttributeName or nil, self.now
  return { TimeToLiveSpecification = wanted }
end

local function find_by_arn(self, arn) return find(self, arn:match "table/(.*)$") end

function operations.TagResource(self, params)
  local tbl = find_by_arn(self, params.ResourceArn)
  for name, value in pairs(tags_of(params.Tags)) do tbl.tags[name] = value end
  return {}
end

function operations.UntagResource(self, params)
  local tbl = find_by_arn(self, params.ResourceArn)
  for _, name in ipairs(params.TagKeys) do tbl.tags[name] = nil end
  return {}
end

--- Two tags a page.
function operations.ListTagsOfResource(self, params)
  local tags, names, list = find_by_arn(self, params.ResourceArn).tags, {}, setmetatable({}, core.list_mt)
  for name in pairs(tags) do names[#names + 1] = name end
  table.sort(names)
  local first = tonumber(params.NextToken or "1")
  for i = first, math.min(first + 1, #names) do list[#list + 1] = { Key = names[i], Value = tags[names[i]] } end
  return { Tags = list, NextToken = names[first + 2] and ("%d"):format(first + 2) or nil }
end

--- A table as DescribeTable tells it.
function plane_methods:describe(tbl)
  local settings, definitions, indexes = tbl.settings, {}, {}
  for name, key_type in pairs(tbl.types) do
    definitions[#definitions + 1] = { AttributeName = name, AttributeType = key_type }
  end
  for _, index in pairs(tbl.indexes) do
    local status = not is_moving(self, index) and "ACTIVE" or index.deleting and "DELETING"
      or index.creating and "CREATING" or "UPDATING"
    indexes[#indexes + 1] = {
      IndexName = index.IndexName, KeySchema = index.KeySchema, Projection = index.Projection, IndexStatus = status,
      Backfilling = status == "CREATING" and not tbl.creating or nil, ItemCount = 0,
      ProvisionedThroughput = index.ProvisionedThroughput,
    }
  end
  local encrypted = settings.SSESpecification and settings.SSESpecification.Enabled
  local stream = settings.StreamSpecification
  return {
    TableName = tbl.name, TableArn = tbl.arn, KeySchema = tbl.keys, AttributeDefinitions = definitions, ItemCount = 0,
    TableStatus = tbl.deleting and "DELETING" or not is_moving(self, tbl) and "ACTIVE"
      or tbl.creating and "CREATING" or "UPDATING",
    BillingModeSummary = settings.BillingMode == "PAY_PER_REQUEST" and { BillingMode = settings.BillingMode } or nil,
    ProvisionedThroughput = settings.ProvisionedThroughput or { ReadCapacityUnits = 0, WriteCapacityUnits = 0 },
    TableClassSummary = settings.TableClass and { TableClass = settings.TableClass } or nil,
    DeletionProtectionEnabled = settings.DeletionProtectionEnabled,
    StreamSpecification = stream and stream.StreamEnabled and stream or nil,
    LatestStreamArn = stream and stream.StreamEnabled and tbl.arn .. "/stream/1" or nil,
    SSEDescription = encrypted and {
      Status = tbl.encrypting and is_moving(self, tbl.encrypting) and "UPDATING" or "ENABLED", SSEType = "KMS",
      KMSMasterKeyArn = "arn:aws:kms:local:000000000000:key/" .. (settings.SSESpecification.KMSMasterKeyId or "aws"),
    } or nil,
    GlobalSecondaryIndexes = indexes[1] and indexes or nil,
    LocalSecondaryIndexes = tbl.local_indexes[1] and tbl.local_indexes or nil,
  }
end

--- Answers a request of the fake runtime. `log` gets the operation's name.
---@param request table
---@param runtime table
---@return table
function plane_methods:answer(request, runtime)
  local operation = assert(core.header("POST / HTTP/1.1\r\n" .. request.head .. "\r\n", "x-amz-target")):match "%.(.*)$"
  self.now = runtime:now()
  self.log[#self.log + 1] = operation
  local ok, result = pcall(assert(operations[operation], operation), self, core.json_decode(request.body))
  if not ok and type(result) ~= "table" then error(result, 0) end
  local lost = self.lose and self.lose(operation)
  if lost then return { code = "Timeout", sent = true } end
  if ok then return { body = core.json_encode(result), delay = self.latency } end
  return {
    status = 400, body = ('{"__type":"x#%s","message":%q}'):format(result.code, result.message), delay = self.latency,
  }
end

--- How often an operation was asked for.
---@param operation string
---@return integer
function plane_methods:count(operation)
  local count = 0
  for _, each in ipairs(self.log) do count = count + (each == operation and 1 or 0) end
  return count
end

--- A control plane without tables.
---@param options table?    delay: seconds that a change takes (5), latency: of a request (0), lose: a function that is
---                         told an operation and says whether its answer is lost
function control_plane.new(options)
  options = options or {}
  return setmetatable({
    tables = {}, log = {}, now = 0, delay = options.delay or 5, latency = options.latency or 0, lose = options.lose,
  }, plane_mt)
end

return control_plane
