--- Where the services are that give credentials.
local endpoint = require "dynamodb.endpoint"
local url = require "dynamodb.url"

local service = {
  TIMEOUT = 10, -- seconds for one attempt
}

---@class dynamodb.credentials.Context    what providers know of the client
---@field environment table<string, string>
---@field profile dynamodb.Profile
---@field region dynamodb.Setting?
---@field use_fips boolean?
---@field use_dualstack boolean?
---@field use_global_sts boolean?
---@field setting fun(name: string): dynamodb.Setting?
---@field endpoint fun(service: string): dynamodb.Setting?    as configured
---@field mfa_token? fun(serial: string): string?             of the program's
---@field shared_dict string?                                 in nginx, where its workers share credentials

--- The URL of a service in a region.
---@param context dynamodb.credentials.Context
---@param name "sts"|"sso"|"sso-oidc"|"signin"
---@param region string?
---@return dynamodb.Url?
---@return string? message
function service.url(context, name, region)
  if not region then return nil, "no AWS region; give the option region or set AWS_REGION" end
  local configured = context.endpoint(name)
  local resolved, message = endpoint.resolve {
    service = name,
    Region = region,
    Endpoint = configured and configured.value,
    UseFIPS = context.use_fips,
    UseDualStack = context.use_dualstack,
    UseGlobalEndpoint = context.use_global_sts,
  }
  if not resolved then
    return nil, configured and ("%s (from %s)"):format(message, configured.source) or message
  end
  return url.parse(resolved.url)
end

return service
