--- HTTP in Lambda: functions that take a request, whichever service brought it, and return what the library gives them.
local complain = require "dynamodb.lambda.complain"
local core = require "dynamodb.core"
local cors = require "dynamodb.lambda.cors"
local errors = require "dynamodb.error"
local events = require "dynamodb.lambda.events"
local failure = require "dynamodb.lambda.failure"
local requests = require "dynamodb.lambda.request"
local responses = require "dynamodb.lambda.response"
local routers = require "dynamodb.lambda.router"
local usage = require "dynamodb.usage"

local http = {}

local OPTIONS = { cors = true, on_failure = true }
local ROUTER_OPTIONS = { cors = true, on_failure = true, prefix = true }

---@param err any
---@param request dynamodb.HttpRequest?
---@param ctx any
local function log_failure(err, request, ctx)
  complain(ctx, request and ("%s %s"):format(request.method, request.path) or "a request", err)
end

--- Tracebacks are for the log only, and error objects say it all themselves.
---@param err any
---@return any
local function with_traceback(err)
  if type(err) == "string" then return debug.traceback(err, 2) end
  return err
end

--- The response that a function's results mean.
---@param value any
---@param err any
---@param request_id string?
---@return dynamodb.HttpResponse
---@return boolean? is_ours
local function response_of(value, err, request_id)
  if responses.is_response(value) then return responses.copy(value) end
  if not value then
    return failure.response(err == nil and requests.failure(404, "Not found") or err, request_id)
  end
  if value == true then return responses.new(204) end
  return responses.json(200, value)
end

--- What a request gets: from its function, or because there is none.
---@param settings table
---@param find function
---@param request dynamodb.HttpRequest
---@param ctx any
---@param id string?
---@param problem dynamodb.Error?    why the request cannot be read
---@return dynamodb.HttpResponse
---@return string? methods    of a preflight: those that may be used
local function respond(settings, find, request, ctx, id, problem)
  local f, methods = find(request)
  if settings.cors and cors.is_preflight(request) and (f or methods) then
    return responses.new(204), methods or request.headers["access-control-request-method"]
  end
  if problem then return failure.response(problem, id) end
  if not f then
    local made = failure.response(requests.failure(methods and 405 or 404,
      methods and "Method not allowed" or "Not found"), id)
    if methods then made.headers.allow = methods end
    return made
  end
  local ok, value, err = xpcall(f, with_traceback, request, ctx)
  if not ok then value, err = nil, value end
  -- Making JSON of it may raise, too: a value of no JSON type is a failure of the function.
  local made, is_ours
  ok, made, is_ours = xpcall(response_of, with_traceback, value, err, id)
  if not ok then
    err = made
    made, is_ours = failure.response(err, id)
  end
  if is_ours then settings.on_failure(err, request, ctx) end
  return made
end

--- The function for Lambda.
---@param settings table
---@param find function    gives the function for a request, or nil and the methods that its path has
---@return fun(event: table, ctx: any): table
local function make(settings, find)
  return function(event, ctx)
    if type(event) == "string" then event = core.json_decode(event) end
    local source = events.source(event)
    local readable, err, unreadable = requests.new(event)
    local request = readable or unreadable
    if not request then error(err, 0) end
    local id = type(ctx) == "table" and ctx.request_id or request.request_id
    local made, methods = respond(settings, find, request, ctx, id, err)
    if settings.cors then cors.add(settings.cors, request, made, methods) end
    if request.method == "HEAD" then made.body = nil end
    return responses.render(made, source, event)
  end
end

---@param options table?
---@param known table<string, boolean>
---@param method string
---@return table settings
local function settings_of(options, known, method)
  options = options or {}
  usage.check_type(options, "table", "the options of " .. method)
  usage.check_names(options, known, "option of " .. method)
  if options.on_failure ~= nil then usage.check_type(options.on_failure, "function", "on_failure") end
  return { cors = cors.new(options.cors), on_failure = options.on_failure or log_failure }
end

--- A function for Lambda, of one that takes a `dynamodb.HttpRequest` and the invocation's context. It may return a
--- response (`http.json`, `http.response`), or what the library returns:
---
--- | returned | response |
--- | --- | --- |
--- | a table, an item | 200 and its JSON |
--- | `true` | 204 |
--- | `nil`, without an error | 404 |
--- | `nil, err`, or raised | by the error, see below; what is no error object is a 500 |
---
--- | error | response |
--- | --- | --- |
--- | `http.error(status, message)` | these |
--- | ConditionalCheckFailed, a transaction cancelled by one, TransactionConflict, DuplicateItem | 409 |
--- | ValidationException, InvalidCursor | 400 |
--- | throttled, and whatever else may succeed a moment later | 503 with Retry-After |
--- | any other one, and a write of which it is unknown whether it was applied | 500 |
---
--- The body is `{ "error": "…", "requestId": "…" }` and has nothing of the error; that of a 5xx goes to the log.
---@param f fun(request: dynamodb.HttpRequest, ctx: any): any, any
---@param options? table    cors (origins = "*" or a list, headers, expose, credentials, max_age), on_failure (a
---                         function of err, request and ctx instead of the log, for each 5xx)
---@return fun(event: table, ctx: any): table    raises an error object with the code InvalidEvent on what is no event
---                                              of API Gateway, a function URL or a load balancer
function http.handler(f, options)
  usage.check_type(f, "function", "the function of http.handler")
  return make(settings_of(options, OPTIONS, "http.handler"), function() return f end)
end

--- A router: `router:get("/users/{id}", f)`, `post`, `put`, `patch`, `delete`, `route(method, pattern, f)`, and
--- `router:handler()`, which is the function for Lambda. Its functions are as those of `http.handler`.
---@param options? table    cors and on_failure as of `http.handler`; prefix: what all paths begin with ("/v1")
---@return dynamodb.Router
function http.router(options)
  local settings = settings_of(options, ROUTER_OPTIONS, "http.router")
  return routers.new(options and options.prefix, function(find) return make(settings, find) end)
end

--- The request of an event, for functions that do without `http.handler`.
---@param event table
---@return dynamodb.HttpRequest?
---@return dynamodb.Error?    code InvalidEvent, or status 400: the body cannot be read, or the URL is not UTF-8
function http.request(event)
  local request, err = requests.new(event)
  return request, err
end

--- A response of plain JSON.
---@param status integer
---@param value any            an item, a list of them, …: as `dynamodb.to_json` writes it
---@param headers? table       by name: a text, or a list of them
---@param cookies? string[]    whole Set-Cookie values
---@return dynamodb.HttpResponse
function http.json(status, value, headers, cookies)
  return responses.json(status, value, headers, cookies)
end

--- A response.
---@param status integer
---@param body? string|userdata    text or bytes; bytes that are not UTF-8 are sent as base64
---@param headers? table
---@param cookies? string[]
---@return dynamodb.HttpResponse
function http.response(status, body, headers, cookies)
  return responses.new(status, body, headers, cookies)
end

--- The response as its source wants it, for functions that do without `http.handler`.
---@param response dynamodb.HttpResponse
---@param event table    the one that brought the request
---@return table
function http.render(response, event)
  if not responses.is_response(response) then
    usage.raise "http.render: the first argument must be of http.json or http.response"
  end
  local source = events.source(event)
  if source ~= "rest" and source ~= "http" and source ~= "url" and source ~= "alb" then
    usage.raise "http.render: the event is of no HTTP request"
  end
  return responses.render(response, source, event)
end

--- A failure that the client is told: `return nil, http.error(404, "User not found")`, or raised.
---@param status integer    400 to 599
---@param message string
---@return dynamodb.Error
function http.error(status, message)
  if type(status) ~= "number" or status < 400 or status > 599 or status % 1 ~= 0 then
    usage.raise("the status of an error must be a whole number from 400 to 599")
  end
  usage.check_type(message, "string", "the message of an error")
  return requests.failure(status, message)
end

--- What a protected call returned; a mistake is the client's.
local function settle(ok, ...)
  if ok then return ... end
  local err = ...
  if errors.is_error(err) then error(err, 0) end
  local made = requests.failure(400, "Bad request")
  made.cause = err
  return error(made, 0)
end

--- Calls `f` with what came from outside. What would be the program's mistake elsewhere (a key's part that contains the
--- separator, a value that DynamoDB cannot hold) is the client's here: it raises an error with the status 400. Error
--- objects that `f` raises stay what they are.
---
--- ```lua no-run
--- local key = http.input(user_key, request.params.id)
--- ```
---@param f function
---@param ... any
---@return any ...    what `f` returns
function http.input(f, ...)
  return settle(pcall(f, ...))
end

return http
