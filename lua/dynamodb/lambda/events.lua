--- What kind of event a function got: by the members that its source gives it.
local events = {}

-- Source: the shape of each event in Lambda's guide, "Invoking Lambda with events from other AWS services".
local RECORDS = {
  ["aws:dynamodb"] = "dynamodb", ["aws:kinesis"] = "kinesis", ["aws:s3"] = "s3", ["aws:sqs"] = "sqs",
  ["aws:sns"] = "sns",
}

---@param value any
---@return table
local function table_of(value)
  return type(value) == "table" and value or {}
end

--- Where an event comes from:
---
--- | | |
--- | --- | --- |
--- | "rest" | API Gateway, payload format 1.0 (REST APIs, and HTTP APIs that are set so) |
--- | "http" | API Gateway, payload format 2.0 (HTTP APIs) |
--- | "url" | a function URL |
--- | "alb" | an Application Load Balancer |
--- | "websocket" | a WebSocket API |
--- | "dynamodb", "kinesis", "s3", "sqs", "sns" | records of these |
--- | "eventbridge" | an EventBridge bus or schedule |
---@param event any        decoded
---@return string? source  nil if it is none of these: a direct invocation
function events.source(event)
  event = table_of(event)
  local context = table_of(event.requestContext)
  if type(context.elb) == "table" then return "alb" end
  if type(context.connectionId) == "string" then return "websocket" end
  if type(context.http) == "table" then
    local domain = context.domainName
    return type(domain) == "string" and domain:find(".lambda-url.", 1, true) and "url" or "http"
  end
  if type(event.httpMethod) == "string" then return "rest" end
  local first = table_of(table_of(event.Records)[1])
  local source = RECORDS[first.eventSource] or RECORDS[first.EventSource]
  if source then return source end
  if type(event["detail-type"]) == "string" and type(event.source) == "string" then return "eventbridge" end
end

return events
