--- Many users at once. What DynamoDB leaves over is sent again, after a delay, until all of it is done.
local dynamodb = require "dynamodb"
local http = require "dynamodb.lambda.http"
local shop = require "shop"

local batch = {}
local functions = {}

--- POST /batch/users, a list of users
function functions.create(request)
  local list, err = request:json "list"
  if not list then return nil, err end
  local items = {}
  for i, user in ipairs(list) do
    if type(user) ~= "table" or type(user.id) ~= "string" or type(user.email) ~= "string"
      or user.name ~= nil and type(user.name) ~= "string" then
      return nil, http.error(400, ("user %d has no id or email, or a name that is no text"):format(i))
    end
    local key = http.input(shop.user_key, user.id)
    items[i] = { pk = key.pk, sk = key.sk, entityType = "User", id = user.id, email = user.email, name = user.name }
  end
  local report
  report, err = shop.table:put_all(items)
  if not report and not err:is "Incomplete" then return nil, err end
  local counts = report or err.report
  return http.json(report and 200 or 207, { done = counts.done, failed = counts.failed, left = counts.unprocessed })
end

--- POST /batch/lookup, { "ids": […] }: the users in that order, null for those that are not there
function functions.lookup(request)
  local body, err = request:json()
  if not body then return nil, err end
  if type(body.ids) ~= "table" or #body.ids > 1000 then
    return nil, http.error(400, "ids, 1000 at most, are required")
  end
  local keys = {}
  for i, id in ipairs(body.ids) do keys[i] = http.input(shop.user_key, id) end
  local found
  found, err = shop.table:get_all(keys, { attributes = { "id", "email", "name" } })
  if not found then return nil, err end
  for i, user in ipairs(found) do found[i] = user or dynamodb.null end
  return { users = found }
end

for name, f in pairs(functions) do batch[name] = http.handler(f) end
batch.functions = functions

return batch
