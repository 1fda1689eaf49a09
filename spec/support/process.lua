--- Child processes of a spec: each has a pid, is ended by that pid, and is ended by the kernel when the runner ends,
--- however that comes about.
local posix = require "spec.support.posix"

local process = { now = posix.now, cpu = posix.cpu, sleep = posix.sleep, fork_raw = posix.fork, exit = posix.exit }

--- The interpreter that runs us.
process.lua = rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match "%d%.%d"

local SIGTERM, SIGKILL = 15, 9

local process_methods = {}
local process_mt = { __name = "spec.Process", __index = process_methods }

--- A name for a file that is removed at the end.
function process.temporary()
  local directory, name = assert(posix.temporary()), os.tmpname()
  os.remove(name)
  return directory .. "/" .. name:match "[^/]*$"
end

--- A directory that is removed at the end, with the files in it.
function process.temporary_directory()
  local name = process.temporary()
  assert(os.execute("mkdir " .. name))
  return name
end

---@param name string
---@return string    what the file holds; empty when there is none
function process.read(name)
  local file = io.open(name, "rb")
  if not file then return "" end
  local text = file:read("*a")
  file:close()
  return text
end

local function new_process(pid, fields)
  fields.pid = pid
  return setmetatable(fields, process_mt)
end

--- Starts a program in the background.
---@param command table    { "program", "argument", …, stdout = file?, stderr = file?, env = { NAME = "value" }?,
---                        talkative = true? }: stdin is empty, unless the spec is going to `tell` it something
---@return table           with `pid`, `stdout` and `stderr` (names of the files that its output goes to)
function process.start(command)
  local words = {}
  for _, word in ipairs(command) do words[#words + 1] = word end
  local count = #words
  for name, value in pairs(command.env or {}) do words[#words + 1] = name .. "=" .. value end
  local stdout, stderr = command.stdout or process.temporary(), command.stderr or process.temporary()
  local stdin = command.talkative and process.temporary() or "/dev/null"
  if command.talkative then assert(os.execute("mkfifo " .. stdin)) end
  local pid = assert(posix.spawn(count, stdin, stdout, stderr, (table.unpack or unpack)(words)))
  return new_process(pid, { stdin = stdin, stdout = stdout, stderr = stderr })
end

--- Runs `f` in a fork of this process. What it returns (a string) or raises is the child's result.
---@param f fun(): string?
function process.fork(f)
  local output = process.temporary()
  local pid = assert(posix.fork())
  if pid > 0 then return new_process(pid, { stdout = output }) end
  local ok, result = pcall(f)
  local file = assert(io.open(output, "wb"))
  file:write(tostring(result))
  file:close()
  posix.exit(ok and 0 or 1)
end

--- Runs a program to its end.
---@param command table    as for `start`; `timeout` in seconds, 60 by default
---@return integer code, string stdout, string stderr
function process.run(command)
  local child = process.start(command)
  local code = child:wait(command.timeout or 60)
  if not code then
    child:stop()
    error(("%s did not end in time"):format(command[1]))
  end
  return code, process.read(child.stdout), process.read(child.stderr)
end

--- Calls `condition` until it gives something true.
---@param seconds number
---@param condition fun(): any
---@return any    what it gave; nil when the time is up
function process.await(seconds, condition)
  local stop = posix.now() + seconds
  repeat
    local result = condition()
    if result then return result end
    posix.sleep(0.002)
  until posix.now() > stop
end

--- Is it still running? Its exit code is remembered once it is not.
function process_methods:alive()
  if self.code then return false end
  self.code = posix.wait(self.pid)
  return not self.code
end

--- Waits for its end.
---@param seconds number
---@return integer?    the exit code, 128 + signal after a signal; nil when it still runs
function process_methods:wait(seconds)
  process.await(seconds, function() return not self:alive() end)
  return self.code
end

---@param signal integer
function process_methods:kill(signal)
  if self:alive() then posix.kill(self.pid, signal) end
end

--- Ends it, kindly at first. Does nothing when it has ended.
function process_methods:stop()
  self:kill(SIGTERM)
  if not self:wait(2) then
    self:kill(SIGKILL)
    self:wait(2)
  end
end

--- Writes to its stdin, which stays open; it was started as `talkative`.
---@param text string
function process_methods:tell(text)
  local file = assert(io.open(self.stdin, "ab"))
  file:write(text)
  file:close()
end

function process_methods:output() return process.read(self.stdout) end

return process
