--- Timers in a binary heap: what is due first is on top; of equal ones, what was added first.
local timers_methods = {}
local timers_mt = { __name = "dynamodb.Timers", __index = timers_methods }

---@class dynamodb.Timers
---@field count integer    of those in the heap, the ones nobody waits for any more included
---@field added integer

local function is_before(a, b)
  return a.due < b.due or a.due == b.due and a.number < b.number
end

--- Moves an entry from `i` towards the top, to where it belongs.
local function rise(heap, i, entry)
  while i > 1 do
    local parent = (i - i % 2) / 2
    if not is_before(entry, heap[parent]) then break end
    heap[i] = heap[parent]
    i = parent
  end
  heap[i] = entry
end

--- Moves an entry from the top downwards, to where it belongs.
local function sink(heap, count, entry)
  local i = 1
  while true do
    local child = 2 * i
    if child > count then break end
    if child < count and is_before(heap[child + 1], heap[child]) then child = child + 1 end
    if not is_before(heap[child], entry) then break end
    heap[i] = heap[child]
    i = child
  end
  heap[i] = entry
end

--- Removes what is on top.
local function pop(self)
  local heap, count = self.heap, self.count
  local last = heap[count]
  heap[count] = nil
  self.count = count - 1
  if count > 1 then sink(heap, count - 1, last) end
end

--- Wakes `waiter` at `due`.
---@param due number
---@param waiter table    once its `done` is true, nobody waits for it
function timers_methods:add(due, waiter)
  self.added = self.added + 1
  self.count = self.count + 1
  rise(self.heap, self.count, { due = due, number = self.added, waiter = waiter })
end

--- When the first of those is due that somebody still waits for.
---@return number?
function timers_methods:next()
  local heap = self.heap
  while heap[1] and heap[1].waiter.done do pop(self) end
  return heap[1] and heap[1].due
end

--- Takes out the first that is due.
---@param now number
---@return table? waiter
function timers_methods:take(now)
  local due = self:next()
  if not due or due > now then return nil end
  local waiter = self.heap[1].waiter
  pop(self)
  return waiter
end

--- No timers yet.
---@return dynamodb.Timers
local function new()
  return setmetatable({ heap = {}, count = 0, added = 0 }, timers_mt)
end

return { new = new }
