--- The layout of DynamoDB's export to S3, in a directory: data files of gzip DynamoDB JSON, a manifest that lists them
--- with their checksums, and a summary. Source: "DynamoDB table export output format", Developer Guide.
local core = require "dynamodb.core"
local files = require "dynamodb.migrate.files"
local ordered = require "dynamodb.formats.ordered"
local outputs = require "dynamodb.formats.output"
local time = require "dynamodb.time"

local s3 = {}

local ROOT = "AWSDynamoDB"
local FILE_BYTES = 32 * 2 ^ 20 -- of a data file, before it is deflated
local VERSIONS = { full = "2020-06-30", incremental = "2023-08-01" }

---@param bytes string
---@return string
local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

---@param bytes string
---@return string?
---@return string? message
local function md5_of(bytes)
  local md5, message = core.md5_stream()
  if not md5 then return nil, message end
  return md5:update(bytes):finish()
end

-- --------------------------------------------------------------------------------------------------- writing ----

local writer_methods = {}
local writer_mt = { __name = "dynamodb.S3Writer", __index = writer_methods }

---@class dynamodb.S3Writer
---@field directory string    of this export: …/AWSDynamoDB/<id>
---@field state table         what going on needs: id, prefix (of the data files' names), files, items, began
---@field out dynamodb.FileOutput?    the data file that is written
---@field name string?                and its name
---@field items integer               in it
---@field bytes number                in it, before they are deflated

--- Writes one line of a data file.
---@param line string    with its end
---@return true?
---@return dynamodb.Error?
function writer_methods:line(line)
  local err
  if not self.out then
    self.name = ("%s%05d.json.gz"):format(self.state.prefix, #self.state.files + 1)
    self.items, self.bytes = 0, 0
    local path = self.directory .. "/data/" .. self.name
    os.remove(path) -- what an earlier run has begun and not ended
    self.out, err = outputs.open(path, { gzip = true, checksum = true })
    if not self.out then return nil, err end
  end
  self.items, self.bytes = self.items + 1, self.bytes + #line
  return self.out:write(line)
end

--- Writes an item of a full export.
---@param item table
function writer_methods:item(item)
  return self:line('{"Item":' .. ordered.typed(item) .. "}\n")
end

--- Writes a change of an incremental export.
---@param key table
---@param new table?    nil: it was deleted
---@param old table?    nil: it was not there
---@param at number     seconds since 1970
function writer_methods:change(key, new, old, at)
  local parts = { ('{"Metadata":{"WriteTimestampMicros":{"N":"%.0f"}},"Keys":%s'):format(at * 1e6, ordered.typed(key)) }
  if new then parts[#parts + 1] = ',"NewImage":' .. ordered.typed(new) end
  if old then parts[#parts + 1] = ',"OldImage":' .. ordered.typed(old) end
  return self:line(table.concat(parts) .. "}\n")
end

--- Is the data file long enough, or is there none?
---@return boolean
function writer_methods:is_full()
  return self.out ~= nil and self.bytes >= FILE_BYTES
end

--- Ends the data file that is written. The state says that it is there from then on.
---@return true?
---@return dynamodb.Error?
function writer_methods:end_file()
  local out = self.out
  if not out then return true end
  local size, err = out:mark()
  if not size then return nil, err end
  local sum = out.md5:finish()
  out:close()
  self.out = nil
  local state = self.state
  state.files[#state.files + 1] = { name = self.name, items = self.items, md5 = core.base64(sum), etag = hex(sum) }
  state.items = state.items + self.items
  return true
end

--- Writes a manifest and its checksum.
local function write_manifest(self, name, text)
  local sum, message = md5_of(text)
  if not sum then return nil, files.failure(self.directory, message) end
  local ok, err = files.replace(("%s/%s.json"):format(self.directory, name), text)
  if not ok then return nil, err end
  return files.replace(("%s/%s.checksum"):format(self.directory, name), core.base64(sum))
end

--- The lines of the manifest of the data files.
local function list_files(self)
  local lines = {}
  for i, file in ipairs(self.state.files) do
    lines[i] = ('{"itemCount":%d,"md5Checksum":"%s","etag":"%s","dataFileS3Key":"%s/%s/data/%s"}\n'):format(file.items,
      file.md5, file.etag, ROOT, self.state.id, file.name)
  end
  return table.concat(lines)
end

--- Ends the export: writes the manifests.
---@param about table    table_arn, table_id (as far as they are known), kind, from, to (seconds since 1970)
---@return true?
---@return dynamodb.Error?
function writer_methods:finish(about)
  local ok, err = self:end_file()
  if not ok then return nil, err end
  ok, err = write_manifest(self, "manifest-files", list_files(self))
  if not ok then return nil, err end
  local state, incremental = self.state, about.kind == "incremental"
  local members = {
    { "version", VERSIONS[about.kind] },
    { "exportArn", about.table_arn and ("%s/export/%s"):format(about.table_arn, state.id) },
    { "startTime", time.iso(state.began) }, { "endTime", time.iso(about.now) },
    { "tableArn", about.table_arn }, { "tableId", about.table_id },
    { "exportTime", not incremental and time.iso(state.began) },
    { "exportFromTime", incremental and time.iso(about.from) }, { "exportToTime", incremental and time.iso(about.to) },
    { "s3Bucket" }, { "s3Prefix" }, { "s3SseAlgorithm" }, { "s3SseKmsKeyId" },
    { "manifestFilesS3Key", ("%s/%s/manifest-files.json"):format(ROOT, state.id) },
    { "billedSizeBytes", 0 }, { "itemCount", state.items }, { "outputFormat", "DYNAMODB_JSON" },
    { "outputView", incremental and "NEW_AND_OLD_IMAGES" },
    { "exportType", incremental and "INCREMENTAL_EXPORT" or "FULL_EXPORT" },
  }
  local parts = {}
  for _, member in ipairs(members) do
    local value = member[2]
    if value ~= false then
      parts[#parts + 1] = ('"%s":%s'):format(member[1], value == nil and "null" or core.json_encode(value))
    end
  end
  return write_manifest(self, "manifest-summary", "{" .. table.concat(parts, ",") .. "}\n")
end

--- Begins an export below a directory, or goes on with one.
---@param directory string
---@param state table?     of an export that was not finished; is kept up to date
---@param now number       seconds since 1970
---@return dynamodb.S3Writer?
---@return dynamodb.Error?
function s3.writer(directory, state, now)
  state = state or {}
  state.id = state.id or ("%014.0f-%s"):format(now * 1000, hex(core.random(4)))
  state.prefix = state.prefix or hex(core.random(8))
  state.files, state.items, state.began = state.files or {}, state.items or 0, state.began or now
  local self = setmetatable({ directory = ("%s/%s/%s"):format(directory, ROOT, state.id), state = state }, writer_mt)
  local ok, err = files.make_directory(self.directory .. "/data")
  if ok then ok, err = files.replace(self.directory .. "/_started", "") end
  if not ok then return nil, err end
  return self
end

-- --------------------------------------------------------------------------------------------------- reading ----

---@class dynamodb.S3Export
---@field directory string
---@field summary table          as it stands there
---@field kind "full"|"incremental"
---@field files { path: string, md5: string?, items: integer? }[]

--- Reads a manifest and compares it with its checksum, if there is one.
---@return string?
---@return dynamodb.Error?
local function read_manifest(directory, name)
  local path = ("%s/%s.json"):format(directory, name)
  local text, err = files.read(path)
  if not text then return nil, err or files.failure(path, "there is none; this is not the directory of an export") end
  for _, ending in ipairs { "checksum", "md5" } do
    local wanted
    wanted, err = files.read(("%s/%s.%s"):format(directory, name, ending))
    if err then return nil, err end
    local sum = wanted and md5_of(text)
    if sum and wanted:gsub("%s", "") ~= core.base64(sum) then
      return nil, files.failure(path, "its checksum is wrong", "ChecksumMismatch")
    end
  end
  return text
end

--- Where a data file is: beside the export's manifest, or in the directory that incremental exports share.
---@param directory string
---@param key string
---@return string?
local function locate(directory, key)
  local below = key:match("^.-" .. ROOT .. "/(.*)$") or key
  if below:find("..", 1, true) then return nil end
  for _, path in ipairs { directory .. "/../" .. below, directory .. "/data/" .. below:match "[^/]*$" } do
    local file = io.open(path, "rb")
    if file then
      file:close()
      return path
    end
  end
end

--- Reads the manifests of an export.
---@param directory string    where manifest-summary.json stands
---@return dynamodb.S3Export?
---@return dynamodb.Error?    code ChecksumMismatch, FileError
function s3.open(directory)
  local text, err = read_manifest(directory, "manifest-summary")
  if not text then return nil, err end
  local summary = core.json_decode(text)
  if type(summary) ~= "table" or summary.outputFormat ~= "DYNAMODB_JSON" then
    return nil, files.failure(directory, "only exports as DYNAMODB_JSON can be read")
  end
  local list
  list, err = read_manifest(directory, "manifest-files")
  if not list then return nil, err end
  local made = {
    directory = directory, summary = summary, files = {},
    kind = summary.exportType == "INCREMENTAL_EXPORT" and "incremental" or "full",
  }
  for line in list:gmatch "[^\n]+" do
    local file = core.json_decode(line)
    if type(file) ~= "table" or type(file.dataFileS3Key) ~= "string" then
      return nil, files.failure(directory, "manifest-files.json has a line that names no data file", "DamagedFile")
    end
    local path = locate(directory, file.dataFileS3Key)
    if not path then return nil, files.failure(file.dataFileS3Key, "this data file is not there") end
    made.files[#made.files + 1] = { path = path, md5 = file.md5Checksum, items = file.itemCount }
  end
  return made
end

--- Compares a data file with its checksum.
---@param file table
---@return true?
---@return dynamodb.Error?
function s3.verify(file)
  local md5 = type(file.md5) == "string" and core.md5_stream()
  if not md5 then return true end
  local handle = io.open(file.path, "rb")
  if not handle then return nil, files.failure(file.path, "it cannot be read") end
  for block in function() return handle:read(65536) end do md5:update(block) end
  handle:close()
  if core.base64(md5:finish()) == file.md5 then return true end
  return nil, files.failure(file.path, "its checksum is wrong", "ChecksumMismatch")
end

local shape -- of a line; compiled at the first one

--- A reader of the changes of a data file of an incremental export.
---@param input dynamodb.FileInput
---@return table reader    as of dynamodb.formats.dynamodb_json; gives `{ Keys =, NewImage =, OldImage = }`
function s3.changes(input)
  return {
    read = function()
      shape = shape or core.shape "(Keys i,NewImage i,OldImage i)"
      local line, err
      repeat line, err = input:line() until err or not line or line:find "%S"
      if not line then return nil, err end
      local change, message = core.decode(shape, line)
      if type(change) ~= "table" or type(change.Keys) ~= "table" then
        return nil, message or "a change has no Keys", line .. "\n"
      end
      return change, nil, line .. "\n"
    end,
  }
end

return s3
