--- Sends one batch: feeds the engine, sends what it gives, waits as long as it says.
---
--- The engine (core.batch) decides what is sent and when, and keeps the account; here is the loop around it. It is
--- the only retry loop of these requests. Where the runtime has tasks, several requests are under way at a time: each
--- helper sends as long as there is something to send now.
local core = require "dynamodb.core"
local reports = require "dynamodb.batch.report"

local CONCURRENCY = 4
local GLANCE = 0.05 -- seconds; how long the loop sleeps at most while helpers may bring new work

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
---@param options table    checked
---@return dynamodb.BatchSender
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
    random = client.random,
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
      local failures = reports.failures(self)
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
    -- A request that could be fuller is not yet room for an operation that did not fit.
    local enough = not must and self.engine:wants() or self.engine:report().bytes < before
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

return { new = new_sender }
