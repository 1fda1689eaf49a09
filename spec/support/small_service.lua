--- A service in memory, behind the fake runtime, for specs of jobs: its answers are the spec's, or those of a table of
--- numbered items that take no memory.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"

local small_service = {}

local DESCRIPTION = '{"Table":{"TableName":"t","TableStatus":"ACTIVE","ItemCount":%d,"TableSizeBytes":0,'
  .. '"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],'
  .. '"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"N"}]}}'

--- A list that forgets: the fake runtime notes every request.
local function forgetful()
  return setmetatable({}, { __newindex = function() end })
end

--- A client of `handlers`, by operation: each is given the decoded body and returns an answer's text, or nil and an
--- error's code.
---@param handlers table<string, fun(params: table): string?, string?>
---@param options table?    of connect
---@return dynamodb.Client
---@return table runtime
function small_service.connect(handlers, options)
  local runtime = fake.new {
    handler = function(request)
      local operation = request.head:match "X%-Amz%-Target: [%w_]+%.(%w+)"
      local handler = assert(handlers[operation], "nobody answers " .. operation)
      local body, code = handler(core.json_decode(request.body))
      if body then return { body = body, delay = 0.001 } end
      return { status = 400, body = ('{"__type":"x#%s","message":"as scripted"}'):format(code), delay = 0.001 }
    end,
  }
  runtime.requests, runtime.slept = forgetful(), forgetful()
  local fields = { region = "local", access_key_id = "a", secret_access_key = "b", runtime = runtime }
  for name, value in pairs(options or {}) do fields[name] = value end
  return dynamodb.connect(fields), runtime
end

--- Handlers for a table of `count` items, `{ pk = 1, name = … }` and so on, which takes every write and keeps none.
---@param count integer
---@return table<string, function>
function small_service.numbered(count)
  local function item(i)
    return ('{"pk":{"N":"%d"},"name":{"S":"First%d Last"},"applied":{"N":"0"}}'):format(i, i)
  end
  local UPDATED = '{"ConsumedCapacity":{"TableName":"t","CapacityUnits":1}}'
  return {
    DescribeTable = function() return DESCRIPTION:format(count) end,
    UpdateItem = function() return UPDATED end,
    BatchGetItem = function(params)
      local items = {}
      for i, key in ipairs(params.RequestItems.t.Keys) do items[i] = item(key.pk.N) end
      return ('{"Responses":{"t":[%s]},"UnprocessedKeys":{}}'):format(table.concat(items, ","))
    end,
    BatchWriteItem = function() return '{"UnprocessedItems":{}}' end,
    Scan = function(params)
      local from = params.ExclusiveStartKey and tonumber(params.ExclusiveStartKey.pk.N) or 0
      local to, items = math.min(from + 500, count), {}
      for i = from + 1, to do items[#items + 1] = item(i) end
      local last = to < count and (',"LastEvaluatedKey":{"pk":{"N":"%d"}}'):format(to) or ""
      return ('{"Count":%d,"ScannedCount":%d,"Items":[%s]%s}'):format(#items, #items, table.concat(items, ","), last)
    end,
  }
end

return small_service
