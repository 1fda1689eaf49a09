--- The command `dynamodb`: what it is asked is parsed, run, and answered with an exit code that a script can use.
local argparse = require "argparse"
local connection = require "dynamodb.cli.support.connection"
local errors = require "dynamodb.error"
local exit = require "dynamodb.cli.support.exit"
local sessions = require "dynamodb.cli.support.session"
local version = require "dynamodb.version"

local cli = {}

-- In the order in which help tells them.
local COMMANDS = {
  "migrate", "revert", "export", "import", "copy", "diff", "cost", "tail", "query", "get", "whoami",
}

local DESCRIPTION = "Data migrations and a look into tables of DynamoDB.\n\nA job with --checkpoint that ends early, "
  .. "by Ctrl-C, a failure or a crash, goes on where it was when the same command is given again."

local EPILOG = [[
Exit codes:
   0    done; of diff: no difference
   1    it failed: the network, the service, the data or a file
   2    the command makes no sense as it was given
   3    all was done but for some items, which the report names
   4    the answer is no: get found no item, diff found differences
   130  interrupted with Ctrl-C (143: by SIGTERM); a job has ended at its checkpoint

]] .. "Results go to the standard output, progress and complaints to standard error. Credentials, region and endpoint "
  .. "come from where the AWS CLI takes them, too: options, environment, profiles."

--- The parser of all commands.
---@return table parser
---@return table<string, table> commands    modules by name
local function new_parser()
  local parser = argparse("dynamodb", DESCRIPTION, EPILOG)
  parser:help_max_width(100):usage_max_width(100):help_description_margin(34)
  parser:command_target "command"
  parser:add_help_command()
  parser:flag("--version", "Show the version and exit."):action(function()
    io.stdout:write("dynamodb ", version, "\n")
    os.exit(0)
  end)
  connection.define(parser, "given_")
  local commands = {}
  for _, name in ipairs(COMMANDS) do
    local module = require("dynamodb.cli." .. name)
    local command = parser:command(name, module.description):summary(module.summary)
    module.define(command)
    connection.define(command, "")
    commands[name] = module
  end
  --- Called with the parser of the command that was not understood.
  function parser:error(message)
    exit.refuse(message, self:get_usage())
  end
  return parser, commands
end

--- What to do about something that was raised: the exit code, and what to say.
---@param raised any
---@param caller string    where the program that calls us stands: the library names it when it is used wrongly
---@return integer code
---@return string? message
local function explain(raised, caller)
  if exit.is_exit(raised) then return raised.code, raised.message end
  if errors.is_error(raised) then return exit.FAILURE, tostring(raised) end
  local text = tostring(raised)
  local position = text:match "^(.-):%d+: "
  if position == caller then return exit.USAGE, (text:gsub("^.-:%d+: ", "", 1)) end
  return exit.FAILURE, text
end

--- What was raised; the place of a mistake of our own is told with it.
---@param raised any
---@param caller string
---@return any
local function with_place(raised, caller)
  if type(raised) ~= "string" or raised:match "^(.-):%d+: " == caller then return raised end
  return debug.traceback(raised, 2)
end

--- Where a standard stream is closed, the next file or connection would get its place, and what is meant for it.
---@return file*[]    keep the places taken as long as they are open; nothing can be written to them
local function fill_streams()
  local files = {}
  for i = 1, 3 do files[i] = io.open("/dev/null", "rb") end
  return files
end

--- Runs a command.
---@param words string[]    the command line
---@return integer code     for `os.exit`
function cli.main(words)
  local caller = debug.getinfo(2, "S").short_src
  local files, session = fill_streams(), nil
  local ok, result = xpcall(function()
    local parser, commands = new_parser()
    local arguments = parser:parse(words)
    session = sessions.new(connection.merge(arguments, "given_"))
    return commands[arguments.command].run(session, arguments)
  end, function(raised) return with_place(raised, caller) end)
  local code, message = result, nil
  if not ok then code, message = explain(result, caller) end
  if session then session:close() end
  for _, file in ipairs(files) do file:close() end
  if not io.stdout:flush() and not message then code, message = exit.FAILURE, "the output cannot be written" end
  if message then exit.tell(message) end
  return code
end

return cli
