--- Publish of Amazon SNS: a request of another service, signed by the library's signer and sent by its transport.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"

local sns = {
  runtime = nil, -- what sends; libcurl at the first use
}

local function escape(text)
  return (text:gsub("[^%w%-%._~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

--- Publishes a message.
---@param topic string      ARN
---@param subject string
---@param message string
---@return true?
---@return dynamodb.Error?
function sns.publish(topic, subject, message)
  sns.runtime = sns.runtime or require("dynamodb.runtime.plain").new()
  local region = topic:match "^arn:[^:]*:sns:([^:]+):"
  local host = ("sns.%s.amazonaws.com"):format(region)
  local body = ("Action=Publish&Version=2010-03-31&TopicArn=%s&Subject=%s&Message=%s"):format(escape(topic),
    escape(subject), escape(message))
  local headers = { { "Host", host }, { "Content-Type", "application/x-www-form-urlencoded" } }
  local signer = core.signer {
    access_key_id = os.getenv "AWS_ACCESS_KEY_ID", secret_access_key = os.getenv "AWS_SECRET_ACCESS_KEY",
    session_token = os.getenv "AWS_SESSION_TOKEN", region = region, service = "sns",
  }
  local signed = signer:sign({ method = "POST", path = "/", headers = headers, body = body }, sns.runtime:time())
  for name, value in pairs(signed) do headers[#headers + 1] = { name, value } end
  local lines = {}
  for i, header in ipairs(headers) do lines[i] = header[1] .. ": " .. header[2] .. "\r\n" end
  local response, err = sns.runtime:send({
    method = "POST", host = host, path = "/", head = table.concat(lines), body = body,
    repeat_safe = false,                 -- a second message would be a second notification
  }, sns.runtime:now() + 5)
  if not response then return nil, err end
  if response.status == 200 then return true end
  local code = response.body:match "<Code>([%w.]+)</Code>" or tostring(response.status)
  return nil, errors.new { code = code, message = "SNS refused the message", status = response.status }
end

return sns
