--- The trace of a Lambda invocation, handed on so that Lambda sees when functions call themselves in circles.
--- Source: AWS SDKs' recursion detection.
local trace = {}

--- The header for a request, if there is a trace. It is another one for each invocation, so it is read each time.
---@param getenv? fun(name: string): string?    `os.getenv` if nil
---@return string    "X-Amzn-Trace-Id: …\r\n", or nothing
function trace.header(getenv)
  local id = (getenv or os.getenv) "_X_AMZN_TRACE_ID"
  if not id or id == "" then return "" end
  id = id:gsub("[%z\1-\31\127-\255]", function(c) return ("%%%02X"):format(c:byte()) end)
  return "X-Amzn-Trace-Id: " .. id .. "\r\n"
end

return trace
