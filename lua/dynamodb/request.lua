--- The way of every request, one straight line:
--- parameters -> encode -> attempt { credentials -> sign -> send -> check } -> decoded table.
local core = require "dynamodb.core"
local endpoint = require "dynamodb.endpoint"
local errors = require "dynamodb.error"
local repeat_safe = require "dynamodb.repeat_safe"
local response = require "dynamodb.response"
local usage = require "dynamodb.usage"

local request = {}

local input_shapes, output_shapes = {}, {} -- compiled at their first use; constant from then on

---@param cache table<string, userdata>
---@param operation string
---@param text string?
---@return userdata?
local function shape_of(cache, operation, text)
  if not text or text == "" then return nil end
  local shape = cache[operation]
  if not shape then
    shape = core.shape(text)
    cache[operation] = shape
  end
  return shape
end

--- A copy of the parameters with an idempotency token, if the operation takes one and the caller gave none. Made once
--- for a logical call: the token and the body's bytes stay the same however often they are sent.
---@param spec table?
---@param params table
---@return table
local function with_token(spec, params)
  local member = spec and spec.token
  if not member or params[member] ~= nil then return params end
  local copy = {}
  for name, value in pairs(params) do copy[name] = value end
  copy[member] = core.uuid()
  return copy
end

--- The body's bytes. Values that cannot be sent are the caller's bug and raise, with their path.
---@param client dynamodb.Client
---@param operation string
---@param spec table?    nil for an operation that the model does not know: plain JSON
---@param params table
---@return string
local function encode(client, operation, spec, params)
  if next(params) == nil then return "{}" end
  if not spec then
    local ok, body = pcall(core.json_encode, params)
    if not ok then usage.raise(("%s: %s"):format(operation, tostring(body))) end
    return body
  end
  local body, message = core.encode(shape_of(input_shapes, operation, spec.input), params, client.values, client.strict)
  if not body then usage.raise(("%s: %s"):format(operation, message)) end
  return body
end

--- A signer for these credentials; kept as long as they are the same.
---@param client dynamodb.Client
---@param credentials dynamodb.Credentials
---@param region string
---@return userdata
local function signer_for(client, credentials, region)
  local kept = client.signer
  if kept and kept.region == region and kept.access_key_id == credentials.access_key_id
    and kept.secret_access_key == credentials.secret_access_key and kept.session_token == credentials.session_token then
    return kept.signer
  end
  local fields = {
    access_key_id = credentials.access_key_id,
    secret_access_key = credentials.secret_access_key,
    session_token = credentials.session_token,
    region = region,
    service = "dynamodb", -- Streams, too, are signed for this name
  }
  local signer = core.signer(fields)
  fields.signer = signer
  client.signer = fields
  return signer
end

---@class dynamodb.Call    one logical call
---@field operation string
---@field spec table?            of the model
---@field target string          what X-Amz-Target says
---@field service "dynamodb"|"dynamodbstreams"
---@field body string
---@field raw boolean?           the answer's body is wanted as it is
---@field deadline number?       on the runtime's clock
---@field invocation_id string
---@field is_read boolean
---@field resend boolean         may the bytes be sent again when it is unknown whether they were applied?

--- One attempt: resolve, sign, send, check.
---@param client dynamodb.Client
---@param call dynamodb.Call
---@param number integer     of this attempt, from 1
---@param maximum integer    how many there will be at most
---@return table? value
---@return dynamodb.Error?
---@return table? answer     what came back, if anything
local function attempt(client, call, number, maximum)
  local runtime = client:runtime()
  local target, err = client:endpoint(call.service)
  if not target then return nil, err end
  local credentials
  credentials, err = client.provider:get(runtime, call.deadline)
  if not credentials then return nil, err end
  if call.deadline and runtime:now() >= call.deadline then
    return nil, errors.new { code = "DeadlineExceeded", message = "no time was left to send it", sent = false }
  end
  local signer = signer_for(client, credentials, endpoint.signing_region(client.region.value))
  local sdk_request = ("attempt=%d; max=%d"):format(number, maximum)
  local head = signer:head(target.authority, call.target, call.body, runtime:time(), call.invocation_id, sdk_request,
    client.user_agent, "Accept-Encoding: identity\r\n", target.path)
  local answer
  answer, err = runtime:send({
    method = "POST",
    scheme = target.scheme,
    host = target.host,
    port = target.port,
    path = target.path,
    head = head,
    body = call.body,
    repeat_safe = call.resend,
  }, call.deadline)
  if not answer then return nil, err end
  local value
  if call.raw then
    value, err = response.text(answer, client.values, client.max_response)
  else
    local shape = shape_of(output_shapes, call.operation, call.spec and call.spec.output)
    value, err = response.check(answer, shape, client.values, client.max_response)
  end
  if err then errors.redact(err, credentials) end
  return value, err, answer
end

--- When the call has to be over, on the runtime's clock.
---@param client dynamodb.Client
---@param options table
---@return number?
local function deadline_of(client, options)
  local timeout = options.timeout
  if timeout == nil then
    if options.deadline then return options.deadline end
    timeout = client.timeout
  end
  if not timeout then return options.deadline end
  local deadline = client:runtime():now() + timeout
  return options.deadline and math.min(deadline, options.deadline) or deadline
end

---@param name string
---@param options table
---@param defaults table[]    the weaker ones, table before client
---@return boolean
local function first_set(name, options, defaults)
  if options[name] ~= nil then return options[name] end
  for _, holder in ipairs(defaults) do
    if holder[name] ~= nil then return holder[name] end
  end
  return false
end

--- Performs one logical call.
---@param client dynamodb.Client
---@param operation string
---@param spec table?         of the model; nil for an operation that it does not know
---@param params table        as DynamoDB names them, values as Lua has them; not changed
---@param options table       timeout, deadline, retry_ambiguous
---@param built table?        by a table: `repeat_safe` as its builder knows it, `retry_ambiguous`; by a batch: `body`,
---                           the bytes to send, whose answer is given as bytes too
---@return table|string|nil value
---@return dynamodb.Error?
---@return dynamodb.Meta?
function request.perform(client, operation, spec, params, options, built)
  built = built or {}
  params = with_token(spec, params)
  local safe = built.repeat_safe
  if safe == nil then safe = repeat_safe.decide(operation, spec, params) end
  local streams = spec ~= nil and spec.service == "streams"
  local call = {
    operation = operation,
    spec = spec,
    service = streams and "dynamodbstreams" or "dynamodb",
    target = spec and spec.target or "DynamoDB_20120810." .. operation,
    body = built.body or encode(client, operation, spec, params),
    raw = built.body ~= nil,
    deadline = deadline_of(client, options),
    invocation_id = core.uuid(),
    is_read = repeat_safe.is_read(operation, spec, params),
    resend = safe or first_set("retry_ambiguous", options, { built, client }),
  }

  -- The retry policy's place: it will look at each outcome and say "done" or "again after N ms".
  local attempts = 1
  local value, err, answer = attempt(client, call, attempts, 1)

  if err then
    err.operation = err.operation or operation
    err.attempts = attempts
    err.sent = err.sent or false
    err.ambiguous = not call.is_read and repeat_safe.is_ambiguous(err)
    return nil, err
  end
  return value, nil, {
    attempts = attempts,
    waited = 0,
    request_id = response.request_id(answer),
    capacity = not call.raw and value.ConsumedCapacity or nil,
  }
end

return request
