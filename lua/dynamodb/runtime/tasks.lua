--- Cooperative tasks over one runtime: while one waits, others go on.
---
--- A task that waits in its own coroutine yields. Where that cannot be done or must not be (the main program, a
--- coroutine of the program's own, the callback of a gsub or a sort, a metamethod), waiting runs the others from within
--- until what it waits for is there; so does, inside of a task that was run in this way, the next one. Such waits stand
--- on the stack above each other, at most 50 of them; above that only requests and timers are driven. Nothing is
--- global: each runtime has its own tasks.
---
--- The runtime is the scheduler's host and gives it: `now()`; `drive(due)`, which waits until `due` at most (nil: for
--- as long as it takes) and wakes those whose answers came in; `busy()`, may anything still come in; `forked()`, true
--- once in a process that has become another's child, whose requests under way have failed and been woken.
local errors = require "dynamodb.error"
local timers = require "dynamodb.runtime.timers"
local usage = require "dynamodb.usage"

local create, resume, running, status, yield = coroutine.create, coroutine.resume, coroutine.running, coroutine.status,
  coroutine.yield
local isyieldable = coroutine.isyieldable or function() return true end
local close_thread = coroutine.close -- since 5.4
local unpack = table.unpack or unpack

local DEEPEST = 50 -- tasks that run inside each other
local SHALLOW = 4  -- up to here the C stack is not looked at
local ROOM = 40    -- nested C calls that a task should find possible; PUC Lua allows 200 in all

local scheduler_methods = {}
local scheduler_mt = { __name = "dynamodb.Scheduler", __index = scheduler_methods }

---@class dynamodb.Scheduler
---@field host table
---@field stack table[]    the tasks that run, each inside the one before it; at 0 the program outside of all tasks
---@field depth integer
---@field ready table      a queue of tasks: [first … last]
---@field alive table<dynamodb.Task, true>    weak; those that have not ended

local task_mt = { __name = "dynamodb.Task" }

---@class dynamodb.Task
---@field thread thread?       until it ends
---@field level integer?       its place in the stack, while it runs
---@field waiter table?        what it waits for: `done` once that is there, `task` that is to be made ready then (one
---                            that has yielded), `blocker` that has to end or to let go first
---@field parent dynamodb.Task?    that started it; nil for those that the program started outside of tasks
---@field children table<dynamodb.Task, true>?    those that it has started and that have not ended
---@field ended boolean?
---@field results table?       n, and what it returned or raised

function task_mt:__tostring()
  return ("dynamodb.Task (%s)"):format(not self.ended and "running" or self.ok and "ended" or "failed")
end

local NOTHING = { n = 0 }

local function pack(...) return { n = select("#", ...), ... } end

-- ---------------------------------------------------------------------------------------------- running tasks ----

local function push(queue, task)
  queue.last = queue.last + 1
  queue[queue.last] = task
end

local function pop(queue)
  local task = queue[queue.first]
  queue[queue.first] = nil
  queue.first = queue.first + 1
  return task
end

local function unpop(queue, task)
  queue.first = queue.first - 1
  queue[queue.first] = task
end

--- The innermost task that runs; outside of tasks, what stands for the program.
local function current(self) return self.stack[self.depth] end

--- Is this the innermost task's own coroutine, and can it yield here?
local function may_yield(self)
  local thread = current(self).thread
  return thread ~= nil and running() == thread and isyieldable()
end

local function room(calls)
  if calls == 0 then return true end
  local ok, enough = pcall(room, calls - 1)
  return ok and enough
end

--- May another task be run from within here?
local function has_room(self)
  return self.depth < SHALLOW or self.depth < DEEPEST and room(ROOM)
end

local function finish(self, task, ok, ...)
  task.ended, task.ok, task.results = true, ok, pack(...)
  task.thread, task.args = nil, nil
  self.alive[task] = nil
  if task.parent then
    task.parent.children[task] = nil
    task.parent = nil
  end
  for lock in pairs(task.locks or {}) do lock:release() end
  for _, waiter in ipairs(task.joiners or {}) do self:wake(waiter) end
  task.joiners = nil
end

--- What became of a task's turn; false when it could not even be resumed.
local function settle(self, task, depth, ok, ...)
  self.stack[depth], self.depth, task.level = nil, depth - 1, nil
  if status(task.thread) == "dead" then
    if ok then
      finish(self, task, true, ...)
    else
      finish(self, task, false, (...), debug.traceback(task.thread))
    end
  elseif not ok then
    return false -- the C stack is full
  elseif not task.waiter then
    push(self.ready, task) -- it yielded of its own accord
  end
  return true
end

local function run(self, task, ...)
  local depth = self.depth + 1
  self.stack[depth], self.depth, task.level = task, depth, depth
  return settle(self, task, depth, resume(task.thread, ...))
end

--- Ends the tasks that are not on the stack, without running them again.
local function drop_suspended(self, message)
  local dropped = {}
  for task in pairs(self.alive) do
    if not task.level then dropped[#dropped + 1] = task end
  end
  self.ready = { first = 1, last = 0 }
  for _, task in ipairs(dropped) do
    task.ended = true
    if task.waiter then task.waiter.done = true end
  end
  for _, task in ipairs(dropped) do
    finish(self, task, false, errors.new { code = "Cancelled", message = message })
  end
end

--- In a forked child the tasks of its parent do not go on: they do in the parent. Those that run right here do.
local function check_process(self)
  if self.closed or not self.host:forked() then return end
  drop_suspended(self, "the process forked while the task was under way")
end

--- One turn for each task that is ready now, for as long as `waiter` waits. False when there is no room for them.
local function run_ready(self, waiter)
  local stop = self.ready.last
  while self.ready.first <= math.min(stop, self.ready.last) and not waiter.done do
    local task = pop(self.ready)
    if not task.ended then
      local args = task.args or NOTHING
      if not run(self, task, unpack(args, 1, args.n)) then
        unpop(self.ready, task)
        return false
      end
      task.args = nil
      check_process(self)
    end
  end
  return true
end

-- ---------------------------------------------------------------------------------------------------- waiting ----

--- Does `from` wait, by way of whomever, for `goal`? A task on the stack waits also for those above it, up to `depth`.
local function leads_to(self, from, goal, depth, seen)
  while from and not seen[from] do
    if from == goal then return true end
    seen[from] = true
    local above = from.level and from.level < depth and self.stack[from.level + 1]
    if above and leads_to(self, above, goal, depth, seen) then return true end
    local waiter = from.waiter
    local blocker = waiter and not waiter.done and waiter.blocker
    from = blocker and (blocker.owner or blocker)
  end
  return false
end

local function give_up(self, waiter, message)
  waiter.done = true
  current(self).waiter = nil
  usage.raise(message)
end

--- Lets requests and timers go on: waits for the first of them, or just looks.
local function drive(self, at_once)
  local host = self.host
  host:drive(at_once and host:now() or self.timers:next())
  local now = host:now()
  local waiter = self.timers:take(now)
  while waiter do
    waiter.expired = true
    self:wake(waiter)
    waiter = self.timers:take(now)
  end
end

--- Runs the others until `waiter` is done.
local function loop(self, waiter)
  local runs = has_room(self)
  while not waiter.done do
    if self.closed then give_up(self, waiter, "the runtime is closed") end
    local ready = self.ready
    if runs and ready.first <= ready.last then
      runs = run_ready(self, waiter)
      if not waiter.done and not self.closed then drive(self, true) end
    elseif self.timers:next() or self.host:busy() then
      drive(self)
    elseif ready.first <= ready.last then
      give_up(self, waiter, "too many tasks wait inside each other; nothing more can be waited for here")
    else
      give_up(self, waiter, "this would wait for ever: no task is left that could go on")
    end
  end
end

--- Waits until somebody wakes `waiter`.
---@param waiter table
---@param blocker table?    the task or lock that it depends on
function scheduler_methods:wait(waiter, blocker)
  check_process(self)
  if waiter.done then return end
  if self.closed then give_up(self, waiter, "the runtime is closed") end
  local task, yields = current(self), may_yield(self)
  if blocker and leads_to(self, blocker.owner or blocker, task, yields and self.depth - 1 or self.depth, {}) then
    give_up(self, waiter, blocker == task and "a task cannot join itself"
      or "this would wait for ever: what it waits for is waiting for it")
  end
  waiter.blocker = blocker
  task.waiter = waiter
  if yields then
    waiter.task = task
    repeat yield() until waiter.done
    task.waiter = nil
  else
    loop(self, waiter)
    task.waiter = nil
  end
end

--- What `waiter` waits for is there.
---@param waiter table
function scheduler_methods:wake(waiter)
  if waiter.done then return end
  waiter.done = true
  local task = waiter.task
  if task and not task.ended then push(self.ready, task) end
end

--- Waits until a moment on the host's clock; others have at least one turn.
---@param due number
function scheduler_methods:sleep_until(due)
  local waiter = {}
  self.timers:add(due, waiter)
  self:wait(waiter)
end

--- Starts `f` at once, until it waits for the first time (a task that finds no room runs a bit later).
---@param f function
---@param ... any    its arguments
---@return dynamodb.Task
function scheduler_methods:spawn(f, ...)
  usage.check_type(f, "function", "the function of a task")
  if self.closed then usage.raise("the runtime is closed") end
  check_process(self)
  local task = setmetatable({ thread = create(f) }, task_mt)
  self.alive[task] = true
  local parent = current(self)
  if parent.thread then
    parent.children = parent.children or {}
    parent.children[task], task.parent = true, parent
  end
  if not has_room(self) or not run(self, task, ...) then
    task.args = pack(...)
    push(self.ready, task)
  end
  return task
end

--- Ends a task that waits, without running it again, and those that it has started. One that runs at this moment goes
--- on.
---@param task dynamodb.Task
---@param message string
---@param ended dynamodb.Task[]?    gets those that were ended by this
---@return dynamodb.Task[] ended
function scheduler_methods:cancel(task, message, ended)
  ended = ended or {}
  if task.ended or task.level then return ended end
  local thread = task.thread
  task.ended = true
  if task.waiter then task.waiter.done = true end
  finish(self, task, false, errors.new { code = "Cancelled", message = message })
  if close_thread then close_thread(thread) end
  ended[#ended + 1] = task
  for child in pairs(task.children or {}) do self:cancel(child, message, ended) end
  return ended
end

local function results_of(task) return task.ok, unpack(task.results, 1, task.results.n) end

--- Waits until a task has ended. It may be joined any number of times.
---@param task dynamodb.Task
---@return boolean ok
---@return any ...    what it returned; or what it raised, and the traceback of that
function scheduler_methods:join(task)
  if type(task) ~= "table" or getmetatable(task) ~= task_mt then usage.raise("join: not a task") end
  check_process(self)
  if not task.ended then
    local waiter = {}
    task.joiners = task.joiners or {}
    task.joiners[#task.joiners + 1] = waiter
    self:wait(waiter, task)
  end
  return results_of(task)
end

local function forget_joiner(task, waiter)
  for i, joiner in ipairs(task.joiners or {}) do
    if joiner == waiter then return table.remove(task.joiners, i) end
  end
end

--- Waits until the first of several tasks has ended.
---@param list dynamodb.Task[]
function scheduler_methods:join_any(list)
  check_process(self)
  local waiter = {}
  for _, task in ipairs(list) do
    if getmetatable(task) ~= task_mt then usage.raise("join_any: not a task") end
    if task.ended then return end
  end
  for _, task in ipairs(list) do
    task.joiners = task.joiners or {}
    task.joiners[#task.joiners + 1] = waiter
  end
  self:wait(waiter)
  for _, task in ipairs(list) do forget_joiner(task, waiter) end
end

--- Ends all that runs, except what is below on the stack: that finds the runtime closed when it waits the next time.
---@param message string
function scheduler_methods:close(message)
  if self.closed then return end
  self.closed = true
  local threads = {}
  for task in pairs(self.alive) do
    if not task.level then threads[#threads + 1] = task.thread end
  end
  drop_suspended(self, message)
  if not close_thread then return end
  for _, thread in ipairs(threads) do close_thread(thread) end
end

-- ------------------------------------------------------------------------------------------------------ locks ----

local lock_methods = {}
local lock_mt = { __name = "dynamodb.Lock", __index = lock_methods }

---@class dynamodb.Lock
---@field owner table?    the task that has it
---@field queue table

local function own(lock, task)
  lock.owner = task
  task.locks = task.locks or {}
  task.locks[lock] = true
end

--- Takes the lock, in the order of asking. A task that ends lets go of its locks, so that it needs no lease.
---@param deadline number?    on the runtime's clock
---@return true?
---@return dynamodb.Error?    `DeadlineExceeded`
function lock_methods:acquire(deadline)
  local scheduler = self.scheduler
  check_process(scheduler)
  local task = current(scheduler)
  if not self.owner then
    own(self, task)
    return true
  end
  local waiter = { owner = task }
  push(self.queue, waiter)
  if deadline then scheduler.timers:add(deadline, waiter) end
  scheduler:wait(waiter, self)
  if waiter.expired then
    return nil, errors.new { code = "DeadlineExceeded", message = "the deadline passed in waiting for others" }
  end
  return true
end

--- Lets go of the lock: it belongs to the first of those who wait.
function lock_methods:release()
  if not self.owner then usage.raise("release: nobody has the lock") end
  self.owner.locks[self] = nil
  self.owner = nil
  while self.queue.first <= self.queue.last do
    local waiter = pop(self.queue)
    if not waiter.done then
      own(self, waiter.owner)
      return self.scheduler:wake(waiter)
    end
  end
end

--- A lock that nobody has yet.
---@return dynamodb.Lock
function scheduler_methods:lock()
  return setmetatable({ scheduler = self, queue = { first = 1, last = 0 } }, lock_mt)
end

local tasks = {}

--- A scheduler without tasks yet.
---@param host table    the runtime, see above
---@return dynamodb.Scheduler
function tasks.new(host)
  return setmetatable({
    host = host,
    stack = { [0] = { level = 0 } },
    depth = 0,
    ready = { first = 1, last = 0 },
    alive = setmetatable({}, { __mode = "k" }),
    timers = timers.new(),
  }, scheduler_mt)
end

return tasks
