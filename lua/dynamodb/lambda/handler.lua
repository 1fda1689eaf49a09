--- The function that a handler's name stands for: "dir/file.func", found in the function's package, then in its layers.
local fault = require "dynamodb.lambda.fault"

local handler = {}

--- Where Lua modules and native ones are: the package, then the layers, then what was searched before.
---@param path string        package.path or package.cpath
---@param patterns string[]
---@return string
local function extended(path, patterns)
  local parts = {}
  for _, root in ipairs { os.getenv "LAMBDA_TASK_ROOT" or ".", "/opt" } do
    for _, pattern in ipairs(patterns) do
      local template = root .. "/" .. pattern
      if not (";" .. path .. ";"):find(";" .. template .. ";", 1, true) then parts[#parts + 1] = template end
    end
  end
  parts[#parts + 1] = path
  return table.concat(parts, ";")
end

--- Has `require` search the function's package and its layers first.
function handler.search()
  local version = _VERSION:match "%d%.%d"
  package.path = extended(package.path, {
    "?.lua", "?/init.lua", ("share/lua/%s/?.lua"):format(version), ("share/lua/%s/?/init.lua"):format(version),
  })
  package.cpath = extended(package.cpath, { "?.so", "lib/?.so", ("lib/lua/%s/?.so"):format(version) })
end

--- Is it something that can be called?
---@param value any
---@return boolean
function handler.is_callable(value)
  if type(value) == "function" then return true end
  local mt = getmetatable(value)
  return type(mt) == "table" and mt.__call ~= nil
end

---@param name string    of the module
---@return any module
---@return dynamodb.lambda.Fault?
local function load_module(name)
  local path, message = package.searchpath(name, package.path)
  if not path then
    return nil, fault.new("Runtime.ImportModuleError", ("unable to import module '%s':%s"):format(name, message))
  end
  local chunk
  chunk, message = loadfile(path)
  if not chunk then
    return nil, fault.new("Runtime.UserCodeSyntaxError", ("syntax error in module '%s': %s"):format(name, message))
  end
  local ok, result = xpcall(chunk, fault.capture, name, path)
  if ok then
    package.loaded[name] = result == nil and true or result
    return result
  end
  local it = fault.of(result)
  if it.message:find "module '[^']*' not found:" then it.type = "Runtime.ImportModuleError" end
  return nil, it
end

--- Loads the module of a handler's name.
---@param name string    "app.handler", "dir/app.handler", "dir.app.handler"
---@return function? f
---@return table|dynamodb.lambda.Fault|nil    with the function: the module's `lambda`, options of the runtime
function handler.load(name)
  local module, member = name:match "^(.+)%.([^.]+)$"
  if not module then
    return nil, fault.new("Runtime.MalformedHandlerName",
      ("bad handler '%s': a file's name, a dot and the name of a function in it are expected"):format(name))
  end
  module = module:gsub("^%./", "")
  local loaded, it = load_module(module)
  if it then return nil, it end
  local f = type(loaded) == "table" and loaded[member]
  if not handler.is_callable(f) then
    return nil, fault.new("Runtime.HandlerNotFound",
      ("handler '%s' is missing in module '%s', which must return a table that has it"):format(member, module))
  end
  return f, loaded.lambda
end

return handler
