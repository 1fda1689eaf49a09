--- `dynamodb migrate FILE`: runs a migration.
local arguments = require "dynamodb.cli.support.arguments"
local exit = require "dynamodb.cli.support.exit"
local job = require "dynamodb.cli.support.job"
local migrate = require "dynamodb.migrate"
local program = require "dynamodb.cli.support.program"

local command = {}

command.summary = "Change the items of a table, as a file of Lua says."

command.description = "Changes the items of a table in place, as a file of Lua says: it returns the options of "
  .. "dynamodb.migrate. With --dry-run it shows what would change and what it would cost. It can be stopped with "
  .. "Ctrl-C and gone on with, and taken back: dynamodb revert."

--- Adds its arguments.
---@param parser table    of argparse
function command.define(parser)
  parser:argument("file", "Lua that returns { table = \"name\", map = function(item) ... end, mark = \"attribute\" }."
    .. " What is said here wins over what it says.")
  parser:group("Options",
    parser:option("--table", "The table, if the file does not name it."):argname "<name>",
    parser:flag("--dry-run", "Write nothing; show what would change."),
    arguments.number(parser, "--sample", "How many items a dry run looks at (100).", true),
    parser:flag("--require-pitr", "Only if the table has point-in-time recovery."),
    parser:flag("--skip-errors", "Leave items that cannot be migrated as they are, and go on."),
    parser:flag("--consistent-read", "Read strongly consistent, for twice the price."),
    arguments.file(parser, "--undo", "The undo log, if it is not to be <checkpoint>.undo."),
    arguments.output(parser, "the report is"))
  arguments.pace(parser, "rcu", "wcu", "segments", "concurrency", "shard", "stall")
  arguments.job(parser)
end

local OPTIONS = {
  "rcu", "wcu", "segments", "concurrency", "shard", "stall", "checkpoint", "undo", "sample", "dry_run",
  "require_pitr", consistent_read = "consistent",
}

--- Runs it.
---@param session dynamodb.cli.Session
---@param given table    of argparse
---@return integer code
function command.run(session, given)
  local options = program.migration(given.file)
  options.table = program.table(session, options, given.file)
  for name, value in pairs(arguments.pick(given, OPTIONS)) do options[name] = value end
  if given.skip_errors then options.on_error = "skip" end
  if not options.checkpoint and not options.dry_run then
    exit.refuse "give --checkpoint FILE, which says how far it is; or --dry-run"
  end
  return (job.run(session, migrate.run, options))
end

return command
