--- Credentials from the AWS_* environment, as it was at connect.
--- Source: AWS SDKs and Tools Reference Guide, "AWS access keys"; AWS_SECURITY_TOKEN is the old name of the token.
local failure = require "dynamodb.credentials.failure"
local static = require "dynamodb.credentials.static"
local time = require "dynamodb.time"

local environment_methods = {
  place = "the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)",
  is_fixed = true,
}
local environment_mt = { __name = "dynamodb.credentials.environment", __index = environment_methods }

---@param environment table<string, string>    a snapshot
---@return table provider
local function new(environment)
  return setmetatable({ environment = environment }, environment_mt)
end

--- The credentials; nil alone if the environment has none; nil and an error if it has half of them.
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function environment_methods:get()
  if self.credentials then return self.credentials end
  local environment = self.environment
  local key, secret = environment.AWS_ACCESS_KEY_ID, environment.AWS_SECRET_ACCESS_KEY
  if not key and not secret then return nil end
  local given = {
    access_key_id = key,
    secret_access_key = secret,
    session_token = environment.AWS_SESSION_TOKEN or environment.AWS_SECURITY_TOKEN,
    account_id = environment.AWS_ACCOUNT_ID,
  }
  local message, expiration = static.problem(given), environment.AWS_CREDENTIAL_EXPIRATION
  if expiration then
    given.expires = time.parse(expiration)
    if not given.expires then message = message or "AWS_CREDENTIAL_EXPIRATION is not a point in time" end
  end
  if message then return failure("the environment's AWS credentials: " .. message) end
  self.credentials = static.copy(given, "the environment")
  return self.credentials
end

return { new = new }
