--- Orders: placed once, listed by user, and by status over all users.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local http = require "dynamodb.lambda.http"
local idempotency = require "dynamodb.lambda.idempotency"
local shop = require "shop"

local e, time = dynamodb.expr, dynamodb.time
local WEEK = 7 * 24 * 3600

local orders = {}
local functions = {}

local MOST_ITEMS, MOST_PIECES = 50, 1000
local LEAST_TOTAL, MOST_TOTAL = 0.01, 1e9    -- or nothing at all

--- Products, each of them once, and how many pieces of each. What makes no sense is refused here: in the stream there
--- would be nobody to tell, and the orders behind it would wait.
---@param list any
---@return table[]?    nil: it is something else
local function items_of(list)
  if type(list) ~= "table" or #list > MOST_ITEMS or #list == 0 and next(list) ~= nil then return nil end
  local items, seen = dynamodb.list {}, {}
  for i, item in ipairs(list) do
    local product = type(item) == "table" and item.product
    local quantity = type(item) == "table" and item.quantity
    if type(product) ~= "string" or seen[product] or type(quantity) ~= "number" or quantity % 1 ~= 0 or quantity < 1
      or quantity > MOST_PIECES then
      return nil
    end
    http.input(shop.keys.product, product)
    items[i], seen[product] = { product = product, quantity = quantity }, true
  end
  return items
end

--- POST /users/{id}/orders
function functions.create(request)
  local body, err = request:json()
  if not body then return nil, err end
  local items, total = items_of(body.items), body.total
  if not items or type(total) ~= "number" or total ~= 0 and total < LEAST_TOTAL or total > MOST_TOTAL then
    return nil, http.error(400, "total and items, products that are there once with a quantity, are required")
  end
  local now, id = time.iso(), core.uuid()
  local order = {
    pk = http.input(shop.keys.user, request.params.id), sk = shop.keys.order { created = now, id = id },
    entityType = "Order", id = id, status = "open", total = total, items = items,
    GSI1PK = shop.keys.status "open", GSI1SK = now,
  }
  local ok
  ok, err = shop.table:create(order)
  if not ok then return nil, err end
  return http.json(201, shop.public(order))
end

--- GET /users/{id}/orders?limit=20&status=open&nextKey=…: the newest first
function functions.list(request)
  local limit, err = request:integer("limit", 20, 1, 100)
  if not limit then return nil, err end
  local query = shop.table:query(
    { pk = http.input(shop.keys.user, request.params.id), sk = e.begins_with(shop.keys.order:prefix()) },
    { reverse = true, limit = limit, where = request.query.status and { status = request.query.status } })
  local page
  page, err = query:page(request.query.nextKey)         -- signed: nobody begins in another user's orders
  if not page then return nil, err end
  return { items = shop.public_list(page.items), nextKey = page.cursor, count = #page.items }
end

--- A date of the query, as it sorts.
local function date(request, name, default)
  local text = request.query[name]
  if not text then return time.iso(default) end
  local seconds = time.parse(text)
  if not seconds then error(http.error(400, name .. " must be a time like 2026-11-27T00:00:00Z")) end
  return time.iso(seconds)
end

--- GET /orders/status/{status}?startDate=…&endDate=…: of the last seven days, if it does not say when
function functions.by_status(request)
  local now = os.time()
  local page, err = shop.table:index "GSI1":query({
    GSI1PK = http.input(shop.keys.status, request.params.status),
    GSI1SK = e.between(date(request, "startDate", now - WEEK), date(request, "endDate", now + 1)),
  }, { reverse = true, limit = 100 }):page(request.query.nextKey)
  if not page then return nil, err end
  return { orders = shop.public_list(page.items), nextKey = page.cursor }
end

for name, f in pairs(functions) do orders[name] = http.handler(f) end
orders.functions = functions

-- A client that did not hear the answer asks again, with the same key: the order is placed once.
orders.create = idempotency.wrap(orders.create, {
  table = shop.idempotency, name = "orders.create",
  key = function(_, request)
    local key = request.headers["idempotency-key"] or ""  -- a blank one is none
    return key ~= "" and { request.params.id, key } or nil -- two users may have the same key
  end,
  validate = function(_, request) return request.body end,
})

return orders
