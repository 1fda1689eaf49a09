--- Where a client's region, endpoint and credentials come from.
local whoami = {}

---@class dynamodb.Identity
---@field profile dynamodb.Setting
---@field region dynamodb.Setting
---@field endpoint dynamodb.Setting      of an operation on a table
---@field credentials dynamodb.IdentityCredentials

---@class dynamodb.IdentityCredentials
---@field source string
---@field access_key_id string          its last four characters
---@field account_id string?
---@field expires number?               seconds since 1970

local identity_mt = { __name = "dynamodb.Identity" }

function identity_mt:__tostring()
  local credentials = self.credentials
  return table.concat({
    ("profile      %s (%s)"):format(self.profile.value, self.profile.source),
    ("region       %s (%s)"):format(self.region.value, self.region.source),
    ("endpoint     %s (%s)"):format(self.endpoint.value, self.endpoint.source),
    ("credentials  %s (%s)"):format(credentials.access_key_id, credentials.source),
    ("account      %s"):format(credentials.account_id or "not told"),
    ("expires      %s"):format(credentials.expires and os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(credentials.expires))
      or "never, or nobody told"),
  }, "\n")
end

--- Asks everything that a request would ask, and sends none to DynamoDB.
---@param client dynamodb.Client
---@param deadline number?
---@return dynamodb.Identity?
---@return dynamodb.Error?
function whoami.ask(client, deadline)
  local runtime = client:runtime()
  local region, err = client:signing_region()
  if not region then return nil, err end
  local credentials
  credentials, err = client.provider:get(runtime, deadline)
  if not credentials then return nil, err end
  local target
  target, err = client:endpoint("dynamodb", credentials.account_id)
  if not target then return nil, err end
  local configured = client.configured.dynamodb
  return setmetatable({
    profile = { value = client.profile.name, source = client.profile.source },
    region = { value = client.region.value, source = client.region.source },
    endpoint = {
      value = ("%s://%s%s"):format(target.scheme, target.authority, target.path),
      source = configured and configured.source or "AWS's endpoint rules",
    },
    credentials = {
      source = credentials.source,
      access_key_id = ("*"):rep(16) .. credentials.access_key_id:sub(-4),
      account_id = credentials.account_id,
      expires = credentials.expires,
    },
  }, identity_mt)
end

return whoami
