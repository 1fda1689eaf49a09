--- The end of the Lambda invocation that is under way. Our runtime leaves it in the environment of the process, beside
--- the trace, which Amazon's runtimes leave there as well.
local invocation = {
  DEADLINE = "_DYNAMODB_DEADLINE_MS", -- milliseconds since 1970
}

local MARGIN = 0.1 -- seconds of an invocation that are the function's, to tell of a call that took too long

--- The earlier one: the given deadline, or shortly before the invocation's end.
---@param runtime table
---@param deadline number?    on its clock
---@return number?
function invocation.bound(runtime, deadline)
  local ends = tonumber(os.getenv(invocation.DEADLINE) or "")
  if not ends then return deadline end
  ends = runtime:now() + ends / 1000 - runtime:time() - MARGIN
  return deadline and math.min(deadline, ends) or ends
end

return invocation
