--- A TCP server that does to its clients what a script tells it. Started by spec/support/server.lua, as a process:
---   lua5.4 spec/support/scripted_server.lua SCRIPT PORT_FILE LOG_FILE
--- SCRIPT is a Lua file that returns { connections = { { step, … }, … } }; see there for the steps.
local socket = require "socket"

local script = assert(loadfile(arg[1]))()
local log = assert(io.open(arg[3], "ab"))
log:setvbuf "full"

--- Appends an event that the spec reads back; `fields` are strings and numbers.
local function record(fields)
  fields.time = socket.gettime()
  local parts = {}
  for name, value in pairs(fields) do parts[#parts + 1] = ("%s=%q"):format(name, value) end
  log:write("event{", table.concat(parts, ","):gsub("\\\n", "\\n"):gsub("\r", "\\r"):gsub("\0", "\\0"), "}\n")
  log:flush()
end

-- A connection is a coroutine; while it waits, `wake` tells until when and `reading`/`writing` for what.
local connections = {}

local Connection = {}
Connection.__index = Connection

function Connection:sleep(seconds)
  self.wake = socket.gettime() + seconds
  coroutine.yield()
  self.wake = nil
end

--- At least one more byte in `self.input`; false at the end of the stream.
function Connection:fill()
  while true do
    local bytes, err, partial = self.socket:receive(65536)
    bytes = bytes or partial
    if bytes and #bytes > 0 then
      self.chunks[#self.chunks + 1] = bytes
      self.buffered = self.buffered + #bytes
      return true
    end
    if err ~= "timeout" then
      record { kind = "eof", connection = self.number, reason = err }
      return false
    end
    self.reading = true
    coroutine.yield()
    self.reading = nil
  end
end

function Connection:input()
  if #self.chunks > 1 then self.chunks = { table.concat(self.chunks) } end
  return self.chunks[1] or ""
end

function Connection:take(count)
  local input = self:input()
  self.chunks = { input:sub(count + 1) }
  self.buffered = #self.chunks[1]
  return input:sub(1, count)
end

function Connection:write(bytes)
  local at = 1
  while at <= #bytes do
    local last, err, partial = self.socket:send(bytes, at)
    at = (last or partial or at - 1) + 1
    if not last then
      if err ~= "timeout" then return false end
      self.writing = true
      coroutine.yield()
      self.writing = nil
    end
  end
  return true
end

--- Reads one request with its body and records it. False at the end of the stream.
function Connection:read_request()
  local head_end
  repeat
    head_end = select(2, self:input():find("\r\n\r\n", 1, true))
    if not head_end and not self:fill() then
      if self.buffered > 0 then record { kind = "fragment", connection = self.number, bytes = self:input() } end
      return false
    end
  until head_end
  local head = self:take(head_end)
  local length, chunked = head:lower():match "\r\ncontent%-length:%s*(%d+)", head:find "\r\nTransfer%-Encoding: chunked"
  length = tonumber(length) or 0
  -- A chunked body is taken as it is, trailers and all.
  local function is_whole()
    if not chunked then return self.buffered >= length end
    local input = "\r\n" .. self:input()
    local zero = input:find("\r\n0\r\n", 1, true)
    local last = zero and select(2, input:find("\r\n\r\n", zero + 3, true))
    length = last and last - 2
    return last ~= nil
  end
  while not is_whole() do
    if not self:fill() then
      record { kind = "fragment", connection = self.number, bytes = head, size = self.buffered }
      return false
    end
  end
  local body = self:take(length)
  local shown = #body <= 65536 and body or (body:sub(1, 64) .. "…" .. body:sub(-64))
  record { kind = "request", connection = self.number, head = head, body = shown, size = #body }
  return head
end

local steps = {}

function steps.read(c) return c:read_request() end

--- Answers requests by what they ask for, until the client leaves.
function steps.route(c, step)
  while true do
    local head = c:read_request()
    if not head then return false end
    local method, path = head:match "^(%S+) (%S+)"
    local host = head:lower():match "\r\nhost: *(%S+)"
    local list = step[2][("%s %s%s"):format(method, host, path)]
    if not c:write(list and (#list > 1 and table.remove(list, 1) or list[1]) or step.otherwise) then return false end
  end
end

function steps.read_bytes(c, step)
  while c.buffered < step[2] do
    if not c:fill() then return false end
  end
  record { kind = "bytes", connection = c.number, bytes = c:take(step[2]) }
  return true
end

function steps.send(c, step) return c:write(step[2]) end

function steps.send_many(c, step)
  for _ = 1, step[3] do
    if not c:write(step[2]) then return false end
  end
  return true
end

function steps.trickle(c, step)
  local size = step.size or 1
  for at = 1, #step[2], size do
    c:sleep(step.every)
    if not c:write(step[2]:sub(at, at + size - 1)) then return false end
  end
  return true
end

--- Reads slowly: `size` bytes at a time, `times` times.
function steps.sip(c, step)
  local seen = 0
  for _ = 1, step.times do
    c:sleep(step.every)
    local bytes, _, partial = c.socket:receive(step.size)
    seen = seen + #(bytes or partial or "")
  end
  record { kind = "sipped", connection = c.number, size = seen }
  return true
end

function steps.wait(c, step)
  c:sleep(step[2])
  return true
end

--- Waits until the spec lets it go on.
function steps.await(c, step)
  local file
  repeat
    c:sleep(0.002)
    file = io.open(arg[3] .. "." .. step[2])
  until file
  file:close()
  return true
end

function steps.stall(c)
  c:sleep(3600)
  return false
end

--- Waits for the client to leave.
function steps.drain(c)
  while c:fill() do c:take(c.buffered) end
  return false
end

function steps.close() return false end

function steps.reset(c)
  c.socket:setoption("linger", { on = true, timeout = 0 })
  return false
end

--- Begins again with the first step, `times` times in all; for ever without it.
function steps.again(c, step)
  c.rounds = (c.rounds or 1) + 1
  if step.times and c.rounds > step.times then return true end
  c.at = 0
  return true
end

local function serve(c)
  record { kind = "connection", connection = c.number }
  c.at = 1
  while c.script[c.at] do
    local step = c.script[c.at]
    if not steps[step[1]](c, step) then break end
    c.at = c.at + 1
  end
  c.socket:close()
  connections[c.socket] = nil
  record { kind = "closed", connection = c.number } -- who reads this may rely on it
end

local function resume(c)
  local ok, err = coroutine.resume(c.thread)
  if not ok then
    record { kind = "error", connection = c.number, message = tostring(err) }
    c.socket:close()
    connections[c.socket] = nil
  end
end

local accepted = 0

local function accept(listener)
  local client = listener:accept()
  if not client then return end
  accepted = accepted + 1
  client:settimeout(0)
  client:setoption("tcp-nodelay", true)
  local plan = script.connections[accepted] or script.connections[#script.connections]
  local c = setmetatable({ socket = client, number = accepted, script = plan, chunks = {}, buffered = 0 }, Connection)
  c.thread = coroutine.create(serve)
  connections[client] = c
  local ok, err = coroutine.resume(c.thread, c)
  if not ok then
    record { kind = "error", connection = c.number, message = tostring(err) }
    connections[client] = nil
  end
end

local function next_wait()
  local earliest
  for _, c in pairs(connections) do
    if c.wake and (not earliest or c.wake < earliest) then earliest = c.wake end
  end
  return earliest and math.max(0, earliest - socket.gettime())
end

local function turn(listener)
  local readers, writers = { listener }, {}
  for client, c in pairs(connections) do
    if c.reading then readers[#readers + 1] = client end
    if c.writing then writers[#writers + 1] = client end
  end
  local readable, writable = socket.select(readers, writers, next_wait())
  local due, now = {}, socket.gettime()
  for client, c in pairs(connections) do
    if readable[client] or writable[client] or (c.wake and c.wake <= now) then due[#due + 1] = c end
  end
  for _, c in ipairs(due) do resume(c) end
  if readable[listener] then accept(listener) end
end

local listener = assert(socket.bind(script.host or "127.0.0.1", script.port or 0, 1024))
listener:settimeout(0)
local file = assert(io.open(arg[2] .. ".new", "wb"))
file:write((select(2, listener:getsockname())))
file:close()
os.rename(arg[2] .. ".new", arg[2])
while true do turn(listener) end
