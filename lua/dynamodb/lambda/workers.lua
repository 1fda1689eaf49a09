--- Several invocations at a time in one execution environment, as Lambda Managed Instances give them: a process for
--- each, since a Lua state does one thing at a time. This one only watches over them.
--- Source: AWS Lambda Developer Guide, "Lambda Managed Instances", "Runtimes".
local system = require "dynamodb.system"

local SHORTEST = 1 -- seconds; what ends sooner is not started again at once

local workers = {
  CANNOT_BEGIN = 70, -- exit code of a process whose function cannot be loaded: nor could another one load it
}

--- Waits, whatever other children end meanwhile, but not beyond SIGTERM.
---@param seconds number
local function pause(seconds)
  local over = system.now() + seconds
  while system.now() < over and not system.stopped() do system.sleep(over - system.now()) end
end

--- Runs `work` in so many processes and replaces those that end, until SIGTERM. Returns the exit code of this one.
---@param count integer
---@param work fun()    does not return
---@return integer
function workers.run(count, work)
  local started, code = {}, 0
  system.watch(true)
  system.take_turns() -- they have one log
  for i = 1, count do started[i] = false end
  while not system.stopped() do
    for i = 1, count do
      if not started[i] then
        local pid = assert(system.fork())
        if pid == 0 then return work() end
        started[i] = { pid = pid, at = system.now() }
      end
    end
    local pid, status = system.wait()
    local is_short = false
    for i = 1, count do
      if started[i].pid == pid then
        is_short = system.now() - started[i].at < SHORTEST
        started[i] = false
      end
    end
    if status == workers.CANNOT_BEGIN then
      code = status
      break
    end
    if is_short then pause(SHORTEST) end
  end
  local pids = {}
  for i = 1, count do pids[#pids + 1] = started[i] and started[i].pid or nil end
  system.terminate((table.unpack or unpack)(pids))
  return code
end

return workers
