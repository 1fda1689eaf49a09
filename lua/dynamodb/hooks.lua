--- The functions of the program's that watch each attempt: before_send, after_response, on_throttle, on_retry.
local core = require "dynamodb.core"

local hooks = {}

--- Calls a hook of the program's, if it gave one. What it raises is its own.
---@param client dynamodb.Client
---@param name string       of the hook
---@param call dynamodb.Call
---@param fields? table     becomes the hook's argument
function hooks.tell(client, name, call, fields)
  local hook = client.hooks[name]
  if not hook then return end
  fields = fields or {}
  fields.operation, fields.table = call.operation, call.table
  fields.attempt, fields.max_attempts = call.attempts, call.policy:max_attempts()
  hook(fields)
end

--- Tells the hook of an answer.
---@param client dynamodb.Client
---@param call dynamodb.Call
---@param status integer?       nil if none came
---@param elapsed number        seconds
---@param request_id string?
---@param err dynamodb.Error?
function hooks.answered(client, call, status, elapsed, request_id, err)
  hooks.tell(client, "after_response", call, {
    status = status, code = err and err.code, message = err and err.message, elapsed = elapsed,
    request_id = request_id,
  })
end

--- Tells the hooks how an attempt failed.
---@param client dynamodb.Client
---@param call dynamodb.Call
---@param err dynamodb.Error?    nil: it turned out to be a success
---@param trip dynamodb.Trip?
---@param delay number?    until the next attempt, if there is one
---@param class string?    why there is one
function hooks.report(client, call, err, trip, delay, class)
  if next(client.hooks) == nil then return end
  local status = trip and trip.answer and trip.answer.status
  local code, message = err and err.code, err and err.message
  if trip then hooks.answered(client, call, status, trip.elapsed, trip.request_id, err) end
  if err and core.classify(err.status, code) == "throttling" then
    hooks.tell(client, "on_throttle", call, { status = status, code = code, delay = delay, reasons = err.throttling })
  end
  if delay then
    hooks.tell(client, "on_retry", call,
      { status = status, code = code, message = message, delay = delay, class = class })
  end
end

return hooks
