--- Failures that are no error of the function's (a status 500, a record that comes again) still have to be seen: as a
--- line of its log.
local printable = require "dynamodb.printable"

--- Writes one line; Lambda takes standard error for the log, one event a line.
---@param ctx any        of the invocation; its request id is named
---@param what string
---@param err any
local function complain(ctx, what, err)
  local id = type(ctx) == "table" and ctx.request_id or "-"
  local text = printable(("%s: %s"):format(what, tostring(err))):gsub("\n", "\r")
  io.stderr:write(("[ERROR]\t%s\t%s\t%s\n"):format(os.date "!%Y-%m-%dT%H:%M:%SZ", tostring(id), text))
end

return complain
