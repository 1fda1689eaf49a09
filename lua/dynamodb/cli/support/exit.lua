--- How the command ends: its exit codes, and raising one of them.
local printable = require "dynamodb.printable"

local exit = {
  DONE = 0,
  FAILURE = 1,
  USAGE = 2,
  LEFT = 3,  -- all was done but for some items
  NO = 4,    -- nothing is wrong, but the answer is no
  SIGNALS = { SIGINT = 130, SIGTERM = 143 },
}

---@class dynamodb.cli.Exit
---@field code integer
---@field message string?
local exit_mt = { __name = "dynamodb.cli.Exit" }

--- Says something on standard error.
---@param message string
function exit.tell(message)
  io.stderr:write("dynamodb: ", printable(message), "\n")
end

--- Ends the command: it was not given as it can be.
---@param message string
---@param usage string?    how it can be
function exit.refuse(message, usage)
  if usage then message = ("%s\n\n%s"):format(message, usage) end
  error(setmetatable({ code = exit.USAGE, message = message }, exit_mt), 0)
end

--- Ends the command: something failed that is not the library's to tell.
---@param message string
function exit.fail(message)
  error(setmetatable({ code = exit.FAILURE, message = message }, exit_mt), 0)
end

--- Was this raised here?
---@param raised any
---@return boolean
function exit.is_exit(raised)
  return type(raised) == "table" and getmetatable(raised) == exit_mt
end

return exit
