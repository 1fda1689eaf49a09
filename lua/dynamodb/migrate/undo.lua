--- The undo log: what is going to be written stands in it, old image and new one, before it is written. A line has a
--- checksum before its JSON; a line that a crash has torn is told by it, and nothing of what stands in it was written.
local core = require "dynamodb.core"
local files = require "dynamodb.migrate.files"

local log_methods = {}
local log_mt = { __name = "dynamodb.UndoLog", __index = log_methods }

local BLOCK = 65536    -- bytes that are read at a time
local LONGEST = 2 ^ 23 -- bytes of a line: two images of 400 KB, whose JSON may be several times as long

---@class dynamodb.UndoLog
---@field path string
---@field file dynamodb.AppendFile
---@field begin integer              where the first line after the header begins
---@field shape dynamodb.Shape

---@class dynamodb.UndoRecord
---@field offset integer    of its line
---@field key table?        of the item that was read; nil: it is a void
---@field old table?        nil: there was none
---@field new table?        nil: it was deleted
---@field void integer?     the line at this offset was not written, and never will be

---@param json string
---@return string
local function line_of(json)
  return ("%08x %s\n"):format(core.crc32(json), json)
end

--- The JSON of a line, if it is whole.
---@param line string    without its end
---@return string?
local function json_of(line)
  local sum, json = line:match "^(%x%x%x%x%x%x%x%x) (.*)$"
  if sum and tonumber(sum, 16) == core.crc32(json) then return json end
end

--- The whole lines from an offset on: `for at, json, after in log:lines(from) do`; json is nil for one that is damaged,
--- and for what stands at the end without being ended.
---@private
---@param from integer
---@return fun(): integer?, string?, integer?
function log_methods:lines(from)
  local at, text, read_to = from, "", from
  return function()
    local stop = text:find("\n", 1, true)
    while not stop and #text <= LONGEST do
      local block = self.file:read(read_to, BLOCK)
      if not block or block == "" then break end
      stop = block:find("\n", 1, true)
      stop = stop and stop + #text
      text, read_to = text .. block, read_to + #block
    end
    if not stop then
      if text == "" then return nil end
      text = ""
      return at, nil, self.file:size()
    end
    local began = at
    local line = text:sub(1, stop - 1)
    text, at = text:sub(stop + 1), at + stop
    return began, json_of(line), at
  end
end

---@param self dynamodb.UndoLog
---@param offset integer
---@param json string
---@return dynamodb.UndoRecord?
local function record_of(self, offset, json)
  local record = core.decode(self.shape, json)
  if type(record) ~= "table" then return nil end
  record.offset = offset
  return record
end

--- What a line is that cannot be read, and that no crash has torn.
local function damaged(self, at)
  return files.failure(self.path, ("the line at %d is damaged"):format(at))
end

--- The records from an offset on. What is not whole ends the log: it is cut off there, since nothing that stands behind
--- it was written either.
---@param from integer
---@param handle fun(record: dynamodb.UndoRecord): true?, dynamodb.Error?
---@param sure integer?    up to there all lines were on the disk once: what is not whole is damaged since
---@return true?
---@return dynamodb.Error?
function log_methods:read(from, handle, sure)
  for at, json in self:lines(from) do
    local record = json and record_of(self, at, json)
    if not record and sure and at < sure then return nil, damaged(self, at) end
    if not record then
      local ok, message = self.file:truncate(at)
      if not ok then return nil, files.failure(self.path, message) end
      return true
    end
    local ok, err = handle(record)
    if not ok then return nil, err end
  end
  return true
end

--- The lines that are whole in a piece of the log, and what stands before the first of them.
---@param text string      ends with a line's end
---@param at integer       where it begins
---@param is_all boolean   does a line begin with it?
---@return { at: integer, text: string }[]
---@return string rest
local function split(text, at, is_all)
  local first = is_all and 1 or (text:find("\n", 1, true) or #text) + 1
  local lines = {}
  for from, line in text:sub(first):gmatch "()([^\n]*)\n" do
    lines[#lines + 1] = { at = at + first + from - 2, text = line }
  end
  return lines, text:sub(1, first - 1)
end

--- The records from the last one to the first.
---@param stop integer?    the offset behind the last one that is wanted
---@return fun(): dynamodb.UndoRecord?, dynamodb.Error?
function log_methods:backwards(stop)
  local at, rest, lines = stop or self.file:size(), "", {} -- `rest` is a line's end, whose beginning stands before `at`
  return function()
    while not lines[1] and at > self.begin do
      local first = math.max(self.begin, at - BLOCK)
      local block, message = self.file:read(first, at - first)
      if not block or #rest > LONGEST then return nil, files.failure(self.path, message or "a line is too long") end
      at = first
      lines, rest = split(block .. rest, at, at == self.begin)
    end
    local line = table.remove(lines)
    if not line then return nil end
    local json = json_of(line.text)
    local record = json and record_of(self, line.at, json)
    if not record then return nil, damaged(self, line.at) end
    return record
  end
end

--- The line of an intent.
---@param step dynamodb.Step
---@return string
local function intent_line(step)
  local parts = { '"key":' .. core.marshal(step.key) }
  if step.from then parts[#parts + 1] = '"old":' .. step.from_json end
  if step.to then parts[#parts + 1] = '"new":' .. step.to_json end
  return line_of("{" .. table.concat(parts, ",") .. "}")
end

--- Writes intents and what became void, and waits until they are on the disk.
---@param steps dynamodb.Step[]    get their `offset`
---@param voids integer[]
---@return true?
---@return dynamodb.Error?
function log_methods:write(steps, voids)
  if not steps[1] and not voids[1] then return true end
  local lines, at = {}, self.file:size()
  for i, offset in ipairs(voids) do
    lines[i] = line_of(('{"void":%.0f}'):format(offset))
    at = at + #lines[i]
  end
  for _, step in ipairs(steps) do
    local line = intent_line(step)
    lines[#lines + 1], step.offset = line, at
    at = at + #line
  end
  local ok, message = self.file:append(table.concat(lines))
  if ok then ok, message = self.file:sync() end
  if not ok then return nil, files.failure(self.path, message) end
  return true
end

--- Its length in bytes.
---@return integer
function log_methods:size() return self.file:size() end

--- Closes what is open.
function log_methods:close() self.file:close() end

local undo = {}

--- Writes the header of a new log.
---@return true?
---@return dynamodb.Error?
local function begin(self, header)
  local ok, message = self.file:truncate(0)
  if ok then ok, message = self.file:append(header) end
  if ok then ok, message = self.file:sync() end
  if not ok then return nil, files.failure(self.path, message) end
  self.begin = #header
  return true
end

--- Reads the header, or writes it into a log that is new, or in which a crash has torn it.
---@param self dynamodb.UndoLog
---@param identity string    of the table
---@return true?
---@return dynamodb.Error?
local function read_header(self, identity)
  local header = line_of(('{"undo":1,"table":%s}'):format(core.json_encode(identity)))
  local size = self.file:size()
  local there, message = self.file:read(0, math.min(size, #header))
  if not there then return nil, files.failure(self.path, message) end
  if size < #header and header:sub(1, size) == there then return begin(self, header) end
  local _, json, after = self:lines(0)()
  local found = json and core.json_decode(json)
  if type(found) ~= "table" or found.undo ~= 1 then
    return nil, files.failure(self.path, "this is not an undo log")
  end
  if found.table ~= identity then
    local text = ("the undo log is another migration's: its table is %s, not %s"):format(tostring(found.table),
      identity)
    return nil, files.failure(self.path, text, "CheckpointMismatch")
  end
  self.begin = after
  return true
end

--- Opens an undo log; it is made if it is not there. No other process can until it is closed.
---@param path string
---@param identity string    of the table
---@return dynamodb.UndoLog?
---@return dynamodb.Error?
function undo.open(path, identity)
  local file, err = files.append(path)
  if not file then return nil, err end
  local self = setmetatable({ path = path, file = file, shape = core.shape "(key i,old i,new i,void)" }, log_mt)
  local ok
  ok, err = read_header(self, identity)
  if ok then return self end
  file:close()
  return nil, err
end

return undo
