--- Tasks and locks as nginx has them: light threads and semaphores. They live as long as the request that began them.
local clock = require "dynamodb.nginx.clock"
local errors = require "dynamodb.error"
local phase = require "dynamodb.nginx.phase"
local semaphore = require "ngx.semaphore"
local usage = require "dynamodb.usage"

local now = clock.now
local running = coroutine.running
local spawn, wait, kill = ngx.thread.spawn, ngx.thread.wait, ngx.thread.kill

local TICK = 0.001    -- seconds; nginx's timers know no less
local LEASE = 60      -- seconds after which a lock's owner without a deadline is taken for dead
local LONGEST = 3600  -- seconds of one wait on a semaphore, which are repeated

local tasks = {}

local function pack(...) return { n = select("#", ...), ... } end

--- Waits by nginx's timers, a tick at least, so that others have a turn.
---@param seconds number
function tasks.sleep(seconds)
  local due = now() + seconds
  -- A timer begins when nginx last looked at the clock, so that it may end too early.
  repeat ngx.sleep(math.max(due - now(), TICK)) until now() >= due
end

--- Calls `f`, which may wait, and gives up when it takes longer than `seconds`. What is left of it when its caller is
--- killed meanwhile keeps the request no longer than its own time-outs do.
---@param seconds number
---@param f function
---@param ... any    its arguments
---@return boolean in_time
---@return any ...    what it returned
function tasks.within(seconds, f, ...)
  local over, stop, results = semaphore.new(), now() + seconds, nil
  local work = spawn(function(...)
    results = pack(pcall(f, ...))
    over:post()
  end, ...)
  while not results do
    local left = stop - now()
    if left <= 0 then
      kill(work)
      return false
    end
    ngx.update_time() -- a timer begins when nginx last looked at the clock
    over:wait(math.min(math.max(left, TICK), LONGEST))
  end
  wait(work) -- until then nginx keeps what is left of it
  if not results[1] then error(results[2], 0) end
  return true, unpack(results, 2, results.n)
end

-- ------------------------------------------------------------------------------------------------------ tasks ----

local task_mt = { __name = "dynamodb.Task" }

function task_mt:__tostring()
  return ("dynamodb.Task (%s)"):format(not self.ended and "running" or self.results[1] and "ended" or "failed")
end

local function caught(value) return { value = value, traceback = debug.traceback("", 2) } end

local function finish(task, ok, ...)
  if ok then
    task.results = pack(true, ...)
  else
    local raised = ...
    if type(raised) ~= "table" then raised = { value = raised, traceback = "" } end -- the handler itself failed
    task.results = pack(false, raised.value, raised.traceback)
  end
  task.ended = true
  if task.joiners then task.joiners:post(task.waiting) end
  for watcher in pairs(task.watchers or {}) do watcher:post() end
end

local function run(task, f, ...) finish(task, xpcall(f, caught, ...)) end

--- Starts `f` at once, until it waits for the first time.
---@param f function
---@param ... any    its arguments
---@return dynamodb.Task
function tasks.spawn(f, ...)
  usage.check_type(f, "function", "the function of a task")
  phase.check()
  local task = setmetatable({ parent = running() }, task_mt)
  task.thread = spawn(run, task, f, ...)
  return task
end

--- Waits until a task has ended. It may be joined any number of times.
---@param task dynamodb.Task
---@return boolean ok
---@return any ...    what it returned; or what it raised, and the traceback of that
function tasks.join(task)
  if type(task) ~= "table" or getmetatable(task) ~= task_mt then usage.raise("join: not a task") end
  if task.parent == running() and not task.reaped then
    task.reaped = true
    wait(task.thread) -- also when it has ended: until then nginx keeps what is left of it
  elseif not task.ended then
    if task.thread == running() then usage.raise("a task cannot join itself") end
    task.joiners = task.joiners or semaphore.new()
    task.waiting = (task.waiting or 0) + 1
    repeat task.joiners:wait(LONGEST) until task.ended
  end
  return unpack(task.results, 1, task.results.n)
end

local function any_ended(list)
  for _, task in ipairs(list) do
    if task.ended then return true end
  end
  return false
end

--- Ends a task that nobody wants to wait for any more, with its connection. nginx lets only the one do so that has
--- started it: for others, and for what the task itself has started, nothing changes.
---@param task dynamodb.Task
function tasks.cancel(task)
  if task.ended or task.parent ~= running() or not kill(task.thread) then return end
  task.reaped = true
  finish(task, false, { value = errors.new { code = "Cancelled", message = "the task was cancelled" } })
end

--- Waits until the first of several tasks has ended.
---@param list dynamodb.Task[]
function tasks.join_any(list)
  if any_ended(list) then return end
  local watcher = semaphore.new()
  for _, task in ipairs(list) do
    task.watchers = task.watchers or {}
    task.watchers[watcher] = true
  end
  repeat watcher:wait(LONGEST) until any_ended(list)
  for _, task in ipairs(list) do task.watchers[watcher] = nil end
end

-- ------------------------------------------------------------------------------------------------------ locks ----

local lock_methods = {}
local lock_mt = { __name = "dynamodb.nginx.Lock", __index = lock_methods }

---@class dynamodb.nginx.Lock
---@field owner thread?
---@field expires number?     nginx ends a request without a word to who it was (an aborted client, ngx.exit in another
---                           thread): from then on its lock is free
---@field late table          owners whose time was over, as long as they live: they may still let go of it
---@field changed table       a semaphore: those who wait look again

--- Takes the lock. It has to be let go by the `deadline`, or before the `lease` is over.
---@param deadline number?    on the runtime's clock
---@param lease number?       seconds
---@return true?
---@return dynamodb.Error?    `DeadlineExceeded`
function lock_methods:acquire(deadline, lease)
  while self.owner and now() < self.expires do
    local left = math.min(self.expires, deadline or math.huge) - now()
    if deadline and now() >= deadline then
      return nil, errors.new { code = "DeadlineExceeded", message = "the deadline passed in waiting for others" }
    end
    phase.check()
    ngx.update_time()
    self.changed:wait(math.max(left, TICK))
  end
  if self.owner then self.late[self.owner] = true end
  self.owner = running()
  self.expires = math.min(deadline or math.huge, now() + (lease or deadline and math.huge or LEASE))
  return true
end

--- Lets go of the lock; of one that has expired and belongs to another now, nothing is taken.
function lock_methods:release()
  local own = running()
  if self.owner == own then
    self.owner = nil
    if self.changed:count() < 0 then self.changed:post() end
  elseif not self.owner and not self.late[own] then
    usage.raise("release: nobody has the lock")
  end
  self.late[own] = nil
end

--- A lock that nobody has yet.
---@return dynamodb.nginx.Lock
function tasks.lock()
  return setmetatable({ changed = assert(semaphore.new()), late = setmetatable({}, { __mode = "k" }) }, lock_mt)
end

return tasks
