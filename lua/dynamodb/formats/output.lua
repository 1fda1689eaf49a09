--- Writes a file in pieces, gzip or not. What was written up to a mark is on the disk then, and writing can go on
--- there.
local core = require "dynamodb.core"
local files = require "dynamodb.migrate.files"

local output_methods = {}
local output_mt = { __name = "dynamodb.FileOutput", __index = output_methods }

local BUFFER = 65536 -- bytes that are kept back

---@class dynamodb.FileOutput
---@field path string
---@field file dynamodb.AppendFile
---@field deflater dynamodb.Deflater?
---@field md5 dynamodb.Md5?          of what is in the file
---@field parts string[]
---@field length integer             bytes in parts

---@param bytes string
local function put(self, bytes)
  if bytes == "" then return true end
  local ok, message = self.file:append(bytes)
  if not ok then return nil, files.failure(self.path, message) end
  if self.md5 then self.md5:update(bytes) end
  return true
end

local function flush(self)
  local bytes = table.concat(self.parts)
  self.parts, self.length = {}, 0
  if self.deflater then
    local message
    bytes, message = self.deflater:write(bytes)
    if not bytes then return nil, files.failure(self.path, message) end
  end
  return put(self, bytes)
end

--- Writes bytes.
---@param bytes string
---@return true?
---@return dynamodb.Error?
function output_methods:write(bytes)
  self.parts[#self.parts + 1] = bytes
  self.length = self.length + #bytes
  self.dirty = true
  if self.length < BUFFER then return true end
  return flush(self)
end

--- Puts everything on the disk. A gzip file consists of members, of which each ends with a mark.
---@return integer? size    of the file, for going on
---@return dynamodb.Error?
function output_methods:mark()
  local ok, err = flush(self)
  if ok and self.deflater and self.dirty then
    local rest, problem = self.deflater:finish()
    if not rest then return nil, files.failure(self.path, problem) end
    ok, err = put(self, rest)
  end
  if not ok then return nil, err end
  self.dirty = false
  local synced, message = self.file:sync()
  if not synced then return nil, files.failure(self.path, message) end
  return self.file:size()
end

--- Closes what is open.
function output_methods:close()
  self.file:close()
  if self.deflater then self.deflater:close() end
end

local output = {}

--- Opens a file for writing. One that has something in it is refused, unless writing goes on from a mark of it.
---@param path string
---@param options table    gzip (boolean), checksum (boolean: with `md5`), size (of the last mark; what stands behind it
---                        is cut off)
---@return dynamodb.FileOutput?
---@return dynamodb.Error?
function output.open(path, options)
  local file, err = files.append(path)
  if not file then return nil, err end
  local size = options.size or 0
  local message
  if not options.size and file:size() > 0 then
    message = "it is there already; it is not written over"
  elseif size > file:size() then
    message = "it is shorter than the checkpoint says"
  else
    local ok
    ok, message = file:truncate(size)
    if ok then message = nil end
  end
  if message then
    file:close()
    return nil, files.failure(path, message)
  end
  local md5
  if options.checksum then
    md5, message = core.md5_stream()
    if not md5 then return nil, files.failure(path, message) end
  end
  return setmetatable({
    path = path, file = file, deflater = options.gzip and core.deflater() or nil, md5 = md5,
    parts = {}, length = 0, dirty = false,
  }, output_mt)
end

return output
