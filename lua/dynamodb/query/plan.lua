--- One reading request as often as it is needed: what stays the same from page to page, and how a page is fetched.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local expression = require "dynamodb.expression"
local keys = require "dynamodb.query.keys"
local option_rules = require "dynamodb.options"
local projection = require "dynamodb.expression.projection"
local schema = require "dynamodb.schema"
local usage = require "dynamodb.usage"

local plan_methods = {}
local plan_mt = { __name = "dynamodb.QueryPlan", __index = plan_methods }

---@class dynamodb.QueryPlan
---@field table dynamodb.Table
---@field operation "Query"|"Scan"
---@field params table              of each request, without what differs
---@field names string[]            attributes that make a position: of the index's key, then of the table's
---@field types table<string, string>    as far as they are known
---@field condition dynamodb.KeyCondition?
---@field reverse boolean
---@field filtered boolean          may a page have fewer items than were read?
---@field unwanted string[]         attributes that are read for the position alone
---@field segments integer
---@field segment integer?          the only one that is read, from 1
---@field context string            what a cursor of it is bound to

---@param index dynamodb.IndexSchema
---@param own dynamodb.Schema
---@return string[]
local function position_names(index, own)
  local names, seen = {}, {}
  for _, list in ipairs { index.partition, index.sort, { own.partition, own.sort } } do
    for _, name in ipairs(list) do
      if not seen[name] then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  return names
end

--- What cursors are bound to: everything that makes a position mean something, and nothing that may differ from page
--- to page (filters, the sort key's bounds).
---@param plan dynamodb.QueryPlan
---@return string
local function context_of(plan)
  local parts = {
    plan.operation, plan.table.name, plan.params.IndexName or "", plan.reverse and "backward" or "forward",
    ("%d/%d"):format(plan.segment or 0, plan.segments),
  }
  for _, part in ipairs(plan.condition and plan.condition.partition or {}) do
    parts[#parts + 1] = part.name
    parts[#parts + 1] = core.key(part[1])
  end
  for i, part in ipairs(parts) do parts[i] = #part .. ":" .. part end
  return table.concat(parts)
end

--- Source: "Filter expressions for the Query operation", DynamoDB Developer Guide.
---@param index dynamodb.IndexSchema
---@param used table<string, boolean>    top-level attributes that the filter mentions
local function refuse_key_in_filter(index, used)
  for _, list in ipairs { index.partition, index.sort } do
    for _, name in ipairs(list) do
      if used[name] then
        usage.raise(("where: %q is part of the key that is read by, which a filter cannot test; say it in the keys")
          :format(name))
      end
    end
  end
end

--- The members of the request that do not differ between pages.
---@param plan dynamodb.QueryPlan
---@param query dynamodb.Query
---@param index dynamodb.IndexSchema
local function write_params(plan, query, index)
  local options, params, limits = query.options, plan.params, query.table.client.limits
  local builder = expression.new(options.names, options.values, limits)
  if plan.condition then
    params.KeyConditionExpression = plan.text and builder:condition(plan.text, "keys")
      or keys.write(plan.condition, builder)
    if plan.reverse then params.ScanIndexForward = false end
  end
  if options.where ~= nil then
    local used
    params.FilterExpression, used = builder:condition(options.where)
    if plan.condition then refuse_key_in_filter(index, used) end
  end
  local attributes = options.attributes
  -- What is wrong with it is told in the caller's terms.
  if attributes ~= nil then expression.new(nil, nil, limits):projection(attributes) end
  if options.hydrate then -- the items themselves are read elsewhere
    attributes = projection.with({}, plan.names)
    params.ProjectionExpression = builder:projection(attributes)
  elseif attributes ~= nil then
    attributes, plan.unwanted = projection.with(attributes, plan.names)
    params.ProjectionExpression = builder:projection(attributes)
  end
  builder:finish(params)
end

--- Plans a query or scan. Describes the table if its keys are not known yet.
---@param query dynamodb.Query
---@param limits table    timeout and deadline, if it has to ask
---@return dynamodb.QueryPlan?
---@return dynamodb.Error?
local function new(query, limits)
  local target, options = query.table, query.options
  local client = target.client
  local own, err = schema.known(target, limits)
  if not own then return nil, err end
  local index
  index, err = schema.index(target, query.index, limits)
  if not index then return nil, err end
  local plan = setmetatable({
    table = target,
    operation = query.operation,
    names = position_names(index, own),
    types = own.types,
    reverse = options.reverse == true,
    filtered = options.where ~= nil,
    unwanted = {},
    segments = options.segments or 1,
    segment = options.segment,
    params = {
      TableName = target.name,
      IndexName = query.index,
      ConsistentRead = not options.hydrate and options.consistent or nil,
      ReturnConsumedCapacity = options.rcu and "TOTAL" or option_rules.capacity(client, options),
    },
  }, plan_mt)
  -- Source: ConsistentRead of Query in the API reference.
  if options.consistent and index.kind == "global" and not options.hydrate then
    usage.raise(("consistent: %s is a global index, which is always read eventually consistent"):format(query.index))
  end
  if query.operation == "Query" then
    local what = query.index and "the index " .. query.index or "the table"
    local given = query.keys
    if type(given) == "string" then
      plan.text = given
      given = require("dynamodb.query.text").read(given, options.names, options.values)
    end
    plan.condition = keys.read(given, index, own, client.limits, what)
  elseif plan.segments > 1 then
    plan.params.TotalSegments = plan.segments
  end
  write_params(plan, query, index)
  plan.context = context_of(plan)
  return plan
end

--- One answer of the service. What positions are made of is decoded exactly, also where the client's option `numbers`
--- rounds numbers or hides them among strings.
---@param plan dynamodb.QueryPlan
---@param params table
---@param limits table
---@return table? answer
---@return dynamodb.Error?
---@return dynamodb.Meta?
---@return table? exact    the same answer, lossless
local function ask(plan, params, limits)
  local client = plan.table.client
  local answer, err, meta = client:perform(plan.operation, params, limits, { exact = client.rounds_numbers })
  if not answer then return nil, err end
  return answer, nil, meta, meta.exact or answer
end

---@class dynamodb.QueryPage
---@field items table[]
---@field positions table[]    the same items, or others that have their keys
---@field last table?          where the next one begins; nil if there is none
---@field count integer        items that the filter let through
---@field scanned integer      items that were read
---@field capacity table?
---@field attempts integer
---@field waited number
---@field gone integer         items of an index that the table does not have any more
---@field hydrated number?     units that reading the full items has cost
---@field pager dynamodb.Pager

--- Is it the same position? Then reading would go round in a circle.
local function same_position(plan, a, b)
  for _, name in ipairs(plan.names) do
    if a[name] == nil or b[name] == nil or core.key(a[name]) ~= core.key(b[name]) then return false end
  end
  return true
end

--- Fetches the page behind a position.
---@param start table?       nil for the beginning
---@param segment integer    from 1
---@param limit integer?     items to read at most
---@param limits table       timeout and deadline
---@return dynamodb.QueryPage?
---@return dynamodb.Error?
function plan_methods:fetch(start, segment, limit, limits)
  local params = {}
  for name, value in pairs(self.params) do params[name] = value end
  params.ExclusiveStartKey, params.Limit = start, limit
  if params.TotalSegments then params.Segment = segment - 1 end
  local answer, err, meta, exact = ask(self, params, limits)
  if not answer then return nil, err end
  local items, last = answer.Items or {}, exact.LastEvaluatedKey
  if start and last and same_position(self, start, last) then
    return nil, errors.new {
      code = "ResponseError", message = "the answer ends where it began: reading would never end",
      operation = self.operation, sent = true,
    }
  end
  return {
    items = items, positions = exact.Items or items,
    last = last,
    count = answer.Count or #items, scanned = answer.ScannedCount or #items,
    capacity = meta.capacity, attempts = meta.attempts, waited = meta.waited, gone = 0,
  }
end

return { new = new }
