--- DynamoDB in memory, for the fake runtime: what it answers, how long it takes and what goes wrong follow from a seed,
--- on a virtual clock.
---
---   local model = model_server.new { seed = 1, tables = { t = { "pk", "sk" } }, faults = { leftovers = 0.2 } }
---   local rt = fake.new { handler = model:handler() }
---   … dynamodb.connect { runtime = rt, … } …
---   model:item("t", { pk = { S = "a" }, sk = { N = "1" } })    --> the item, typed, or nil
---   model:history("t", key)                                    --> what was applied: { at =, item = or false }, …
---   model.counts.leftovers, model.counts.BatchWriteItem, model.overlaps
---
--- It knows PutItem, DeleteItem, GetItem, BatchWriteItem and BatchGetItem; of conditions, attribute_exists and
--- attribute_not_exists of one attribute. `overlaps` counts the writes that came while another write of the same key
--- was under way. A request reaches it after half of its latency, is applied at once, and is answered after the rest.
---
--- `faults` gives the probability of each; a request meets one at most:
---   unsent        no connection: ConnectionError, not sent      drop_request  ConnectionError, sent but not applied
---   drop_reply    ConnectionError, applied                      timeout       Timeout after 5 s, applied or not
---   truncate      ResponseError, applied                        garble        a body whose CRC-32 is wrong, applied
---   throughput    ProvisionedThroughputExceededException        throttle      ThrottlingException
---   error_500     InternalServerError, applied or not           error_503     ServiceUnavailable
---   leftovers     of a batch: a part is unprocessed
local core = require "dynamodb.core"

local model_server = {}

local model_methods = {}
local model_mt = { __name = "spec.ModelServer", __index = model_methods }

local IDLE_TIMEOUT = 5
local MOST_BYTES = { item = 400 * 1024, request = 16 * 2 ^ 20 }

--- A number in [0, 1).
function model_methods:random()
  self.state = (self.state * 16807) % 2147483647
  return (self.state - 1) / 2147483646
end

local function count(self, what) self.counts[what] = self.counts[what] + 1 end

-- ------------------------------------------------------------------------------------------------------ items ----

local function scalar(value)
  if type(value) ~= "table" then return nil end
  if value.S then return "S" .. value.S end
  if value.B then return "B" .. value.B end
  return value.N and core.key((core.unmarshal_value(core.json_encode(value))))
end

--- A text for the key of an item (or for a key) of a table; nil when it is not whole.
local function key_of(definition, item)
  local parts = {}
  for i, name in ipairs(definition) do
    local part = scalar(item[name])
    if not part or part == "S" or part == "B" then return nil end
    parts[i] = #part .. ":" .. part
  end
  return table.concat(parts, "|")
end

--- About as DynamoDB counts: names and values.
local function size_of(value)
  local size = 0
  for name, member in pairs(value) do
    if type(name) == "string" then size = size + #name end
    size = size + (type(member) == "table" and size_of(member) or type(member) == "string" and #member or 1)
  end
  return size
end

local function refusal(code, message) return { code = code, message = message } end

local function invalid(message) return nil, refusal("ValidationException", message) end

local function table_of(self, name)
  local found = self.tables[name]
  if not found then return nil, refusal("ResourceNotFoundException", "Requested resource not found") end
  return found
end

--- One write, checked: { table, key, item or false }.
local function prepare(self, table_name, item, is_delete)
  local found, problem = table_of(self, table_name)
  if not found then return nil, problem end
  if type(item) ~= "table" then return invalid "no item" end
  local key = key_of(found.definition, item)
  if not key then return invalid "One or more parameter values were invalid: Missing the key" end
  if not is_delete and size_of(item) > MOST_BYTES.item then
    return invalid "Item size has exceeded the maximum allowed size"
  end
  if self.rejects and self.rejects(item, table_name) then return invalid "rejected by the model" end
  return { table = found, key = key, name = table_name, item = not is_delete and item }
end

local function apply(self, write)
  write.table.items[write.key] = write.item or nil
  local history = write.table.history
  history[write.key] = history[write.key] or {}
  table.insert(history[write.key], { at = self.runtime:now(), item = write.item })
end

-- ------------------------------------------------------------------------------------------------- operations ----

-- Each has `prepare`, which checks the parameters and gives what is to be done, and `perform`, which does it and gives
-- the answer; `keep(element)` says which elements of a batch are processed.
local operations = {}

--- Does the condition hold? nil when it is none that the model knows.
local function holds(params, old)
  local condition = params.ConditionExpression
  if not condition then return true end
  local call, name = condition:match "^%s*(attribute_[%w_]+)%s*%(%s*([#%w_]+)%s*%)%s*$"
  name = name and (params.ExpressionAttributeNames or {})[name] or name
  local exists = old ~= nil and old[name] ~= nil
  if call == "attribute_exists" then return exists end
  if call == "attribute_not_exists" then return not exists end
  error("the model does not know the condition " .. condition)
end

local function perform_write(self, params, write)
  local old = write.table.items[write.key]
  if not holds(params, old) then
    local problem = refusal("ConditionalCheckFailedException", "The conditional request failed")
    if params.ReturnValuesOnConditionCheckFailure == "ALL_OLD" then problem.item = old end
    return nil, problem
  end
  apply(self, write)
  return { Attributes = params.ReturnValues == "ALL_OLD" and old or nil }
end

operations.PutItem = {
  prepare = function(self, params)
    local write, problem = prepare(self, params.TableName, params.Item)
    return write and { write }, problem
  end,
  perform = function(self, params, writes) return perform_write(self, params, writes[1]) end,
}

operations.DeleteItem = {
  prepare = function(self, params)
    local write, problem = prepare(self, params.TableName, params.Key, true)
    return write and { write }, problem
  end,
  perform = function(self, params, writes) return perform_write(self, params, writes[1]) end,
}

operations.GetItem = {
  reads = true,
  prepare = function(self, params)
    local read, problem = prepare(self, params.TableName, params.Key, true)
    return read and { read }, problem
  end,
  perform = function(_, _, reads) return { Item = reads[1].table.items[reads[1].key] } end,
}

--- The elements of a batch in a fixed order, none of them twice.
local function prepare_batch(self, most, by_table, elements_of, read)
  local names, list, seen = {}, {}, {}
  for name in pairs(by_table or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    for _, element in ipairs(elements_of(by_table[name])) do
      local item, is_delete = read(element)
      local one, problem = prepare(self, name, item, is_delete)
      if not one then return nil, problem end
      one.element = element
      local identity = name .. "\0" .. one.key
      if seen[identity] then return invalid "Provided list of item keys contains duplicates" end
      seen[identity] = true
      list[#list + 1] = one
    end
  end
  if #list == 0 then return invalid "The batch is empty" end
  if #list > most then return invalid("Too many items requested: " .. #list) end
  return list
end

--- What is not kept, by table.
local function divide(list, keep)
  local kept, left = {}, {}
  for _, one in ipairs(list) do
    if keep(one) then
      kept[#kept + 1] = one
    else
      left[one.name] = left[one.name] or {}
      table.insert(left[one.name], one.element)
    end
  end
  return kept, left
end

operations.BatchWriteItem = {
  prepare = function(self, params)
    return prepare_batch(self, 25, params.RequestItems, function(list) return list end, function(element)
      if element.PutRequest then return element.PutRequest.Item end
      return element.DeleteRequest and element.DeleteRequest.Key, true
    end)
  end,
  perform = function(self, _, writes, keep)
    local kept, left = divide(writes, keep)
    for _, write in ipairs(kept) do apply(self, write) end
    return { UnprocessedItems = left }
  end,
}

operations.BatchGetItem = {
  reads = true,
  prepare = function(self, params)
    return prepare_batch(self, 100, params.RequestItems, function(one) return one.Keys or {} end, function(key)
      return key, true
    end)
  end,
  perform = function(_, params, reads, keep)
    local kept, left = divide(reads, keep)
    local answer = { Responses = {}, UnprocessedKeys = {} }
    for name in pairs(params.RequestItems) do answer.Responses[name] = setmetatable({}, core.list_mt) end
    for _, read in ipairs(kept) do
      local item = read.table.items[read.key]
      if item then table.insert(answer.Responses[read.name], item) end
    end
    for name, keys in pairs(left) do
      local options = {}
      for option, value in pairs(params.RequestItems[name]) do options[option] = value end
      options.Keys = keys
      answer.UnprocessedKeys[name] = options
    end
    return answer
  end,
}

-- ---------------------------------------------------------------------------------------------------- answers ----

local function answer_of(status, value)
  local body = core.json_encode(value)
  return { status = status, body = body, headers = { ["x-amz-crc32"] = ("%.0f"):format(core.crc32(body)) } }
end

local function answer_problem(problem, status)
  return answer_of(status or 400, {
    __type = "com.amazonaws.dynamodb.v20120810#" .. problem.code, message = problem.message or "by the model",
    Item = problem.item,
  })
end

local function failure(code, sent) return { code = code, message = "by the model", sent = sent } end

--- Lets time pass; false when the deadline comes first.
local function pass(runtime, seconds, deadline)
  if deadline and runtime:now() + seconds >= deadline then
    runtime:wait(deadline - runtime:now())
    return false
  end
  runtime:wait(seconds)
  return true
end

local BATCHES = { BatchGetItem = true, BatchWriteItem = true }

local function draw_fault(self, operation)
  local drawn = self:random()
  for _, name in ipairs(self.fault_names) do
    if name ~= "leftovers" or BATCHES[operation] then
      drawn = drawn - self.faults[name]
      if drawn < 0 then
        count(self, name)
        count(self, "faults")
        return name
      end
    end
  end
end

--- What happens instead of the operation.
local before = {
  drop_request = function() return failure("ConnectionError", true) end,
  throughput = function() return answer_problem { code = "ProvisionedThroughputExceededException" } end,
  throttle = function() return answer_problem { code = "ThrottlingException" } end,
  error_503 = function() return answer_problem({ code = "ServiceUnavailable" }, 503) end,
}

--- What becomes of its answer.
local after = {
  drop_reply = function() return failure("ConnectionError", true) end,
  timeout = function() return failure("Timeout", true) end,
  truncate = function() return failure("ResponseError", true) end,
  error_500 = function() return answer_problem({ code = "InternalServerError" }, 500) end,
  garble = function(answer)
    answer.headers["x-amz-crc32"] = ("%.0f"):format(core.crc32(answer.body .. "x"))
    return answer
  end,
}

--- Is applied or not, as chance has it.
local UNCERTAIN = { timeout = true, error_500 = true }

local function perform(self, operation, params, todo, fault)
  local part = self:random()
  local function keep() return fault ~= "leftovers" or self:random() >= part end
  local value, problem = operations[operation].perform(self, params, todo, keep)
  if problem then return answer_problem(problem) end
  return answer_of(200, value)
end

--- Notes which keys are being written, from the moment the client sends until it hears something.
local function enter(self, todo)
  for _, write in ipairs(todo) do
    local flight = write.table.flight
    if (flight[write.key] or 0) > 0 then self.overlaps = self.overlaps + 1 end
    flight[write.key] = (flight[write.key] or 0) + 1
  end
end

local function leave(todo)
  for _, write in ipairs(todo) do write.table.flight[write.key] = write.table.flight[write.key] - 1 end
end

local function serve(self, request, deadline, operation, params, todo, problem)
  local runtime = self.runtime
  local fault = draw_fault(self, operation)
  if fault == "unsent" then return failure("ConnectionError", false) end
  local latency = self.latency[1] + self:random() * (self.latency[2] - self.latency[1])
  if not pass(runtime, latency / 2, deadline) then return failure("DeadlineExceeded", true) end
  local answer
  if before[fault] then
    answer = before[fault]()
  elseif not todo then
    answer = answer_problem(problem)
  elseif #request.body > MOST_BYTES.request then
    answer = answer_problem { code = "ValidationException", message = "the request is too large" }
  elseif not UNCERTAIN[fault] or self:random() < 0.5 then
    answer = perform(self, operation, params, todo, fault)
  end
  if after[fault] then answer = after[fault](answer) end
  if not pass(runtime, fault == "timeout" and IDLE_TIMEOUT or latency / 2, deadline) then
    return failure("DeadlineExceeded", true)
  end
  return answer
end

--- Answers the requests of a fake runtime.
---@return fun(request: table, runtime: table, deadline: number?): table
function model_methods:handler()
  return function(request, runtime, deadline)
    self.runtime = runtime
    local operation = request.head:match "[Xx]%-[Aa]mz%-[Tt]arget:%s*[%w_]+%.(%w+)"
    count(self, "requests")
    count(self, operation)
    local known = operations[operation]
    if not known then return answer_problem { code = "UnknownOperationException" } end
    local params = assert(core.json_decode(request.body))
    local todo, problem = known.prepare(self, params)
    local writes = todo and not known.reads and todo or {}
    enter(self, writes)
    local answer = serve(self, request, deadline, operation, params, todo, problem)
    leave(writes)
    return answer
  end
end

--- An item as it is now.
---@param table_name string
---@param key table    typed
---@return table? item
function model_methods:item(table_name, key)
  local found = self.tables[table_name]
  return found.items[key_of(found.definition, key)]
end

--- Every write of a key that was applied, the first one first.
---@param table_name string
---@param key table    typed
---@return table[]    { at = seconds, item = table or false }
function model_methods:history(table_name, key)
  local found = self.tables[table_name]
  return found.history[key_of(found.definition, key)] or {}
end

--- How many items a table has.
---@param table_name string
---@return integer
function model_methods:size(table_name)
  local size = 0
  for _ in pairs(self.tables[table_name].items) do size = size + 1 end
  return size
end

local FAULTS = { "unsent", "leftovers" }
for _, kind in ipairs { before, after } do
  for name in pairs(kind) do FAULTS[#FAULTS + 1] = name end
end

--- A model without items.
---@param settings table    tables: key attributes by table; seed; faults: see above; latency: the least and the most
---                         seconds ({ 0.001, 0.02 }); rejects: a function of item and table, true for one that the
---                         service would refuse, and its whole request with it
---@return table
function model_server.new(settings)
  local self = setmetatable({
    state = (settings.seed or 1) * 2654435 % 2147483646 + 1,
    faults = settings.faults or {},
    fault_names = {},
    latency = settings.latency or { 0.001, 0.02 },
    rejects = settings.rejects,
    tables = {},
    counts = setmetatable({}, { __index = function() return 0 end }),
    overlaps = 0,
  }, model_mt)
  for _ = 1, 3 do self:random() end
  local known = {}
  for _, name in ipairs(FAULTS) do known[name] = true end
  for name in pairs(self.faults) do
    assert(known[name], "no fault is called " .. name)
    table.insert(self.fault_names, name)
  end
  table.sort(self.fault_names)
  for name, definition in pairs(settings.tables) do
    self.tables[name] = { definition = definition, items = {}, history = {}, flight = {} }
  end
  return self
end

return model_server
