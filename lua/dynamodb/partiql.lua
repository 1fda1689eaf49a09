--- PartiQL, DynamoDB's dialect of SQL: statements one at a time, in batches, and as transactions.
local batch = require "dynamodb.partiql.batch"
local errors = require "dynamodb.error"
local option_rules = require "dynamodb.options"
local results = require "dynamodb.partiql.results"
local statement = require "dynamodb.partiql.statement"
local usage = require "dynamodb.usage"
local write = require "dynamodb.write"

local partiql = {}

local set_of = write.set_of

local READING = set_of("limit", "page_size", "consistent", "capacity", "timeout", "deadline", "retry_ambiguous")
local WRITING = set_of("capacity", "timeout", "deadline", "retry_ambiguous")
local TRANSACTION = set_of("token", "capacity", "timeout", "deadline")

local MOST = 100 -- statements of a transaction. Source: "Performing transactions with PartiQL", Developer Guide

--- As `db:execute`.
---@param client dynamodb.Client
---@param text string
---@param parameters any[]?
---@param options table?
---@return dynamodb.StatementResults|table[]|true|nil
---@return dynamodb.Error?
---@return dynamodb.Meta?
function partiql.execute(client, text, parameters, options)
  local made = statement.new(text, parameters, client)
  if made.kind == "read" then
    options = option_rules.check(options, READING, "execute")
    option_rules.check_counts(options, { "limit", "page_size" })
    return results.new(client, made, options)
  end
  options = option_rules.check(options, WRITING, "execute (of a write)")
  local params = statement.members(made)
  params.ReturnConsumedCapacity = option_rules.capacity(client, options)
  local answer, err, meta = client:perform("ExecuteStatement", params, options)
  if not answer then return nil, err end
  if made.returning then return answer.Items or {}, nil, meta end
  return true, nil, meta
end

--- As `db:execute_batch`.
---@param client dynamodb.Client
---@param list table[]
---@param options table?
---@return dynamodb.StatementReport?
---@return dynamodb.Error?
function partiql.execute_batch(client, list, options)
  return batch.run(client, list, options)
end

--- The items of a reading transaction, in its order.
---@param answer table
---@param count integer
---@param meta dynamodb.Meta
---@return table[]?
---@return dynamodb.Error?
local function items_of(answer, count, meta)
  local responses = answer.Responses
  if type(responses) ~= "table" or #responses ~= count then
    return nil, errors.new {
      code = "ResponseError", operation = "ExecuteTransaction", sent = true, attempts = meta.attempts,
      request_id = meta.request_id, message = "the answer does not have one response for each statement",
    }
  end
  local items = {}
  for i = 1, count do items[i] = responses[i].Item or false end
  return items
end

--- As `db:execute_transaction`.
---@param client dynamodb.Client
---@param list table[]
---@param options table?
---@return table[]|true|nil
---@return dynamodb.Error?
---@return dynamodb.Meta?
function partiql.execute_transaction(client, list, options)
  options = option_rules.check(options, TRANSACTION, "execute_transaction")
  if options.token ~= nil then option_rules.check_token(options.token, "token") end
  local statements = statement.list(list, client, "execute_transaction")
  local count = #statements
  if count == 0 then return {}, nil, { attempts = 0, waited = 0 } end
  if client.limits and count > MOST then
    usage.raise(("execute_transaction: there are %d statements; a transaction has at most %d"):format(count, MOST))
  end
  local params = {
    TransactStatements = {},
    ClientRequestToken = options.token,
    ReturnConsumedCapacity = option_rules.capacity(client, options),
  }
  for i, made in ipairs(statements) do params.TransactStatements[i] = statement.members(made) end
  local answer, err, meta = client:perform("ExecuteTransaction", params, options)
  if not answer then
    for i, reason in ipairs(err.reasons or {}) do reason.statement = statements[i] and statements[i].text end
    return nil, err
  end
  if statements.kind ~= "read" then return true, nil, meta end
  local items
  items, err = items_of(answer, count, meta)
  if not items then return nil, err end
  return items, nil, meta
end

return partiql
