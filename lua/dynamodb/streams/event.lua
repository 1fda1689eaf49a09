--- What brings records: an event of Lambda, as bytes or decoded, of a DynamoDB stream or of a Kinesis stream; an answer
--- of GetRecords. All of them become one list.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local model = require "dynamodb.model"
local records = require "dynamodb.streams.record"

local event = {}

---@class dynamodb.StreamBatch
---@field [integer] dynamodb.Record|false    false for one that cannot be read
---@field problems table<integer, dynamodb.Error>    why not, by its place
---@field numbers table<integer, string>     sequence numbers, by place, as far as they are told
---@field window table?                      of a tumbling window: start, end, early
---@field state table?                       what the window's earlier batches have left
---@field is_final boolean?                  is it the last invocation that has this state?
---@field next_iterator string?              of GetRecords
---@field failed boolean?                    has a record failed? Then none behind it may count as the last one done
---@field err any                            why records have to come again

local batch_mt = { __name = "dynamodb.StreamBatch" }

local shape -- of an event's bytes: that of GetRecords' answer; compiled at the first event

---@param message string
---@return nil
---@return dynamodb.Error
local function refuse(message)
  return nil, errors.new { code = "InvalidEvent", message = message, sent = false, retryable = false }
end

--- One pass over the bytes where all images are well-formed; else record by record, so that one bad image is the
--- failure of its own record only.
---@param bytes string
---@param options userdata?
---@return any decoded
---@return boolean|string typed    or the message
local function decode(bytes, options)
  shape = shape or core.shape(model.operations.GetRecords.output)
  local decoded = core.decode(shape, bytes, options)
  if decoded then return decoded, false end
  local plain, message = core.json_decode(bytes)
  if plain == nil then return nil, message end
  return plain, true
end

--- Is it a batch that was read before?
---@param value any
---@return boolean
function event.is_batch(value)
  return getmetatable(value) == batch_mt
end

--- The number that AWS knows a record by, also of one that cannot be read.
---@param raw any
---@return string?
local function number_of(raw)
  if type(raw) ~= "table" then return nil end
  local holder = raw.kinesis or raw.dynamodb
  local number = type(holder) == "table" and (holder.sequenceNumber or holder.SequenceNumber)
  return type(number) == "string" and number or nil
end

--- The records of an event.
---@param source any           bytes, a decoded event, an answer of GetRecords, or a batch (returned as it is)
---@param options userdata?    core.options, for images
---@param values boolean?      are images decoded already, as in an answer of `db:call("GetRecords")`?
---@return dynamodb.StreamBatch?
---@return dynamodb.Error?     code InvalidEvent: it has no records of a stream
function event.read(source, options, values)
  if event.is_batch(source) then return source end
  local decoded, typed = source, not values
  if type(source) == "string" then
    decoded, typed = decode(source, options)
    if decoded == nil then return refuse("the event cannot be read: " .. typed) end
  end
  local list = type(decoded) == "table" and decoded.Records
  if type(list) ~= "table" then return refuse "the event has no Records: it is not of a stream" end
  local batch = setmetatable({ problems = {}, numbers = {} }, batch_mt)
  for i, raw in ipairs(list) do
    local made, err
    if type(raw) == "table" and type(raw.kinesis) == "table" then
      made, err = records.of_kinesis(raw, options)
    else
      made, err = records.new(raw, typed, options)
    end
    batch[i], batch.problems[i], batch.numbers[i] = made or false, err, number_of(raw)
  end
  if type(decoded.window) == "table" then
    local window, is_early = decoded.window, decoded.isWindowTerminatedEarly == true
    batch.window = { start = window.start, ["end"] = window["end"], early = is_early }
    batch.state = type(decoded.state) == "table" and decoded.state or {}
    batch.is_final = is_early or decoded.isFinalInvokeForWindow == true
  end
  if type(decoded.NextShardIterator) == "string" then batch.next_iterator = decoded.NextShardIterator end
  return batch
end

--- The records of a batch from a place on.
---@param batch dynamodb.StreamBatch
---@param first integer
---@return dynamodb.StreamBatch
function event.rest(batch, first)
  if first == 1 then return batch end
  local rest = setmetatable({ problems = {}, numbers = {}, next_iterator = batch.next_iterator }, batch_mt)
  for i = first, #batch do
    local to = i - first + 1
    rest[to], rest.problems[to], rest.numbers[to] = batch[i], batch.problems[i], batch.numbers[i]
  end
  return rest
end

return event
