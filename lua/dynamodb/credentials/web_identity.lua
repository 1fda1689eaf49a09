--- Credentials of a role for a token that another identity provider gave: IAM roles for service accounts in EKS.
local failure = require "dynamodb.credentials.failure"
local files = require "dynamodb.config.files"
local sts = require "dynamodb.credentials.sts"

local web_identity_methods = {}
local web_identity_mt = { __name = "dynamodb.credentials.web_identity", __index = web_identity_methods }

---@param context dynamodb.credentials.Context
---@param settings table    token_file, role_arn, session_name (each may be nil), place
---@return table provider
local function new(context, settings)
  return setmetatable({ context = context, settings = settings, place = settings.place }, web_identity_mt)
end

--- The provider that the environment asks for.
---@param context dynamodb.credentials.Context
---@return table provider
local function from_environment(context)
  local environment = context.environment
  return new(context, {
    token_file = environment.AWS_WEB_IDENTITY_TOKEN_FILE,
    role_arn = environment.AWS_ROLE_ARN,
    session_name = environment.AWS_ROLE_SESSION_NAME,
    place = "a web identity token (AWS_WEB_IDENTITY_TOKEN_FILE)",
  })
end

--- Exchanges the token, which is read each time: it is replaced long before it expires.
---@param runtime table
---@param deadline number?
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function web_identity_methods:get(runtime, deadline)
  local settings = self.settings
  if not settings.token_file then return nil end
  if not settings.role_arn then
    return failure(("%s: `web_identity_token_file` was specified but `role_arn` was missing"):format(self.place))
  end
  local token, message = files.read(files.expand(self.context.environment, settings.token_file))
  if not token then return failure(("%s: %s"):format(self.place, message)) end
  token = token:gsub("%s+$", "")
  if token == "" then return failure(("%s: the file %s is empty"):format(self.place, settings.token_file)) end
  return sts.call(self.context, runtime, {
    operation = "AssumeRoleWithWebIdentity",
    parameters = {
      { "RoleArn", settings.role_arn },
      { "RoleSessionName", settings.session_name or sts.session_name(runtime) },
      { "WebIdentityToken", token },
    },
    secrets = { token },
    source = ("%s for the role %s"):format(self.place, settings.role_arn),
  }, deadline)
end

return { new = new, from_environment = from_environment }
