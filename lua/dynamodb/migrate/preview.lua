--- A dry run: a sample of the items is mapped, nothing is written, and what would change is shown.
local estimates = require "dynamodb.migrate.estimate"
local images = require "dynamodb.migrate.images"
local mapper = require "dynamodb.migrate.mapper"
local ordered = require "dynamodb.formats.ordered"

local preview = {}

local SAMPLE = 100
local SEGMENTS = 8 -- parts of the table that the sample is taken from

---@class dynamodb.Sample    `tostring` shows what is taken away with "-" and what is added with "+"
---@field kind "update"|"delete"|"rekey"
---@field key table
---@field old table
---@field new table?
---@field changes table?      as of an update
local sample_mt = { __name = "dynamodb.Sample" }

local function line(sign, name, value)
  return ("%s %s: %s"):format(sign, name, ordered.plain_value(value))
end

--- The attributes of which one image has another value than the other.
function sample_mt:__tostring()
  local names, new = {}, self.new or {}
  for name, value in pairs(self.old) do
    if new[name] == nil or not images.same({ v = value }, { v = new[name] }) then names[#names + 1] = name end
  end
  for name in pairs(new) do
    if self.old[name] == nil then names[#names + 1] = name end
  end
  table.sort(names)
  local lines = { ("%s %s"):format(self.kind, ordered.plain(self.key)) }
  for _, name in ipairs(self.kind ~= "delete" and names or {}) do
    if self.old[name] ~= nil then lines[#lines + 1] = line("-", name, self.old[name]) end
    if new[name] ~= nil then lines[#lines + 1] = line("+", name, new[name]) end
  end
  return table.concat(lines, "\n")
end

--- Items from all over the table, about as many as wanted.
---@return table[]? items
---@return dynamodb.Error?
local function read_sample(job, tbl, options)
  local wanted = options.sample or SAMPLE
  local items = {}
  local query = tbl:scan {
    where = options.where, names = options.names, values = options.values, rcu = options.rcu,
    segments = SEGMENTS, page_size = math.max(1, math.ceil(wanted / SEGMENTS)), consistent = options.consistent,
  }
  local item, err = job:next(query)
  while item and #items < wanted and not job:should_stop() do
    items[#items + 1] = item
    item, err = job:next(query)
  end
  local capacity = query:meta().capacity
  job.read = capacity and capacity.CapacityUnits or 0
  query:close()
  if err then return nil, err end
  return items
end

--- As `migrate` with `dry_run`.
---@param job dynamodb.Job
---@param rules dynamodb.MapRules
---@return dynamodb.JobReport?    with samples and estimate
---@return dynamodb.Error?
function preview.run(job, rules)
  local options = job.options
  options.checkpoint = nil
  local estimate = estimates.of_table(options.table, options)
  local tbl, err = job:table(options.table)
  if not tbl then return job:refuse(err) end
  local items
  items, err = read_sample(job, tbl, options)
  if not items then return job:finish(nil, err) end
  local samples, units = {}, 0
  for _, item in ipairs(items) do
    job:count "seen"
    local key = images.key(item, rules.keys)
    local step, code, message
    if not mapper.is_marked(rules, item) then step, code, message = mapper.step(rules, item) end
    if step then
      units = units + step.units
      job:count "changed"
      samples[#samples + 1] = setmetatable({
        kind = step.kind, key = key, old = step.from, new = step.to, changes = step.changes,
      }, sample_mt)
    elseif code then
      job:count "failed"
      job:leave { key = key, why = "failed", code = code, message = message }
    else
      job:count "unchanged"
    end
  end
  if estimate then estimate = estimates.with_sample(estimate, #items, units, options) end
  return job:finish(not job.stopped, nil, { dry_run = true, samples = samples, estimate = estimate })
end

return preview
