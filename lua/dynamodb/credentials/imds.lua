--- Credentials of an EC2 instance's role, from its metadata service (version 2 only).
--- Source: AWS SDKs and Tools Reference Guide, "IMDS credential provider".
local document = require "dynamodb.credentials.document"
local failure = require "dynamodb.credentials.failure"
local http = require "dynamodb.credentials.http"
local url = require "dynamodb.url"

local imds_methods = { place = "EC2 instance metadata" }
local imds_mt = { __name = "dynamodb.credentials.imds", __index = imds_methods }

local ENDPOINTS = { ipv4 = "http://169.254.169.254", ipv6 = "http://[fd00:ec2::254]" }
local TOKEN_LIFE = 21600 -- seconds
local TOKEN_EARLY = 120  -- seconds before its end that another one is fetched
local EXTENDED = "latest/meta-data/iam/security-credentials-extended/" -- tells the account, where there is such a thing
local PLAIN = "latest/meta-data/iam/security-credentials/"

local NAMES = {
  key = "AccessKeyId", secret = "SecretAccessKey", token = "Token", account = "AccountId", expires = "Expiration",
}

---@param context dynamodb.credentials.Context
---@param is_required boolean?    somebody asks for it by name: that there is nothing is an error
---@return table provider
local function new(context, is_required)
  return setmetatable({ context = context, is_required = is_required }, imds_mt)
end

--- The service's URL.
---@param context dynamodb.credentials.Context
---@return dynamodb.Url?
---@return string? message
local function base_of(context)
  local given = context.setting "ec2_metadata_service_endpoint"
  if given then
    local base, message = url.parse(given.value)
    return base, message and ("the URL of %s %s"):format(given.source, message)
  end
  local mode = context.setting "ec2_metadata_service_endpoint_mode"
  local endpoint = ENDPOINTS[mode and mode.value:lower() or "ipv4"]
  if not endpoint then return nil, ("`%s` is not a valid endpoint mode (from %s)"):format(mode.value, mode.source) end
  return url.parse(endpoint)
end

--- One request, without a token.
---@return dynamodb.Response?
---@return dynamodb.Error?
local function send(self, runtime, method, path, headers, deadline)
  local timeout = self.context.setting "metadata_service_timeout"
  local attempts = self.context.setting "metadata_service_num_attempts"
  return http.send(runtime, {
    method = method, url = self.base, path = self.base.path .. path, headers = headers, is_direct = true,
    timeout = timeout and timeout.value or 1, attempts = attempts and attempts.value or 3,
  }, deadline)
end

--- A session token, kept as long as it lives.
---@return string? token
---@return dynamodb.Error?
local function token_for(self, runtime, deadline)
  if self.token and runtime:now() < self.token_until then return self.token end
  local answer, err = send(self, runtime, "PUT", "latest/api/token",
    { { "x-aws-ec2-metadata-token-ttl-seconds", tostring(TOKEN_LIFE) } }, deadline)
  if not answer then return nil, err end
  if answer.status == 403 then return failure("request forbidden: IMDS is disabled", { status = 403 }) end
  local token = answer.body
  if answer.status ~= 200 or not token:find("^[!-~]+$") then
    return failure("no session token: HTTP " .. answer.status, { status = answer.status })
  end
  self.token, self.token_until = token, runtime:now() + TOKEN_LIFE - TOKEN_EARLY
  return token
end

--- Reads a path; with another token if this one is not taken.
---@return dynamodb.Response?
---@return dynamodb.Error?
local function read(self, runtime, path, deadline)
  for _ = 1, 2 do
    local token, err = token_for(self, runtime, deadline)
    if not token then return nil, err end
    local answer
    answer, err = send(self, runtime, "GET", path, { { "x-aws-ec2-metadata-token", token } }, deadline)
    if not answer or answer.status ~= 401 then return answer, err end
    self.token = nil
  end
  return failure("the session token is not accepted", { status = 401 })
end

--- The name of the instance's role: configured, or the one that is listed.
---@return string? role    nil alone if the instance has none
---@return dynamodb.Error?
local function role_of(self, runtime, deadline)
  local configured = self.context.setting "ec2_instance_profile_name"
  local properties = self.context.profile.properties
  if not configured and properties and properties.ec2_instance_profile_name then
    return failure("EC2 instance metadata: ec2_instance_profile_name is blank")
  end
  if configured then return configured.value end
  if self.role then return self.role end
  for _, path in ipairs { EXTENDED, PLAIN } do
    if path ~= self.unknown_path then
      local answer, err = read(self, runtime, path, deadline)
      if not answer then return nil, err end
      local role = answer.status == 200 and answer.body:match("^%s*([^\r\n]-)%s*$")
      if role == "" then return nil end
      if role then
        self.role, self.path = role, path
        return role
      end
      if answer.status ~= 404 then return failure("no list of roles: HTTP " .. answer.status) end
      if path == EXTENDED then self.unknown_path = EXTENDED end
    end
  end
end

--- A role's name in a path. What such a name may have beside letters and digits is left as it is: so all SDKs send it.
---@param role string
---@return string
local function escaped(role)
  return (role:gsub("[^+=,@]+", http.escape))
end

--- The document with the credentials.
---@return dynamodb.Response?    nil alone if the instance has no role
---@return dynamodb.Error?
local function fetch(self, runtime, deadline)
  for round = 1, 3 do
    local role, err = role_of(self, runtime, deadline)
    if not role then return nil, err end
    for _, path in ipairs(self.path and { self.path } or { EXTENDED, PLAIN }) do
      local answer
      answer, err = read(self, runtime, path .. escaped(role), deadline)
      if not answer or answer.status ~= 404 then return answer, err end
    end
    -- The instance has another role now; or, the second time, it is told elsewhere.
    if round == 2 then self.unknown_path = EXTENDED end
    self.role, self.path = nil, nil
  end
end

---@return dynamodb.Credentials?
---@return string? message
local function credentials_of(answer)
  if answer.status ~= 200 then return nil, "HTTP " .. answer.status end
  local given = http.document(answer)
  if not given then return nil, "not a JSON object" end
  if given.Code ~= nil and given.Code ~= "Success" then
    return nil, ("Code %s"):format(document.text(given, "Code") or "unknown")
  end
  return document.credentials(given, NAMES, "EC2 instance metadata")
end

--- Where there is no such service, as on most machines, there are no credentials; but once it has given some, that it
--- does not is a failure.
local function missing(self, reason)
  if self.is_required or self.has_given then return failure(("EC2 instance metadata: %s"):format(reason)) end
  self.place = ("EC2 instance metadata (%s)"):format(reason)
end

---@param runtime table
---@param deadline number?
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function imds_methods:get(runtime, deadline)
  local context = self.context
  local disabled = context.setting "disable_ec2_metadata"
  if disabled and disabled.value then return missing(self, "switched off by " .. disabled.source) end
  local message
  if not self.base then self.base, message = base_of(context) end
  if message then return failure("EC2 instance metadata: " .. message) end
  local answer, err = fetch(self, runtime, deadline)
  if err then
    if http.is_late(err, runtime, deadline) then return nil, err end
    return missing(self, ("%s: %s"):format(err.code, err.message))
  end
  if not answer then return missing(self, "the credential provider was not enabled: the instance has no role") end
  local credentials
  credentials, message = credentials_of(answer)
  if not credentials then return missing(self, "no credentials: " .. message) end
  self.has_given = true
  return credentials
end

return { new = new }
