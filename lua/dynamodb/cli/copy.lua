--- `dynamodb copy SOURCE TARGET`: the items of one table into another one.
local arguments = require "dynamodb.cli.support.arguments"
local connection = require "dynamodb.cli.support.connection"
local expression = require "dynamodb.cli.support.expression"
local job = require "dynamodb.cli.support.job"
local migrate = require "dynamodb.migrate"
local program = require "dynamodb.cli.support.program"

local command = {}

command.summary = "Copy a table's items into another table, also of another account or region."

command.description = "Copies the items of a table into another one that is there already, over whatever is in it. "
  .. "With --live also what is written meanwhile is copied; with --follow it goes on with that until it is stopped."

--- Adds its arguments.
---@param parser table    of argparse
function command.define(parser)
  parser:argument("source", "A table's name or ARN.")
  parser:argument("target", "The other one's.")
  parser:group("Options",
    arguments.file(parser, "--map", "Lua that returns a function: what it makes of an item is copied."),
    parser:flag("--live", "Replay the source's stream at the end, from when the copy began."),
    parser:flag("--follow", "The same, and on until it is stopped."),
    parser:flag("--skip-errors", "Leave items out that cannot be copied, and go on."),
    parser:flag("--consistent-read", "Read strongly consistent, for twice the price."),
    arguments.output(parser, "the report is"))
  expression.define(parser)
  arguments.pace(parser, "rcu", "wcu", "segments", "concurrency", "shard", "stall")
  arguments.job(parser)
  connection.define_target(parser)
end

local OPTIONS = {
  "live", "follow", "rcu", "wcu", "segments", "concurrency", "shard", "stall", "checkpoint",
  consistent_read = "consistent",
}

--- Runs it.
---@param session dynamodb.cli.Session
---@param given table    of argparse
---@return integer code
function command.run(session, given)
  local options = arguments.pick(given, OPTIONS)
  options.source, options.target = session:table(given.source), session:table(given.target, "target")
  options.map = program.map(given.map)
  for name, value in pairs(expression.read(given)) do options[name] = value end
  if given.skip_errors then options.on_error = "skip" end
  function options.warn(message) session:tell(message) end
  return (job.run(session, migrate.copy, options))
end

return command
