-- Runs a migration: a file that returns the options of `migrate` (examples/migrations has some).
--
--   AWS_ENDPOINT_URL=http://localhost:8000 lua examples/migrate.lua FILE TABLE CHECKPOINT [run|revert]
--
-- Without "run" it shows what it would do. Ctrl-C ends it at a checkpoint; the same command goes on from there.
local dynamodb = require "dynamodb"
local migrate = require "dynamodb.migrate"
local system = require "dynamodb.system"

local endpoint = os.getenv "AWS_ENDPOINT_URL"
local connection = { endpoint = endpoint }
if endpoint and not os.getenv "AWS_ACCESS_KEY_ID" then -- for an engine on this machine any will do
  connection.region, connection.access_key_id, connection.secret_access_key = "us-east-1", "example", "example"
end
local db = dynamodb.connect(connection)

local file, name, checkpoint, what = arg[1], arg[2], arg[3], arg[4] or "dry"
assert(checkpoint, "usage: migrate.lua FILE TABLE CHECKPOINT [run|revert]")
local options = assert(loadfile(file))()
options.table, options.checkpoint = db:table(name), checkpoint

local function counts_of(report)
  local parts = {}
  for count, number in pairs(report.counts) do parts[#parts + 1] = ("%s %d"):format(count, number) end
  table.sort(parts)
  return table.concat(parts, ", ")
end

-- Prints what became of it; the exit code tells whether all of it is done.
local function finish(report, err)
  local told = report or err.report
  for _, sample in ipairs(told and told.samples or {}) do print(sample) end
  for _, entry in ipairs(told and told.left or {}) do print("left:", dynamodb.to_json(entry.key), entry.message) end
  print(told and counts_of(told) or err)
  if err and told then print(err) end
  db:close()
  os.exit(report and 0 or 1)
end

if what == "dry" then
  options.dry_run, options.sample = true, 5
  finish(migrate(options))
end

local interrupts = system.interrupts()
local job = { stop = function() return interrupts:raised() end }
function job.progress(p)
  io.stderr:write(("%s: %d of %s, %.0f a second\n"):format(p.phase or p.kind, p.done, p.total or "?", p.rate))
end
if what == "revert" then
  finish(migrate.revert {
    table = options.table, checkpoint = options.checkpoint, stop = job.stop, progress = job.progress,
  })
end
options.stop, options.progress = job.stop, job.progress
finish(migrate(options))
