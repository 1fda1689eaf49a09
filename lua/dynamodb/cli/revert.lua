--- `dynamodb revert FILE`: takes a migration back.
local arguments = require "dynamodb.cli.support.arguments"
local exit = require "dynamodb.cli.support.exit"
local job = require "dynamodb.cli.support.job"
local migrate = require "dynamodb.migrate"
local program = require "dynamodb.cli.support.program"

local command = {}

command.summary = "Take a migration back."

command.description = "Takes a migration back: items that are still as it wrote them become what they were. What was "
  .. "changed or deleted since stays as it is, and is listed (exit code 3)."

--- Adds its arguments.
---@param parser table    of argparse
function command.define(parser)
  parser:argument("file", "The file of the migration.")
  parser:group("Options",
    parser:option("--table", "The table, if the file does not name it."):argname "<name>",
    arguments.file(parser, "--undo", "The undo log, if it is not <checkpoint>.undo."),
    arguments.output(parser, "the report is"))
  arguments.pace(parser, "wcu", "concurrency", "shard", "stall")
  arguments.job(parser)
end

local OPTIONS = { "wcu", "concurrency", "shard", "stall", "checkpoint", "undo" }

--- Runs it.
---@param session dynamodb.cli.Session
---@param given table    of argparse
---@return integer code
function command.run(session, given)
  local migration = program.migration(given.file)
  local options = arguments.pick(migration, { "guard", "wcu", "concurrency", "stall", "grace", "checkpoint", "undo" })
  options.table = program.table(session, migration, given.file)
  for name, value in pairs(arguments.pick(given, OPTIONS)) do options[name] = value end
  if not options.checkpoint then exit.refuse "give the --checkpoint of the migration" end
  return (job.run(session, migrate.revert, options))
end

return command
