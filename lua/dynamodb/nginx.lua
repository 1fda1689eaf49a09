--- For programs in nginx: a handler that says what went wrong.
local errors = require "dynamodb.error"
local usage = require "dynamodb.usage"

local nginx = {}

-- What a client of ours is told, by what we were told.
local STATUS = {
  Timeout = 504, DeadlineExceeded = 504,
  ConnectionError = 502, CertificateError = 502, ResponseError = 502,
}

---@param err any    what was raised
---@return integer
local function status_of(err)
  if not errors.is_error(err) then return 500 end
  if STATUS[err.code] then return STATUS[err.code] end
  return err.retryable and 503 or 500
end

local function caught(err)
  return { err = err, traceback = debug.traceback("", 2) }
end

local CAN_ANSWER = { rewrite = true, server_rewrite = true, access = true, content = true }

--- Logs what a handler raised, and answers with a status if that is possible here.
local function conclude(ok, ...)
  if ok then return ... end
  local raised = ...
  if type(raised) ~= "table" or raised.traceback == nil then raised = { err = raised, traceback = "" } end
  ngx.log(ngx.ERR, tostring(raised.err), raised.traceback)
  if not CAN_ANSWER[ngx.get_phase()] then return nil end
  return ngx.exit(ngx.headers_sent and ngx.ERROR or status_of(raised.err))
end

--- A function for nginx to call (in rewrite, access, content, a timer …): whatever `f` raises becomes a line in the
--- error log, with its traceback, and a status: 504 when DynamoDB took too long, 502 when it could not be reached or
--- understood, 503 when it asks for patience, else 500. By itself nginx logs only "unknown reason" for errors like the
--- library's.
---@param f function
---@return function    takes the same arguments
function nginx.handler(f)
  usage.check_type(f, "function", "the function of handler")
  return function(...) return conclude(xpcall(f, caught, ...)) end
end

return nginx
