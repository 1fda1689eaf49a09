-- The functions of examples/lambda in the bootstrap, each in a process of its own, under what others have made to run
-- functions: events of HTTP, S3 and EventBridge, and what a real engine's stream says afterwards.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local lambda_peers = require "spec.support.lambda_peers"
local process = require "spec.support.process"
local runtime_api = require "spec.support.runtime_api"
local stream_events = require "spec.support.stream_events"

-- Instead of SNS, which is not here: a line of the log.
local TOLD = [[
require("sns").runtime = {
  now = function() return 0 end, time = function() return 1795821901 end,
  send = function(_, request) print("told: " .. request.body) return { status = 200, head = "", body = "" } end,
}
return require "stream"]]

local REPLAY = [[
require "told"
return require "replay"]]

-- Handler, event, and the status that the answer must have; without one, there must be no error.
local STEPS = {
  { "users.create", "create-user.rest", 201 }, { "users.create", "create-user.rest", 409 },
  { "users.get", "get-user.http", 200 }, { "users.update", "update-user.rest", 200 },
  { "orders.create", "create-order.rest", 201 }, { "orders.create", "create-order.rest", 201 },
  { "orders.list", "list-orders.rest", 200 }, { "orders.by_status", "orders-by-status.http", 200 },
  { "batch.create", "batch-users.rest", 200 }, { "batch.lookup", "batch-lookup.rest", 200 },
  { "accounts.transfer", "transfer.rest", 201 }, { "accounts.transfer", "transfer.rest", 409 },
  { "ingest.uploaded", "uploaded.s3" }, { "ingest.scheduled", "scheduled.eventbridge" },
  { "api.handler", "get-user.alb", 200 }, { "api.handler", "update-user.url", 200 },
  { "api.handler", "balances.url", 200 }, { "accounts.balances", "balances.url", 200 },
  { "users.delete", "delete-user.rest", 200 }, { "users.get", "get-user.http", 404 },
}

for _, name in ipairs { "rie", "fun" } do
  describe("The article's functions under " .. name, function()
    local kind = lambda_peers[name]
    if not engine.endpoint or engine.name == "dynalite" or not kind.available() then
      pending "an engine with streams and transactions, or the peer, is not here: tools/engine.sh, tools/peers.sh"
      return
    end
    local directory, db, shop, idempotency, running

    setup(function()
      directory = process.temporary_directory()
      assert(os.execute(("cp -R examples/lambda/*.lua examples/lambda/events %s %s/"):format(runtime_api.BOOTSTRAP,
        directory)))
      for name_of, text in pairs { told = TOLD, told_replay = REPLAY } do
        local file = assert(io.open(("%s/%s.lua"):format(directory, name_of), "w"))
        file:write(text)
        file:close()
      end
      db, running = engine.connect { cursor_keys = { ("k"):rep(32) } }, {}
      shop = assert(db:create_table {
        name = engine.prefix .. core.uuid(), partition = "pk", sort = "sk", types = { total = "N" },
        indexes = { GSI1 = { partition = "GSI1PK", sort = "GSI1SK" }, LSI1 = { sort = "total", kind = "local" } },
        stream = "NEW_AND_OLD_IMAGES",
      })
      idempotency = assert(db:create_table { name = engine.prefix .. core.uuid(), partition = "id" })
      assert(shop:put { pk = "ACCOUNT#a", sk = "BALANCE", balance = 100 })
      assert(shop:put { pk = "ACCOUNT#b", sk = "BALANCE", balance = 0 })
      assert(shop:put { pk = "PRODUCT#lamp", sk = "STOCK", stock = 10 })
    end)

    teardown(function()
      for _, peer in pairs(running) do peer:stop() end
      engine.drop_table(db, shop.name)
      engine.drop_table(db, idempotency.name)
      db:close()
    end)

    -- Invokes a function; its process is started by the first event.
    local function invoke(handler, event)
      running[handler] = running[handler] or kind.start {
        directory = directory, handler = handler, command = { directory .. "/bootstrap" },
        env = {
          TABLE_NAME = shop.name, IDEMPOTENCY_TABLE = idempotency.name, CURSOR_KEY = "0123456789abcdef0123456789abcdef",
          TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:orders", AWS_ENDPOINT_URL = engine.endpoint,
          AWS_REGION = db.region.value, AWS_ACCESS_KEY_ID = "spec", AWS_SECRET_ACCESS_KEY = "spec",
        },
      }
      return core.json_decode((running[handler]:invoke(event)))
    end

    it("answer the events of HTTP, S3 and EventBridge", function()
      for i, step in ipairs(STEPS) do
        local answer = invoke(step[1], process.read(("%s/events/%s.json"):format(directory, step[2])))
        local told = ("step %d, %s: %s"):format(i, step[1], core.json_encode(answer == nil and core.null or answer))
        local is_answer = type(answer) == "table" and answer ~= core.null
        assert.equal(step[3], is_answer and answer.statusCode or nil, told)
        assert.is_nil(is_answer and answer.errorType or nil, told)
      end
    end)

    -- The records of the table's stream, as GetRecords has them, and what names the shard.
    local function read_stream()
      local arn = assert(shop:describe()).stream.arn
      local shard = assert(db:call("DescribeStream", { StreamArn = arn })).StreamDescription.Shards[1].ShardId
      local place = assert(db:call("GetShardIterator",
        { StreamArn = arn, ShardId = shard, ShardIteratorType = "TRIM_HORIZON" }))
      return assert(db:call("GetRecords", { ShardIterator = place.ShardIterator })).Records, arn, shard
    end

    local function stock() return assert(shop:get { pk = "PRODUCT#lamp", sk = "STOCK" }).stock end

    it("process what the engine's stream says", function()
      local records, before = {}, stock()
      for i, record in ipairs((read_stream())) do
        local change = record.dynamodb
        records[i] = stream_events.record(record.eventName, i,
          { keys = change.Keys, new = change.NewImage, old = change.OldImage })
      end
      local event = core.json_encode { Records = records }
      for _ = 1, 2 do -- what comes again is not done again
        assert.same({ batchItemFailures = dynamodb.list {} }, invoke("told.process", event))
        assert.truthy(stock() < before)
        before = stock() + 1
      end
      if name == "rie" then assert.truthy(running["told.process"]:output():find("told: Action=Publish", 1, true)) end
    end)

    it("replay what was given up on, from the engine's stream", function()
      local records, arn, shard = read_stream()
      local event = core.json_encode { Records = { { eventSource = "aws:sqs", messageId = "m1",
        body = core.json_encode { DDBStreamBatchInfo = {
          streamArn = arn, shardId = shard, batchSize = #records,
          startSequenceNumber = records[1].dynamodb.SequenceNumber,
          endSequenceNumber = records[#records].dynamodb.SequenceNumber,
        } } } } }
      local before = stock()
      for _ = 1, 2 do
        assert.same({ batchItemFailures = dynamodb.list {} }, invoke("told_replay.failed", event))
        assert.truthy(stock() < before)
        before = stock() + 1
      end
    end)
  end)
end
