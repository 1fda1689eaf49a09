-- A migration as a process of its own, for specs that kill it:
--   lua spec/support/migration_process.lua TABLE CHECKPOINT [segments [capacity units a second]]
local engine = require "spec.support.engine"
local migrate = require "dynamodb.migrate"
local migration = require "spec.support.migration"

local people = engine.connect():table(arg[1], { partition = "pk", sort = "sk" })
local interrupts = require("dynamodb.system").interrupts()
local report, err = migrate {
  table = people, map = migration.split, mark = "split", checkpoint = arg[2], segments = tonumber(arg[3]),
  wcu = tonumber(arg[4]),
  stop = function() return interrupts:raised() ~= nil end,
}
print(report and "done" or err.report and err.report.stopped, report and report.counts.changed or tostring(err))
