--- Files of a job: what the operating system says of them becomes an error like others.
local errors = require "dynamodb.error"
local system = require "dynamodb.system"

local files = {}

--- A failure that has to do with a file.
---@param path string
---@param message any
---@param code string?    FileError
---@return dynamodb.Error
function files.failure(path, message, code)
  return errors.new {
    code = code or "FileError", message = ("%s: %s"):format(path, tostring(message)), retryable = false, sent = false,
  }
end

--- Opens a file that grows; no other process can, until it is closed.
---@param path string
---@return dynamodb.AppendFile?
---@return dynamodb.Error?
function files.append(path)
  local file, message = system.append(path)
  if not file then return nil, files.failure(path, message) end
  return file
end

--- Replaces a file's content: the old one or the new one is there, whatever happens.
---@param path string
---@param bytes string
---@return true?
---@return dynamodb.Error?
function files.replace(path, bytes)
  local ok, message = system.replace(path, bytes)
  if not ok then return nil, files.failure(path, message) end
  return true
end

--- Removes a file, if it is there. It stays away, whatever happens.
---@param path string
---@return true?
---@return dynamodb.Error?
function files.remove(path)
  local ok, message = system.remove(path)
  if not ok then return nil, files.failure(path, message) end
  return true
end

--- Gives a file another name. It keeps that, whatever happens.
---@param path string
---@param other string
---@return true?
---@return dynamodb.Error?
function files.rename(path, other)
  local ok, message = system.rename(path, other)
  if not ok then return nil, files.failure(path, message) end
  return true
end

--- Opens a file to read it.
---@param path string
---@return file*?              nil without an error if there is no such file
---@return dynamodb.Error?
local function open(path)
  local file, message, number = io.open(path, "rb")
  if not file and number == 2 then return nil end -- ENOENT
  if not file then return nil, files.failure(path, (message:gsub("^.*: ", ""))) end
  return file
end

--- Is there such a file? It may be of any size.
---@param path string
---@return boolean?
---@return dynamodb.Error?
function files.exists(path)
  local file, err = open(path)
  if err then return nil, err end
  if file then file:close() end
  return file ~= nil
end

--- All of a file that is known to be small.
---@param path string
---@return string? bytes    nil without an error if there is no such file
---@return dynamodb.Error?
function files.read(path)
  local file, err = open(path)
  if not file then return nil, err end
  local bytes, problem = file:read("*a")
  file:close()
  if not bytes then return nil, files.failure(path, problem) end
  return bytes
end

--- Makes a directory and those above it, as far as they are missing.
---@param path string
---@return true?
---@return dynamodb.Error?
function files.make_directory(path)
  local at = path:sub(1, 1) == "/" and "/" or ""
  for part in path:gmatch "[^/]+" do
    at = at .. part
    local ok, message = system.mkdir(at)
    if not ok then return nil, files.failure(at, message) end
    at = at .. "/"
  end
  return true
end

return files
