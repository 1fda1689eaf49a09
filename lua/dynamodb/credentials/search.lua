--- The search for credentials: the environment, a web identity token, the profile, the container, the instance; and the
--- ways that a profile tells.
---
--- A profile that assumes a role goes before a web identity token of the environment, and any other one behind it, as
--- the AWS CLI has it. A profile that the program itself chose goes before the environment, which is not asked then.
local lazy = require "dynamodb.lazy"
local assume_role = lazy "dynamodb.credentials.assume_role"
local cached = require "dynamodb.credentials.cached"
local chain = require "dynamodb.credentials.chain"
local container = require "dynamodb.credentials.container"
local environment = require "dynamodb.credentials.environment"
local failure = require "dynamodb.credentials.failure"
local imds = require "dynamodb.credentials.imds"
local login = lazy "dynamodb.credentials.login"
local process = lazy "dynamodb.credentials.process"
local profile = lazy "dynamodb.credentials.profile"
local sso = lazy "dynamodb.credentials.sso"
local static = require "dynamodb.credentials.static"
local web_identity = require "dynamodb.credentials.web_identity"

---@class dynamodb.credentials.Role
---@field place string
---@field arn string
---@field session_name string?
---@field external_id string?
---@field duration string?      seconds
---@field mfa_serial string?

---@param value string?
---@return string?
local function some(value) return value ~= "" and value or nil end

local builders = {}

function builders.static(step, place)
  local properties = step.properties
  local given = {
    access_key_id = properties.aws_access_key_id,
    secret_access_key = properties.aws_secret_access_key,
    session_token = some(properties.aws_session_token) or some(properties.aws_security_token), -- its old name
    account_id = some(properties.aws_account_id),
  }
  local message = static.problem(given)
  if message then return nil, ("%s: %s"):format(place, message) end
  return static.new(given, place)
end

function builders.source(step, _, context)
  local name = step.properties.credential_source
  if name == "Environment" then return environment.new(context.environment) end
  if name == "EcsContainer" then return container.new(context) end
  return imds.new(context, true)
end

function builders.web_identity(step, place, context)
  local properties = step.properties
  return web_identity.new(context, {
    token_file = properties.web_identity_token_file,
    role_arn = properties.role_arn,
    session_name = some(properties.role_session_name),
    place = place .. " (web_identity_token_file)",
  })
end

function builders.sso(step, place, context)
  local properties = step.properties
  if not some(properties.sso_account_id) then
    return nil, place .. ": selected profile will resolve an access token instead of credentials: sso_account_id and "
      .. "sso_role_name are missing"
  end
  return sso.new(context, {
    place = place .. " (SSO)",
    profile = step.profile,
    session = some(properties.sso_session),
    start_url = step.session.sso_start_url,
    region = step.session.sso_region,
    account_id = properties.sso_account_id,
    role_name = properties.sso_role_name,
  })
end

function builders.login(step, place, context)
  return login.new(context,
    { session = step.properties.login_session, profile = step.profile, place = place .. " (aws login)" })
end

function builders.process(step, place)
  return process.new {
    command = step.properties.credential_process,
    account_id = some(step.properties.aws_account_id),
    place = place .. " (credential_process)",
  }
end

function builders.role(step, place, context, source)
  local properties = step.properties
  local duration = some(properties.duration_seconds)
  if duration and (not duration:find("^%d+$") or tonumber(duration) < 900 or tonumber(duration) > 43200) then
    return nil, place .. ": duration_seconds is not a number from 900 to 43200"
  end
  return assume_role.new(context, {
    place = ("%s (role %s)"):format(place, properties.role_arn),
    arn = properties.role_arn,
    session_name = some(properties.role_session_name),
    external_id = some(properties.external_id),
    duration = duration,
    mfa_serial = some(properties.mfa_serial),
  }, source and cached.new(source))
end

--- The provider at the end of a profile's way.
---@param context dynamodb.credentials.Context
---@param steps dynamodb.credentials.Step[]
---@return table? provider
---@return string? message
local function build(context, steps)
  local provider, message
  for _, step in ipairs(steps) do
    provider, message = builders[step.kind](step, ("profile %q"):format(step.profile), context, provider)
    if not provider then return nil, message end
  end
  return provider
end

local profile_methods = {}
local profile_mt = { __name = "dynamodb.credentials.profile", __index = profile_methods }

--- The chosen profile as one of the places where credentials are searched.
---@param context dynamodb.credentials.Context
---@param only_roles boolean    it counts only if it assumes a role
---@return table provider
local function profile_provider(context, only_roles)
  return setmetatable({
    context = context, only_roles = only_roles, place = ("profile %q"):format(context.profile.name),
  }, profile_mt)
end

---@param runtime table
---@param deadline number?
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function profile_methods:get(runtime, deadline)
  if not self.provider then
    local context = self.context
    local shared, name = context.profile.shared, context.profile.name
    if self.only_roles and not profile.assumes_role(shared, name) then return nil end
    local steps, message = profile.steps(shared, name)
    if steps then self.provider, message = build(context, steps) end
    if message then return failure(message) end
    if not steps then return nil end
    self.is_fixed, self.is_plain = self.provider.is_fixed, self.provider.is_plain
  end
  return self.provider:get(runtime, deadline)
end

--- The provider of a program that names none.
---@param context dynamodb.credentials.Context
---@return table provider
local function new(context)
  local providers = {}
  if not context.profile.is_option then
    providers[1] = environment.new(context.environment)
    local role = profile_provider(context, true)
    role.place = nil
    providers[2] = role
    providers[3] = web_identity.from_environment(context)
  end
  providers[#providers + 1] = profile_provider(context, false)
  providers[#providers + 1] = container.new(context)
  providers[#providers + 1] = imds.new(context)
  local provider = chain.new(providers)
  if context.shared_dict then provider = require("dynamodb.nginx.credentials").new(provider, context) end
  return cached.new(provider)
end

return { new = new, build = build }
