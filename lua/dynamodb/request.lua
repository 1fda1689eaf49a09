--- The way of every request, one straight line:
--- parameters -> encode -> attempt { credentials -> sign -> send -> check } -> decoded table; the retry policy says
--- after each attempt whether there is another one.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local explain = require "dynamodb.lazy" "dynamodb.explain"
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

---@class dynamodb.Call    one logical call. Sixteen fields are what a table has room for before it doubles.
---@field operation string
---@field spec table?            of the model
---@field target string          what X-Amz-Target says
---@field table string?          what it is about, for hooks
---@field arn string?            … for the endpoint rules
---@field body string
---@field form "raw"|"exact"|nil   the answer's body is wanted as it is; or losslessly, too
---@field deadline number?       on the runtime's clock
---@field is_read boolean
---@field resend boolean         may the transport send the bytes again when it is unknown whether they were applied?
---@field repeatable boolean     may the policy?
---@field policy userdata        the retry policy's part of it
---@field attempts integer       begun so far
---@field waited number          seconds
---@field sent boolean           may any attempt have arrived?
---@field was_applied function?  (old item, parameters) -> boolean, both as on the wire: does the item that made a
---                              condition fail show that an earlier attempt was applied? Of writes that it can tell of

---@class dynamodb.Trip    what is known of an attempt that was sent and has failed, beside its failure
---@field credentials dynamodb.Credentials
---@field answer table?
---@field request_id string?
---@field sent_at number     on the wall clock, uncorrected
---@field elapsed number     seconds

--- The service that an operation belongs to.
---@param spec table?
---@return "dynamodb"|"dynamodbstreams"
local function service_of(spec)
  return spec and spec.service == "streams" and "dynamodbstreams" or "dynamodb"
end

--- An answer's value, of the form that the call wants.
---@param client dynamodb.Client
---@param call dynamodb.Call
---@param answer table
---@return table|string|nil value
---@return dynamodb.Error?
---@return string? request_id
---@return table? exact            the value, losslessly
local function read(client, call, answer)
  if call.form == "raw" then return response.text(answer, client.values, client.max_response) end
  local shape = shape_of(output_shapes, call.operation, call.spec and call.spec.output)
  local value, err, request_id = response.check(answer, shape, client.values, client.max_response)
  if call.form ~= "exact" or err then return value, err, request_id end
  local exact
  exact, err = response.check(answer, shape, nil, client.max_response)
  return exact and value, err, request_id, exact
end

--- One attempt: resolve, sign, send, check. Of a success the policy and the hooks are told here.
---@param client dynamodb.Client
---@param runtime table
---@param call dynamodb.Call
---@return table|string|nil value
---@return dynamodb.Error?
---@return dynamodb.Trip|string|nil    of a success the request id; else what is known, or nil if nothing was sent
---@return table? exact
local function attempt(client, runtime, call)
  local region, err = client:signing_region()
  if not region then return nil, err end
  local credentials, target
  credentials, err = client.provider:get(runtime, call.deadline)
  if not credentials then
    err.sent = false -- what was asked of their source is no attempt of this call
    return nil, err
  end
  target, err = client:endpoint(service_of(call.spec), credentials.account_id, call.arn, call.spec and call.spec.search)
  if not target then return nil, err end
  local now = runtime:now()
  if call.deadline and now >= call.deadline then
    return nil, errors.new { code = "DeadlineExceeded", message = "no time was left to send it", sent = false }
  end
  if client.hooks.before_send then
    hooks.tell(client, "before_send", call)
    now = runtime:now()
  end
  local sent_at = runtime:time()
  local head, is_whole = signer_for(client, credentials, region):attempt(call.policy, target.authority, call.target,
    call.body, sent_at, now, client.user_agent, client.in_lambda and PLAIN .. trace.header() or PLAIN, target.path,
    runtime.whole)
  local answer, value, request_id, exact
  answer, err = runtime:send({
    method = "POST",
    scheme = target.scheme,
    host = target.host,
    port = target.port,
    path = target.path,
    head = head,
    body = call.body,
    is_whole = is_whole,
    repeat_safe = call.resend,
  }, call.deadline)
  local ended = runtime:now()
  local elapsed = ended - now
  if answer then value, err, request_id, exact = read(client, call, answer) end
  if not err then
    call.sent = true
    call.policy:ended(nil, ended, answer.head, sent_at, sent_at + elapsed)
    if client.hooks.after_response then hooks.answered(client, call, answer.status, elapsed, request_id) end
    return value, nil, request_id, exact
  end
  if answer then errors.redact(err, credentials) end
  return nil, err, {
    credentials = credentials, answer = answer, request_id = request_id, sent_at = sent_at, elapsed = elapsed,
  }
end

--- A condition fails after an attempt that may have been applied: was it? Then the call has succeeded.
---@param client dynamodb.Client
---@param call dynamodb.Call
---@param err dynamodb.Error
---@param trip dynamodb.Trip?
---@return boolean
local function was_applied(client, call, err, trip)
  if not call.was_applied or not err.item or not call.policy:ambiguous() or not err:is "ConditionalCheckFailed" then
    return false
  end
  local old = response.wire_item(trip.answer, client.max_response)
  return old ~= nil and call.was_applied(old, core.json_decode(call.body)) -- not what the caller's tables are by now
end

--- What `was_applied` of a put is: the old item of a failed condition is the one that was sent.
---@param old table
---@param sent table    the parameters
---@return boolean
local function is_what_was_put(old, sent) return same_item(old, sent.Item) end

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

--- What the retry policy says after an attempt that has failed.
---@param client dynamodb.Client
---@param runtime table
---@param call dynamodb.Call
---@param err dynamodb.Error?    nil: it turned out to be a success
---@param trip dynamodb.Trip?
---@return "retry"|"done" verdict
---@return number? delay      seconds, for "retry"
---@return string reason
local function verdict_of(client, runtime, call, err, trip)
  if not trip then return call.policy:ended(err, runtime:now()) end
  local refreshed = err and core.classify(err.status, err.code) == "expired"
    and are_refreshed(client, call, trip.credentials)
  return call.policy:ended(err, runtime:now(), trip.answer and trip.answer.head, trip.sent_at,
    trip.sent_at + trip.elapsed, refreshed)
end

--- Waits until the rate limiter lets the next attempt go.
---@param runtime table
---@param call dynamodb.Call
---@return boolean    false: not before the deadline
local function take_turn(runtime, call)
  while true do
    local now = runtime:now()
    local wait = call.policy:wait(now)
    if wait == 0 then return true end
    if call.deadline and now + wait >= call.deadline then return false end
    if runtime:sleep(wait) then return true end -- what is sent now is refused, and tells why
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
  local settled = call.spec and call.spec.token and err:is "TransactionCanceled"
  err.operation, err.table = err.operation or call.operation, err.table or call.table
  err.attempts, err.waited, err.sent = call.attempts, call.waited, call.sent
  err.doubted = not call.is_read and call.policy:ambiguous()
  err.ambiguous = err.doubted and not settled
  err.retryable = err.retryable and (call.repeatable or not err.ambiguous)
  if reason ~= "not_retryable" then err.stopped_by = reason end
  return err
end

--- Attempts until the policy says that it is done.
---@param client dynamodb.Client
---@param runtime table
---@param call dynamodb.Call
---@param last dynamodb.Error?    the latest failure: what is returned when the time is over
---@return table? value
---@return dynamodb.Error?
---@return string? request_id     of a success
---@return table? exact
local function run(client, runtime, call, last)
  if client.is_adaptive and not take_turn(runtime, call) then
    last = last or errors.new { code = "DeadlineExceeded", message = "the rate limiter lets nothing go before it" }
    return nil, conclude(call, last, "deadline")
  end
  call.attempts = call.attempts + 1
  local value, err, trip, exact = attempt(client, runtime, call)
  if not err then return value, nil, trip, exact end
  if last and err.code == "DeadlineExceeded" and not err.sent then
    if not trip then call.attempts = call.attempts - 1 end
    hooks.report(client, call, err, trip)
    return nil, conclude(call, last, "deadline")
  end
  if was_applied(client, call, err, trip) then value, err = {}, nil end
  call.sent = call.sent or trip ~= nil and trip.answer ~= nil or err ~= nil and err.sent == true
  local verdict, delay, reason = verdict_of(client, runtime, call, err, trip)
  hooks.report(client, call, err, trip, delay, reason)
  if not err then return value, nil, trip.request_id end
  if verdict == "done" then return nil, conclude(call, err, reason) end
  if delay > 0 then runtime:sleep(delay) end
  call.waited = call.waited + delay
  return run(client, runtime, call, err) -- no loop: LuaJIT does not compile what holds one that is left at once
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

--- Are writes to be repeated that may then be applied twice?
---@param client dynamodb.Client
---@param options table
---@param built table
---@return boolean
local function insists(client, options, built)
  if options.retry_ambiguous ~= nil then return options.retry_ambiguous end
  if built.retry_ambiguous ~= nil then return built.retry_ambiguous end
  return client.retry_ambiguous
end

local NOT_BUILT = {} -- what is known of a request that nobody built

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
  built = built or NOT_BUILT
  local runtime = client:runtime()
  if not built.body then params = with_token(spec, params) end
  local resend, repeatable = built.resend, built.repeatable
  if resend == nil then resend, repeatable = repeat_safe.decide(operation, spec, params) end
  local insist = insists(client, options, built)
  repeatable = repeatable or insist
  local deadline = request.deadline(client, options)
  -- Sent again after the service has forgotten the token, it would be applied again.
  if spec and spec.token then deadline = math.min(deadline or math.huge, runtime:now() + TOKEN_LIFE) end
  local call = {
    operation = operation,
    spec = spec,
    target = spec and spec.target or "DynamoDB_20120810." .. operation,
    table = type(params.TableName) == "string" and params.TableName or nil,
    arn = built.arn or resource.arn(operation, params),
    body = built.body or request.encode(client, operation, spec, params),
    form = built.raw and "raw" or built.exact and "exact" or nil,
    deadline = deadline,
    is_read = repeat_safe.is_read(operation, spec, params),
    -- Whoever insists gets repetitions, but not behind the policy's back where the second answer would mislead.
    resend = resend or insist and not repeat_safe.is_conditional(params),
    repeatable = repeatable,
    policy = client.retry:begin(repeatable, deadline, built.max_attempts),
    attempts = 0,
    waited = 0,
    sent = false,
    was_applied = built.was_applied
      or operation == "PutItem" and params.ReturnValues == nil and is_what_was_put or nil,
  }
  if client.explained and not built.needed then return nil, explain.note(client, call, service_of(spec)) end
  if client.problem then
    return nil, conclude(call, errors.new { code = "ConfigurationError", message = client.problem })
  end
  local value, err, request_id, exact
  if client.explained then
    value, err, request_id, exact = explain.aside(client, run, runtime, call)
  else
    value, err, request_id, exact = run(client, runtime, call)
  end
  if err then return nil, err end
  local meta = {
    attempts = call.attempts,
    waited = call.waited,
    request_id = request_id,
    capacity = not built.raw and value.ConsumedCapacity or nil,
  }
  if exact then meta.exact = exact end -- by itself: of all operations only a few ask for it
  return value, nil, meta
end

return request
