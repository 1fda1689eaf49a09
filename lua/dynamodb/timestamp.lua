--- Points in time as AWS writes them, as seconds since 1970 in UTC.
local timestamp = {}

--- Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that a leap day is the last of its year.
---@param year integer
---@param month integer
---@param day integer
---@return integer
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
    + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

--- Reads "2026-11-22T22:05:03Z", also with a fraction, or with "+01:00" instead of "Z".
---@param text any
---@return number?    nil for what is not such a text
function timestamp.parse(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second, fraction, zone =
    text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)(%.?%d*)(.*)$")
  if not year or fraction == "." then return nil end
  month, day = tonumber(month), tonumber(day)
  if month < 1 or month > 12 or day < 1 or day > 31 then return nil end
  local offset = 0
  if zone ~= "Z" and zone ~= "z" and zone ~= "UTC" then
    local sign, hours, minutes = zone:match("^([+-])(%d%d):?(%d%d)$")
    if not sign then return nil end
    offset = (tonumber(hours) * 60 + tonumber(minutes)) * (sign == "-" and -60 or 60)
  end
  return days(tonumber(year), month, day) * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
    - offset
end

--- "2026-11-22T22:05:03Z".
---@param seconds number
---@return string
function timestamp.format(seconds)
  return (os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds)))
end

return timestamp
