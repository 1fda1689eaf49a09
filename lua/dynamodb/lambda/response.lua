--- HTTP responses in the form that each source of requests wants.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"

local response = {}

local response_mt = { __name = "dynamodb.HttpResponse" }

---@class dynamodb.HttpResponse
---@field status integer
---@field headers table<string, string|string[]>    by name in lower case
---@field body string?
---@field cookies string[]    each a whole Set-Cookie value

---@param value any
---@return boolean
function response.is_response(value)
  return getmetatable(value) == response_mt
end

---@param status any
local function check_status(status)
  if type(status) ~= "number" or status < 100 or status > 599 or status % 1 ~= 0 then
    usage.raise("the status of a response must be a whole number from 100 to 599, not " .. tostring(status))
  end
end

---@param given table?
---@return table<string, string|string[]>
local function copy_headers(given)
  local headers = {}
  if given == nil then return headers end
  usage.check_type(given, "table", "the headers of a response")
  for name, value in pairs(given) do
    if type(name) ~= "string" or not name:find "^[%w!#$%%&'*+.^_`|~-]+$" then
      usage.raise(("%s cannot be the name of a header"):format(tostring(name)))
    end
    local values = {}
    for i, each in ipairs(type(value) == "table" and value or { value }) do
      values[i] = type(each) == "number" and tostring(each) or each
      if type(values[i]) ~= "string" or values[i]:find "%c" then
        usage.raise(("the header %s must be a text on one line"):format(name))
      end
    end
    headers[name:lower()] = type(value) == "table" and values or values[1]
  end
  return headers
end

--- Cookies, those that stand among the headers too: their values contain commas, so that no list of them can be one
--- header.
---@param given table?
---@param headers table<string, string|string[]>    loses its own ones
---@return string[]
local function take_cookies(given, headers)
  local cookies, own = {}, headers["set-cookie"]
  headers["set-cookie"] = nil
  if given == nil then given = {} end
  usage.check_type(given, "table", "the cookies of a response")
  for _, list in ipairs { type(own) == "table" and own or { own }, given } do
    for _, cookie in ipairs(list) do
      if type(cookie) ~= "string" or cookie:find "%c" then
        usage.raise "a cookie of a response must be a text on one line"
      end
      cookies[#cookies + 1] = cookie
    end
  end
  return cookies
end

--- A response.
---@param status integer
---@param body? string|userdata     text, or bytes: what is not UTF-8 is sent as base64
---@param headers? table            by name: a text, or a list of them
---@param cookies? string[]         whole Set-Cookie values: "id=7; HttpOnly"
---@return dynamodb.HttpResponse
function response.new(status, body, headers, cookies)
  check_status(status)
  if core.kind(body) == "binary" then body = tostring(body) end
  if body ~= nil then usage.check_type(body, "string", "the body of a response") end
  headers = copy_headers(headers)
  return setmetatable({
    status = status, body = body, headers = headers, cookies = take_cookies(cookies, headers),
  }, response_mt)
end

--- A copy that can be added to: a program may give one response again and again.
---@param self dynamodb.HttpResponse
---@return dynamodb.HttpResponse
function response.copy(self)
  return response.new(self.status, self.body, self.headers, self.cookies)
end

--- A response of plain JSON: sets become arrays, binaries base64, numbers bare digits.
---@param status integer
---@param value any          an item, a list of them, …
---@param headers? table
---@param cookies? string[]
---@return dynamodb.HttpResponse
function response.json(status, value, headers, cookies)
  local ok, text = pcall(core.json_encode, value)
  if not ok then usage.raise("the body of a response: " .. tostring(text)) end
  local made = response.new(status, text, headers, cookies)
  made.headers["content-type"] = made.headers["content-type"] or "application/json"
  return made
end

-- The reason phrases that an ALB wants beside the status. Source: RFC 9110, section 15; RFC 6585.
local REASONS = {
  [200] = "OK", [201] = "Created", [202] = "Accepted", [204] = "No Content", [301] = "Moved Permanently",
  [302] = "Found", [303] = "See Other", [304] = "Not Modified", [307] = "Temporary Redirect",
  [308] = "Permanent Redirect", [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden",
  [404] = "Not Found", [405] = "Method Not Allowed", [409] = "Conflict", [412] = "Precondition Failed",
  [413] = "Content Too Large", [415] = "Unsupported Media Type", [422] = "Unprocessable Content",
  [429] = "Too Many Requests", [500] = "Internal Server Error", [502] = "Bad Gateway", [503] = "Service Unavailable",
  [504] = "Gateway Timeout",
}

--- Bytes that JSON cannot carry as text.
---@param body string
---@return boolean
local function is_binary(body)
  return body:find "[\128-\255]" ~= nil and not pcall(core.json_encode, body)
end

---@param self dynamodb.HttpResponse
---@return table<string, string>      one value for each name
---@return table<string, string[]>    all of them
local function both_forms(self)
  local single, multiple = {}, {}
  for name, value in pairs(self.headers) do
    local values = type(value) == "table" and value or { value }
    single[name] = table.concat(values, ", ")
    multiple[name] = setmetatable({ (table.unpack or unpack)(values) }, core.list_mt)
  end
  return single, multiple
end

--- Headers of one value each, for who takes no lists.
---@param self dynamodb.HttpResponse
---@return table<string, string>
function response.single_headers(self)
  return (both_forms(self))
end

--- The response as its source wants it. Source: Lambda's guide on API Gateway, function URLs and load balancers.
---@param self dynamodb.HttpResponse
---@param source "rest"|"http"|"url"|"alb"
---@param event table    an ALB wants headers in the form in which it sends them
---@return table
function response.render(self, source, event)
  local binary = self.body ~= nil and is_binary(self.body)
  local made = {
    statusCode = self.status,
    body = binary and core.base64(self.body) or self.body or "",
    isBase64Encoded = binary,
  }
  local single, multiple = both_forms(self)
  local cookies = self.cookies
  if source == "http" or source == "url" then
    made.headers = single
    if #cookies > 0 then made.cookies = setmetatable({ (table.unpack or unpack)(cookies) }, core.list_mt) end
    return made
  end
  if source == "alb" then
    local reason = REASONS[self.status] or "Unknown"
    made.statusDescription = ("%d %s"):format(self.status, reason)
  end
  if source == "rest" or type(event.multiValueHeaders) == "table" then
    if #cookies > 0 then multiple["set-cookie"] = setmetatable({ (table.unpack or unpack)(cookies) }, core.list_mt) end
    made.multiValueHeaders = multiple
    return made
  end
  if #cookies > 1 then
    usage.raise "a load balancer takes several cookies only if multi-value headers are enabled on its target group"
  end
  single["set-cookie"] = cookies[1]
  made.headers = single
  return made
end

return response
