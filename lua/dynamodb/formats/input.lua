--- Reads a file line by line, gzip or not, with little memory; it knows where it is, so that reading can go on there.
local core = require "dynamodb.core"
local files = require "dynamodb.migrate.files"

local input_methods = {}
local input_mt = { __name = "dynamodb.FileInput", __index = input_methods }

local BLOCK = 16384      -- bytes that are read at a time; gzip makes at most a thousand times as many of them
local LONGEST = 2 ^ 25   -- bytes of a line

---@class dynamodb.FileInput
---@field path string
---@field file file*
---@field inflater dynamodb.Inflater?
---@field pieces string[]      what was read and is not given yet
---@field at integer           where the next line begins, in the inflated file
---@field text string          from there on
---@field ended boolean

--- The next bytes, inflated.
---@return string?          nil without an error: the end
---@return dynamodb.Error?
local function read_block(self)
  local bytes, message = self.file:read(BLOCK)
  if message then return nil, files.failure(self.path, message) end
  if not bytes then
    self.ended = true
    if not self.inflater or not self.inflater:inside() then return nil end
    return nil, files.failure(self.path, "the gzip file is truncated", "TruncatedFile")
  end
  if not self.inflater then return bytes end
  local inflated, problem = self.inflater:read(bytes)
  if not inflated then return nil, files.failure(self.path, problem, "DamagedFile") end
  return inflated
end

--- The next line, as it stands there.
---@return string?
---@return dynamodb.Error?
local function next_line(self)
  local from = self.from
  local stop = self.text:find("\n", from, true)
  while not stop and not self.ended do
    local block, err = read_block(self)
    if err then return nil, err end
    local searched = #self.text - from + 2
    self.text, from = self.text:sub(from) .. (block or ""), 1
    self.from = 1
    stop = self.text:find("\n", searched, true)
    if not stop and #self.text > LONGEST then
      return nil, files.failure(self.path, "a line is too long to be an item", "DamagedFile")
    end
  end
  if not stop then
    local rest = self.text:sub(from)
    if rest == "" then return nil end
    self.text, self.from, self.at = "", 1, self.at + #rest
    return rest
  end
  local line = self.text:sub(from, stop - 1)
  self.from, self.at = stop + 1, self.at + stop - from + 1
  return line
end

--- The next line, without its end.
---@return string?          nil without an error: there is none
---@return dynamodb.Error?  code TruncatedFile or DamagedFile for a gzip file that is
function input_methods:line()
  local is_first = self.at == 0
  local line, err = next_line(self)
  if is_first and line then line = line:gsub("^\239\187\191", "") end -- a byte order mark
  return line, err
end

--- Passes over what was read before.
---@param at integer    as `at` was
---@return true?
---@return dynamodb.Error?
function input_methods:skip_to(at)
  if not self.inflater then
    self.file:seek("set", at)
    self.at, self.text, self.from = at, "", 1
    return true
  end
  while self.at < at do
    local line, err = self:line()
    if err then return nil, err end
    if not line then return nil, files.failure(self.path, "it is shorter than it was") end
  end
  return true
end

--- Closes what is open.
function input_methods:close() self.file:close() end

local input = {}

--- Opens a file. Whether it is gzip is told by its first bytes.
---@param path string
---@return dynamodb.FileInput?
---@return dynamodb.Error?
function input.open(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, files.failure(path, (message:gsub("^.*: ", ""))) end
  local first = file:read(2)
  file:seek("set", 0)
  return setmetatable({
    path = path, file = file, inflater = first == "\31\139" and core.inflater() or nil,
    text = "", from = 1, at = 0, ended = false,
  }, input_mt)
end

return input
