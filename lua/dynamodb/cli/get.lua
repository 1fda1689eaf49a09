--- `dynamodb get TABLE KEY…`: one item.
local arguments = require "dynamodb.cli.support.arguments"
local exit = require "dynamodb.cli.support.exit"
local grid = require "dynamodb.cli.support.grid"
local items = require "dynamodb.cli.support.items"
local keys = require "dynamodb.cli.support.keys"

local command = {}

command.summary = "Show one item; exit code 4 if there is none."

command.description = "Shows one item. Its key is given as pk=USER#1 sk=PROFILE, or as JSON, "
  .. "'{\"pk\":\"USER#1\",\"sk\":\"PROFILE\"}'. Exit code 4 if there is no such item."

--- Adds its arguments.
---@param parser table    of argparse
function command.define(parser)
  parser:argument("table", "The table's name or ARN.")
  parser:argument("key", "Each attribute of the key: pk=a sk=b."):args "+"
  parser:group("Options",
    parser:flag("--consistent-read", "Read strongly consistent, for twice the price."),
    parser:flag("--typed", "The item as DynamoDB JSON, in which nothing is lost."),
    arguments.output(parser, "the item is"))
end

--- An item below each other.
local function facts(item)
  local list, names = {}, {}
  for name in pairs(item) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do list[i] = { name, item[name] } end
  return grid.facts(list)
end

--- Runs it.
---@param session dynamodb.cli.Session
---@param given table    of argparse
---@return integer code
function command.run(session, given)
  local target = session:table(given.table)
  local item, err = target:get(keys.item(target, given.key), { consistent = given.consistent_read })
  if err then error(err, 0) end
  if not item then
    session:tell "there is no such item"
    return exit.NO
  end
  session:write(session.format == "table" and facts(item) or items.renderer(given.typed)(item) .. "\n")
  return exit.DONE
end

return command
