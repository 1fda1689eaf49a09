--- Where an import puts what it could not import: lines as they are, so that they can be mended and imported.
local formats = require "dynamodb.formats.dynamodb_json"
local outputs = require "dynamodb.formats.output"
local files = require "dynamodb.migrate.files"

local reject_methods = {}
local reject_mt = { __name = "dynamodb.Rejects", __index = reject_methods }

---@class dynamodb.Rejects
---@field job dynamodb.Job
---@field path string
---@field source dynamodb.ImportSource
---@field out dynamodb.FileOutput?
---@field refused table[]             of the batch that is under way
---@field raw table<table, string>    of items that are under way; weak

--- Opens the file with the first line for it.
local function open(self)
  local state = self.job.state
  local err
  self.out, err = outputs.open(self.path, { size = state.errors_size })
  if not self.out then return nil, err end
  local header = self.source.reader and self.source.reader.header
  if header and state.errors_size == 0 then return self.out:write(header) end
  return true
end

--- Adds one line.
---@param raw string        with its end
---@param code string
---@param message string
---@param item table?
---@return true?
---@return dynamodb.Error?
function reject_methods:add(raw, code, message, item)
  local job, failure = self.job, { why = "failed", code = code, message = message, raw = raw, item = item }
  job:count "failed"
  job:leave(failure)
  if job.options.on_failed then job.options.on_failed(failure) end
  if not self.out then
    local ok, err = open(self)
    if not ok then return nil, err end
  end
  return self.out:write(raw)
end

--- A function that takes what a batch tells of refused items; they are added when it is over.
---@return fun(failure: table)
function reject_methods:listener()
  return function(failure) self.refused[#self.refused + 1] = failure end
end

--- Adds what a batch has refused.
---@return true?
---@return dynamodb.Error?
function reject_methods:flush()
  local all, reader = self.refused, self.source.reader
  self.refused = {}
  for _, failure in ipairs(all) do
    local item = failure.item
    if not item then return nil, files.failure(self.path, failure.message, failure.code) end
    local raw = self.raw[item] or reader and reader.render and reader.render(item) or formats.writer().write(item)
    local ok, err = self:add(raw, failure.code, failure.message, item)
    if not ok then return nil, err end
  end
  return true
end

--- Puts it on the disk.
---@return true?
---@return dynamodb.Error?
function reject_methods:save()
  if not self.out then return true end
  local size, err = self.out:mark()
  self.job.state.errors_size = size
  return size and true, err
end

--- Closes what is open.
function reject_methods:close()
  if self.out then self.out:close() end
end

local rejects = {}

--- A list without lines yet, or as the checkpoint knows it.
---@param job dynamodb.Job
---@param source dynamodb.ImportSource
---@param path string
---@return dynamodb.Rejects?
---@return dynamodb.Error?
function rejects.new(job, source, path)
  local there = not job.state.errors_size and io.open(path, "rb")
  if there then
    local bytes = there:seek "end"
    there:close()
    if bytes > 0 then return nil, files.failure(path, "it is there already; it is not written over") end
  end
  job.state.errors_size = job.state.errors_size or 0
  return setmetatable({ job = job, source = source, path = path, refused = {},
    raw = setmetatable({}, { __mode = "k" }) }, reject_mt)
end

return rejects
