--- What a client is configured by: the options of connect, then the environment as it was at connect, then a profile of
--- the shared files, which are read at the first call.
local files = require "dynamodb.config.files"

local config = { parse = files.parse }

-- Every variable that is looked at, here or by a provider of credentials. An nginx worker sees none of them unless
-- nginx.conf says `env NAME;`.
local VARIABLES = {
  "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ACCOUNT_ID",
  "AWS_CREDENTIAL_EXPIRATION",
  "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
  "HOME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH",
  "AWS_REGION", "AWS_DEFAULT_REGION",
  "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "AWS_ENDPOINT_URL_STS",
  "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC", "AWS_ENDPOINT_URL_SIGNIN",
  "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
  "AWS_ACCOUNT_ID_ENDPOINT_MODE", "AWS_STS_REGIONAL_ENDPOINTS", "AWS_DEFAULTS_MODE",
  "AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS", "AWS_DISABLE_CLOCK_SKEW_CORRECTION",
  "AWS_CA_BUNDLE", "AWS_SDK_UA_APP_ID", "AWS_LAMBDA_FUNCTION_NAME",
  "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_LOGIN_CACHE_DIRECTORY",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
  "AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
  "AWS_EC2_INSTANCE_PROFILE_NAME", "AWS_METADATA_SERVICE_TIMEOUT", "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
  "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD",
}

--- The environment, as it is now. A blank variable counts as unset.
---@param getenv? fun(name: string): string?    `os.getenv` if nil
---@return table<string, string>
function config.snapshot(getenv)
  getenv = getenv or os.getenv
  local environment = {}
  for _, name in ipairs(VARIABLES) do
    local value = getenv(name)
    if value and value:find("%S") then environment[name] = value end
  end
  return environment
end

-- ----------------------------------------------------------------------------------------------------- settings ----

---@class dynamodb.Setting
---@field value any
---@field source string    where it came from, for messages and for `whoami`

---@class dynamodb.Profile
---@field name string
---@field source string                      who chose it
---@field is_option boolean                  the program did
---@field properties table<string, string>?  nil if the files have no such profile
---@field shared dynamodb.SharedConfig

--- Choices, in lower case, or a function: text -> value, or nil and what was wanted.
local function word(...)
  local words = { ... }
  local text = table.concat(words, ", ", 1, #words - 1) .. " or " .. words[#words]
  return function(given)
    for _, each in ipairs(words) do
      if given:lower() == each:lower() then return each end
    end
    return nil, text
  end
end

local function boolean(given)
  local value = ({ ["true"] = true, ["false"] = false })[given:lower()]
  return value, "true or false"
end

local function count(given)
  local value = given:find("^%d%d?%d?$") and tonumber(given) or 0
  return value >= 1 and value or nil, "a number of attempts"
end

local function seconds(given)
  local value = tonumber(given)
  return value and value > 0 and value <= 3600 and value or nil, "a number of seconds"
end

-- By the property of a profile: its variables and, unless it is any text, what it can be.
-- Source: AWS SDKs and Tools Reference Guide, "Settings reference".
local SETTINGS = {
  region = { "AWS_REGION", "AWS_DEFAULT_REGION" },
  endpoint_url = { "AWS_ENDPOINT_URL" },
  ignore_configured_endpoint_urls = { "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", read = boolean },
  use_fips_endpoint = { "AWS_USE_FIPS_ENDPOINT", read = boolean },
  use_dualstack_endpoint = { "AWS_USE_DUALSTACK_ENDPOINT", read = boolean },
  account_id_endpoint_mode = {
    "AWS_ACCOUNT_ID_ENDPOINT_MODE", read = word("preferred", "required", "disabled"),
  },
  sts_regional_endpoints = { "AWS_STS_REGIONAL_ENDPOINTS", read = word("regional", "legacy") },
  defaults_mode = {
    "AWS_DEFAULTS_MODE", read = word("legacy", "standard", "in-region", "cross-region", "mobile", "auto"),
  },
  retry_mode = { "AWS_RETRY_MODE", read = word("standard", "adaptive", "legacy") },
  max_attempts = { "AWS_MAX_ATTEMPTS", read = count },
  disable_clock_skew_correction = { "AWS_DISABLE_CLOCK_SKEW_CORRECTION", read = boolean },
  ca_bundle = { "AWS_CA_BUNDLE" },
  sdk_ua_app_id = { "AWS_SDK_UA_APP_ID" },
  disable_ec2_metadata = { "AWS_EC2_METADATA_DISABLED", read = boolean },
  ec2_metadata_service_endpoint = { "AWS_EC2_METADATA_SERVICE_ENDPOINT" },
  ec2_metadata_service_endpoint_mode = { "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE" },
  ec2_instance_profile_name = { "AWS_EC2_INSTANCE_PROFILE_NAME" },
  metadata_service_timeout = { "AWS_METADATA_SERVICE_TIMEOUT", read = seconds },
  metadata_service_num_attempts = { "AWS_METADATA_SERVICE_NUM_ATTEMPTS", read = count },
}

--- One setting. A value that it cannot have is as good as none, and said in the second result.
---@param name string              a property of a profile
---@param options table            of connect; an option of the same name wins
---@param environment table<string, string>
---@param profile dynamodb.Profile?
---@return dynamodb.Setting?
---@return string? problem
function config.setting(name, options, environment, profile)
  if options[name] ~= nil then return { value = options[name], source = "the option " .. name } end
  local rule, text, source = SETTINGS[name], nil, nil
  for _, variable in ipairs(rule) do
    if environment[variable] then
      text, source = environment[variable], variable
      break
    end
  end
  if not text then
    text = profile and profile.properties and profile.properties[name]
    if not text or text == "" then return nil end
    source = ("%s of profile %q"):format(name, profile.name)
  end
  if not rule.read then return { value = text, source = source } end
  local value, wanted = rule.read(text)
  if value == nil then return nil, ("%s is %q, not %s"):format(source, text, wanted) end
  return { value = value, source = source }
end

--- The region. Source: AWS SDKs and Tools Reference Guide, "AWS Region".
---@param options table                      of connect
---@param environment table<string, string>
---@param profile dynamodb.Profile?
---@return dynamodb.Setting?
function config.region(options, environment, profile)
  return (config.setting("region", options, environment, profile))
end

-- What AWS calls the services, in variables and in [services] sections.
local SERVICE_NAMES = {
  dynamodb = "dynamodb", dynamodbstreams = "dynamodb_streams", sts = "sts", sso = "sso", ["sso-oidc"] = "sso_oidc",
  signin = "signin",
}

--- A configured endpoint URL: the option (of DynamoDB's own services), then the service's variable, then the one for
--- all services, then the profile's [services] section, then the profile.
--- Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
---@param options table
---@param environment table<string, string>
---@param service string    as for `endpoint.resolve`
---@param profile dynamodb.Profile?
---@return dynamodb.Setting?
function config.endpoint(options, environment, service, profile)
  local is_own = service == "dynamodb" or service == "dynamodbstreams"
  if is_own and options.endpoint then return { value = options.endpoint, source = "the option endpoint" } end
  local ignored = config.setting("ignore_configured_endpoint_urls", options, environment, profile)
  if ignored and ignored.value then return nil end
  local name = SERVICE_NAMES[service]
  local variable = "AWS_ENDPOINT_URL_" .. name:upper()
  if environment[variable] then return { value = environment[variable], source = variable } end
  local properties = profile and profile.properties
  local section = properties and properties.services and profile.shared.services[properties.services]
  local own = section and section[name] and section[name].endpoint_url
  if own and own ~= "" and not environment.AWS_ENDPOINT_URL then
    return { value = own, source = ("endpoint_url of [services %s]"):format(properties.services) }
  end
  return (config.setting("endpoint_url", {}, environment, profile))
end

local CONNECT_TIMEOUTS = { ["in-region"] = 1.1, mobile = 30 } -- Source: "Smart configuration defaults"

--- Seconds to wait for a connection: in Lambda, where the network is near and time is billed, less.
---@param options table
---@param environment table<string, string>
---@param profile dynamodb.Profile?
---@return number
function config.connect_timeout(options, environment, profile)
  local mode = config.setting("defaults_mode", {}, environment, profile)
  return options.connect_timeout or mode and CONNECT_TIMEOUTS[mode.value]
    or environment.AWS_LAMBDA_FUNCTION_NAME and 1.1 or 3.1
end

--- Options for `core.retry`. Source: AWS SDKs and Tools Reference Guide, "Retry behavior" and "General configuration".
---@param options table
---@param environment table<string, string>
---@param profile dynamodb.Profile?
---@return table
---@return string? problem    what is wrong with the environment or the profile
function config.retry(options, environment, profile)
  local mode, bad_mode = config.setting("retry_mode", {}, environment, profile)
  local attempts, bad_attempts = config.setting("max_attempts", {}, environment, profile)
  local disabled, bad_switch = config.setting("disable_clock_skew_correction", {}, environment, profile)
  local merged = {}
  if mode then merged.mode = mode.value == "legacy" and "standard" or mode.value end
  if attempts then merged.max_attempts = attempts.value end
  if disabled then merged.clock_skew = not disabled.value end
  for name, value in pairs(options.retry or {}) do merged[name] = value end
  return merged, bad_mode or bad_attempts or bad_switch
end

--- What is wrong with the environment or the profile.
---@param environment table<string, string>
---@param profile dynamodb.Profile?
---@return string?
function config.problem(environment, profile)
  local problems = {}
  for name in pairs(SETTINGS) do
    local _, problem = config.setting(name, {}, environment, profile)
    problems[#problems + 1] = problem
  end
  local services = profile and profile.properties and profile.properties.services
  if services and services ~= "" and not profile.shared.services[services] then
    problems[#problems + 1] = ("there is no [services %s], which profile %q names"):format(services, profile.name)
  end
  table.sort(problems)
  if problems[1] then return table.concat(problems, "; ") end
end

--- The profile that is to be used, from the shared files.
---@param options table
---@param environment table<string, string>
---@return dynamodb.Profile?
---@return string? message
function config.profile(options, environment)
  local shared, message = files.load(environment)
  if not shared then return nil, "could not parse profile file: " .. message end
  local name, source = options.profile, "the option profile"
  if not name and environment.AWS_PROFILE then name, source = environment.AWS_PROFILE, "AWS_PROFILE" end
  if not name and environment.AWS_DEFAULT_PROFILE then
    name, source = environment.AWS_DEFAULT_PROFILE, "AWS_DEFAULT_PROFILE"
  end
  local profile = {
    name = name or "default",
    source = name and source or "nobody chose another",
    is_option = options.profile ~= nil,
    properties = shared.profiles[name or "default"],
    shared = shared,
  }
  if name and not profile.properties then
    return nil, ("the shared config and credentials files have no profile %q (of %s)"):format(name, source)
  end
  return profile
end

return config
