--- The outside as a loopback server: a plain runtime whose requests, wherever they go, reach one scripted server there,
--- and which remembers where they went. Its wall clock says what it is told; files and environment are as given.
local plain = require "dynamodb.runtime.plain"
local server = require "spec.support.server"

local loopback = {}

local methods = {}

function methods:send(request, deadline)
  local port = request.port or (request.scheme == "http" and 80 or 443)
  local standard = request.scheme == "http" and 80 or 443
  local url = ("%s://%s%s%s"):format(request.scheme, request.host, port ~= standard and ":" .. port or "", request.path)
  self.seen[#self.seen + 1] = {
    method = request.method, url = url, head = request.head, body = request.body, is_direct = request.is_direct,
  }
  local copy = {}
  for name, value in pairs(request) do copy[name] = value end
  copy.scheme, copy.host, copy.port = "http", self.server.host, self.server.port
  return self.inner:send(copy, deadline)
end

function methods:time() return self.wall or self.inner:time() end

function methods:sleep(seconds) return self.inner:sleep(math.min(seconds, 0.01)) end

function methods:close()
  self.inner:close()
  self.server:stop()
end

for _, name in ipairs { "now", "spawn", "join", "lock", "execute" } do
  methods[name] = function(self, ...) return self.inner[name](self.inner, ...) end
end

local mt = { __index = methods }

--- A runtime whose server answers by what is asked: `routes["GET host/path"]` is a list of HTTP responses.
---@param routes table<string, string[]>
---@param wall number?    seconds since 1970
function loopback.new(routes, wall)
  local none = server.response("", { status = 404 })
  local s = server.start { { { "route", routes, otherwise = none } } }
  return setmetatable({ server = s, inner = plain.new(), seen = {}, wall = wall }, mt)
end

--- A header of a request that was seen.
---@param request table
---@param name string    in lower case
---@return string?
function loopback.header(request, name)
  for line in request.head:gmatch "([^\r\n]+)" do
    local key, value = line:match "^([^:]+): *(.*)$"
    if key:lower() == name then return value end
  end
end

local open, getenv = io.open, os.getenv

--- The library sees these files and this environment, and nothing else, until `leave`.
---@param files table<string, string|fun(): string?>    text by path
---@param variables table<string, string>
function loopback.enter(files, variables)
  io.open = function(path, mode) -- luacheck: ignore 122
    local text = files[path]
    if type(text) == "function" then text = text() end
    if not text then return nil, path .. ": No such file or directory", 2 end
    assert(mode == "rb", "the library writes " .. path)
    return { read = function() return text end, close = function() end }
  end
  os.getenv = function(name) return variables[name] end -- luacheck: ignore 122
end

--- The library sees what is there.
function loopback.leave()
  io.open, os.getenv = open, getenv -- luacheck: ignore 122
end

return loopback
