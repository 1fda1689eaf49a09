--- `dynamodb import TABLE FILE`: the items of a file into a table.
local arguments = require "dynamodb.cli.support.arguments"
local exit = require "dynamodb.cli.support.exit"
local job = require "dynamodb.cli.support.job"
local migrate = require "dynamodb.migrate"
local program = require "dynamodb.cli.support.program"

local command = {}

command.summary = "Put the items of a file, or of an export to S3, into a table."

command.description = "Puts the items of a file, or of an export to S3 in a directory, into a table, over whatever is "
  .. "there. What cannot be imported goes to another file as it is (exit code 3), to be mended and imported."

--- Adds its arguments.
---@param parser table    of argparse
function command.define(parser)
  parser:argument("table", "The table's name or ARN.")
  parser:argument("file", "Compressed with gzip or not."):args "?"
  parser:group("Options",
    arguments.file(parser, "--directory", "Instead of a file: where an export's manifest-summary.json stands.",
      "<directory>"),
    parser:option("--format", "Of the file; dynamodb-json if nobody says it.")
      :choices { "dynamodb-json", "json", "csv" },
    parser:flag("--revert", "Take the changes of an incremental export back."),
    arguments.file(parser, "--map", "Lua that returns a function: what it makes of an item is imported."),
    arguments.file(parser, "--errors", "For what cannot be imported, if not to the file's name with .errors."),
    arguments.output(parser, "the report is"))
  arguments.pace(parser, "wcu", "concurrency", "stall")
  arguments.job(parser)
end

local OPTIONS = {
  "file", "directory", "format", "revert", "errors", "wcu", "concurrency", "stall", "checkpoint",
}

--- Runs it.
---@param session dynamodb.cli.Session
---@param given table    of argparse
---@return integer code
function command.run(session, given)
  if (given.file == nil) == (given.directory == nil) then
    exit.refuse "give either a file or --directory"
  end
  local options = arguments.pick(given, OPTIONS)
  options.table = session:table(given.table)
  options.map = program.map(given.map)
  return (job.run(session, migrate.import, options))
end

return command
