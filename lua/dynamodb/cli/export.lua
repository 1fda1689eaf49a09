--- `dynamodb export TABLE FILE`: a table's items into a file.
local arguments = require "dynamodb.cli.support.arguments"
local exit = require "dynamodb.cli.support.exit"
local expression = require "dynamodb.cli.support.expression"
local job = require "dynamodb.cli.support.job"
local migrate = require "dynamodb.migrate"

local command = {}

command.summary = "Write a table's items into a file, or a directory as of an export to S3."

command.description = "Writes a table's items into a file, one a line, or into a directory in the layout of DynamoDB's "
  .. "own export to S3."

--- Adds its arguments.
---@param parser table    of argparse
function command.define(parser)
  parser:argument("table", "The table's name or ARN.")
  parser:argument("file", "What is there already is not written over."):args "?"
  parser:group("Options",
    arguments.file(parser, "--directory", "Instead of a file: where the export is made.", "<directory>"),
    parser:option("--format", "Of the file; dynamodb-json, which loses nothing, if nobody says it.")
      :choices { "dynamodb-json", "json", "csv" },
    parser:flag("--gzip", "Compress the file, also if its name does not end in .gz."),
    parser:option("--columns", "Of a CSV, with their types: pk:S,total:N. Else what the first 2,000 items have.")
      :argname "<columns>",
    parser:flag("--consistent-read", "Read strongly consistent, for twice the price."),
    arguments.output(parser, "the report is"))
  expression.define(parser)
  arguments.pace(parser, "rcu", "segments", "stall")
  arguments.job(parser)
end

local OPTIONS = {
  "file", "directory", "format", "gzip", "rcu", "segments", "stall", "checkpoint", consistent_read = "consistent",
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
  for name, value in pairs(expression.read(given)) do options[name] = value end
  if given.columns then
    options.columns = {}
    for column in given.columns:gmatch "[^,]+" do options.columns[#options.columns + 1] = column end
  end
  return (job.run(session, migrate.export, options))
end

return command
