--- A limit of requests that all gateways share: a counter for each client and period, which DynamoDB counts atomically
--- and deletes some time after its end.
---
--- The condition is a part of the write, so that a count never goes beyond the limit, however many gateways ask at
--- once. Who has reached it is remembered here until the period ends: a client that does not stop costs nothing.
--- Periods follow each other; at the border of two a client may send twice the limit in less than one. And where the
--- limiter itself fails, requests pass: it protects the service, it is not to be the reason that it is down.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local tables = require "shop.tables"

local e = dynamodb.expr
local counters = tables.open "limits"

local PATIENCE = 0.5 -- seconds that a request waits for the limiter

local limiter = {}

--- May a client send one more request?
---@param client string
---@param limit integer     requests in a period
---@param period integer    seconds
---@return boolean
---@return integer? left    requests, as far as it is known
---@return integer ends     seconds until the period's end
function limiter.take(client, limit, period)
  local now = ngx.time()
  local ends = now - now % period + period
  local name = ("%s#%d#%d"):format(core.sha256(client), period, ends) -- a header may be too long for a key, or no text
  local blocked = ngx.shared.limits
  if blocked:get(name) then return false, 0, ends - now end
  local counted, err = counters:update({ pk = name }, { add = { count = 1 }, default = { expires = ends + period } }, {
    where = { count = e.any { e.missing(), e.lt(limit) } }, returns = "UPDATED_NEW", timeout = PATIENCE,
  })
  if counted then return true, limit - counted.count, ends - now end
  if err:is "ConditionalCheckFailed" then
    blocked:set(name, true, ends - now)
    return false, 0, ends - now
  end
  ngx.log(ngx.WARN, "no limit is kept: ", tostring(err))
  return true, nil, ends - now
end

return limiter
