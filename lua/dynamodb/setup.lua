--- A client's configuration, read as a whole at its first call: options, environment and shared files come together.
local config = require "dynamodb.config"
local core = require "dynamodb.core"
local proxy = require "dynamodb.runtime.proxy"

local setup = {}

---@param setting dynamodb.Setting?
---@return any
local function value_of(setting) return setting and setting.value end

--- What providers of credentials have to know of the client.
---@param client dynamodb.Client
---@param setting fun(name: string): dynamodb.Setting?
---@return dynamodb.credentials.Context
local function context_of(client, setting)
  local options, environment, profile = client.given, client.environment, client.profile
  return {
    environment = environment,
    profile = profile,
    region = client.region,
    use_fips = client.use_fips,
    use_dualstack = client.use_dualstack,
    use_global_sts = value_of(setting "sts_regional_endpoints") == "legacy",
    setting = setting,
    endpoint = function(service) return config.endpoint(options, environment, service, profile) end,
    mfa_token = options.mfa_token,
    shared_dict = options.shared_dict,
  }
end

--- Reads the shared files and completes a client. What is wrong is in `client.problem`, for every call to say.
---@param client dynamodb.Client
function setup.complete(client)
  local options, environment = client.given, client.environment
  local profile, problem = config.profile(options, environment)
  local proxies, proxy_problem = proxy.of_environment(environment)
  client.problem = client.problem or problem or config.problem(environment, profile) or proxy_problem
  client.profile = profile
  local function setting(name) return (config.setting(name, options, environment, profile)) end
  client.region = config.region(options, environment, profile)
  client.use_fips = value_of(setting "use_fips_endpoint")
  client.use_dualstack = value_of(setting "use_dualstack_endpoint")
  client.account_mode = value_of(setting "account_id_endpoint_mode") or "preferred"
  for _, service in ipairs { "dynamodb", "dynamodbstreams" } do
    client.configured[service] = config.endpoint(options, environment, service, profile)
  end
  client.app_id = client.app_id or value_of(setting "sdk_ua_app_id")
  client.transport.ca_bundle = value_of(setting "ca_bundle")
  client.transport.connect_timeout = config.connect_timeout(options, environment, profile)
  client.transport.proxies = proxies
  local properties = profile and profile.properties or {}
  if properties.retry_mode or properties.max_attempts or properties.disable_clock_skew_correction then
    local settings = config.retry(options, environment, profile)
    client.retry, client.is_adaptive = core.retry(settings), settings.mode == "adaptive"
  end
  if not client.provider and profile then
    client.provider = require("dynamodb.credentials.search").new(context_of(client, setting))
  end
end

return setup
