--- The pages of one query, or of one segment of a scan, in their order; at most one is fetched ahead.
local hydrate = require "dynamodb.query.hydrate"

local pager_methods = {}
local pager_mt = { __name = "dynamodb.Pager", __index = pager_methods }

---@class dynamodb.Pager
---@field stream dynamodb.QueryStream
---@field segment integer     from 1
---@field at table?           where reading goes on, as far as pages were consumed; nil for the beginning
---@field done boolean        consumed to the end
---@field from table?         where the next page begins that is to be fetched
---@field exhausted boolean   there is no further page to fetch
---@field asked integer       items that requests may have read so far
---@field ahead table?        what is fetched ahead: task, page, err, ready; neglected: the program was busy with
---                           something else for long

---@param stream dynamodb.QueryStream
---@param segment integer
---@param at table?    where to begin
---@return dynamodb.Pager
local function new(stream, segment, at)
  return setmetatable({
    stream = stream, segment = segment,
    at = at, from = at,
    done = false, exhausted = false,
    asked = 0,
  }, pager_mt)
end

--- How many items the next request should read. What the caller wants at most is asked for at most, unless a filter
--- leaves out an unknown part of it.
local function request_limit(pager)
  local stream = pager.stream
  local options = stream.options
  local limit = options.page_size
  if options.limit and not stream.plan.filtered then
    limit = math.min(limit or math.huge, math.max(1, options.limit - pager.asked))
  end
  local paced = stream.pace and stream.pace:limit()
  if paced then limit = math.min(limit or math.huge, paced) end
  return limit
end

--- One request for the next page, and what belongs to it.
local function read(pager)
  local stream = pager.stream
  local pace, deadline, limit = stream.pace, stream.deadline, request_limit(pager)
  local charged, err
  if pace then
    charged, err = pace:enter(stream.runtime, limit, deadline)
    if not charged then return nil, err end
  end
  local page, full
  page, err = stream.plan:fetch(pager.from, pager.segment, limit, { deadline = deadline })
  full = page
  if page and stream.options.hydrate then full, err = hydrate(stream, page) end
  if pace then pace:leave(charged, page) end
  return full, err
end

--- Fetches the next page, now.
local function fetch(pager)
  local stream = pager.stream
  stream.pages = stream.pages + 1
  local page, err = read(pager)
  if not page then stream.pages = stream.pages - 1 end
  return page, err
end

--- Starts fetching the next page, if there may be one and nobody does already.
function pager_methods:look_ahead()
  local stream = self.stream
  local limit, max_pages = stream.options.limit, stream.options.max_pages
  if self.ahead or self.exhausted or not stream.prefetches then return end
  if limit and not stream.plan.filtered and self.asked >= limit then return end
  if max_pages and stream.pages >= max_pages then return end
  local ahead = {}
  self.ahead = ahead
  ahead.task = stream.runtime:spawn(function()
    local ok, page, err = pcall(fetch, self)
    ahead.page, ahead.err, ahead.ready = ok and page or nil, err, true
    if not ok then error(page, 0) end
  end)
end

-- What a program that was busy with something else may find: nobody looked at the answer in time.
local STALE = { Timeout = true, DeadlineExceeded = true, ConnectionError = true }

--- Is this failure none of the service's?
local function is_stale(ahead, err)
  local code = type(err) == "table" and err.code
  return code == "Cancelled" or ahead.neglected and STALE[code] -- cancelled: in the child of a fork
end

--- The page that was fetched ahead; nothing at all if it has to be fetched again.
local function take_ahead(pager)
  local ahead = pager.ahead
  if not ahead then return nil end
  pager.ahead = nil
  local ok, cause = pager.stream.runtime:join(ahead.task)
  if ahead.page then return ahead.page end
  if not ok and not is_stale(ahead, cause) then error(cause, 0) end
  if ok and not is_stale(ahead, ahead.err) then return nil, ahead.err end
end

--- The next page.
---@return dynamodb.QueryPage?    nil without an error: there is none
---@return dynamodb.Error?
function pager_methods:take()
  if self.exhausted then return nil end
  local page, err = take_ahead(self)
  if not page and not err and not self.exhausted then page, err = fetch(self) end
  if self.exhausted then return nil end -- another task has closed the query meanwhile
  if not page then return nil, err end
  self.from, self.exhausted = page.last, page.last == nil
  self.asked = self.asked + page.scanned
  page.pager = self
  return page
end

--- A page was consumed to its end.
---@param page dynamodb.QueryPage
function pager_methods:consumed(page)
  self.at, self.done = page.last, page.last == nil
end

--- Gives up what is under way.
function pager_methods:close()
  local ahead, runtime = self.ahead, self.stream.runtime
  self.ahead, self.exhausted = nil, true
  if ahead and not ahead.ready and runtime.cancel then runtime:cancel(ahead.task) end
end

return { new = new }
