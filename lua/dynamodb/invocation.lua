--- The invocation of a Lambda function that is under way, as the environment of the process tells it. The trace is
--- where Amazon's runtimes leave it, too; the deadline is left by ours.
local invocation = {
  TRACE = "_X_AMZN_TRACE_ID",
  DEADLINE = "_DYNAMODB_DEADLINE_MS", -- milliseconds since 1970
}

local MARGIN = 0.1 -- seconds of an invocation that are the function's, to tell of a call that took too long

--- What stays of a trace in a header's value; the rest is percent-encoded, as botocore does it.
local UNSAFE = "[^%w_.~=;:+&%[%]{}\"',-]"

local function escape(byte)
  return ("%%%02X"):format(byte:byte())
end

--- The header line that lets Lambda notice functions which call each other in a circle; empty without a trace.
--- Source: smithy/AWS SDKs, "Recursion detection".
---@return string
function invocation.trace_header()
  local trace = os.getenv(invocation.TRACE)
  if not trace or trace == "" then return "" end
  return "X-Amzn-Trace-Id: " .. trace:gsub(UNSAFE, escape) .. "\r\n"
end

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
