--- What all functions share: one client, which lives as long as the execution environment, the table, and its keys.
local dynamodb = require "dynamodb"

local shop = {}

-- Region and credentials come from the environment; no request is made here. Connections are kept between invocations.
local cursor_key = os.getenv "CURSOR_KEY"
shop.db = dynamodb.connect {
  timeout = 5,                           -- seconds for a call with all its attempts
  retry = { max_attempts = 3 },
  unsupported = "skip",                  -- what DynamoDB cannot hold is left out of items
  cursor_keys = cursor_key and { cursor_key },
}

--- One declaration makes the table (`db:ensure_table`) and uses it.
shop.spec = {
  name = os.getenv "TABLE_NAME" or "shop", partition = "pk", sort = "sk",
  types = { total = "N" },
  indexes = {
    GSI1 = { partition = "GSI1PK", sort = "GSI1SK" },
    LSI1 = { sort = "total", kind = "local" },
  },
  ttl = "ttl", stream = "NEW_AND_OLD_IMAGES",
  stamps = true,                         -- createdAt and updatedAt, in every write
}
shop.table = shop.db:table(shop.spec.name, shop.spec)

--- Results of work that is done once: see dynamodb.lambda.idempotency.
shop.idempotency_spec = {
  name = os.getenv "IDEMPOTENCY_TABLE" or "shop-idempotency", partition = "id", ttl = "expiration",
}
shop.idempotency = shop.db:table(shop.idempotency_spec.name, shop.idempotency_spec)

local SORT = { max_bytes = 1024 }        -- half of what a partition key may have

-- Parts of keys come from requests: a template refuses what would reach into another key, or is too long for one.
shop.keys = {
  user = dynamodb.key "USER#{id}",
  profile = dynamodb.key("PROFILE#{id}", SORT),
  order = dynamodb.key("ORDER#{created}#{id}", SORT),
  status = dynamodb.key "STATUS#{status}",
  account = dynamodb.key "ACCOUNT#{id}",
  transfer = dynamodb.key("TXN#{id}", SORT),
  product = dynamodb.key "PRODUCT#{id}",
  upload = dynamodb.key "UPLOAD#{bucket}",
  seen = dynamodb.key "SEEN#{id}",
}

--- The key of a user.
---@param id string
---@return table
function shop.user_key(id)
  return { pk = shop.keys.user(id), sk = shop.keys.profile(id) }
end

local INTERNAL = { pk = true, sk = true, GSI1PK = true, GSI1SK = true, ttl = true, entityType = true }

--- An item as clients see it: without what only the table needs.
---@param item table
---@return table
function shop.public(item)
  local copy = {}
  for name, value in pairs(item) do
    if not INTERNAL[name] then copy[name] = value end
  end
  return copy
end

--- A list of items as clients see them.
---@param items table[]
---@return table[]
function shop.public_list(items)
  local list = dynamodb.list {}
  for i, item in ipairs(items) do list[i] = shop.public(item) end
  return list
end

return shop
