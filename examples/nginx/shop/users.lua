--- Users: each an item that must not be made twice.
local dynamodb = require "dynamodb"
local tables = require "shop.tables"
local web = require "shop.web"

local e = dynamodb.expr

-- Read often, written seldom: through a cache that all workers of this machine share. What another machine writes is
-- seen here five seconds later; while DynamoDB is in trouble, what was known is good for five minutes.
local items = tables.open("items"):cached { dict = "dynamodb", ttl = 5, stale = 300, negative = 1 }

local YEAR = 365 * 24 * 60 * 60
local FIELDS = { email = "string", name = "string" }

local users = {}

local function key_of(id) return { pk = "USER#" .. id, sk = "PROFILE#" .. id } end

--- What others may see of a user.
local function public(user)
  return {
    id = user.id, email = user.email, name = user.name, createdAt = user.createdAt, updatedAt = user.updatedAt,
  }
end

--- POST /users
function users.create()
  local given = web.fields({ id = "string", email = "string", name = "string" }, { "id", "email", "name" })
  if not given.id:find "^[%w_-]+$" or #given.id > 64 then return web.refuse(400, "id: letters, digits, - and _") end
  local user, now = key_of(given.id), dynamodb.time.iso()
  user.entityType, user.id, user.email, user.name = "User", given.id, given.email, given.name
  user.createdAt, user.updatedAt, user.ttl = now, now, dynamodb.time.ttl(YEAR)
  local ok, err = items:create(user)
  if ok then return web.reply(201, { success = true, user = public(user) }) end
  if err:is "ConditionalCheckFailed" then return web.refuse(409, "User already exists") end
  error(err)
end

--- GET /users/{id}
function users.get(id)
  local user, err, meta = items:get(key_of(id))
  if err then error(err) end
  ngx.header.x_cache = meta.cache
  if not user then return web.refuse(404, "User not found") end
  return web.reply(200, public(user))
end

--- PATCH /users/{id}. Names in `set` are whole attributes: a body cannot reach into a document, or at the key.
function users.update(id)
  local changes = web.fields(FIELDS, {})
  changes.updatedAt = dynamodb.time.iso()
  local user, err = items:update(key_of(id), { set = changes }, { where = e.exists "pk", returns = "ALL_NEW" })
  if user then return web.reply(200, public(user)) end
  if err:is "ConditionalCheckFailed" then return web.refuse(404, "User not found") end
  error(err)
end

--- DELETE /users/{id}
function users.delete(id)
  local user, err = items:delete(key_of(id), { where = e.exists "pk", returns = "ALL_OLD" })
  if user then return web.reply(200, { deleted = public(user) }) end
  if err:is "ConditionalCheckFailed" then return web.refuse(404, "User not found") end
  error(err)
end

return users
