--- `dynamodb query TABLE KEY…`: the items of a partition.
local arguments = require "dynamodb.cli.support.arguments"
local exit = require "dynamodb.cli.support.exit"
local expression = require "dynamodb.cli.support.expression"
local items = require "dynamodb.cli.support.items"
local keys = require "dynamodb.cli.support.keys"

local command = {}

command.summary = "Show the items of a partition."

command.description = "Shows the items of a partition, in the order of the sort key. A key is given as pk=USER#1, and "
  .. "for the sort key also as sk^=ORDER# (begins with), sk<10, sk<=10, sk>10, sk>=10, or two bounds sk>=1 sk<=9; or "
  .. "as JSON, '{\"pk\":\"USER#1\"}'."

--- Adds its arguments.
---@param parser table    of argparse
function command.define(parser)
  parser:argument("table", "The table's name or ARN.")
  parser:argument("key", "What is asked of the key: pk=a sk^=b (quote < and > for the shell)."):args "*"
  parser:group("Options",
    parser:option("--index-name", "Query this index of the table."):argname "<name>",
    parser:option("--key-condition-expression", "Instead of keys: \"pk = :p AND sk > :s\"."):argname "<text>",
    parser:option("--projection-expression", "Only these attributes: \"pk, address.city\"."):argname "<paths>",
    arguments.number(parser, "--max-items", "Show so many at most.", true),
    parser:option("--starting-token", "Where to go on: what it said the last time."):argname "<token>",
    arguments.number(parser, "--page-size", "Items that one request reads at most.", true),
    parser:flag("--no-scan-index-forward", "The last one first."),
    parser:flag("--consistent-read", "Read strongly consistent, for twice the price."),
    arguments.number(parser, "--rcu", "Read capacity units a second, at most."),
    parser:flag("--typed", "Items as DynamoDB JSON, in which nothing is lost."),
    arguments.output(parser, "items are"))
  expression.define(parser)
end

local OPTIONS = {
  "page_size", "rcu", max_items = "limit", starting_token = "cursor", no_scan_index_forward = "reverse",
  consistent_read = "consistent",
}

--- "pk, address.city" -> a list
---@param text string?
---@return string[]?
local function paths(text)
  if not text then return nil end
  local list = {}
  for path in text:gmatch "[^,]+" do list[#list + 1] = path:match "^%s*(.-)%s*$" end
  return list
end

--- The query.
---@param session dynamodb.cli.Session
---@param given table
---@return dynamodb.Query
local function open(session, given)
  local target, text = session:table(given.table), given.key_condition_expression
  if (text == nil) == (given.key[1] == nil) then
    exit.refuse "which partition? Give its key, as pk=USER#1, or --key-condition-expression"
  end
  local options = arguments.pick(given, OPTIONS)
  for name, value in pairs(expression.read(given, text ~= nil)) do options[name] = value end
  options.attributes = paths(given.projection_expression)
  local source = given.index_name and target:index(given.index_name) or target
  return source:query(text or keys.query(target, given.key, given.index_name), options)
end

--- The names of the keys, for the first columns.
local function first_columns(session, given)
  if session.format ~= "table" then return {} end
  local schema, err = session:table(given.table):keys {}
  if not schema then error(err, 0) end
  return { schema.partition, schema.sort }
end

--- Runs it.
---@param session dynamodb.cli.Session
---@param given table    of argparse
---@return integer code
function command.run(session, given)
  local query = open(session, given)
  local writer = items.new(session, { typed = given.typed, first = first_columns(session, given) })
  local item, err = query:next()
  while item do
    writer:add(item)
    item, err = query:next()
  end
  local cursor = err and err.cursor or not err and query:cursor() or nil
  if err and writer.count == 0 then cursor = nil end -- it is where this command began
  writer:finish(cursor)
  if cursor and session.format ~= "json" then
    session:tell(("there is more: --starting-token %s"):format(cursor))
  end
  if err then error(err, 0) end
  return exit.DONE
end

return command
