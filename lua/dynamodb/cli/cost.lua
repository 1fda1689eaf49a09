--- `dynamodb cost TABLE`: what a job is going to cost.
local arguments = require "dynamodb.cli.support.arguments"
local core = require "dynamodb.core"
local exit = require "dynamodb.cli.support.exit"
local grid = require "dynamodb.cli.support.grid"
local migrate = require "dynamodb.migrate"
local program = require "dynamodb.cli.support.program"
local report = require "dynamodb.cli.support.report"

local command = {}

command.summary = "Say what reading and writing a table costs."

command.description = "Says what it costs to read all of a table and to write every item of it; with a migration, of "
  .. "which a sample is mapped, to run that. Nothing is written."

--- Adds its arguments.
---@param parser table    of argparse
function command.define(parser)
  parser:argument("table", "The table's name or ARN; may be left out if the migration names it."):args "?"
  parser:group("Options",
    arguments.file(parser, "--migration", "The file of a migration."),
    arguments.number(parser, "--sample", "How many items are mapped (100).", true),
    arguments.number(parser, "--rcu", "Read capacity units a second, for the time."),
    arguments.number(parser, "--wcu", "Write capacity units a second, for the time."),
    arguments.number(parser, "--price-read", "Money for a million read units."),
    arguments.number(parser, "--price-write", "Money for a million write units."),
    parser:flag("--consistent-read", "Read strongly consistent, for twice the price."),
    arguments.output(parser, "the estimate is"))
end

local OF_MIGRATION = { "map", "mark", "guard", "sample", "where", "names", "values", "rcu", "wcu", "rates",
  "consistent" }
local OPTIONS = { "sample", "rcu", "wcu", consistent_read = "consistent" }

--- Runs it.
---@param session dynamodb.cli.Session
---@param given table    of argparse
---@return integer code
function command.run(session, given)
  local options
  if given.migration then
    local migration = program.migration(given.migration)
    options = arguments.pick(migration, OF_MIGRATION)
    options.table = program.table(session, migration, given.migration)
  else
    if not given.table then exit.refuse "which table?" end
    if given.sample then exit.refuse "--sample: there is no --migration whose map could be tried" end
    options = { table = session:table(given.table) }
  end
  for name, value in pairs(arguments.pick(given, OPTIONS)) do options[name] = value end
  if given.price_read or given.price_write then
    options.rates = { read = given.price_read, write = given.price_write }
  end
  local estimate, err = migrate.cost(options)
  if not estimate then error(err, 0) end
  if session.format == "table" then
    session:write(grid.facts(report.estimate(estimate)))
  else
    session:write(core.json_encode(estimate) .. "\n")
  end
  return exit.DONE
end

return command
