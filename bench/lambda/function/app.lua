--- What is measured: a handler that does nothing, and the getUser of an HTTP API.
local app = {}

function app.bare() return "ok" end

local users

function app.get_user(event)
  users = users or require("dynamodb").connect {}:table("users", { partition = "pk", sort = "sk" })
  local id = event.pathParameters.id
  local user, err = users:get({ pk = "USER#" .. id, sk = "PROFILE#" .. id }, { attributes = { "pk", "sk", "name" } })
  if err then return nil, err end
  if not user then return { statusCode = 404, body = '{"message":"no such user"}' } end
  return { statusCode = 200, body = require("dynamodb").to_json(user) }
end

return app
