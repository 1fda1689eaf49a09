--- The command `dynamodb` as a program of its own: with nobody's profiles, and talking to the engine.
local core = require "dynamodb.core"
local engine = require "spec.support.engine"
local process = require "spec.support.process"

local command = {}

local home -- a directory without any .aws

--- What the program finds in its environment.
---@param more table<string, string>?
---@return table<string, string>
function command.environment(more)
  home = home or process.temporary_directory()
  local env = {
    HOME = home, AWS_REGION = os.getenv "AWS_REGION" or "us-east-1", AWS_ENDPOINT_URL = engine.endpoint,
    AWS_ACCESS_KEY_ID = os.getenv "AWS_ACCESS_KEY_ID" or "spec",
    AWS_SECRET_ACCESS_KEY = os.getenv "AWS_SECRET_ACCESS_KEY" or "spec",
  }
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

---@param words table
---@return table    for `process.start`
local function words_of(words)
  local started = { process.lua, "bin/dynamodb", env = command.environment(words.env), stdout = words.stdout }
  for _, word in ipairs(words) do started[#started + 1] = word end
  return started
end

--- Runs it to its end.
---@param words table    its arguments, and `env`
---@return integer code
---@return string output
---@return string errors
function command.run(words)
  return process.run(words_of(words))
end

--- Starts it.
---@param words table    its arguments, `env`, and `stdout`, a file's name
---@return table         a process
function command.start(words)
  return process.start(words_of(words))
end

--- A file of Lua that is removed at the end.
---@param text string
---@return string path
function command.file(text)
  local path = process.temporary() .. ".lua"
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

--- The lines of a text.
---@param text string
---@return string[]
function command.lines(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

--- The last line of an output, decoded.
---@param text string
---@return table
function command.last(text)
  local lines = command.lines(text)
  return assert(core.json_decode(lines[#lines] or ""))
end

return command
