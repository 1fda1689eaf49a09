--- A function under what others have made to run functions locally: Amazon's Runtime Interface Emulator, @vercel/fun.
--- Both are fetched by tools/peers.sh; where one is missing, `available` says so.
local core = require "dynamodb.core"
local posix = require "spec.support.posix"
local process = require "spec.support.process"
local socket = require "socket"

local peers = { rie = {}, fun = {} }

local RIE = "cache/rie/aws-lambda-rie"
local FUN = "cache/fun/node_modules/@vercel/fun/dist/src/index.js"

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

-- Ports that are free now.
local function free_ports(count)
  local sockets, ports = {}, {}
  for i = 1, count do
    sockets[i] = assert(socket.bind("127.0.0.1", 0))
    ports[i] = select(2, sockets[i]:getsockname())
  end
  for i = 1, count do sockets[i]:close() end
  return ports
end

--- Sends one HTTP request on a connection of its own.
local function send(port, body, headers)
  local connection = assert(socket.connect("127.0.0.1", port))
  connection:settimeout(20)
  connection:send(("POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: localhost\r\n"
    .. "Connection: close\r\n%sContent-Length: %d\r\n\r\n%s"):format(headers or "", #body, body))
  return connection
end

--- Reads what is answered.
---@return string? body, integer? status, string? head
local function receive(connection)
  local text = assert(connection:receive "*a")
  connection:close()
  local reader = core.http(2 ^ 26)
  local status, head, answer = reader:feed(text)
  if not status then status, head, answer = reader:finish() end
  return answer, status, head
end

local methods = {}
local mt = { __index = methods }

--- Is it here?
function peers.rie.available() return exists(RIE) end

--- Can a process have a file system of its own? Where there are several invocations at a time, the emulator finds the
--- function in /var/task only.
function peers.rie.can_be_alone()
  local result = os.execute "unshare -m mount --bind /var /var 2> /dev/null"
  return exists(RIE) and (result == true or result == 0)
end

--- Starts the emulator with a function.
---@param setup table    directory, handler, command (the bootstrap's words), env; root: what it sees as /var
function peers.rie.start(setup)
  local ports = free_ports(2)
  local command = {}
  if setup.root then
    command = { "unshare", "-m", "sh", "-c", 'mount --bind "$0" /var && exec "$@"', setup.root }
  end
  for _, word in ipairs {
    RIE, "--runtime-interface-emulator-address", "127.0.0.1:" .. ports[1],
    "--runtime-api-address", "127.0.0.1:" .. ports[2],
  } do
    command[#command + 1] = word
  end
  for _, word in ipairs(setup.command) do command[#command + 1] = word end
  command[#command + 1] = setup.handler
  command.env = { LAMBDA_TASK_ROOT = setup.directory, LD_PRELOAD = "" }
  for name, value in pairs(setup.env or {}) do command.env[name] = value end
  local child = process.start(command)
  assert(process.await(60, function()
    local connection = socket.connect("127.0.0.1", ports[1])
    if connection then connection:close() end
    return connection ~= nil
  end), "the emulator does not start")
  return setmetatable({ child = child, port = ports[1] }, mt)
end

--- Calls the function.
---@param event string
---@param headers string?    "Name: value\r\n" lines
---@return string body
---@return integer status
---@return string head
function methods:invoke(event, headers)
  return receive(send(self.port, event, headers))
end

--- Calls it several times at once, each with a trace of its own: "Root=1", …
---@param events string[]
---@return string[] bodies
function methods:invoke_all(events)
  local connections, bodies = {}, {}
  for i, event in ipairs(events) do
    connections[i] = send(self.port, event, ("X-Amzn-Trace-Id: Root=%d\r\n"):format(i))
  end
  for i, connection in ipairs(connections) do bodies[i] = receive(connection) end
  return bodies
end

function methods:output() return process.read(self.child.stdout) .. process.read(self.child.stderr) end

--- Ends the emulator and the function: its process is a child of the emulator's.
function methods:stop()
  local listing = io.popen(("unset LD_PRELOAD; ps -o pid= --ppid %d"):format(self.child.pid))
  for pid in listing:lines() do posix.kill(tonumber(pid), 9) end
  listing:close()
  self.child:stop()
end

local fun_methods = {}
local fun_mt = { __index = fun_methods }

function peers.fun.available() return exists(FUN) end

--- Starts fun with a function.
---@param setup table    directory (with a file `bootstrap` in it), handler, env
function peers.fun.start(setup)
  local child = process.start {
    "node", "spec/support/fun_process.mjs", FUN, setup.directory, setup.handler, talkative = true,
    env = {
      XDG_CACHE_HOME = process.temporary_directory(), LD_PRELOAD = "", FUNCTION_ENV = core.json_encode(setup.env or {}),
    },
  }
  return setmetatable({ child = child, answered = 0 }, fun_mt)
end

--- Calls the function.
---@param event string
---@return string payload
---@return any error    nil, or what kind of failure it is
function fun_methods:invoke(event)
  self.child:tell(event:gsub("\n", " ") .. "\n")
  self.answered = self.answered + 1
  local line = process.await(60, function()
    local lines = {}
    for text in self.child:output():gmatch '({"error":[^\n]*})\n' do lines[#lines + 1] = text end
    return lines[self.answered]
  end)
  assert(line, "fun gives no answer: " .. process.read(self.child.stderr))
  local result = core.json_decode(line)
  return result.payload, result.error ~= core.null and result.error or nil
end

--- Ends the function, then fun.
function fun_methods:stop()
  if self.child:alive() then
    self.child:tell "end\n"
    self.child:wait(60)
  end
  self.child:stop()
end

return peers
