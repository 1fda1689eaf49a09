--- What goes wrong in a function, in the form in which Lambda wants to be told: type, message, stack trace, and the
--- cause that X-Ray shows.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local printable = require "dynamodb.printable"
local system = require "dynamodb.system"
local usage = require "dynamodb.usage"

local DEEPEST = 50            -- frames that are told; a stack that overflowed has 200,000
local LONGEST = 16 * 1024     -- bytes of a message
local LARGEST_CAUSE = 8192    -- bytes of X-Ray's cause, which is one header line

local fault = {}

---@class dynamodb.lambda.Fault
---@field type string       "Runtime.HandlerNotFound", or what the function calls it
---@field message string
---@field frames table[]    { path =, line =, label = }, the innermost first

---@class dynamodb.lambda.Raised    what was raised, with the stack at that time
---@field value any
---@field frames table[]

local raised_mt = { __name = "dynamodb.lambda.Raised" }
local fault_mt = { __name = "dynamodb.lambda.Fault" }

--- Is it where the runtime calls the function's code? What stands below it says nothing to the function's author.
---@param source string
---@return boolean
local function is_border(source)
  local file = usage.is_ours(source) and source:match "[/\\]lambda[/\\](%a+)%.lua$"
  return file == "runtime" or file == "handler"
end

---@param level integer
---@return table[]
local function stack(level)
  local frames = {}
  while #frames < DEEPEST do
    local info = debug.getinfo(level, "Sln")
    if not info or is_border(info.source) then break end
    if info.what ~= "C" and info.currentline > 0 then
      frames[#frames + 1] = {
        path = info.short_src,
        line = info.currentline,
        label = info.what == "main" and "main chunk" or info.name or "?",
      }
    end
    level = level + 1
  end
  return frames
end

--- For xpcall: keeps what was raised together with the stack.
---@param value any
---@param level integer?    of the function that raised it, counted from here
---@return dynamodb.lambda.Raised
function fault.capture(value, level)
  return setmetatable({ value = value, frames = stack((level or 2) + 1) }, raised_mt)
end

--- For xpcall in what stands around a handler and raises its errors again: what was raised stays as it is, and the
--- invocation's context keeps the stack, which would be gone.
---@param ctx any
---@return fun(value: any): any
function fault.keeper(ctx)
  return function(value)
    if type(ctx) == "table" and ctx.keep_stack then ctx:keep_stack(fault.capture(value, 3)) end
    return value
  end
end

---@param kind string
---@param message string
---@param frames table[]?
---@return dynamodb.lambda.Fault
function fault.new(kind, message, frames)
  return setmetatable({ type = kind, message = message, frames = frames or {} }, fault_mt)
end

---@param text string
---@return string
local function cut(text)
  if #text <= LONGEST then return text end
  return text:sub(1, LONGEST):gsub("[\194-\244][\128-\191]*$", "") .. "…"
end

--- What an object that is no error of the library's says of itself; its metamethods may raise.
---@param value table
---@return string? kind
---@return string message
local function told_by(value)
  local kind = type(value.type) == "string" and value.type ~= "" and value.type or nil
  if type(value.message) == "string" then return kind, value.message end
  local mt = getmetatable(value)
  if type(mt) == "table" and mt.__tostring then return kind, tostring(value) end
  local ok, json = pcall(core.json_encode, value)
  return kind, ok and json or tostring(value)
end

--- Of what a function raised, or returned after nil.
---@param value any                          a string, a table { type =, message = }, a dynamodb.Error, …
---@param frames table[]?
---@return dynamodb.lambda.Fault
local function of_value(value, frames)
  if getmetatable(value) == fault_mt then return value end
  local name, message = "Error"
  if errors.is_error(value) then
    name, message = value.code, tostring(value)
  elseif type(value) == "table" then
    local ok, kind, text = pcall(told_by, value)
    name, message = ok and kind or name, ok and text or "an error object that cannot be shown"
  else
    message = tostring(value)
    -- Lua's own message, without the position that an error of the program's has.
    if message == "not enough memory" then name = "Runtime.OutOfMemory" end
  end
  return fault.new(printable(name), cut(printable(message)), frames)
end

--- The fault that a failed xpcall with `capture` tells of, or any error value.
---@param value any
---@param first dynamodb.lambda.Raised?    the same, raised for the first time, if it was raised again
---@return dynamodb.lambda.Fault
function fault.of(value, first)
  if getmetatable(value) == raised_mt then
    if first and rawequal(first.value, value.value) then value = first end
    return of_value(value.value, value.frames)
  end
  return of_value(value) -- without memory, or stack, the handler of errors is not called
end

--- What Lambda accepts as a type: `(Runtime|Function).[A-Z][a-zA-Z]+`; other names become Function.….
---@param kind string
---@return string
function fault.category(kind)
  if kind:find "^Runtime%.%u%a+$" or kind:find "^Function%.%u%a+$" then return kind end
  local letters = kind:gsub("^.*[.:#]", ""):gsub("%A", "")
  letters = letters:sub(1, 1):upper() .. letters:sub(2)
  return "Function." .. (#letters > 1 and letters or "Error")
end

---@param it dynamodb.lambda.Fault
---@return string[]
local function lines(it)
  local list = core.json_decode "[]"
  for i, frame in ipairs(it.frames) do
    list[i] = printable(("%s:%d: in %s"):format(frame.path, frame.line, frame.label))
  end
  return list
end

--- As Lambda shows it to who called the function.
---@param it dynamodb.lambda.Fault
---@param request_id string?
---@return table
function fault.report(it, request_id)
  return { errorType = it.type, errorMessage = it.message, stackTrace = lines(it), requestId = request_id }
end

--- X-Ray's cause; with fewer frames where it would be too long for a header.
---@param it dynamodb.lambda.Fault
---@return string? json
function fault.cause(it)
  local count, message = #it.frames, it.message
  if #message > 1024 then message = printable(message:sub(1, 1024)) end
  while true do
    local frames, paths, seen = core.json_decode "[]", core.json_decode "[]", {}
    for i = 1, count do
      local path = printable(it.frames[i].path)
      frames[i] = { path = path, line = it.frames[i].line, label = printable(it.frames[i].label) }
      if not seen[path] then
        seen[path] = true
        paths[#paths + 1] = path
      end
    end
    local ok, json = pcall(core.json_encode, {
      working_directory = printable(system.directory() or ""),
      exceptions = { { type = it.type, message = message, stack = frames } },
      paths = paths,
    })
    if not ok then return nil end
    if #json <= LARGEST_CAUSE then return json end
    if count == 0 then return nil end
    count = math.floor(count / 2)
  end
end

--- The header lines of a fault.
---@param it dynamodb.lambda.Fault
---@return string
function fault.headers(it)
  local cause = fault.cause(it)
  return ("Content-Type: application/vnd.aws.lambda.error+json\r\nLambda-Runtime-Function-Error-Type: %s\r\n%s"):format(
    fault.category(it.type), cause and ("Lambda-Runtime-Function-XRay-Error-Cause: %s\r\n"):format(cause) or "")
end

--- For the log: on one line where lines end with CR, as Lambda takes a line end for the end of the event.
---@param it dynamodb.lambda.Fault
---@return string
function fault.text(it)
  local parts = lines(it)
  table.insert(parts, 1, it.type .. ": " .. it.message)
  return table.concat(parts, "\n\t")
end

return fault
