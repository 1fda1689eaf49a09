--- Credentials kept until they have to be others: what AWS's SDKs do since 2026.
---
--- Some while before they expire one caller fetches others and the rest uses the old ones; in the last minute, and
--- where there are none, all wait for the one that fetches. A source that fails does not take away what it gave before,
--- even expired: the service decides, and the source is left alone for five to ten minutes. Where asking again cannot
--- help (a session that has ended) the failure is told at once.
local errors = require "dynamodb.error"
local failure = require "dynamodb.credentials.failure"
local http = require "dynamodb.credentials.http"
local system_random = require "dynamodb.random"

local cached_methods = {}
local cached_mt = { __name = "dynamodb.credentials.cached", __index = cached_methods }

local MANDATORY = 60            -- seconds before they expire
local PAUSE, CHANCE = 300, 300  -- seconds that a source is left alone: at least, and what chance adds
local LEASE = 60                -- seconds after which a fetch without a deadline is taken for dead
local LOCKED = 2                -- seconds after which others fetch, too, where nginx may have ended who does
local APART = 60                -- seconds that a fetch may take which no caller's deadline bounds
local FINAL_PAUSE = 2           -- seconds for which a final failure is told again without asking
local EARLY = 10                -- seconds before they expire that a program is run again

-- Seconds before the end from which others are looked for, by what they lived when they came.
local ADVISORY = { { below = 20 * 60 + 1, window = 5 * 60 }, { below = 90 * 60, window = 15 * 60 } }
local LONGEST_ADVISORY = 60 * 60

---@class dynamodb.credentials.Cached
---@field provider table                   `is_plain`: without stability and windows; `is_fixed`: it has no others;
---                                        `is_momentary`: those of which it does not tell the end hold for one request
---@field random fun(): number
---@field current dynamodb.Credentials?
---@field window number                    the advisory one of `current`
---@field is_refused boolean?              the service does not take `current`
---@field quiet_until number?              the source is left alone; on the runtime's clock
---@field failure dynamodb.Error?          of the last fetch
---@field told_until number?               it is told without asking
---@field flights integer                  fetches that have ended
---@field latest dynamodb.Credentials?     what the last one brought
---@field busy_until number?             somebody fetches, until then at most: a task can be ended without a word
---@field lock table?
---@field errand table?                    the fetch under way, where the runtime has something apart from its callers

---@param provider table    its `get(runtime, deadline)` fetches
---@param random? fun(): number
---@return table provider
local function new(provider, random)
  return setmetatable({
    provider = provider, place = provider.place, random = random or system_random, window = 0, flights = 0,
  }, cached_mt)
end

---@param lifetime number    seconds
---@return number
local function advisory_window(lifetime)
  local window = LONGEST_ADVISORY
  for i = #ADVISORY, 1, -1 do
    if lifetime < ADVISORY[i].below then window = ADVISORY[i].window end
  end
  -- Of what came late the source has nothing fresher: it is not asked for each request.
  return lifetime > window and window or math.max(lifetime / 2, 0)
end

--- Seconds that the credentials still live.
local function left(self, runtime)
  local expires = self.current.expires
  if expires then return expires - runtime:time() end
  return self.provider.is_momentary and 0 or math.huge
end

--- Credentials that need nobody to be asked.
---@return dynamodb.Credentials?
local function usable(self, runtime)
  local current = self.current
  if not current then return nil end
  if self.quiet_until and runtime:now() < self.quiet_until then return current end
  if self.is_refused then return nil end
  local remaining = left(self, runtime)
  if remaining > self.window then return current end
  if remaining > MANDATORY and self.busy_until and runtime:now() < self.busy_until then return current end
end

local function pause(self, runtime) self.quiet_until = runtime:now() + PAUSE + self.random() * CHANCE end

--- The source has failed: what it gave before is served, if it may be.
local function fail(self, runtime, err)
  self.failure = errors.copy(err)
  if err.is_final then
    self.told_until = runtime:now() + FINAL_PAUSE
    return nil, err
  end
  local current = self.current
  if not current then return nil, err end
  if self.provider.is_plain then
    if not self.is_refused and left(self, runtime) > 0 then return current end
    return nil, err
  end
  pause(self, runtime)
  return current
end

local function store(self, runtime, credentials)
  local lifetime = credentials.expires and credentials.expires - runtime:time() or math.huge
  if lifetime <= 0 and (self.current or self.provider.is_plain) then
    local _, err = failure "the source gave credentials that have expired"
    return fail(self, runtime, err)
  end
  self.current, self.quiet_until, self.is_refused = credentials, nil, nil
  self.window = self.provider.is_plain and EARLY or advisory_window(lifetime)
  -- There are no others yet, and perhaps it is only this machine's clock: the service decides.
  if lifetime <= 0 then pause(self, runtime) end
  return credentials
end

--- Asks the source.
local function fetch(self, runtime, deadline)
  self.failure = nil -- an older one says nothing to those who wait for this fetch
  local credentials, err = self.provider:get(runtime, deadline)
  if credentials then return store(self, runtime, credentials) end
  if not err then return nil end -- the source does not exist here
  -- One caller has no more time for it: that says nothing of the source.
  if http.is_late(err, runtime, deadline) then return self.current, not self.current and err or nil end
  return fail(self, runtime, err)
end

local function fetch_alone(self, runtime, deadline)
  self.busy_until = deadline or runtime:now() + LEASE
  local ok, credentials, err = pcall(fetch, self, runtime, deadline)
  self.busy_until = nil
  self.flights, self.latest = self.flights + 1, ok and credentials or nil
  self.lock:release()
  if not ok then error(credentials, 0) end
  return credentials, err
end

--- Begins a fetch that goes on when its caller's request has ended.
---@return table?    nil: that is impossible at this moment
local function begin_errand(self, runtime)
  local errand
  errand = runtime:apart(function()
    local ok, credentials, err = pcall(fetch, self, runtime, runtime:now() + APART)
    if self.errand == errand then self.errand, self.busy_until = nil, nil end
    if not ok then error(credentials, 0) end
    return credentials, err
  end)
  self.errand, self.busy_until = errand, errand and runtime:now() + APART or nil
  return errand
end

--- Has credentials fetched apart from the caller, and waits for them if need be.
---@return boolean is_answered    false: the runtime cannot do it
---@return dynamodb.Credentials?
---@return dynamodb.Error?
local function get_apart(self, runtime, deadline)
  if not runtime.apart or self.provider.is_momentary then return false end -- a program's function may need its request
  local errand = self.errand
  if not errand or errand:is_lost() then errand = begin_errand(self, runtime) end
  if not errand then return false end
  local found = usable(self, runtime)
  if found then return true, found end
  if errand:wait(deadline) then
    local ok, credentials, err = errand.results[1], errand.results[2], errand.results[3]
    if not ok then error(credentials, 0) end
    if err and err.code == "Stopped" then return false end -- that was who began it
    return true, credentials, err and errors.copy(err)
  end
  if errand:is_lost() then return false end
  return true, nil, errors.new {
    code = "DeadlineExceeded", message = "the deadline passed in waiting for credentials", sent = false,
  }
end

--- Credentials, fetched if need be.
---@param runtime table
---@param deadline number?    on the runtime's clock
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function cached_methods:get(runtime, deadline)
  local found = usable(self, runtime)
  if found then return found end
  local err = self.failure
  if err and self.told_until and runtime:now() < self.told_until then return nil, errors.copy(err) end
  local is_answered, credentials
  is_answered, credentials, err = get_apart(self, runtime, deadline)
  if is_answered then return credentials, err end
  self.lock = self.lock or runtime:lock()
  local flights = self.flights
  local locked, late = self.lock:acquire(deadline, LOCKED)
  if not locked then return nil, late end
  found = usable(self, runtime) or self.flights > flights and not self.is_refused and self.latest
  err = self.failure
  -- The fetch that was waited for has failed: another one at once would not do better.
  local is_told = err and self.flights > flights
  if not found and not is_told then return fetch_alone(self, runtime, deadline) end
  self.lock:release()
  if found then return found end
  return nil, errors.copy(err)
end

--- The service refuses these credentials: others are fetched at the next `get`.
---@param credentials dynamodb.Credentials
---@return boolean    may there be others?
function cached_methods:invalidate(credentials)
  if self.provider.is_fixed then return false end
  local current = self.current
  if current and current.access_key_id == credentials.access_key_id then self.is_refused = true end
  return true
end

return { new = new }
