--- Handlers that do their work once for each key, however often the event comes: what they did is kept in a table, in
--- the layout of Powertools for AWS Lambda.
local canonical = require "dynamodb.lambda.canonical"
local complain = require "dynamodb.lambda.complain"
local core = require "dynamodb.core"
local cors = require "dynamodb.lambda.cors"
local errors = require "dynamodb.error"
local events = require "dynamodb.lambda.events"
local expr = require "dynamodb.expression.operators"
local failure = require "dynamodb.lambda.failure"
local fault = require "dynamodb.lambda.fault"
local requests = require "dynamodb.lambda.request"
local responses = require "dynamodb.lambda.response"
local usage = require "dynamodb.usage"

local idempotency = {}

local OPTIONS = {
  table = true, name = true, key = true, validate = true, ttl = true, lock = true, missing = true, layout = true,
  cache = true, keep = true, cors = true,
}

-- What a client is told by: its own doing. A table that refuses or is not there is none of it.
local TOLD = {
  IdempotencyInProgress = true, IdempotencyKeyMissing = true, IdempotencyMismatch = true,
  IdempotencyResultMissing = true,
}

local LONGEST = 900 -- seconds that an invocation may take. Source: "Lambda quotas" in Lambda's guide

---@class dynamodb.Idempotency    the settings of one handler
---@field table dynamodb.Table
---@field name string
---@field key fun(event: any, request: dynamodb.HttpRequest?): any
---@field validate (fun(event: any, request: dynamodb.HttpRequest?): any)?
---@field ttl number
---@field lock number
---@field missing "error"|"run"
---@field layout "plain"|"python"|"typescript"
---@field keep fun(result: any): boolean
---@field cache table?
---@field cors dynamodb.Cors?

---@param code string
---@param message string
---@param retryable boolean
---@return dynamodb.Error
local function new_error(code, message, retryable)
  return errors.new { code = code, message = message, retryable = retryable, sent = false }
end

--- Is the result one that a repetition shall get, too? A server's failure may be another time.
---@param result any
---@return boolean
local function is_final(result)
  local status = type(result) == "table" and result.statusCode
  return not (type(status) == "number" and (status >= 500 or status == 429))
end

-- ------------------------------------------------------------------------------------------------------ cache ----

---@param self dynamodb.Idempotency
---@param id string
---@param now number
---@return table?
local function recall(self, id, now)
  local known = self.cache and self.cache.items[id]
  return known and known.expiration >= now and known or nil
end

---@param self dynamodb.Idempotency
---@param id string
---@param item table
local function remember(self, id, item)
  local cache = self.cache
  if not cache then return end
  if not cache.items[id] then
    cache.order[#cache.order + 1] = id
    if #cache.order > cache.size then cache.items[table.remove(cache.order, 1)] = nil end
  end
  cache.items[id] = item
end

-- ------------------------------------------------------------------------------------------------------ items ----

--- The key of an item: `id`, or where the table has a sort key, that one.
---@param self dynamodb.Idempotency
---@param keys dynamodb.Schema
---@param id string
---@param function_name string
---@return table
local function key_of(self, keys, id, function_name)
  if not keys.sort then return { [keys.partition] = id } end
  return { [keys.partition] = ("idempotency#%s.%s"):format(function_name, self.name), [keys.sort] = id }
end

---@param self dynamodb.Idempotency
---@return number    seconds since 1970
local function wall_clock(self)
  return self.table.client:runtime():time()
end

--- Takes the key, if nobody has it.
---@param self dynamodb.Idempotency
---@param item table    the key; becomes the item
---@param ctx any
---@param checksum string?
---@return boolean? taken
---@return dynamodb.Error?
local function take(self, item, ctx, checksum)
  local now = wall_clock(self)
  local remaining = type(ctx) == "table" and ctx.remaining_ms and ctx.remaining_ms(ctx)
  if type(remaining) ~= "number" or remaining <= 0 then remaining = self.lock * 1000 end
  local partition = self.table.schema.partition
  item.status = "INPROGRESS"
  item.expiration = math.floor(now + self.ttl)
  item.in_progress_expiration = math.floor(now * 1000 + remaining)
  item.validation = checksum
  item.owner = core.uuid() -- so that no other invocation's item looks like this one
  return self.table:put(item, { where = expr.any(
    { [partition] = expr.missing },
    { expiration = expr.lt(math.floor(now)) },
    { status = "INPROGRESS", in_progress_expiration = expr.lt(math.floor(now * 1000)) }) }) -- not true where missing
end

--- What an earlier run has left.
---@param self dynamodb.Idempotency
---@param item table    completed
---@param checksum string?
---@return boolean? ok
---@return any result    or the failure
local function result_of(self, item, checksum)
  if checksum and item.validation ~= checksum then
    return nil, new_error("IdempotencyMismatch", "the key was used with another payload", false)
  end
  if item.kept == false then
    return nil, new_error("IdempotencyResultMissing", "the work was done, but its result could not be kept", false)
  end
  local data = item.data
  if self.layout ~= "typescript" and type(data) == "string" then
    local decoded, message = core.json_decode(data)
    if message then return nil, new_error("IdempotencyMismatch", "the kept result is not JSON", false) end
    data = decoded
  end
  if data == core.null then data = nil end
  return true, data
end

--- Keeps the result. Where it cannot be kept, that the work was done is all the same.
---@param self dynamodb.Idempotency
---@param key table
---@param item table    as it was taken
---@param result any
---@param ctx any
---@return dynamodb.Error?
---@return table? kept
local function complete(self, key, item, result, ctx)
  if result == nil then result = core.null end
  local kept = { status = "COMPLETED", expiration = math.floor(wall_clock(self) + self.ttl) }
  local function write() return self.table:update(key, { set = kept }, { where = { owner = item.owner } }) end
  local is_json, ok, err = pcall(function()
    kept.data = self.layout == "typescript" and result or core.json_encode(result)
    return write()
  end)
  if not is_json then ok, err = nil, ok end
  if not is_json or not ok and err:is "Validation" then
    complain(ctx, "idempotency", "the result cannot be kept: " .. tostring(err))
    kept.data, kept.kept = nil, false
    ok, err = write()
  end
  if not ok and not err:is "ConditionalCheckFailed" then return err end
  if not ok then complain(ctx, "idempotency", "the work took longer than its key was locked and may be done twice") end
  kept.validation = item.validation
  return nil, kept
end

--- Gives the key back after a failure.
---@param self dynamodb.Idempotency
---@param key table
---@param item table
---@param ctx any
local function release(self, key, item, ctx)
  local ok, err = self.table:delete(key, { where = { owner = item.owner } })
  if not ok and not err:is "ConditionalCheckFailed" then complain(ctx, "idempotency", err) end
end

-- ------------------------------------------------------------------------------------------------------ calls ----

--- Is there nothing that tells one event from another?
---@param value any
---@return boolean
local function is_missing(value)
  if value == nil or value == core.null or value == "" then return true end
  if type(value) ~= "table" then return false end
  for _, member in pairs(value) do
    if member ~= core.null then return false end
  end
  return true
end

--- What one of the program's functions says of an event. A failure that the client may be told, as `http.input` raises
--- it, is no error of the function's.
---@param f fun(event: any, request: dynamodb.HttpRequest?): any
---@param event any
---@param request dynamodb.HttpRequest?
---@param ctx any
---@return any value
---@return dynamodb.Error?
local function ask(f, event, request, ctx)
  local ok, value = xpcall(f, fault.keeper(ctx), event, request)
  if ok then return value end
  if errors.is_error(value) and value.expose then return nil, value end
  error(value, 0)
end

--- The hash of what must be the same; nil where nothing must be. A payload that is not there is one of its own.
---@param self dynamodb.Idempotency
---@param event any
---@param request dynamodb.HttpRequest?
---@param ctx any
---@return string?
---@return dynamodb.Error?
local function checksum_of(self, event, request, ctx)
  if not self.validate then return nil end
  local payload, err = ask(self.validate, event, request, ctx)
  if err then return nil, err end
  if payload == nil then payload = core.null end
  return canonical.hash(payload, self.layout)
end

---@param self dynamodb.Idempotency
---@param handler function
---@param event any
---@param ctx any
---@param request dynamodb.HttpRequest?
---@return boolean? ok
---@return any result    of the handler, now or earlier; or the failure
---@return any err       with a nil of the handler's: it has failed as the library does
local function call(self, handler, event, ctx, request)
  local value, err = ask(self.key, event, request, ctx)
  if err then return nil, err end
  if is_missing(value) then
    if self.missing == "run" then return true, handler(event, ctx) end
    return nil, new_error("IdempotencyKeyMissing", "the event has nothing for an idempotency key", false)
  end
  local keys
  keys, err = self.table:keys {}
  if not keys then return nil, err end
  local function_name = type(ctx) == "table" and ctx.function_name or os.getenv "AWS_LAMBDA_FUNCTION_NAME" or "function"
  local id = ("%s.%s#%s"):format(function_name, self.name, canonical.hash(value, self.layout))
  local checksum
  checksum, err = checksum_of(self, event, request, ctx)
  if err then return nil, err end
  local known = recall(self, id, wall_clock(self))
  if known then return result_of(self, known, checksum) end
  local key, item = key_of(self, keys, id, function_name), key_of(self, keys, id, function_name)
  local taken
  taken, err = take(self, item, ctx, checksum)
  if not taken then
    if not err:is "ConditionalCheckFailed" or not err.item then return nil, err end
    if err.item.status == "COMPLETED" then
      remember(self, id, err.item)
      return result_of(self, err.item, checksum)
    end
    return nil, new_error("IdempotencyInProgress", "the same work is under way", true)
  end
  local ok, result, problem = xpcall(handler, fault.keeper(ctx), event, ctx)
  local failed = result == nil and problem ~= nil
  if not ok or failed or not self.keep(result) then
    release(self, key, item, ctx)
    if not ok then error(result, 0) end
    return true, result, problem
  end
  local completed
  err, completed = complete(self, key, item, result, ctx)
  if err then return nil, err end
  remember(self, id, completed)
  return true, result
end

---@param options table
local function check(options)
  usage.check_type(options, "table", "the options of idempotency.wrap")
  usage.check_names(options, OPTIONS, "option of idempotency.wrap")
  if type(options.table) ~= "table" or type(options.table.keys) ~= "function" then
    usage.raise "idempotency: table must be of db:table"
  end
  if options.table.version then usage.raise "idempotency: the table must have no version" end
  usage.check_type(options.key, "function", "key")
  usage.check_type(options.name, "string", "name")
  for _, name in ipairs { "validate", "keep" } do
    if options[name] ~= nil then usage.check_type(options[name], "function", name) end
  end
  for _, name in ipairs { "ttl", "lock", "cache" } do
    local value = options[name]
    if value ~= nil and (type(value) ~= "number" or not (value > 0 and value <= 2 ^ 31)) then
      usage.raise(("idempotency: %s must be a positive number"):format(name))
    end
  end
  if options.missing ~= nil and options.missing ~= "error" and options.missing ~= "run" then
    usage.raise 'idempotency: missing must be "error" or "run"'
  end
  local layout = options.layout
  if layout ~= nil and layout ~= "plain" and layout ~= "python" and layout ~= "typescript" then
    usage.raise 'idempotency: layout must be "plain", "python" or "typescript"'
  end
end

--- A handler that does its work once for each key. A repetition gets the kept result; one that comes while the work is
--- under way fails with the code IdempotencyInProgress. When the handler raises, or returns `nil, err`, nothing is kept
--- and the next event tries again. For a request of HTTP such failures are responses (409, 422, 400), else they are
--- raised. A result that is too large for an item (400 KB), or no JSON, is not kept, but that the work was done is: a
--- repetition fails with the code IdempotencyResultMissing (409).
---
--- | option | meaning |
--- | --- | --- |
--- | `table` | of `db:table`, its partition `id` (a string); TTL on `expiration` clears it |
--- | `name` | of the work; with the function's name it begins all its keys |
--- | `key` | `f(event, request)`: what makes two events the same; `request` for HTTP (dynamodb.HttpRequest) |
--- | `validate` | `f(event, request)`: what must be the same, too, or it is an IdempotencyMismatch |
--- | `ttl` | seconds that results are kept; 3600 |
--- | `lock` | seconds that work without a known end (`ctx.remaining_ms`) may take; 900 |
--- | `missing` | where `key` gives nil: "error" (code IdempotencyKeyMissing, the default), "run": do it unprotected |
--- | `layout` | "plain"; "python" or "typescript": keys and data as Powertools writes them there by default |
--- | `cache` | how many results are kept in memory as well; none |
--- | `keep` | `f(result)`: keep it? Responses with a status of 500 or more, or 429, are not |
--- | `cors` | as of the `http.handler` within, for the responses to failures |
---
--- What a browser asks before a request (OPTIONS, a preflight) has no key, and goes to the handler as it is.
---
--- A table with a sort key has all items of a handler in one partition.
---@param handler fun(event: any, ctx: any): any, any
---@param options table
---@return fun(event: any, ctx: any): any, any
function idempotency.wrap(handler, options)
  usage.check_type(handler, "function", "handler")
  check(options)
  local self = {
    table = options.table, name = options.name, key = options.key, validate = options.validate,
    ttl = options.ttl or 3600, lock = options.lock or LONGEST, missing = options.missing or "error",
    layout = options.layout or "plain", keep = options.keep or is_final,
    cache = options.cache and { size = options.cache, items = {}, order = {} }, cors = cors.new(options.cors),
  }
  return function(event, ctx)
    local readable, err, unreadable = requests.new(event)
    local request = readable or unreadable
    if request and cors.is_preflight(request) then return handler(event, ctx) end
    local ok, result, problem = nil, err, nil
    if not unreadable then ok, result, problem = call(self, handler, event, ctx, readable) end
    if ok then return result, problem end
    if not request then error(result, 0) end
    local id = type(ctx) == "table" and ctx.request_id or request.request_id
    local is_told = result.expose or result.retryable or TOLD[result.code]
    local response, is_ours = failure.response(is_told and result or nil, id)
    if is_ours then complain(ctx, "idempotency", result) end
    if self.cors then cors.add(self.cors, request, response) end
    return responses.render(response, events.source(event), event)
  end
end

return idempotency
