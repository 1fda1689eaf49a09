--- What a client is configured by: the options of connect, then the environment as it was at connect.
---
--- Nothing is read here but the environment. (The shared files come between the environment and the defaults; reading
--- them waits for the first call, and their parser will stand here as `config.parse`.)
local config = {}

-- Every variable that is looked at, here or by a provider of credentials. An nginx worker sees none of them unless
-- nginx.conf says `env NAME;`.
local VARIABLES = {
  "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ACCOUNT_ID",
  "AWS_CREDENTIAL_EXPIRATION",
  "AWS_REGION", "AWS_DEFAULT_REGION",
  "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
  "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
  "AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS", "AWS_DISABLE_CLOCK_SKEW_CORRECTION",
  "AWS_CA_BUNDLE", "AWS_SDK_UA_APP_ID", "AWS_LAMBDA_FUNCTION_NAME",
}

--- The environment, as it is now. An empty variable counts as unset.
---@param getenv? fun(name: string): string?    `os.getenv` if nil
---@return table<string, string>
function config.snapshot(getenv)
  getenv = getenv or os.getenv
  local environment = {}
  for _, name in ipairs(VARIABLES) do
    local value = getenv(name)
    if value and value ~= "" then environment[name] = value end
  end
  return environment
end

---@class dynamodb.Setting
---@field value any
---@field source string    where it came from, for messages and for `whoami`

---@param environment table<string, string>
---@param ... string    variables, the strongest first
---@return dynamodb.Setting?
local function from_environment(environment, ...)
  for _, name in ipairs { ... } do
    if environment[name] then return { value = environment[name], source = name } end
  end
end

--- The region. Source: AWS SDKs and Tools Reference Guide, "AWS Region".
---@param options table                      of connect
---@param environment table<string, string>
---@return dynamodb.Setting?
function config.region(options, environment)
  if options.region then return { value = options.region, source = "the option region" } end
  return from_environment(environment, "AWS_REGION", "AWS_DEFAULT_REGION")
end

local ENDPOINT_VARIABLES = {
  dynamodb = "AWS_ENDPOINT_URL_DYNAMODB",
  dynamodbstreams = "AWS_ENDPOINT_URL_DYNAMODB_STREAMS",
}

--- A configured endpoint URL: the option, then the service's own variable, then the one for all services.
--- Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
---@param options table
---@param environment table<string, string>
---@param service "dynamodb"|"dynamodbstreams"
---@return dynamodb.Setting?
function config.endpoint(options, environment, service)
  if options.endpoint then return { value = options.endpoint, source = "the option endpoint" } end
  if (environment.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS or ""):lower() == "true" then return nil end
  return from_environment(environment, ENDPOINT_VARIABLES[service], "AWS_ENDPOINT_URL")
end

--- The file of certificate authorities.
---@param options table
---@param environment table<string, string>
---@return string?    a path; nil for the system's store
function config.ca_bundle(options, environment)
  return options.ca_bundle or environment.AWS_CA_BUNDLE
end

--- Seconds to wait for a connection: in Lambda, where the network is near and time is billed, less.
---@param options table
---@param environment table<string, string>
---@return number
function config.connect_timeout(options, environment)
  return options.connect_timeout or (environment.AWS_LAMBDA_FUNCTION_NAME and 1.1 or 3.1)
end

local RETRY_MODES = { standard = "standard", adaptive = "adaptive", legacy = "standard" }
local BOOLEANS = { ["true"] = true, ["false"] = false }

--- Options for `core.retry`. Source: AWS SDKs and Tools Reference Guide, "Retry behavior" and "General configuration".
---@param options table
---@param environment table<string, string>
---@return table
---@return string? problem    what is wrong with the environment
function config.retry(options, environment)
  local merged, problem = {}, nil
  local mode, attempts = environment.AWS_RETRY_MODE, environment.AWS_MAX_ATTEMPTS
  local disabled = environment.AWS_DISABLE_CLOCK_SKEW_CORRECTION
  if mode then
    merged.mode = RETRY_MODES[mode:lower()]
    if not merged.mode then problem = ("AWS_RETRY_MODE is %q, not standard or adaptive"):format(mode) end
  end
  if attempts then
    merged.max_attempts = attempts:find "^%d%d?%d?$" and tonumber(attempts) or nil
    if (merged.max_attempts or 0) < 1 then
      merged.max_attempts, problem = nil, ("AWS_MAX_ATTEMPTS is %q, not a number of attempts"):format(attempts)
    end
  end
  if disabled then
    local off = BOOLEANS[disabled:lower()]
    if off == nil then problem = ("AWS_DISABLE_CLOCK_SKEW_CORRECTION is %q, not true or false"):format(disabled) end
    merged.clock_skew = not off
  end
  for name, value in pairs(options.retry or {}) do merged[name] = value end
  return merged, problem
end

return config
