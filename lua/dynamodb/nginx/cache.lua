--- A table whose items are read through a cache, which all workers of an nginx share.
local core = require "dynamodb.core"
local entries = require "dynamodb.nginx.entries"
local errors = require "dynamodb.error"
local flights = require "dynamodb.nginx.flights"
local key = require "dynamodb.key"
local option_rules = require "dynamodb.options"
local phase = require "dynamodb.nginx.phase"
local request = require "dynamodb.request"
local shared = require "dynamodb.nginx.shared"
local usage = require "dynamodb.usage"
local versions = require "dynamodb.versions"

local cache_methods = {}
local cache_mt = { __name = "dynamodb.Cache", __index = cache_methods }

---@class dynamodb.Cache
---@field table dynamodb.Table
---@field private entries table
---@field private flights table
---@field private prefix string?       of its names in the dictionary
---@field private has_warned boolean?  of an item that has no room

function cache_mt:__tostring()
  return ("dynamodb.Cache(%s)"):format(self.table.name)
end

local OPTIONS = { dict = true, ttl = true, stale = true, negative = true }
local READING = { consistent = true, capacity = true, timeout = true, deadline = true }

---@param options table
---@param name string
---@param least number
local function check_seconds(options, name, least)
  local value = options[name]
  if type(value) ~= "number" or not (value >= least and value <= 1e8) then
    usage.raise(("cached: %s must be a number of seconds, %g at least"):format(name, least))
  end
end

---@param target dynamodb.Table
---@param options table    see `Table:cached`
---@return dynamodb.Cache
local function new(target, options)
  usage.check_type(options, "table", "the options of cached")
  usage.check_names(options, OPTIONS, "option of cached")
  local dict = shared.dictionary(options.dict, "cached: dict")
  local times = { ttl = options.ttl, stale = options.stale or 0, negative = options.negative or 0 }
  check_seconds(times, "ttl", 0.1)
  check_seconds(times, "stale", 0)
  check_seconds(times, "negative", 0)
  if not target.schema then
    usage.raise "cached: the table has to be declared with its key: db:table(name, { partition = … })"
  end
  return setmetatable({ table = target, entries = entries.new(dict, times), flights = flights.new(dict) }, cache_mt)
end

--- What tells this table from others in the same dictionary: where it is, who asks, and how values are read.
---@return string
local function prefix_of(self)
  local client = self.table.client
  client:runtime() -- the files have been read from then on
  local configured, static = client.configured.dynamodb, client.provider and client.provider.credentials
  local parts = {
    configured and configured.value or "", client.region and client.region.value or "",
    client.profile and client.profile.name or "", static and static.access_key_id or "",
    client.given.numbers or "lossless", self.table.name,
  }
  return core.sha256(table.concat(parts, "\n")):sub(1, 16) .. "|"
end

--- A value of a key as text.
local function text_of(given, attribute)
  local value = given[attribute]
  if type(value) == "table" then value = core.unmarshal_value(core.marshal_value(value)) end -- dynamodb.raw
  return core.key(value) or usage.raise(("key.%s is no value that DynamoDB has"):format(attribute))
end

--- An item's name in the dictionary.
---@param given table    has the attributes of the key
---@return string
local function name_of(self, given)
  self.prefix = self.prefix or prefix_of(self)
  local schema = self.table.schema
  local partition = text_of(given, schema.partition)
  local sort = schema.sort and text_of(given, schema.sort) or ""
  return ("%s%d|%s%s"):format(self.prefix, #partition, partition, sort)
end

--- Reads the item itself, and keeps it.
---@return table outcome    item, text, meta, or err
local function read(self, name, item_key, options)
  local mark = self.entries:mark(name)
  local item, err, meta = self.table:get(item_key, {
    -- Just after a write an eventually consistent read may still find what was there before, and it would be kept.
    consistent = options.consistent or mark ~= nil or nil,
    capacity = options.capacity, timeout = false, deadline = options.deadline,
  })
  if err then return { err = err } end
  local text = item and core.marshal(item) or false
  if not self.entries:store(name, text, mark) and not self.has_warned then
    self.has_warned = true
    ngx.log(ngx.WARN, tostring(self), ": an item of ", #text, " bytes has no room in the lua_shared_dict; it is read ",
      "from DynamoDB each time (this is logged once)")
  end
  meta.cache = "miss"
  return { item = item, text = text, meta = meta }
end

--- What is known, as a result.
---@param text string|false
---@param how "hit"|"shared"|"stale"
---@param reason string?
local function known(self, text, how, reason)
  local item
  if text then item = assert(core.unmarshal(text, self.table.client.values)) end
  return item, nil, { cache = how, reason = reason, attempts = 0, waited = 0 }
end

---@param err dynamodb.Error
---@return boolean    is it the service that is in trouble, and not the request?
local function is_unavailable(err)
  local class = core.classify(err.status, err.code, err.sent)
  return class == "throttling" or class == "transient" or err:is "DeadlineExceeded"
end

--- What is not fresh is fetched, by one for all that ask for it now.
---@param old string?    what is known
local function refresh(self, name, item_key, options, old)
  local trouble, is_paused
  if old then trouble, is_paused = self.entries:trouble(name) end
  if is_paused then return known(self, old, "stale", trouble) end
  phase.check()
  if trouble then self.entries:pause(name, trouble) end -- one asks how it is, and the others do not wait for that
  options = request.bounded(self.table.client, options)
  local outcome, is_shared = self.flights:join(name, self.entries:mark(name), options.deadline, function()
    local text, is_fresh = self.entries:find(name) -- by now another worker may have fetched it
    if is_fresh then return { text = text, is_hit = true } end
    return read(self, name, item_key, options)
  end)
  local err = outcome.err
  if err and old and is_unavailable(err) then
    self.entries:pause(name, err.code)
    return known(self, old, "stale", err.code)
  end
  if trouble then self.entries:resume(name) end
  if err then
    return nil, is_shared and errors.copy(err) or err
  elseif is_shared or outcome.is_hit then
    return known(self, outcome.text, is_shared and "shared" or "hit")
  end
  return outcome.item, nil, outcome.meta
end

--- Reads one item: out of the cache as long as it is fresh, else from the table, by one request for all that ask for it
--- at the same time. When DynamoDB throttles, takes too long or cannot be reached, what was known is given for `stale`
--- seconds more.
---@param item_key table      every attribute of the key
---@param options table?      consistent (true: from the table itself, strongly consistent, and kept), capacity, timeout
---                           (seconds), deadline (on db:now())
---@return table? item        the caller's own; nil without an error if there is none
---@return dynamodb.Error?
---@return dynamodb.Meta?     `cache`: "hit", "miss", "shared" (another request has just fetched it) or "stale", then
---                           with `reason`, the error's code
function cache_methods:get(item_key, options)
  options = option_rules.check(options, READING, "get")
  key.check(item_key, self.table.schema, self.table.client.limits)
  local name = name_of(self, item_key)
  if options.consistent then
    phase.check()
    local outcome = read(self, name, item_key, request.bounded(self.table.client, options))
    return outcome.item, outcome.err, outcome.meta
  end
  local text, is_fresh = self.entries:find(name)
  if is_fresh then return known(self, text, "hit") end
  return refresh(self, name, item_key, options, text or nil)
end

--- A write that has ended, however: an error may hide that it was applied.
local function concluded(self, name, ok, ...)
  self.entries:end_write(name)
  if not ok then error((...), 0) end
  return ...
end

--- Writes to the table; what is known of the item is forgotten.
---@param given any    has the attributes of the key
local function write(self, method, given, ...)
  local name = name_of(self, given)
  self.entries:begin_write(name)
  return concluded(self, name, pcall(self.table[method], self.table, given, ...))
end

--- As `Table:put`; what is known of the item is forgotten.
---@param item table
---@param options table?
---@return table|true|nil result
---@return dynamodb.Error?
---@return dynamodb.Meta?
function cache_methods:put(item, options)
  key.check_item(item, self.table.schema, self.table.client.limits)
  return write(self, "put", item, options)
end

--- As `Table:create`; what is known of the item, also that there is none, is forgotten.
---@param item table
---@param options table?
---@return true? created
---@return dynamodb.Error?
---@return dynamodb.Meta?
function cache_methods:create(item, options)
  key.check_item(item, self.table.schema, self.table.client.limits)
  return write(self, "create", item, options)
end

--- Raises unless it is a whole key; it may have a version beside its attributes.
local function check_key(self, given)
  local target = self.table
  if target.version then given = versions.strip(target.version, given) end
  key.check(given, target.schema, target.client.limits)
end

--- As `Table:update`; what is known of the item is forgotten.
---@param item_key table
---@param changes table|string
---@param options table?
---@return table|true|nil result
---@return dynamodb.Error?
---@return dynamodb.Meta?
function cache_methods:update(item_key, changes, options)
  check_key(self, item_key)
  return write(self, "update", item_key, changes, options)
end

--- As `Table:delete`; what is known of the item is forgotten.
---@param item_key table
---@param options table?
---@return table|true|nil result
---@return dynamodb.Error?
---@return dynamodb.Meta?
function cache_methods:delete(item_key, options)
  check_key(self, item_key)
  return write(self, "delete", item_key, options)
end

--- Forgets what is known of an item, because it has changed elsewhere. For a minute it is read strongly consistent.
---@param item_key table    every attribute of the key
function cache_methods:forget(item_key)
  key.check(item_key, self.table.schema, self.table.client.limits)
  self.entries:end_write(name_of(self, item_key))
end

return { new = new }
