--- Leases of one process alone: how far each shard was read, in memory or in a file as well. It has the face of the
--- lease table (dynamodb.streams.lease), but nobody to share with.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"

local checkpoint_methods = {}
local checkpoint_mt = { __name = "dynamodb.Checkpoints", __index = checkpoint_methods }

---@class dynamodb.Checkpoints
---@field stream string                             ARN
---@field path string?                              of the file
---@field leases table<string, dynamodb.Lease>
---@field others dynamodb.Lease[]                   of another stream of the same table, not read to their end
---@field shared boolean                            do others have leases of the same stream?

--- What is kept of a lease.
---@param lease dynamodb.Lease
---@return table
local function kept(lease)
  return { checkpoint = lease.checkpoint, parent = lease.parent, since = lease.since, iterator = lease.iterator }
end

---@param message string
---@return nil
---@return dynamodb.Error
local function failure(message)
  return nil, errors.new { code = "CheckpointError", message = message, sent = false, retryable = false }
end

--- Writes the file: after a crash it is as it was, or as it is now.
---@param self dynamodb.Checkpoints
---@return boolean? ok
---@return dynamodb.Error?
local function save(self)
  if not self.path then return true end
  local shards = {}
  for id, lease in pairs(self.leases) do shards[id] = kept(lease) end
  local text = core.json_encode { stream = self.stream, shards = shards }
  local ok, message = require("dynamodb.system").replace(self.path, text)
  if not ok then return failure(("%s cannot be written: %s"):format(self.path, message)) end
  return true
end

--- Reads the file, if there is one.
---@return boolean? ok
---@return dynamodb.Error?
function checkpoint_methods:open()
  if not self.path then return true end
  local file, message, code = io.open(self.path, "rb")
  if not file then
    if code == 2 then return true end -- it is made with the first lease
    return failure(tostring(message))
  end
  local text = file:read "*a"
  file:close()
  local saved = text and core.json_decode(text)
  if type(saved) ~= "table" or type(saved.stream) ~= "string" or type(saved.shards) ~= "table" then
    return failure(self.path .. " is no file of checkpoints")
  end
  for id, one in pairs(saved.shards) do
    if type(one) ~= "table" or type(one.checkpoint) ~= "string" then
      return failure(self.path .. " is no file of checkpoints")
    end
    local lease = kept(one)
    lease.id, lease.stream = id, saved.stream
    if saved.stream == self.stream then
      self.leases[id] = lease
    elseif lease.checkpoint ~= "SHARD_END" then
      self.others[#self.others + 1] = lease
    end
  end
  return true
end

--- All leases.
---@return table<string, dynamodb.Lease>
function checkpoint_methods:load() return self.leases end

---@param lease dynamodb.Lease
---@return boolean? ok
---@return dynamodb.Error?
function checkpoint_methods:create(lease)
  self.leases[lease.id] = self.leases[lease.id] or lease
  return save(self)
end

--- Nobody else could have it.
---@param lease dynamodb.Lease
---@return dynamodb.Lease
function checkpoint_methods.take(_, lease) return lease end

--- It lasts for ever.
---@return number
function checkpoint_methods.left() return math.huge end

--- Sets how far the shard was read.
---@param lease dynamodb.Lease
---@param place string         "SHARD_END" or a sequence number
---@return boolean? ok
---@return dynamodb.Error?
function checkpoint_methods:checkpoint(lease, place)
  lease.checkpoint, lease.iterator = place, nil
  return save(self)
end

--- Sets where LATEST is, for as long as nothing has come.
---@param lease dynamodb.Lease
---@param iterator string
---@return boolean? ok
---@return dynamodb.Error?
function checkpoint_methods:pin(lease, iterator)
  lease.iterator = iterator
  return save(self)
end

--- There is nothing that could expire.
---@return boolean
function checkpoint_methods.renew() return true end

--- There is nobody who could take it.
---@return boolean
function checkpoint_methods.release() return true end

--- Ends the lease of a shard that the service does not have any more.
---@param id string
---@return boolean? ok
---@return dynamodb.Error?
function checkpoint_methods:remove(id)
  self.leases[id] = nil
  return save(self)
end

--- The leases of another stream are forgotten.
---@return boolean? ok
---@return dynamodb.Error?
function checkpoint_methods:forget_others()
  self.others = {}
  return save(self)
end

--- Leases in memory.
---@param stream string    ARN
---@param path string?     of a file that keeps them, too
---@return dynamodb.Checkpoints
local function new(stream, path)
  return setmetatable({ stream = stream, path = path, leases = {}, others = {}, shared = false }, checkpoint_mt)
end

--- Where another one can go on, as text; nil where a shard has not been begun, which need not be said.
---@param lease dynamodb.Lease
---@return string?
local function place(lease)
  if lease.checkpoint == "LATEST" then return ("LATEST@%d"):format(lease.since) end
  return lease.checkpoint ~= "TRIM_HORIZON" and lease.checkpoint or nil
end

--- Is it such a text?
---@param text any
---@return boolean
local function is_place(text)
  return type(text) == "string" and (text == "SHARD_END" or text:find "^LATEST@%d+$" or text:find "^%d+$") ~= nil
end

--- Makes the leases of such places.
---@param store table
---@param places table<string, string>    by shard
---@return boolean? ok
---@return dynamodb.Error?
local function begin_at(store, places)
  for id, text in pairs(places) do
    local since = text:match "^LATEST@(%d+)$"
    local ok, err = store:create { id = id, checkpoint = since and "LATEST" or text, since = tonumber(since) }
    if not ok then return nil, err end
  end
  return true
end

return { new = new, place = place, is_place = is_place, begin_at = begin_at }
