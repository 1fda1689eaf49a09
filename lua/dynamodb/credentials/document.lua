--- Credentials out of the documents in which AWS's sources give them.
local core = require "dynamodb.core"
local static = require "dynamodb.credentials.static"
local time = require "dynamodb.time"

local document = {}

--- A member that is a text and not empty.
---@param given table
---@param name string
---@return string?
function document.text(given, name)
  local value = given[name]
  return type(value) == "string" and value ~= "" and value or nil
end

--- A point in time: a text of ISO 8601, or milliseconds since 1970.
---@param value any
---@return number?    seconds since 1970
function document.time(value)
  if type(value) == "number" then return value / 1000 end
  if type(value) == "string" then
    -- Older releases of the CLI; date +%FT%T%z; what Python's programs print.
    value = value:gsub("UTC$", "Z"):gsub("([+-]%d%d)(%d%d)$", "%1:%2"):gsub("^(%d+%-%d+%-%d+) ", "%1T")
  end
  return (time.parse(value))
end

--- A point in time as the AWS CLI writes it.
---@param seconds number    since 1970
---@return string           "2026-11-22T22:05:03Z"
function document.text_of_time(seconds)
  return (time.iso(seconds):gsub("%.%d+Z$", "Z"))
end

---@param given any          a decoded document
---@param names table        what its members are called: key, secret, token, account, expires
---@param source string      for `whoami`
---@return dynamodb.Credentials?
---@return string? message    what is wrong, without any of it
function document.credentials(given, names, source)
  if type(given) ~= "table" then return nil, "not a JSON object" end
  for _, kind in ipairs { "key", "secret" } do
    if not document.text(given, names[kind]) then return nil, names[kind] .. " is missing" end
  end
  local expires = given[names.expires]
  local found = {
    access_key_id = given[names.key],
    secret_access_key = given[names.secret],
    session_token = document.text(given, names.token),
    account_id = names.account and document.text(given, names.account),
    expires = document.time(expires),
  }
  if not found.expires and expires ~= nil and expires ~= core.null then
    return nil, names.expires .. " is not a point in time"
  end
  local message = static.problem(found)
  if message then return nil, message end
  return static.copy(found, source)
end

return document
