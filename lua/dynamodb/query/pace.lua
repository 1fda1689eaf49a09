--- Capacity units a second for one reader, however many requests it has under way: each is charged what it will
--- probably cost, and settled when the service has told.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"

local pace_methods = {}
local pace_mt = { __name = "dynamodb.Pace", __index = pace_methods }

local FIRST = 100        -- items of the first page, whose size nobody knows
local WHOLE_PAGE = 128   -- units of 1 MB, read eventually consistent. Source: "Read request units", Developer Guide

---@class dynamodb.Pace
---@field bucket dynamodb.Bucket
---@field share number        units that one request should cost at most: its part of a second's
---@field per_item number?    units, as measured

--- Waits until a request may go, and charges it.
---@param runtime dynamodb.Runtime
---@param limit integer?      items that it reads at most
---@param deadline number?
---@return number? charged    units
---@return dynamodb.Error?    before the deadline there is no room, or the wait was cut short
function pace_methods:enter(runtime, limit, deadline)
  local now = runtime:now()
  local wait = self.bucket:wait(now)
  while wait > 0 do
    if deadline and now + wait >= deadline then
      return nil, errors.new { code = "DeadlineExceeded", message = "rcu lets nothing go before it", sent = false }
    end
    local stopped = runtime:sleep(wait)
    if stopped then return nil, stopped end
    now = runtime:now()
    wait = self.bucket:wait(now)
  end
  local charged = self.share
  if limit and self.per_item then charged = math.min(charged, limit * self.per_item) end
  self.bucket:charge(charged)
  return charged
end

--- Tells what a request cost.
---@param charged number
---@param page dynamodb.QueryPage?    nil if it failed
function pace_methods:leave(charged, page)
  local consumed, scanned = 0, 0
  if page then
    consumed = (page.capacity and tonumber(page.capacity.CapacityUnits) or 0) + (page.hydrated or 0)
    scanned = page.scanned
  end
  self.bucket:settle(charged, consumed)
  if scanned > 0 and consumed > 0 then self.per_item = consumed / scanned end
end

--- How many items a request may read, so that one page does not cost many seconds' units at once.
---@return integer?    nil: as many as are in a page
function pace_methods:limit()
  if self.share >= self.whole_page then return nil end
  if not self.per_item then return FIRST end
  return math.max(1, math.floor(self.share / self.per_item))
end

--- A pace.
---@param rate number           capacity units a second
---@param requests integer      that may be under way at a time
---@param consistent boolean
---@param now number
---@return dynamodb.Pace
local function new(rate, requests, consistent, now)
  return setmetatable({
    bucket = core.bucket(rate, now),
    share = rate / requests,
    whole_page = consistent and 2 * WHOLE_PAGE or WHOLE_PAGE,
  }, pace_mt)
end

return { new = new }
