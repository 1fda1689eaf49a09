--- Events of other services reach a function as they are.
local shop = require "shop"

local ingest = {}

local function unescape(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

--- S3: remembers what was uploaded. An event may come twice; the sequencer tells an old one.
function ingest.uploaded(event)
  for _, record in ipairs(event.Records) do
    local object = record.s3.object
    local ok, err = shop.table:put({
      pk = shop.keys.upload(record.s3.bucket.name), sk = unescape(object.key), entityType = "Upload",
      size = object.size, sequencer = object.sequencer,
    }, { where = "attribute_not_exists(pk) OR sequencer < :s", values = { s = object.sequencer } })
    if not ok and not err:is "ConditionalCheckFailed" then error(err, 0) end
  end
end

--- EventBridge: writes the day's heartbeat.
function ingest.scheduled(event)
  assert(shop.table:put { pk = "SCHEDULE", sk = event.time, entityType = "Run", source = event.source })
  return { done = event.time }
end

return ingest
