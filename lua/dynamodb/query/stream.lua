--- Pages of one pager, or of the segments of a parallel scan as they come in: a bounded number of segments is read at a
--- time, and each holds one page at most beside the one that is consumed.
local errors = require "dynamodb.error"
local pace = require "dynamodb.query.pace"
local pagers = require "dynamodb.query.pager"

local stream_methods = {}
local stream_mt = { __name = "dynamodb.QueryStream", __index = stream_methods }

local CONCURRENCY = 16
local AWAY = 1 -- seconds between two pages after which what was under way may have failed for that alone

---@class dynamodb.QueryStream
---@field plan dynamodb.QueryPlan
---@field options table
---@field runtime dynamodb.Runtime
---@field deadline number?
---@field pace dynamodb.Pace?
---@field prefetches boolean
---@field concurrency integer         segments that are read at a time
---@field segments table<integer, dynamodb.Pager|"done">    those that were begun
---@field first integer, last integer
---@field next integer                the next segment to begin
---@field active dynamodb.Pager[]     in the order in which they are asked
---@field pages integer               fetched, or being fetched
---@field closed boolean
---@field seen number?                when the last page was taken

--- Are pages fetched before they are asked for? Segments always, or they would not be read at the same time. Not by
--- itself in Lambda, where the process is frozen between two calls, nor where the runtime says no.
local function prefetches(plan, options, runtime)
  if not runtime.spawn then return false end
  if plan.segments > 1 and not plan.segment then return true end
  if options.prefetch ~= nil then return options.prefetch end
  return not plan.table.client.in_lambda and runtime.prefetch ~= false
end

---@param plan dynamodb.QueryPlan
---@param options table
---@param states (table|boolean)[]?    of a cursor: for each segment where it goes on, false if it was not begun, true
---                                    if it is done
---@param deadline number?
---@return dynamodb.QueryStream
local function new(plan, options, states, deadline)
  local runtime = plan.table.client:runtime()
  local first, last = plan.segment or 1, plan.segment or plan.segments
  local concurrency = math.min(options.concurrency or CONCURRENCY, last - first + 1)
  if not runtime.spawn then concurrency = 1 end
  local self = setmetatable({
    plan = plan, options = options, runtime = runtime, deadline = deadline,
    pace = options.rcu and pace.new(options.rcu, concurrency, options.consistent or false, runtime:now()),
    prefetches = prefetches(plan, options, runtime),
    concurrency = concurrency,
    segments = {}, first = first, last = last, next = first,
    active = {},
    pages = 0, closed = false,
  }, stream_mt)
  for i, state in ipairs(states or {}) do
    local segment = first + i - 1
    if state == true then
      self.segments[segment] = "done"
    elseif state then
      self:begin(segment, state)
    end
  end
  return self
end

---@private
function stream_methods:begin(segment, at)
  local pager = pagers.new(self, segment, at)
  self.segments[segment] = pager
  self.active[#self.active + 1] = pager
end

--- Are several segments read at a time?
local function is_parallel(self) return self.concurrency > 1 end

--- Begins segments until enough are under way.
local function fill(self)
  while #self.active < self.concurrency and self.next <= self.last do
    if not self.segments[self.next] then self:begin(self.next) end
    self.next = self.next + 1
  end
  if not is_parallel(self) then return end
  for i = 1, math.min(#self.active, self.concurrency) do self.active[i]:look_ahead() end
end

--- One of the segments that are read whose page is there.
---@return integer?
local function first_ready(self, count)
  for i = 1, count do
    local ahead = self.active[i] and self.active[i].ahead
    if ahead and ahead.ready then return i end
  end
end

--- Waits until the page of one of them is there: one that is throttled does not hold up the others.
local function await_any(self, count)
  local tasks = {}
  for i = 1, count do
    local ahead = self.active[i].ahead
    tasks[#tasks + 1] = ahead and ahead.task
  end
  if tasks[1] then self.runtime:join_any(tasks) end
end

--- Which of the segments is asked next: one whose page is there, else the first to have it, or the first of all.
---@return integer
local function choose(self)
  local count = math.min(#self.active, self.concurrency)
  local ready = first_ready(self, count)
  if ready or count < 2 or not self.runtime.join_any then return ready or 1 end
  await_any(self, count)
  return first_ready(self, count) or 1
end

--- Notes what was under way while the program was away.
local function come_back(self)
  if not self.seen or self.runtime:now() - self.seen < AWAY then return end
  for _, pager in ipairs(self.active) do
    if pager.ahead then pager.ahead.neglected = true end
  end
end

--- The next page of any segment.
---@return dynamodb.QueryPage?    nil without an error: there is none
---@return dynamodb.Error?
function stream_methods:take()
  come_back(self)
  while true do
    fill(self)
    local i = choose(self)
    local pager = self.active[i]
    if not pager then return nil end -- also when the time is over: it is the end, and has no cursor
    if self.deadline and self.runtime:now() >= self.deadline then
      return nil, errors.new {
        code = "DeadlineExceeded", message = "the deadline has passed", operation = self.plan.operation, sent = false,
      }
    end
    local page, err = pager:take()
    if self.closed then return nil end -- by another task, meanwhile
    if err then return nil, err end
    table.remove(self.active, i)
    if page then
      self.active[#self.active + 1] = pager
      fill(self)
      self.seen = self.runtime:now()
      return page
    end
  end
end

--- A page was consumed to its end.
---@param page dynamodb.QueryPage
function stream_methods:consumed(page)
  local pager = page.pager
  pager:consumed(page)
  if not pager.done then return end
  self.segments[pager.segment] = "done"
  for i, active in ipairs(self.active) do
    if active == pager then return table.remove(self.active, i) end
  end
end

--- Where each segment goes on, as for `new`; nil when all of them are done.
---@param current dynamodb.Pager?    one whose page is being consumed
---@param position table             and how far
---@return (table|boolean)[]?
function stream_methods:states(current, position)
  local states, all_done = {}, true
  for segment = self.first, self.last do
    local pager = self.segments[segment]
    local state = false
    if pager == "done" then
      state = true
    elseif pager and pager == current then
      state = position
    elseif pager then
      state = pager.at or false
    end
    states[#states + 1] = state
    all_done = all_done and state == true
  end
  if all_done then return nil end
  return states
end

--- Gives up what is under way.
function stream_methods:close()
  self.closed = true
  for _, pager in ipairs(self.active) do pager:close() end
  self.active, self.next = {}, self.last + 1
end

return { new = new }
