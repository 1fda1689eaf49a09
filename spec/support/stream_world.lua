--- Consumers of a scripted stream on a virtual clock: each has a client and a runtime of its own, which can be stopped
--- and continued or killed as a process can; their lease tables are a real engine's.
---
---   local world = stream_world.new { seed = 1 }
---   local one = world:start({ checkpoint = name }, function(record, ctx) … end)
---   world:pass(5)          seconds
---   one:stop() one:continue() one:kill() one:suspend(5)
---   world.log              { at =, consumer =, tenure =, shard =, item =, n =, number = }: all that was begun;
---                          a tenure is the time in which a consumer has a shard
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local fake = require "dynamodb.runtime.fake"
local plain = require "dynamodb.runtime.plain"
local stream_model = require "spec.support.stream_model"

local stream_world = {}

local world_methods = {}
local world_mt = { __name = "spec.StreamWorld", __index = world_methods }

local consumer_methods = {}
local consumer_mt = { __name = "spec.StreamConsumer", __index = consumer_methods }

local TICK = 1e-6 -- seconds: what a wait takes at least, so that it is over on both clocks in spite of rounding

local function bytes_of(value)
  local body = core.json_encode(value)
  return { body = body, headers = { ["x-amz-crc32"] = ("%.0f"):format(core.crc32(body)) } }
end

--- Answers from the model what is about streams, and from the engine the rest; each takes a while.
local function handler_of(world)
  return function(request)
    local operation = request.head:match "[Xx]%-[Aa]mz%-[Tt]arget:%s*[%w_]+%.(%w+)"
    local is_stream = operation ~= "DescribeTable" or request.body:find('"orders"', 1, true)
    world.runtime:wait(world.latency * world.model:random())
    local status, value
    if is_stream then status, value = world.model:answer(operation, core.json_decode(request.body)) end
    local answer
    if status then
      answer = bytes_of(value)
      answer.status = status
      answer.headers.date = os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(world.model.epoch + world.model:time()))
    elseif not engine.endpoint then
      error("no engine for " .. operation)
    else
      local host, port = engine.endpoint:match "//([^:/]+):(%d+)"
      answer = assert(world.outside:send { scheme = "http", host = host, port = tonumber(port), head = request.head,
        body = request.body, path = "/", repeat_safe = true })
    end
    world.runtime:wait(world.latency * world.model:random())
    return answer
  end
end

--- A consumer's own view of the runtime: nothing goes on in it while it is stopped, and its monotonic clock has stood
--- still while its machine was suspended.
local function runtime_of(consumer)
  local inner = consumer.world.runtime
  local outer = {}
  local function hold()
    while consumer.stopped do inner:wait(0.05) end
  end
  function outer.now() return inner:now() - consumer.slept end
  function outer.send(_, request, deadline)
    hold()
    local answer, err = inner:send(request, deadline and deadline + consumer.slept)
    hold()
    return answer, err
  end
  function outer.lock()
    local lock = inner:lock()
    return {
      acquire = function(_, deadline) return lock:acquire(deadline and deadline + consumer.slept) end,
      release = function() lock:release() end,
    }
  end
  function outer.sleep(_, seconds)
    inner:wait(seconds > 0 and math.max(seconds, TICK) or 0)
    hold()
  end
  return setmetatable(outer, { __index = function(_, name)
    if type(inner[name]) ~= "function" then return inner[name] end
    return function(_, ...) return inner[name](inner, ...) end
  end })
end

--- Starts a consumer.
---@param options table       of Stream:consume
---@param f function?         what the handler does with a record, after it is logged
---@param handling table?     options of streams.handler
function world_methods:start(options, f, handling)
  local consumer = setmetatable({ world = self, name = #self.consumers + 1, slept = 0 }, consumer_mt)
  self.consumers[consumer.name] = consumer
  local db = dynamodb.connect {
    region = "eu-west-1", access_key_id = "spec", secret_access_key = "spec", runtime = runtime_of(consumer),
    retry = { max_attempts = 2, random = 0.5 },
  }
  consumer.db = db
  local handler = dynamodb.streams.handler({ any = function(record, ctx)
    table.insert(self.log, { at = self.runtime:now(), consumer = consumer.name, tenure = ctx, shard = ctx.shard_id,
      item = tonumber(record.keys.pk:match "%d+$"), n = record.new.n, number = record.sequence_number })
    if f then return f(record, ctx, db) end
  end }, handling or { on_failure = function() end, margin = 0 })
  consumer.task = self.runtime:spawn(function()
    consumer.report, consumer.err = db:stream(stream_model.arn):consume(handler, options)
  end)
  return consumer
end

--- As SIGSTOP, SIGCONT and SIGKILL.
function consumer_methods:stop() self.stopped = true end
function consumer_methods:continue() self.stopped = false end
function consumer_methods:kill()
  self.killed = true
  self.world.runtime:cancel(self.task)
end

--- As a machine that is suspended for a while.
function consumer_methods:suspend(seconds)
  self:stop()
  self.world:pass(seconds)
  self.slept = self.slept + seconds
  self:continue()
end

--- Waits until it has ended by itself.
---@return table? report
---@return dynamodb.Error?
function consumer_methods:result()
  local ok, raised = self.world.runtime:join(self.task)
  if not ok then error(raised, 0) end
  return self.report, self.err
end

--- Lets time pass.
function world_methods:pass(seconds) self.runtime:wait(seconds) end

--- Lets time pass until something is so; false if it is not so for long.
function world_methods:await(seconds, condition)
  local stop = self.runtime:now() + seconds
  repeat
    if condition() then return true end
    self:pass(0.05)
  until self.runtime:now() > stop
  return false
end

--- Has every record been begun?
function world_methods:is_complete()
  local seen, count = {}, 0
  for _, entry in ipairs(self.log) do
    if not seen[entry.number] then seen[entry.number], count = true, count + 1 end
  end
  return count == #self.model:all()
end

function world_methods:close()
  for _, consumer in ipairs(self.consumers) do
    if not consumer.task.ended then consumer:kill() end
  end
  self.outside:close()
end

--- A stream and nobody who reads it.
---@param settings table    of stream_model, and latency (0.01: seconds that a request takes at most, each way)
function stream_world.new(settings)
  local self = setmetatable({ log = {}, consumers = {}, latency = settings.latency or 0.01 }, world_mt)
  self.outside = plain.new()
  self.runtime = fake.new { handler = handler_of(self) }
  local copy = { now = function() return self.runtime:now() end }
  for name, value in pairs(settings) do copy[name] = value end
  self.model = stream_model.new(copy)
  return self
end

--- Do the first beginnings of each item's changes come in order?
function stream_world.is_ordered(log)
  local latest = {}
  for _, entry in ipairs(log) do
    local before = latest[entry.item] or 0
    if entry.n > before + 1 then
      return false, ("item %d: change %d was begun after %d"):format(entry.item, entry.n, before)
    end
    latest[entry.item] = math.max(before, entry.n)
  end
  return true
end

--- The numbers of the records that were begun, and how often one was begun that had been begun before.
function stream_world.numbers(log)
  local seen, repeated = {}, 0
  for _, entry in ipairs(log) do
    if seen[entry.number] then repeated = repeated + 1 end
    seen[entry.number] = true
  end
  return seen, repeated
end

--- How many records were begun at most in a tenure that another one had followed.
function stream_world.late(log)
  local current, over, counts, worst = {}, {}, {}, 0
  for _, entry in ipairs(log) do
    local before = current[entry.shard]
    if before ~= entry.tenure and over[entry.tenure] then
      counts[entry.tenure] = (counts[entry.tenure] or 0) + 1
      worst = math.max(worst, counts[entry.tenure])
    elseif before ~= entry.tenure then
      if before then over[before] = true end
      current[entry.shard] = entry.tenure
    end
  end
  return worst
end

--- How many records were begun again at most when another tenure began.
function stream_world.overlap(log)
  local current, begun, worst = {}, {}, 0
  for _, entry in ipairs(log) do
    local numbers = begun[entry.shard] or {}
    begun[entry.shard] = numbers
    if current[entry.shard] ~= entry.tenure then
      current[entry.shard] = entry.tenure
      local again = 0
      for number in pairs(numbers) do again = again + (tonumber(number) >= tonumber(entry.number) and 1 or 0) end
      worst = math.max(worst, again)
    end
    numbers[entry.number] = true
  end
  return worst
end

return stream_world
