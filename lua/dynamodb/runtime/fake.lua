--- A runtime for specs: its clocks stand still until told otherwise, or until all its tasks wait; its answers come from
--- a script, and it remembers what it was asked. With the same script, the same happens in the same order.
local errors = require "dynamodb.error"
local tasks = require "dynamodb.runtime.tasks"

local runtime_methods = {}
local runtime_mt = { __name = "dynamodb.runtime.fake", __index = runtime_methods }

--- Adds answers for the requests to come, in order. An answer is a response `{ status = 200, head = …, body = "{}" }`
--- (or `headers = { ["x-name"] = "value" }` instead of a head), a failure `{ code = "Timeout", sent = true }`, or a
--- function of request, runtime and deadline that returns one (it may `wait`); `delay` is how many seconds it takes.
---@param ... table|function
---@return table self
function runtime_methods:push(...)
  for i = 1, select("#", ...) do self.answers[#self.answers + 1] = (select(i, ...)) end
  return self
end

--- Lets time pass on both clocks.
---@param seconds number
function runtime_methods:advance(seconds)
  self.monotonic = self.monotonic + seconds
  self.wall = self.wall + seconds
end

--- Sets the wall clock forward or back; the monotonic one does not notice.
---@param seconds number
function runtime_methods:jump(seconds) self.wall = self.wall + seconds end

local function head_of(response)
  local lines = { ("HTTP/1.1 %d Fake"):format(response.status or 200) }
  local names = {}
  for name in pairs(response.headers or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do lines[#lines + 1] = name .. ": " .. response.headers[name] end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local function next_answer(self, request, deadline)
  local answer = self.handler
  if not answer then
    self.answered = self.answered + 1
    answer = self.answers[self.answered]
    if answer == nil then error(("fake runtime: request %d has no answer"):format(#self.requests), 3) end
  end
  if type(answer) ~= "function" then return answer end
  local response, err = answer(request, self, deadline)
  return response or err
end

--- As the other runtimes' `send`. Requests are kept in `requests`, each with the time `at` which it was sent, its
--- `deadline`, and what else it had.
---@param request dynamodb.Request
---@param deadline number?
---@return dynamodb.Response?
---@return dynamodb.Error?
function runtime_methods:send(request, deadline)
  local seen = {}
  for name, value in pairs(request) do seen[name] = value end
  seen.at, seen.time, seen.deadline = self.monotonic, self.wall, deadline
  self.requests[#self.requests + 1] = seen
  if deadline and deadline <= self.monotonic then
    return nil, errors.new { code = "DeadlineExceeded", message = "the deadline has passed", sent = false }
  end
  local answer = next_answer(self, request, deadline)
  local delay = answer.delay or 0
  if deadline and self.monotonic + delay >= deadline then
    self.tasks:sleep_until(deadline)
    return nil, errors.new { code = "DeadlineExceeded", message = "the deadline has passed", sent = true }
  end
  self.tasks:sleep_until(self.monotonic + delay)
  if not answer.code then
    local status = answer.status or 200
    return { status = status, head = answer.head or head_of(answer), body = answer.body or status < 300 and "{}" or "" }
  end
  if errors.is_error(answer) then return nil, answer end
  return nil, errors.new { code = answer.code, message = answer.message or "scripted", sent = answer.sent ~= false }
end

--- Outside of tasks, or when all of them wait, time passes at once. The waits are kept in `slept`.
---@param seconds number
function runtime_methods:sleep(seconds)
  self.slept[#self.slept + 1] = seconds
  self:wait(seconds)
end

--- As `sleep`, but nobody notes it: for handlers.
---@param seconds number
function runtime_methods:wait(seconds)
  self.tasks:sleep_until(self.monotonic + (seconds > 0 and seconds or 0))
end

--- As the other runtimes' `spawn`.
---@param f function
---@param ... any    its arguments
---@return dynamodb.Task
function runtime_methods:spawn(f, ...) return self.tasks:spawn(f, ...) end

--- As the other runtimes' `join`.
---@param task dynamodb.Task
---@return boolean ok
---@return any ...
function runtime_methods:join(task) return self.tasks:join(task) end

--- As the other runtimes' `join_any`.
---@param list dynamodb.Task[]
function runtime_methods:join_any(list) self.tasks:join_any(list) end

--- As the other runtimes' `cancel`.
---@param task dynamodb.Task
function runtime_methods:cancel(task) self.tasks:cancel(task, "the task was cancelled") end

--- As the other runtimes' `lock`.
---@return dynamodb.Lock
function runtime_methods:lock() return self.tasks:lock() end

--- Time passes, until `due`.
---@package
---@param due number?
function runtime_methods:drive(due)
  if not due or due <= self.monotonic then return end
  self.wall = self.wall + (due - self.monotonic)
  self.monotonic = due
end

--- Nothing comes from outside.
---@package
---@return boolean
function runtime_methods.busy() return false end

--- It has no connections that a fork could harm.
---@package
---@return boolean
function runtime_methods.forked() return false end

---@return number seconds    as `options.now`, `advance` and the answers' delays made it
function runtime_methods:now() return self.monotonic end

---@return number seconds
function runtime_methods:time() return self.wall end

--- Is remembered in `closed`; tasks that wait end.
function runtime_methods:close()
  self.closed = true
  self.tasks:close "the runtime was closed while the task was under way"
end

local fake = {}

--- A runtime of which nothing is real.
---@param options table?    now = 0, time = 1700000000: where the clocks stand; answers: see `push`; handler: a function
---                         of request and runtime that answers all, instead of `answers`
function fake.new(options)
  options = options or {}
  local self = {
    monotonic = options.now or 0,
    wall = options.time or 1700000000,
    handler = options.handler,
    answers = {}, answered = 0,
    requests = {}, slept = {},
  }
  setmetatable(self, runtime_mt)
  self.tasks = tasks.new(self)
  return self:push((table.unpack or unpack)(options.answers or {}))
end

return fake
