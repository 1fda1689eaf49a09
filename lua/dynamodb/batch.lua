--- Many puts, deletes or gets as few requests, until each is done or accounted for.
local core = require "dynamodb.core"
local expression = require "dynamodb.expression"
local input = require "dynamodb.batch.input"
local projection = require "dynamodb.expression.projection"
local reports = require "dynamodb.batch.report"
local senders = require "dynamodb.batch.sender"
local stamps = require "dynamodb.stamps"
local usage = require "dynamodb.usage"

local batch = {}

---@class dynamodb.BatchReport    done + failed + superseded + unprocessed == input
---@field input integer           operations that were taken
---@field done integer
---@field failed integer          refused: by a check or by the service
---@field superseded integer      replaced by a newer operation on the same key, before they were sent
---@field unprocessed integer     not done when it ended
---@field failures table[]        `{ table=, op=, item= or key=, code=, message= }`, at most max_failed
---@field leftovers table[]?      what is unprocessed: `{ table=, op=, item= or key= }`
---@field stopped string?         why it gave up: "deadline", "stalled", "failures", "error", "stopped"
---@field requests integer
---@field capacity table<string, number>    units that the service reported, by table

local STOP = {} -- raised to leave the program's function when nothing more can be sent

--- A table whose items carry a version is written with conditions, which batches do not have.
local function refuse_versioned(tbl, method)
  if tbl.version then
    usage.raise(("%s: %s has a version, which a batch cannot check; use put or delete"):format(method, tbl.name))
  end
end

--- A source whose items get their stamps when they are taken: a long batch takes its last ones much later.
---@param tbl dynamodb.Table
---@param pull function
---@return function
local function stamped(tbl, pull)
  return function()
    local item = pull()
    return type(item) == "table" and stamps.put(tbl, item) or item
  end
end

--- Puts or deletes what the source gives.
---@private
---@param tbl dynamodb.Table
---@param op "put"|"delete"
---@param source table|function
---@param given table?
---@param owed number?    capacity units that an earlier batch has taken of what this one may take
---@return dynamodb.BatchReport?
---@return dynamodb.Error?
function batch.write_all(tbl, op, source, given, owed)
  local method = op .. "_all"
  local options = input.options(tbl.client, given, input.WRITING, method)
  refuse_versioned(tbl, method)
  local pull = input.puller(source, method)
  if tbl.stamps and op == "put" then pull = stamped(tbl, pull) end
  local keys, err = tbl:keys(options)
  if not keys then return nil, err end
  local sender = senders.new(tbl.client, "write", options, owed)
  sender.number, sender.op, sender.pull = sender:register(tbl, keys), op, pull
  sender:run()
  local report
  report, err = reports.finish(sender)
  if err then return nil, err end
  return report
end

---@class dynamodb.BatchWriter    what the function of db:batch gets
local writer_methods = {}
local writer_mt = { __name = "dynamodb.BatchWriter", __index = writer_methods }

--- Raises unless operations can be added and the table is one of the client's.
---@param sender dynamodb.BatchSender
---@param tbl any
---@param method string
local function check_table(sender, tbl, method)
  if not sender or not sender.open then usage.raise(method .. ": the batch is over") end
  local mt = type(tbl) == "table" and getmetatable(tbl)
  if not mt or mt.__name ~= "dynamodb.Table" then
    usage.raise(method .. ": the first argument must be a table, db:table(…)")
  end
  if tbl.client ~= sender.client then usage.raise(method .. ": the table is another client's") end
end

--- Raises if a table is written by its name here and by an ARN there. They may be one table, where operations on one
--- item would overtake each other, or two of different accounts.
---@param sender dynamodb.BatchSender
---@param name string
---@param method string
local function check_name(sender, name, method)
  local bare = name:match "^arn:.*table/(.+)$"
  for other in pairs(sender.numbers) do
    if bare == other or other:match "^arn:.*table/(.+)$" == name then
      usage.raise(("%s: %s and %s may be the same table; use one name for it, or two ARNs"):format(method, other, name))
    end
  end
end

--- The engine's number of a table.
---@param sender dynamodb.BatchSender
---@param tbl dynamodb.Table
---@param method string
---@return integer
local function number_of(sender, tbl, method)
  local name = tbl.name
  if sender.numbers[name] then return sender.numbers[name] end
  local keys, err = tbl:keys { deadline = sender.options.deadline }
  if not keys then error(err, 0) end
  if sender.numbers[name] then return sender.numbers[name] end -- another task was faster
  check_name(sender, name, method)
  return sender:register(tbl, keys)
end

local function write(writer, tbl, op, given)
  local sender = writer.sender
  local method = "batch:" .. op
  check_table(sender, tbl, method)
  usage.check_type(given, "table", op == "put" and "item" or "key")
  refuse_versioned(tbl, method)
  local number = number_of(sender, tbl, method)
  if op == "put" then given = stamps.put(tbl, given) end
  while not sender:add(number, op, given) do
    sender:make_room(true)
    if sender.engine:stopped() then
      sender:add(number, op, given, true)
      error(STOP, 0)
    end
  end
  if not sender.engine:wants() then sender:make_room(false) end
  if sender.engine:stopped() then error(STOP, 0) end
end

--- Puts an item, over whatever is there. It may be sent later, with others.
---@param tbl dynamodb.Table
---@param item table    with its key; what is wrong with it is told in the report
function writer_methods:put(tbl, item) write(self, tbl, "put", item) end

--- Deletes an item. It may be sent later, with others.
---@param tbl dynamodb.Table
---@param key table    every attribute of the key
function writer_methods:delete(tbl, key) write(self, tbl, "delete", key) end

--- Puts and deletes in several tables, as `f` tells them.
---@private
---@param client dynamodb.Client
---@param f fun(writer: dynamodb.BatchWriter)
---@param given table?
---@param owed number?    as for `write_all`
---@return dynamodb.BatchReport?
---@return dynamodb.Error?
function batch.run(client, f, given, owed)
  if not input.callable(f) then usage.raise("batch: a function is expected") end
  local options = input.options(client, given, input.WRITING, "batch")
  local sender = senders.new(client, "write", options, owed)
  local writer = setmetatable({ sender = sender }, writer_mt)
  local ok, cause = pcall(f, writer)
  sender.open = false
  if not ok and cause ~= STOP then sender:interrupt(cause) end
  sender:run()
  local report, err = reports.finish(sender)
  if err then return nil, err end
  return report
end

--- The members of a get request that say which attributes to return; and which of them nobody asked for: keys tell
--- which answer belongs to which question.
---@param attributes (string|dynamodb.Path)[]?
---@param keys dynamodb.Schema
---@param consistent boolean?
---@param limits boolean    refuse what is surely over a quota
---@return string members
---@return string[] unwanted
local function get_members(attributes, keys, consistent, limits)
  local params, unwanted = { ConsistentRead = consistent or nil }, {}
  if attributes ~= nil then
    -- What is wrong with it is told in the caller's terms.
    expression.new(nil, nil, limits):projection(attributes)
    attributes, unwanted = projection.with(attributes, { keys.partition, keys.sort })
    local builder = expression.new(nil, nil, limits)
    params.ProjectionExpression = builder:projection(attributes)
    builder:finish(params)
  end
  if next(params) == nil then return "", unwanted end
  return core.json_encode(params):sub(2, -2), unwanted
end

--- Reads the items of many keys.
---@private
---@param tbl dynamodb.Table
---@param source table|function
---@param given table?
---@param owed number?    as for `write_all`
---@return table? found
---@return dynamodb.Error?
---@return dynamodb.BatchReport?
function batch.get_all(tbl, source, given, owed)
  local options = input.options(tbl.client, given, input.READING, "get_all")
  local pull = input.puller(source, "get_all")
  local keys, err = tbl:keys(options)
  if not keys then return nil, err end
  local members, unwanted = get_members(options.attributes, keys, options.consistent, tbl.client.limits)
  local sender = senders.new(tbl.client, "get", options, owed)
  local number = sender:register(tbl, keys, { members = members, consistent = options.consistent })
  local found, asked = setmetatable({}, core.list_mt), 0 -- a list, also without items
  local key = pull()
  while key ~= nil do
    asked = asked + 1
    local fits, message = nil, "a table is expected"
    if type(key) == "table" then fits, message = sender.engine:add(number, "get", key, asked, true) end
    if not fits then
      sender.engine:close()
      usage.raise(("get_all: key %d: %s"):format(asked, message))
    end
    key = pull()
  end
  sender.open = false
  function sender.take(results)
    for index, item in pairs(results) do
      if item then
        for _, name in ipairs(unwanted) do item[name] = nil end
      end
      found[index] = item
    end
  end
  sender:run()
  local report
  report, err = reports.finish(sender)
  report.missing = {}
  for index = 1, asked do
    if found[index] == false then report.missing[#report.missing + 1] = index end
  end
  if err then
    report.found = found
    return nil, err
  end
  return found, nil, report
end

return batch
