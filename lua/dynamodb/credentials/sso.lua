--- Credentials of IAM Identity Center, for the token that `aws sso login` has left, which is refreshed if it can be.
--- Source: AWS SDKs and Tools Reference Guide, "IAM Identity Center credential provider"; SSO OIDC CreateToken; SSO
--- GetRoleCredentials.
local core = require "dynamodb.core"
local document = require "dynamodb.credentials.document"
local failure = require "dynamodb.credentials.failure"
local files = require "dynamodb.config.files"
local http = require "dynamodb.credentials.http"
local service = require "dynamodb.credentials.service"
local token_file = require "dynamodb.credentials.token_file"

local sso_methods = {}
local sso_mt = { __name = "dynamodb.credentials.sso", __index = sso_methods }

local REFRESH_WINDOW = 15 * 60 -- seconds before the token's end
local REFRESH_PAUSE = 30       -- seconds between two attempts to refresh it

local NAMES = {
  key = "accessKeyId", secret = "secretAccessKey", token = "sessionToken", expires = "expiration",
}

---@class dynamodb.credentials.SsoSettings
---@field place string
---@field profile string
---@field session string?        name of an [sso-session]; without one the token is not refreshed
---@field start_url string
---@field region string
---@field account_id string
---@field role_name string

---@param context dynamodb.credentials.Context
---@param settings dynamodb.credentials.SsoSettings
---@return table provider
local function new(context, settings)
  local name = core.sha1(settings.session or settings.start_url) .. ".json"
  return setmetatable({
    context = context, settings = settings, place = settings.place,
    path = files.aws_path(context.environment, "sso", "cache", name),
  }, sso_mt)
end

--- Somebody has to log in.
local function logged_out(self, reason, options)
  options = options or {}
  options.is_final = true
  return failure(("%s: %s; run aws sso login --profile %s"):format(self.place, reason, self.settings.profile), options)
end

---@param token table
---@return boolean
local function is_refreshable(self, token, now)
  local registered_until = document.time(token.registrationExpiresAt)
  return self.settings.session ~= nil and document.text(token, "refreshToken") ~= nil
    and document.text(token, "clientId") ~= nil and document.text(token, "clientSecret") ~= nil
    and (not registered_until or registered_until > now)
end

--- Gets another token and leaves it in the file.
---@return table? token
---@return dynamodb.Error?
local function refresh(self, runtime, token, deadline)
  local url, message = service.url(self.context, "sso-oidc", self.settings.region)
  if not url then return failure(("%s: %s"):format(self.place, message)) end
  local answer, err = http.send(runtime, {
    method = "POST", url = url, path = url.path .. "token", timeout = service.TIMEOUT,
    headers = { { "Content-Type", "application/json" } },
    body = core.json_encode {
      clientId = token.clientId, clientSecret = token.clientSecret, grantType = "refresh_token",
      refreshToken = token.refreshToken,
    },
  }, deadline)
  if not answer then
    if http.is_late(err, runtime, deadline) then return nil, err end
    return failure(("%s: the SSO token could not be refreshed: %s: %s"):format(self.place, err.code, err.message))
  end
  local given = http.document(answer)
  if answer.status ~= 200 then
    local reason = given and document.text(given, "error") or "no reason"
    local secrets = { token.refreshToken, token.clientSecret, token.accessToken }
    message = ("the SSO token could not be refreshed: HTTP %d, %s"):format(answer.status, reason)
    if answer.status >= 500 then return failure(self.place .. ": " .. message, { secrets = secrets }) end
    return logged_out(self, message, { secrets = secrets, status = answer.status })
  end
  if not given or not document.text(given, "accessToken") or type(given.expiresIn) ~= "number" then
    return failure(self.place .. ": the answer to the refresh of the SSO token cannot be used")
  end
  token.accessToken, token.expiresAt = given.accessToken, document.text_of_time(runtime:time() + given.expiresIn)
  token.refreshToken = document.text(given, "refreshToken") or token.refreshToken
  token_file.write(self.path, token)
  return token
end

--- A token that is valid.
---@return string? token
---@return dynamodb.Error?
local function bearer(self, runtime, deadline)
  if not self.path then return failure(self.place .. ": HOME is not set, so there is no token file") end
  local token, message = token_file.read(self.path)
  if not token then return logged_out(self, message) end
  local now, expires = runtime:time(), document.time(token.expiresAt)
  if not document.text(token, "accessToken") or not expires then
    return logged_out(self, "the token file " .. self.path .. " lacks accessToken or expiresAt")
  end
  local may_ask = not self.asked_at or runtime:now() - self.asked_at >= REFRESH_PAUSE
  if expires - now > REFRESH_WINDOW then return token.accessToken end
  local can_ask, err = is_refreshable(self, token, now), nil
  if can_ask and may_ask then
    self.asked_at = runtime:now()
    local fresh
    fresh, err = refresh(self, runtime, token, deadline)
    if fresh then return fresh.accessToken end
    self.is_refused = err.is_final
  end
  if expires > now then return token.accessToken end
  if err then return nil, err end
  if can_ask and not self.is_refused then
    return failure(("%s: the SSO token has expired, and another one was asked for in vain less than %d s ago")
      :format(self.place, REFRESH_PAUSE))
  end
  return logged_out(self, "the SSO session has expired or is otherwise invalid")
end

---@param runtime table
---@param deadline number?
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function sso_methods:get(runtime, deadline)
  local settings = self.settings
  local token, err = bearer(self, runtime, deadline)
  if not token then return nil, err end
  if token:find("%c") then return failure(self.place .. ": the token has a control character") end
  local url, message = service.url(self.context, "sso", settings.region)
  if not url then return failure(("%s: %s"):format(self.place, message)) end
  local answer
  answer, err = http.send(runtime, {
    method = "GET", url = url, timeout = service.TIMEOUT,
    path = ("%sfederation/credentials?account_id=%s&role_name=%s"):format(url.path, http.escape(settings.account_id),
      http.escape(settings.role_name)),
    headers = { { "x-amz-sso_bearer_token", token } },
  }, deadline)
  if not answer then
    if http.is_late(err, runtime, deadline) then return nil, err end
    return failure(("%s: an error occurred while loading credentials: %s: %s"):format(self.place, err.code,
      err.message))
  end
  local given = http.document(answer) or {}
  local options = { secrets = { token }, status = answer.status }
  if answer.status == 401 then return logged_out(self, "the SSO token is not accepted", options) end
  if answer.status ~= 200 then
    return failure(("%s: an error occurred while loading credentials: HTTP %d%s"):format(self.place, answer.status,
      document.text(given, "message") and ", " .. given.message or ""), options)
  end
  local credentials
  credentials, message = document.credentials(given.roleCredentials, NAMES, self.place)
  if not credentials then
    return failure(("%s: the answer of SSO cannot be used: %s"):format(self.place, message))
  end
  credentials.account_id = settings.account_id
  return credentials
end

return { new = new }
