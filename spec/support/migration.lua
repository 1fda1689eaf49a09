--- What the specs of migrations share: a table full of people, the migration that splits their names and counts how
--- often it was applied, and files that are removed at the end.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local identity = require "dynamodb.migrate.identity"
local process = require "spec.support.process"

local migration = {}

local ASAN = os.getenv "FLAVOUR" == "asan"

--- How many times as large the numbers are as in `make test`; a part of it under ASan, where all is slow.
migration.scale = tonumber(os.getenv "SCALE" or 1) * (ASAN and 1 / 5 or 1)

-- A job has too much alive for a full collection at every allocation.
if ASAN then collectgarbage("setpause", 200) end

---@param i integer
---@return table
function migration.person(i)
  return {
    pk = "P" .. i % 50, sk = i, name = ("First%d Last%d"):format(i, i), applied = 0, tags = dynamodb.set { "a", "b" },
    address = { city = "City " .. i, lines = { "Street", i } }, exact = dynamodb.number "0.12345678901234567890123",
  }
end

--- A table of that many people.
---@param db dynamodb.Client
---@param count integer
---@param make? fun(i: integer): table
---@return dynamodb.Table
function migration.people(db, count, make)
  make = make or migration.person
  local people = db:table(engine.create_table(db, { "pk:S", "sk:N" }), { partition = "pk", sort = "sk" })
  local i = 0
  assert(people:put_all(function()
    i = i + 1
    if i <= count then return make(i) end
  end))
  return people
end

--- Splits a name. Applied twice it would show.
function migration.split(item)
  item.first, item.last = item.name:match "^(%S+) (%S+)$"
  item.name = nil
  item.applied = item.applied + 1
  return item
end

--- All items of a table, by their sort key.
---@param tbl dynamodb.Table
---@return table<integer, table>
function migration.by_number(tbl)
  local found = {}
  for item in tbl:scan { consistent = true } do found[item.sk] = item end
  return found
end

--- A step from one image to another, as the undo log takes it.
---@param key table
---@param from table?
---@param to table?
---@return dynamodb.Step
function migration.step(key, from, to)
  return { key = key, from = from, to = to, from_json = from and core.marshal(from), to_json = to and core.marshal(to) }
end

--- What the files of a table's jobs are bound to.
---@param tbl dynamodb.Table
---@return string
function migration.identity(tbl)
  return assert(identity.of_table({ wait_after = function() return false end }, tbl))
end

--- A name for the files of one job, which no other spec has.
---@return string
function migration.path()
  return process.temporary()
end

return migration
