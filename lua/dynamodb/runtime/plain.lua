--- The runtime of plain Lua: libcurl moves the bytes, a call blocks until its answer is there.
local curl = require "dynamodb.curl"
local errors = require "dynamodb.error"
local proxy = require "dynamodb.runtime.proxy"
local tasks = require "dynamodb.runtime.tasks"

local LONGEST_STEP = 300 -- seconds
local LONGEST_PAUSE = 0.05 -- seconds between two looks at a program

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
---@field is_whole boolean?     `head` is the whole message, from the request line to the body's end: only for a runtime
---                             that asks for it, by the size that a body may have for it (`whole`)
---@field repeat_safe boolean   may it be sent again when nobody knows whether it arrived?
---@field is_direct boolean?    never through a proxy: it is for this machine alone

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

--- Wakes those whose requests have ended.
local function collect(self)
  local list, kept = self.under_way, 0
  for i = 1, #list do
    local waiter = list[i]
    list[i] = nil
    waiter.response, waiter.code, waiter.message, waiter.sent = waiter.transfer:result()
    if waiter.response or waiter.code then
      self.tasks:wake(waiter)
    else
      kept = kept + 1
      list[kept] = waiter
    end
  end
end

--- Sends one request and waits for its answer.
---@param request dynamodb.Request
---@param deadline number?    on the clock of `now()`; bounds all of it, name resolution included
---@return dynamodb.Response?
---@return dynamodb.Error?    `Timeout`, `ConnectionError`, `DeadlineExceeded` or `ResponseError`; `sent` tells whether
---                           the request may have arrived
function runtime_methods:send(request, deadline)
  watch_clocks(self)
  local transfer = self.pool:start(request, deadline, self.proxies and not request.is_direct
    and proxy.choose(self.proxies, request.scheme or "https", request.host, request.port or 443) or nil)
  local response, code, message, sent = transfer:result()
  if response then return response end
  if code then return nil, errors.new { code = code, message = message, sent = sent } end
  local waiter = { transfer = transfer }
  self.under_way[#self.under_way + 1] = waiter
  self.tasks:wait(waiter)
  if waiter.response then return waiter.response end
  return nil, errors.new { code = waiter.code, message = waiter.message, sent = waiter.sent }
end

--- Waits; requests and other tasks go on.
---@param seconds number    0 gives the others a turn
function runtime_methods:sleep(seconds)
  self.tasks:sleep_until(self:now() + (seconds > 0 and seconds or 0))
end

--- Starts a task: `f` runs at once, until it waits for the first time, and goes on while others wait.
---@param f function
---@param ... any    its arguments
---@return dynamodb.Task
function runtime_methods:spawn(f, ...) return self.tasks:spawn(f, ...) end

--- Waits until a task has ended. Joining what waits for this very task raises.
---@param task dynamodb.Task
---@return boolean ok
---@return any ...    what it returned; or what it raised, and the traceback of that
function runtime_methods:join(task) return self.tasks:join(task) end

--- Waits until the first of several tasks has ended.
---@param list dynamodb.Task[]
function runtime_methods:join_any(list) self.tasks:join_any(list) end

--- Ends a task that nobody wants to wait for any more, those that it has started, and their requests.
---@param task dynamodb.Task
function runtime_methods:cancel(task)
  local ended = self.tasks:cancel(task, "the task was cancelled")
  for _, each in ipairs(ended) do
    local transfer = each.waiter and each.waiter.transfer
    if transfer then transfer:cancel() end
  end
  if ended[1] then collect(self) end
end

--- A lock between tasks.
---@return dynamodb.Lock
function runtime_methods:lock() return self.tasks:lock() end

--- Seconds on a clock that only goes forward.
---@return number
function runtime_methods:now() return self.clock:now() end

--- Seconds since 1970, with their fraction.
---@return number
function runtime_methods:time() return self.clock:time() end

--- Runs a program without a shell, its standard input empty, until it ends; tasks go on meanwhile.
---@param words string[]      the program, searched in PATH, and its arguments
---@param deadline number     it is ended then
---@return { stdout: string, stderr: string, exit: integer?, signal: integer? }?
---@return dynamodb.Error?    `DeadlineExceeded`, `ProcessError`
function runtime_methods:execute(words, deadline)
  local child, message = require("dynamodb.system").spawn(words)
  if not child then return nil, errors.new { code = "ProcessError", message = words[1] .. ": " .. message } end
  local pause = 0.001
  while true do
    local result = child:poll()
    if result and result.too_much then
      return nil, errors.new { code = "ProcessError", message = words[1] .. " writes more than it should" }
    end
    if result then return result end
    local now = self:now()
    if now >= deadline then
      child:close()
      return nil, errors.new { code = "DeadlineExceeded", message = words[1] .. " did not end in time" }
    end
    local stopped = self:sleep(math.min(pause, deadline - now))
    if stopped then
      child:close()
      return nil, stopped
    end
    pause = math.min(pause * 2, LONGEST_PAUSE)
  end
end

--- Waits for the requests under way, until `due` at most.
---@package
---@param due number?
function runtime_methods:drive(due)
  local left = due and due - self:now() or LONGEST_STEP
  if left <= 0 and #self.under_way == 0 then return end
  if self.pool:step(math.max(0, math.min(left, LONGEST_STEP))) > 0 then collect(self) end
end

--- Is any request under way?
---@package
---@return boolean
function runtime_methods:busy() return #self.under_way > 0 end

--- Once true in the child of the process that had begun.
---@package
---@return boolean
function runtime_methods:forked()
  local forks = self.pool:forks()
  if forks == self.forks then return false end
  self.forks = forks
  collect(self)
  return true
end

--- Closes all connections; requests under way fail, tasks that wait end. The runtime cannot be used afterwards.
function runtime_methods:close()
  self.pool:close()
  collect(self)
  self.tasks:close "the runtime was closed while the task was under way"
end

local plain = {}

--- A runtime with its own connections.
---@param options table?    connect_timeout = 3.1, idle_timeout = 5 (seconds); verify = true, ca_bundle (a file, instead
---                         of the system's store); max_response = 32 MB; max_connections = 128 (kept open),
---                         max_idle = 50, max_age = 600 (seconds); proxies (see dynamodb.runtime.proxy)
---@return dynamodb.Runtime
function plain.new(options)
  local settings = {}
  for name, value in pairs(options or {}) do settings[name] = value end
  local proxies = settings.proxies
  settings.proxies = nil
  local pool = curl.pool(settings)
  -- The clocks stand apart so that a spec can make them jump.
  local self = setmetatable({
    pool = pool, clock = pool, under_way = {}, forks = pool:forks(), proxies = proxies,
  }, runtime_mt)
  self.tasks = tasks.new(self)
  self.offset = self:time() - self:now()
  return self
end

return plain
