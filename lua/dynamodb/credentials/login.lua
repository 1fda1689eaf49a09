--- Credentials of `aws login`: of the file that it leaves, refreshed with a proof that the file's key is ours.
--- Source: AWS SDKs and Tools Reference Guide, "Login credential provider"; Signin CreateOAuth2Token; RFC 9449 (DPoP).
local core = require "dynamodb.core"
local document = require "dynamodb.credentials.document"
local failure = require "dynamodb.credentials.failure"
local files = require "dynamodb.config.files"
local http = require "dynamodb.credentials.http"
local service = require "dynamodb.credentials.service"
local token_file = require "dynamodb.credentials.token_file"

local login_methods = {}
local login_mt = { __name = "dynamodb.credentials.login", __index = login_methods }

local REFRESH_WINDOW = 5 * 60 -- seconds before the end

local NAMES = {
  key = "accessKeyId", secret = "secretAccessKey", token = "sessionToken", account = "accountId",
  expires = "expiresAt",
}

-- Refusals that only another login helps against.
local FINAL = { TOKEN_EXPIRED = true, USER_CREDENTIALS_CHANGED = true, INSUFFICIENT_PERMISSIONS = true }

---@param context dynamodb.credentials.Context
---@param settings table    session (an ARN), profile, place
---@return table provider
local function new(context, settings)
  local environment, name = context.environment, core.sha256(settings.session) .. ".json"
  local directory = environment.AWS_LOGIN_CACHE_DIRECTORY
  return setmetatable({
    context = context, settings = settings, place = settings.place,
    path = directory and files.expand(environment, directory):gsub("/*$", "/") .. name
      or files.aws_path(environment, "login", "cache", name),
  }, login_mt)
end

--- Somebody has to log in.
local function logged_out(self, reason, options)
  options = options or {}
  options.is_final = true
  return failure(("%s: %s; run aws login --profile %s"):format(self.place, reason, self.settings.profile), options)
end

---@param bytes string
---@return string    base64url without padding
local function base64url(bytes)
  return (core.base64(bytes):gsub("=", ""):gsub("+", "-"):gsub("/", "_"))
end

--- A proof for one request.
---@param pem string        the private key
---@param target string     the request's URL
---@param time number
---@return string? jwt
---@return string? message
local function proof(pem, target, time)
  local _, x, y = core.es256(pem, "")
  if not y then return nil, x end
  -- Members in a fixed order, by hand: the texts are plain.
  local head = ('{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","x":"%s","y":"%s","crv":"P-256"}}')
    :format(base64url(x), base64url(y))
  local claims = ('{"jti":"%s","htm":"POST","htu":"%s","iat":%d}'):format(core.uuid(), target, math.floor(time))
  local text = base64url(head) .. "." .. base64url(claims)
  return text .. "." .. base64url((core.es256(pem, text)))
end

--- Asks for others and leaves them in the file.
---@return table? token
---@return dynamodb.Error?
local function refresh(self, runtime, token, deadline)
  for _, name in ipairs { "clientId", "refreshToken", "dpopKey" } do
    if not document.text(token, name) then return logged_out(self, ("%s lacks %s"):format(self.path, name)) end
  end
  local region = self.context.region and self.context.region.value
  local url, message = service.url(self.context, "signin", region)
  if not url then return failure(("%s: %s"):format(self.place, message)) end
  local path = url.path .. "v1/token"
  local jwt
  jwt, message = proof(token.dpopKey, ("%s://%s%s"):format(url.scheme, url.authority, path), runtime:time())
  if not jwt then return logged_out(self, ("the key in %s: %s"):format(self.path, message)) end
  local answer, err = http.send(runtime, {
    method = "POST", url = url, path = path, attempts = 1, timeout = service.TIMEOUT, -- a proof holds for one request
    headers = { { "Content-Type", "application/json" }, { "DPoP", jwt } },
    body = core.json_encode {
      clientId = token.clientId, refreshToken = token.refreshToken, grantType = "refresh_token",
    },
  }, deadline)
  if not answer then
    if http.is_late(err, runtime, deadline) then return nil, err end
    return failure(("%s: %s: %s"):format(self.place, err.code, err.message))
  end
  local given = http.document(answer) or {}
  if answer.status ~= 200 then
    local reason = document.text(given, "error") or "no reason"
    local options = { secrets = { token.refreshToken, token.dpopKey }, status = answer.status }
    message = ("the login could not be refreshed: HTTP %d, %s"):format(answer.status, reason)
    if FINAL[reason] then return logged_out(self, message, options) end
    return failure(self.place .. ": " .. message, options)
  end
  local found
  found, message = document.credentials(given.accessToken, NAMES, self.place)
  if not found or type(given.expiresIn) ~= "number" then
    return failure(("%s: the answer of the refresh cannot be used: %s"):format(self.place,
      message or "expiresIn is missing"))
  end
  local old = type(token.accessToken) == "table" and token.accessToken or {}
  token.accessToken = {
    accessKeyId = found.access_key_id, secretAccessKey = found.secret_access_key, sessionToken = found.session_token,
    accountId = document.text(old, "accountId"), expiresAt = document.text_of_time(runtime:time() + given.expiresIn),
  }
  token.refreshToken = document.text(given, "refreshToken") or token.refreshToken
  token.idToken = document.text(given, "idToken") or token.idToken
  token_file.write(self.path, token)
  return token
end

---@param runtime table
---@param deadline number?
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function login_methods:get(runtime, deadline)
  if not self.path then return failure(self.place .. ": HOME is not set, so there is no login") end
  local token, message = token_file.read(self.path)
  if not token then return logged_out(self, message) end
  local found
  found, message = document.credentials(token.accessToken, NAMES, self.place)
  if not found then return logged_out(self, ("%s: %s"):format(self.path, message)) end
  if found.expires and found.expires - runtime:time() > REFRESH_WINDOW then return found end
  local fresh, err = refresh(self, runtime, token, deadline)
  if not fresh then return nil, err end
  return document.credentials(fresh.accessToken, NAMES, self.place)
end

return { new = new }
