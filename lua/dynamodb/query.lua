--- Reading many items: a query of one partition, or a scan. An object is used once; where it stopped, another one can
--- go on from its cursor.
local capacity = require "dynamodb.capacity"
local core = require "dynamodb.core"
local cursors = require "dynamodb.cursor"
local errors = require "dynamodb.error"
local keys = require "dynamodb.query.keys"
local option_rules = require "dynamodb.options"
local plans = require "dynamodb.query.plan"
local streams = require "dynamodb.query.stream"
local usage = require "dynamodb.usage"

local query_methods = {}
local query_mt = { __name = "dynamodb.Query", __index = query_methods }

---@class dynamodb.Query
---@field private table dynamodb.Table
---@field private index string?
---@field private operation "Query"|"Scan"
---@field private keys table|string|nil
---@field private options table
---@field private plan dynamodb.QueryPlan?        from the first use on
---@field private stream dynamodb.QueryStream?
---@field private current dynamodb.QueryPage?    the page that is consumed
---@field private size integer               of its items; 0 without a page
---@field private at integer                 how many of them were consumed
---@field private position table             of the last item that was given out, as long as `at` is not 0
---@field private returned integer           items given out
---@field private middle integer?            the item with which the next page is asked for
---@field private ended boolean              nothing more is given out
---@field private busy boolean               a request is under way
---@field private interrupted boolean?       closed by another task in the middle of one
---@field private sums table                 what `meta` tells

function query_mt:__tostring()
  return ("dynamodb.Query(%s %s%s)"):format(self.operation, self.table.name, self.index and "/" .. self.index or "")
end

local COMMON = {
  "limit", "page_size", "max_pages", "consistent", "where", "names", "values", "attributes", "cursor", "cursor_keys",
  "prefetch", "rcu", "capacity", "timeout", "deadline", "hydrate",
}
local KNOWN = { Query = { reverse = true }, Scan = { segments = true, segment = true, concurrency = true } }
for _, known in pairs(KNOWN) do
  for _, name in ipairs(COMMON) do known[name] = true end
end

local COUNTS = { "limit", "page_size", "max_pages", "segments", "segment", "concurrency" }
local FLAGS = { "reverse", "prefetch", "hydrate" }

--- Raises unless the options make sense together.
---@param query dynamodb.Query
---@param options table
local function check(query, options)
  option_rules.check_counts(options, COUNTS)
  for _, name in ipairs(FLAGS) do
    local value = options[name]
    if value ~= nil and type(value) ~= "boolean" then
      usage.raise(("%s must be true or false, not a %s"):format(name, type(value)))
    end
  end
  local rcu = options.rcu
  if rcu ~= nil and (type(rcu) ~= "number" or not (rcu > 0 and rcu <= 1e9)) then
    usage.raise("rcu must be a positive number of capacity units a second")
  end
  if options.cursor ~= nil then usage.check_type(options.cursor, "string", "cursor") end
  if options.cursor_keys ~= nil then cursors.check_keys(options.cursor_keys, "cursor_keys") end
  if options.hydrate and not query.index then usage.raise("hydrate is for an index: a table has the full items") end
  -- Source: TotalSegments of Scan in the API reference.
  local segments = options.segments
  if segments and segments > 1000000 then usage.raise("segments: a scan has at most 1,000,000") end
  if options.concurrency and not segments then
    usage.raise("concurrency says how many segments are read at a time: give segments, too")
  end
  if options.segment and options.segment > (segments or 1) then
    usage.raise(("segment must be from 1 to %d, the number of segments"):format(segments or 1))
  end
  option_rules.capacity(query.table.client, options)
end

--- A shallow copy: what the program does to its tables later is no part of the query.
local function copy_of(fields)
  local copy = {}
  for name, value in pairs(fields) do copy[name] = value end
  return copy
end

--- A query or scan; nothing is sent.
---@param target dynamodb.Table
---@param index string?
---@param operation "Query"|"Scan"
---@param given table|string|nil    keys of a query
---@param options table?
---@return dynamodb.Query
local function new(target, index, operation, given, options)
  local method = operation:lower()
  local self = setmetatable({
    table = target, index = index, operation = operation,
    size = 0, at = 0, position = {}, returned = 0, ended = false, busy = false,
    sums = { pages = 0, items = 0, count = 0, scanned = 0, attempts = 0, waited = 0, gone = 0 },
  }, query_mt)
  self.options = copy_of(option_rules.check(options, KNOWN[operation], method))
  check(self, self.options)
  if operation == "Query" then
    if type(given) ~= "table" and type(given) ~= "string" then
      usage.raise("query: the keys must be a table, { pk = value }, or a text, not a " .. type(given))
    end
    self.keys = type(given) == "table" and copy_of(given) or given
  end
  local known = target.schema
  -- What can be told now is told now, on the caller's own line.
  if known and (not index or known.indexes[index]) then self.plan = assert(plans.new(self, {})) end
  return self
end

local function count_page(self, page)
  local sums = self.sums
  sums.pages, sums.items = sums.pages + 1, sums.items + #page.items
  for _, name in ipairs { "count", "scanned", "attempts", "waited", "gone" } do
    sums[name] = sums[name] + page[name]
  end
  sums.capacity = capacity.add(sums.capacity, page.capacity)
  if page.hydrated then sums.hydrated = (sums.hydrated or 0) + page.hydrated end
end

--- Where the stream begins, as a cursor says it. A position outside of the sort key's range, which may have moved since
--- the cursor was made, means the range's beginning or its end.
---@return (table|boolean)[]? states
---@return dynamodb.Error?
local function opening(self)
  local text, plan = self.options.cursor, self.plan
  if not text then return nil end
  local states, err = cursors.open(plan, text, self.options.cursor_keys or self.table.client.cursor_keys)
  if not states then return nil, err end
  local position = plan.condition and type(states[1]) == "table" and states[1]
  if position then
    local side = keys.side(plan.condition, position)
    if plan.reverse then side = -side end
    if side < 0 then states[1] = false elseif side > 0 then states[1] = true end
  end
  return states
end

--- Plans and opens the stream at the first use.
---@return boolean?
---@return dynamodb.Error?
local function open(self)
  if self.stream then return true end
  local options = self.options
  if not self.deadline then
    self.deadline = options.deadline
    if options.timeout then
      local stop = self.table.client:now() + options.timeout
      self.deadline = math.min(self.deadline or stop, stop)
    end
  end
  local err
  if not self.plan then
    self.plan, err = plans.new(self, { deadline = self.deadline })
    if not self.plan then return nil, err end
  end
  local states
  states, err = opening(self)
  if err then return nil, err end
  if self.counting then
    self.plan.params.Select, self.plan.params.ProjectionExpression = "COUNT", nil
  end
  self.stream = streams.new(self.plan, options, states, self.deadline)
  return true
end

--- The page is consumed.
local function leave_page(self)
  local page = self.current
  if not page then return end
  self.current, self.size, self.at = nil, 0, 0
  self.stream:consumed(page)
end

--- The cursor of where it stands now; nil at the end.
---@return string?
local function here(self)
  if not self.stream then return self.options.cursor end
  if self.current and self.at >= self.size then leave_page(self) end
  local page = self.current
  local states = self.stream:states(page and page.pager, self.position)
  return states and cursors.seal(self.plan, states, self.options.cursor_keys or self.table.client.cursor_keys)
end

--- Nothing more is given out; what was fetched ahead is given up.
local function stop(self)
  if self.stream and self.left == nil then
    self.left = here(self) or false
    self.stream:close()
  end
  self.ended, self.current, self.size, self.at = true, nil, 0, 0
end

--- The next page of the service, empty or not.
---@return dynamodb.QueryPage?    nil without an error: there is none
---@return dynamodb.Error?
local function next_page(self)
  leave_page(self)
  if self.ended then return nil end
  local ok, err = open(self)
  if not ok then return nil, err end
  if self.ended then return nil end -- closed while the table was described
  if self.options.max_pages and self.sums.pages >= self.options.max_pages then
    stop(self)
    return nil
  end
  local page
  page, err = self.stream:take()
  if page then
    count_page(self, page)
    self.current, self.size, self.at = page, #page.items, 0
    self.middle = math.ceil(self.size / 2)
  end
  if not page and not err then self.ended = true end
  return page, err
end

--- One reader at a time: two would get items of which the cursor knows nothing.
local function exclusively(self, f)
  if self.busy then usage.raise("the query is being read by another task") end
  self.busy = true
  local ok, page, err = pcall(f, self)
  self.busy = false
  if not ok then error(page, 0) end
  if err then err.cursor = here(self) end
  return page, err
end

--- A page that has items left. The one before is not held here: the collector would have to walk it again and again
--- while the next one is decoded.
---@return dynamodb.QueryPage?
---@return dynamodb.Error?
local function page_with_items(self)
  if self.ended then return nil end
  while self.at >= self.size do
    local page, err = next_page(self)
    if not page then return nil, err end
  end
  return self.current
end

--- Gives out the next item of the current page. This is done for each item: a reader of many pays for every line.
local function take_item(self)
  local page, plan, at, returned = self.current, self.plan, self.at + 1, self.returned + 1
  self.at, self.returned = at, returned
  local item, from, position, names = page.items[at], page.positions[at], self.position, plan.names
  for i = 1, #names do
    local name = names[i]
    position[name] = from[name]
  end
  local unwanted = plan.unwanted
  for i = 1, #unwanted do item[unwanted[i]] = nil end
  if returned == self.options.limit then
    self.ended = true
    self.stream:close()
  elseif at == self.middle then
    page.pager:look_ahead()
  end
  return item
end

--- The next item.
---@return table? item        nil without an error: there is no further one
---@return dynamodb.Error?    `cursor` says where another query can go on; asking again tries again
function query_methods:next()
  if self.ended then return nil end
  if self.at >= self.size then
    local page, err = exclusively(self, page_with_items)
    if not page then return nil, err end
  end
  return take_item(self)
end

--- `for item in query do`: raises what `next` returns.
function query_mt:__call()
  if self.at < self.size and not self.ended then return take_item(self) end
  local item, err = self:next()
  if err then error(err, 0) end
  return item
end

--- For loops that are left early, in Lua 5.4: `for item in query:each() do … break … end` closes the query at once, and
--- what was under way with it.
---@return fun(): table?
---@return nil
---@return nil
---@return dynamodb.Query
function query_methods:each()
  return function() return self() end, nil, nil, self
end

--- A new list, marked as one.
local function new_list() return setmetatable({}, core.list_mt) end

--- The items of the current page that are left, as many as `limit` lets through.
local function rest_of(self, items)
  while self.at < self.size and not self.ended do items[#items + 1] = take_item(self) end
  return items
end

---@class dynamodb.Page
---@field items table[]       marked as a list
---@field cursor string?      where the next page begins; nil if there is none

--- An iterator over pages, as the service cuts them; empty ones are passed over.
---@return fun(): dynamodb.Page?    raises an error object
function query_methods:pages()
  return function()
    if self.ended then return nil end
    local page, err = exclusively(self, page_with_items)
    if err then error(err, 0) end
    if not page then return nil end
    return { items = rest_of(self, new_list()), cursor = here(self) }
  end
end

--- Raises unless the object is new.
---@param self dynamodb.Query
---@param method string
---@param defaults table?    options that the method has if the caller gave none
local function begin(self, method, defaults)
  if self.begun or self.ended or self.returned > 0 then
    usage.raise(method .. ": the query was used already; make another one, with its cursor if it is to go on")
  end
  self.begun = true
  local options = self.options
  for name, value in pairs(defaults or {}) do
    if options[name] == nil then options[name] = value end
  end
end

--- Ends the call that reads several pages: its failure tells where this call began, since what it had read is not
--- handed out.
local function failed(self, err)
  err.cursor = self.options.cursor
  self:close()
  return nil, err
end

--- Ends a call that reads as far as it was asked to; when another task has closed the query, what it found is less.
local function finished(self, value)
  if self.interrupted then
    local message = "another task closed the query while it was read"
    return failed(self, errors.new { code = "Cancelled", message = message, operation = self.operation })
  end
  self:close()
  return value, nil, self:meta()
end

--- One page for a reader who will come back with its cursor: exactly `limit` items, however many requests that takes,
--- as long as there are so many; without a limit one page of the service that has any.
---@param cursor string?     of the page before; nil for the first page
---@return dynamodb.Page?
---@return dynamodb.Error?    code InvalidCursor if it is none of this query's
---@return table? meta        see `meta`
function query_methods:page(cursor)
  if cursor ~= nil then
    usage.check_type(cursor, "string", "cursor")
    if self.options.cursor then usage.raise("page: the query has a cursor of its own") end
  end
  begin(self, "page", { cursor = cursor, prefetch = false })
  local items = new_list()
  repeat
    local page, err = exclusively(self, page_with_items)
    if err then return failed(self, err) end
    if page then rest_of(self, items) end
  until not page or self.ended or not self.options.limit
  return finished(self, { items = items, cursor = here(self) })
end

--- All items as one list.
---@return table[]? items
---@return dynamodb.Error?
---@return table? meta        see `meta`
function query_methods:all()
  begin(self, "all")
  local items = new_list()
  repeat
    local page, err = exclusively(self, page_with_items)
    if err then return failed(self, err) end
    if page then rest_of(self, items) end
  until not page
  return finished(self, items)
end

--- The first item.
---@return table? item        nil without an error: there is none
---@return dynamodb.Error?
---@return table? meta        see `meta`
function query_methods:first()
  begin(self, "first", { prefetch = false })
  self.options.limit = 1
  local item, err = self:next()
  if err then return failed(self, err) end
  return finished(self, item)
end

--- How many items there are. The service counts; it reads, and bills, as many as it would return.
---@return integer? count
---@return dynamodb.Error?
---@return table? meta        see `meta`
function query_methods:count()
  begin(self, "count")
  if self.options.hydrate or self.options.attributes then
    usage.raise("count: there are no items of which attributes could be read")
  end
  self.counting = true
  local total, limit = 0, self.options.limit or math.huge
  repeat
    local page, err = exclusively(self, next_page)
    if err then return failed(self, err) end
    if page then total = total + page.count end
  until not page or total >= limit
  return finished(self, math.min(total, limit))
end

--- Where another query can go on: behind the last item that was given out. Valid also in the middle of a page.
---@return string?    nil when there is nothing further, and before the first item of a query without a cursor
function query_methods:cursor()
  if not self.stream then return self.options.cursor end
  if self.left ~= nil then return self.left or nil end
  return here(self)
end

--- What reading has cost so far.
---
--- | field | meaning |
--- | --- | --- |
--- | `pages` | answers of the service |
--- | `items` | items in them |
--- | `scanned` | items that were read for it, those that the filter left out as well |
--- | `capacity` | the sum of ConsumedCapacity; `hydrated`: units of reading the full items |
--- | `gone` | with `hydrate`: entries of the index whose item is not in the table any more |
--- | `attempts`, `waited` | requests sent, and seconds waited between them |
---@return table
function query_methods:meta()
  return self.sums
end

--- Ends it: what was fetched ahead is given up. Closing twice is allowed; `cursor` goes on telling where it stopped. A
--- task that is reading gets nothing more from `next`, and from `all`, `page`, `first` and `count` an error of the code
--- Cancelled.
function query_methods:close()
  self.interrupted = self.interrupted or self.busy
  stop(self)
end

query_mt.__close = query_methods.close

return { new = new }
