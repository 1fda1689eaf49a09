--- Metrics of CloudWatch as lines of a function's log: its embedded metric format needs no request and no permission.
local core = require "dynamodb.core"
local fault = require "dynamodb.lambda.fault"
local system = require "dynamodb.system"
local usage = require "dynamodb.usage"

local metrics_methods = {}
local metrics_mt = { __name = "dynamodb.Metrics", __index = metrics_methods }

---@class dynamodb.Metrics
---@field namespace string
---@field private defaults table<string, string>     dimensions that every line has
---@field private dimensions table<string, string>   of the next line
---@field private properties table<string, any>      what can be searched for in the log, but is no dimension
---@field private names string[]                     of the metrics, in the order in which they came
---@field private metrics table<string, { unit: string, resolution: integer?, values: number[] }>
---@field private write fun(line: string)
---@field private clock fun(): number                seconds since 1970
---@field private is_cold boolean

-- Source: "Specification: Embedded metric format" in the CloudWatch guide.
local MOST_METRICS, MOST_VALUES, MOST_DIMENSIONS = 100, 100, 30
local LONGEST_NAME, LONGEST_VALUE = 1024, 1024

-- Source: MetricDatum in CloudWatch's API reference.
local UNITS = {}
for _, name in ipairs { "Seconds", "Microseconds", "Milliseconds", "Percent", "None" } do UNITS[name] = true end
for _, name in ipairs { "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits", "Megabits",
  "Gigabits", "Terabits", "Count" } do
  UNITS[name], UNITS[name .. "/Second"] = true, true
end

--- Raises now for what would make every later line impossible to write.
---@param value any
---@param what string
local function check_json(value, what)
  local ok, message = pcall(core.json_encode, value)
  if not ok then usage.raise(("%s cannot be JSON: %s"):format(what, tostring(message))) end
end

---@param name any
---@param what string
local function check_name(name, what)
  if type(name) ~= "string" or not name:find "%S" or #name > LONGEST_NAME or name == "_aws" then
    usage.raise(("%s must be a text of 1 to %d bytes"):format(what, LONGEST_NAME))
  end
  check_json(name, what)
end

---@param self dynamodb.Metrics
---@param given table<string, string>
---@param into table<string, string>
local function add_dimensions(self, given, into)
  usage.check_type(given, "table", "dimensions")
  for name, value in pairs(given) do
    check_name(name, "the name of a dimension")
    value = type(value) == "string" and value or tostring(value)
    if not value:find "%S" or #value > LONGEST_VALUE then
      usage.raise(("dimension %s must be a text of 1 to %d bytes"):format(name, LONGEST_VALUE))
    end
    check_json(value, "dimension " .. name)
    if self.metrics[name] then usage.raise(("%s is a metric already"):format(name)) end
    into[name] = value
  end
  local count = 0
  for _ in pairs(self.defaults) do count = count + 1 end
  for name in pairs(self.dimensions) do count = count + (self.defaults[name] == nil and 1 or 0) end
  if count > MOST_DIMENSIONS then usage.raise(("there are more than %d dimensions"):format(MOST_DIMENSIONS)) end
end

--- Adds a value of a metric. Several values of a name until the next `flush` are one metric with all of them.
---@param name string
---@param value number
---@param unit? string          "Count", "Milliseconds", "Bytes", "Percent", …; "None"
---@param resolution? integer   seconds: 1 or 60, the default
---@return dynamodb.Metrics     itself
function metrics_methods:add(name, value, unit, resolution)
  check_name(name, "the name of a metric")
  if type(value) ~= "number" or value ~= value or value == math.huge or value == -math.huge then
    usage.raise(("metric %s must be a finite number, not %s"):format(name, tostring(value)))
  end
  if self.defaults[name] or self.dimensions[name] then usage.raise(("%s is a dimension already"):format(name)) end
  unit = unit or "None"
  if not UNITS[unit] then
    local meant = usage.nearest(tostring(unit), UNITS)
    usage.raise(("metric %s: there is no unit %q"):format(name, tostring(unit))
      .. (meant and ("; did you mean %q?"):format(meant) or ""))
  end
  if resolution ~= nil and resolution ~= 1 and resolution ~= 60 then
    usage.raise(("metric %s: the resolution must be 1 or 60 seconds"):format(name))
  end
  local metric = self.metrics[name]
  if not metric then
    metric = { unit = unit, resolution = resolution, values = {} }
    self.metrics[name], self.names[#self.names + 1] = metric, name
  elseif metric.unit ~= unit then
    usage.raise(("metric %s has the unit %s already"):format(name, metric.unit))
  end
  metric.values[#metric.values + 1] = value
  return self
end

--- Adds dimensions to what is written by the next `flush`.
---@param dimensions table<string, string>
---@return dynamodb.Metrics
function metrics_methods:dimension(dimensions)
  add_dimensions(self, dimensions, self.dimensions)
  return self
end

--- Adds something that is in the line, and can be searched for, but is no dimension: a request's id.
---@param name string
---@param value any    what JSON can hold
---@return dynamodb.Metrics
function metrics_methods:property(name, value)
  check_name(name, "the name of a property")
  if value ~= nil then check_json(value, "property " .. name) end
  self.properties[name] = value
  return self
end

--- The metrics that have values left, each with as many as a line takes.
---@param self dynamodb.Metrics
---@param after integer    values that were written
---@return table[]
local function pieces_of(self, after)
  local pieces = {}
  for _, name in ipairs(self.names) do
    local metric, values = self.metrics[name], setmetatable({}, core.list_mt)
    for i = after + 1, math.min(after + MOST_VALUES, #metric.values) do values[#values + 1] = metric.values[i] end
    if #values > 0 then
      pieces[#pieces + 1] = { name = name, values = values, unit = metric.unit, resolution = metric.resolution }
    end
  end
  return pieces
end

--- One line.
---@param self dynamodb.Metrics
---@param pieces table[]
---@param from integer    of them
---@param to integer
---@return string
local function line_of(self, pieces, from, to)
  local blob, dimensions, definitions = {}, {}, {}
  for name, value in pairs(self.properties) do blob[name] = value end
  for name, value in pairs(self.defaults) do dimensions[name] = value end
  for name, value in pairs(self.dimensions) do dimensions[name] = value end
  local names = setmetatable({}, core.list_mt)
  for name, value in pairs(dimensions) do blob[name], names[#names + 1] = value, name end
  table.sort(names)
  for i = from, to do
    local piece = pieces[i]
    blob[piece.name] = #piece.values == 1 and piece.values[1] or piece.values
    definitions[#definitions + 1] = { Name = piece.name, Unit = piece.unit, StorageResolution = piece.resolution }
  end
  blob._aws = {
    Timestamp = math.floor(self.clock() * 1000),
    CloudWatchMetrics = { {
      Namespace = self.namespace, Dimensions = setmetatable({ names }, core.list_mt), Metrics = definitions,
    } },
  }
  return core.json_encode(blob)
end

--- Writes what there is, in lines of up to 100 metrics with up to 100 values each, and begins anew: with the dimensions
--- of `new` only.
function metrics_methods:flush()
  local after, pieces = 0, pieces_of(self, 0)
  while #pieces > 0 do
    for from = 1, #pieces, MOST_METRICS do
      self.write(line_of(self, pieces, from, math.min(from + MOST_METRICS - 1, #pieces)))
    end
    after = after + MOST_VALUES
    pieces = pieces_of(self, after)
  end
  self.names, self.metrics, self.dimensions, self.properties = {}, {}, {}, {}
end

--- A handler that writes the metrics when it ends, also when it raises; each line has the invocation's request id. The
--- first invocation counts as `ColdStart`.
---@param handler fun(event: any, ctx: any): any, any
---@return fun(event: any, ctx: any): any, any
function metrics_methods:wrap(handler)
  usage.check_type(handler, "function", "handler")
  return function(event, ctx)
    if self.is_cold then self:add("ColdStart", 1, "Count") end
    self.is_cold = false
    local id = type(ctx) == "table" and ctx.request_id
    local ok, result, err = xpcall(handler, fault.keeper(ctx), event, ctx)
    if id then self:property("requestId", id) end
    self:flush()
    if not ok then error(result, 0) end
    return result, err
  end
end

local OPTIONS = { namespace = true, dimensions = true, write = true, clock = true }

--- Writes a line at once: in parts, as Lua's buffer would write it, it could be mixed with those of other processes.
---@param line string
local function print_line(line)
  io.stdout:flush()
  system.write(1, line .. "\n")
end

local metrics = {}

--- Metrics of a namespace. In a function that logs as JSON from WARN on, Lambda leaves their lines out: to it they are
--- of the level INFO.
---
--- ```lua no-run
--- local metrics = require("dynamodb.lambda.metrics").new { namespace = "Shop", dimensions = { service = "orders" } }
--- metrics:add("Orders", 1, "Count")
--- return metrics:wrap(handler)
--- ```
---@param options table    namespace; dimensions (that all lines have); write (a function of one line; standard output
---                        by default), clock (seconds since 1970)
---@return dynamodb.Metrics
function metrics.new(options)
  usage.check_type(options, "table", "the options of metrics.new")
  usage.check_names(options, OPTIONS, "option of metrics.new")
  check_name(options.namespace, "namespace")
  for _, name in ipairs { "write", "clock" } do
    if options[name] ~= nil then usage.check_type(options[name], "function", name) end
  end
  local self = setmetatable({
    namespace = options.namespace, defaults = {}, dimensions = {}, properties = {}, names = {}, metrics = {},
    write = options.write or print_line, clock = options.clock or os.time, is_cold = true,
  }, metrics_mt)
  if options.dimensions ~= nil then add_dimensions(self, options.dimensions, self.defaults) end
  return self
end

return metrics
