--- The files in which the AWS CLI keeps tokens: read anew each time, since others refresh them, too.
local core = require "dynamodb.core"
local files = require "dynamodb.config.files"

local token_file = {}

---@param path string
---@return table? document
---@return string? message
function token_file.read(path)
  local text, message = files.read(path)
  if not text then return nil, "failed to read " .. message end
  local value = core.json_decode(text)
  if type(value) ~= "table" then return nil, path .. " does not hold a JSON object" end
  return value
end

--- Writes it whole or not at all, for the owner's eyes alone. That it cannot be written is no failure: what was
--- fetched is good all the same.
---@param path string
---@param document table
---@return boolean
function token_file.write(path, document)
  local is_there, system = pcall(require, "dynamodb.system")
  return is_there and system.replace(path, core.json_encode(document)) == true
end

return token_file
