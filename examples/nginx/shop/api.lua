--- The shop's routes.
local handler = require("dynamodb.nginx").handler
local limiter = require "shop.limiter"
local orders = require "shop.orders"
local sessions = require "shop.sessions"
local users = require "shop.users"
local web = require "shop.web"

local api = {}

--- POST /sessions. Whoever knows a user's id is let in: how passwords are checked is not what this shows.
local function log_in()
  local user = web.fields({ user = "string" }, { "user" }).user
  local id, err = sessions.create { user = user }
  if not id then error(err) end
  ngx.header.set_cookie = "session=" .. id .. "; Path=/; HttpOnly; Secure; SameSite=Lax"
  return web.reply(201, { user = user })
end

--- GET /session
local function who()
  local session, err = sessions.find(ngx.var.cookie_session)
  if err then error(err) end
  if not session then return web.refuse(401, "Nobody is logged in") end
  return web.reply(200, { user = session.data.user, expires = session.expires })
end

--- DELETE /session
local function log_out()
  local ok, err = sessions.destroy(ngx.var.cookie_session)
  if not ok then error(err) end
  ngx.header.set_cookie = "session=; Path=/; Max-Age=0"
  return web.reply(204)
end

local USER, ORDER = "^/users/([%w_-]+)$", "^/users/([%w_-]+)/orders/([%w-]+)$"

local ROUTES = {
  { "POST", "^/users$", users.create },
  { "GET", USER, users.get },
  { "PATCH", USER, users.update },
  { "DELETE", USER, users.delete },
  { "POST", "^/users/([%w_-]+)/orders$", orders.create },
  { "GET", "^/users/([%w_-]+)/orders$", orders.of_user },
  { "GET", ORDER, orders.get },
  { "PATCH", ORDER, orders.update },
  { "DELETE", ORDER, orders.delete },
  { "GET", "^/orders/([%w_-]+)$", orders.by_status },
  { "POST", "^/sessions$", log_in },
  { "GET", "^/session$", who },
  { "DELETE", "^/session$", log_out },
}

--- For the content phase.
api.serve = handler(function() return web.dispatch(ROUTES) end)

--- For the access phase: so many requests of a client in so many seconds. A client is known by its key, else by its
--- address; `what` tells limits apart.
api.limit = handler(function(what, limit, period)
  local client = ngx.var.http_x_api_key or ngx.var.remote_addr
  local ok, left, ends = limiter.take(what .. "#" .. client, limit, period)
  ngx.header.x_ratelimit_limit, ngx.header.x_ratelimit_remaining = limit, left
  if ok then return end
  ngx.header.retry_after = ends
  return web.refuse(429, "Too many requests")
end)

return api
