--- Orders: in the partition of their user, and by status in an index.
---
--- A page has as many orders as were asked for, filter or not. Its token is signed: who changes it, or takes it to
--- another user's orders, gets a 400. Signed is not secret: the key of an order can be read in it.
local dynamodb = require "dynamodb"
local tables = require "shop.tables"
local web = require "shop.web"

local e = dynamodb.expr
local items = tables.open "items"

local INDEX = "GSI1-status-createdAt"
local WEEK = 7 * 24 * 60 * 60
local MOST = 100 -- orders on a page

local orders = {}

local function key_of(user, id) return { pk = "USER#" .. user, sk = "ORDER#" .. id } end

local function public(order)
  return {
    id = order.id, userId = order.userId, status = order.status, total = order.total, createdAt = order.createdAt,
    updatedAt = order.updatedAt,
  }
end

--- POST /users/{id}/orders. The number is the client's: a repeated request makes no second order.
function orders.create(user)
  local given = web.fields({ id = "string", total = "number" }, { "id", "total" })
  if not given.id:find "^[%w-]+$" or #given.id > 64 then return web.refuse(400, "id: letters, digits and -") end
  if not (given.total >= 0 and given.total <= 1e9) then return web.refuse(400, "total: from 0 to a billion") end
  local order, now = key_of(user, given.id), dynamodb.time.iso()
  order.entityType, order.id, order.userId, order.total = "Order", given.id, user, given.total
  order.status, order.createdAt, order.updatedAt = "open", now, now
  order.GSI1PK, order.GSI1SK = "STATUS#open", now
  local ok, err = items:create(order)
  if ok then return web.reply(201, public(order)) end
  if err:is "ConditionalCheckFailed" then return web.refuse(409, "Order already exists") end
  error(err)
end

--- GET /users/{id}/orders/{number}
function orders.get(user, id)
  local order, err = items:get(key_of(user, id))
  if err then error(err) end
  if not order then return web.refuse(404, "Order not found") end
  return web.reply(200, public(order))
end

--- A status, which is a part of the index's keys.
local function checked_status(text)
  if text:find "^[%w_-]+$" and #text <= 64 then return text end
  return web.refuse(400, "status: letters, digits, - and _")
end

--- PATCH /users/{id}/orders/{number}
function orders.update(user, id)
  local status = checked_status(web.fields({ status = "string" }, { "status" }).status)
  local changes = { status = status, GSI1PK = "STATUS#" .. status, updatedAt = dynamodb.time.iso() }
  local order, err = items:update(key_of(user, id), { set = changes }, { where = e.exists "pk", returns = "ALL_NEW" })
  if order then return web.reply(200, public(order)) end
  if err:is "ConditionalCheckFailed" then return web.refuse(404, "Order not found") end
  error(err)
end

--- DELETE /users/{id}/orders/{number}
function orders.delete(user, id)
  local order, err = items:delete(key_of(user, id), { where = e.exists "pk", returns = "ALL_OLD" })
  if order then return web.reply(200, { deleted = public(order) }) end
  if err:is "ConditionalCheckFailed" then return web.refuse(404, "Order not found") end
  error(err)
end

--- Answers with the page of a query that the token names.
local function reply_page(query, token)
  local page, err = query:page(token)
  if not page then
    if err:is "InvalidCursor" then return web.refuse(400, "nextKey is not one of ours") end
    error(err)
  end
  local list = dynamodb.list {}
  for i, order in ipairs(page.items) do list[i] = public(order) end
  return web.reply(200, { items = list, count = #list, nextKey = page.cursor })
end

local function wanted_limit(text, default)
  local limit = tonumber(text or default)
  if limit and limit >= 1 and limit <= MOST and limit % 1 == 0 then return limit end
  return web.refuse(400, "limit: a number from 1 to " .. MOST)
end

--- A date, or a date and a time as the orders have them.
local function wanted_date(name, default)
  local text = web.argument(name)
  if not text then return dynamodb.time.iso(default) end
  if text:find "^%d%d%d%d%-%d%d%-%d%d" and not text:find "[^%d:.TZ-]" then return text end
  return web.refuse(400, name .. ": 2026-11-28, or 2026-11-28T12:00:00.000Z")
end

--- GET /users/{id}/orders?limit=&status=&nextKey=
function orders.of_user(user)
  local limit, status = wanted_limit(web.argument "limit", 20), web.argument "status"
  return reply_page(items:query({ pk = "USER#" .. user, sk = e.begins_with "ORDER#" }, {
    where = status and { status = checked_status(status) }, limit = limit, reverse = true,
  }), web.argument "nextKey")
end

--- GET /orders/{status}?startDate=&endDate=&limit=&nextKey=
function orders.by_status(status)
  local limit = wanted_limit(web.argument "limit", MOST)
  local from = wanted_date("startDate", ngx.time() - WEEK)
  local to = wanted_date("endDate", ngx.time() + 1)
  if from > to then return web.refuse(400, "startDate is after endDate") end
  return reply_page(items:index(INDEX):query({ GSI1PK = "STATUS#" .. status, GSI1SK = e.between(from, to) }, {
    limit = limit, reverse = true,
  }), web.argument "nextKey")
end

return orders
