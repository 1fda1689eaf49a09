--- What a handler is told of its invocation.
local core = require "dynamodb.core"
local fault = require "dynamodb.lambda.fault"
local stream = require "dynamodb.lambda.stream_response"
local system = require "dynamodb.system"
local usage = require "dynamodb.usage"

local context_methods = {}
local context_mt = { __name = "dynamodb.lambda.Context", __index = context_methods }

---@class dynamodb.lambda.Context
---@field request_id string
---@field deadline number?          when Lambda ends it, on the clock of `db:now()`; nil where that is unknown
---@field arn string?               of the function, as it was called
---@field trace_id string?          X-Ray's
---@field tenant_id string?
---@field client_context any        decoded, of mobile applications
---@field identity any              Cognito's, decoded
---@field log dynamodb.lambda.Log   `ctx.log:info("paid", { order = id })`; trace, debug, info, warn, error, fatal
---@field function_name string?
---@field function_version string?
---@field memory_mb integer?

--- Milliseconds until Lambda ends the invocation; nil where that is unknown.
---@return integer?
function context_methods:remaining_ms()
  return self.deadline and math.floor((self.deadline - system.now()) * 1000)
end

--- Something to be done when the response is on its way: who called the function does not wait for it. Those of one
--- invocation run in the order in which they were given, before the next one begins; the time is billed.
---@param f fun()
function context_methods:defer(f)
  usage.check_type(f, "function", "defer: the argument")
  self.deferred[#self.deferred + 1] = f
end

--- Begins a response that is sent while it is made. What the handler returns then is nothing's; what it raises ends the
--- response with an error.
---
--- | option | meaning |
--- | --- | --- |
--- | `status`, `headers`, `cookies` | of an HTTP response (function URL, REST API) |
--- | `content_type` | "application/octet-stream"; of an HTTP response a header, none by default |
---@param options table?
---@return dynamodb.lambda.StreamResponse
function context_methods:stream(options)
  if self.is_over then usage.raise "stream: the invocation has been answered" end
  if self.response then usage.raise "stream: the response has begun already" end
  self.response = stream.new(self.api, self.response_path, self.response_headers, options)
  return self.response
end

--- The invocation has its answer. Whoever keeps the context, or a stream of it, shall not write into the next one's.
---@package
function context_methods:close()
  self.is_over = true
  if self.response then self.response.ended = true end
end

--- Where an error of the handler's came from, for when it is raised again. See `fault.keeper`.
---@package
---@param raised dynamodb.lambda.Raised
function context_methods:keep_stack(raised)
  if self.raised and rawequal(self.raised.value, raised.value) then return end -- it passes another one of them
  self.raised = raised
end

--- A JSON header, decoded.
---@param text string?
---@param name string
---@return any value
---@return dynamodb.lambda.Fault?
local function decode(text, name)
  if not text or text == "" then return nil end
  local value, message = core.json_decode(text)
  if message then
    return nil, fault.new("Runtime.LambdaContextUnmarshalError", ("unable to parse the %s: %s"):format(name, message))
  end
  return value
end

--- When it ends, on the monotonic clock. What is over already is no deadline: local emulators send such ones.
---@param text string?    milliseconds since 1970
---@return number?
local function deadline_of(text)
  local left = (tonumber(text) or 0) / 1000 - system.time()
  return left > 0 and system.now() + left or nil
end

local context = {}

--- The context of an invocation.
---@param invocation dynamodb.lambda.Invocation
---@param parts table    what the runtime gives: api, log, response_path, response_headers
---@return dynamodb.lambda.Context
---@return dynamodb.lambda.Fault?    a header that cannot be read
function context.new(invocation, parts)
  local client_context, problem = decode(invocation.client_context, "client context")
  local identity, other = decode(invocation.identity, "Cognito identity")
  local self = setmetatable({
    request_id = invocation.request_id,
    deadline = deadline_of(invocation.deadline_ms),
    arn = invocation.arn,
    trace_id = invocation.trace_id,
    tenant_id = invocation.tenant_id,
    client_context = client_context,
    identity = identity,
    log = parts.log:of(invocation.request_id, invocation.tenant_id),
    function_name = os.getenv "AWS_LAMBDA_FUNCTION_NAME",
    function_version = os.getenv "AWS_LAMBDA_FUNCTION_VERSION",
    memory_mb = tonumber(os.getenv "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" or ""),
    api = parts.api,
    response_path = parts.response_path,
    response_headers = parts.response_headers,
    deferred = {},
  }, context_mt)
  return self, problem or other
end

return context
