--- The way of every request, one straight line:
--- parameters -> encode -> attempt { credentials -> sign -> send -> check } -> decoded table; the retry policy says
--- after each attempt whether there is another one.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local explain = require "dynamodb.explain"
local expression = require "dynamodb.expression"
local hooks = require "dynamodb.hooks"
local invocation = require "dynamodb.invocation"
local repeat_safe = require "dynamodb.repeat_safe"
local resource = require "dynamodb.resource"
local response = require "dynamodb.response"
local same_item = require "dynamodb.same_item"
local trace = require "dynamodb.trace"
local usage = require "dynamodb.usage"

local request = {}

local TOKEN_LIFE = 600 -- seconds that the service remembers an idempotency token
local PLAIN = "Accept-Encoding: identity\r\n"
local LONGEST_TTL = 86400 -- seconds; a deadline further away than this says nothing

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
  local given = member and params[member]
  if not member or given ~= nil and given ~= core.null then return params end -- null is not sent
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
function request.encode(client, operation, spec, params)
  if next(params) == nil then return "{}" end
  if not spec then
    local ok, body = pcall(core.json_encode, params)
    if not ok then usage.raise(("%s: %s"):format(operation, tostring(body))) end
    return body
  end
  local shape, options = shape_of(input_shapes, operation, spec.input), client.values
  local body, message
  if options then message = expression.left_out(params, options) end
  if not message then body, message = core.encode(shape, params, options, client.strict) end
  if not body then usage.raise(("%s: %s"):format(operation, expression.explain(message, params))) end
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
---@field table string?          what it is about, for hooks
---@field arn string?            … for the endpoint rules
---@field body string
---@field raw boolean?           the answer's body is wanted as it is
---@field deadline number?       on the runtime's clock
---@field invocation_id string
---@field is_read boolean
---@field resend boolean         may the transport send the bytes again when it is unknown whether they were applied?
---@field repeatable boolean     may the policy?
---@field policy userdata        the retry policy's part of it
---@field attempts integer       begun so far
---@field waited number          seconds
---@field sent boolean           may any attempt have arrived?
---@field has_token boolean      the service itself knows repetitions
---@field proves_itself boolean  a put: the old item of a failed condition tells whether it was applied
---@field was_applied function?  (old item, parameters) -> boolean, both as on the wire: for other writes, from who
---                              built them

---@class dynamodb.Trip    what is known of one attempt beside its result
---@field credentials dynamodb.Credentials?
---@field answer table?
---@field sent_at number?    on the wall clock, uncorrected
---@field started number?    on the runtime's clock
---@field elapsed number?    seconds

local ttl_second, ttl_text -- the last one made: many calls of a second end in the same one

--- "; ttl=20261122T220503Z"
---@param second integer    since 1970
---@return string
local function ttl(second)
  if second ~= ttl_second then ttl_second, ttl_text = second, os.date("!; ttl=%Y%m%dT%H%M%SZ", second) end
  return ttl_text
end

--- "attempt=1; max=4; ttl=20261122T220503Z": for the service, and for who reads logs.
---@param call dynamodb.Call
---@param now number             on the runtime's clock
---@param signing_time number    seconds since 1970
---@return string
local function sdk_request(call, now, signing_time)
  local text = ("attempt=%d; max=%d"):format(call.attempts, call.policy:max_attempts())
  local left = call.deadline and call.deadline - now
  if not left or left > LONGEST_TTL then return text end
  return text .. ttl(math.floor(signing_time + left))
end

--- One attempt: resolve, sign, send, check.
---@param client dynamodb.Client
---@param call dynamodb.Call
---@param trip dynamodb.Trip    filled in as far as it comes
---@return table? value
---@return dynamodb.Error?
local function attempt(client, call, trip)
  local runtime = client:runtime()
  local region, err = client:signing_region()
  if not region then return nil, err end
  local credentials, target
  credentials, err = client.provider:get(runtime, call.deadline)
  if not credentials then
    err.sent = false -- what was asked of their source is no attempt of this call
    return nil, err
  end
  trip.credentials = credentials
  target, err = client:endpoint(call.service, credentials.account_id, call.arn, call.spec and call.spec.search)
  if not target then return nil, err end
  local now = runtime:now()
  if call.deadline and now >= call.deadline then
    return nil, errors.new { code = "DeadlineExceeded", message = "no time was left to send it", sent = false }
  end
  local signer = signer_for(client, credentials, region)
  local signing_time = call.policy:signing_time(runtime:time())
  local head = signer:head(target.authority, call.target, call.body, signing_time, call.invocation_id,
    sdk_request(call, now, signing_time), client.user_agent, client.in_lambda and PLAIN .. trace.header() or PLAIN,
    target.path)
  hooks.tell(client, "before_send", call)
  trip.sent_at, trip.started = runtime:time(), runtime:now()
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
  trip.elapsed = runtime:now() - trip.started
  if not answer then return nil, err end
  trip.answer = answer
  local value
  if call.raw then
    value, err = response.text(answer, client.values, client.max_response)
  else
    local shape = shape_of(output_shapes, call.operation, call.spec and call.spec.output)
    value, err = response.check(answer, shape, client.values, client.max_response)
  end
  if err then errors.redact(err, credentials) end
  return value, err
end

--- A condition fails after an attempt that may have been applied: was it? Then the call has succeeded.
---@param client dynamodb.Client
---@param call dynamodb.Call
---@param err dynamodb.Error
---@param trip dynamodb.Trip
---@return boolean
local function was_applied(client, call, err, trip)
  if not err.item or not call.policy:ambiguous() or not err:is "ConditionalCheckFailed" then return false end
  if not call.proves_itself and not call.was_applied then return false end
  local old = response.wire_item(trip.answer, client.max_response)
  if not old then return false end
  local sent = core.json_decode(call.body) -- and not what the caller's tables have become meanwhile
  if call.was_applied then return call.was_applied(old, sent) end
  return same_item(old, sent.Item)
end

--- The service refuses the credentials as expired: are there others now?
---@param client dynamodb.Client
---@param call dynamodb.Call
---@param old dynamodb.Credentials
---@return boolean
local function are_refreshed(client, call, old)
  local provider = client.provider
  if not provider.invalidate or not provider:invalidate(old) then return false end
  if call.attempts >= call.policy:max_attempts() then return false end
  local new = provider:get(client:runtime(), call.deadline)
  return new ~= nil and (new.access_key_id ~= old.access_key_id or new.session_token ~= old.session_token
    or new.secret_access_key ~= old.secret_access_key)
end

--- What the retry policy is told about an attempt.
---@param client dynamodb.Client
---@param call dynamodb.Call
---@param err dynamodb.Error?
---@param trip dynamodb.Trip
---@return table
local function outcome_of(client, call, err, trip)
  local outcome
  if not trip.answer then
    outcome = { ok = err == nil }
  else
    local head = trip.answer.head
    outcome = {
      ok = err == nil,
      date = core.header(head, "date"),
      age = core.header(head, "age"),
      sent_at = trip.sent_at,
      received_at = trip.sent_at + trip.elapsed,
    }
    if err then
      outcome.retry_after = core.header(head, "x-amz-retry-after")
      outcome.retry_after_s = core.header(head, "retry-after")
    end
  end
  if err then
    outcome.status, outcome.code, outcome.sent = err.status, err.code, err.sent
    if trip.credentials and core.classify(err.status, err.code) == "expired" then
      outcome.refreshed = are_refreshed(client, call, trip.credentials)
    end
  end
  return outcome
end

--- Waits until the rate limiter, if it is on, lets the next attempt go.
---@param client dynamodb.Client
---@param call dynamodb.Call
---@return boolean    false: not before the deadline
local function take_turn(client, call)
  local runtime = client:runtime()
  while true do
    local now = runtime:now()
    local wait = call.policy:wait(now)
    if wait == 0 then return true end
    if call.deadline and now + wait >= call.deadline then return false end
    runtime:sleep(wait)
    call.waited = call.waited + wait
  end
end

--- The failure as the caller gets it.
---@param call dynamodb.Call
---@param err dynamodb.Error
---@param reason string?    why there is no further attempt
---@return dynamodb.Error
local function conclude(call, err, reason)
  -- With a token a cancellation is the answer to all attempts: a repetition of what was applied would have succeeded.
  local settled = call.has_token and err:is "TransactionCanceled"
  err.operation = err.operation or call.operation
  err.attempts, err.waited, err.sent = call.attempts, call.waited, call.sent
  err.doubted = not call.is_read and call.policy:ambiguous()
  err.ambiguous = err.doubted and not settled
  err.retryable = err.retryable and (call.repeatable or not err.ambiguous)
  if reason ~= "not_retryable" then err.stopped_by = reason end
  return err
end

--- Attempts until the policy says that it is done.
---@param client dynamodb.Client
---@param call dynamodb.Call
---@return table? value
---@return dynamodb.Error?
---@return table? answer    the last one
local function run(client, call)
  local runtime = client:runtime()
  local last -- the latest failure: what is returned when the time is over
  while true do
    if not take_turn(client, call) then
      last = last or errors.new { code = "DeadlineExceeded", message = "the rate limiter lets nothing go before it" }
      return nil, conclude(call, last, "deadline")
    end
    call.attempts = call.attempts + 1
    local trip = {}
    local value, err = attempt(client, call, trip)
    if err and last and err.code == "DeadlineExceeded" and not err.sent then
      if not trip.started then call.attempts = call.attempts - 1 end
      hooks.report(client, call, err, trip)
      return nil, conclude(call, last, "deadline")
    end
    if err and was_applied(client, call, err, trip) then value, err = {}, nil end
    call.sent = call.sent or trip.answer ~= nil or err ~= nil and err.sent == true
    local verdict, delay, reason = call.policy:outcome(outcome_of(client, call, err, trip), runtime:now())
    hooks.report(client, call, err, trip, delay, reason)
    if not err then return value, nil, trip.answer end
    if verdict == "done" then return nil, conclude(call, err, reason) end
    last = err
    if delay > 0 then runtime:sleep(delay) end
    call.waited = call.waited + delay
  end
end

---@param client dynamodb.Client
---@param options table
---@return number?
local function wanted_deadline(client, options)
  local timeout = options.timeout
  if timeout == nil then
    if options.deadline then return options.deadline end
    timeout = client.timeout
  end
  if not timeout then return options.deadline end
  local deadline = client:runtime():now() + timeout
  return options.deadline and math.min(deadline, options.deadline) or deadline
end

--- When the call has to be over, on the runtime's clock: in Lambda, before the invocation is.
---@param client dynamodb.Client
---@param options table
---@return number?
function request.deadline(client, options)
  local deadline = wanted_deadline(client, options)
  return client.in_lambda and invocation.bound(client:runtime(), deadline) or deadline
end

--- The options of a call that makes several requests, `timeout` turned into the one deadline that bounds all of them.
---@param client dynamodb.Client
---@param options table
---@return table    a copy
function request.bounded(client, options)
  local copy = {}
  for name, value in pairs(options) do copy[name] = value end
  copy.timeout, copy.deadline = false, request.deadline(client, options)
  return copy
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
---@param built table?        by who built it: `resend` (may the transport?), `repeatable` (may the policy?),
---                           `retry_ambiguous`, `max_attempts`, `was_applied`, `body` (instead of `params`), `arn`
---                           (what that is about), `raw` (the answer's body is wanted as it is), `exact` (it is wanted
---                           losslessly, too: in the meta), `needed` (sent also while the client only explains)
---@return table|string|nil value
---@return dynamodb.Error?
---@return dynamodb.Meta?
function request.perform(client, operation, spec, params, options, built)
  built = built or {}
  if not built.body then params = with_token(spec, params) end
  local resend, repeatable = built.resend, built.repeatable
  if resend == nil then resend, repeatable = repeat_safe.decide(operation, spec, params) end
  local insist = first_set("retry_ambiguous", options, { built, client })
  repeatable = repeatable or insist
  local streams = spec ~= nil and spec.service == "streams"
  local deadline = request.deadline(client, options)
  -- Sent again after the service has forgotten the token, it would be applied again.
  if spec and spec.token then deadline = math.min(deadline or math.huge, client:runtime():now() + TOKEN_LIFE) end
  local call = {
    operation = operation,
    spec = spec,
    service = streams and "dynamodbstreams" or "dynamodb",
    target = spec and spec.target or "DynamoDB_20120810." .. operation,
    table = type(params.TableName) == "string" and params.TableName or nil,
    arn = built.arn or resource.arn(operation, params),
    body = built.body or request.encode(client, operation, spec, params),
    raw = built.raw,
    deadline = deadline,
    invocation_id = core.uuid(),
    is_read = repeat_safe.is_read(operation, spec, params),
    -- Whoever insists gets repetitions, but not behind the policy's back where the second answer would mislead.
    resend = resend or insist and not repeat_safe.is_conditional(params),
    repeatable = repeatable,
    policy = client.retry:call { safe = repeatable, deadline = deadline, max_attempts = built.max_attempts },
    attempts = 0,
    waited = 0,
    sent = false,
    has_token = spec ~= nil and spec.token ~= nil,
    proves_itself = operation == "PutItem" and params.ReturnValues == nil,
    was_applied = built.was_applied,
  }
  if client.explained and not built.needed then return nil, explain.note(client, call) end
  if client.problem then
    return nil, conclude(call, errors.new { code = "ConfigurationError", message = client.problem })
  end
  local value, err, answer
  if client.explained then
    value, err, answer = explain.aside(client, run, call)
  else
    value, err, answer = run(client, call)
  end
  if err then return nil, err end
  local exact
  if built.exact then
    exact, err = response.check(answer, shape_of(output_shapes, operation, spec and spec.output), nil,
      client.max_response)
    if not exact then return nil, conclude(call, err) end
  end
  return value, nil, {
    attempts = call.attempts,
    waited = call.waited,
    request_id = response.request_id(answer),
    capacity = not call.raw and value.ConsumedCapacity or nil,
    exact = exact,
  }
end

return request
