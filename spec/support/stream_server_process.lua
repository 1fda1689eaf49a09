--- The scripted stream of spec/support/stream_model.lua as an HTTP server. Started by spec/support/stream_server.lua:
---   lua spec/support/stream_server_process.lua SETTINGS PORT_FILE
--- SETTINGS is a Lua file that returns those of the model. The time begins with the first request.
local core = require "dynamodb.core"
local socket = require "socket"
local stream_model = require "spec.support.stream_model"

local settings = assert(loadfile(arg[1]))()
settings.now, settings.epoch = socket.gettime, socket.gettime()
local model

local function answer(head, body)
  model = model or stream_model.new(settings)
  local operation = head:match "[Xx]%-[Aa]mz%-[Tt]arget:%s*[%w_]+%.(%w+)"
  local status, value = model:answer(operation, core.json_decode(body))
  local text = core.json_encode(value or { __type = "UnknownOperationException" })
  return ("HTTP/1.1 %d Whatever\r\nContent-Length: %d\r\nx-amz-crc32: %.0f\r\n\r\n%s"):format(status or 400, #text,
    core.crc32(text), text)
end

local buffers, clients = {}, {}

local function drop(client)
  buffers[client] = nil
  for i, other in ipairs(clients) do
    if other == client then table.remove(clients, i) break end
  end
  client:close()
end

--- Takes what has come from a client, and answers the requests that are whole.
local function serve(client)
  local bytes, problem, partial = client:receive(65536)
  buffers[client] = buffers[client] .. (bytes or partial or "")
  if problem == "closed" then return drop(client) end
  while true do
    local text = buffers[client]
    local finish = select(2, text:find("\r\n\r\n", 1, true))
    if not finish then return end
    local head = text:sub(1, finish)
    local length = tonumber(head:lower():match "\r\ncontent%-length:%s*(%d+)") or 0
    if #text < finish + length then return end
    buffers[client] = text:sub(finish + length + 1)
    client:settimeout(5)
    local sent = client:send(answer(head, text:sub(finish + 1, finish + length)))
    if not sent then return drop(client) end
    client:settimeout(0)
  end
end

local listener = assert(socket.bind("127.0.0.1", 0, 1024))
listener:settimeout(0)
local file = assert(io.open(arg[2] .. ".new", "wb"))
file:write((select(2, listener:getsockname())))
file:close()
os.rename(arg[2] .. ".new", arg[2])
while true do
  local watched = { listener }
  for _, client in ipairs(clients) do watched[#watched + 1] = client end
  for _, ready in ipairs((socket.select(watched))) do
    if ready == listener then
      local client = listener:accept()
      if client then
        client:settimeout(0)
        client:setoption("tcp-nodelay", true)
        clients[#clients + 1], buffers[client] = client, ""
      end
    elseif buffers[ready] then
      serve(ready)
    end
  end
end
