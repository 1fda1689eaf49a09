--- A response that is sent while it is made: chunks, and trailers where it ends in an error.
--- Source: AWS Lambda Developer Guide, "Building a custom runtime", "Implementing response streaming in a custom
--- runtime".
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local fault = require "dynamodb.lambda.fault"
local usage = require "dynamodb.usage"

local stream_methods = {}
local stream_mt = { __name = "dynamodb.lambda.StreamResponse", __index = stream_methods }

---@class dynamodb.lambda.StreamResponse
---@field private begun boolean           is its head sent?
---@field private connection table?       once it is
---@field private failure dynamodb.Error?    why nothing can be written any more

local HTTP = "application/vnd.awslambda.http-integration-response"
local MODE = "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
  .. "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n"

local OPTIONS = { status = "number", headers = "table", cookies = "table", content_type = "string" }

---@param bytes string
---@return string
local function chunk(bytes)
  return ("%x\r\n%s\r\n"):format(#bytes, bytes)
end

---@param self dynamodb.lambda.StreamResponse
---@param message string
local function fail(self, message)
  self.failure = errors.new { code = "ConnectionError", message = message, sent = true }
  return nil, self.failure
end

--- Sends the head, and what comes before the first byte.
---@param self dynamodb.lambda.StreamResponse
---@return true?
---@return dynamodb.Error?
local function begin(self)
  self.begun = true
  local message
  self.connection, message = self.api:begin(self.path, self.headers)
  if not self.connection then return fail(self, message) end
  if self.prelude == "" then return true end
  return self:write(self.prelude)
end

--- Sends bytes at once.
---@param bytes string
---@return true?
---@return dynamodb.Error?    code ConnectionError: nobody takes them any more
function stream_methods:write(bytes)
  usage.check_type(bytes, "string", "write: the bytes")
  if self.ended then usage.raise "write: the response has ended" end
  if not self.begun then
    local begun, err = begin(self)
    if not begun then return nil, err end
  end
  if self.failure then return nil, self.failure end
  if bytes == "" then return true end -- an empty chunk would end the response
  local sent, message = self.connection.socket:send(chunk(bytes))
  if not sent then return fail(self, message) end
  return true
end

--- Ends it, and reads what the Runtime API says.
---@package
---@param it dynamodb.lambda.Fault?    what went wrong meanwhile
---@param request_id string
---@return dynamodb.lambda.Answer?
---@return string? message
function stream_methods:finish(it, request_id)
  if not self.begun then begin(self) end
  self.ended = true
  if self.failure then
    self.api:disconnect()
    return nil, self.failure.message
  end
  local trailers = ""
  if it then
    trailers = ("Lambda-Runtime-Function-Error-Type: %s\r\nLambda-Runtime-Function-Error-Body: %s\r\n"):format(
      fault.category(it.type), core.base64(core.json_encode(fault.report(it, request_id))))
  end
  local sent, message = self.connection.socket:send("0\r\n" .. trailers .. "\r\n")
  if not sent then return nil, message end
  local answer
  answer, message = self.api:read(self.connection)
  if it then self.api:disconnect() end
  return answer, message
end

--- The status line and headers of an HTTP response, as JSON, and the eight zero bytes that separate it from the body.
---@param options table
---@return string
local function prelude_of(options)
  local responses = require "dynamodb.lambda.response" -- for those who stream HTTP only
  local made = responses.new(options.status or 200, nil, options.headers, options.cookies)
  made.headers["content-type"] = made.headers["content-type"] or options.content_type
  local ok, json = pcall(core.json_encode, {
    statusCode = made.status,
    headers = responses.single_headers(made),
    cookies = made.cookies[1] and made.cookies or nil,
  })
  if not ok then usage.raise("stream: " .. tostring(json)) end
  return json .. ("\0"):rep(8)
end

local stream_response = {}

--- A response whose head is sent with its first bytes: until then, an error is an ordinary one.
---@param api dynamodb.lambda.Api
---@param path string
---@param headers string      of every response to this invocation
---@param options table?      see `Context:stream`
---@return dynamodb.lambda.StreamResponse
function stream_response.new(api, path, headers, options)
  options = options or {}
  usage.check_type(options, "table", "stream: the options")
  usage.check_names(options, OPTIONS, "option of stream")
  for name, value in pairs(options) do usage.check_type(value, OPTIONS[name], "stream: " .. name) end
  local is_http = options.status or options.headers or options.cookies
  local content_type = options.content_type or "application/octet-stream"
  if content_type:find "[^\32-\126]" then usage.raise "stream: content_type has a character that no header takes" end
  return setmetatable({
    api = api,
    path = path,
    headers = ("%s%sContent-Type: %s\r\n"):format(headers, MODE, is_http and HTTP or content_type),
    prelude = is_http and prelude_of(options) or "",
    begun = false,
  }, stream_mt)
end

return stream_response
