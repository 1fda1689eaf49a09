--- What an import reads: one file, or the data files of an export to S3. A job reads it as it reads a query.
local errors = require "dynamodb.error"
local files = require "dynamodb.migrate.files"
local inputs = require "dynamodb.formats.input"
local s3 = require "dynamodb.formats.s3"

local source_methods = {}
local source_mt = { __name = "dynamodb.ImportSource", __index = source_methods }

local FORMATS = { ["dynamodb-json"] = "dynamodb.formats.dynamodb_json", json = "dynamodb.formats.json",
  csv = "dynamodb.formats.csv" }

---@class dynamodb.ImportSource
---@field kind "full"|"incremental"
---@field files table[]       path, and of an export md5
---@field at integer          which of them
---@field open_reader fun(input: dynamodb.FileInput): table?, any
---@field input dynamodb.FileInput?
---@field reader table?
---@field offset integer?     where reading goes on in the current file

--- Opens the current file.
---@return true?
---@return dynamodb.Error?
local function open_file(self)
  local file, offset = self.files[self.at], self.offset
  self.offset = nil
  local ok, err = s3.verify(file)
  if not ok then return nil, err end
  self.input, err = inputs.open(file.path)
  if not self.input then return nil, err end
  local reader
  reader, err = self.open_reader(self.input)
  if not reader then return nil, errors.is_error(err) and err or files.failure(file.path, err, "DamagedFile") end
  if offset and offset > 0 then
    ok, err = self.input:skip_to(offset)
    if not ok then return nil, err end
  end
  self.reader = reader
  return true
end

--- The next entry: `{ item =, raw = }`, of an incremental export `{ change = }`, or `{ raw =, message = }` for what is
--- broken.
---@return table?    nil without an error: the end
---@return dynamodb.Error?
function source_methods:next()
  while self.files[self.at] do
    if not self.reader then
      local ok, err = open_file(self)
      if not ok then return nil, err end
    end
    local found, message, raw = self.reader.read()
    if found then return { [self.kind == "full" and "item" or "change"] = found, raw = raw } end
    if raw and self.kind == "full" then return { raw = raw, message = message } end
    if message then
      if raw then message = files.failure(self.files[self.at].path, message, "DamagedFile") end
      return nil, message
    end
    self:close()
    self.at = self.at + 1
  end
end

--- Where it stands.
---@return { file: integer, offset: integer }
function source_methods:cursor()
  return { file = self.at, offset = self.input and self.input.at or 0 }
end

--- Reading a file consumes no capacity.
---@return table
function source_methods.meta() return {} end

--- Closes what is open.
function source_methods:close()
  if self.input then self.input:close() end
  self.input, self.reader = nil, nil
end

local sources = {}

--- How long a file is.
---@param path string?
---@return integer? bytes    nil: nobody can tell
function sources.size(path)
  local file = path and io.open(path, "rb")
  if not file then return nil end
  local bytes = file:seek "end"
  file:close()
  return bytes
end

--- A source.
---@param options table    file and format, or directory; revert
---@param cursor table?    where it goes on
---@return dynamodb.ImportSource?
---@return dynamodb.Error?
function sources.open(options, cursor)
  local self = setmetatable({ at = cursor and cursor.file or 1, offset = cursor and cursor.offset }, source_mt)
  if options.file then
    self.kind, self.files = "full", { { path = options.file } }
    self.open_reader = require(FORMATS[options.format]).reader
    return self
  end
  local export, err = s3.open(options.directory)
  if not export then return nil, err end
  self.kind, self.files = export.kind, export.files
  self.open_reader = export.kind == "full" and require(FORMATS["dynamodb-json"]).reader or s3.changes
  if options.revert and (export.kind == "full" or export.summary.outputView ~= "NEW_AND_OLD_IMAGES") then
    return nil, files.failure(options.directory, "only an incremental export that has old images can be taken back")
  end
  return self
end

return sources
