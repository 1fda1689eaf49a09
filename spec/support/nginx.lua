--- An nginx with its Lua, on a free port of loopback, in a directory of its own, for as long as a spec wants it.
local process = require "spec.support.process"
local socket = require "socket"
local tls = require "spec.support.tls"

local nginx = {}

local nginx_methods = {}
local nginx_mt = { __name = "spec.Nginx", __index = nginx_methods }

local MODULES = os.getenv "NGINX_MODULES" or "/usr/lib/nginx/modules"
local BINARY = os.getenv "NGINX" or "/usr/sbin/nginx"

-- `reuseport` is not used: a port that another process takes meanwhile has to fail.
local CONFIG = [[
load_module $modules/ndk_http_module.so;
load_module $modules/ngx_http_lua_module.so;
daemon off;
master_process $master;
worker_processes $workers;
worker_shutdown_timeout 20;
pid $directory/nginx.pid;
error_log $directory/error.log $level;
$main
events { worker_connections $connections; }
http {
  access_log off;
  client_body_temp_path $directory/body;
  proxy_temp_path $directory/proxy;
  fastcgi_temp_path $directory/fastcgi;
  uwsgi_temp_path $directory/uwsgi;
  scgi_temp_path $directory/scgi;
  lua_package_path "$root/lua/?.lua;$root/lua/?/init.lua;$root/?.lua;;";
  lua_package_cpath "$root/$build/?.so;;";
  $http
  server {
    listen 127.0.0.1:$port $listen;
    server_name localhost;
    $server
  }
}
]]

local function directory_of_the_project()
  local pipe = assert(io.popen "pwd")
  local line = pipe:read "*l"
  pipe:close()
  return line
end

local function free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return tonumber(port)
end

local function write(name, text)
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
end

--- Can it be started here?
---@return boolean
function nginx.is_there()
  local module = io.open(MODULES .. "/ngx_http_lua_module.so", "rb")
  if not module then return false end
  module:close()
  return true
end

--- Starts one.
---@param options table    main, http, server: directives; workers = 1 (with a master) or none: one process; listen:
---                        more words of that directive; level = "warn" of the log; env: of the process
---@return table           with `host`, `port`, `pid` of the master or only process
function nginx.start(options)
  local directory = process.temporary_directory()
  local self = setmetatable({ host = "127.0.0.1", directory = directory, options = options }, nginx_mt)
  for try = 1, 5 do
    self.port = free_port()
    self:configure(options)
    self.child = process.start {
      BINARY, "-p", directory, "-c", directory .. "/nginx.conf", "-e", directory .. "/error.log", env = options.env,
    }
    self.pid = self.child.pid
    if self:is_up() then return self end
    self.child:stop()
    assert(try < 5 and self:log():find "Address already in use", "nginx does not start: " .. self:log()
      .. process.read(self.child.stderr))
  end
end

--- Writes its configuration.
function nginx_methods:configure(options)
  local values = {
    modules = MODULES, directory = self.directory, port = self.port, root = directory_of_the_project(),
    build = os.getenv "FLAVOUR" == "asan" and "build/asan/luajit" or "build/luajit",
    master = options.workers and "on" or "off", workers = options.workers or 1, level = options.level or "warn",
    connections = options.connections or 1024, main = options.main or "", http = options.http or "",
    server = options.server or "", listen = options.listen or "",
  }
  -- What the spec wrote may name the directory.
  for _, name in ipairs { "main", "http", "server" } do
    values[name] = values[name]:gsub("%$directory", self.directory)
  end
  write(self.directory .. "/nginx.conf", (CONFIG:gsub("%$(%l+)", values)))
end

function nginx_methods:is_up()
  return process.await(60, function()
    local connection = socket.connect(self.host, self.port)
    if connection then connection:close() end
    return connection or not self.child:alive()
  end) and self.child:alive()
end

--- A connection to it, on which something has been sent.
---@param text string?
function nginx_methods:connect(text)
  local connection = assert(socket.connect(self.host, self.port))
  connection:settimeout(60)
  if text then assert(connection:send(text)) end
  return connection
end

local function get(path) return ("GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n"):format(path) end

--- Reads the answer on a connection, and closes it.
---@return integer? status    nil: none came
---@return string body
---@return string head
function nginx.answer(connection)
  local text, _, partial = connection:receive "*a"
  connection:close()
  text = text or partial or ""
  local head, body = text:match "^(.-\r\n\r\n)(.*)$"
  return tonumber(text:match "^HTTP/1%.%d (%d+)"), body or "", head or text
end

--- Directives for a TLS server with a certificate of spec/support/tls.lua.
---@param certificate string
---@return string
function nginx.certificate(certificate)
  local base = tls.certificates() .. "/" .. certificate
  return ("ssl_certificate %s.pem; ssl_certificate_key %s.key;"):format(base, base)
end

--- Directives that let a worker see variables of the spec's own environment.
---@param ... string    names
---@return string
function nginx.pass(...)
  return "env " .. table.concat({ ... }, "; env ") .. ";"
end

--- Lua that runs spec files inside, where a handler's code is wanted.
---@param files string[]
---@return string
function nginx.busted(files)
  local names = {}
  for i, file in ipairs(files) do names[i] = ("%q"):format(file) end
  return ('require "spec.support.nginx_busted" { %s }'):format(table.concat(names, ", "))
end

--- Waits until the spec files inside have ended, and fails with their output if one of them has failed.
---@param seconds number
function nginx_methods:assert_passed(seconds)
  local passed = process.await(seconds, function()
    return self.child:output():match "\npassed=%d+ failed=%d+" or not self.child:alive() and "nothing: nginx ended"
  end)
  if passed and passed:find "passed=[1-9]%d* failed=0$" then return end
  error(("inside nginx:\n%s\n%s"):format(self.child:output(), self:log():sub(-2000)), 2)
end

--- Asks for a path and waits for the answer.
---@param path string
function nginx_methods:get(path) return nginx.answer(self:connect(get(path))) end

--- Asks for a path, and for the answer by `nginx.answer`.
---@param path string
function nginx_methods:ask(path) return self:connect(get(path)) end

--- What its error log has.
function nginx_methods:log() return process.read(self.directory .. "/error.log") end

--- Waits until the log has a line that matches.
function nginx_methods:await_log(pattern, seconds)
  return process.await(seconds or 60, function() return self:log():match(pattern) end)
end

local SIGHUP = 1

--- Begins anew with new workers, as `nginx -s reload` does.
function nginx_methods:reload() self.child:kill(SIGHUP) end

--- The processes of its workers; of one without a master, its own.
---@return integer[]
function nginx_methods:workers()
  local list = {}
  for pid in process.read(("/proc/%d/task/%d/children"):format(self.pid, self.pid)):gmatch "%d+" do
    list[#list + 1] = tonumber(pid)
  end
  return #list > 0 and list or { self.pid }
end

function nginx_methods:stop() self.child:stop() end

return nginx
