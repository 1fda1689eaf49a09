--- The places where credentials are searched when the program names none, one after the other.
---
--- A provider is an object with `place` (for messages) and `get(runtime, deadline)` -> credentials; nil alone means
--- "not here, look further", nil and an error stops the chain: a source that is configured but broken must not be
--- passed over. `is_fixed`: it has only these; `is_plain`: what it gives is used only as long as it is valid.
local failure = require "dynamodb.credentials.failure"

local chain_methods = {}
local chain_mt = { __name = "dynamodb.credentials.chain", __index = chain_methods }

---@param providers table[]
---@return table provider
local function new(providers)
  return setmetatable({ providers = providers }, chain_mt)
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
      self.winner, self.is_fixed, self.is_plain = provider, provider.is_fixed, provider.is_plain
      return credentials
    end
    places[#places + 1] = provider.place
  end
  return failure("no AWS credentials; searched: " .. table.concat(places, ", "))
end

return { new = new }
