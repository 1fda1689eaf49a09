--- Credentials of a role, for credentials that may assume it.
local failure = require "dynamodb.credentials.failure"
local sts = require "dynamodb.credentials.sts"

local assume_role_methods = {}
local assume_role_mt = { __name = "dynamodb.credentials.assume_role", __index = assume_role_methods }

---@param context dynamodb.credentials.Context
---@param role dynamodb.credentials.Role
---@param source table    the provider of the credentials that assume it
---@return table provider
local function new(context, role, source)
  return setmetatable({ context = context, role = role, source = source, place = role.place }, assume_role_mt)
end

--- The parameters that prove a device, if the role wants one.
---@param self table
---@param parameters string[][]
---@return dynamodb.Error?
local function add_token(self, parameters)
  local serial = self.role.mfa_serial
  if not serial then return nil end
  local ask = self.context.mfa_token
  local code = ask and ask(serial)
  if type(code) ~= "string" or code == "" then
    local _, err = failure(("%s wants a code of the device %s: %s"):format(self.place, serial,
      ask and "the option mfa_token gave none" or "give the option mfa_token, a function that returns it"))
    return err
  end
  parameters[#parameters + 1] = { "SerialNumber", serial }
  parameters[#parameters + 1] = { "TokenCode", code }
end

---@param runtime table
---@param deadline number?
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function assume_role_methods:get(runtime, deadline)
  local role = self.role
  local credentials, err = self.source:get(runtime, deadline)
  if err then return nil, err end
  if not credentials then
    return failure(("%s: its source, %s, has no credentials: the credential provider was not enabled")
      :format(self.place, self.source.place))
  end
  local parameters = {
    { "RoleArn", role.arn }, { "RoleSessionName", role.session_name or sts.session_name(runtime) },
  }
  if role.external_id then parameters[#parameters + 1] = { "ExternalId", role.external_id } end
  if role.duration then parameters[#parameters + 1] = { "DurationSeconds", role.duration } end
  err = add_token(self, parameters)
  if err then return nil, err end
  return sts.call(self.context, runtime, {
    operation = "AssumeRole",
    parameters = parameters,
    credentials = credentials,
    secrets = { credentials.session_token or credentials.secret_access_key, credentials.secret_access_key },
    source = ("%s, assumed with credentials from %s"):format(self.place, credentials.source),
  }, deadline)
end

return { new = new }
