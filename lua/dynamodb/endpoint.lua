--- Where the requests of a service go: AWS's endpoint rules, as of November 2026, for the services that a client of
--- DynamoDB talks to.
--- Source: the endpoint rule sets of DynamoDB, DynamoDB Streams, STS, SSO, SSO OIDC and Signin.
local partition = require "dynamodb.partition"
local url = require "dynamodb.url"

local endpoint = { parse = url.parse }

local LOCAL_URL = "http://localhost:8000"

-- Regions outside of the partition `aws` that have hosts of their own for each account.
local ACCOUNT_REGIONS = {
  ["us-gov-east-1"] = true, ["us-gov-west-1"] = true, ["cn-north-1"] = true, ["cn-northwest-1"] = true,
}

-- Regions that shared one host of STS once: what `sts_regional_endpoints = legacy` still means.
local GLOBAL_STS_REGIONS = {
  ["ap-northeast-1"] = true, ["ap-south-1"] = true, ["ap-southeast-1"] = true, ["ap-southeast-2"] = true,
  ["aws-global"] = true, ["ca-central-1"] = true, ["eu-central-1"] = true, ["eu-north-1"] = true,
  ["eu-west-1"] = true, ["eu-west-2"] = true, ["eu-west-3"] = true, ["sa-east-1"] = true, ["us-east-1"] = true,
  ["us-east-2"] = true, ["us-west-1"] = true, ["us-west-2"] = true,
}

local NO_DUAL_STACK_OVERRIDE = "Endpoint override is not supported for dual-stack endpoints. Please enable dual-stack "
  .. "functionality by enabling the configuration. For more details, see: "
  .. "https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html"

---@class dynamodb.EndpointParameters
---@field service "dynamodb"|"dynamodbstreams"|"sts"|"sso"|"sso-oidc"|"signin"|nil    "dynamodb" if nil
---@field Region string?
---@field Endpoint string?                 an explicit or configured URL; taken verbatim
---@field UseFIPS boolean?
---@field UseDualStack boolean?
---@field AccountId string?                of the credentials
---@field AccountIdEndpointMode string?    "preferred", "required" or "disabled"
---@field ResourceArn string?              what the operation is about, by name or ARN
---@field ResourceArnList string[]?        the same of an operation about several: the first one counts
---@field IsSearchOperation boolean?       it searches vectors
---@field UseGlobalEndpoint boolean?       of STS: the host that was the only one once
---@field IsControlPlane boolean?          of Signin
---@field IsOAuthEndpoint boolean?         of Signin

--- Is `text` one label of a host name?
---@param text any
---@return boolean
local function is_host_label(text)
  return type(text) == "string" and #text <= 63 and text:find("^%w[%w-]*$") ~= nil and text:sub(-1) ~= "-"
end

---@param p dynamodb.EndpointParameters
---@param name string
---@return string    of the host, by the two switches: "name", "name-fips"
local function fips_name(p, name)
  return p.UseFIPS and name .. "-fips" or name
end

---@param p dynamodb.EndpointParameters
---@param place dynamodb.Partition
---@return string
local function suffix(p, place)
  return p.UseDualStack and place.dual_stack_suffix or place.suffix
end

--- The account of an ARN of DynamoDB in this region.
---@param arn any
---@param region string
---@return string?
function endpoint.arn_account(arn, region)
  if type(arn) ~= "string" then return nil end
  local name, service, its_region, account = arn:match("^arn:([^:]+):([^:]+):([^:]*):([^:]*):.")
  if not name or service ~= "dynamodb" or its_region ~= region or not is_host_label(account) then return nil end
  return account
end

--- The account whose own host is to be used.
---@param p dynamodb.EndpointParameters
---@return string? account
---@return string? message
local function account_of(p)
  local account = endpoint.arn_account(p.ResourceArn, p.Region)
    or endpoint.arn_account(p.ResourceArnList and p.ResourceArnList[1], p.Region)
  if account then return account end
  if p.AccountId == nil then return nil end
  if not is_host_label(p.AccountId) then return nil, "Credentials-sourced account ID parameter is invalid" end
  return p.AccountId
end

---@param place dynamodb.Partition
---@param region string
---@return boolean
function endpoint.has_account_hosts(place, region)
  return place.name == "aws" or ACCOUNT_REGIONS[region] == true
end

local services = {}

---@param p dynamodb.EndpointParameters
---@param place dynamodb.Partition
---@return string? host
---@return string? message
function services.dynamodb(p, place)
  local mode, search = p.AccountIdEndpointMode, p.IsSearchOperation and "search-" or ""
  if p.UseFIPS then
    if mode == "required" then
      return nil, "Invalid Configuration: AccountIdEndpointMode is required and FIPS is enabled, but FIPS account "
        .. "endpoints are not supported"
    end
    local name = place.name == "aws-us-gov" and not p.UseDualStack and "dynamodb" or "dynamodb-fips"
    return ("%s%s.%s.%s"):format(search, name, p.Region, suffix(p, place))
  end
  if mode and mode ~= "disabled" and endpoint.has_account_hosts(place, p.Region) then
    local account, message = account_of(p)
    if message then return nil, message end
    if account then return ("%s.%sddb.%s.%s"):format(account, search, p.Region, suffix(p, place)) end
    if mode == "required" then
      return nil, "AccountIdEndpointMode is required but no AccountID was provided or able to be loaded"
    end
  elseif mode == "required" then
    return nil, "Invalid Configuration: AccountIdEndpointMode is required but account endpoints are not supported in "
      .. "this region"
  end
  return ("%sdynamodb.%s.%s"):format(search, p.Region, suffix(p, place))
end

---@param p dynamodb.EndpointParameters
---@param place dynamodb.Partition
---@return string host
function services.dynamodbstreams(p, place)
  local name = place.name
  if p.UseDualStack and (name == "aws" or name == "aws-cn" or name == "aws-us-gov") then
    return ("%s.%s.%s"):format(fips_name(p, "streams-dynamodb"), p.Region, place.dual_stack_suffix)
  end
  local service = p.UseFIPS and name == "aws-us-gov" and "dynamodb" or fips_name(p, "dynamodb")
  return ("streams.%s.%s.%s"):format(service, p.Region, suffix(p, place))
end

--- A service with one scheme of names in all partitions but for GovCloud, where every host is a FIPS host.
---@param name string
---@return fun(p: dynamodb.EndpointParameters, place: dynamodb.Partition): string
local function regional(name)
  return function(p, place)
    local is_plain = place.name == "aws-us-gov" and not p.UseDualStack
    return ("%s.%s.%s"):format(is_plain and name or fips_name(p, name), p.Region, suffix(p, place))
  end
end

services.sso, services["sso-oidc"] = regional "portal.sso", regional "oidc"

local sts_host = regional "sts"

---@param p dynamodb.EndpointParameters
---@param place dynamodb.Partition
---@return string host
function services.sts(p, place)
  local is_plain = not p.UseFIPS and not p.UseDualStack
  if is_plain and (p.Region == "aws-global" or p.UseGlobalEndpoint and GLOBAL_STS_REGIONS[p.Region]) then
    return "sts.amazonaws.com"
  end
  return sts_host(p, place)
end

---@param p dynamodb.EndpointParameters
---@param place dynamodb.Partition
---@return string host
function services.signin(p, place)
  if p.IsOAuthEndpoint then return p.Region .. ".oauth.signin.aws" end
  if p.UseFIPS and not p.UseDualStack and p.Region == "us-gov-west-1" then return "signin-fips.amazonaws-us-gov.com" end
  if p.UseFIPS or p.UseDualStack then
    return ("%s.%s.%s"):format(fips_name(p, "signin"), p.Region, suffix(p, place))
  end
  if p.IsControlPlane then return ("signin.%s.%s"):format(p.Region, place.dual_stack_suffix) end
  return place.signin:format(p.Region)
end

--- A URL that the caller or the configuration gives.
---@param p dynamodb.EndpointParameters
---@return { url: string }? endpoint
---@return string? message
local function given(p)
  if p.UseFIPS then return nil, "Invalid Configuration: FIPS and custom endpoint are not supported" end
  if p.UseDualStack then return nil, "Invalid Configuration: Dualstack and custom endpoint are not supported" end
  local parsed, message = url.parse(p.Endpoint)
  if not parsed then return nil, "Invalid Configuration: the endpoint URL " .. message end
  if is_host_label(p.Region) and (p.service or "dynamodb") == "dynamodb" then
    local host = ("dynamodb.%s.%s"):format(p.Region, partition.of(p.Region).dual_stack_suffix)
    if parsed.authority == host or parsed.authority == "search-" .. host then return nil, NO_DUAL_STACK_OVERRIDE end
  end
  return { url = p.Endpoint }
end

--- The URL of a service. Parameters and messages are those of AWS's endpoint rules.
---@param parameters dynamodb.EndpointParameters
---@return { url: string }? endpoint
---@return string? message
function endpoint.resolve(parameters)
  local p, service = parameters, parameters.service or "dynamodb"
  if not services[service] then return nil, ("Invalid Configuration: unknown service %q"):format(tostring(service)) end
  if p.IsOAuthEndpoint and p.UseFIPS then
    return nil, "FIPS endpoints are not supported for OAuth operations. Disable FIPS or use a non-OAuth operation."
  end
  if p.Endpoint then return given(p) end
  if p.Region == nil or p.Region == "" then return nil, "Invalid Configuration: Missing Region" end
  if not is_host_label(p.Region) then
    return nil, "Invalid Configuration: the region is not a valid host label"
  end
  if p.Region == "local" and (service == "dynamodb" or service == "dynamodbstreams") then
    if p.UseFIPS then return nil, "Invalid Configuration: FIPS and local endpoint are not supported" end
    if p.UseDualStack then return nil, "Invalid Configuration: Dualstack and local endpoint are not supported" end
    return { url = LOCAL_URL }
  end
  local host, message = services[service](p, partition.of(p.Region))
  if not host then return nil, message end
  return { url = "https://" .. host }
end

--- The region that a request is signed for.
---@param region string
---@return string
function endpoint.signing_region(region)
  return region == "local" and "us-east-1" or region
end

return endpoint
