--- Failures that are no error of the function's (a status 500, a record that comes again) still have to be seen: as a
--- line of its log.
local errors = require "dynamodb.error"
local printable = require "dynamodb.printable"

--- What is to be read of it: also of a table without a text of its own, which a handler may raise, and of one whose
--- text raises.
---@param err any
---@return string
local function text_of(err)
  if type(err) == "table" and not errors.is_error(err) and type(rawget(err, "message")) == "string" then
    local kind = rawget(err, "type")
    return (type(kind) == "string" and kind .. ": " or "") .. rawget(err, "message")
  end
  local ok, text = pcall(tostring, err)
  return ok and text or "an error object that cannot be shown"
end

--- Writes one line: by the invocation's log, or to standard error, which Lambda takes for the log, one event a line.
---@param ctx any        of the invocation
---@param what string
---@param err any
local function complain(ctx, what, err)
  local text = ("%s: %s"):format(what, text_of(err))
  local known = type(ctx) == "table"
  if known and type(ctx.log) == "table" then
    ctx.log:error(text)
    return
  end
  io.stderr:write(("[ERROR]\t%s\t%s\t%s\n"):format(os.date "!%Y-%m-%dT%H:%M:%SZ", known and ctx.request_id or "-",
    (printable(text):gsub("\n", "\r"))))
end

return complain
