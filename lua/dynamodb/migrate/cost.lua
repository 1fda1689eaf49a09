--- What a migration is going to cost, without making it.
local estimates = require "dynamodb.migrate.estimate"
local migration = require "dynamodb.migrate.run"
local option_rules = require "dynamodb.migrate.options"

local KNOWN = "table map mark guard sample where names values rcu wcu rates consistent"

--- As `migrate.cost`.
---@param given table
---@return dynamodb.Estimate?
---@return dynamodb.Error?
local function run(given)
  local options = option_rules.check(given, KNOWN, "cost")
  option_rules.need(options, "cost", "table")
  if not options.map then return estimates.of_table(options.table, options) end
  options.dry_run = true
  local report, err = migration.run(options)
  if not report and not err.report then return nil, err end
  report = report or err.report
  if not report.estimate then return nil, err end
  return report.estimate
end

return { run = run }
