--- DescribeTable's answer in the words of a table's spec. Nothing in it is trusted: what is of another type than it
--- should be is left out.
local members = require "dynamodb.admin.members"
local schema = require "dynamodb.schema"

local description = {}

---@class dynamodb.IndexDescription
---@field kind "global"|"local"
---@field partition string|string[]    a list if they are several
---@field sort string|string[]|nil
---@field projection "ALL"|"KEYS_ONLY"|string[]    a list of what it has beside keys
---@field status string?        "ACTIVE", …; a local index has none of its own
---@field backfilling boolean   is it being filled with what was there before it?
---@field items integer?        as of the last hours
---@field bytes integer?
---@field arn string?
---@field read integer?         provisioned capacity units
---@field write integer?

---@class dynamodb.TableDescription
---@field name string
---@field arn string?
---@field id string?
---@field status string         "ACTIVE", "CREATING", "UPDATING", "DELETING", …
---@field created number?       seconds since 1970
---@field items integer?        as of the last hours
---@field bytes integer?
---@field partition string
---@field sort string?
---@field types table<string, "S"|"N"|"B">    of all key attributes
---@field indexes table<string, dynamodb.IndexDescription>
---@field billing "on_demand"|table     or { read =, write = }
---@field stream table|false            { arn =, view = }
---@field ttl table?                    { status = "ENABLED", attribute = "ttl" }
---@field tags table<string, string>?   if they were asked for
---@field deletion_protection boolean
---@field table_class string
---@field encryption string|false       the ARN of a KMS key; false: DynamoDB's own
---@field raw table                     the member Table of the answer

---@param value any
---@return string?
local function text(value) return type(value) == "string" and value or nil end

---@param value any
---@return number?
local function number(value) return type(value) == "number" and value or nil end

---@param value any
---@return table
local function structure(value) return type(value) == "table" and value or {} end

---@param names string[]
---@return string|string[]|nil
local function one_or_many(names)
  if names[2] then return names end
  return names[1]
end

---@param throughput any    ProvisionedThroughput
---@return integer?
---@return integer?
local function capacity(throughput)
  throughput = structure(throughput)
  local read, write = number(throughput.ReadCapacityUnits), number(throughput.WriteCapacityUnits)
  if read == 0 and write == 0 then return nil, nil end -- so the service says "on demand"
  return read, write
end

---@param keys dynamodb.IndexSchema
---@param index table    of the answer
---@return dynamodb.IndexDescription
local function describe_index(keys, index)
  local read, write = capacity(index.ProvisionedThroughput)
  return {
    kind = keys.kind,
    partition = one_or_many(keys.partition),
    sort = one_or_many(keys.sort),
    projection = keys.attributes or keys.projection,
    status = text(index.IndexStatus),
    backfilling = index.Backfilling == true,
    items = number(index.ItemCount),
    bytes = number(index.IndexSizeBytes),
    arn = text(index.IndexArn),
    read = read,
    write = write,
  }
end

---@param described table
---@return "on_demand"|table
local function billing_of(described)
  local mode = structure(described.BillingModeSummary).BillingMode
  local read, write = capacity(described.ProvisionedThroughput)
  if mode == "PAY_PER_REQUEST" or not read then return "on_demand" end
  return { read = read, write = write }
end

---@param described table
---@return table|false
local function stream_of(described)
  local stream = structure(described.StreamSpecification)
  if stream.StreamEnabled ~= true then return false end
  return { view = text(stream.StreamViewType), arn = text(described.LatestStreamArn) }
end

--- A description in the words of a spec.
---@param described any    the member Table of DescribeTable's answer
---@return dynamodb.TableDescription?    nil if it does not have what every table has
---@return dynamodb.Schema?
function description.from(described)
  local keys = schema.from_description(described)
  if not keys or not text(described.TableName) then return nil end
  local encryption = structure(described.SSEDescription)
  local made = {
    name = described.TableName,
    arn = text(described.TableArn),
    id = text(described.TableId),
    status = text(described.TableStatus) or "unknown",
    created = number(described.CreationDateTime),
    items = number(described.ItemCount),
    bytes = number(described.TableSizeBytes),
    partition = keys.partition,
    sort = keys.sort,
    types = keys.types,
    indexes = {},
    billing = billing_of(described),
    stream = stream_of(described),
    deletion_protection = described.DeletionProtectionEnabled == true,
    table_class = text(structure(described.TableClassSummary).TableClass) or "STANDARD",
    encryption = encryption.Status ~= "DISABLED" and text(encryption.KMSMasterKeyArn) or false,
    raw = described,
  }
  for _, member in ipairs { "GlobalSecondaryIndexes", "LocalSecondaryIndexes" } do
    for _, index in ipairs(described[member] or {}) do
      made.indexes[index.IndexName] = describe_index(keys.indexes[index.IndexName], index)
    end
  end
  return made, keys
end

--- The time to live in DescribeTimeToLive's answer.
---@param answer table
---@return table    { status =, attribute = }
function description.ttl(answer)
  local ttl = structure(answer.TimeToLiveDescription)
  return { status = text(ttl.TimeToLiveStatus) or "unknown", attribute = text(ttl.AttributeName) }
end

--- Tags of a page of ListTagsOfResource, added to those of the pages before it.
---@param tags table<string, string>
---@param list any
function description.add_tags(tags, list)
  for _, tag in ipairs(structure(list)) do
    tag = structure(tag)
    if text(tag.Key) and text(tag.Value) then tags[tag.Key] = tag.Value end
  end
end

-- ------------------------------------------------------------------------------------------------------ in words ----

---@param keys string[]|string|nil
---@param types table<string, string>
---@return string?
local function part_in_words(keys, types)
  if type(keys) ~= "table" then keys = { keys } end
  local words = {}
  for i, name in ipairs(keys) do
    local key_type = types[name]
    words[i] = (key_type == "N" or key_type == "B") and name .. " " .. key_type or name
  end
  return words[1] and table.concat(words, " + ")
end

--- A key as people read it: "(pk, sk N)".
---@param partition string|string[]
---@param sort string|string[]|nil
---@param types table<string, string>
---@return string
function description.key_in_words(partition, sort, types)
  local first, second = part_in_words(partition, types), part_in_words(sort, types)
  return ("(%s)"):format(second and first .. ", " .. second or first)
end

---@param index dynamodb.IndexSchema
---@return string    "ALL", "KEYS_ONLY" or "{ a, b }"
function description.projection_in_words(index)
  if not index.attributes then return tostring(index.projection) end
  local names = {}
  for _, name in ipairs(index.attributes) do names[name] = true end
  return ("{ %s }"):format(table.concat(members.sorted(names), ", "))
end

---@param billing "on_demand"|table
---@return string    "on_demand" or "5 read, 5 write"
function description.billing_in_words(billing)
  if type(billing) ~= "table" then return billing end
  return ("%.0f read, %.0f write"):format(billing.read, billing.write)
end

return description
