--- Servers that misbehave as told: a script for each connection, played by a process of its own on a free port.
---
---   local s = server.start { { { "read" }, { "send", server.response("{}") }, { "again" } } }
---   … s.port …
---   s:requests()    --> { { connection = 1, head = "POST / HTTP/1.1\r\n…", body = "…", size = 2, time = … }, … }
---   s:stop()
---
--- The argument lists a script for the first connection, the second and so on; the last one serves all later ones.
--- A script is a list of steps; after the last one the connection is closed:
---   { "read" }                         read and record one request, with its body; ends the script at the stream's end
---   { "read_bytes", n }                read and record n bytes
---   { "route", { ["GET host/path"] = { bytes, … } }, otherwise = bytes }   answer each request by what it asks for; of
---                                      several answers the next one each time, the last one for good
---   { "send", bytes }                  { "send_many", bytes, times }
---   { "trickle", bytes, every = s, size = 1 }     some bytes at a time, with pauses
---   { "sip", every = s, size = n, times = n }     read slowly
---   { "wait", s }   { "stall" }        do nothing for a while, or for good, and keep the connection
---   { "await", name }                  do nothing until the spec says `s:let(name)`, for all connections and for good
---   { "drain" }                        read until the client leaves
---   { "close" }   { "reset" }          end the connection: orderly, or with a reset
---   { "again", times = n? }            begin again with the first step
local literal = require "spec.support.literal"
local process = require "spec.support.process"

local server = {}

local server_methods = {}
local server_mt = { __name = "spec.Server", __index = server_methods }

--- The bytes of an HTTP response; `Content-Length` is added unless `fields` has a framing of its own.
---@param body string
---@param fields table?    { status = 200, headers = { "Name: value", … }, framing = "Content-Length: 7"? }
function server.response(body, fields)
  fields = fields or {}
  local lines = { ("HTTP/1.1 %d Whatever"):format(fields.status or 200) }
  for _, line in ipairs(fields.headers or {}) do lines[#lines + 1] = line end
  lines[#lines + 1] = fields.framing or "Content-Length: " .. #body
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
end

--- A script that answers every request of a connection in the same way.
---@param bytes string    the whole response
---@param delay number?   seconds before it
function server.answering(bytes, delay)
  return { { "read" }, { "wait", delay or 0 }, { "send", bytes }, { "again" } }
end

---@param connections table[]    the scripts, see above
---@return table                 with `host` and `port`
function server.start(connections)
  local script, port_file, log = process.temporary(), process.temporary(), process.temporary()
  os.remove(port_file)
  local file = assert(io.open(script, "wb"))
  file:write("return ", literal { connections = connections })
  file:close()
  local child = process.start {
    "lua5.4", "spec/support/scripted_server.lua", script, port_file, log,
    env = { LUA_PATH = ";;", LUA_PATH_5_4 = ";;", LUA_CPATH = ";;", LUA_CPATH_5_4 = ";;", LD_PRELOAD = "" },
  }
  local port = process.await(60, function()
    assert(child:alive(), "the scripted server did not start: " .. process.read(child.stderr))
    return tonumber(process.read(port_file))
  end)
  return setmetatable({ host = "127.0.0.1", port = assert(port), child = child, log = log }, server_mt)
end

--- What happened so far, in order: events of kinds connection, request, fragment (an incomplete request), bytes,
--- sipped, eof, closed and error.
---@param kind string?    only these
function server_methods:events(kind)
  local list = {}
  local function event(fields)
    assert(fields.kind ~= "error", fields.message)
    if not kind or fields.kind == kind then list[#list + 1] = fields end
  end
  -- Whole lines only: the last one may still be on its way.
  local text = process.read(self.log):match("^(.*\n)") or ""
  local environment = { event = event }
  local chunk
  if rawget(_G, "setfenv") then
    chunk = setfenv(assert(loadstring(text)), environment)
  else
    chunk = assert(load(text, "log", "t", environment))
  end
  chunk()
  return list
end

function server_methods:requests() return self:events "request" end

--- Waits until there are `count` events of a kind.
function server_methods:await(kind, count, seconds)
  return process.await(seconds or 60, function()
    local list = self:events(kind)
    return #list >= count and list
  end)
end

--- Lets scripts go on that stand at { "await", name }.
---@param name string
function server_methods:let(name) assert(io.open(self.log .. "." .. name, "wb")):close() end

function server_methods:stop() self.child:stop() end

return server
