--- The small requests that providers of credentials make, through the runtime; repeated where no answer or a
--- temporary one came.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local random = require "dynamodb.random"

local http = {}

local BASE, LONGEST = 0.1, 2 -- seconds between attempts

---@param text string
---@return string    percent-encoded, but for the unreserved characters of RFC 3986
function http.escape(text)
  return (text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- "Action=…&Version=…"
---@param pairs_list string[][]    { { name, value }, … } in their order
---@return string
function http.form(pairs_list)
  local parts = {}
  for i, pair in ipairs(pairs_list) do parts[i] = pair[1] .. "=" .. http.escape(pair[2]) end
  return table.concat(parts, "&")
end

---@class dynamodb.credentials.Request
---@field method string
---@field url dynamodb.Url
---@field path string?                 instead of the URL's
---@field headers string[][]?          { { name, value }, … }
---@field body string?
---@field is_direct boolean?           never through a proxy
---@field timeout number?              seconds for one attempt
---@field attempts integer?            3
---@field is_temporary? fun(answer: dynamodb.Response): boolean    beside statuses 429 and 5xx

---@param request dynamodb.credentials.Request
---@return string
local function head_of(request)
  local lines = { "Host: " .. request.url.authority }
  for _, header in ipairs(request.headers or {}) do lines[#lines + 1] = header[1] .. ": " .. header[2] end
  if request.method ~= "GET" then lines[#lines + 1] = "Content-Length: " .. #(request.body or "") end
  return table.concat(lines, "\r\n") .. "\r\n"
end

---@param request dynamodb.credentials.Request
---@param answer dynamodb.Response?
---@param err dynamodb.Error?
---@return boolean
local function may_help(request, answer, err)
  if err then return err.code ~= "CertificateError" end
  return answer.status >= 500 or answer.status == 429 or request.is_temporary ~= nil and request.is_temporary(answer)
end

---@param runtime table
---@param request dynamodb.credentials.Request
---@param deadline number?
---@return dynamodb.Response?
---@return dynamodb.Error?
local function attempt(runtime, request, deadline)
  local due = deadline
  if request.timeout then due = math.min(deadline or math.huge, runtime:now() + request.timeout) end
  local url = request.url
  local answer, err = runtime:send({
    method = request.method,
    scheme = url.scheme,
    host = url.host,
    port = url.port,
    path = request.path or url.path,
    head = head_of(request),
    body = request.body or "",
    repeat_safe = true,
    is_direct = request.is_direct,
  }, due)
  if err and err.code == "DeadlineExceeded" and due ~= deadline and runtime:now() < (deadline or math.huge) then
    err = errors.new { code = "Timeout", message = ("no answer within %g s"):format(request.timeout) }
  end
  return answer, err
end

--- Sends a request, again if need be.
---@param runtime table
---@param request dynamodb.credentials.Request
---@param deadline number?              on the runtime's clock
---@return dynamodb.Response? answer    of any status; the last one
---@return dynamodb.Error?
function http.send(runtime, request, deadline)
  local attempts = request.attempts or 3
  for i = 1, attempts do
    local answer, err = attempt(runtime, request, deadline)
    local delay = random() * math.min(BASE * 2 ^ i, LONGEST)
    local is_last = i == attempts or deadline and runtime:now() + delay >= deadline
    if is_last or not may_help(request, answer, err) then return answer, err end
    runtime:sleep(delay)
  end
end

--- The answer's document.
---@param answer dynamodb.Response
---@return table?    nil if it is not a JSON object
function http.document(answer)
  local value = core.json_decode(answer.body)
  return type(value) == "table" and value or nil
end

--- The caller's time is over, or it was told to stop, and nothing else went wrong.
---@param err dynamodb.Error
---@param runtime table
---@param deadline number?
---@return boolean
function http.is_late(err, runtime, deadline)
  return err.code == "Stopped" or err.code == "DeadlineExceeded" and deadline ~= nil and runtime:now() >= deadline
end

return http
