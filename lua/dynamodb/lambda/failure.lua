--- What a client of HTTP is told of a failure: a status and few words. What it must not know goes to the log.
local errors = require "dynamodb.error"
local response = require "dynamodb.lambda.response"

local failure = {}

local INTERNAL = { status = 500, message = "Internal server error" }
local BUSY = { status = 503, message = "Try again later", retry_after = 1 }
local CONFLICT = { status = 409, message = "Conflict" }
local BAD = { status = 400, message = "Bad request" }

-- By the code without its ending.
local BY_CODE = {
  ConditionalCheckFailed = CONFLICT,
  TransactionConflict = CONFLICT,
  DuplicateItem = CONFLICT,
  Validation = BAD,
  ValidationError = BAD,
  InvalidCursor = { status = 400, message = "The cursor is not valid" },
  IdempotencyInProgress = { status = 409, message = "The same request is under way", retry_after = 1 },
  IdempotencyMismatch = { status = 422, message = "The idempotency key was used for another request" },
  IdempotencyResultMissing = { status = 409, message = "The request was carried out, but its response was not kept" },
  IdempotencyKeyMissing = { status = 400, message = "The request has no idempotency key" },
}

-- Of a transaction's reasons the first one of these decides: it is no use to try again as long as a condition fails.
local REASONS = { "ConditionalCheckFailed", "ValidationError", "DuplicateItem", "TransactionConflict" }

---@param err dynamodb.Error
---@return table
local function of_transaction(err)
  local codes = {}
  for _, reason in ipairs(err.reasons or {}) do codes[reason.code] = true end
  for _, code in ipairs(REASONS) do
    if codes[code] then return BY_CODE[code] end
  end
  return err.retryable and BUSY or INTERNAL
end

--- How a failure is told.
---@param err any
---@return table    status, message, retry_after (seconds)
local function verdict_on(err)
  if not errors.is_error(err) then return INTERNAL end
  if err.expose then return err end
  if err.ambiguous then return INTERNAL end -- "failed" would be a lie, and so would be "try again"
  if err:is "TransactionCanceled" then return of_transaction(err) end
  local known = BY_CODE[(err.code:gsub("Exception$", ""))]
  if known then return known end
  return err.retryable and BUSY or INTERNAL
end

--- The response for a failure, and whether it belongs into the log.
---@param err any
---@param request_id string?
---@return dynamodb.HttpResponse
---@return boolean is_ours    not the client's fault
function failure.response(err, request_id)
  local verdict = verdict_on(err)
  local made = response.json(verdict.status, { error = verdict.message, requestId = request_id })
  if verdict.retry_after then made.headers["retry-after"] = ("%d"):format(math.ceil(verdict.retry_after)) end
  return made, verdict.status >= 500
end

return failure
