--- Credentials that the workers of an nginx share: one of them fetches, the others find in a shared dictionary what it
--- has got. They lie there as text, secret and all, as they lie in the memory of each worker.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local lock = require "dynamodb.nginx.lock"
local shared = require "dynamodb.nginx.shared"

local LEASE = 15 -- seconds that a fetch is waited for

local shared_methods = {}
local shared_mt = { __name = "dynamodb.nginx.credentials", __index = shared_methods }

---@class dynamodb.nginx.SharedCredentials
---@field provider table      what is asked where the dictionary has nothing new
---@field dict table
---@field name string         in the dictionary
---@field seen string?        the version that was given out last
---@field is_fixed boolean?   as of a provider
---@field is_plain boolean?   as of a provider

--- A text of all that is in a value, the same in every process.
---@param value any
---@return string
local function dump(value)
  if type(value) ~= "table" then return ("%q"):format(tostring(value)) end
  local parts = {}
  for name, member in pairs(value) do parts[#parts + 1] = ("[%q]=%s"):format(tostring(name), dump(member)) end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

---@param provider table
---@param context dynamodb.credentials.Context
---@return table provider
local function new(provider, context)
  -- Who is configured otherwise, also after a reload, gets others.
  local profile = context.profile
  local identity = dump { context.environment, profile.name, profile.is_option, profile.shared, context.region or "" }
  return setmetatable({
    provider = provider,
    dict = shared.dictionary(context.shared_dict, "connect: shared_dict"),
    name = "dynamodb credentials|" .. core.sha256(identity),
  }, shared_mt)
end

--- What another worker has fetched since the last time, or has fetched at all.
---@return dynamodb.Credentials?
local function find(self)
  local text = self.dict:get(self.name)
  local found = text and core.json_decode(text)
  if not found or found.version == self.seen then return nil end
  self.seen, self.is_plain, self.is_fixed = found.version, found.is_plain, nil
  return found.credentials
end

--- Asks the provider; what it gives is there for all.
local function fetch(self, runtime, deadline)
  local provider = self.provider
  local credentials, err = provider:get(runtime, deadline)
  if not credentials then return nil, err end
  self.is_fixed, self.is_plain = provider.is_fixed, provider.is_plain
  local lifetime = credentials.expires and credentials.expires - runtime:time() or 0 -- 0: for good
  if not self.is_fixed and (lifetime > 0 or not credentials.expires) then
    self.seen = core.uuid()
    self.dict:set(self.name, core.json_encode {
      version = self.seen, is_plain = self.is_plain, credentials = credentials,
    }, lifetime)
  end
  return credentials
end

---@param runtime table
---@param deadline number?
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function shared_methods:get(runtime, deadline)
  local found = find(self)
  if found then return found end
  local in_time, credentials, err = lock.hold(self.dict, "lock|" .. self.name, LEASE, deadline, function()
    found = find(self)
    if found then return found end
    return fetch(self, runtime, deadline)
  end)
  if in_time then return credentials, err end
  local message = "the deadline passed in waiting for another worker's credentials"
  return nil, errors.new { code = "DeadlineExceeded", message = message, sent = false }
end

return { new = new }
