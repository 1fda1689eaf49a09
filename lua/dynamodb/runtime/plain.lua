--- The runtime of plain Lua: libcurl moves the bytes, a call blocks until its answer is there.
local curl = require "dynamodb.curl"
local errors = require "dynamodb.error"

-- The wall clock jumps when a frozen machine goes on (a thawed Lambda); drift and corrections are far slower.
local JUMP = 2

---@class dynamodb.Request
---@field method string         "POST" by default
---@field scheme string         "https" by default, or "http"
---@field host string
---@field port integer?         443 or 80 by default
---@field path string           with the query, encoded
---@field head string           every header as "Name: value\r\n", `Host` included
---@field body string
---@field repeat_safe boolean   may it be sent again when nobody knows whether it arrived?

---@class dynamodb.Response
---@field status integer
---@field head string    raw
---@field body string    raw

---@class dynamodb.Runtime
local runtime_methods = {}
local runtime_mt = { __name = "dynamodb.runtime.plain", __index = runtime_methods }

--- Connections from before a jump between the two clocks are dead at the other end: they are not used again.
local function watch_clocks(self)
  local offset = self:time() - self:now()
  if math.abs(offset - self.offset) > JUMP then self.pool:retire() end
  self.offset = offset
end

--- Sends one request and waits for its answer.
---@param request dynamodb.Request
---@param deadline number?    on the clock of `now()`; bounds all of it, name resolution included
---@return dynamodb.Response?
---@return dynamodb.Error?    `Timeout`, `ConnectionError`, `DeadlineExceeded` or `ResponseError`; `sent` tells whether
---                           the request may have arrived
function runtime_methods:send(request, deadline)
  watch_clocks(self)
  local transfer = self.pool:start(request, deadline)
  local response, code, message, sent = transfer:result()
  while not response and not code do
    self.pool:step()
    response, code, message, sent = transfer:result()
  end
  if response then return response end
  return nil, errors.new { code = code, message = message, sent = sent }
end

--- Waits; requests under way go on.
---@param seconds number
function runtime_methods:sleep(seconds)
  local stop = self:now() + seconds
  local left = seconds
  while left > 0 do
    self.pool:step(left)
    left = stop - self:now()
  end
end

--- Seconds on a clock that only goes forward.
---@return number
function runtime_methods:now() return self.clock:now() end

--- Seconds since 1970, with their fraction.
---@return number
function runtime_methods:time() return self.clock:time() end

--- Closes all connections; requests under way fail. The runtime cannot be used afterwards.
function runtime_methods:close() self.pool:close() end

local plain = {}

--- A runtime with its own connections.
---@param options table?    connect_timeout = 3.1, idle_timeout = 5 (seconds); verify = true, ca_bundle (a file, instead
---                         of the system's store); max_response = 32 MB; max_connections = 128 (kept open),
---                         max_idle = 50, max_age = 600 (seconds)
---@return dynamodb.Runtime
function plain.new(options)
  local pool = curl.pool(options)
  -- The clocks stand apart so that a spec can make them jump.
  local self = setmetatable({ pool = pool, clock = pool }, runtime_mt)
  self.offset = self:time() - self:now()
  return self
end

return plain
