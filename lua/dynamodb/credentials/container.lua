--- Credentials of a container: ECS tasks, EKS Pod Identity, and whatever else speaks their protocol.
--- Source: AWS SDKs and Tools Reference Guide, "Container credential provider".
local document = require "dynamodb.credentials.document"
local failure = require "dynamodb.credentials.failure"
local files = require "dynamodb.config.files"
local http = require "dynamodb.credentials.http"
local url = require "dynamodb.url"

local container_methods = {
  place = "the container (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI)",
}
local container_mt = { __name = "dynamodb.credentials.container", __index = container_methods }

local ECS = "http://169.254.170.2"
local TIMEOUT = 2 -- seconds for one attempt

-- Hosts of ECS and EKS, which may be spoken to without TLS.
local ALLOWED = { ["169.254.170.2"] = true, ["169.254.170.23"] = true, ["fd00:ec2:0:0:0:0:0:23"] = true }

local NAMES = {
  key = "AccessKeyId", secret = "SecretAccessKey", token = "Token", account = "AccountId", expires = "Expiration",
}

---@param context dynamodb.credentials.Context
---@return table provider
local function new(context)
  return setmetatable({ environment = context.environment }, container_mt)
end

--- Where to ask.
---@param environment table<string, string>
---@return dynamodb.Url? target    nil alone if nothing is configured
---@return string? message
local function target_of(environment)
  local relative, full = environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI,
    environment.AWS_CONTAINER_CREDENTIALS_FULL_URI
  if relative then
    if relative:sub(1, 1) ~= "/" then return nil, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with /" end
    local target, message = url.parse(ECS .. relative, true)
    return target, message and "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI " .. message
  end
  if not full then return nil end
  local target, message = url.parse(full, true)
  if not target then return nil, "AWS_CONTAINER_CREDENTIALS_FULL_URI " .. message end
  if target.scheme == "https" or url.is_loopback(target.host) or ALLOWED[url.address(target.host) or ""] then
    return target
  end
  return nil, ("AWS_CONTAINER_CREDENTIALS_FULL_URI: the host %s is not allowed without https: only a loopback "
    .. "address, 169.254.170.2, 169.254.170.23 and fd00:ec2::23 are"):format(target.host)
end

--- What the request is authorised with, read each time.
---@param environment table<string, string>
---@return string? token
---@return string? message
local function authorization(environment)
  local path, token = environment.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, environment.AWS_CONTAINER_AUTHORIZATION_TOKEN
  if path then
    local text, message = files.read(path)
    if not text then return nil, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: " .. message end
    token = text:gsub("[\r\n]+$", "")
  end
  if token and token:find("[%z\1-\8\10-\31\127]") then
    return nil, "the authorization token has a line break or another control character"
  end
  return token
end

---@param runtime table
---@param deadline number?
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function container_methods:get(runtime, deadline)
  local target, message = target_of(self.environment)
  if message then return failure(message) end
  if not target then return nil end
  local token
  token, message = authorization(self.environment)
  if message then return failure(message) end
  local headers = { { "Accept", "application/json" } }
  if token then headers[2] = { "Authorization", token } end
  local place = ("the container's endpoint %s"):format(target.authority)
  local answer, err = http.send(runtime,
    { method = "GET", url = target, headers = headers, timeout = TIMEOUT, is_direct = true }, deadline)
  if not answer then
    if http.is_late(err, runtime, deadline) then return nil, err end
    return failure(("%s: %s: %s"):format(place, err.code, err.message))
  end
  local given = http.document(answer) or {}
  if answer.status ~= 200 then
    return failure(("%s answered HTTP %d%s"):format(place, answer.status,
      document.text(given, "message") and ", " .. given.message or ""), { status = answer.status, secrets = { token } })
  end
  local credentials
  credentials, message = document.credentials(given, NAMES, place)
  if not credentials then return failure(("%s gave an answer that cannot be used: %s"):format(place, message)) end
  return credentials
end

return { new = new }
