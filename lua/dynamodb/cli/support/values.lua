--- JSON on the command line as the library's values: plain, or typed as the AWS CLI wants it.
local core = require "dynamodb.core"
local exit = require "dynamodb.cli.support.exit"

local values = {}

local TYPES = { S = 1, N = 1, B = 1, SS = 1, NS = 1, BS = 1, M = 1, L = 1, BOOL = 1, NULL = 1 }

---@param value any
---@return boolean    { "S": "a" }
local function is_typed(value)
  local name = type(value) == "table" and next(value)
  return TYPES[name] ~= nil and next(value, name) == nil
end

--- Are all of them typed?
local function all_typed(object)
  for _, value in pairs(object) do
    if not is_typed(value) then return false end
  end
  return next(object) ~= nil
end

--- The members of a JSON object: `{"pk":{"S":"a"}}` or, where all of them are plain, `{"pk":"a"}`.
---@param text string
---@param name string    of the argument, for messages
---@return table<string, any>
function values.object(text, name)
  local object, message = core.json_decode(text, true)
  if type(object) == "table" and getmetatable(object) ~= core.list_mt then
    if not all_typed(object) then return object end
    object, message = core.unmarshal(text)
    if object then return object end
  end
  exit.refuse(("%s must be a JSON object: %s"):format(name, message or text))
end

return values
