--- Credentials from a function of the user's.
local errors = require "dynamodb.error"
local static = require "dynamodb.credentials.static"

local callback_methods = { is_plain = true, is_momentary = true, place = "the credentials function" }
local callback_mt = { __name = "dynamodb.credentials.callback", __index = callback_methods }

---@param f fun(runtime: table, deadline: number?): table?, any    credentials, or nil and what went wrong
---@return table provider
local function new(f)
  return setmetatable({ f = f }, callback_mt)
end

---@param message string
---@return nil
---@return dynamodb.Error
local function failure(message)
  return nil, errors.new { code = "CredentialsError", message = "the credentials function " .. message }
end

--- Asks the function.
---@param runtime table
---@param deadline number?    on the runtime's clock
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function callback_methods:get(runtime, deadline)
  local given, message = self.f(runtime, deadline)
  if given == nil then
    if errors.is_error(message) then return nil, message end
    return failure("gave none" .. (message ~= nil and ": " .. tostring(message) or ""))
  end
  message = static.problem(given)
  if message then return failure("gave unusable ones: " .. message) end
  return static.copy(given, "the credentials function")
end

return { new = new }
