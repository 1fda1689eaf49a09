--- Many puts, deletes or gets as few requests, until each is done or accounted for.
---
--- The engine (core.batch) decides what is sent and when, and keeps the account; here is the loop that feeds it, sends
--- and waits. It is the only retry loop of these requests. Where the runtime has tasks, several requests are under way
--- at a time: each helper sends as long as there is something to send now.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local expression = require "dynamodb.expression"
local path = require "dynamodb.expression.path"
local usage = require "dynamodb.usage"

local batch = {}

local CONCURRENCY = 4
local GLANCE = 0.05 -- seconds; how long the loop sleeps at most while helpers may bring new work

local STOP = {} -- raised to leave the program's function when nothing more can be sent

-- -------------------------------------------------------------------------------------------------- outcomes ----

local NO_TABLE = { ResourceNotFound = true, ResourceInUse = true, AccessDenied = true }

-- The request would be refused whatever is in it.
local HOPELESS = {}
for code in ([[
  UnrecognizedClient InvalidSignature SignatureDoesNotMatch MissingAuthenticationToken IncompleteSignature ExpiredToken
  InvalidClientTokenId RequestExpired RequestTimeTooSkewed NotAuthorized OptInRequired UnknownOperation
]]):gmatch("%S+") do
  HOPELESS[code] = true
end

--- What the engine is told of a failed request.
---@param err dynamodb.Error
---@param renewed boolean    were other credentials tried just before?
---@return string class
local function class_of(err, renewed)
  local stem = err.code:gsub("Exception$", "")
  if NO_TABLE[stem] then return "no_table" end
  if err.code == "DeadlineExceeded" then return "transient" end
  if err.code == "ResponseError" and err.message:find "larger than" then return "too_large" end
  local class = core.classify(err.status, err.code, err.sent)
  if class == "throttling" then return "throttling" end
  if class == "transient" or class == "modelled" then return "transient" end
  -- Another clock or other credentials may help: the policy knows whether it has them.
  if class and (err.stopped_by or class == "expired" and not renewed) then return "transient" end
  if class or HOPELESS[stem] or not err.status or err.status == 401 or err.status == 403 then return "fatal" end
  return "refused"
end

-- ---------------------------------------------------------------------------------------------------- sender ----

---@class dynamodb.BatchSender    one batch on its way
---@field client dynamodb.Client
---@field operation "BatchWriteItem"|"BatchGetItem"
---@field engine userdata         core.batch
---@field tables dynamodb.Table[] by the engine's numbers
---@field numbers table<dynamodb.Table, integer>
---@field open boolean            may more input come? Then only full requests are sent
---@field pull function?          gives the next item, if they are pulled
---@field held table?             pulled, but there is no room for it yet
---@field slots table<integer, table>    helpers: tasks
---@field active integer          how many send, the loop itself included
---@field refused table[]         what could not be added
---@field cause any               what ended it
local sender_methods = {}
local sender_mt = { __index = sender_methods }

---@param client dynamodb.Client
---@param kind "write"|"get"
---@param options table
local function new_sender(client, kind, options)
  local runtime = client:runtime()
  local engine = core.batch {
    kind = kind,
    deadline = options.deadline,
    stall = options.stall,
    budget = options.budget,
    max_failed = options.max_failed,
    limits = client.limits,
    capacity = client.capacity ~= "none" or options.wcu ~= nil or options.rcu ~= nil,
    options = client.values,
    random = options.random,
  }
  return setmetatable({
    client = client,
    runtime = runtime,
    operation = kind == "write" and "BatchWriteItem" or "BatchGetItem",
    engine = engine,
    options = options,
    concurrency = runtime.spawn and (options.concurrency or CONCURRENCY) or 1,
    max_failed = options.max_failed or 100,
    tables = {}, numbers = {},
    open = true,
    slots = {}, active = 1,
    refused = {}, told = 0,
  }, sender_mt)
end

--- The engine's number of a table.
---@param tbl dynamodb.Table
---@param keys dynamodb.Schema
---@param extra table?    members, consistent
---@private
function sender_methods:register(tbl, keys, extra)
  extra = extra or {}
  local number = self.engine:table {
    name = tbl.name, partition = keys.partition, sort = keys.sort, types = keys.types,
    rate = self.options.wcu or self.options.rcu, now = self.runtime:now(),
    members = extra.members, consistent = extra.consistent,
  }
  self.tables[number] = tbl
  self.numbers[tbl] = number
  return number
end

--- Nothing new is sent; what is under way is waited for.
---@private
function sender_methods:interrupt(cause)
  if self.cause == nil then self.cause = cause end
  self.open, self.pull = false, nil
  self.engine:stop()
end

--- What cannot be sent is a failure like others.
---@private
function sender_methods:refuse(number, op, given, message)
  if #self.refused >= self.max_failed then return end
  self.refused[#self.refused + 1] = {
    table = number, op = op, code = "InvalidItem", message = message,
    item = op == "put" and given or nil, key = op ~= "put" and given or nil,
  }
end

--- Adds one operation; false if there is no room for it.
---@return boolean fits
---@private
function sender_methods:add(number, op, given, force)
  if type(given) ~= "table" then
    self.engine:refuse()
    self:refuse(number, op, given, ("a table is expected, not a %s"):format(type(given)))
    return true
  end
  local fits, message = self.engine:add(number, op, given, 0, force)
  if fits == nil then self:refuse(number, op, given, message) end
  return fits ~= false
end

--- Pulls items until the next request is full.
---@private
function sender_methods:feed()
  if not self.pull or self.feeding then return end
  local engine = self.engine
  self.feeding = true
  while self.pull and engine:wants() do
    if self.held == nil then
      local ok, item = pcall(self.pull)
      if not ok then
        self:interrupt(item)
        break
      end
      if item == nil or engine:lost(self.number) then
        self.open, self.pull = false, nil
        self.held = item -- counted, as it was taken
        break
      end
      self.held = item
    end
    if not self:add(self.number, self.op, self.held) then break end
    self.held = nil
  end
  self.feeding = false
end

--- Calls what the program gave for being told; what it raises ends the batch.
local function tell(self)
  local on_failed, progress = self.options.on_failed, self.options.progress
  local ok, cause = pcall(function()
    if on_failed then
      local failures = self:failures()
      while self.told < #failures do
        self.told = self.told + 1
        on_failed(failures[self.told])
      end
    end
    if progress then progress(self.engine:report()) end
  end)
  if not ok then self:interrupt(cause) end
end

--- One request, there and back.
---@private
function sender_methods:exchange(id, body)
  local reply, err = self.client:perform(self.operation, {}, { deadline = self.options.deadline },
    { body = body, raw = true, max_attempts = 1, resend = true, repeatable = true })
  local outcome = { body = reply }
  if err then
    local class = class_of(err, self.renewed)
    outcome = { class = class, code = err.code, message = err.message, retry_after = err.retry_after }
    self.last_error, self.renewed = err, core.classify(err.status, err.code) == "expired"
    if outcome.class == "fatal" and self.cause == nil then self.cause = err end
  end
  if reply then self.renewed = false end
  local results = self.engine:done(id, outcome, self.runtime:now())
  if self.take then self.take(results) end
  tell(self)
end

--- Sends as long as there is something to send now.
---@return number? seconds    until there may be more; nil when all is over
---@private
function sender_methods:work()
  while true do
    self:feed()
    if self.open and not self.must_send and self.held == nil and self.engine:wants() then return 0 end
    local id, body = self.engine:next(self.runtime:now())
    if not id then return body end
    self:enlist()
    self:exchange(id, body)
  end
end

--- A helper, if one is allowed: a task that sends, too.
---@private
function sender_methods:enlist()
  if self.active >= self.concurrency then return end
  local slot, over = #self.slots + 1, false
  for i = 1, self.concurrency do
    if not self.slots[i] then
      slot = i
      break
    end
  end
  self.active = self.active + 1
  self.slots[slot] = true
  local task = self.runtime:spawn(function()
    local ok, problem = pcall(self.work, self)
    if not ok and self.crash == nil then
      self.crash = problem
      self:interrupt(problem)
    end
    self.active = self.active - 1
    self.slots[slot] = nil
    over = true
  end)
  if not over then self.slots[slot] = task end
end

--- A helper that has not ended.
---@private
function sender_methods:helper()
  local _, task = next(self.slots)
  return task
end

--- Waits for helpers or for time to pass.
---@param wait number?    what `work` gave
---@private
function sender_methods:pause(wait)
  local helper = self:helper()
  if helper and (not wait or wait == math.huge) then
    self.runtime:join(helper)
  elseif wait then
    self.runtime:sleep(helper and math.min(wait, GLANCE) or wait)
  end
end

--- Sends until a full request's worth of room is there again, or until one operation has room.
---@param must boolean    there is no room at all: requests need not be full
---@private
function sender_methods:make_room(must)
  if not must then
    self:enlist()
    if self.engine:wants() then return end
  end
  self.must_send = must
  local before = self.engine:report().bytes
  repeat
    local wait = self:work()
    local enough = self.engine:wants() or self.engine:report().bytes < before
    if not enough and not self.engine:stopped() then self:pause(wait) end
  until enough or self.engine:stopped()
  self.must_send = false
end

--- Runs until all is over.
---@private
function sender_methods:run()
  repeat
    local ok, wait = pcall(self.work, self)
    if not ok then
      self.crash = self.crash or wait
      self:interrupt(wait)
      wait = nil
    end
    local more = wait or self:helper()
    if more then self:pause(wait) end
  until not more
  if self.crash ~= nil then error(self.crash, 0) end
end

-- --------------------------------------------------------------------------------------------------- reports ----

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

--- The engine numbers tables; reports name them.
local function with_names(self, list)
  for _, entry in ipairs(list) do
    if type(entry.table) == "number" then entry.table = self.tables[entry.table].name end
  end
  return list
end

---@return table[]
---@private
function sender_methods:failures()
  local list = self.engine:failures()
  for _, failure in ipairs(self.refused) do
    if #list >= self.max_failed then break end
    list[#list + 1] = failure
  end
  return with_names(self, list)
end

---@return dynamodb.BatchReport
---@private
function sender_methods:report()
  local report = self.engine:report()
  report.bytes, report.sent = nil, nil
  report.failures = self:failures()
  report.stopped = self.engine:stopped()
  local capacity = {}
  for number, units in ipairs(report.capacity) do
    if units > 0 then capacity[self.tables[number].name] = (capacity[self.tables[number].name] or 0) + units end
  end
  report.capacity = capacity
  if report.unprocessed > 0 then report.leftovers = with_names(self, self.engine:leftovers()) end
  return report
end

---@param report dynamodb.BatchReport
---@return string
local function describe(self, report)
  local parts = { ("%d of %d done"):format(report.done + report.superseded, report.input) }
  if report.failed > 0 then parts[#parts + 1] = ("%d failed"):format(report.failed) end
  if report.unprocessed > 0 then parts[#parts + 1] = ("%d unprocessed"):format(report.unprocessed) end
  local text = table.concat(parts, ", ")
  if report.stopped and report.stopped ~= "stopped" then text = text .. (" (%s)"):format(report.stopped) end
  local cause = self.cause
  if cause == nil and report.failures[1] then cause = report.failures[1].code .. ": " .. report.failures[1].message end
  if cause == nil and self.last_error then cause = self.last_error end
  if cause ~= nil then text = text .. "; " .. tostring(cause) end
  return text
end

--- Ends the batch: its report, and the failure if not all of it is done.
---@return dynamodb.BatchReport
---@return dynamodb.Error?
---@private
function sender_methods:finish()
  if self.held ~= nil then
    self:add(self.number, self.op, self.held, true)
    self.held = nil
  end
  local report = self:report()
  self.engine:close()
  if report.failed == 0 and report.unprocessed == 0 and self.cause == nil then return report end
  local cause = self.cause
  if cause == nil then cause = self.last_error end
  return report, errors.new {
    code = "Incomplete", message = describe(self, report), operation = self.operation, report = report, cause = cause,
    retryable = report.unprocessed > 0, sent = report.requests > 0,
  }
end

-- ---------------------------------------------------------------------------------------------------- public ----

local function flag(value) return type(value) == "boolean" end
local function callable(value)
  if type(value) == "function" then return true end
  local metatable = getmetatable(value)
  return type(metatable) == "table" and metatable.__call ~= nil
end
local function positive(value) return type(value) == "number" and value > 0 end
local function count(value) return positive(value) and value == math.floor(value) end

-- What bulk work takes: a check and what it wants, for each option.
local COMMON = {
  concurrency = { count, "a whole number of requests" },
  deadline = { function(value) return type(value) == "number" end, "a time on db:now()" },
  timeout = { positive, "a positive number of seconds" },
  stall = { positive, "a positive number of seconds" },
  budget = { count, "a positive number of bytes" },
  max_failed = { count, "a positive whole number" },
  progress = { callable, "a function" },
  on_failed = { callable, "a function" },
}
local WRITING = { wcu = { positive, "a positive number of capacity units a second" } }
local READING = {
  rcu = { positive, "a positive number of capacity units a second" },
  consistent = { flag, "true or false" },
  attributes = { function(value) return type(value) == "table" end, "a list of paths" },
}
for name, check in pairs(COMMON) do WRITING[name], READING[name] = check, check end

--- Checked options, with `timeout` turned into a deadline.
---@param client dynamodb.Client
local function check_options(client, given, known, method)
  if given == nil then return {} end
  usage.check_type(given, "table", "the options of " .. method)
  usage.check_names(given, known, "option of " .. method)
  local copy = {}
  for name, value in pairs(given) do
    if not known[name][1](value) then usage.raise(("%s: %s must be %s"):format(method, name, known[name][2])) end
    copy[name] = value
  end
  if copy.timeout then
    local stop = client:now() + copy.timeout
    copy.deadline = copy.deadline and math.min(copy.deadline, stop) or stop
  end
  return copy
end

--- A function that gives one after the other, from a list, an iterator, or an object with `next` that returns failures.
local function puller(source, method)
  if type(source) == "table" and not callable(source) then
    local at, last = 0, #source
    if type(source.next) == "function" then
      return function()
        local item, err = source:next()
        if err then error(err, 0) end
        return item
      end
    end
    return function()
      at = at + 1
      if at > last then return nil end
      if source[at] == nil then return false end -- a hole is refused, it does not end the list
      return source[at]
    end
  end
  if not callable(source) then usage.raise(method .. ": a list or an iterator is expected") end
  return function() return (source()) end
end

--- A table whose items carry a version is written with conditions, which batches do not have.
local function refuse_versioned(tbl, method)
  if tbl.version then
    usage.raise(("%s: %s has a version, which a batch cannot check; use put or delete"):format(method, tbl.name))
  end
end

--- Puts or deletes what the source gives.
---@private
---@param tbl dynamodb.Table
---@param op "put"|"delete"
---@param source table|function
---@param given table?
---@return dynamodb.BatchReport?
---@return dynamodb.Error?
function batch.write_all(tbl, op, source, given)
  local method = op .. "_all"
  local options = check_options(tbl.client, given, WRITING, method)
  refuse_versioned(tbl, method)
  local pull = puller(source, method)
  local keys, err = tbl:keys(options)
  if not keys then return nil, err end
  local sender = new_sender(tbl.client, "write", options)
  sender.number, sender.op, sender.pull = sender:register(tbl, keys), op, pull
  sender:run()
  local report
  report, err = sender:finish()
  if err then return nil, err end
  return report
end

---@class dynamodb.BatchWriter    what the function of db:batch gets
local writer_methods = {}
local writer_mt = { __name = "dynamodb.BatchWriter", __index = writer_methods }

local function is_table_object(value)
  return type(value) == "table" and type(value.client) == "table" and type(value.name) == "string"
end

local function write(writer, tbl, op, given)
  local sender = writer.sender
  local method = "batch:" .. op
  if not sender or not sender.open then usage.raise(method .. ": the batch is over") end
  if not is_table_object(tbl) then usage.raise(method .. ": the first argument must be a table, db:table(…)") end
  usage.check_type(given, "table", op == "put" and "item" or "key")
  refuse_versioned(tbl, method)
  local number = sender.numbers[tbl]
  if not number then
    local keys, err = tbl:keys { deadline = sender.options.deadline }
    if not keys then error(err, 0) end
    number = sender:register(tbl, keys)
  end
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
---@return dynamodb.BatchReport?
---@return dynamodb.Error?
function batch.run(client, f, given)
  if not callable(f) then usage.raise("batch: a function is expected") end
  local options = check_options(client, given, WRITING, "batch")
  local sender = new_sender(client, "write", options)
  local writer = setmetatable({ sender = sender }, writer_mt)
  local ok, cause = pcall(f, writer)
  sender.open = false
  if not ok and cause ~= STOP then sender:interrupt(cause) end
  sender:run()
  local report, err = sender:finish()
  if err then return nil, err end
  return report
end

--- The members of a get request that say which attributes to return; and which of them nobody asked for: keys tell
--- which answer belongs to which question.
---@param attributes (string|dynamodb.Path)[]?
---@param keys dynamodb.Schema
---@param consistent boolean?
---@return string members
---@return string[] unwanted
local function get_members(attributes, keys, consistent)
  local params, unwanted = { ConsistentRead = consistent or nil }, {}
  if attributes ~= nil then
    local wanted, whole = {}, {}
    for i, attribute in ipairs(attributes) do
      wanted[i] = attribute
      local segments = path.is_path(attribute) and attribute
        or type(attribute) == "string" and path.parse(attribute, "attributes")
      if segments and #segments == 1 then whole[segments[1]] = true end
    end
    local builder = expression.new()
    builder:projection(attributes) -- what is wrong with it is told in the caller's terms
    builder = expression.new()
    for _, name in ipairs { keys.partition, keys.sort } do
      if not whole[name] then
        wanted[#wanted + 1], unwanted[#unwanted + 1] = path.new(name), name
      end
    end
    params.ProjectionExpression = builder:projection(wanted)
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
---@return table? found
---@return dynamodb.Error?
---@return dynamodb.BatchReport?
function batch.get_all(tbl, source, given)
  local options = check_options(tbl.client, given, READING, "get_all")
  local pull = puller(source, "get_all")
  local keys, err = tbl:keys(options)
  if not keys then return nil, err end
  local members, unwanted = get_members(options.attributes, keys, options.consistent)
  local sender = new_sender(tbl.client, "get", options)
  local number = sender:register(tbl, keys, { members = members, consistent = options.consistent })
  local found, asked = {}, 0
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
  report, err = sender:finish()
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
