--- One run of the command: its clients, its output, and what it says meanwhile.
local connection = require "dynamodb.cli.support.connection"
local dynamodb = require "dynamodb"
local exit = require "dynamodb.cli.support.exit"
local progress = require "dynamodb.cli.support.progress"
local system = require "dynamodb.system"

local session_methods = {}
local session_mt = { __name = "dynamodb.cli.Session", __index = session_methods }

---@class dynamodb.cli.Session
---@field arguments table                       of argparse
---@field format "table"|"json"|"jsonl"         of results
---@field progress dynamodb.cli.ProgressDisplay
---@field clients table<string, dynamodb.Client>

--- A client, of the source or of the target.
---@param side "target"|nil
---@return dynamodb.Client
function session_methods:client(side)
  local name = side and connection.has_target(self.arguments) and side or "source"
  if not self.clients[name] then
    self.clients[name] = dynamodb.connect(connection.options(self.arguments, name == "target"))
  end
  return self.clients[name]
end

--- A table, of the source or of the target.
---@param name string
---@param side "target"|nil
---@return dynamodb.Table
function session_methods:table(name, side)
  if name == "" then exit.refuse "the table's name is empty" end
  return self:client(side):table(name)
end

--- Writes a part of the result.
---@param text string
function session_methods.write(_, text)
  local ok, message = io.stdout:write(text)
  if not ok then exit.fail("the output cannot be written: " .. tostring(message)) end
end

--- Says something that is no result.
---@param message string
function session_methods:tell(message)
  self.progress:pause()
  exit.tell(message)
end

--- Ends what is under way.
function session_methods:close()
  self.progress:finish()
  for _, client in pairs(self.clients) do client:close() end
end

--- A session. Nothing is sent.
---@param arguments table    of argparse
---@return dynamodb.cli.Session
local function new(arguments)
  return setmetatable({
    arguments = arguments,
    format = arguments.output or system.terminal(1) and "table" or "jsonl",
    progress = progress.new {
      columns = system.terminal(2), measure = function() return system.terminal(2) end, quiet = arguments.quiet,
    },
    clients = {},
  }, session_mt)
end

return { new = new }
