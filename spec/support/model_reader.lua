--- A table that can be queried and scanned, as a handler for the fake runtime: pages end where the service would end
--- them, and what the service refuses is refused.
---
--- The table has the key pk (S), sk (N); the index `by_group` has group (S), sk (N). A filter lets through the items
--- whose member `keep` is true. Source: Query and Scan in the API reference.
local core = require "dynamodb.core"

local model_reader = {}

local KEYS = { table = { "pk", "sk" }, by_group = { "group", "sk", "pk" } }

--- A place in the order of a scan that has nothing to do with the key's.
local function hash(item) return core.crc32(item.pk .. "/" .. tostring(item.sk)) end

--- The items that a Query is about, in its order.
local function queried(items, request)
  local values, names = request.values, request.params.ExpressionAttributeNames
  local condition = request.params.KeyConditionExpression:gsub("#%w+", names)
  local partition = condition:match "^(%w+) = :0"
  local low, high = -math.huge, math.huge
  local from, to = condition:match "BETWEEN (:%w+) AND (:%w+)"
  if from then low, high = values[from], values[to] end
  local exclusive = condition:match "sk > (:%w+)"
  if exclusive then low = values[exclusive] + 0.5 end
  local list = {}
  for _, item in ipairs(items) do
    if item[partition] == values[":0"] and item.sk >= low and item.sk <= high then list[#list + 1] = item end
  end
  table.sort(list, function(a, b)
    if a.sk ~= b.sk then return a.sk < b.sk end
    return a.pk < b.pk
  end)
  if request.params.ScanIndexForward == false then
    for i = 1, math.floor(#list / 2) do list[i], list[#list + 1 - i] = list[#list + 1 - i], list[i] end
  end
  local start = request.start
  assert(not start or start.sk >= low and start.sk <= high, "the starting key is outside of the query's boundaries")
  return list
end

--- The items of a segment, in the order of their hashes.
local function scanned(items, params)
  local list, total = {}, params.TotalSegments or 1
  for _, item in ipairs(items) do
    if hash(item) % total == (params.Segment or 0) then list[#list + 1] = item end
  end
  table.sort(list, function(a, b) return hash(a) < hash(b) end)
  return list
end

local function key_of(item, names)
  local key = {}
  for _, name in ipairs(names) do key[name] = item[name] end
  return key
end

--- Where reading begins. An item that is gone meanwhile leaves its place.
local function first_after(list, start, names)
  if not start then return 1 end
  for i, item in ipairs(list) do
    local same = true
    for _, name in ipairs(names) do same = same and item[name] == start[name] end
    if same then return i + 1 end
  end
  error("the starting key is of no item")
end

--- Names that a projection asks for.
local function project(item, params)
  if not params.ProjectionExpression then return item end
  local made = {}
  for alias in params.ProjectionExpression:gmatch "#%w+" do
    local name = params.ExpressionAttributeNames[alias]
    made[name] = item[name]
  end
  return made
end

local function answer(self, request)
  local params = request.params
  local names = KEYS[params.IndexName or "table"]
  local start = request.start
  if start then
    local count = 0
    for _ in pairs(start) do count = count + 1 end
    assert(count == #names, "the starting key has not the attributes of a key")
  end
  local list = params.KeyConditionExpression and queried(self.items, request) or scanned(self.items, params)
  local limit = math.min(params.Limit or math.huge, self.page)
  local items, at, read = {}, first_after(list, start, names), 0
  while read < limit and list[at] do
    local item = list[at]
    read, at = read + 1, at + 1
    if not params.FilterExpression or item.keep then items[#items + 1] = project(item, params) end
  end
  local body = { Count = #items, ScannedCount = read, ConsumedCapacity = { TableName = "t", CapacityUnits = read / 2 } }
  if params.Select ~= "COUNT" then body.Items = setmetatable({}, core.list_mt) end
  for i, item in ipairs(body.Items and items or {}) do body.Items[i] = item end
  -- With a full page nobody has looked whether there is a further item.
  if read == limit and read > 0 then body.LastEvaluatedKey = key_of(list[at - 1], names) end
  self.largest = math.max(self.largest, #items)
  return body
end

local shapes

--- A handler for `dynamodb.runtime.fake`.
---@param items table[]
---@param page integer      items that fit into a page
---@param options table?    delay (seconds an answer takes), fails (a function of the number of the request that says
---                         whether it fails)
---@return function handler
---@return table model      items, requests (parameters), largest (items in one answer)
function model_reader.new(items, page, options)
  options = options or {}
  local self = { items = items, page = page, requests = {}, largest = 0 }
  shapes = shapes or {
    input = core.shape "(ExclusiveStartKey i,ExpressionAttributeValues i)",
    output = core.shape "(Items [i],LastEvaluatedKey i)",
  }
  return function(request)
    local params = core.decode(shapes.input, request.body)
    self.requests[#self.requests + 1] = params
    if options.fails and options.fails(#self.requests) then
      return { status = 500, body = "{}", delay = options.delay }
    end
    local body = answer(self, {
      params = params, start = params.ExclusiveStartKey, values = params.ExpressionAttributeValues,
    })
    return { body = core.encode(shapes.output, body), delay = options.delay }
  end, self
end

return model_reader
