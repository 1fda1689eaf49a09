--- The check of an answer: its checksum, its encoding, its status; then a decoded table or a failure, nothing between.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local model = require "dynamodb.model"

local response = {}

local error_shape -- compiled at the first error

---@param value any
---@return string?
local function text_or_nil(value)
  if type(value) == "string" and value ~= "" then return value end
end

--- "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException:http://…" -> "ResourceNotFoundException".
--- Source: Smithy's AWS JSON 1.0 protocol, "Operation error serialization". A comma ends the first of two headers that
--- a proxy joined.
---@param code string
---@return string
local function sanitise(code)
  return (code:gsub("[:,].*$", ""):gsub("^.*#", ""))
end

--- A code of the body; a gateway's may be a number.
---@param value any
---@return string?
local function code_or_nil(value)
  return type(value) == "number" and ("%.14g"):format(value) or text_or_nil(value)
end

---@param list any    CancellationReasons, decoded
---@return table[]?
local function cancellation_reasons(list)
  if type(list) ~= "table" then return nil end
  local reasons = {}
  for i, reason in ipairs(list) do
    local known = type(reason) == "table"
    reasons[i] = {
      code = known and text_or_nil(reason.Code) or "None",
      message = known and text_or_nil(reason.Message) or nil,
      item = known and type(reason.Item) == "table" and reason.Item or nil,
    }
  end
  return reasons
end

---@param value any
---@return table?
local function table_or_nil(value)
  return type(value) == "table" and value or nil
end

---@param answer table
---@param request_id string?
---@param message string
---@return dynamodb.Error
local function unusable(answer, request_id, message)
  return errors.new {
    code = "ResponseError",
    message = message,
    status = answer.status,
    request_id = request_id,
    sent = true,
  }
end

--- The failure that an answer with an error status tells of.
---
--- Code: body `__type`, else `code` or `Code`, else the header `x-amzn-errortype`, else the status.
---@param answer table
---@param text string          the body, inflated
---@param request_id string?
---@param options userdata?    core.options
---@return dynamodb.Error
local function failure(answer, text, request_id, options)
  error_shape = error_shape or core.shape(model.error)
  local decoded = core.decode(error_shape, text, options)
  local body = decoded or {}
  local code = code_or_nil(body.__type) or code_or_nil(body.code) or code_or_nil(body.Code)
    or text_or_nil(core.header(answer.head, "x-amzn-errortype"))
  code = code and text_or_nil(sanitise(code)) or ("%d"):format(answer.status)
  local message = text_or_nil(body.message) or text_or_nil(body.Message)
  return errors.new {
    code = code,
    message = message or not decoded and text or "", -- a page that is not JSON: `errors.redact` cuts it
    status = answer.status,
    request_id = request_id,
    item = table_or_nil(body.Item),
    reasons = cancellation_reasons(body.CancellationReasons),
    throttling = table_or_nil(body.ThrottlingReasons) or table_or_nil(body.throttlingReasons),
    body = decoded,
    sent = true,
  }
end

--- The item that made a condition fail, as it is on the wire: `{ pk = { S = "a" } }`.
---@param answer table
---@param limit integer    bytes that a compressed body may inflate to
---@return table?
function response.wire_item(answer, limit)
  local body = core.content(answer.head, answer.body, limit)
  local decoded = body and core.json_decode(body)
  return type(decoded) == "table" and table_or_nil(decoded.Item) or nil
end

--- Checks and decodes an answer.
---@param answer table         { status=, head=, body= }
---@param shape userdata?      of the operation's output; nil if no AttributeValue is in it
---@param options userdata?    core.options
---@param limit integer        bytes that a compressed body may inflate to
---@return table? value        an empty body is an empty table where no item can be in the answer
---@return dynamodb.Error?
---@return string? request_id
function response.check(answer, shape, options, limit)
  local body, request_id, message = core.content(answer.head, answer.body, limit)
  if not body then return nil, unusable(answer, request_id, message), request_id end
  if answer.status < 200 or answer.status >= 300 then
    return nil, failure(answer, body, request_id, options), request_id
  end
  -- DynamoDB answers at least `{}`, AWS's protocol allows nothing where an operation has no output. Where items come
  -- back (also old ones, of writes), an empty body is a proxy's: a read would find nothing, a write would be done.
  if shape and body == "" then return nil, unusable(answer, request_id, "the body is empty"), request_id end
  local value
  value, message = core.decode(shape, body, options)
  if not value then return nil, unusable(answer, request_id, "the body cannot be read: " .. message), request_id end
  return value, nil, request_id
end

--- Checks an answer whose body is read elsewhere.
---@param answer table         { status=, head=, body= }
---@param options userdata?    core.options, for what stands in a failure
---@param limit integer        bytes that a compressed body may inflate to
---@return string? body
---@return dynamodb.Error?
---@return string? request_id
function response.text(answer, options, limit)
  local body, request_id, message = core.content(answer.head, answer.body, limit)
  if not body then return nil, unusable(answer, request_id, message), request_id end
  if answer.status >= 200 and answer.status < 300 then
    if not body:find("%S") then return nil, unusable(answer, request_id, "the body is empty"), request_id end
    return body, nil, request_id
  end
  local err = failure(answer, body, request_id, options)
  local wait = core.header(answer.head, "x-amz-retry-after")
  if wait and wait:find("^%d+$") then err.retry_after = tonumber(wait) / 1000 end
  return nil, err, request_id
end

return response
