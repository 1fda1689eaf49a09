--- May a request be sent again when it is unknown whether it was applied?
local repeat_safe = {}

--- Is this PartiQL statement a reading one?
local function is_select(statement)
  return type(statement) == "string" and statement:find("^%s*[sS][eE][lL][eE][cC][tT]%f[^%w_]") ~= nil
end

--- Would a second application answer as the first? Not with a condition (the first may be why it fails) nor with old
--- values (they would be the first one's).
---@param params table    of PutItem, DeleteItem or UpdateItem
---@return boolean
function repeat_safe.is_plain(params)
  local returns = params.ReturnValues
  return params.ConditionExpression == nil and params.Expected == nil
    and not (type(returns) == "string" and returns:find("_OLD$"))
end

-- Operations with a rule of their own; all others are repeatable: batches of puts and deletes, what carries a token,
-- and the control plane, which answers "exists already" or "in use".
local RULES = {
  PutItem = repeat_safe.is_plain,
  DeleteItem = repeat_safe.is_plain,
  UpdateItem = function() return false end, -- not built by us: it may add, append or copy
  ExecuteStatement = function(params) return is_select(params.Statement) end,
  BatchExecuteStatement = function(params)
    for _, statement in ipairs(type(params.Statements) == "table" and params.Statements or {}) do
      if type(statement) ~= "table" or not is_select(statement.Statement) then return false end
    end
    return true
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
    return (operation == "ExecuteStatement" or operation == "BatchExecuteStatement") and RULES[operation](params)
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
---@return boolean
function repeat_safe.decide(operation, spec, params)
  if repeat_safe.is_read(operation, spec, params) then return true end
  if not spec then return false end
  local rule = RULES[operation]
  return rule == nil or rule(params)
end

local UNANSWERED = { Timeout = true, ConnectionError = true, DeadlineExceeded = true, ResponseError = true }

--- Is it unknown whether the request behind this failure was applied? Only what was sent can have been.
---@param err dynamodb.Error
---@return boolean
function repeat_safe.is_ambiguous(err)
  if not err.sent then return false end
  return UNANSWERED[err.code] == true or (err.status ~= nil and err.status >= 500)
end

return repeat_safe
