--- What a profile of the shared files says about credentials: where they come from at first, and the roles that are
--- assumed with them, one after the other.
--- Source: AWS SDKs and Tools Reference Guide, "Settings reference", and the assume-role cases that AWS's SDKs share.
local profile = {}

---@class dynamodb.credentials.Step
---@field kind "static"|"source"|"web_identity"|"sso"|"login"|"process"|"role"
---@field profile string                         whose step it is
---@field properties table<string, string>       of that profile
---@field session table<string, string>?         of SSO: the [sso-session]

---@param properties table<string, string>
---@param name string
---@return string?
local function given(properties, name)
  local value = properties[name]
  return value ~= "" and value or nil
end

local KEYS = { "aws_access_key_id", "aws_secret_access_key" }

--- How many keys of the pair there are.
---@param properties table<string, string>
---@return integer
local function count_keys(properties)
  local count = 0
  for _, key in ipairs(KEYS) do
    if given(properties, key) then count = count + 1 end
  end
  return count
end

--- Does the profile say that another one's credentials are to assume a role?
---@param properties table<string, string>
---@return boolean
local function is_role(properties)
  return given(properties, "role_arn") ~= nil and not given(properties, "web_identity_token_file")
end

---@param shared dynamodb.SharedConfig
---@param name string
---@param properties table<string, string>
---@return dynamodb.credentials.Step?
---@return string? message
local function sso_step(shared, name, properties)
  local session_name, session = given(properties, "sso_session"), properties
  local account, role = given(properties, "sso_account_id"), given(properties, "sso_role_name")
  if session_name then
    session = shared.sso_sessions[session_name]
    if not session then return nil, ("there is no [sso-session %s]"):format(session_name) end
  end
  if account and not role then return nil, "if `sso_account_id` is set, then `sso_role_name` must also be set" end
  if role and not account then return nil, "if `sso_role_name` is set, then `sso_account_id` must also be set" end
  if not account and not session_name then return nil, "`sso_account_id` and `sso_role_name` are missing" end
  for _, needed in ipairs { "sso_region", "sso_start_url" } do
    if not given(session, needed) then
      local where = session_name and (" in [sso-session %s]"):format(session_name) or ""
      return nil, ("`%s` is missing%s"):format(needed, where)
    end
    if (given(properties, needed) or session[needed]) ~= session[needed] then
      return nil, ("`%s` is another one than in [sso-session %s]"):format(needed, session_name)
    end
  end
  return { kind = "sso", profile = name, properties = properties, session = session }
end

local SOURCES = { Environment = true, Ec2InstanceMetadata = true, EcsContainer = true }

--- What is wrong with a place that a profile names.
---@param place string    its credential_source
---@return string?
local function place_problem(place)
  if SOURCES[place] then return nil end
  return ("credential_source is %q, not Environment, Ec2InstanceMetadata or EcsContainer"):format(place)
end

--- Where the credentials of a profile begin, of several places at the one that the AWS CLI takes, for which keys of the
--- credentials file come before a login or a program; those of the config file are no others here.
---@param shared dynamodb.SharedConfig
---@param name string
---@param properties table<string, string>
---@param is_source boolean              of a role: then the profile's own keys go before everything else
---@return dynamodb.credentials.Step?    nil alone if the profile has none
---@return string? message
local function base_step(shared, name, properties, is_source)
  local step = { profile = name, properties = properties }
  local place = given(properties, "credential_source")
  if is_source and count_keys(properties) == #KEYS then
    step.kind = "static"
  elseif is_source and place and not given(properties, "role_arn") then
    step.kind = "source"
    local problem = place_problem(place)
    if problem then return nil, problem end
  elseif given(properties, "web_identity_token_file") then
    if not given(properties, "role_arn") then
      return nil, "`web_identity_token_file` was specified but `role_arn` was missing"
    end
    step.kind = "web_identity"
  elseif given(properties, "sso_session") or given(properties, "sso_account_id")
    or given(properties, "sso_start_url") or given(properties, "sso_role_name") then
    return sso_step(shared, name, properties)
  elseif count_keys(properties) > 0 then
    for _, key in ipairs(KEYS) do
      if not given(properties, key) then return nil, "profile missing " .. key end
    end
    step.kind = "static"
  elseif given(properties, "login_session") then
    step.kind = "login"
  elseif given(properties, "credential_process") then
    step.kind = "process"
  else
    return nil
  end
  return step
end

--- The steps in the order in which they are taken.
---@param roles dynamodb.credentials.Step[]    from the profile that was chosen down to the first source
---@param base dynamodb.credentials.Step
---@return dynamodb.credentials.Step[]
local function in_order(roles, base)
  local steps = { base }
  for i = #roles, 1, -1 do steps[#steps + 1] = roles[i] end
  return steps
end

--- What a role's credentials come from: the next profile, or a place.
---@param name string
---@param properties table<string, string>
---@return string? next_profile
---@return string? place
---@return string? message
local function source_of(name, properties)
  local next_profile, place = given(properties, "source_profile"), given(properties, "credential_source")
  if next_profile and place then
    return nil, nil, "profile contained both `source_profile` and `credential_source`"
  end
  if not next_profile and not place then
    return nil, nil, "profile must contain `source_profile` or `credential_source` beside `role_arn`"
  end
  local problem = place and place_problem(place)
  if problem then return nil, nil, problem end
  if next_profile == name and count_keys(properties) == 0 then
    return nil, nil, "profile formed an infinite loop: it is its own source and has no keys"
  end
  return next_profile, place
end

--- The way to a profile's credentials.
---@param shared dynamodb.SharedConfig
---@param chosen string    the profile's name
---@return dynamodb.credentials.Step[]?    nil alone if the profile says nothing about credentials
---@return string? message
function profile.steps(shared, chosen)
  local roles, path, seen, name = {}, { chosen }, {}, chosen
  local function wrong(message)
    return nil, ("profile %s: %s"):format(table.concat(path, " -> "), message)
  end
  while true do
    local properties = shared.profiles[name]
    if not properties then
      if name == chosen then return nil end
      path[#path] = nil
      return wrong(("could not find source profile %s referenced from %s"):format(name, path[#path]))
    end
    if seen[name] then return wrong "profile formed an infinite loop" end
    seen[name] = true
    local is_source = #roles > 0
    if is_source and count_keys(properties) > 0 or not is_role(properties) then
      local base, message = base_step(shared, name, properties, is_source)
      if message then return wrong(message) end
      if base then return in_order(roles, base) end
      if #roles == 0 then return nil end
      return wrong(("profile `%s` did not contain credential information"):format(name))
    end
    local next_profile, place, message = source_of(name, properties)
    if message then return wrong(message) end
    roles[#roles + 1] = { kind = "role", profile = name, properties = properties }
    if place then return in_order(roles, { kind = "source", profile = name, properties = properties }) end
    if next_profile == name then seen[name] = nil end
    name = next_profile
    path[#path + 1] = name
  end
end

--- Is a role assumed at the end of a profile's way?
---@param shared dynamodb.SharedConfig
---@param chosen string    the profile's name
---@return boolean
function profile.assumes_role(shared, chosen)
  local properties = shared.profiles[chosen]
  return properties ~= nil and is_role(properties)
end

return profile
