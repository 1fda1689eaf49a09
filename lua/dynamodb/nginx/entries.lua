--- A cache's entries in a shared dictionary: items as DynamoDB JSON, until when they are fresh, and the marks that keep
--- what was read before a write from being taken for what is there after it.
local clock = require "dynamodb.nginx.clock"
local core = require "dynamodb.core"

local now = clock.now

local MARK = 60        -- seconds that a write is remembered
local PAUSE = 1        -- seconds for which a service in trouble is not asked again for an item that is known
local TROUBLE = 60     -- seconds for which it is remembered to be
local RESOLUTION = 10  -- the dictionary keeps a whole number of 32 bits with an entry: tenths of seconds

local WRITING = 1      -- the flag of a mark whose write is under way

local entries_methods = {}
local entries_mt = { __name = "dynamodb.nginx.entries", __index = entries_methods }

---@param dict table
---@param times table    ttl, stale, negative: seconds
---@return table
local function new(dict, times)
  return setmetatable({ dict = dict, ttl = times.ttl, stale = times.stale, negative = times.negative }, entries_mt)
end

--- What is known.
---@param name string
---@return string|false|nil text    false: that there is no such item
---@return boolean is_fresh
function entries_methods:find(name)
  local text, fresh_until = self.dict:get(name)
  return text, text ~= nil and now() * RESOLUTION < fresh_until
end

local function set(self, name, text, seconds, kept)
  return self.dict:set(name, text, kept, math.ceil((now() + seconds) * RESOLUTION))
end

--- What was written last through this cache, if that was a short while ago.
---@param name string
---@return string? mark          another one after each write
---@return boolean is_writing    a write is under way
function entries_methods:mark(name)
  local mark, flag = self.dict:get("mark|" .. name)
  return mark, flag == WRITING
end

--- Keeps what was read, unless there was a write meanwhile.
---@param name string
---@param text string|false
---@param mark string?    as it was before the item was read
---@return boolean    was there room for it?
function entries_methods:store(name, text, mark)
  local current, is_writing = self:mark(name)
  if current ~= mark or is_writing then return true end
  local ok = true
  if text then
    ok = set(self, name, text, self.ttl, self.ttl + self.stale)
  elseif self.negative > 0 then
    ok = set(self, name, false, self.negative, self.negative)
  else
    self.dict:delete(name)
  end
  -- A write that ended between the look and now has deleted the entry too early.
  if not ok or self:mark(name) ~= mark then self.dict:delete(name) end
  return ok
end

--- Nothing is known any more of what is being written: what is read from now on is not kept until the write has ended,
--- or, if its request dies, for a while.
---@param name string
function entries_methods:begin_write(name)
  self.dict:set("mark|" .. name, core.uuid(), MARK, WRITING)
  self.dict:delete(name)
end

--- What was read before is not kept.
---@param name string
function entries_methods:end_write(name)
  self.dict:set("mark|" .. name, core.uuid(), MARK)
  self.dict:delete(name)
end

--- The service is in trouble: it is left alone for a moment.
---@param name string
---@param code string    of the error
function entries_methods:pause(name, code)
  self.dict:set("pause|" .. name, code, TROUBLE, math.ceil((now() + PAUSE) * RESOLUTION))
end

--- The service is well again.
---@param name string
function entries_methods:resume(name) self.dict:delete("pause|" .. name) end

--- Was it in trouble when it was asked last?
---@param name string
---@return string? code         of the error
---@return boolean is_paused    it is left alone still
function entries_methods:trouble(name)
  local code, paused_until = self.dict:get("pause|" .. name)
  return code, code ~= nil and now() * RESOLUTION < paused_until
end

return { new = new }
