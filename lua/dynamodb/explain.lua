--- What a function of the program's would send, without sending it.
---
--- A client that explains has a list in `explained`; `request.perform` puts each request into it that is ready to go,
--- and answers it with a failure. What has to be asked for the sake of the requests (a table's keys) is sent all the
--- same; meanwhile the list is put aside, since other tasks may run and send what they like.
local errors = require "dynamodb.error"
local layout = require "dynamodb.explain.layout"
local usage = require "dynamodb.usage"

local explain = {}

local request_mt = { __name = "dynamodb.ExplainedRequest", __tostring = layout.request }

local list_mt = { __name = "dynamodb.ExplainedRequests" }

---@class dynamodb.ExplainedRequest
---@field operation string
---@field service "dynamodb"|"dynamodbstreams"
---@field target string    the header X-Amz-Target
---@field body string      the bytes

function list_mt:__tostring()
  local texts = {}
  for i, one in ipairs(self) do texts[i] = tostring(one) end
  return table.concat(texts, "\n\n")
end

--- Notes a request instead of sending it.
---@param client dynamodb.Client
---@param call dynamodb.Call
---@param service string
---@return dynamodb.Error    code Explained
function explain.note(client, call, service)
  local list = client.explained
  list[#list + 1] = setmetatable({
    operation = call.operation, service = service, target = call.target, body = call.body,
  }, request_mt)
  return errors.new {
    code = "Explained", message = "it was not sent: db:explain shows what it would be", operation = call.operation,
    attempts = 0, waited = 0, retryable = false, sent = false, ambiguous = false,
  }
end

--- Sends what is needed to know what would be sent.
---@param client dynamodb.Client
---@param send function
---@param runtime table
---@param call dynamodb.Call
---@return any ...    what `send` returns
function explain.aside(client, send, runtime, call)
  local list = client.explained
  client.explained = nil
  local ok, value, err, request_id, exact = pcall(send, client, runtime, call)
  client.explained = list
  if not ok then error(value, 0) end
  return value, err, request_id, exact
end

--- As `db:explain`.
---@param client dynamodb.Client
---@param f fun()
---@return dynamodb.ExplainedRequest[]
function explain.run(client, f)
  usage.check_type(f, "function", "what db:explain runs")
  local outer, list = client.explained, setmetatable({}, list_mt)
  client.explained = list
  local ok, raised = pcall(f)
  client.explained = outer
  if not ok and not (errors.is_error(raised) and raised.code == "Explained") then error(raised, 0) end
  return list
end

return explain
