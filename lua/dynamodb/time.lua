--- Points in time as DynamoDB's programs write them: ISO 8601 texts in UTC, which sort, and whole epoch seconds, which
--- TTL wants. Pure arithmetic: no zone of the machine and no locale has a part in it.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"

local floor = math.floor

local time = {}

local DAY = 86400
local YEAR_0, YEAR_10000 = -62167219200, 253402300800 -- seconds since 1970 where four digits begin and end
local ABSOLUTE = 1e9  -- more seconds from now than this are a point in time, or milliseconds
local IN_MILLISECONDS = 1e11 -- the year 5138 in seconds, 1973 in milliseconds

-- Days of a year before each month, of a year that begins in March: the day that leap years add is the last one.
local BEFORE = { 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275 }
local LENGTHS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

--- A number as Lua has it; nil for what is none.
---@param value any
---@return number?
local function as_number(value)
  if core.kind(value) == "number" then value = value:tonumber() end
  if type(value) == "number" and value == value then return value end
end

--- Days of the Gregorian calendar since 1970-01-01.
---@param year integer
---@param month integer
---@param day integer
---@return integer
local function days_of(year, month, day)
  if month < 3 then year = year - 1 end
  local leaps = floor(year / 4) - floor(year / 100) + floor(year / 400)
  return year * 365 + leaps + BEFORE[month] + day - 1 - 719468
end

--- The year, month and day of a number of days since 1970-01-01.
---@param days integer
---@return integer year
---@return integer month
---@return integer day
local function date_of(days)
  local year = 1970 + floor(days / 365.2425)
  if days_of(year, 1, 1) > days then year = year - 1 end
  if days_of(year + 1, 1, 1) <= days then year = year + 1 end
  local month = 12
  while days_of(year, month, 1) > days do month = month - 1 end
  return year, month, days - days_of(year, month, 1) + 1
end

--- A point in time as a text that sorts as time does: "2026-11-27T23:25:01.123Z", in UTC, to the millisecond.
---@param seconds number?    since 1970; now if nil, then to the second only
---@return string
function time.iso(seconds)
  local given = seconds
  if seconds == nil then given = os.time() end
  local number = as_number(given)
  if not number then
    usage.raise(("time.iso: the time must be a number of seconds, not %s"):format(tostring(given)))
  end
  if number < YEAR_0 or number >= YEAR_10000 - 0.0005 then
    usage.raise(("time.iso: %s is outside of the years 0 to 9999; seconds since 1970 are expected")
      :format(tostring(given)))
  end
  -- The nearest millisecond: what a text says has no exact double, and comes back as it was.
  local whole = floor(number)
  local milliseconds = floor((number - whole) * 1000 + 0.5)
  if milliseconds == 1000 then whole, milliseconds = whole + 1, 0 end
  local days = floor(whole / DAY)
  local rest = whole - days * DAY
  local year, month, day = date_of(days)
  return ("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ"):format(year, month, day, floor(rest / 3600), floor(rest / 60) % 60,
    rest % 60, milliseconds)
end

--- The seconds that the zone of a text is ahead of UTC.
---@param zone string
---@return integer?
local function offset_of(zone)
  if zone == "Z" or zone == "z" then return 0 end
  local sign, hours, minutes = zone:match "^([+-])(%d%d):(%d%d)$"
  hours, minutes = tonumber(hours), tonumber(minutes)
  if not hours or hours > 23 or minutes > 59 then return nil end
  return (hours * 60 + minutes) * (sign == "-" and -60 or 60)
end

---@param year integer
---@param month integer
---@param day integer
---@return boolean
local function is_date(year, month, day)
  if month < 1 or month > 12 or day < 1 then return false end
  local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return day <= LENGTHS[month] + (month == 2 and leap and 1 or 0)
end

--- The point in time that a text names: "2026-11-27T23:25:01.123Z", or with a zone "2026-11-28T00:25:01+01:00".
--- Source: RFC 3339.
---@param text any           data: what is no such text is no mistake of the program
---@return number? seconds   since 1970; whole if the text has no fraction
---@return string? message
function time.parse(text)
  if type(text) ~= "string" then return nil, ("a time is a text, not a %s"):format(type(text)) end
  local date, clock, fraction, zone = text:match "^(%d%d%d%d%-%d%d%-%d%d)[Tt](%d%d:%d%d:%d%d)(%.?%d*)([Zz+-][%d:]*)$"
  local offset = zone and offset_of(zone)
  if not offset or fraction == "." or fraction:find "^%d" then
    return nil, ("%q is no time like 2026-11-27T23:25:01.123Z"):format(text:sub(1, 40))
  end
  local year, month, day = date:match "(%d+)-(%d+)-(%d+)"
  local hour, minute, second = clock:match "(%d+):(%d+):(%d+)"
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
  if not is_date(year, month, day) then return nil, ("there is no day %s"):format(date) end
  if hour > 23 or minute > 59 or second > 59 then return nil, ("there is no time of day %s"):format(clock) end
  local seconds = days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset
  if fraction:find "[1-9]" then seconds = seconds + tonumber("0" .. fraction) end
  return seconds
end

--- Raises unless the value is a time of seconds since 1970.
---@param value any    nil for now
---@param where string
---@return number
local function check_now(value, where)
  if value == nil then return os.time() end
  local number = as_number(value)
  if not number or number < 0 or number >= IN_MILLISECONDS then
    usage.raise(("%s: now must be in seconds since 1970, not %s"):format(where, tostring(value)))
  end
  return number
end

--- The value of a TTL attribute: whole seconds since 1970, so many from now on.
---@param seconds_from_now number    not negative, and fewer than 1e9: more are a point in time, or milliseconds
---@param now number?                seconds since 1970
---@return integer
function time.ttl(seconds_from_now, now)
  local number = as_number(seconds_from_now)
  if not number then
    usage.raise(("time.ttl: a number of seconds from now is expected, not %s"):format(tostring(seconds_from_now)))
  end
  if number < 0 then
    usage.raise(("time.ttl: %s seconds from now is in the past"):format(tostring(seconds_from_now)))
  end
  if number >= ABSOLUTE then
    usage.raise(("time.ttl: %s seconds from now are more than 31 years; is it a point in time, or milliseconds?")
      :format(tostring(seconds_from_now)))
  end
  return math.ceil(check_now(now, "time.ttl") + number)
end

--- Is the time of an item over? DynamoDB deletes such items, but later, and gives them to readers until then.
---@param item_or_value any     an item, with the name of its TTL attribute; or that attribute's value
---@param attribute string?     of an item
---@param now number?           seconds since 1970
---@return boolean              false where there is no number: DynamoDB keeps such items
function time.expired(item_or_value, attribute, now)
  local value = item_or_value
  if type(value) == "table" then
    usage.check_type(attribute, "string", "time.expired: the name of the TTL attribute")
    value = value[attribute]
  elseif attribute ~= nil then
    usage.raise(("time.expired: an attribute is of an item, not of a %s"):format(type(value)))
  end
  local number = as_number(value)
  return number ~= nil and number <= check_now(now, "time.expired")
end

return time
