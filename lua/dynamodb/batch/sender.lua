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
---@param hopeless boolean    were these credentials the newest, and never accepted?
---@return string class
local function class_of(err, hopeless)
  local stem = err.code:gsub("Exception$", "")
  if NO_TABLE[stem] then return "no_table" end
  if err.code == "DeadlineExceeded" then return "transient" end
  if err.code == "ResponseError" and err.message:find "larger than" then return "too_large" end
  local class = core.classify(err.status, err.code, err.sent)
  if class == "throttling" then return "throttling" end
  if class == "transient" or class == "modelled" then return "transient" end
  -- Another clock or other credentials may help: the policy knows whether it has them.
  if class and (err.stopped_by or class == "expired" and not hopeless) then return "transient" end
  if class or HOPELESS[stem] or not err.status or err.status == 401 or err.status == 403 then return "fatal" end
  return "refused"
end

-- ---------------------------------------------------------------------------------------------------- sender ----

---@class dynamodb.BatchHelper    a task that sends
---@field task dynamodb.Task?      once it has waited for the first time
---@field id integer?              of the request that it has under way
---@field lost boolean?            nobody waits for it any more

---@class dynamodb.BatchSender    one batch on its way
---@field client dynamodb.Client
---@field operation "BatchWriteItem"|"BatchGetItem"
---@field engine userdata         core.batch
---@field tables dynamodb.Table[] by the engine's numbers
---@field numbers table<string, integer>    by the tables' names
---@field open boolean            may more input come? Then only full requests are sent
---@field pull function?          gives the next item, if they are pulled
---@field held table?             pulled, but there is no room for it yet
---@field helpers dynamodb.BatchHelper[]    the oldest first
---@field under_way integer       requests
---@field shared boolean          may helpers pull, too? Not beside a coroutine of the program's: its items may come by
---                               yielding out of that one
---@field renewals integer        how often credentials were found expired
---@field proven boolean          have those of the last renewal been accepted?
---@field refused table[]         what could not be added
---@field cause any               what ended it
---@field explained dynamodb.Error?    its requests were not sent: db:explain shows them
local sender_methods = {}
local sender_mt = { __index = sender_methods }

--- Is this the main program, where nothing can yield to the program's own scheduler?
local function in_main_program()
  local thread, is_main = coroutine.running()
  return thread == nil or is_main == true
end

---@param client dynamodb.Client
---@param kind "write"|"get"
---@param options table    checked
---@param owed number?     capacity units that an earlier batch has taken of what this one may take
---@return dynamodb.BatchSender
local function new_sender(client, kind, options, owed)
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
    owed = owed,
    concurrency = runtime.spawn and (options.concurrency or CONCURRENCY) or 1,
    max_failed = options.max_failed or 100,
    tables = {}, numbers = {},
    open = true,
    helpers = {}, under_way = 0,
    shared = in_main_program(),
    renewals = 0, proven = true,
    refused = {}, told = 0, told_refused = 0,
  }, sender_mt)
end

--- The engine's number of a table. Each name has one: in a request a table must not stand twice.
---@param tbl dynamodb.Table
---@param keys dynamodb.Schema
---@param extra table?    members, consistent
---@private
function sender_methods:register(tbl, keys, extra)
  extra = extra or {}
  local number = self.engine:table {
    name = tbl.name, partition = keys.partition, sort = keys.sort, types = keys.types,
    rate = self.options.wcu or self.options.rcu, owed = self.owed, now = self.runtime:now(),
    members = extra.members, consistent = extra.consistent,
  }
  self.tables[number] = tbl
  self.numbers[tbl.name] = number
  return number
end

--- Nothing new is sent; what is under way is waited for.
---@private
function sender_methods:interrupt(cause)
  if cause == nil then cause = "nil was raised" end
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

--- Tells the program what failed since it was told the last time.
local function tell_failures(self)
  local on_failed = self.options.on_failed
  if not on_failed then return end
  local failures = reports.refused_by_service(self)
  while self.told < #failures do
    self.told = self.told + 1
    on_failed(failures[self.told])
  end
  local refused = reports.refused_before(self)
  while self.told_refused < #refused do
    self.told_refused = self.told_refused + 1
    on_failed(refused[self.told_refused])
  end
end

--- Calls what the program gave for being told; what it raises ends the batch.
local function tell(self)
  local progress = self.options.progress
  local ok, cause = pcall(function()
    tell_failures(self)
    if progress then progress(self.engine:report()) end
  end)
  if not ok then self:interrupt(cause) end
end

--- What the engine is told of a request that failed.
---@param err dynamodb.Error
---@param renewals integer    how many there had been when it was sent
---@return table outcome
---@private
function sender_methods:outcome_of(err, renewals)
  local newest = renewals == self.renewals
  local class = class_of(err, newest and not self.proven)
  if newest and core.classify(err.status, err.code) == "expired" then
    self.renewals, self.proven = renewals + 1, false
  end
  self.last_error = err
  if class == "fatal" and self.cause == nil then self.cause = err end
  return { class = class, code = err.code, message = err.message, retry_after = err.retry_after }
end

--- A request whose fate nobody knows goes back to the engine.
local function give_back(self, id)
  self.under_way = self.under_way - 1
  self.engine:done(id, { class = "transient", code = "Interrupted", message = "it was left" }, self.runtime:now())
end

-- What a request that is only explained is taken to be answered with, so that the others follow.
local EXPLAINED = { BatchWriteItem = '{"UnprocessedItems":{}}', BatchGetItem = '{"Responses":{},"UnprocessedKeys":{}}' }

--- One request, there and back.
---@param id integer
---@param body string
---@param helper dynamodb.BatchHelper?    who sends it, if not the caller
---@private
function sender_methods:exchange(id, body, helper)
  local renewals = self.renewals
  if helper then helper.id = id end
  local ok, reply, err = pcall(self.client.perform, self.client, self.operation, {},
    { deadline = self.options.deadline },
    { body = body, arn = self.tables[1].name, raw = true, max_attempts = 1, resend = true, repeatable = true })
  if helper and helper.lost then return end
  if helper then helper.id = nil end
  if not ok then
    self:interrupt(reply) -- a hook of the program's raised it, or the runtime was closed
    return give_back(self, id)
  end
  if err and err.code == "Explained" then
    self.explained, reply, err = err, EXPLAINED[self.operation], nil
  end
  self.under_way = self.under_way - 1
  local outcome = err and self:outcome_of(err, renewals) or { body = reply }
  if not err and renewals == self.renewals then self.proven = true end
  local results = self.engine:done(id, outcome, self.runtime:now())
  if self.take then self.take(results) end
  tell(self)
end

--- Sends as long as there is something to send now.
---@param must boolean?    requests need not be full
---@param helper dynamodb.BatchHelper?    who does it, if not the caller
---@return number? seconds    until there may be more; nil when all is over
---@private
function sender_methods:work(must, helper)
  while not (helper and helper.lost) do
    if not helper or self.shared then self:feed() end
    local full = must or not self.open or self.held ~= nil or not self.engine:wants()
    if not full then return self.feeding and GLANCE or 0 end
    if self.under_way >= self.concurrency then return math.huge end
    local id, request = self.engine:next(self.runtime:now())
    if not id then return request end
    self.under_way = self.under_way + 1
    if self.under_way < self.concurrency then
      self:enlist(id, request)
    else
      self:exchange(id, request, helper)
    end
  end
end

local function forget(self, helper)
  for i, other in ipairs(self.helpers) do
    if other == helper then return table.remove(self.helpers, i) end
  end
end

--- Has a helper send this request, and others after it.
---@private
function sender_methods:enlist(id, request)
  local helper = { id = id }
  self.helpers[#self.helpers + 1] = helper
  local task = self.runtime:spawn(function()
    local ok, problem = pcall(function()
      self:exchange(id, request, helper)
      self:work(false, helper)
    end)
    if helper.lost then return end
    if not ok then self:interrupt(problem) end
    forget(self, helper)
  end)
  helper.task = task
end

--- A helper that can be waited for.
---@private
function sender_methods:waiting_helper()
  for _, helper in ipairs(self.helpers) do
    if helper.task then return helper end
  end
end

--- Nobody waits for this helper any more: what it had under way is left over.
---@private
function sender_methods:abandon(helper)
  helper.lost = true
  forget(self, helper)
  if helper.id then give_back(self, helper.id) end
end

--- Waits for helpers or for time to pass.
---@param wait number?    what `work` gave
---@private
function sender_methods:pause(wait)
  local helper = self:waiting_helper()
  if helper and (not wait or wait == math.huge) then
    local ok, cause = self.runtime:join(helper.task)
    if not ok then -- cancelled: the runtime was closed, or this is a child of the process that began
      self:interrupt(cause)
      self:abandon(helper)
    end
  elseif wait then
    local others = helper or self.under_way > 0 or self.helpers[1]
    local stopped = self.runtime:sleep(others and math.min(wait, GLANCE) or wait)
    if stopped then self:interrupt(stopped) end
  end
end

--- Sends until a full request's worth of room is there again, or until one operation has room.
---@param must boolean    there is no room at all: requests need not be full
---@private
function sender_methods:make_room(must)
  local before = self.engine:report().bytes
  repeat
    local wait = self:work(must)
    -- A request that could be fuller is not yet room for an operation that did not fit.
    local enough = not must and self.engine:wants() or self.engine:report().bytes < before
    if not enough and not self.engine:stopped() then self:pause(wait) end
  until enough or self.engine:stopped()
end

--- Works, and waits if there is more to come; false when all is over.
local function step(self)
  local wait = self:work()
  local more = wait or self:waiting_helper()
  if wait == math.huge and self.under_way == 0 and not self.helpers[1] then return false end
  if more then self:pause(wait) end
  return more
end

--- Runs until all is over.
---@private
function sender_methods:run()
  local more
  repeat
    local ok
    ok, more = pcall(step, self)
    if not ok then
      self:interrupt(more)
      if self.broken then break end
      self.broken = true -- once more, for what helpers have under way
      more = true
    end
  until not more
  while self.helpers[1] do self:abandon(self.helpers[1]) end
  if self.held ~= nil then
    self:add(self.number, self.op, self.held, true)
    self.held = nil
  end
  local ok, cause = pcall(tell_failures, self)
  if not ok then self:interrupt(cause) end
end

return { new = new_sender }
