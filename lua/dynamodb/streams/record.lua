--- One change of one item, as a stream tells it: the same object whether Lambda, GetRecords or a Kinesis stream brought
--- it.
local core = require "dynamodb.core"
local diff = require "dynamodb.diff"
local errors = require "dynamodb.error"
local path = require "dynamodb.expression.path"
local usage = require "dynamodb.usage"

local record_methods = {}
local record_mt = { __name = "dynamodb.Record", __index = record_methods }

---@class dynamodb.Record
---@field event "INSERT"|"MODIFY"|"REMOVE"    or a name that AWS will add
---@field keys table             of the item
---@field new table?             the item as it became, if the stream has new images and the item is still there
---@field old table?             the item as it was, if the stream has old images and it was there
---@field expired boolean        deleted by the time to live? (In a global table only where it was, not in replicas.)
---@field id string?             the same whenever the record is delivered again
---@field sequence_number string?    its place in the shard: what a partial batch response names
---@field created_at number?     seconds since 1970; whole ones from DynamoDB Streams
---@field size integer?          bytes
---@field view string?           "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"; nil from Kinesis, which
---                              has both images
---@field table string?          its name; nil in an answer of GetRecords, which does not say
---@field stream string?         ARN of the stream
---@field region string?

--- "INSERT people { pk = … }" is not shown: an item's key may be a secret.
function record_mt:__tostring()
  return ("dynamodb.Record(%s %s)"):format(self.event, self.sequence_number or self.id or "without a number")
end

---@param message string
---@return nil
---@return dynamodb.Error
local function refuse(message)
  return nil, errors.new { code = "InvalidEvent", message = message, sent = false, retryable = false }
end

---@param value any
---@param wanted string    a Lua type
---@return any             nil for what is of another type, JSON's null among it
local function of_type(value, wanted)
  if type(value) == wanted then return value end
end

--- An image of a decoded event, whose values are still typed: `{ pk = { S = "a" } }`.
---@param image table
---@param options userdata?    core.options
---@return table? item
---@return string? message
local function untyped(image, options)
  local ok, json = pcall(core.json_encode, image)
  if not ok then return nil, tostring(json) end
  return core.unmarshal(json, options)
end

local IMAGES = { Keys = "keys", NewImage = "new", OldImage = "old" }

--- "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-…" -> "orders"
---@param arn string?
---@return string?
local function table_of(arn)
  return arn and arn:match "^arn:[^:]*:dynamodb:[^:]*:[^:]*:table/([^/]+)/stream/"
end

--- Both spellings: of Lambda's events and of the API. Source: "Time to Live and DynamoDB Streams" in DynamoDB's guide;
--- Identity in the API reference of DynamoDB Streams.
---@param identity any
---@return boolean
local function is_ttl(identity)
  if type(identity) ~= "table" then return false end
  local who, kind = identity.principalId or identity.PrincipalId, identity.type or identity.Type
  return kind == "Service" and who == "dynamodb.amazonaws.com"
end

local record = {}

--- A record of a stream.
---@param raw any              as Lambda or GetRecords has it; its images are taken, not copied
---@param typed boolean        are the values of its images still AttributeValues?
---@param options userdata?    core.options, for those
---@return dynamodb.Record?
---@return dynamodb.Error?     code InvalidEvent
function record.new(raw, typed, options)
  local change = type(raw) == "table" and raw.dynamodb
  if type(change) ~= "table" or type(raw.eventName) ~= "string" then
    return refuse "it is no record of a DynamoDB stream: eventName or dynamodb is missing"
  end
  local self = setmetatable({
    event = raw.eventName,
    id = of_type(raw.eventID, "string"),
    sequence_number = of_type(change.SequenceNumber, "string"),
    created_at = of_type(change.ApproximateCreationDateTime, "number"),
    size = of_type(change.SizeBytes, "number"),
    view = of_type(change.StreamViewType, "string"),
    stream = of_type(raw.eventSourceARN, "string"),
    region = of_type(raw.awsRegion, "string"),
    expired = raw.eventName == "REMOVE" and is_ttl(raw.userIdentity),
  }, record_mt)
  self.table = table_of(self.stream)
  for name, field in pairs(IMAGES) do
    local image, message = of_type(change[name], "table"), nil
    if image and typed then image, message = untyped(image, options) end
    if message then return refuse(("the record's %s cannot be read: %s"):format(name, message)) end
    self[field] = image
  end
  if not self.keys then return refuse "the record has no Keys" end
  return self
end

local kinesis_shape -- of what Kinesis carries; compiled at the first such record

--- A record that came by a Kinesis data stream. Such streams keep no order and repeat records: `created_at` orders,
--- `id` tells repetitions. Source: "Using Kinesis Data Streams to capture changes to DynamoDB" in DynamoDB's guide.
---@param raw any              an element of the event's Records
---@param options userdata?    core.options
---@return dynamodb.Record?
---@return dynamodb.Error?     code InvalidEvent
function record.of_kinesis(raw, options)
  local envelope = type(raw) == "table" and type(raw.kinesis) == "table" and raw.kinesis
  local data = envelope and type(envelope.data) == "string" and core.unbase64(envelope.data)
  if not data then return refuse "it is no record of a Kinesis stream: kinesis.data is missing or not base64" end
  kinesis_shape = kinesis_shape or core.shape "(dynamodb (Keys i,NewImage i,OldImage i))"
  local inner, message = core.decode(kinesis_shape, data, options)
  if not inner then return refuse("the data of the record cannot be read: " .. message) end
  local self, err = record.new(inner, false)
  if not self then return nil, err end
  self.table = of_type(inner.tableName, "string")
  self.stream = of_type(raw.eventSourceARN, "string")
  self.sequence_number = of_type(envelope.sequenceNumber, "string")
  if self.created_at then
    local unit = inner.dynamodb.ApproximateCreationDateTimePrecision == "MICROSECOND" and 1e6 or 1e3
    self.created_at = self.created_at / unit
  end
  return self
end

--- Where two places of a shard are: sequence numbers are decimal digits without an end.
---@param a string
---@param b string
---@return -1|0|1
function record.compare(a, b)
  if a == b then return 0 end
  if #a ~= #b then return #a < #b and -1 or 1 end
  return a < b and -1 or 1
end

-- ---------------------------------------------------------------------------------------------------- methods ----

--- An attribute of the item: as it became, else as it was, else of its key. Nil where the stream does not have it.
---@param name string    a whole attribute name
---@return any
function record_methods:attribute(name)
  for _, image in ipairs { self.new or false, self.old or false, self.keys } do
    if image and image[name] ~= nil then return image[name] end
  end
end

--- Raises unless the record tells both how the item was and how it became.
---@param self dynamodb.Record
---@param method string
local function check_images(self, method)
  local has_old = self.old or self.event == "INSERT"
  local has_new = self.new or self.event == "REMOVE"
  if has_old and has_new and (self.old or self.new) then return end
  usage.raise(("%s needs the item before and after: the view of the stream must be NEW_AND_OLD_IMAGES, not %s")
    :format(method, self.view or "what it is"))
end

---@param image table?
---@param segments (string|integer)[]
---@return any
local function at(image, segments)
  local value = image
  for _, segment in ipairs(segments) do
    -- A set has no places: its elements have no order, and its methods are no attributes.
    if type(value) ~= "table" or getmetatable(value) == core.set_mt then return nil end
    value = value[segment]
  end
  return value
end

---@param a any
---@param b any
---@return boolean
local function is_same(a, b)
  if a == nil or b == nil then return a == b end
  local key = core.key(a)
  if key ~= nil or core.key(b) ~= nil then return key == core.key(b) end
  return a == b or diff({ value = a }, { value = b }) == nil
end

--- Is this attribute, or this place inside of one, another one than before? One that came or went is. Values are
--- compared as DynamoDB compares them. Raises where the stream does not have what is needed.
---@param where string|dynamodb.Path    "status", "address.city", "tags[0]", or dynamodb.path for names with dots
---@return boolean
function record_methods:changed(where)
  check_images(self, "record:changed")
  if type(where) == "string" then
    where = path.parse(where, "record:changed")
  elseif not path.is_path(where) then
    usage.raise("record:changed: the place is a text or a dynamodb.path, not a " .. type(where))
  end
  return not is_same(at(self.old, where), at(self.new, where))
end

--- What was changed, as the changes of an update: `{ set = { status = "paid" }, remove = { "draft" } }`, as of
--- `dynamodb.diff`; of a new item all of it is set. Raises where the stream does not have what is needed.
---@return table?    nil if nothing differs
function record_methods:changes()
  check_images(self, "record:changes")
  return diff(self.old or {}, self.new or {})
end

return record
