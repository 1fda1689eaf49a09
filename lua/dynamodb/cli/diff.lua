--- `dynamodb diff SOURCE TARGET`: what two tables differ in.
local arguments = require "dynamodb.cli.support.arguments"
local connection = require "dynamodb.cli.support.connection"
local exit = require "dynamodb.cli.support.exit"
local expression = require "dynamodb.cli.support.expression"
local grid = require "dynamodb.cli.support.grid"
local items = require "dynamodb.cli.support.items"
local job = require "dynamodb.cli.support.job"
local migrate = require "dynamodb.migrate"
local program = require "dynamodb.cli.support.program"

local command = {}

command.summary = "Compare two tables; exit code 4 if they differ."

command.description = "Compares two tables: what the target lacks, has otherwise, or has more. Exit code 0 if they are "
  .. "the same, 4 if they are not."

--- Adds its arguments.
---@param parser table    of argparse
function command.define(parser)
  parser:argument("source", "A table's name or ARN.")
  parser:argument("target", "The other one's.")
  parser:group("Options",
    arguments.file(parser, "--map", "Lua that returns a function: compared is what it makes of the source's items."),
    arguments.number(parser, "--sample", "Only so many items, from all over the tables.", true),
    parser:flag("--no-extra", "Do not look for what only the target has."):target "extra":action "store_false",
    arguments.file(parser, "--directory", "The differences as an incremental export: it makes the target what the"
      .. " source is.", "<directory>"),
    parser:flag("--consistent-read", "Read strongly consistent, for twice the price."),
    arguments.output(parser, "differences and the report are"))
  expression.define(parser)
  arguments.pace(parser, "rcu", "segments", "stall")
  arguments.job(parser)
  connection.define_target(parser)
end

local OPTIONS = {
  "sample", "extra", "directory", "rcu", "segments", "stall", "checkpoint", consistent_read = "consistent",
}

--- Tells differences while they are found; in one document they stand in the report.
---@param session dynamodb.cli.Session
---@param options table    of `migrate.diff`
---@return fun(options: table): dynamodb.JobReport?, dynamodb.Error?
local function telling(session, options)
  if session.format == "json" then return migrate.diff end
  local render = items.renderer(false)
  function options.on_difference(difference)
    if session.format == "jsonl" then return session:write(render(difference) .. "\n") end
    session.progress:pause()
    session:write(("%-9s  %s\n"):format(difference.kind, grid.cell(difference.key)))
  end
  return function(given)
    local report, err = migrate.diff(given)
    local told = report or err.report
    if told then told.differences = nil end
    return report, err
  end
end

--- Runs it.
---@param session dynamodb.cli.Session
---@param given table    of argparse
---@return integer code
function command.run(session, given)
  local options = arguments.pick(given, OPTIONS)
  options.source, options.target = session:table(given.source), session:table(given.target, "target")
  options.map = program.map(given.map)
  for name, value in pairs(expression.read(given)) do options[name] = value end
  local code, report = job.run(session, telling(session, options), options)
  if report and not report.same then return exit.NO end
  return code
end

return command
