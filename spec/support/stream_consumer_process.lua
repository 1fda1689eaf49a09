--- A consumer as a process. Started by spec/support/stream_server.lua: lua spec/support/stream_consumer_process.lua
--- SETTINGS, a Lua file that returns them. It notes each record before anything else is done with it.
local dynamodb = require "dynamodb"
local posix = require "spec.support.posix"
local stream_model = require "spec.support.stream_model"

local settings = assert(loadfile(arg[1]))()
local log = assert(io.open(settings.log, "ab"))

local function connect(endpoint)
  return dynamodb.connect { endpoint = endpoint, region = "us-east-1", access_key_id = "spec",
    secret_access_key = "spec", retry = { max_attempts = 2, random = 0.1 } }
end

local db, leases = connect(settings.streams), connect(settings.endpoint)

local tenures, count = {}, 0 -- by context: the times in which it has a shard

local handler = dynamodb.streams.handler({ any = function(record, ctx)
  if not tenures[ctx] then tenures[ctx], count = count + 1, count + 1 end
  log:write(("%.6f %d %s %s %d %s\n"):format(posix.now(), tenures[ctx], ctx.shard_id, record.keys.pk:match "%d+$",
    record.new.n, record.sequence_number))
  log:flush()
  db:runtime():sleep(settings.work)
end }, { margin = 0 })

assert(db:stream(stream_model.arn):consume(handler, {
  checkpoint = leases:table(settings.table), lease = settings.lease, poll = settings.poll,
  batch_size = settings.batch_size,
}))
