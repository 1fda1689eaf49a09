--- Where the requests go: from a region and what is configured to one URL, and the parts of a URL.
local endpoint = {}

-- Hosts by service. Source: the endpoint rule sets of DynamoDB and DynamoDB Streams.
local HOSTS = { dynamodb = "dynamodb.%s.%s", dynamodbstreams = "streams.dynamodb.%s.%s" }
local DEFAULT_SUFFIX = "amazonaws.com" -- of the partition `aws`
local LOCAL_URL = "http://localhost:8000"
local DEFAULT_PORTS = { http = 80, https = 443 }

--- Is `text` one label of a host name?
---@param text string
---@return boolean
local function is_host_label(text)
  return #text <= 63 and text:find("^%w[%w-]*$") ~= nil and text:sub(-1) ~= "-"
end

--- Four decimal numbers up to 255. Other notations of an address ("127.1", "0x7f000001", "2130706433") mean different
--- hosts to different resolvers and are refused.
---@param host string
---@return boolean
local function is_dotted_quad(host)
  local parts = { host:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  if #parts ~= 4 then return false end
  for _, part in ipairs(parts) do
    if #part > 3 or tonumber(part) > 255 or (#part > 1 and part:sub(1, 1) == "0") then return false end
  end
  return true
end

---@param host string
---@return boolean
local function is_host(host)
  if host:find("^%[[%x:.]+%]$") then return host:find(":", 1, true) ~= nil end
  if #host > 253 or host:find("..", 1, true) or not host:find("^[%w_][%w_.-]*$") then return false end
  local last = host:match("([^.]*)%.?$")
  if last:find("^%d") and (last:find("^%d+$") or last:find("^0[xX]%x*$")) then return is_dotted_quad(host) end
  return true
end

---@class dynamodb.Url
---@field scheme "http"|"https"
---@field host string          lower case; an IPv6 address keeps its brackets
---@field port integer
---@field path string          begins and ends with "/"
---@field authority string     what stands in the Host header: the host, and the port unless it is the scheme's own

--- Parses an endpoint's URL strictly: http or https, a host, perhaps a port and a path; nothing else.
---@param text string
---@return dynamodb.Url? url
---@return string? message    says what is wrong, without repeating a password that may be in it
function endpoint.parse(text)
  if type(text) ~= "string" then return nil, "must be a string, not a " .. type(text) end
  if text:find("[%c%s\127-\255]") then return nil, "has a space, a control character or a byte that is not ASCII" end
  local scheme, rest = text:match("^(%a[%w+.-]*)://(.*)$")
  if not scheme then return nil, "must begin with http:// or https://" end
  scheme = scheme:lower()
  if not DEFAULT_PORTS[scheme] then return nil, "must begin with http:// or https://" end
  local authority, path = rest:match("^([^/?#\\]*)(.*)$")
  if authority:find("@", 1, true) then return nil, "must not contain a user name or a password" end
  if path:find("[?#\\]") then return nil, "must not have a query, a fragment or a backslash" end
  if path:find('[^%w%-._~!$&\'()*+,;=:@%%/]') then return nil, "has a character that a path cannot have" end
  local host, colon, port = authority:match("^(%[[^%]]*%])(:?)(.*)$")
  if not host then host, colon, port = authority:match("^([^:]*)(:?)(.*)$") end
  if host == "" then return nil, "has no host" end
  host = host:lower()
  if not is_host(host) then return nil, "has a host that is not a name or an address" end
  local number = DEFAULT_PORTS[scheme]
  if port ~= "" or colon ~= "" then
    if colon == "" or not port:find("^%d%d?%d?%d?%d?$") then return nil, "has a port that is not a number" end
    number = tonumber(port)
    if number < 1 or number > 65535 then return nil, "has a port outside 1 to 65535" end
  end
  return {
    scheme = scheme,
    host = host,
    port = number,
    path = path:gsub("/*$", "") .. "/",
    authority = number == DEFAULT_PORTS[scheme] and host or ("%s:%d"):format(host, number),
  }
end

---@class dynamodb.EndpointParameters
---@field Region string?
---@field Endpoint string?      an explicit or configured URL; taken verbatim
---@field service "dynamodb"|"dynamodbstreams"|nil    "dynamodb" if nil

--- The URL of a service. Parameters and messages are those of AWS's endpoint rules.
---@param parameters dynamodb.EndpointParameters
---@return { url: string }? endpoint
---@return string? message
function endpoint.resolve(parameters)
  local service = parameters.service or "dynamodb"
  local host = HOSTS[service]
  if not host then return nil, ("Invalid Configuration: unknown service %q"):format(tostring(service)) end
  if parameters.Endpoint then
    local parsed, message = endpoint.parse(parameters.Endpoint)
    if not parsed then return nil, "Invalid Configuration: the endpoint URL " .. message end
    return { url = parameters.Endpoint }
  end
  local region = parameters.Region
  if region == nil or region == "" then return nil, "Invalid Configuration: Missing Region" end
  if type(region) ~= "string" or not is_host_label(region) then
    return nil, "Invalid Configuration: the region is not a valid host label"
  end
  if region == "local" then return { url = LOCAL_URL } end
  return { url = "https://" .. host:format(region, DEFAULT_SUFFIX) }
end

--- The region that a request is signed for.
---@param region string
---@return string
function endpoint.signing_region(region)
  return region == "local" and "us-east-1" or region
end

return endpoint
