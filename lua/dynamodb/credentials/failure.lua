--- Why there are no credentials, as the one kind of error.
local errors = require "dynamodb.error"

--- No credentials, and why.
---@param message string          without a secret in it
---@param options table?          is_final, status; secrets: a list of texts that must not show
---@return nil
---@return dynamodb.Error
local function failure(message, options)
  options = options or {}
  local err = errors.new {
    code = "CredentialsError", message = message, sent = false, retryable = false,
    status = options.status, is_final = options.is_final,
  }
  for _, secret in ipairs(options.secrets or {}) do errors.redact(err, { session_token = secret }) end
  return nil, err
end

return failure
