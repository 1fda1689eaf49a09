--- SIGTERM: Lambda sends it to a runtime only where an extension is registered. This one, inside of the function's own
--- process, asks for no events; its wait for the next one is never answered, and so it is never read.
--- Source: AWS Lambda Developer Guide, "Using the Lambda Extensions API to create extensions".
local core = require "dynamodb.core"

local PATH = "/2020-01-01/extension/"

local extension = {}

--- Registers it.
---@param api dynamodb.lambda.Api     of its own: the connection stays in its wait
---@return dynamodb.lambda.Api?       to be kept for as long as the function lives
---@return string? message
function extension.register(api)
  local answer, message = api:call("POST", PATH .. "register", "Lambda-Extension-Name: dynamodb-lua\r\n"
    .. "Content-Type: application/json\r\n", '{"events":[]}')
  if not answer then return nil, message end
  local identifier = core.header(answer.head, "lambda-extension-identifier")
  if answer.status >= 300 or not identifier then return nil, ("HTTP status %d"):format(answer.status) end
  local connection
  connection, message = api:ready()
  if not connection then return nil, tostring(message) end
  local sent
  sent, message = connection.socket:send(core.http_request("GET", PATH .. "event/next",
    ("%sLambda-Extension-Identifier: %s\r\n"):format(api.headers, identifier), "", true))
  if not sent then return nil, message end
  return api
end

return extension
