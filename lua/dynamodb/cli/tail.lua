--- `dynamodb tail TABLE`: what changes in a table, as it changes.
local arguments = require "dynamodb.cli.support.arguments"
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local exit = require "dynamodb.cli.support.exit"
local grid = require "dynamodb.cli.support.grid"
local items = require "dynamodb.cli.support.items"

local command = {}

command.summary = "Follow a table's stream: each change as it comes."

command.description = "Follows the stream of a table and shows each change as it comes, until it is stopped with "
  .. "Ctrl-C. The changes of one item come in their order."

--- Adds its arguments.
---@param parser table    of argparse
function command.define(parser)
  parser:argument("table", "The table's name or ARN, or the ARN of a stream.")
  parser:group("Options",
    parser:option("--shard-iterator-type", "Where to begin: with what comes from now on (LATEST, if nobody says it), or"
      .. " with the oldest record that there is."):choices { "LATEST", "TRIM_HORIZON" },
    arguments.number(parser, "--max-items", "End after so many changes.", true),
    arguments.number(parser, "--poll", "Seconds between two looks at a shard in which nothing happens (1)."),
    parser:flag("--typed", "Items as DynamoDB JSON, in which nothing is lost."),
    arguments.output(parser, "changes are"))
end

---@param seconds number?
---@return string
local function time_of(seconds)
  return seconds and os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds)) or "-"
end

--- The attributes that have other values now, and the names of those that are gone.
---@param record dynamodb.Record    with both images
---@return string
local function changes(record)
  local changed, gone = {}, {}
  for name, value in pairs(record.new) do
    if record:changed(dynamodb.path(name)) then changed[name] = value end
  end
  for name in pairs(record.old) do
    if record.new[name] == nil then gone[#gone + 1] = grid.cell(name) end
  end
  table.sort(gone)
  local text = next(changed) and grid.cell(changed) or ""
  if gone[1] then text = ("%s without %s"):format(text, table.concat(gone, ", ")) end
  return text
end

--- A change for people: what the item became, or what was changed of it, as far as the stream tells that.
---@param record dynamodb.Record
---@return string
local function line(record)
  local what = ""
  if record.event == "REMOVE" then
    what = record.expired and "expired" or ""
  elseif record.new and record.old then
    what = changes(record)
  elseif record.new then
    what = grid.cell(record.new)
  end
  return ("%s  %-6s  %s  %s"):format(time_of(record.created_at), grid.cell(record.event), grid.cell(record.keys), what)
    :gsub("%s+$", "") .. "\n"
end

--- A change for programs.
---@param record dynamodb.Record
---@param typed boolean?
---@return string
local function json(record, typed)
  local render = items.renderer(typed)
  local parts = { ('"event":%s'):format(core.json_encode(record.event)) }
  if record.sequence_number then
    parts[#parts + 1] = ('"sequence_number":%s'):format(core.json_encode(record.sequence_number))
  end
  if record.created_at then parts[#parts + 1] = ('"created_at":"%s"'):format(time_of(record.created_at)) end
  if record.expired then parts[#parts + 1] = '"expired":true' end
  for _, name in ipairs { "keys", "new", "old" } do
    if record[name] then parts[#parts + 1] = ('"%s":%s'):format(name, render(record[name])) end
  end
  return "{" .. table.concat(parts, ",") .. "}\n"
end

--- Runs it.
---@param session dynamodb.cli.Session
---@param given table    of argparse
---@return integer code
function command.run(session, given)
  local records = session:client():stream(given.table):records {
    from = given.shard_iterator_type or "LATEST", poll = given.poll,
  }
  io.stdout:setvbuf "line" -- each change is seen as it comes, and none is lost when a signal ends it
  local left = given.max_items or math.huge
  while left > 0 do
    local record, err = records:next()
    if err then error(err, 0) end
    if not record then break end
    session:write(session.format == "table" and line(record) or json(record, given.typed))
    left = left - 1
  end
  records:close()
  return exit.DONE
end

return command
