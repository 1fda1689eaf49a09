--- A Lambda function in Lua: `require("dynamodb.lambda").start(handler)`. The `bootstrap` of `make lambda` calls it,
--- with the handler that the function is configured for; a program for stock Lua calls it itself.
local handlers = require "dynamodb.lambda.handler"
local runtime = require "dynamodb.lambda.runtime"
local usage = require "dynamodb.usage"

local lambda = {}

local OPTIONS = { shutdown = "function", before_checkpoint = "function", after_restore = "function", raw = "boolean" }

---@param options any
---@return string? problem
local function check(options)
  if type(options) ~= "table" then return ("the options must be a table, not a %s"):format(type(options)) end
  local unknown = usage.unknown_name(options, OPTIONS, "option of lambda")
  if unknown then return unknown end
  for name, value in pairs(options) do
    if type(value) ~= OPTIONS[name] then
      return ("%s must be a %s, not a %s"):format(name, OPTIONS[name], type(value))
    end
  end
end

--- Serves events of AWS Lambda, one after the other, until the process is ended; does not return.
---
--- The handler is called with the event, decoded from JSON, and a `dynamodb.lambda.Context`. What it returns is encoded
--- as JSON and sent. It fails by `error(…)` or by returning `nil` and an error: a text, a `dynamodb.Error` or a table
--- `{ type = "OrderNotFound", message = "…" }`. Calls of DynamoDB that it makes end before the invocation does.
---
--- | option | meaning |
--- | --- | --- |
--- | `shutdown` | a function that is called at the end of the environment (SIGTERM), 500 ms before it is killed |
--- | `before_checkpoint`, `after_restore` | functions that are called around a snapshot (SnapStart) |
--- | `raw` | `true`: the event is given as the bytes that came |
---
--- A handler that is loaded by its name may have them as `lambda` beside it, `return { handler = f, lambda = { … } }`:
--- those hold instead of these.
---@param handler function|string|nil    a name is "dir/file.func", nil the one in `_HANDLER`
---@param options table?
function lambda.start(handler, options)
  if not os.getenv "AWS_LAMBDA_RUNTIME_API" then
    usage.raise "start: AWS_LAMBDA_RUNTIME_API is not set; this is neither Lambda nor an emulator of it"
  end
  if handler == nil then handler = os.getenv "_HANDLER" or "" end
  if type(handler) ~= "string" and not handlers.is_callable(handler) then
    usage.raise(("start: the handler must be a function or its name, not a %s"):format(type(handler)))
  end
  if options == nil then options = {} end
  local problem = check(options)
  if problem then usage.raise("start: " .. problem) end
  runtime.run(handler, options, check)
end

return lambda
