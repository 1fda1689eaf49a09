--- The loop of a Lambda function: load the handler, take the next event, run the handler, send what it gave.
local apis = require "dynamodb.lambda.api"
local contexts = require "dynamodb.lambda.context"
local core = require "dynamodb.core"
local extension = require "dynamodb.lambda.extension"
local fault = require "dynamodb.lambda.fault"
local handlers = require "dynamodb.lambda.handler"
local logs = require "dynamodb.lambda.log"
local system = require "dynamodb.system"
local workers = require "dynamodb.lambda.workers"

local PATH = "/2018-06-01/runtime/"
local JSON = "Content-Type: application/json\r\n"
local TRACE, DEADLINE = "_X_AMZN_TRACE_ID", require("dynamodb.invocation").DEADLINE -- in the environment

local PATIENCE = 6   -- attempts to get the next event
local PAUSE = 0.1    -- seconds after the first one that failed, doubled after each further one
local NOTHING = 0.01 -- seconds after an answer that has no event in it, as one emulator gives them

local LOST, BAD_CHECKPOINT, BAD_RESTORE = 2, 64, 65 -- exit codes, beside workers.CANNOT_BEGIN

---@class dynamodb.lambda.Runtime
---@field api dynamodb.lambda.Api
---@field log dynamodb.lambda.Log
---@field handler function|string    a string until it is loaded
---@field options table              see `lambda.start`
---@field extension dynamodb.lambda.Api?    kept open

---@class dynamodb.lambda.Invocation
---@field request_id string
---@field invocation_id string?    tells the attempts of one request apart
---@field deadline_ms string?
---@field arn string?
---@field trace_id string?
---@field tenant_id string?
---@field client_context string?
---@field identity string?
---@field body string

local HEADERS = {
  request_id = "lambda-runtime-aws-request-id",
  invocation_id = "lambda-runtime-invocation-id",
  deadline_ms = "lambda-runtime-deadline-ms",
  arn = "lambda-runtime-invoked-function-arn",
  trace_id = "lambda-runtime-trace-id",
  tenant_id = "lambda-runtime-aws-tenant-id",
  client_context = "lambda-runtime-client-context",
  identity = "lambda-runtime-cognito-identity",
}

local function quit(code)
  io.stdout:flush()
  os.exit(code)
end

---@param answer dynamodb.lambda.Answer?
---@return boolean
local function is_fine(answer)
  return answer ~= nil and answer.status >= 200 and answer.status < 300
end

---@param self dynamodb.lambda.Runtime
---@param log dynamodb.lambda.Log
---@param what string
---@param answer dynamodb.lambda.Answer?
---@param message string?
local function complain(self, log, what, answer, message)
  log:error(("the Runtime API does not take %s: %s"):format(what,
    answer and ("HTTP status %d, %s"):format(answer.status, answer.body) or message))
  -- Only an error of the API's own says that the process has to end.
  if answer and answer.status >= 500 then self.quit(LOST) end
end

--- Tells of a fault outside of any invocation.
---@param self dynamodb.lambda.Runtime
---@param path string
---@param it dynamodb.lambda.Fault
local function report(self, path, it)
  local body = fault.report(it)
  self.log:fault(body, fault.text(it))
  local answer, message = self.api:call("POST", PATH .. path, fault.headers(it), core.json_encode(body))
  if not is_fine(answer) then complain(self, self.log, "the error", answer, message) end
end

-- ------------------------------------------------------------------------------------------------ an invocation ----

---@param self dynamodb.lambda.Runtime
---@param body string
---@return any
local function decode(self, body)
  if self.options.raw then return body end
  local event, message = core.json_decode(body)
  if message then error(fault.new("Runtime.UnmarshalError", "the event is not JSON: " .. message)) end
  return event
end

--- Decodes, calls, encodes; raises whatever goes wrong.
---@param self dynamodb.lambda.Runtime
---@param invocation dynamodb.lambda.Invocation
---@param ctx dynamodb.lambda.Context
---@return string? body    nil if the response was streamed
local function work(self, invocation, ctx)
  local result, err = self.handler(decode(self, invocation.body), ctx)
  -- The library's own way to fail; as a response it would be a success without a value.
  if result == nil and err ~= nil then error(fault.of(err)) end
  if ctx.response then return nil end
  if result == nil then return "null" end
  local ok, body = pcall(core.json_encode, result)
  if not ok then error(fault.new("Runtime.MarshalError", "the handler's result is not JSON: " .. tostring(body))) end
  return body
end

--- Runs what was put off until the response is on its way.
---@param ctx dynamodb.lambda.Context
local function run_deferred(ctx)
  for _, f in ipairs(ctx.deferred) do
    local ok, raised = xpcall(f, fault.capture)
    if not ok then
      local it = fault.of(raised)
      ctx.log:fault(fault.report(it, ctx.request_id), fault.text(it))
    end
  end
end

---@param self dynamodb.lambda.Runtime
---@param ctx dynamodb.lambda.Context
---@param path string       of the invocation
---@param headers string    of its own
---@param it dynamodb.lambda.Fault
local function send_fault(self, ctx, path, headers, it)
  local body = fault.report(it, ctx.request_id)
  ctx.log:fault(body, fault.text(it))
  local answer, message
  if ctx.response and ctx.response.begun then
    answer, message = ctx.response:finish(it, ctx.request_id)
  else
    answer, message = self.api:call("POST", path .. "/error", headers .. fault.headers(it), core.json_encode(body))
  end
  if not is_fine(answer) then complain(self, ctx.log, "the error", answer, message) end
end

---@param self dynamodb.lambda.Runtime
---@param ctx dynamodb.lambda.Context
---@param path string
---@param headers string
---@param body string?    nil for a streamed one
local function send_result(self, ctx, path, headers, body)
  local answer, message
  if body then
    answer, message = self.api:call("POST", path .. "/response", headers .. JSON, body)
  else
    answer, message = ctx.response:finish(nil, ctx.request_id)
  end
  if is_fine(answer) then return end
  if answer and answer.status == 413 and body then
    send_fault(self, ctx, path, headers, fault.new("Function.ResponseSizeTooLarge",
      ("a response of %d bytes is more than Lambda takes"):format(#body)))
    return
  end
  complain(self, ctx.log, "the response", answer, message)
end

---@param self dynamodb.lambda.Runtime
---@param invocation dynamodb.lambda.Invocation
local function run(self, invocation)
  local path = PATH .. "invocation/" .. apis.encode(invocation.request_id)
  local headers = invocation.invocation_id and ("Lambda-Runtime-Invocation-Id: %s\r\n"):format(invocation.invocation_id)
    or ""
  local ctx, it = contexts.new(invocation, {
    api = self.api, log = self.log, response_path = path .. "/response", response_headers = headers,
  })
  system.setenv(TRACE, invocation.trace_id)
  system.setenv(DEADLINE, ctx.deadline and invocation.deadline_ms)
  local ok, result
  if not it then
    ok, result = xpcall(work, fault.capture, self, invocation, ctx)
    if not ok then it = fault.of(result, ctx.raised) end
  end
  invocation.body = nil
  if it then
    send_fault(self, ctx, path, headers, it)
  else
    send_result(self, ctx, path, headers, result)
  end
  ctx:close()
  run_deferred(ctx)
  system.setenv(TRACE)
  system.setenv(DEADLINE)
  io.stdout:flush()
end

---@param answer dynamodb.lambda.Answer
---@return dynamodb.lambda.Invocation?
local function invocation_of(answer)
  local invocation = { body = answer.body }
  for name, header in pairs(HEADERS) do
    local value = core.header(answer.head, header)
    if value ~= "" then invocation[name] = value end
  end
  return invocation.request_id and invocation
end

--- The next event, as long as it takes; nil after SIGTERM.
---@param self dynamodb.lambda.Runtime
---@return dynamodb.lambda.Invocation?
local function next_invocation(self)
  local failures = 0
  while not system.stopped() do
    local answer, message = self.api:call("GET", PATH .. "invocation/next", nil, nil, true)
    local invocation = answer and answer.status == 200 and invocation_of(answer)
    if invocation then return invocation end
    if answer and answer.status == 204 then
      system.sleep(NOTHING)
    elseif message ~= "stopped" then
      -- What came is not shown: it may be somebody's event.
      if is_fine(answer) then answer, message = nil, "no request id came with the event" end
      complain(self, self.log, "the wait for an event", answer, message)
      failures = failures + 1
      if failures == PATIENCE then self.quit(LOST) end
      system.sleep(PAUSE * 2 ^ (failures - 1))
    end
  end
end

-- ------------------------------------------------------------------------------------------------------- its life ----

--- Calls a function of the options, if it is there.
---@param self dynamodb.lambda.Runtime
---@param name string
---@return dynamodb.lambda.Fault?
local function call_option(self, name)
  if not self.options[name] then return nil end
  local ok, raised = xpcall(self.options[name], fault.capture)
  if not ok then return fault.of(raised) end
end

--- Loads the handler, unless it is a function already.
---@param self dynamodb.lambda.Runtime
local function load_handler(self)
  if type(self.handler) ~= "string" then return end
  local f, options = handlers.load(self.handler)
  if f and options then
    local problem = self.check(options)
    if problem then f, options = nil, fault.new("Runtime.InvalidOptions", problem) end
  end
  if not f then
    report(self, "init/error", options)
    self.quit(workers.CANNOT_BEGIN)
  end
  self.handler, self.options = f, options or self.options
end

--- A snapshot is taken of the process, which goes on in many places.
---@param self dynamodb.lambda.Runtime
local function pass_snapshot(self)
  local it = call_option(self, "before_checkpoint")
  if it then
    report(self, "init/error", it)
    self.quit(BAD_CHECKPOINT)
  end
  local answer, message = self.api:call("GET", PATH .. "restore/next", nil, nil, true)
  if not is_fine(answer) then complain(self, self.log, "the wait for a restore", answer, message) end
  it = call_option(self, "after_restore")
  if it then
    report(self, "restore/error", it)
    self.quit(BAD_RESTORE)
  end
end

--- Has Lambda send SIGTERM before SIGKILL.
---@param self dynamodb.lambda.Runtime
local function register(self)
  local message
  self.extension, message = extension.register(apis.new(self.address))
  if not self.extension then
    self.log:warn("no extension could be registered, so SIGTERM may not come: " .. tostring(message))
  end
end

local WORKER = "_DYNAMODB_LAMBDA_WORKER" -- is this process one of several already?

---@param self dynamodb.lambda.Runtime
local function serve(self)
  system.watch()
  load_handler(self)
  if self.options.shutdown and not os.getenv(WORKER) then register(self) end
  if os.getenv "AWS_LAMBDA_INITIALIZATION_TYPE" == "snap-start" then pass_snapshot(self) end
  while true do
    local invocation = next_invocation(self)
    if not invocation then break end
    run(self, invocation)
  end
  local it = call_option(self, "shutdown")
  if it then self.log:fault(fault.report(it), fault.text(it)) end
  self.quit(0)
end

local runtime = {}

--- Serves a handler; does not return.
---@param handler function|string
---@param options table                      see `lambda.start`
---@param check fun(options: any): string?    what is wrong with the options that a handler's module has
function runtime.run(handler, options, check)
  local address = os.getenv "AWS_LAMBDA_RUNTIME_API"
  local self = {
    address = address, api = apis.new(address), log = logs.new(), handler = handler, options = options, check = check,
    quit = quit,
  }
  io.stdout:setvbuf "line"
  handlers.search()
  local count = tonumber(os.getenv "AWS_LAMBDA_MAX_CONCURRENCY" or "") or 0
  if count < 1 or os.getenv(WORKER) then return serve(self) end
  register(self) -- the workers' functions are not known yet, and later ones are refused
  quit(workers.run(count, function()
    system.setenv(WORKER, "1")
    serve(self)
  end))
end

return runtime
