--- The stream of a table: its records one by one, or a consumer that follows it.
local checkpoints = require "dynamodb.streams.checkpoint"
local consumers = require "dynamodb.streams.consumer"
local errors = require "dynamodb.error"
local iterators = require "dynamodb.streams.iterator"
local option_rules = require "dynamodb.options"
local usage = require "dynamodb.usage"

local stream_methods = {}
local stream_mt = { __name = "dynamodb.Stream", __index = stream_methods }

---@class dynamodb.Stream
---@field client dynamodb.Client
---@field name string     of the table, or the stream's ARN

function stream_mt:__tostring()
  return ("dynamodb.Stream(%s)"):format(self.name)
end

local READING = {
  from = true, batch_size = true, poll = true, on_trimmed = true, stop = true, timeout = true, deadline = true,
}
local CONSUMING = { checkpoint = true, lease = true, max_attempts = true, on_failure = true }
for name in pairs(READING) do CONSUMING[name] = true end

local MOST_RECORDS = 1000 -- of an answer. Source: GetRecords in the API reference

---@param value any
---@param name string
---@param least number
local function check_seconds(value, name, least)
  if value == nil then return end
  if type(value) ~= "number" or value ~= value or value < least or value > 86400 then
    usage.raise(("%s must be a number of seconds from %s to 86400"):format(name, tostring(least)))
  end
end

local WORDS = { TRIM_HORIZON = true, LATEST = true }

--- Where to begin: a word, or places by shard.
---@param from any
---@return "TRIM_HORIZON"|"LATEST"
---@return table<string, string>? places
local function check_from(from)
  if from == nil then return "TRIM_HORIZON" end
  if type(from) == "string" and WORDS[from:upper()] then return from:upper() end
  if type(from) ~= "table" then
    usage.raise 'from must be "TRIM_HORIZON", "LATEST" or a table of sequence numbers by shard'
  end
  for id, place in pairs(from) do
    if type(id) ~= "string" or not checkpoints.is_place(place) then
      usage.raise(("from: the place in shard %s must be a sequence number, as text"):format(tostring(id)))
    end
  end
  return "TRIM_HORIZON", from
end

--- The options that both ways of reading have, with their defaults.
---@param client dynamodb.Client
---@param given table
---@return table checked    a copy
local function check_reading(client, given)
  local options = {}
  for name, value in pairs(given) do options[name] = value end
  options.from, options.places = check_from(given.from)
  option_rules.check_counts(given, { "batch_size", "max_attempts" })
  if (given.batch_size or 1) > MOST_RECORDS then usage.raise "batch_size must be 1000 records at most" end
  options.batch_size, options.poll = given.batch_size or 100, given.poll or 1
  check_seconds(given.poll, "poll", 0.001)
  check_seconds(given.lease, "lease", 0.1)
  for _, name in ipairs { "on_trimmed", "on_failure", "stop" } do
    if given[name] ~= nil then usage.check_type(given[name], "function", name) end
  end
  if given.timeout then
    options.deadline = math.min(client:now() + given.timeout, given.deadline or math.huge)
  end
  return options
end

--- What keeps the checkpoints: a table, a file, or nothing but memory.
---@param self dynamodb.Stream
---@param options table    gets `lease_table` or `file`
local function check_checkpoint(self, options)
  local given = options.checkpoint
  if given == nil then return end
  local mt = type(given) == "table" and getmetatable(given)
  if type(given) == "string" and given ~= "" then
    options.lease_table = self.client:table(given)
  elseif mt and mt.__name == "dynamodb.Table" then
    options.lease_table = given.client:table(given.name)
  elseif type(given) == "table" and type(given.file) == "string" and given.file ~= "" then
    usage.check_names(given, { file = true }, "member of checkpoint")
    options.file = given.file
  else
    usage.raise 'checkpoint must be the name of a lease table, a table of db:table, or { file = "path" }'
  end
end

--- The stream's ARN; of a table, that of its latest stream, which it is asked for.
---@return string? arn
---@return dynamodb.Error?    code StreamNotEnabled if the table has none
function stream_methods:arn()
  if self.name:find "/stream/" then return self.name end
  local answer, err = self.client:perform("DescribeTable", { TableName = self.name }, {})
  if not answer then return nil, err end
  local described = type(answer.Table) == "table" and answer.Table or {}
  local specification = type(described.StreamSpecification) == "table" and described.StreamSpecification or {}
  if specification.StreamEnabled ~= true or type(described.LatestStreamArn) ~= "string" then
    local last = described.LatestStreamArn
    local old = type(last) == "string" and "; its last one was " .. last or ""
    return nil, errors.new {
      code = "StreamNotEnabled", operation = "DescribeTable", retryable = false, sent = true,
      message = ("%s has no stream%s"):format(self.name, old),
    }
  end
  return described.LatestStreamArn
end

--- The records, one by one, of all shards: `for record in db:stream("orders"):records() do`. The changes of one item
--- come in order. It waits for what comes, until it is told to end; a failure is raised, `:next()` returns it.
--- `:position()` is where another one can go on.
---
--- | option | meaning |
--- | --- | --- |
--- | `from` | "TRIM_HORIZON": the oldest record there is (the default); "LATEST"; or what `position` gave |
--- | `batch_size` | records that a request reads at most; 100 |
--- | `poll` | seconds between two looks at a shard in which nothing happens; 1 |
--- | `on_trimmed` | `f(gap)` is told of records that were lost (stream, shard_id, after); without it that is an error |
--- | `stop` | a function; once it returns true it ends |
--- | `timeout`, `deadline` | seconds until it ends, or a time on `db:now()`; none |
---@param options table?
---@return dynamodb.StreamRecords
function stream_methods:records(options)
  options = option_rules.check(options, READING, "records")
  return iterators.new(self, check_reading(self.client, options))
end

--- Follows the stream: has every record handled at least once, the changes of one item in order, and returns when it
--- is told to end or when something is wrong that waiting does not mend. Each shard is read in a task of its own; as
--- many processes as one likes share the shards by leases in a table, take over from one that died, and hand over to
--- one that comes. No record is skipped: one that fails is tried again, and then ends it.
---
--- | option | meaning |
--- | --- | --- |
--- | `checkpoint` | a lease table, its name or one of `db:table`; or `{ file = "path" }`; else memory alone |
--- | `from` | where to begin without checkpoints: "TRIM_HORIZON" (the default), "LATEST", or places by shard |
--- | `lease` | seconds after which another process takes over from one that died; 10 |
--- | `batch_size` | records that are read, and handled before a checkpoint, at most; 100 |
--- | `poll` | seconds between two looks at a shard in which nothing happens; 1 |
--- | `max_attempts` | at a record that fails, and at starting, after delays from 0.2 to 10 seconds; 10 |
--- | `on_failure` | `f(record, err, ctx)` gets a record that has failed so often, which is passed over then |
--- | `on_trimmed` | `f(gap)` is told of records that were lost (stream, shard_id, after); without it that is an error |
--- | `stop` | a function; once it returns true nothing further is begun |
--- | `timeout`, `deadline` | seconds until nothing further is begun, or a time on `db:now()`; none |
---
--- A lease table that is not there is made; a file is for one process. Without `on_failure`, or when that fails, too,
--- the consumer ends with the code HandlerFailed. A function that waits through the library (a request, `db:sleep`) or
--- through nginx lets leases be renewed meanwhile; what a record needs beside that must not take three quarters of a
--- lease.
---
--- The handler's ctx is a dynamodb.StreamContext: it has `stream` and `shard_id`, and `ctx:transact(record,
--- function(tx) … end)`, which writes what a record brings about and the checkpoint in one transaction. Numbers are
--- decoded as `connect` says.
---@param handler function     of `dynamodb.streams.handler`; any other gets a list of records, which come again, all of
---                            them, if it raises or returns `nil, err`
---@param options table?
---@return dynamodb.ConsumerReport? report    records, failed, gaps, shards, lost
---@return dynamodb.Error?     with `report`: HandlerFailed with `cause`, StreamDisabled, StreamNotEnabled,
---                            StreamReplaced, TrimmedDataAccessException, LeaseTableError, CheckpointError,
---                            ResponseError (max_attempts in a row), or what the service says
function stream_methods:consume(handler, options)
  usage.check_type(handler, "function", "the handler of consume")
  options = check_reading(self.client, option_rules.check(options, CONSUMING, "consume"))
  check_checkpoint(self, options)
  return consumers.new(self, handler, options):run(options.places)
end

--- The stream of a table. No request is made.
---@param client dynamodb.Client
---@param of any    a table of `db:table`, its name, or the ARN of a stream
---@return dynamodb.Stream
local function new(client, of)
  local mt = type(of) == "table" and getmetatable(of)
  if mt and mt.__name == "dynamodb.Table" then
    client, of = of.client, of.name
  end
  if type(of) ~= "string" or of == "" then
    usage.raise("db:stream needs a table, its name or the ARN of a stream, not "
      .. (of == "" and "an empty text" or "a " .. type(of)))
  end
  return setmetatable({ client = client, name = of }, stream_mt)
end

return { new = new }
