--- Invokes every function on this machine: against the engine at AWS_ENDPOINT_URL, with the events of events/, and
--- prints what comes in and what goes out. `make demo` starts the engine around it.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local shop = require "shop"
local sns = require "sns"

local here = arg and arg[0] and arg[0]:match "^(.*)/[^/]*$" or "."

-- Instead of SNS: shows what would be sent.
sns.runtime = {
  now = function() return 0 end,
  time = function() return os.time() end,
  send = function(_, request)
    print(("    POST https://%s%s (%s)"):format(request.host, request.path,
      request.head:match "Authorization: (AWS4%-HMAC%-SHA256) " or "not signed"))
    print("    " .. request.body)
    return { status = 200, head = "", body = "" }
  end,
}

local function read(name)
  local file = assert(io.open(("%s/events/%s.json"):format(here, name)))
  local text = file:read "*a"
  file:close()
  return text
end

--- A context as Lambda's runtime makes it.
local function context(name)
  return { request_id = core.uuid(), function_name = name, remaining_ms = function() return 3000 end }
end

--- Invokes `module.name` with an event and prints both ways.
local function invoke(handler, event, title)
  local module, name = handler:match "^(%w+)%.([%w_]+)$"
  print(("\n%s  <-  %s"):format(handler, title))
  local answer = require(module)[name](event, context(name))
  if type(answer) == "table" and answer.statusCode then
    print(("    %d  %s"):format(answer.statusCode, answer.body))
  else
    print("    " .. (answer == nil and "nothing" or dynamodb.to_json(answer)))
  end
  return answer
end

local function recorded(handler, name)
  return invoke(handler, core.json_decode(read(name)), name)
end

assert(shop.db:ensure_table(shop.spec))
assert(shop.db:ensure_table(shop.idempotency_spec))
assert(shop.table:put { pk = shop.keys.account "a", sk = "BALANCE", balance = 100 })
assert(shop.table:put { pk = shop.keys.account "b", sk = "BALANCE", balance = 0 })
assert(shop.table:put { pk = shop.keys.product "lamp", sk = "STOCK", stock = 10 })

recorded("users.create", "create-user.rest")
recorded("users.create", "create-user.rest")             -- 409
recorded("users.get", "get-user.http")
recorded("users.update", "update-user.rest")
recorded("orders.create", "create-order.rest")
recorded("orders.create", "create-order.rest")           -- the same answer, one order
recorded("orders.list", "list-orders.rest")
recorded("orders.by_status", "orders-by-status.http")
recorded("batch.create", "batch-users.rest")
recorded("batch.lookup", "batch-lookup.rest")
recorded("accounts.transfer", "transfer.rest")
recorded("accounts.transfer", "transfer.rest")           -- made before
recorded("ingest.uploaded", "uploaded.s3")
recorded("ingest.scheduled", "scheduled.eventbridge")
recorded("api.handler", "get-user.alb")
recorded("api.handler", "update-user.url")
recorded("api.handler", "balances.url")
recorded("users.delete", "delete-user.rest")
recorded("users.get", "get-user.http")                   -- 404

-- The stream of all this, read as Lambda's poller reads it.
local stream_arn = assert(shop.db:call("DescribeTable", { TableName = shop.spec.name })).Table.LatestStreamArn
local shard = assert(shop.db:call("DescribeStream", { StreamArn = stream_arn })).StreamDescription.Shards[1]
local iterator = assert(shop.db:call("GetShardIterator", {
  StreamArn = stream_arn, ShardId = shard.ShardId, ShardIteratorType = "TRIM_HORIZON",
})).ShardIterator
local records = assert(dynamodb.streams.records(assert(shop.db:call("GetRecords", { ShardIterator = iterator })),
  { values = true }))
invoke("stream.process", records, ("%d records of the table's stream"):format(#records))

-- What AWS had given up on.
local function bound(record) return record.sequence_number end
invoke("replay.failed", { Records = { { messageId = "1", body = core.json_encode {
  requestContext = { condition = "RetryAttemptsExhausted", approximateInvokeCount = 4 },
  DDBStreamBatchInfo = {
    shardId = shard.ShardId, streamArn = stream_arn, batchSize = #records,
    startSequenceNumber = bound(records[1]), endSequenceNumber = bound(records[#records]),
  },
} } } }, "a message of the on-failure queue")

local stock = assert(shop.table:get { pk = shop.keys.product "lamp", sk = "STOCK" }).stock
print(("\nstock of lamps: %d (the replay moved nothing a second time)"):format(stock))
shop.db:close()
