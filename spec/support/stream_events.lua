--- Events of streams as Lambda gets them, decoded or as bytes, and contexts to go with them.
local core = require "dynamodb.core"

local stream_events = {}

--- One record.
---@param name string      "INSERT", …
---@param number integer   becomes its sequence number
---@param fields table     keys, new, old: images, plain; view; identity
---@return table
function stream_events.record(name, number, fields)
  local function typed(image) return image and core.json_decode(core.marshal(image)) end
  return {
    eventID = ("id-%d"):format(number), eventName = name, eventVersion = "1.1", eventSource = "aws:dynamodb",
    awsRegion = "eu-west-1",
    eventSourceARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-11-27T00:00:00.000",
    userIdentity = fields.identity,
    dynamodb = {
      ApproximateCreationDateTime = 1795821901, Keys = typed(fields.keys or { pk = "a" }), NewImage = typed(fields.new),
      OldImage = typed(fields.old), SequenceNumber = ("%d"):format(number), SizeBytes = 26,
      StreamViewType = fields.view or "NEW_AND_OLD_IMAGES",
    },
  }
end

--- An event of INSERT records, one for each key.
---@param ... string    values of the key pk
---@return table
function stream_events.inserts(...)
  local records = {}
  for i, pk in ipairs { ... } do
    records[i] = stream_events.record("INSERT", 100 + i, { keys = { pk = pk }, new = { pk = pk, n = i } })
  end
  return { Records = records }
end

--- A record of a Kinesis stream.
---@param inner table     what DynamoDB put into it
---@param number string
---@return table
function stream_events.kinesis(inner, number)
  return {
    eventSource = "aws:kinesis", eventID = "shardId-000000000006:" .. number, eventName = "aws:kinesis:record",
    eventSourceARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/changes",
    kinesis = {
      partitionKey = "x", sequenceNumber = number, data = core.base64(core.json_encode(inner)),
      approximateArrivalTimestamp = 1795821902.5, kinesisSchemaVersion = "1.0",
    },
  }
end

--- A context whose time left is told by a list, one number of milliseconds for each time it is asked.
---@param ... number
---@return table
function stream_events.context(...)
  local left, asked = { ... }, 0
  return {
    request_id = "8c1e", function_name = "f",
    remaining_ms = function()
      asked = asked + 1
      return left[math.min(asked, #left)]
    end,
  }
end

return stream_events
