--- What AWS has given up on is in a queue, without its data: it is read again from the stream.
local dynamodb = require "dynamodb"
local shop = require "shop"
local stream = require "stream"

local replay = {}

--- Takes what the stream's on-failure destination got, in messages of SQS.
---@param event table
---@param ctx table
---@return table    the messages that stay in the queue
function replay.failed(event, ctx)
  local failures = dynamodb.list {}
  for _, message in ipairs(event.Records) do
    local report, err = dynamodb.streams.replay(message.body, stream.process, shop.db, { ctx = ctx })
    if not report then
      io.stderr:write("replay: ", tostring(err), "\n")
      table.insert(failures, { itemIdentifier = message.messageId })
    end
  end
  return { batchItemFailures = failures }
end

return replay
