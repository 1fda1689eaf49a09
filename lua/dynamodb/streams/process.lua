--- A batch of records, one after the other: which are done, and from which one on they have to come again.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"

local process = {}

---@class dynamodb.StreamRun
---@field handlers table<string, function>
---@field mode "stop"|"lanes"|"all"
---@field margin number                     seconds that must be left for a record to be begun
---@field on_failure fun(record: dynamodb.Record?, err: any, ctx: any)

local FUNCTIONS = { INSERT = "insert", MODIFY = "modify", REMOVE = "remove" }

--- The function that a record is for.
---@param handlers table<string, function>
---@param record dynamodb.Record
---@return function?          nil: it is passed over
---@return dynamodb.Error?    it is of a kind that nobody knows
function process.function_for(handlers, record)
  local name = FUNCTIONS[record.event]
  if not name and not handlers.any then
    return nil, errors.new {
      code = "UnknownEvent", message = ("no function is for records of the kind %q"):format(record.event), sent = false,
    }
  end
  return record.expired and handlers.expire or name and handlers[name] or handlers.any
end

--- Calls the function of one record.
---@return boolean ok
---@return any err    what it raised, or returned as second result
local function call(run, batch, i, ctx)
  local record = batch[i]
  if not record then return false, batch.problems[i] end
  local f, err = process.function_for(run.handlers, record)
  if not f then return err == nil, err end
  local ok, result, problem = pcall(f, record, ctx, batch.state)
  if not ok then return false, result end
  if not result and problem ~= nil then return false, problem end
  return true
end

--- Is there too little time to begin another record?
---@param run dynamodb.StreamRun
---@param ctx table?
---@return boolean
local function is_late(run, ctx)
  local remaining = type(ctx) == "table" and ctx.remaining_ms
  local left = remaining and remaining(ctx)
  return type(left) == "number" and left < run.margin * 1000
end

--- A text for the item that a record is about: its lane.
---@param record dynamodb.Record
---@return string
local function lane_of(record)
  local names, parts = {}, {}
  for name in pairs(record.keys) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    local part = tostring(core.key(record.keys[name]))
    parts[i] = #part .. ":" .. part
  end
  return table.concat(parts)
end

--- A copy of a window's state, for when a record has changed it half-way.
---@param state table?
---@return string?
local function snapshot(state)
  return state and core.json_encode(state)
end

--- Runs a batch.
---@param run dynamodb.StreamRun
---@param batch dynamodb.StreamBatch
---@param ctx any
---@return integer? first    place of the first record that has to come again; nil if all are done
---@return any err           why; nil where there was no time for it
function process.run(run, batch, ctx)
  -- What a window has counted must be of the records before the one where it goes on, and of no others.
  local mode = batch.window and "stop" or run.mode
  local first, first_err
  local blocked = {}
  batch.failed = false
  for i = 1, #batch do
    local lane = mode == "lanes" and batch[i] and lane_of(batch[i])
    -- One record is tried in any case: a function with little time would never come on.
    if i > 1 and is_late(run, ctx) then return first or i, first_err end
    if not (lane and blocked[lane]) then
      local before = snapshot(batch.state)
      local ok, err = call(run, batch, i, ctx)
      if not ok then
        batch.failed = true
        run.on_failure(batch[i] or nil, err, ctx)
        if not first then first, first_err = i, err end
        if mode == "stop" then
          if before then batch.state = core.json_decode(before) end
          return first, first_err
        end
        if lane then blocked[lane] = true end
      end
    end
  end
  return first, first_err
end

return process
