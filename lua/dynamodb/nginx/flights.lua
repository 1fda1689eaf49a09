--- One fetch for all that want the same thing at the same time: within a worker they wait for the one that fetches, and
--- between workers a lock in a shared dictionary lets one fetch at a time.
---
--- nginx ends a request without a word to who waits for it (an aborted client). So nobody waits for longer than a
--- lease; then the next one fetches.
local clock = require "dynamodb.nginx.clock"
local errors = require "dynamodb.error"
local lock = require "dynamodb.nginx.lock"
local signal = require "dynamodb.nginx.signal"

local now = clock.now

local LEASE = 1 -- seconds that a fetch is waited for

local flights_methods = {}
local flights_mt = { __name = "dynamodb.nginx.flights", __index = flights_methods }

---@class dynamodb.nginx.Flight
---@field version any          what it will bring is of that version
---@field expires number       from then on it is not waited for
---@field signal dynamodb.nginx.Signal
---@field outcome table?

---@param dict table    for the locks
---@return table
local function new(dict)
  -- Weak: a flight belongs to the request that leads it, and to those that wait for it.
  return setmetatable({ dict = dict, under_way = setmetatable({}, { __mode = "v" }) }, flights_mt)
end

local function late()
  return { err = errors.new { code = "DeadlineExceeded", message = "the deadline passed in waiting for others",
    sent = false } }
end

--- Fetches for those, too, who come meanwhile.
local function lead(self, name, version, deadline, fetch)
  local flight = { version = version, expires = now() + LEASE, signal = signal.new() }
  self.under_way[name] = flight
  local ok, in_time, outcome = pcall(lock.hold, self.dict, ("lock|%s|%s"):format(version, name), LEASE, deadline, fetch)
  if self.under_way[name] == flight then self.under_way[name] = nil end
  flight.outcome = ok and in_time and outcome or nil
  flight.signal:ring()
  if not ok then error(in_time, 0) end
  return in_time and outcome or late()
end

--- What `fetch` returns, called by us or by one who wants the same.
---@param name string         of what is wanted
---@param version any         only what is of this version
---@param deadline number?
---@param fetch fun(): table  what it gives has `err` if it is a failure
---@return table outcome      with `err` of code DeadlineExceeded if it took too long
---@return boolean is_shared  another one has fetched it
function flights_methods:join(name, version, deadline, fetch)
  deadline = deadline or math.huge
  while true do
    local flight = self.under_way[name]
    if not flight or flight.version ~= version or now() >= flight.expires then
      return lead(self, name, version, deadline, fetch), false
    end
    flight.signal:wait(math.min(flight.expires, deadline))
    -- What ended by its own deadline says nothing to others.
    local outcome = flight.outcome
    if outcome and not (outcome.err and outcome.err:is "DeadlineExceeded") then return outcome, true end
    if now() >= deadline then return late(), false end
  end
end

return { new = new }
