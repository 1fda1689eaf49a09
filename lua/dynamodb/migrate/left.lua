--- The list of items that a migration leaves as they are: conflicts, and with `on_error = "skip"` failures. One line of
--- JSON for each, beside the checkpoint.
local core = require "dynamodb.core"
local files = require "dynamodb.migrate.files"

local left_methods = {}
local left_mt = { __name = "dynamodb.LeftList", __index = left_methods }

---@class dynamodb.LeftEntry
---@field key table
---@field why "conflict"|"failed"|"changed"|"gone"
---@field code string?
---@field message string?

---@class dynamodb.LeftList
---@field path string
---@field file dynamodb.AppendFile?    opened with the first entry

--- Adds one.
---@param entry dynamodb.LeftEntry
---@return true?
---@return dynamodb.Error?
function left_methods:add(entry)
  if not self.file then
    local err
    self.file, err = files.append(self.path)
    if not self.file then return nil, err end
  end
  local about = core.json_encode { why = entry.why, code = entry.code, message = entry.message }
  local ok, message = self.file:append(('{"key":%s,%s\n'):format(core.marshal(entry.key), about:sub(2)))
  if not ok then return nil, files.failure(self.path, message) end
  return true
end

--- How long the list is, once it is on the disk.
---@return integer?
---@return dynamodb.Error?
function left_methods:sync()
  if not self.file then return self.length end
  local ok, message = self.file:sync()
  if not ok then return nil, files.failure(self.path, message) end
  self.length = self.file:size()
  return self.length
end

--- Closes what is open.
function left_methods:close()
  if self.file then self.file:close() end
end

local left = {}

--- The list as a checkpoint knows it: what was added after that is forgotten, since it will be added again.
---@param path string
---@param length integer                   bytes
---@param visit fun(entry: dynamodb.LeftEntry)    is told of each that is there
---@return dynamodb.LeftList?
---@return dynamodb.Error?
function left.open(path, length, visit)
  local self = setmetatable({ path = path, length = length }, left_mt)
  if length == 0 then
    local is_there, err = files.exists(path)
    if err then return nil, err end
    if not is_there then return self end
  end
  local err
  self.file, err = files.append(path)
  if not self.file then return nil, err end
  if self.file:size() < length then return nil, files.failure(path, "it is shorter than the checkpoint says") end
  self.file:truncate(length)
  local shape = core.shape "(key i,why,code,message)"
  for line in io.lines(path) do
    local entry = core.decode(shape, line)
    if entry then visit(entry) end
  end
  return self
end

return left
