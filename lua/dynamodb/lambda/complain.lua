--- Failures that are no error of the function's (a status 500, a record that comes again) still have to be seen: as a
--- line of its log.
local printable = require "dynamodb.printable"

--- Writes one line: by the invocation's log, or to standard error, which Lambda takes for the log, one event a line.
---@param ctx any        of the invocation
---@param what string
---@param err any
local function complain(ctx, what, err)
  local text = ("%s: %s"):format(what, tostring(err))
  local known = type(ctx) == "table"
  if known and type(ctx.log) == "table" then
    ctx.log:error(text)
    return
  end
  io.stderr:write(("[ERROR]\t%s\t%s\t%s\n"):format(os.date "!%Y-%m-%dT%H:%M:%SZ", known and ctx.request_id or "-",
    (printable(text):gsub("\n", "\r"))))
end

return complain
