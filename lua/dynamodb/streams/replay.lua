--- What AWS has given up on, done again: the bounds of a failed batch, read from the stream once more.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local events = require "dynamodb.streams.event"
local option_rules = require "dynamodb.options"
local records = require "dynamodb.streams.record"
local request = require "dynamodb.request"
local usage = require "dynamodb.usage"

local replay = {}

local OPTIONS = { ctx = true, timeout = true, deadline = true }
local PAGE = 1000            -- records of an answer at most. Source: GetRecords in the API reference
local EMPTY, PAUSE = 50, 0.2 -- answers without records, in a row, until the end is given up; seconds between them

---@param message string
---@return nil
---@return dynamodb.Error
local function refuse(message)
  return nil, errors.new { code = "InvalidEvent", message = message, sent = false, retryable = false }
end

--- The bounds that a destination was told.
---@param failure any
---@return table? failure    decoded
---@return table|dynamodb.Error|nil info
local function read(failure)
  if type(failure) == "string" then failure = core.json_decode(failure) end
  local info = type(failure) == "table" and failure.DDBStreamBatchInfo
  if type(info) ~= "table" then return refuse "it has no DDBStreamBatchInfo: it is not of a stream's batch" end
  for _, name in ipairs { "streamArn", "shardId", "startSequenceNumber", "endSequenceNumber" } do
    if type(info[name]) ~= "string" then return refuse("DDBStreamBatchInfo has no " .. name) end
  end
  return failure, info
end

---@param given table
---@return table
local function copy_of(given)
  local copy = {}
  for name, value in pairs(given) do copy[name] = value end
  return copy
end

--- Where another replay goes on.
---@param info table
---@param number string
---@param payload table?    the records, where the destination has them
---@return table
local function rest_of(info, number, payload)
  local copy = copy_of(info)
  copy.startSequenceNumber, copy.batchSize = number, nil
  return { DDBStreamBatchInfo = copy, payload = payload }
end

---@param message string
---@param report table
---@param cause any
---@return nil
---@return dynamodb.Error
local function incomplete(message, report, cause)
  return nil, errors.new {
    code = "Incomplete", message = message, report = report, cause = cause, sent = false, retryable = true,
  }
end

--- Gives records to the handler.
---@param source any                     what the handler gets
---@param batch dynamodb.StreamBatch     the records of it
---@param info table
---@param report table                   is counted in
---@param handler function
---@param ctx any
---@return boolean? ok
---@return dynamodb.Error?
local function hand_over(source, batch, info, report, handler, ctx)
  local ok, answer = pcall(handler, source, ctx)
  local failures = ok and type(answer) == "table" and answer.batchItemFailures
  local failed = type(failures) == "table" and failures[1] and failures[1].itemIdentifier
  report.records = report.records + #batch
  if ok and not failed then
    report.done = report.done + #batch
    return true
  end
  local number = failed or batch.numbers[1] or info.startSequenceNumber
  for i = 1, #batch do
    if batch.numbers[i] == number then break end
    report.done = report.done + 1
  end
  report.failure = rest_of(info, number, source ~= batch and source or nil)
  return incomplete("a record failed again: " .. number, report, not ok and answer or batch.err)
end

--- Drops the records behind the end.
---@param batch dynamodb.StreamBatch
---@param last string
---@return boolean ended
local function cut(batch, last)
  local ended, count = false, 0
  for i = 1, #batch do
    local order = batch.numbers[i] and records.compare(batch.numbers[i], last) or -1
    if order <= 0 then count = i end
    ended = ended or order >= 0
  end
  for i = #batch, count + 1, -1 do batch[i], batch.problems[i], batch.numbers[i] = nil, nil, nil end
  return ended
end

--- Reads the stream from the first record to the last one.
---@param info table
---@param report table
---@param handler function
---@param db dynamodb.Client
---@param options table
---@return table? report
---@return dynamodb.Error?
local function read_again(info, report, handler, db, options)
  local bounds = {}
  if options.timeout or options.deadline then bounds = request.bounded(db, options) end
  bounds.ctx = nil
  local answer, err = db:call("GetShardIterator", {
    StreamArn = info.streamArn, ShardId = info.shardId, ShardIteratorType = "AT_SEQUENCE_NUMBER",
    SequenceNumber = info.startSequenceNumber,
  }, bounds)
  if not answer then return nil, err end
  local iterator, empty, last = answer.ShardIterator, 0, info.startSequenceNumber
  repeat
    answer, err = db:call("GetRecords", { ShardIterator = iterator, Limit = PAGE }, bounds)
    local batch = answer and events.read(answer, nil, true)
    if not batch then
      report.failure = rest_of(info, last)
      return incomplete("the stream cannot be read on", report, err)
    end
    iterator = batch.next_iterator
    empty = #batch == 0 and empty + 1 or 0
    if empty > 0 and iterator then db:runtime():sleep(PAUSE) end
    local ended = cut(batch, info.endSequenceNumber)
    if #batch > 0 then
      local ok
      ok, err = hand_over(batch, batch, info, report, handler, options.ctx)
      if not ok then return nil, err end
      last = batch.numbers[#batch] or last
    end
  until ended or not iterator or empty == EMPTY
  if empty < EMPTY then return report end
  report.failure = rest_of(info, last)
  return incomplete("the last record does not come", report)
end

--- The event that a destination has, from the failure's first record on: in the rest of a replay some are done.
---@param payload any
---@param first string
---@return table|any    what is no event stays as it is
local function event_of(payload, first)
  local event = payload
  if type(payload) == "string" then event = core.json_decode(payload) end
  local list = type(event) == "table" and event.Records
  if type(list) ~= "table" then return payload end
  local rest = setmetatable({}, core.list_mt)
  for _, raw in ipairs(list) do
    local change = type(raw) == "table" and raw.dynamodb
    if type(change) == "table" and change.SequenceNumber == first then rest = setmetatable({}, core.list_mt) end
    rest[#rest + 1] = raw
  end
  event = copy_of(event)
  event.Records = rest
  return event
end

--- See `dynamodb.streams.replay`.
---@param failure table|string
---@param handler function
---@param db dynamodb.Client
---@param options table?
---@return table? report
---@return dynamodb.Error?
function replay.run(failure, handler, db, options)
  usage.check_type(handler, "function", "the handler of streams.replay")
  if type(db) ~= "table" or type(db.call) ~= "function" then
    usage.raise "streams.replay: the third argument must be a client, of dynamodb.connect"
  end
  options = option_rules.check(options, OPTIONS, "streams.replay")
  local decoded, info = read(failure)
  if not decoded then return nil, info end
  local report = { records = 0, done = 0 }
  if decoded.payload == nil or decoded.payload == core.null then
    return read_again(info, report, handler, db, options)
  end
  local payload = event_of(decoded.payload, info.startSequenceNumber)
  local batch, err = events.read(payload)
  if not batch then return nil, err end
  local ok
  ok, err = hand_over(payload, batch, info, report, handler, options.ctx)
  if not ok then return nil, err end
  return report
end

return replay
