--- A Runtime API of Lambda that follows a script, and a function that it calls.
---
---   local f = runtime_api.run { { event('{"n":1}'), ACCEPTED } , handler = 'return { handler = function(e) … end }' }
---   f:posts(1)[1].body     --> '{"n":1}', what the function sent
---
--- The list holds what is answered, request by request, over one connection; after it the API says no more. Lists in it
--- stand for connections of their own; see spec/support/server.lua for what else they can do.
local process = require "spec.support.process"
local server = require "spec.support.server"

local runtime_api = {}

local function_methods = {}
local function_mt = { __name = "spec.Function", __index = function_methods }

local BUILT = os.getenv "FLAVOUR" == "asan" and "build/asan" or "build"

runtime_api.BOOTSTRAP = BUILT .. "/lambda/bootstrap"
runtime_api.ACCEPTED = server.response('{"status":"OK"}', { status = 202 })

--- The answer to a wait for the next event.
---@param body string
---@param headers table<string, string>?    beside the request id, or instead of it
function runtime_api.event(body, headers)
  local all = { ["Lambda-Runtime-Aws-Request-Id"] = "id-1" }
  for name, value in pairs(headers or {}) do all[name] = value end
  local lines = {}
  for name, value in pairs(all) do lines[#lines + 1] = name .. ": " .. value end
  return server.response(body, { headers = lines })
end

--- An answer without an event.
function runtime_api.answer(status, body) return server.response(body or "{}", { status = status }) end

-- A list of answers as the script of a connection.
local function script_of(list)
  if type(list[1]) == "table" then return list end
  local steps = {}
  for _, bytes in ipairs(list) do
    steps[#steps + 1] = { "read" }
    steps[#steps + 1] = { "send", bytes }
  end
  steps[#steps + 1] = { "read" }
  steps[#steps + 1] = { "stall" }
  return steps
end

--- Writes a function's package.
---@param files table<string, string>    name -> content
---@return string directory
function runtime_api.package(files)
  local directory = process.temporary_directory()
  for name, text in pairs(files) do
    local folder = name:match "^(.*)/"
    if folder then assert(os.execute(("mkdir -p %s/%s"):format(directory, folder))) end
    local file = assert(io.open(directory .. "/" .. name, "wb"))
    file:write(text)
    file:close()
  end
  return directory
end

--- Starts an API and a function.
---@param setup table    the answers; handler (the source of app.lua) or files; name ("app.handler"); env; command (a
---                      list of words instead of the bootstrap)
---@return table         with `server`, `child` and `directory`
function runtime_api.run(setup)
  local connections = {}
  if type(setup[1]) == "table" then
    for i, list in ipairs(setup) do connections[i] = script_of(list) end
  else
    connections[1] = script_of(setup)
    connections[2] = { { "read" }, { "stall" } }
  end
  local directory = runtime_api.package(setup.files or { ["app.lua"] = setup.handler })
  local api = server.start(connections)
  local command = { (table.unpack or unpack)(setup.command or { runtime_api.BOOTSTRAP }) }
  command.env = {
    AWS_LAMBDA_RUNTIME_API = api.host .. ":" .. api.port, LAMBDA_TASK_ROOT = directory,
    _HANDLER = setup.name or "app.handler", LD_PRELOAD = "",
  }
  for name, value in pairs(setup.env or {}) do command.env[name] = value end
  return setmetatable({ server = api, child = process.start(command), directory = directory }, function_mt)
end

--- Every request so far that is of a method, a POST by default, once there are so many.
---@param count integer
---@param method string?
function function_methods:posts(count, method)
  local wanted = "^" .. (method or "POST") .. " "
  return assert(process.await(60, function()
    local list = {}
    for _, request in ipairs(self.server:requests()) do
      if request.head:find(wanted) then
        request.path = request.head:match "^%u+ (%S+)"
        list[#list + 1] = request
      end
    end
    return #list >= count and list
  end), "the function did not send as many requests; it wrote: " .. self:output())
end

--- All that it wrote.
function function_methods:output()
  return process.read(self.child.stdout) .. process.read(self.child.stderr)
end

--- Its exit code.
function function_methods:exit_code() return self.child:wait(60) end

function function_methods:stop()
  self.child:stop()
  self.server:stop()
end

--- A value of a request's header.
---@param request table
---@param name string    in lower case
function runtime_api.header(request, name)
  return require("dynamodb.core").header("HTTP/1.1 200 OK\r\n" .. request.head:match "\r\n(.*)", name)
end

return runtime_api
