--- The clocks of the system. nginx's own time stands still while a handler computes; a deadline and a signature need
--- one that does not. (nginx's Lua is always LuaJIT, so there is FFI.)
local ffi = require "ffi"

ffi.cdef "int clock_gettime(int clock, long *seconds_and_nanoseconds)"

local C = ffi.C
local REALTIME = 0
local MONOTONIC = ({ Linux = 1, OSX = 6, BSD = 4 })[ffi.os] or 1
local read = ffi.new "long[2]"

local clock = {}

--- Seconds on a clock that only goes forward.
---@return number
function clock.now()
  C.clock_gettime(MONOTONIC, read)
  return tonumber(read[0]) + tonumber(read[1]) * 1e-9
end

--- Seconds since 1970, with their fraction.
---@return number
function clock.time()
  C.clock_gettime(REALTIME, read)
  return tonumber(read[0]) + tonumber(read[1]) * 1e-9
end

--- How long the other side may be silent.
---@param deadline number?
---@param most number            seconds
---@return number seconds        until the deadline, if that is nearer than `most`
---@return boolean by_deadline
function clock.patience(deadline, most)
  if not deadline then return most, false end
  local left = deadline - clock.now()
  if left < most then return left, true end
  return most, false
end

--- Seconds as cosockets want them; none is taken for the default, so it is one at least.
---@param seconds number
---@return integer
function clock.milliseconds(seconds) return math.max(1, math.ceil(seconds * 1000)) end

return clock
