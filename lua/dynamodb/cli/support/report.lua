--- What a job has come to, as a result.
local core = require "dynamodb.core"
local grid = require "dynamodb.cli.support.grid"
local ordered = require "dynamodb.formats.ordered"

local report = {}

-- Members of a report that are told by themselves; in this order.
local FIGURES = { "seconds", "read", "written", "throttles" }
local FILES = { "path", "checkpoint", "undo", "errors" }

local function rounded(value)
  if type(value) ~= "number" or value % 1 == 0 then return value end
  return tonumber(("%.3f"):format(value))
end

---@param made dynamodb.Estimate
---@return { [1]: string, [2]: any }[]
function report.estimate(made)
  local facts = {
    { "items", made.items }, { "bytes", made.bytes }, { "read units", made.rcu }, { "write units", made.wcu },
  }
  if made.seconds then facts[#facts + 1] = { "seconds at the caps", math.ceil(made.seconds) } end
  if made.money then
    for _, name in ipairs { "read", "write", "total" } do
      facts[#facts + 1] = { "money, " .. name, ("%.2f"):format(made.money[name]) }
    end
  end
  return facts
end

--- A member of a report as JSON: items are written plain, the parts of a sample one by one.
local function json_of(name, value)
  if name == "samples" or name == "differences" or name == "left" then
    local parts = {}
    for i, entry in ipairs(value) do
      parts[i] = ordered.plain {
        kind = entry.kind, why = entry.why, key = entry.key, old = entry.old, new = entry.new, source = entry.source,
        target = entry.target, code = entry.code, message = entry.message,
      }
    end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  return ordered.plain_value(rounded(value))
end

--- A report as one line of JSON.
---@param made dynamodb.JobReport
---@param err dynamodb.Error?    what ended the job
---@return string
function report.json(made, err)
  local parts, names = {}, {}
  for name in pairs(made) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    parts[#parts + 1] = core.json_encode(name) .. ":" .. json_of(name, made[name])
  end
  local cause = err and (err.cause or err)
  if cause then
    local about = type(cause) == "table" and cause or { code = "Error", message = tostring(cause) }
    parts[#parts + 1] = '"error":' .. ordered.plain { code = about.code, message = about.message }
  end
  return "{" .. table.concat(parts, ",") .. "}\n"
end

--- A report for people.
---@param made dynamodb.JobReport
---@return string
function report.text(made)
  local state = made.dry_run and "nothing was written" or made.done and "done"
    or made.stopped == "stopped" and "stopped" or made.stopped and "failed" or "done but for some items"
  local facts, names, lines = { { made.kind, state } }, {}, {}
  for _, sample in ipairs(made.samples or {}) do lines[#lines + 1] = tostring(sample) .. "\n\n" end
  for name in pairs(made.counts) do names[#names + 1] = name end
  table.sort(names, function(a, b) return a ~= b and (a == "seen" or b ~= "seen" and a < b) end)
  for _, name in ipairs(names) do facts[#facts + 1] = { name:gsub("_", " "), made.counts[name] } end
  for _, name in ipairs(FIGURES) do
    local value = made[name]
    if value and (value > 0 or name == "seconds") then
      facts[#facts + 1] = { name == "read" and "read units" or name == "written" and "write units" or name,
        rounded(value) }
    end
  end
  for _, name in ipairs(FILES) do
    if made[name] then facts[#facts + 1] = { name, made[name] } end
  end
  if made.dry_run and made.estimate then
    for _, fact in ipairs(report.estimate(made.estimate)) do facts[#facts + 1] = { "all: " .. fact[1], fact[2] } end
  end
  lines[#lines + 1] = grid.facts(facts)
  for _, entry in ipairs(made.left or {}) do
    lines[#lines + 1] = ("left: %s %s: %s\n"):format(entry.why, grid.cell(entry.key),
      grid.cell(entry.message or entry.code or ""))
  end
  return table.concat(lines)
end

return report
