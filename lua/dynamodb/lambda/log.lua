--- The log of a function: lines on standard output, or frames on the descriptor that Lambda names, in the format and
--- from the level that the function is configured for.
--- Source: AWS Lambda Developer Guide, "Configuring JSON and plain text log formats" and "Log-level filtering"; the
--- frames are those of Amazon's own runtimes.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local printable = require "dynamodb.printable"
local system = require "dynamodb.system"
local usage = require "dynamodb.usage"

local LEVELS = { trace = 1, debug = 2, info = 3, warn = 4, error = 5, fatal = 6 }

local STDOUT = 1

local log_methods = {}
local log_mt = { __name = "dynamodb.lambda.Log", __index = log_methods }

---@class dynamodb.lambda.Log    `log:info(message, fields)`; a message that is a table, and fields, are JSON
---@field trace fun(self: dynamodb.lambda.Log, message: any, fields: table?)
---@field debug fun(self: dynamodb.lambda.Log, message: any, fields: table?)
---@field info fun(self: dynamodb.lambda.Log, message: any, fields: table?)
---@field warn fun(self: dynamodb.lambda.Log, message: any, fields: table?)
---@field error fun(self: dynamodb.lambda.Log, message: any, fields: table?)
---@field fatal fun(self: dynamodb.lambda.Log, message: any, fields: table?)
---@field private json boolean
---@field private level integer          what is below it is left out
---@field private frames integer?        the descriptor that takes frames, not lines
---@field private request_id string?
---@field private tenant_id string?

--- A number as four or eight bytes, the highest first.
local function big_endian(number, count)
  local bytes = {}
  for i = count, 1, -1 do
    bytes[i] = string.char(number % 256)
    number = math.floor(number / 256)
  end
  return table.concat(bytes)
end

--- "2026-11-22T10:00:00.123Z"
---@param time number
---@return string
local function timestamp(time)
  local seconds = math.floor(time)
  return os.date("!%Y-%m-%dT%H:%M:%S", seconds) .. (".%03dZ"):format(math.floor((time - seconds) * 1000))
end

--- One event, past all buffers but after what the program has printed.
---@param self dynamodb.lambda.Log
---@param level integer
---@param time number
---@param text string
local function put(self, level, time, text)
  io.stdout:flush()
  if not self.frames then
    system.write(STDOUT, text:gsub("\n", "\r") .. "\n")
    return
  end
  -- Of the last byte: bit 0 plain text, bit 1 a time is there, from bit 2 on the level.
  local kind = "\165\90\0" .. string.char(level * 4 + 2 + (self.json and 0 or 1))
  system.write(self.frames, kind .. big_endian(#text, 4) .. big_endian(math.floor(time * 1e6), 8) .. text)
end

--- A value as JSON can have it: what it cannot is told in words, and so is an error, whose members may be an item's.
local function presentable(value)
  if type(value) == "string" then return printable(value) end
  if not errors.is_error(value) and pcall(core.json_encode, value) then return value end
  return printable(tostring(value))
end

---@param self dynamodb.lambda.Log
---@param name string
---@param message any
---@param fields table?
local function write(self, name, message, fields)
  if fields ~= nil then usage.check_type(fields, "table", "the fields of a log's line") end
  local level = LEVELS[name]
  if level < self.level then return end
  local time = system.time()
  message = type(message) == "table" and presentable(message) or printable(tostring(message))
  if self.json then
    local record = {}
    for key, value in pairs(fields or {}) do record[printable(tostring(key))] = presentable(value) end
    record.timestamp, record.level, record.message = timestamp(time), name:upper(), message
    record.requestId, record.tenantId = self.request_id, self.tenant_id
    put(self, level, time, core.json_encode(record))
    return
  end
  if type(message) == "table" then message = core.json_encode(message) end
  local parts = { ("[%s]\t%s\t%s\t%s"):format(name:upper(), timestamp(time), self.request_id or "", message) }
  local shown = {}
  for key, value in pairs(fields or {}) do
    value = presentable(value)
    shown[#shown + 1] = ("%s=%s"):format(printable(tostring(key)),
      type(value) == "string" and value or core.json_encode(value))
  end
  table.sort(shown)
  for _, text in ipairs(shown) do parts[#parts + 1] = text end
  put(self, level, time, table.concat(parts, "\t"))
end

-- log:info("paid", { order = id }): a message (a text, or a table that is written as JSON) and fields beside it.
for name in pairs(LEVELS) do
  log_methods[name] = function(self, message, fields) write(self, name, message, fields) end
end

--- A fault, as Amazon's runtimes write it.
---@private
---@param fault_report table    of `fault.report`
---@param text string           the same for a reader
function log_methods:fault(fault_report, text)
  if not self.json then return write(self, "error", text) end
  write(self, "error", fault_report.errorMessage,
    { errorType = fault_report.errorType, errorMessage = fault_report.errorMessage,
      stackTrace = fault_report.stackTrace })
end

--- The log of one invocation.
---@private
---@param request_id string
---@param tenant_id string?
---@return dynamodb.lambda.Log
function log_methods:of(request_id, tenant_id)
  return setmetatable({
    json = self.json, level = self.level, frames = self.frames, request_id = request_id, tenant_id = tenant_id,
  }, log_mt)
end

local log = {}

--- The log that the environment asks for.
---@param getenv (fun(name: string): string?)?    `os.getenv` if nil
---@return dynamodb.lambda.Log
function log.new(getenv)
  getenv = getenv or os.getenv
  local level = (getenv "AWS_LAMBDA_LOG_LEVEL" or ""):lower()
  return setmetatable({
    json = (getenv "AWS_LAMBDA_LOG_FORMAT" or ""):lower() == "json",
    level = LEVELS[level] or LEVELS.info,
    frames = tonumber(getenv "_LAMBDA_TELEMETRY_LOG_FD" or ""),
  }, log_mt)
end

return log
