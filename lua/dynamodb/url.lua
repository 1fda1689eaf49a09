--- URLs of endpoints, taken apart strictly: what two parsers could read differently is refused. The only parser of URLs
--- here, so that what is checked is what is connected to.
local url = {}

local DEFAULT_PORTS = { http = 80, https = 443 }

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

--- Appends the 16-bit groups of one side of an IPv6 address.
---@param groups string[]
---@param text string
---@return boolean
local function add_groups(groups, text)
  if text == "" then return true end
  for part in (text .. ":"):gmatch("([^:]*):") do
    if not part:find("^%x%x?%x?%x?$") then return false end
    groups[#groups + 1] = ("%x"):format(tonumber(part, 16))
  end
  return true
end

--- The eight groups of an IPv6 address, which one address has in all its notations.
---@param text string    without brackets; IPv4 in its last 32 bits and zones are not taken
---@return string?
local function whole_ipv6(text)
  local left, right = text:match("^(.-)::(.*)$")
  local groups, tail = {}, {}
  if not add_groups(groups, left or text) or not add_groups(tail, right or "") then return nil end
  local missing = 8 - #groups - #tail
  if left and missing < 1 or not left and missing ~= 0 then return nil end
  for _ = 1, missing do groups[#groups + 1] = "0" end
  for _, group in ipairs(tail) do groups[#groups + 1] = group end
  return table.concat(groups, ":")
end

---@param host string
---@return boolean
local function is_host(host)
  local ipv6 = host:match("^%[(.*)%]$")
  if ipv6 then return whole_ipv6(ipv6) ~= nil end
  if #host > 253 or host:find("..", 1, true) or not host:find("^[%w_][%w_.-]*$") then return false end
  local last = host:match("([^.]*)%.?$")
  if last:find("^%d") and (last:find("^%d+$") or last:find("^0[xX]%x*$")) then return is_dotted_quad(host) end
  return true
end

---@class dynamodb.Url
---@field scheme "http"|"https"
---@field host string          lower case; an IPv6 address keeps its brackets
---@field port integer
---@field path string          begins and ends with "/"; of a whole URL as it stands there, with its query
---@field authority string     what stands in the Host header: the host, and the port unless it is the scheme's own

--- Parses a URL: http or https, a host, perhaps a port and a path; nothing else.
---@param text string
---@param is_whole boolean?    the URL of a resource, not of an endpoint: it may have a query
---@return dynamodb.Url? url
---@return string? message     says what is wrong, without repeating a password that may be in it
function url.parse(text, is_whole)
  if type(text) ~= "string" then return nil, "must be a string, not a " .. type(text) end
  if text:find("[%c%s\127-\255]") then return nil, "has a space, a control character or a byte that is not ASCII" end
  local scheme, rest = text:match("^(%a[%w+.-]*)://(.*)$")
  if not scheme then return nil, "must begin with http:// or https://" end
  scheme = scheme:lower()
  if not DEFAULT_PORTS[scheme] then return nil, "must begin with http:// or https://" end
  local authority, path = rest:match("^([^/?#\\]*)(.*)$")
  if authority:find("@", 1, true) then return nil, "must not contain a user name or a password" end
  if is_whole and path:find("[#\\]") then return nil, "must not have a fragment or a backslash" end
  if not is_whole and path:find("[?#\\]") then return nil, "must not have a query, a fragment or a backslash" end
  if path:find('[^%w%-._~!$&\'()*+,;=:@%%/?]') then return nil, "has a character that a path cannot have" end
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
  if not is_whole then path = path:gsub("/*$", "") .. "/" end
  if path:sub(1, 1) ~= "/" then path = "/" .. path end
  return {
    scheme = scheme,
    host = host,
    port = number,
    path = path,
    authority = number == DEFAULT_PORTS[scheme] and host or ("%s:%d"):format(host, number),
  }
end

--- The address that a parsed host is, in the one form in which addresses can be compared; nil for a name.
---@param host string    of `url.parse`
---@return string?
function url.address(host)
  local ipv6 = host:match("^%[(.*)%]$")
  if ipv6 then return whole_ipv6(ipv6) end
  return is_dotted_quad(host) and host or nil
end

--- Does a parsed host name this machine itself? By address or as "localhost"; names are not resolved.
---@param host string
---@return boolean
function url.is_loopback(host)
  local address = url.address(host)
  if not address then return host == "localhost" or host == "localhost." end
  return address:find("^127%.") ~= nil or address == "0:0:0:0:0:0:0:1"
end

return url
