--- Tables in memory that answer BatchWriteItem and BatchGetItem as told by a seed: some of it, none of it, or with a
--- reply that is lost after it was applied. What the real service would refuse is refused, what it never sees raises.
local core = require "dynamodb.core"

local model = {}

local model_methods = {}
local model_mt = { __index = model_methods }

--- Numbers from 0 to 1, the same for a seed in every Lua. Lehmer's generator stays within 2^53.
---@param seed integer
---@return fun(): number
function model.random(seed)
  local state = seed * 7919 % 2147483646 + 1
  return function()
    state = state * 48271 % 2147483647
    return state / 2147483647
  end
end

--- The canonical text of a key, of an item or of a key in DynamoDB's JSON.
local function key_of(keys, item)
  local parts = {}
  for i, name in ipairs(keys) do
    local tag, value = next((assert(item[name], "an item without " .. name)))
    if tag == "N" then value = core.key(core.number(value)) end
    parts[i] = tag .. ":" .. value
  end
  return table.concat(parts, "|")
end

---@param random fun(): number
---@param tables table<string, string[]>    the key's attributes, by table
---@param faults table?    chances: leftover (of one operation), throttle, transient (of a request); applied (of what
---                        is lost in a transient one); poison: a name whose attribute the service refuses
function model.new(random, tables, faults)
  local self = { random = random, tables = {}, faults = faults or {}, in_flight = {}, requests = 0, largest = 0 }
  for name, keys in pairs(tables) do self.tables[name] = { keys = keys, items = {}, writes = 0 } end
  return setmetatable(self, model_mt)
end

function model_methods:chance(name) return self.random() < (self.faults[name] or 0) end

--- Checks a request as soon as it is sent; gives what has to happen, so that it can be answered later.
function model_methods:accept(kind, body)
  assert(#body <= 16 * 1000 * 1000, "more than 16 MB")
  self.requests = self.requests + 1
  self.largest = math.max(self.largest, #body)
  local request = { kind = kind, operations = {} }
  for name, part in pairs(assert(core.json_decode(body)).RequestItems) do
    local tbl = self.tables[name]
    if not tbl then request.missing = true end
    for _, each in ipairs(kind == "write" and part or part.Keys) do
      local put, deletion = each.PutRequest, each.DeleteRequest
      local operation = { table = name, wire = each, item = put and put.Item }
      local subject = kind == "get" and each or put and put.Item or deletion.Key
      if tbl then
        operation.key = key_of(tbl.keys, subject)
        local id = name .. "/" .. operation.key
        assert(not self.in_flight[id], "two operations on a key in flight: " .. id)
        self.in_flight[id] = true
        operation.id = id
      end
      if self.faults.poison and subject[self.faults.poison] then request.poisoned = true end
      request.operations[#request.operations + 1] = operation
    end
  end
  local count = #request.operations
  assert(count >= 1 and count <= (kind == "write" and 25 or 100), count .. " operations")
  return request
end

function model_methods:apply(operation)
  local tbl = self.tables[operation.table]
  tbl.items[operation.key] = operation.item
  tbl.writes = tbl.writes + 1
end

local function failed(class, code) return { class = class, code = code, message = "by the model" } end

function model_methods:answer_write(request)
  local left, units = {}, {}
  for _, operation in ipairs(request.operations) do
    if self:chance "leftover" then
      left[operation.table] = left[operation.table] or {}
      table.insert(left[operation.table], operation.wire)
    else
      self:apply(operation)
      units[operation.table] = (units[operation.table] or 0) + 1
    end
  end
  local consumed = {}
  for name, count in pairs(units) do consumed[#consumed + 1] = { TableName = name, CapacityUnits = count } end
  return { UnprocessedItems = left, ConsumedCapacity = #consumed > 0 and consumed or nil }
end

function model_methods:answer_get(request)
  local left, found = {}, {}
  for _, operation in ipairs(request.operations) do
    local name = operation.table
    found[name] = found[name] or {}
    if self:chance "leftover" then
      left[name] = left[name] or { Keys = {} }
      table.insert(left[name].Keys, operation.wire)
    else
      local item = self.tables[name].items[operation.key]
      -- A place of its own for each: answers come in any order.
      if item then table.insert(found[name], math.floor(self.random() * #found[name]) + 1, item) end
    end
  end
  for _, list in pairs(found) do setmetatable(list, core.list_mt) end
  return { Responses = found, UnprocessedKeys = left }
end

--- The outcome of an accepted request, for the engine's `done`.
function model_methods:answer(request)
  for _, operation in ipairs(request.operations) do
    if operation.id then self.in_flight[operation.id] = nil end
  end
  if request.missing then return failed("no_table", "ResourceNotFoundException") end
  if request.poisoned then return failed("refused", "ValidationException") end
  if self:chance "throttle" then return failed("throttling", "ProvisionedThroughputExceededException") end
  if self:chance "transient" then
    for _, operation in ipairs(request.operations) do
      if request.kind == "write" and self:chance "applied" then self:apply(operation) end
    end
    return failed("transient", "InternalServerError")
  end
  local reply = request.kind == "write" and self:answer_write(request) or self:answer_get(request)
  return { body = core.json_encode(reply) }
end

--- Runs a batch to its end on a virtual clock, with up to `concurrency` requests under way that come back in any order.
---@param batch userdata       core.batch
---@param options table        kind, concurrency, pull: a function that adds the next operation and gives false when it
---                            is full, nil when there is none; results: a function
---@return number now
function model_methods:run(batch, options)
  local now, more, under_way, steps = 0, true, {}, 0
  while true do
    while more and batch:wants() do
      local fits = options.pull()
      if fits == nil then more = false end
      if not fits then break end
    end
    local id, body
    if #under_way < (options.concurrency or 1) then id, body = batch:next(now) end
    if id then
      under_way[#under_way + 1] = { id = id, request = self:accept(options.kind, body) }
      now = now + self.random() * 0.01
    elseif #under_way > 0 then
      local back = table.remove(under_way, math.floor(self.random() * #under_way) + 1)
      now = now + self.random() * 0.02
      local results = batch:done(back.id, self:answer(back.request), now)
      if options.results then options.results(results) end
    elseif body then
      assert(body < 1 / 0, "it waits for ever")
      now, steps = now + body, steps + 1
      assert(steps < 10000, "it waits, and waits again")
    elseif not more or batch:stopped() then
      return now
    end
  end
end

return model
