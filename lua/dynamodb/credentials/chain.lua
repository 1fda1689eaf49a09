--- The places where credentials are searched when the program names none, one after the other.
---
--- A provider is an object with `place` (for messages) and `get(runtime, deadline)` -> credentials; nil alone means
--- "not here, look further", nil and an error stops the chain: a source that is configured but broken must not be
--- passed over. One that can get others has `invalidate(credentials)` -> true, called when the service refuses them as
--- expired.
local errors = require "dynamodb.error"
local environment = require "dynamodb.credentials.environment"

local chain_methods = {}
local chain_mt = { __name = "dynamodb.credentials.chain", __index = chain_methods }

---@param snapshot table<string, string>    the environment
---@return table provider
local function new(snapshot)
  return setmetatable({ providers = { environment.new(snapshot) } }, chain_mt)
end

--- The first credentials found. The provider that had them is the only one asked from then on.
---@param runtime table
---@param deadline number?
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function chain_methods:get(runtime, deadline)
  if self.winner then return self.winner:get(runtime, deadline) end
  local places = { "the options of connect" }
  for _, provider in ipairs(self.providers) do
    local credentials, err = provider:get(runtime, deadline)
    if err then return nil, err end
    if credentials then
      self.winner = provider
      return credentials
    end
    places[#places + 1] = provider.place
  end
  return nil, errors.new {
    code = "CredentialsError",
    message = "no AWS credentials; searched: " .. table.concat(places, ", "),
  }
end

--- The service refuses these credentials as expired: are there others to be had?
---@param credentials dynamodb.Credentials
---@return boolean
function chain_methods:invalidate(credentials)
  local winner = self.winner
  return winner ~= nil and winner.invalidate ~= nil and winner:invalidate(credentials)
end

return { new = new }
