--- Credentials that somebody wrote down: in the program, or in a profile.
local usage = require "dynamodb.usage"

local static_methods = { is_fixed = true }
local static_mt = { __name = "dynamodb.credentials.static", __index = static_methods }

---@class dynamodb.Credentials
---@field access_key_id string
---@field secret_access_key string
---@field session_token string?    of temporary credentials
---@field account_id string?
---@field expires number?          wall-clock seconds
---@field source string            where they came from

local FIELDS = {
  access_key_id = true, secret_access_key = true, session_token = true, account_id = true, expires = true,
  source = true,
}

--- What is wrong with a table of credentials, without showing any of it.
---@param given any
---@return string? message    nil if nothing is wrong
local function problem(given)
  if type(given) ~= "table" then return "credentials must be a table, not a " .. type(given) end
  local unknown = usage.unknown_name(given, FIELDS, "member of credentials")
  if unknown then return unknown end
  for _, name in ipairs { "access_key_id", "secret_access_key" } do
    if given[name] == nil or given[name] == "" then return name .. " is missing" end
  end
  for _, name in ipairs { "access_key_id", "secret_access_key", "session_token", "account_id" } do
    local value = given[name]
    if value ~= nil then
      if type(value) ~= "string" then return ("%s must be a string, not a %s"):format(name, type(value)) end
      -- They become parts of headers; core.signer has the same rule.
      if value:find("[%z\1-\31\127]") then return name .. " has a line break or another control character" end
      if value:find("^ ") or value:find(" $") then return name .. " has a blank at its beginning or end" end
    end
  end
  if given.expires ~= nil and type(given.expires) ~= "number" then
    return ("expires must be a number of seconds since 1970, not a %s"):format(type(given.expires))
  end
end

---@param given dynamodb.Credentials
---@param source string
---@return dynamodb.Credentials    a copy, so that later changes of the caller's table do not matter
local function copy(given, source)
  return {
    access_key_id = given.access_key_id,
    secret_access_key = given.secret_access_key,
    session_token = given.session_token ~= "" and given.session_token or nil,
    account_id = given.account_id,
    expires = given.expires,
    source = source,
  }
end

---@param given dynamodb.Credentials    already checked by `problem`
---@param source string?                "the options of connect" if nil
---@return table provider
local function new(given, source)
  return setmetatable({ credentials = copy(given, source or "the options of connect"), place = source }, static_mt)
end

---@return dynamodb.Credentials
function static_methods:get()
  return self.credentials
end

return { new = new, problem = problem, copy = copy }
