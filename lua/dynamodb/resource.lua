--- What an operation is about, for the endpoint rules: the name or ARN in its parameters, where the model says so.
local model = require "dynamodb.model"

local resource = {}

local paths = {} -- by operation, taken apart at their first use; constant from then on

--- "TransactItems[].Put|Delete.TableName" -> { { "TransactItems" }, "[]", { "Put", "Delete" }, { "TableName" } }; one
--- name alone stays as it is.
---@param text string
---@return table|string
local function take_apart(text)
  if text:find("^%w+$") then return text end
  local path = {}
  for part in text:gmatch("[^.]+") do
    local names, ending = part:match("^([^%[{]+)(.*)$")
    local alternatives = {}
    for name in names:gmatch("[^|]+") do alternatives[#alternatives + 1] = name end
    path[#path + 1] = alternatives
    if ending ~= "" then path[#path + 1] = ending end
  end
  return path
end

--- The first key, in an order that is the same in every process.
---@param map table
---@return string?
local function first_key(map)
  local first
  for key in pairs(map) do
    if type(key) == "string" and (not first or key < first) then first = key end
  end
  return first
end

---@param value any
---@param path table
---@param at integer
---@return any
local function follow(value, path, at)
  local part = path[at]
  if part == nil then return value end
  if type(value) ~= "table" then return nil end
  if part == "[]" then return follow(value[1], path, at + 1) end
  if part == "{}" then return first_key(value) end
  for _, name in ipairs(part) do
    if value[name] ~= nil then return follow(value[name], path, at + 1) end
  end
end

--- The ARN that an operation's parameters name; of several, the first.
---@param operation string
---@param params table
---@return string?    nil for a name, which says nothing of an account
function resource.arn(operation, params)
  local spec = model.operations[operation]
  if not spec or not spec.endpoint then return nil end
  local path = paths[operation]
  if not path then
    path = take_apart(spec.endpoint)
    paths[operation] = path
  end
  local value
  if type(path) == "string" then value = params[path] else value = follow(params, path, 1) end
  return type(value) == "string" and value:find("arn:", 1, true) == 1 and value or nil
end

return resource
