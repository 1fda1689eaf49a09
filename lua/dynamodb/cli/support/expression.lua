--- The options of expressions, named as in the AWS CLI.
local exit = require "dynamodb.cli.support.exit"
local values = require "dynamodb.cli.support.values"

local expression = {}

--- Adds the options to a command.
---@param command table    of argparse
function expression.define(command)
  command:group("Filter",
    command:option("--filter-expression", "Only items that meet it; what it leaves out is read, and billed.")
      :argname "<text>",
    command:option("--expression-attribute-names", "JSON: what #names in the texts stand for."):argname "<json>",
    command:option("--expression-attribute-values", "JSON, plain or typed: what :values in the texts are.")
      :argname "<json>")
end

--- What they say, as options of the library.
---@param given table      of argparse
---@param more boolean?    is there another expression that names and values may be for?
---@return table options    where, names, values
function expression.read(given, more)
  local names, bound = given.expression_attribute_names, given.expression_attribute_values
  if (names or bound) and not given.filter_expression and not more then
    exit.refuse "there is no expression for --expression-attribute-names and --expression-attribute-values"
  end
  return {
    where = given.filter_expression,
    names = names and values.object(names, "--expression-attribute-names"),
    values = bound and values.object(bound, "--expression-attribute-values"),
  }
end

return expression
