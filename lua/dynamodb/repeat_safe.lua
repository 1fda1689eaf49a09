--- May a request be sent again when it is unknown whether it was applied?
local statements = require "dynamodb.lazy" "dynamodb.partiql.statement"

local repeat_safe = {}

--- Is this PartiQL statement a reading one?
local function is_select(statement)
  return type(statement) == "string" and statements.kind(statement) == "read"
end

--- Does its success depend on what is there? Then the first application may be why a second one fails.
---@param params table    of PutItem, DeleteItem or UpdateItem
---@return boolean
function repeat_safe.is_conditional(params)
  return params.ConditionExpression ~= nil or params.Expected ~= nil
end

--- Does it return old values? The second application would return those of the first.
local function returns_old(params)
  local returns = params.ReturnValues
  return type(returns) == "string" and returns:find("_OLD$") ~= nil
end

--- May a write whose change is the same when it is applied twice be sent again? By the transport only if its answer is
--- the same, too; by the retry policy also under a condition, since it knows that there was a first time and can say so
--- when the condition fails.
---@param params table    of PutItem, DeleteItem or UpdateItem
---@return boolean by_transport
---@return boolean by_policy
function repeat_safe.same_change(params)
  local same_answer = not returns_old(params)
  return same_answer and not repeat_safe.is_conditional(params), same_answer
end

-- Operations with a rule of their own; all others are repeatable: batches of puts and deletes, what carries a token,
-- and the control plane, which answers "exists already" or "in use".
local RULES = {
  PutItem = repeat_safe.same_change,
  DeleteItem = repeat_safe.same_change,
  UpdateItem = function() return false, false end, -- not built by us: it may add, append or copy
  CreateBackup = function() return false, false end, -- names of backups need not be unique
  ExecuteStatement = function(params)
    local reads = is_select(params.Statement)
    return reads, reads
  end,
  BatchExecuteStatement = function(params)
    for _, statement in ipairs(type(params.Statements) == "table" and params.Statements or {}) do
      if type(statement) ~= "table" or not is_select(statement.Statement) then return false, false end
    end
    return true, true
  end,
}

--- Does the operation change nothing?
---@param operation string
---@param spec table?         of the model; nil for an operation that it does not know
---@param params table
---@return boolean
function repeat_safe.is_read(operation, spec, params)
  if spec then
    if spec.read then return true end
    return (operation == "ExecuteStatement" or operation == "BatchExecuteStatement") and (RULES[operation](params))
  end
  for _, verb in ipairs { "Describe", "List", "Get", "BatchGet", "Query", "Scan", "Search" } do
    if operation:sub(1, #verb) == verb then return true end
  end
  return false
end

--- Decides for one call.
---@param operation string
---@param spec table?
---@param params table
---@return boolean by_transport    may its bytes be sent again without anybody knowing?
---@return boolean by_policy       may it be tried again, loudly?
function repeat_safe.decide(operation, spec, params)
  if repeat_safe.is_read(operation, spec, params) then return true, true end
  if not spec then return false, false end
  local rule = RULES[operation]
  if rule then return rule(params) end
  return true, true
end

return repeat_safe
