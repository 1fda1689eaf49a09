--- One HTTP request, whichever service brought it: API Gateway in both payload formats, a function URL or a load
--- balancer.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local events = require "dynamodb.lambda.events"
local usage = require "dynamodb.usage"

local request_methods = {}
local request_mt = { __name = "dynamodb.HttpRequest", __index = request_methods }

---@class dynamodb.HttpRequest
---@field source "rest"|"http"|"url"|"alb"
---@field method string                      "GET", in capitals
---@field path string                        without the stage, as it came: see `segments`
---@field segments string[]                  of the path, decoded
---@field params table<string, string>       path parameters, decoded; of a router: its own
---@field query table<string, string>        decoded; of several values of a name the last one
---@field queries table<string, string[]>    all values
---@field headers table<string, string>      by name in lower case; several values are joined with ", "
---@field cookies table<string, string>
---@field body string?                       its bytes, nil if there is none
---@field request_id string?                 of the service that brought it
---@field source_ip string?
---@field authorizer table?                  what the authorizer said
---@field event table                        the event itself

function request_mt:__tostring()
  return ("dynamodb.HttpRequest(%s %s)"):format(self.method, self.path)
end

--- A failure that the client is told: its status and its message.
---@param status integer
---@param message string
---@return dynamodb.Error
local function failure(status, message)
  return errors.new { code = "HttpError", status = status, message = message, expose = true, retryable = false }
end

---@param value any
---@return table
local function table_of(value)
  return type(value) == "table" and value or {}
end

---@param value any
---@return string?
local function text_of(value)
  if type(value) == "string" then return value end
end

--- "%41" -> "A"; what is no such code stays.
---@param text string
---@return string
local function unescape(text)
  return (text:gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

---@param text string
---@return string
local function unescape_query(text)
  return unescape((text:gsub("+", " ")))
end

---@param values table<string, string[]>
---@param name string
---@param value string
local function add(values, name, value)
  values[name] = values[name] or {}
  table.insert(values[name], value)
end

--- Values by name: of the member with several values of each, else of the one with single values.
---@param several any
---@param single any
---@param convert fun(text: string): string
---@return table<string, string[]>
local function collect(several, single, convert)
  local values = {}
  if type(several) == "table" then
    for name, list in pairs(several) do
      for _, value in ipairs(table_of(list)) do
        if text_of(value) then add(values, convert(name), convert(value)) end
      end
    end
    return values
  end
  for name, value in pairs(table_of(single)) do
    if text_of(value) then add(values, convert(name), convert(value)) end
  end
  return values
end

---@param text string    a=1&b=2, encoded
---@return table<string, string[]>
local function parse_query(text)
  local values = {}
  for part in text:gmatch "[^&]+" do
    local name, value = part:match "^([^=]*)=(.*)$"
    add(values, unescape_query(name or part), unescape_query(value or ""))
  end
  return values
end

local function as_it_is(text) return text end

---@param event table
---@return table<string, string>
local function headers_of(event)
  local headers = {}
  for name, values in pairs(collect(event.multiValueHeaders, event.headers, as_it_is)) do
    name = name:lower()
    local text = table.concat(values, name == "cookie" and "; " or ", ")
    headers[name] = headers[name] and headers[name] .. ", " .. text or text
  end
  return headers
end

---@param list any         cookies of format 2.0: { "a=1", "b=2" }
---@param header string?   of the others: "a=1; b=2"
---@return table<string, string>
local function cookies_of(list, header)
  local cookies = {}
  local function take(text)
    local name, value = text:match "^%s*([^=]-)%s*=%s*(.-)%s*$"
    if name and name ~= "" then cookies[name] = value:match '^"(.*)"$' or value end
  end
  for _, text in ipairs(table_of(list)) do
    if text_of(text) then take(text) end
  end
  for text in (header or ""):gmatch "[^;]+" do take(text) end
  return cookies
end

--- The path without the stage that HTTP APIs put before it.
---@param path string
---@param stage any
---@return string
local function without_stage(path, stage)
  if type(stage) ~= "string" or stage == "" or stage == "$default" then return path end
  local prefix = "/" .. stage
  if path == prefix then return "/" end
  if path:sub(1, #prefix + 1) == prefix .. "/" then return path:sub(#prefix + 1) end
  return path
end

---@param path string
---@param convert fun(text: string): string
---@return string[]
local function split(path, convert)
  local segments = {}
  for segment in path:gmatch "[^/]+" do segments[#segments + 1] = convert(segment) end
  return segments
end

--- Neither DynamoDB nor JSON has other text; percent-encoded, any bytes may come.
---@param text string
---@return boolean
local function is_utf8(text)
  return not text:find "[\128-\255]" or (pcall(core.json_encode, text))
end

---@param self dynamodb.HttpRequest
---@return boolean
local function has_text_only(self)
  for _, segment in ipairs(self.segments) do
    if not is_utf8(segment) then return false end
  end
  for _, param in pairs(self.params) do
    if not is_utf8(param) then return false end
  end
  for name, values in pairs(self.queries) do
    if not is_utf8(name .. table.concat(values)) then return false end
  end
  return true
end

local ANY = { table = true, string = true, number = true, boolean = true, userdata = true }

local request = { failure = failure }

--- The request of an event.
---@param event any    decoded
---@return dynamodb.HttpRequest?
---@return dynamodb.Error?    code InvalidEvent: it is of no HTTP source; status 400: its body is not the base64 that it
---                           says, or its URL is not UTF-8
---@return dynamodb.HttpRequest? unreadable    with status 400: for an answer, which needs method and headers
function request.new(event)
  local source = events.source(event)
  if source ~= "rest" and source ~= "http" and source ~= "url" and source ~= "alb" then
    return nil, errors.new { code = "InvalidEvent", message = "the event is of no HTTP request", retryable = false }
  end
  local context = table_of(event.requestContext)
  local http = table_of(context.http)
  local path = text_of(event.rawPath) or text_of(event.path) or "/"
  if source == "http" then path = without_stage(path, context.stage) end
  -- HTTP APIs decode the path, in both formats; the others leave that to the function.
  local of_path = (source == "http" or event.version == "1.0") and as_it_is or unescape
  local queries
  if source == "http" or source == "url" then
    queries = parse_query(text_of(event.rawQueryString) or "") -- of the decoded ones several are joined by commas
  else
    queries = collect(event.multiValueQueryStringParameters, event.queryStringParameters,
      source == "alb" and unescape_query or as_it_is)
  end
  local self = setmetatable({
    source = source,
    method = (text_of(http.method) or text_of(event.httpMethod) or "GET"):upper(),
    path = path,
    segments = split(path, of_path),
    params = {},
    query = {},
    queries = queries,
    headers = headers_of(event),
    body = text_of(event.body),
    request_id = text_of(context.requestId),
    source_ip = text_of(http.sourceIp) or text_of(table_of(context.identity).sourceIp),
    authorizer = type(context.authorizer) == "table" and context.authorizer or nil,
    event = event,
  }, request_mt)
  self.cookies = cookies_of(event.cookies, self.headers.cookie)
  for name, values in pairs(queries) do self.query[name] = values[#values] end
  for name, value in pairs(table_of(event.pathParameters)) do
    if text_of(value) then self.params[name] = of_path(value) end
  end
  if not has_text_only(self) then return nil, failure(400, "The URL is not UTF-8"), self end
  if self.body and event.isBase64Encoded == true then
    self.body = core.unbase64(self.body)
    if not self.body then return nil, failure(400, "The body cannot be read"), self end
  end
  return self
end

--- The body as JSON. JSON's null is `dynamodb.null`, so that it can be told from what is not there.
---@param kind? "object"|"list"|"any"    what it must be; an object
---@return any value
---@return dynamodb.Error?    status 400
function request_methods:json(kind)
  kind = kind or "object"
  if kind ~= "object" and kind ~= "list" and kind ~= "any" then
    usage.raise 'request:json: the kind must be "object", "list" or "any"'
  end
  if not self.body or not self.body:find "%S" then return nil, failure(400, "The request has no body") end
  local value, message = core.json_decode(self.body)
  if message or not ANY[type(value)] then return nil, failure(400, "The body is not JSON") end
  local is_list = type(value) == "table" and getmetatable(value) == core.list_mt
  if kind == "object" and (type(value) ~= "table" or is_list) then
    return nil, failure(400, "The body must be a JSON object")
  end
  if kind == "list" and not is_list then return nil, failure(400, "The body must be a JSON array") end
  return value
end

--- A whole number of the query: `request:integer("limit", 20, 1, 100)`.
---@param name string
---@param default integer?    what it is if the query does not have it
---@param least integer?
---@param most integer?
---@return integer? value
---@return dynamodb.Error?    status 400: it is no number, or out of bounds
function request_methods:integer(name, default, least, most)
  local text = self.query[name]
  if text == nil or text == "" then return default end
  local value = text:find "^-?%d%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?$" and tonumber(text)
  if not value or least and value < least or most and value > most then
    local bounds = ""
    if least and most then bounds = (" from %d to %d"):format(least, most) end
    return nil, failure(400, ("%s must be a whole number%s"):format(name, bounds))
  end
  return value
end

return request
