--- How a job goes, on standard error: on a terminal a line that is written over, elsewhere a line of JSON each second.
local ordered = require "dynamodb.formats.ordered"

local progress_methods = {}
local progress_mt = { __name = "dynamodb.cli.ProgressDisplay", __index = progress_methods }

local REDRAWN, TOLD = 0.1, 1 -- seconds between two lines, on a terminal and elsewhere

---@class dynamodb.cli.ProgressDisplay
---@field columns integer?     of the terminal; nil: there is none
---@field measure (fun(): integer?)?    the columns at this moment: a window may be made smaller
---@field quiet boolean?
---@field stream file*
---@field shown number?        when something was shown the last time, in seconds of the job
---@field last dynamodb.Progress?    what is to be shown still
---@field is_open boolean      does an unfinished line stand on the terminal?

--- "1234567" -> "1,234,567"
---@param number number
---@return string
local function grouped(number)
  local text = ("%.0f"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

---@param seconds number
---@return string    "1:02:03"
local function duration(seconds)
  seconds = math.ceil(seconds)
  local hours, minutes = math.floor(seconds / 3600), math.floor(seconds / 60) % 60
  if hours > 0 then return ("%d:%02d:%02d"):format(hours, minutes, seconds % 60) end
  return ("%d:%02d"):format(minutes, seconds % 60)
end

--- Capacity units a second, against the cap if there is one; nil if there is nothing to tell.
---@param name string
---@param units number
---@param elapsed number
---@param cap number?
---@return string?
local function capacity(name, units, elapsed, cap)
  if units == 0 and not cap then return nil end
  local rate = elapsed > 0 and units / elapsed or 0
  return ("%.0f%s %s"):format(rate, cap and (cap < 10 and "/%.3g" or "/%.0f"):format(cap) or "", name)
end

local progress = {}

--- The line of a terminal.
---@param p dynamodb.Progress
---@return string
function progress.line(p)
  local parts = { p.phase or p.kind, grouped(p.done) }
  if p.stopping then parts[1] = ("stopping, %s s for requests under way"):format(math.ceil(p.stopping)) end
  if p.total and p.total >= p.done and p.total > 0 then -- the total is some hours old
    parts[2] = ("%s of %s (%d%%)"):format(parts[2], grouped(p.total), math.floor(100 * p.done / p.total))
  end
  parts[3] = grouped(p.rate) .. "/s"
  parts[#parts + 1] = capacity("RCU", p.read, p.elapsed, p.rcu)
  parts[#parts + 1] = capacity("WCU", p.written, p.elapsed, p.wcu)
  if p.throttles > 0 then parts[#parts + 1] = grouped(p.throttles) .. " throttled" end
  if p.eta then parts[#parts + 1] = "ETA " .. duration(p.eta) end
  return table.concat(parts, "  ")
end

--- The line of JSON for programs.
---@param p dynamodb.Progress
---@return string
function progress.json(p)
  local told = {}
  for name, value in pairs(p) do
    told[name] = type(value) == "number" and tonumber(("%.3f"):format(value)) or value
  end
  told.estimate = nil -- which does not change
  return ordered.plain(told)
end

---@param self dynamodb.cli.ProgressDisplay
local function draw(self)
  local p = self.last
  self.last, self.shown = nil, p.elapsed
  if not self.columns then return self.stream:write(progress.json(p), "\n") end
  local columns = self.measure and self.measure() or self.columns
  self.stream:write("\r", progress.line(p):sub(1, columns - 1), "\27[K")
  self.is_open = true
end

--- Shows how it goes, if it is time for that.
---@param p dynamodb.Progress
function progress_methods:show(p)
  if self.quiet then return end
  self.last = p
  local pause = self.columns and REDRAWN or TOLD
  if not self.shown or p.elapsed < self.shown or p.elapsed - self.shown >= pause then draw(self) end
end

--- Makes room for a line of another kind.
function progress_methods:pause()
  if not self.is_open then return end
  self.stream:write "\r\27[K"
  self.is_open = false
end

--- Shows how it ended.
function progress_methods:finish()
  if self.last then draw(self) end
  if self.is_open then self.stream:write "\n" end
  self.is_open = false
end

--- A display.
---@param options table    columns (of a terminal), measure, quiet (boolean), stream (standard error)
---@return dynamodb.cli.ProgressDisplay
function progress.new(options)
  return setmetatable({
    columns = options.columns, measure = options.measure, quiet = options.quiet,
    stream = options.stream or io.stderr, is_open = false,
  }, progress_mt)
end

return progress
