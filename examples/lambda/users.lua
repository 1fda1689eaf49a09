--- Users: create, read, update, delete.
local dynamodb = require "dynamodb"
local http = require "dynamodb.lambda.http"
local shop = require "shop"

local e = dynamodb.expr
local YEAR = 365 * 24 * 3600

local CHANGEABLE = { "email", "name", "phone" }

--- Are the members that are there texts?
local function are_texts(body, null)
  for _, name in ipairs(CHANGEABLE) do
    if body[name] ~= nil and body[name] ~= null and type(body[name]) ~= "string" then return false end
  end
  return true
end

local users = {}
local functions = {} -- of a request, for the router in api.lua; `users` has the same for Lambda

--- POST /users
function functions.create(request)
  local body, err = request:json()
  if not body then return nil, err end
  if type(body.id) ~= "string" or not body.id:find "^[%w._-]+$" or body.email == nil or not are_texts(body) then
    return nil, http.error(400, "id, of letters and digits, and email are required")
  end
  local key = http.input(shop.user_key, body.id)
  local user = {
    pk = key.pk, sk = key.sk, entityType = "User",
    id = body.id, email = body.email, name = body.name,
    ttl = dynamodb.time.ttl(YEAR),
  }
  local ok
  ok, err = shop.table:create(user)
  if ok then return http.json(201, shop.public(user), { Location = "/users/" .. body.id }) end
  if err:is "ConditionalCheckFailed" then return nil, http.error(409, "User already exists") end
  return nil, err
end

--- GET /users/{id}, and with ?consistent=true what was written a moment ago
function functions.get(request)
  return shop.table:get(http.input(shop.user_key, request.params.id), {
    attributes = { "id", "email", "name", "createdAt" },
    consistent = request.query.consistent == "true",
  })                                     -- an item is a 200, nil a 404, an error what it means
end

--- PATCH /users/{id}: null takes an attribute away, what is not there stays
function functions.update(request)
  local body, err = request:json()
  if not body then return nil, err end
  if not are_texts(body, dynamodb.null) then return nil, http.error(400, "What is changed must be text or null") end
  local changes = { set = {}, remove = {} }
  for _, name in ipairs(CHANGEABLE) do
    local value = body[name]
    if value == dynamodb.null then
      table.insert(changes.remove, name)
    else
      changes.set[name] = value
    end
  end
  if next(changes.set) == nil and #changes.remove == 0 then
    return nil, http.error(400, "There is nothing to change")
  end
  local user
  user, err = shop.table:update(http.input(shop.user_key, request.params.id), changes,
    { where = e.exists "pk", returns = "ALL_NEW" })
  if user then return shop.public(user) end
  if err:is "ConditionalCheckFailed" then return nil, http.error(404, "User not found") end
  return nil, err
end

--- DELETE /users/{id}
function functions.delete(request)
  local old, err = shop.table:delete(http.input(shop.user_key, request.params.id),
    { where = e.exists "pk", returns = "ALL_OLD" })
  if old then return { deleted = shop.public(old) } end
  if err:is "ConditionalCheckFailed" then return nil, http.error(404, "User not found") end
  return nil, err
end

for name, f in pairs(functions) do users[name] = http.handler(f) end
users.functions = functions

return users
