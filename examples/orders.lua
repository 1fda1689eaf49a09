-- Orders of a shop, a page at a time: a user's own, newest first, and everybody's by status over the last seven days.
--
--   AWS_ENDPOINT_URL=http://localhost:8000 lua examples/orders.lua       or the endpoint as its argument
--
-- Without an endpoint it talks to DynamoDB itself, with whatever credentials and region the environment has.
--
-- What a page token is here, and what it is not:
--
--   * A page has as many orders as were asked for, filter or not, as long as there are so many.
--   * A token is a text for a URL. It is signed: who changes it, or takes it to another user's orders, gets a 400.
--   * Signed is not secret: whoever has a token can read the key of the order in it.
--   * A token says where to go on and nothing else. Filter, page size and period are those of the new request.
local dynamodb = require "dynamodb"

local e = dynamodb.expr

-- For an engine on this machine any credentials and any region will do.
local endpoint = arg and arg[1] or os.getenv "AWS_ENDPOINT_URL"
local options = {
  endpoint = endpoint,
  -- The current key first; tokens signed with the previous one are good until it is taken out.
  cursor_keys = { os.getenv "CURSOR_KEY" or "a key of an example, not a secret", os.getenv "PREVIOUS_CURSOR_KEY" },
}
if endpoint then
  options.region = os.getenv "AWS_REGION" or "us-east-1"
  if not os.getenv "AWS_ACCESS_KEY_ID" then
    options.access_key_id, options.secret_access_key = "orders", "orders"
  end
end

local db = dynamodb.connect(options)
local INDEX = "GSI1-status-createdAt"
local spec = {
  name = "dynamodb-orders-" .. os.time(), partition = "pk", sort = "sk",
  indexes = { [INDEX] = { partition = "GSI1PK", sort = "GSI1SK" } },
}
local orders = db:table(spec.name, spec)

local DAY = 24 * 60 * 60
local timestamp = dynamodb.time.iso

local function say(format, ...)
  print(format:format(...))
end

--- A page of a user's orders, the newest first.
---@param user_id string
---@param wanted { limit: integer?, status: string?, token: string? }
---@return dynamodb.Page?
---@return dynamodb.Error?
local function get_user_orders(user_id, wanted)
  return orders:query({ pk = "USER#" .. user_id, sk = e.begins_with "ORDER#" }, {
    where = wanted.status and { status = wanted.status },
    limit = wanted.limit or 20,
    reverse = true,
  }):page(wanted.token)
end

--- A page of all orders of a status. The period may be another one for each page ("until now" is): what was on the
--- pages before does not come again, and what is in the period and behind them does.
---@param status string
---@param wanted { from: string, to: string, oldest_first: boolean?, limit: integer?, token: string? }
---@return dynamodb.Page?
---@return dynamodb.Error?
local function get_orders_by_status(status, wanted)
  return orders:index(INDEX):query({ GSI1PK = "STATUS#" .. status, GSI1SK = e.between(wanted.from, wanted.to) }, {
    limit = wanted.limit or 100,
    reverse = not wanted.oldest_first,
  }):page(wanted.token)
end

--- The reply to a page of orders, or to what was in its way.
---@param page dynamodb.Page?
---@param err dynamodb.Error?
local function reply(page, err)
  if page then
    local body = { items = page.items, nextKey = page.cursor, count = #page.items }
    return { statusCode = 200, body = dynamodb.to_json(body) }
  end
  local status = err:is "InvalidCursor" and 400 or err.retryable and 503 or 500
  return { statusCode = status, body = dynamodb.to_json { error = err.code } }
end

--- GET /users/{id}/orders?limit=&status=&nextKey=
local function user_orders_handler(event)
  local query = event.queryStringParameters or {}
  local limit = tonumber(query.limit or 20)
  if not limit or limit < 1 or limit > 100 or limit % 1 ~= 0 then
    return { statusCode = 400, body = dynamodb.to_json { error = "limit is a number from 1 to 100" } }
  end
  local wanted = { limit = limit, status = query.status, token = query.nextKey }
  return reply(get_user_orders(event.pathParameters.id, wanted))
end

--- GET /orders/{status}?startDate=&endDate=&nextKey=
local function orders_by_status_handler(event, now)
  local query = event.queryStringParameters or {}
  return reply(get_orders_by_status(event.pathParameters.status, {
    from = query.startDate or timestamp(now - 7 * DAY), to = query.endDate or timestamp(now), token = query.nextKey,
  }))
end

--- The order number `n`, of one of two users.
local function order(n, created, status)
  local id = ("%04d"):format(n)
  local user_id = n % 2 == 0 and "ada" or "charles"
  return {
    pk = "USER#" .. user_id, sk = ("ORDER#%s#%s"):format(timestamp(created), id),
    GSI1PK = "STATUS#" .. status, GSI1SK = timestamp(created),
    entityType = "Order", id = id, userId = user_id, status = status, total = 10 * n, createdAt = timestamp(created),
  }
end

--- An index gets what is written a moment later.
local function wait_for_index(status, count)
  local stop = db:now() + 30
  repeat
    assert(db:now() < stop, "the index takes too long")
    local there = assert(orders:index(INDEX):query({ GSI1PK = "STATUS#" .. status }):count())
  until there == count
end

--- All pages, as a browser asks for them. `between` runs after each page.
---@return string[] ids
---@return integer pages
local function browse(read, between)
  local ids, pages, token = {}, 0, nil
  repeat
    local page = assert(read(token))
    pages, token = pages + 1, page.cursor
    for _, item in ipairs(page.items) do ids[#ids + 1] = item.id end
    if between then between(pages) end
  until not token
  return ids, pages
end

local function show_user_orders()
  local open, pages = browse(function(token)
    return get_user_orders("ada", { status = "open", limit = 10, token = token })
  end)
  say("ada has %d open orders on %d pages, from %s to %s", #open, pages, open[1], open[#open])
  assert(#open == 40 and pages <= 5 and open[1] == "0160" and open[40] == "0004")

  local first = user_orders_handler { pathParameters = { id = "ada" }, queryStringParameters = { limit = "3" } }
  assert(first.statusCode == 200)
  say("GET /users/ada/orders?limit=3 -> %d, %d bytes", first.statusCode, #first.body)
  local token = assert(first.body:match '"nextKey":"([%w_-]+)"')

  local function try(id, query)
    query.nextKey = query.nextKey or token
    return user_orders_handler({ pathParameters = { id = id }, queryStringParameters = query })
  end
  say("its token: ada %d, charles %d, changed by a letter %d, a limit of -1 %d", try("ada", {}).statusCode,
    try("charles", {}).statusCode, try("ada", { nextKey = (token:gsub("^.", "x")) }).statusCode,
    try("ada", { limit = "-1" }).statusCode)
  assert(try("ada", {}).statusCode == 200 and try("charles", {}).statusCode == 400)
end

--- Reads the last seven days page by page, while a day goes by after each page and brings a new order.
---@return string[] ids
local function show_orders_by_status(status, now, oldest_first)
  local ids, pages = browse(function(token)
    return get_orders_by_status(status, {
      from = timestamp(now - 7 * DAY), to = timestamp(now), oldest_first = oldest_first, limit = 15, token = token,
    })
  end, function(page)
    now = now + DAY
    assert(orders:put(order(1000 + page, now, status)))
    wait_for_index(status, 80 + page)
  end)
  local seen = {}
  for _, id in ipairs(ids) do
    assert(not seen[id], "an order came twice")
    seen[id] = true
  end
  say("%s, %s first: %d orders on %d pages, from %s to %s, none twice", status,
    oldest_first and "oldest" or "newest", #ids, pages, ids[1], ids[#ids])
  return ids
end

local function show()
  -- Eight days, an order every 72 minutes; every other one is open.
  local now = os.time()
  local n = 0
  assert(orders:put_all(function()
    n = n + 1
    if n <= 160 then return order(n, now - (160 - n) * 72 * 60, n % 4 < 2 and "open" or "shipped") end
  end))
  wait_for_index("open", 80)
  wait_for_index("shipped", 80)
  show_user_orders()
  -- Newest first, the new orders stand before the page that is being read. Oldest first, the window moves away from
  -- under the last page's end, and the new orders are still to come.
  local newest = show_orders_by_status("open", now, false)
  assert(newest[1] == "0160" and tonumber(newest[#newest]) > 20)
  local oldest = show_orders_by_status("shipped", now, true)
  assert(tonumber(oldest[#oldest]) > 1000)
  local answer = orders_by_status_handler({ pathParameters = { status = "open" } }, now)
  say("GET /orders/open -> %d, %d orders", answer.statusCode, select(2, answer.body:gsub('"entityType"', "")))
end

-- The table is dropped however it ends.
assert(db:create_table(spec))
local ok, problem = pcall(show)
local dropped, err = db:delete_table(spec.name)
db:close()
if not ok or not dropped then
  io.stderr:write("the example failed: ", tostring(ok and err or problem), "\n")
  os.exit(1)
end
