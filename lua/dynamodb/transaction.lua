--- Transactions: up to 100 operations on different items that all happen or none of them does.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local expression = require "dynamodb.expression"
local key = require "dynamodb.key"
local model = require "dynamodb.model"
local option_rules = require "dynamodb.options"
local request = require "dynamodb.request"
local schema = require "dynamodb.schema"
local stamps = require "dynamodb.stamps"
local usage = require "dynamodb.usage"
local write = require "dynamodb.write"

local transaction = {}

local write_methods, get_methods = {}, {}
local write_mt = { __name = "dynamodb.Transaction", __index = write_methods }
local get_mt = { __name = "dynamodb.TransactionGet", __index = get_methods }

---@class dynamodb.Transaction    what the function given to `db:transact` adds its operations to
---@field private client dynamodb.Client
---@field private native userdata         core.transaction
---@field private limits table            deadline, for what has to be asked on the way
---@field private applied fun()[]         to be called when all of it has been applied
---@field private open boolean            until the function returns
---@field private count integer           of its operations, from then on
---@field private err dynamodb.Error?     why it cannot be sent
---@field private time string?            of its stamps

local set_of = write.set_of

local TRANSACT = set_of("token", "retry_conflicts", "timeout", "deadline", "capacity")
local TRANSACT_GET = set_of("retry_conflicts", "timeout", "deadline", "capacity")
local PUT = set_of("where", "names", "values", "with_item")
local CREATE = set_of("with_item")
local CHANGE = set_of("where", "names", "values", "version", "with_item")
local CHECK = set_of("names", "values", "version", "with_item")
local GET = set_of("attributes")

-- ------------------------------------------------------------------------------------------------- collecting ----

--- Raises unless operations can be added and the table is one of the client's.
---@param self table
---@param target any
---@param method string
local function check_table(self, target, method)
  if not self.open then usage.raise(("%s: the transaction is over; its function has returned"):format(method)) end
  local mt = type(target) == "table" and getmetatable(target)
  if not mt or mt.__name ~= "dynamodb.Table" then
    usage.raise(("%s needs a table of db:table as its first argument, not a %s"):format(method, type(target)))
  end
  if target.client ~= self.client then usage.raise(method .. ": the table is another client's") end
end

--- Hands an operation to the engine.
---@param client dynamodb.Client
---@param native userdata
---@param operation string
---@param params table
---@param keys dynamodb.Schema?
---@return integer? number
---@return string? message    in the caller's words
local function hand_over(client, native, operation, params, keys)
  local number, message
  if client.values then message = expression.left_out(params, client.values) end
  if not message then number, message = native:add(operation, params, keys) end
  if not number then return nil, expression.explain(message, params) end
  return number
end

--- Adds an operation. What cannot be sent raises, at the line that asked for it.
---@param self table
---@param operation string
---@param params table
---@param keys dynamodb.Schema?    of a put
---@return integer number          of the operation, as in err.reasons
local function add(self, operation, params, keys)
  self.arn = self.arn or params.TableName
  local number, message = hand_over(self.client, self.native, operation, params, keys)
  if not number then
    usage.raise(("transaction, operation %d (%s): %s"):format(self.native:count() + 1, operation, message))
  end
  return number
end

---@param self dynamodb.Transaction
---@param operation string
---@param made dynamodb.Write
---@param options table
---@param keys dynamodb.Schema?
---@return integer
local function add_write(self, operation, made, options, keys)
  if options.with_item == false then made.params.ReturnValuesOnConditionCheckFailure = nil end
  local number = add(self, operation, made.params, keys)
  self.applied[#self.applied + 1] = made.applied
  return number
end

--- The keys of a table, which two operations on one item are told by. Without them nothing more is added.
---@param self dynamodb.Transaction
---@param target dynamodb.Table
---@return dynamodb.Schema?
local function known_schema(self, target)
  if self.err then return nil end
  local keys, err = schema.known(target, self.limits)
  self.err = err
  return keys
end

--- The time of the stamps: one for all of the transaction.
---@param self dynamodb.Transaction
---@param target dynamodb.Table
---@return string?
local function stamp_time(self, target)
  if target.stamps and not self.time then self.time = stamps.now(self.client) end
  return self.time
end

--- Writes one item, as `Table:put`.
---@param target dynamodb.Table
---@param item table         with its key
---@param options table?     where, names, values, with_item (false: err.reasons does not bring the item)
---@return integer? number   of the operation: its place in err.reasons
function write_methods:put(target, item, options)
  check_table(self, target, "put")
  options = option_rules.check(options, PUT, "put")
  local keys = known_schema(self, target)
  return keys and add_write(self, "put", write.put(target, item, options, stamp_time(self, target)), options, keys)
end

--- Writes one item that must not be there yet, as `Table:create`.
---@param target dynamodb.Table
---@param item table
---@param options table?     with_item
---@return integer? number
function write_methods:create(target, item, options)
  check_table(self, target, "create")
  options = option_rules.check(options, CREATE, "create")
  usage.check_type(item, "table", "item")
  local keys = known_schema(self, target)
  return keys and add_write(self, "put", write.create(target, item, stamp_time(self, target)), options, keys)
end

--- Changes one item, as `Table:update`.
---@param target dynamodb.Table
---@param item_key table
---@param changes table|string
---@param options table?     where, names, values, version, with_item
---@return integer number
function write_methods:update(target, item_key, changes, options)
  check_table(self, target, "update")
  options = option_rules.check(options, CHANGE, "update")
  local made = write.update(target, item_key, changes, options, stamp_time(self, target))
  return add_write(self, "update", made, options)
end

--- Deletes one item, as `Table:delete`.
---@param target dynamodb.Table
---@param item_key table
---@param options table?     where, names, values, version, with_item
---@return integer number
function write_methods:delete(target, item_key, options)
  check_table(self, target, "delete")
  options = option_rules.check(options, CHANGE, "delete")
  return add_write(self, "delete", write.delete(target, item_key, options), options)
end

--- A condition on an item that the transaction does not change.
---@param target dynamodb.Table
---@param item_key table
---@param where any          a table, an operator or a text; nil only where the key has a version to be checked
---@param options table?     names, values, version, with_item
---@return integer number
function write_methods:check(target, item_key, where, options)
  check_table(self, target, "check")
  options = option_rules.check(options, CHECK, "check")
  local all = { where = where }
  for name, value in pairs(options) do all[name] = value end
  return add_write(self, "check", write.check(target, item_key, all), options)
end

--- Reads one item.
---@param target dynamodb.Table
---@param item_key table
---@param options table?     attributes: a list of paths
---@return integer number    its place in the items
function get_methods:get(target, item_key, options)
  check_table(self, target, "get")
  options = option_rules.check(options, GET, "get")
  key.check(item_key, target.schema, self.client.limits)
  local params = { TableName = target.name, Key = item_key }
  if options.attributes ~= nil then
    local builder = expression.new(nil, nil, self.client.limits)
    params.ProjectionExpression = builder:projection(options.attributes)
    builder:finish(params)
  end
  return add(self, "get", params)
end

-- ---------------------------------------------------------------------------------------------------- sending ----

local CAPACITY = { none = false, total = "TOTAL", indexes = "INDEXES" }

---@param client dynamodb.Client
---@param options table
---@return string?
local function capacity_of(client, options)
  local capacity = CAPACITY[options.capacity or client.capacity]
  if capacity == nil then usage.raise('capacity must be "none", "total" or "indexes"') end
  return capacity or nil
end

---@param client dynamodb.Client
---@param kind "write"|"get"
---@param token string?
---@param capacity string?
---@return userdata
local function new_native(client, kind, token, capacity)
  return core.transaction {
    kind = kind, token = token, capacity = capacity,
    limits = client.limits, strict = client.strict, options = client.values,
  }
end

-- Reasons that say nothing about the request itself: the same may succeed a moment later.
local PASSING = set_of("None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")

--- Was it cancelled for no other reasons than others' work on the same items, or too much of it?
---@param err dynamodb.Error
---@return boolean
local function is_conflict(err)
  if not err:is "TransactionCanceled" or not err.reasons then return false end
  local found = false
  for _, reason in ipairs(err.reasons) do
    if not PASSING[reason.code] then return false end
    found = found or reason.code ~= "None"
  end
  return found
end

--- Sends what was collected.
---@param client dynamodb.Client
---@param kind "write"|"get"
---@param native userdata
---@param limits table    timeout, deadline
---@param arn string?     of a table in it
---@return table? answer
---@return dynamodb.Error?
---@return dynamodb.Meta?
local function send(client, kind, native, limits, arn)
  local operation = kind == "write" and "TransactWriteItems" or "TransactGetItems"
  local body, message = native:body(client:now())
  if not body then usage.raise(message) end
  local answer, err, meta = request.perform(client, operation, model.operations[operation], {}, limits,
    { body = body, arn = arn })
  if err and err.body then err.reasons = native:reasons(err.body) end
  -- A conflict may be with our own earlier attempt, of which nobody knows.
  if err and err.doubted and is_conflict(err) then err.ambiguous, err.retryable = true, false end
  native:close()
  return answer, err, meta
end

---@param client dynamodb.Client
---@param kind "write"|"get"
---@param f function
---@param options table
---@param limits table
---@return table? answer
---@return dynamodb.Error?
---@return dynamodb.Meta?
---@return table self
local function run_once(client, kind, f, options, limits)
  local self = setmetatable({
    client = client,
    native = new_native(client, kind, options.token, capacity_of(client, options)),
    limits = limits,
    applied = {},
    open = true,
  }, kind == "write" and write_mt or get_mt)
  f(self)
  self.open = false
  if self.err then return nil, self.err, nil, self end
  self.count = self.native:count()
  if self.count == 0 then return {}, nil, { attempts = 0, waited = 0 }, self end
  local answer, err, meta = send(client, kind, self.native, limits, self.arn)
  return answer, err, meta, self
end

---@param options table
local function check_options(options)
  local retries = options.retry_conflicts
  if retries ~= nil and (type(retries) ~= "number" or retries < 0 or retries ~= math.floor(retries)) then
    usage.raise("retry_conflicts must be a number of times: 0, 1, 2 …")
  end
  if options.token ~= nil then
    option_rules.check_token(options.token, "token")
    if retries and retries > 0 then
      usage.raise("token and retry_conflicts exclude each other: another run of the function needs another token")
    end
  end
end

--- Runs the function and sends what it collects; again, if conflicts are to be retried, and from the beginning: what it
--- reads may have changed.
---@param client dynamodb.Client
---@param kind "write"|"get"
---@param f function
---@param options table
---@return table? answer
---@return dynamodb.Error?
---@return dynamodb.Meta?
---@return table self
local function run(client, kind, f, options)
  check_options(options)
  local deadline = request.deadline(client, options)
  local limits = deadline and { deadline = deadline } or { timeout = false }
  local retries = options.retry_conflicts or 0
  local policy, attempts, waited, runs = nil, 0, 0, 0
  while true do
    local answer, err, meta, self = run_once(client, kind, f, options, limits)
    local told = err or meta
    runs = runs + 1
    attempts, waited = attempts + (told.attempts or 0), waited + (told.waited or 0)
    told.attempts, told.waited, told.runs = attempts, waited, runs
    if not err then
      if policy then policy:ended(nil, client:now()) end
      return answer, nil, meta, self
    end
    if retries == 0 or not is_conflict(err) then return nil, err, nil, self end
    if err.ambiguous then -- with a new token it might be applied twice
      err.stopped_by = "ambiguous"
      return nil, err, nil, self
    end
    -- To the retry policy a conflict is a throttled attempt of a call whose attempts are runs.
    policy = policy or client.retry:begin(true, deadline, retries + 1)
    local throttled = { status = 400, code = "ThrottlingException", sent = true }
    local verdict, delay, reason = policy:ended(throttled, client:now())
    if verdict == "done" then
      err.stopped_by = reason
      return nil, err, nil, self
    end
    client:runtime():sleep(delay)
    waited = waited + delay
  end
end

--- As `db:transact`.
---@param client dynamodb.Client
---@param f function
---@param options table?
function transaction.write(client, f, options)
  usage.check_type(f, "function", "what db:transact runs")
  options = option_rules.check(options, TRANSACT, "transact")
  local answer, err, meta, self = run(client, "write", f, options)
  if not answer then return nil, err end
  for _, applied in ipairs(self.applied) do applied() end
  return true, nil, meta
end

--- As `db:transact_get`.
---@param client dynamodb.Client
---@param f function
---@param options table?
function transaction.get(client, f, options)
  usage.check_type(f, "function", "what db:transact_get runs")
  options = option_rules.check(options, TRANSACT_GET, "transact_get")
  local answer, err, meta, self = run(client, "get", f, options)
  if not answer then return nil, err end
  local count, responses = self.count, answer.Responses or {}
  if type(responses) ~= "table" or #responses ~= count then
    return nil, errors.new {
      code = "ResponseError", operation = "TransactGetItems", sent = true, attempts = meta.attempts,
      request_id = meta.request_id, message = "the answer does not have one response for each operation",
    }
  end
  local items = setmetatable({}, core.list_mt) -- also without items
  for i = 1, count do items[i] = responses[i].Item or false end
  return items, nil, meta
end

-- ------------------------------------------------------------------------------------------------ single writes ----

-- Reasons, as the operation alone would have failed. Source: CancellationReason in DynamoDB's API reference.
local ALONE = {
  ConditionalCheckFailed = "ConditionalCheckFailedException",
  ItemCollectionSizeLimitExceeded = "ItemCollectionSizeLimitExceededException",
  ProvisionedThroughputExceeded = "ProvisionedThroughputExceededException",
  ThrottlingError = "ThrottlingException",
  TransactionConflict = "TransactionConflictException",
  ValidationError = "ValidationException",
}

--- The failure of a transaction of one operation as that operation's own.
---@param err dynamodb.Error
---@param operation string
---@return dynamodb.Error
local function as_alone(err, operation)
  local reason = err:is "TransactionCanceled" and err.reasons and err.reasons[1]
  err.operation = operation
  if not reason or reason.code == "None" then return err end
  return errors.new {
    code = ALONE[reason.code] or reason.code, message = reason.message or err.message, item = reason.item,
    status = err.status, request_id = err.request_id, operation = operation, body = err.body,
    attempts = err.attempts, waited = err.waited, sent = err.sent, ambiguous = err.ambiguous,
  }
end

local NAMES = { PutItem = "put", UpdateItem = "update", DeleteItem = "delete" }

--- One write as a transaction, so that its token keeps it from being applied twice.
---@param target dynamodb.Table
---@param operation "PutItem"|"UpdateItem"|"DeleteItem"
---@param made dynamodb.Write
---@param options table         idempotent: true, or a token; timeout, deadline
---@param capacity string?
---@return true? done
---@return dynamodb.Error?
---@return dynamodb.Meta?
function transaction.single(target, operation, made, options, capacity)
  local client, name = target.client, NAMES[operation]
  local token = options.idempotent ~= true and options.idempotent or nil
  local native = new_native(client, "write", token, capacity)
  local number, message = hand_over(client, native, name, made.params, nil)
  if not number then usage.raise(("%s: %s"):format(operation, message)) end
  local limits = { timeout = options.timeout, deadline = options.deadline }
  local answer, err, meta = send(client, "write", native, limits, target.name)
  if not answer then return nil, as_alone(err, operation) end
  made.applied()
  meta.capacity = meta.capacity and meta.capacity[1]
  return true, nil, meta
end

return transaction
