--- Streams: functions for what happens to items, in Lambda and elsewhere.
local complain = require "dynamodb.lambda.complain"
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local events = require "dynamodb.streams.event"
local process = require "dynamodb.streams.process"
local records = require "dynamodb.streams.record"
local replays = require "dynamodb.streams.replay"
local usage = require "dynamodb.usage"

local streams = {}

local HANDLERS = { insert = true, modify = true, remove = true, expire = true, any = true, window = true }
local OPTIONS = { mode = true, margin = true, on_failure = true, numbers = true }
local MODES = { stop = true, lanes = true, all = true }

---@param record dynamodb.Record?    nil if it could not be read
---@param err any
---@param ctx any
local function log_failure(record, err, ctx)
  complain(ctx, record and tostring(record) or "a record", err)
end

--- What AWS wants to hear about the batch. Source: "Configuring partial batch response with DynamoDB and Lambda" in
--- Lambda's guide: from the lowest of the numbers on all records come again.
---@param batch dynamodb.StreamBatch
---@param first integer?    the first record that has to come again
---@param err any
---@return table
local function response(batch, first, err)
  local failures = setmetatable({}, core.list_mt)
  if first then
    -- Without a number AWS cannot be told where to go on; an error repeats the batch.
    local number = batch.numbers[first]
    if not number then error(err or errors.new { code = "Incomplete", message = "records are left" }, 0) end
    failures[1] = { itemIdentifier = number }
  end
  return { batchItemFailures = failures, state = batch.state }
end

--- Ends a tumbling window, or the part of one that AWS has ended early: its next invocation has a fresh state. Source:
--- "Implementing stateful DynamoDB stream processing in Lambda" in Lambda's guide; TimeWindowProperties of AWS's events
--- for Go.
---@param handlers table
---@param batch dynamodb.StreamBatch
---@param ctx any
local function end_window(handlers, batch, ctx)
  local ok, err = handlers.window(batch.state, batch.window, ctx)
  if not ok and err ~= nil then error(err, 0) end
end

--- Raises unless the functions and options are some that `handler` knows.
---@param handlers any
---@param options table
local function check(handlers, options)
  usage.check_type(handlers, "table", "the functions of streams.handler")
  usage.check_names(handlers, HANDLERS, "function of streams.handler")
  if next(handlers) == nil then usage.raise "streams.handler: there is no function: insert, modify, remove, …" end
  for name, f in pairs(handlers) do
    local mt = type(f) == "table" and getmetatable(f)
    if type(f) ~= "function" and not (mt and mt.__call) then
      usage.raise(("streams.handler: %s must be a function, not a %s"):format(name, type(f)))
    end
  end
  usage.check_type(options, "table", "the options of streams.handler")
  usage.check_names(options, OPTIONS, "option of streams.handler")
  if options.mode ~= nil and not MODES[options.mode] then
    usage.raise 'streams.handler: mode must be "stop", "lanes" or "all"'
  end
  local margin = options.margin
  if margin ~= nil and (type(margin) ~= "number" or margin ~= margin or margin < 0) then
    usage.raise "streams.handler: margin must be a number of seconds from 0"
  end
  if options.on_failure ~= nil then usage.check_type(options.on_failure, "function", "on_failure") end
end

--- core.options for a choice of numbers; nil for the default.
---@param numbers any
---@return userdata?
local function value_options(numbers)
  if numbers == nil then return nil end
  local ok, made = pcall(core.options, { numbers = numbers })
  if not ok then usage.raise('numbers must be "lossless", "native", "exact" or "string"') end
  return made
end

--- A function for Lambda, of functions for what happens to items. Each is called as `f(record, ctx, state)`; it fails
--- if it raises or returns `nil, err`. What fails comes again, with all records behind it, so each record is handled at
--- least once: `record.id` tells repetitions.
---
--- | function | of records |
--- | --- | --- |
--- | `insert`, `modify`, `remove` | of these kinds |
--- | `expire` | of items that the time to live has deleted; without it they are for `remove` |
--- | `any` | of all that have no function of their own |
--- | `window` | `f(state, window, ctx)` at the end of a tumbling window (`start`, `end`, `early`: see below) |
---
--- What no function is for is passed over. In a tumbling window `state` is a table that goes from one batch to the next
--- one: the functions change it, and what a failed record did to it is undone (it is copied before each record, so it
--- should be small). AWS ends a window early when its state has become too large (1 MB), and goes on in the same window
--- with an empty one: `window` is called for that part, too, with `window.early`, as the part's state would be lost.
---
--- | option | meaning |
--- | --- | --- |
--- | `mode` | "stop": at the first failure (the default); "lanes": go on with other items; "all": go on |
--- | `margin` | seconds before the invocation's end when no further record is begun; 1 |
--- | `on_failure` | `f(record, err, ctx)` is told each failure; by default it is a line on standard error |
--- | `numbers` | how numbers are decoded, as of `connect` |
---
--- The event source mapping must have FunctionResponseTypes: [ReportBatchItemFailures], or AWS takes all for done.
---@param handlers table
---@param options table?
---@return fun(event: any, ctx: any): table    the event as bytes (decoded in one pass) or as a table; raises an error
---                                            object with the code InvalidEvent on what is no event of a stream
function streams.handler(handlers, options)
  options = options or {}
  check(handlers, options)
  local values = value_options(options.numbers)
  local copy = {}
  for name, f in pairs(handlers) do copy[name] = f end
  local run = {
    handlers = copy,
    mode = options.mode or "stop",
    margin = options.margin or 1,
    on_failure = options.on_failure or log_failure,
  }
  return function(event, ctx)
    local batch, err = events.read(event, values)
    if not batch then error(err, 0) end
    local first
    first, err = process.run(run, batch, ctx)
    batch.err = err
    if batch.is_final and not first and copy.window then end_window(copy, batch, ctx) end
    return response(batch, first, err)
  end
end

--- Functions for a table with many kinds of items: each record goes to those of its item's kind. `by("entityType", {
--- Order = { insert = f }, User = { modify = g } })` is for `streams.handler`. Kinds without functions are passed over.
---@param attribute string    that tells the kind, of the item as it became, else as it was, else of its key
---@param kinds table         by the attribute's value, tables as `streams.handler` takes them (without window)
---@return table
function streams.by(attribute, kinds)
  usage.check_type(attribute, "string", "the attribute of streams.by")
  usage.check_type(kinds, "table", "the kinds of streams.by")
  local runs = {}
  for kind, handlers in pairs(kinds) do
    check(handlers, {})
    if handlers.window then usage.raise "streams.by: a window is of all kinds; give it beside them" end
    runs[kind] = handlers
  end
  return {
    any = function(record, ctx, state)
      local kind = record:attribute(attribute)
      if kind == nil and not record.new and not record.old then
        usage.raise(("streams.by: the stream does not show %q; its view must have images, and is %s"):format(attribute,
          record.view or "without them"))
      end
      local handlers = runs[kind]
      if not handlers then return true end
      local f, err = process.function_for(handlers, record)
      if not f then return err == nil, err end
      return f(record, ctx, state)
    end,
  }
end

--- The records of an event of Lambda, of a DynamoDB stream or a Kinesis stream, or of `db:call("GetRecords")`'s answer.
---@param source any           bytes or a table
---@param options table?       values (true: the images are Lua values, as in GetRecords' answer), numbers
---@return dynamodb.Record[]?  false for one that cannot be read, `problems` says why by its place
---@return dynamodb.Error?     code InvalidEvent
function streams.records(source, options)
  options = options or {}
  usage.check_names(options, { values = true, numbers = true }, "option of streams.records")
  return events.read(source, value_options(options.numbers), options.values)
end

--- Orders two sequence numbers of a shard: decimal digits without an end.
---@param a string
---@param b string
---@return -1|0|1
function streams.compare(a, b)
  return records.compare(a, b)
end

--- Does again what AWS has given up on: reads the records that an on-failure destination got the bounds of (the record
--- itself has no data; from S3 it has, and they are taken from there) and gives them to the handler. They are in the
--- stream for 24 hours. From there they have numbers as the client decodes them.
---@param failure table|string    what the destination got, decoded or as JSON text
---@param handler function        of `streams.handler`
---@param db dynamodb.Client
---@param options table?          ctx (for the functions; its remaining time is heeded), timeout, deadline
---@return table? report          `records`: how many there were
---@return dynamodb.Error?        code Incomplete with `report` (records, done, and `failure`, which another replay can
---                               go on from) and `cause`; InvalidEvent; TrimmedDataAccess… if they are gone
function streams.replay(failure, handler, db, options)
  return replays.run(failure, handler, db, options)
end

return streams
