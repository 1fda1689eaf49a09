--- Proxies, as HTTPS_PROXY, HTTP_PROXY and NO_PROXY name them.
local url = require "dynamodb.url"

local proxy = {}

local PORTS = { http = 80, https = 443, socks5 = 1080, socks5h = 1080 } -- by scheme, where a URL has none

---@class dynamodb.Proxies
---@field http string?       URL of the proxy for requests without TLS
---@field https string?      … and for those with it
---@field exempt string[]    hosts that are reached without one

--- A proxy's URL in the form that curl takes; unlike an endpoint's it may have a user and a password.
---@param text string
---@return string? url
---@return string? message    without any of it
local function parse(text)
  if not text:find("://", 1, true) then text = "http://" .. text end
  local scheme, user, rest = text:match("^(%a%w*)://([^/?#]*@)(.*)$")
  if not scheme then scheme, rest = text:match("^(%a%w*)://(.*)$") end
  if not scheme or not PORTS[scheme:lower()] then return nil, "must begin with http://, https:// or socks5://" end
  if user and user:find("[^%w%-._~!$&'()*+,;=:%%@]") then return nil, "has a user or password that is not encoded" end
  local parsed, message = url.parse("http://" .. rest)
  if not parsed then return nil, message end
  scheme = scheme:lower()
  local has_port = (rest:match("^%[[^%]]*%](.*)$") or rest:match("^[^:/]*(.*)$")):sub(1, 1) == ":"
  return ("%s://%s%s:%d"):format(scheme, user or "", parsed.host, has_port and parsed.port or PORTS[scheme])
end

--- The proxies that an environment names. In a CGI program HTTP_PROXY is a header of its client's, and not looked at.
---@param environment table<string, string>
---@return dynamodb.Proxies?    nil for none
---@return string? problem
function proxy.of_environment(environment)
  local found, problem = {}, nil
  for scheme, names in pairs { https = { "HTTPS_PROXY", "https_proxy" }, http = { "HTTP_PROXY", "http_proxy" } } do
    for _, name in ipairs(names) do
      local is_foreign = name == "HTTP_PROXY" and environment.REQUEST_METHOD
      local text = not is_foreign and environment[name]
      if text and not found[scheme] then
        local parsed, message = parse(text)
        if not parsed then problem = ("%s %s"):format(name, message) end
        found[scheme] = parsed
      end
    end
  end
  if problem or not next(found) then return nil, problem end
  found.exempt = {}
  for entry in (environment.NO_PROXY or environment.no_proxy or ""):gmatch("[^%s,]+") do
    found.exempt[#found.exempt + 1] = entry:lower()
  end
  return found
end

---@param address string    dotted quad
---@return number
local function number_of(address)
  local a, b, c, d = address:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  return ((a * 256 + b) * 256 + c) * 256 + d
end

--- Is an IPv4 address in "10.0.0.0/8"?
---@param address string
---@param range string
---@return boolean
local function is_in(address, range)
  local base, bits = range:match("^(%d+%.%d+%.%d+%.%d+)/(%d+)$")
  bits = tonumber(bits)
  if not base or not url.address(base) or bits > 32 or address:find(":", 1, true) then return false end
  local size = 2 ^ (32 - bits)
  return math.floor(number_of(address) / size) == math.floor(number_of(base) / size)
end

--- Does an entry of NO_PROXY mean this host? "example.com" and ".example.com" mean it and all below it.
---@param entry string
---@param host string    as `url.parse` gives it
---@param port integer
---@return boolean
local function matches(entry, host, port)
  if entry == "*" then return true end
  local its_port = entry:match("^[^:]*:(%d+)$") or entry:match("%]:(%d+)$")
  if its_port then
    if tonumber(its_port) ~= port then return false end
    entry = entry:sub(1, -2 - #its_port)
  end
  local address = url.address(host)
  if address then
    return is_in(address, entry) or url.address(entry) == address or url.address("[" .. entry .. "]") == address
  end
  entry = entry:gsub("^%*?%.", ""):gsub("%.$", "")
  host = host:gsub("%.$", "")
  return host == entry or host:sub(-#entry - 1) == "." .. entry
end

--- The proxy of a request. This machine itself is reached without one.
---@param proxies dynamodb.Proxies?
---@param scheme "http"|"https"
---@param host string
---@param port integer
---@return string? url
function proxy.choose(proxies, scheme, host, port)
  local chosen = proxies and proxies[scheme]
  if not chosen or url.is_loopback(host) then return nil end
  for _, entry in ipairs(proxies.exempt) do
    if matches(entry, host, port) then return nil end
  end
  return chosen
end

return proxy
