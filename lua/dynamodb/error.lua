--- The one kind of failure that the library returns: what the network, the service or the data did.
local core = require "dynamodb.core"
local printable = require "dynamodb.printable"

local error_methods = {}
local error_mt = { __name = "dynamodb.Error", __index = error_methods }

---@class dynamodb.Error
---@field code string          the service's name without its namespace, or `Timeout`, `ConnectionError`, …
---@field message string
---@field status integer?      HTTP status, if there was an answer
---@field request_id string?   what AWS support asks for
---@field operation string?    `PutItem`, …
---@field table string?        its name or ARN, where the operation is on one
---@field retryable boolean    may the same call succeed a moment later, and do no harm?
---@field attempts integer?    how often it was tried
---@field waited number?       seconds between the attempts
---@field stopped_by string?   why it was not tried again though that might help: "max_attempts", "quota" (what a client
---                            may spend on retries), "deadline" or "ambiguous"
---@field item table?          the item that made a condition fail, decoded
---@field reasons table[]?     of a cancelled transaction, in request order: `{ code=, message=, item= }`
---@field throttling table[]?  of a throttled request: `{ reason=, resource= }`
---@field sent boolean?        may the request have arrived?
---@field ambiguous boolean?   is it unknown whether the write was applied?
---@field private doubted boolean?     was there an attempt of which it is unknown whether it was applied?
---@field retry_after number?  seconds that the service asks to wait, of a batch's request
---@field cursor string?       of reading: where another query can go on
---@field report table?        of bulk work that is Incomplete: what came of it
---@field cause any            of bulk work: the failure that ended it, or what the source of the items raised
---@field state string?         of a wait: the last state that was seen
---@field step dynamodb.PlanStep?   of a change of a table: the step that failed
---@field problems string[]?    of an ImpossibleChange: what cannot be done
---@field body table?          the whole decoded answer of the service
---@field private is_final boolean?    of credentials: asking again does not help, somebody has to do something

--- The code without the ending that some of AWS's names carry and others do not.
---@param code string
---@return string
local function stem(code)
  return (code:gsub("Exception$", ""))
end

--- Does this failure have the given code? With or without the `Exception` ending.
---@param code string    e.g. "ConditionalCheckFailed" or "ConditionalCheckFailedException"
---@return boolean
function error_methods:is(code)
  return type(code) == "string" and stem(self.code) == stem(code)
end

--- "Code: message (PutItem of users, HTTP 400, request id …)".
function error_mt:__tostring()
  local notes = {}
  local of_table = self.table and " of " .. printable(self.table) or ""
  if self.operation then notes[#notes + 1] = self.operation .. of_table end
  if self.status then notes[#notes + 1] = "HTTP " .. self.status end
  if self.request_id then notes[#notes + 1] = "request id " .. self.request_id end
  if self.attempts and self.attempts > 1 then notes[#notes + 1] = self.attempts .. " attempts" end
  if self.ambiguous then notes[#notes + 1] = "it is unknown whether the write was applied" end
  local text = self.code
  if self.message and self.message ~= "" then text = text .. ": " .. self.message end
  if #notes > 0 then text = text .. " (" .. table.concat(notes, ", ") .. ")" end
  return text
end

local errors = {}

--- A failure object of the given fields (`code` is required).
---@param fields table    becomes the object
---@return dynamodb.Error
function errors.new(fields)
  fields.message = fields.message or ""
  if fields.retryable == nil then
    local class = core.classify(fields.status, fields.code, fields.sent)
    -- A wrong clock and old credentials do not become right by themselves.
    fields.retryable = class ~= nil and class ~= "clock_skew" and class ~= "expired"
  end
  return setmetatable(fields, error_mt)
end

--- Is `value` a failure object of this library?
---@param value any
---@return boolean
function errors.is_error(value)
  return type(value) == "table" and getmetatable(value) == error_mt
end

--- A failure that several callers get: each may add to its own.
---@param err dynamodb.Error
---@return dynamodb.Error
function errors.copy(err)
  local fields = {}
  for name, value in pairs(err) do fields[name] = value end
  return errors.new(fields)
end

local MESSAGE_LIMIT = 2000 -- bytes kept of a body that is not JSON (a proxy's error page)

--- A pattern that matches `secret` and nothing else.
local function pattern_of(secret)
  return (secret:gsub("%W", "%%%0"))
end

--- The secret replaced in all texts of a value: AWS quotes the canonical request, session token and all, when it
--- refuses a signature. Items are the program's own data and stay as they are.
---@param value any
---@param pattern string    of the secret
---@return any
local function redact_value(value, pattern)
  if type(value) == "string" then return (value:gsub(pattern, "[redacted]")) end
  if type(value) ~= "table" then return value end
  local renamed
  for key, member in pairs(value) do
    local is_item = (key == "Item" or key == "item") and type(member) == "table"
    if not is_item then value[key] = redact_value(member, pattern) end
    if type(key) == "string" and key:find(pattern) then
      renamed = renamed or {}
      renamed[key] = redact_value(key, pattern)
    end
  end
  for old, new in pairs(renamed or {}) do value[old], value[new] = nil, value[old] end
  return value
end

---@param text string
---@return string    on one line
local function one_line(text)
  return (printable(text):gsub("%s", " "))
end

--- The text of a page that is not DynamoDB's, short.
---@param text string
---@return string
local function excerpt(text)
  text = printable(text:sub(1, MESSAGE_LIMIT + 8)) -- what this cut leaves of a character goes with the next one
  if #text > MESSAGE_LIMIT then text = text:sub(1, MESSAGE_LIMIT):gsub("[\194-\244][\128-\191]*$", "") end
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

--- Takes secrets out of a failure, and makes its texts fit for a log.
---@param err dynamodb.Error
---@param credentials table    the secret and the token are what must not show
---@return dynamodb.Error
function errors.redact(err, credentials)
  for _, name in ipairs { "session_token", "secret_access_key" } do
    local secret = credentials[name]
    if secret and #secret >= 8 then
      local pattern = pattern_of(secret)
      for _, field in ipairs { "code", "message", "request_id", "reasons", "throttling", "body" } do
        err[field] = redact_value(err[field], pattern)
      end
    end
  end
  err.code = one_line(err.code)
  err.request_id = err.request_id and one_line(err.request_id)
  err.message = err.body and printable(err.message) or excerpt(err.message) -- cut only now: a half secret is one, too
  for _, reason in ipairs(err.reasons or {}) do
    reason.code, reason.message = one_line(reason.code), reason.message and printable(reason.message)
  end
  return err
end

return errors
