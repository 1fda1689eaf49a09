--- What a write says: the parameters that a call of its own and a part of a transaction have in common. Everything is
--- checked here, nothing is sent.
local expression = require "dynamodb.expression"
local expr = require "dynamodb.expression.operators"
local key = require "dynamodb.key"
local stamps = require "dynamodb.stamps"
local update = require "dynamodb.expression.update"
local usage = require "dynamodb.usage"
local versions = require "dynamodb.versions"

local write = {}

---@class dynamodb.Write
---@field params table        TableName, Item or Key, and the expressions
---@field safe boolean        is what it changes the same when it is applied twice?
---@field was_applied function?    (old item, parameters) -> boolean: does the item that made its condition fail show
---                                that an earlier attempt was applied?
---@field applied fun()       to be called when it is known to have been applied: local versions move on

--- Names of a list as a set.
---@param ... string
---@return table<string, boolean>
function write.set_of(...)
  local names = {}
  for _, name in ipairs { ... } do names[name] = true end
  return names
end

local function nothing() end

---@param holder table     the caller's own
---@param name string
---@param version integer?
---@return fun()
local function moves(holder, name, version)
  if not version then return nothing end
  return function() holder[name] = version end
end

---@param target dynamodb.Table
---@param options table    names, values
---@return dynamodb.ExpressionBuilder
local function builder_for(target, options)
  return expression.new(options.names, options.values, target.client.limits)
end

--- Puts the expressions into the parameters.
---@param params table
---@param builder dynamodb.ExpressionBuilder
---@param condition any
---@return table
local function finish(params, builder, condition)
  if condition ~= nil then
    params.ConditionExpression = builder:condition(condition)
    params.ReturnValuesOnConditionCheckFailure = "ALL_OLD"
  end
  builder:finish(params)
  return params
end

--- The key without a version, and the version: of the options, else of the key.
---@param target dynamodb.Table
---@param given any
---@param options table
---@return table key
---@return any version
local function read_key(target, given, options)
  local version = options.version
  if target.version then
    local found
    given, found = versions.strip(target.version, given)
    if version == nil then version = found end
  elseif version ~= nil then
    usage.raise("the option version belongs to a table that was declared with one: db:table(name, { version = … })")
  end
  key.check(given, target.schema, target.client.limits)
  return given, version
end

---@param target dynamodb.Table
---@param item any
---@param options table    where, names, values
---@param at string?       the time of its stamps; now
---@return dynamodb.Write
function write.put(target, item, options, at)
  key.check_item(item, target.schema, target.client.limits)
  local stamped = stamps.put(target, item, at)
  local params, condition, applied = { TableName = target.name, Item = stamped }, options.where, nothing
  if target.version then
    local next_version
    params.Item, condition, next_version = versions.put(target.version, stamped, condition)
    applied = moves(item, target.version, next_version)
  end
  finish(params, builder_for(target, options), condition)
  return { params = params, safe = true, applied = applied }
end

---@param target dynamodb.Table    whose keys are known
---@param item any
---@param at string?       the time of its stamps; now
---@return dynamodb.Write
function write.create(target, item, at)
  key.check_item(item, target.schema, target.client.limits)
  local stamped = stamps.create(target, item, at)
  local params, applied = { TableName = target.name, Item = stamped }, nothing
  if target.version then
    local next_version
    params.Item, next_version = versions.create(target.version, stamped)
    applied = moves(item, target.version, next_version)
  end
  finish(params, builder_for(target, {}), expr.missing(target.schema.partition))
  return { params = params, safe = true, applied = applied }
end

---@param target dynamodb.Table
---@param given any        the key
---@param changes any
---@param options table    where, names, values, version
---@param at string?       the time of its stamps; now
---@return dynamodb.Write
function write.update(target, given, changes, options, at)
  local item_key, version = read_key(target, given, options)
  update.refuse_empty(changes) -- here, since stamps and versions would make something of nothing
  changes = stamps.update(target, changes, at)
  local condition, current, next_version = options.where, nil, nil
  if target.version then
    condition, current = versions.condition(target.version, version, condition, "update")
    changes, next_version = versions.update(target.version, changes, current)
  end
  local builder = builder_for(target, options)
  local text, safe = builder:update(changes, item_key, stamps.beside(target, at))
  local params = finish({ TableName = target.name, Key = item_key, UpdateExpression = text }, builder, condition)
  -- Under a version that it moves on, even an ADD cannot be applied twice.
  local has_version = given[target.version] ~= nil
  return {
    params = params,
    safe = safe or current ~= nil,
    was_applied = next_version and versions.was_updated or nil,
    applied = has_version and moves(given, target.version, next_version) or nothing,
  }
end

---@param target dynamodb.Table
---@param given any
---@param options table    where, names, values, version
---@return dynamodb.Write
function write.delete(target, given, options)
  local item_key, version = read_key(target, given, options)
  local condition = options.where
  if target.version then condition = versions.condition(target.version, version, condition, "delete") end
  local builder = builder_for(target, options)
  local params = finish({ TableName = target.name, Key = item_key }, builder, condition)
  return { params = params, safe = true, applied = nothing }
end

--- A condition alone: only in a transaction.
---@param target dynamodb.Table
---@param given any
---@param options table    where, names, values, version
---@return dynamodb.Write
function write.check(target, given, options)
  local item_key, version = read_key(target, given, options)
  local condition = options.where
  if target.version then condition = versions.condition(target.version, version, condition, "check") end
  if condition == nil then usage.raise("check needs a condition") end
  local builder = builder_for(target, options)
  local params = finish({ TableName = target.name, Key = item_key }, builder, condition)
  return { params = params, safe = true, applied = nothing }
end

return write
