--- The Runtime API of Lambda: HTTP/1.1 over one connection that is kept. It is on this machine, so there is neither a
--- proxy nor a timeout: a process waits in `next`, frozen, for as long as nobody calls the function.
--- Source: AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".
local core = require "dynamodb.core"
local system = require "dynamodb.system"
local version = require "dynamodb.version"

local LARGEST = 64 * 2 ^ 20 -- bytes of an event with its head; Lambda's own quota is 6 MB

local api_methods = {}
local api_mt = { __name = "dynamodb.lambda.Api", __index = api_methods }

---@class dynamodb.lambda.Api
---@field host string
---@field port string
---@field headers string         of every request
---@field connection table?      { socket =, reader = }, kept as long as it can be used again

---@class dynamodb.lambda.Answer
---@field status integer
---@field head string
---@field body string

--- Parts with their ends, in one message.
local function connect(self)
  local socket, message = system.connect(self.host, self.port)
  if not socket then return nil, message end
  self.connection = { socket = socket, reader = core.http(LARGEST) }
  return self.connection
end

--- The connection to the API is given up.
function api_methods:disconnect()
  if self.connection then self.connection.socket:close() end
  self.connection = nil
end

--- A connection on which nothing is under way, kept or new.
---@return table? connection
---@return string|boolean message    or, with a connection: is it one that was kept?
function api_methods:ready()
  if self.connection then
    if self.connection.socket:is_idle() then return self.connection, true end
    self:disconnect() -- the other side has closed it meanwhile
  end
  local connection, message = connect(self)
  return connection, connection and false or message
end

--- Reads an answer.
---@param connection table
---@param until_stopped boolean?    may SIGTERM end the wait?
---@return dynamodb.lambda.Answer?
---@return string? message          "stopped" after SIGTERM
---@return boolean? heard           had any of it come?
function api_methods:read(connection, until_stopped)
  local socket, reader, heard = connection.socket, connection.reader, false
  while true do
    local bytes, message = socket:receive(until_stopped)
    local status, head, body, keep
    if bytes then
      heard = true
      status, head, body, keep = reader:feed(bytes)
    elseif message == "closed" and heard then
      status, head, body, keep = reader:finish()
    else
      head = message
    end
    if not status and head then
      self:disconnect()
      return nil, head, heard
    end
    if status then
      if not keep then self:disconnect() end
      return { status = status, head = head, body = body }
    end
  end
end

---@param bytes string    a whole request
local function exchange(self, connection, bytes, until_stopped)
  local sent, message = connection.socket:send(bytes)
  if sent then return self:read(connection, until_stopped) end
  local answer = self:read(connection) -- a request may be refused, as too large, before all of it is taken
  self:disconnect()
  return answer, message, false
end

--- One request and its answer. Where a kept connection turns out to be dead, it is made again on a new one.
---@param method string
---@param path string               encoded
---@param headers string?           "Name: value\r\n" lines
---@param body string?
---@param until_stopped boolean?    may SIGTERM end the wait for the answer?
---@return dynamodb.lambda.Answer?
---@return string? message          "stopped" after SIGTERM
function api_methods:call(method, path, headers, body, until_stopped)
  local bytes = core.http_request(method, path, self.headers .. (headers or ""), body or "", true)
  local connection, kept = self:ready()
  if not connection then return nil, kept end
  local answer, message, heard = exchange(self, connection, bytes, until_stopped)
  if answer or not kept or heard or message == "stopped" then return answer, message end
  connection, message = self:ready()
  if not connection then return nil, message end
  answer, message = exchange(self, connection, bytes, until_stopped)
  return answer, message
end

--- Begins a request whose body is written in pieces.
---@param path string       encoded
---@param headers string    "Name: value\r\n" lines
---@return table? connection
---@return string? message
function api_methods:begin(path, headers)
  local connection, message = self:ready()
  if not connection then return nil, message end
  local sent
  sent, message = connection.socket:send(("POST %s HTTP/1.1\r\n%s%sTransfer-Encoding: chunked\r\n\r\n"):format(path,
    self.headers, headers))
  if sent then return connection end
  self:disconnect()
  return nil, message
end

local api = {}

--- The API at an address, as AWS_LAMBDA_RUNTIME_API gives it. No connection is made yet.
---@param address string    "127.0.0.1:9001"
---@return dynamodb.lambda.Api
function api.new(address)
  local host, port = address:match "^(.-):(%d+)$"
  if not host then host, port = address, "80" end
  return setmetatable({
    host = host:gsub("^%[(.*)%]$", "%1"),
    port = port,
    headers = ("Host: %s\r\nUser-Agent: dynamodb-lua/%s\r\n"):format(address, version),
  }, api_mt)
end

--- Bytes as a part of a path.
---@param text string
---@return string
function api.encode(text)
  return (text:gsub("[^%w._~-]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

return api
