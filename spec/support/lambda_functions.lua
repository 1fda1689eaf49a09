--- The functions of examples/lambda as a Lambda runtime has them: their modules find each other, the environment is
--- what a spec says, and DynamoDB is the engine.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"

local functions_methods = {}
local functions_mt = { __index = functions_methods }

local DIRECTORY = "examples/lambda/"

-- A chunk of a file with these globals.
local function load_in(path, environment)
  if not rawget(_G, "setfenv") then return assert(loadfile(path, "t", environment)) end
  return setfenv(assert(loadfile(path)), environment)
end

--- What `error` and `assert` do where busted has not put its own in their place.
local function plain_assert(ok, message, ...)
  if not ok then error(message == nil and "assertion failed!" or message, 0) end
  return ok, message, ...
end

--- Invokes `module.name`, as a runtime does.
---@param handler string    "users.get"
---@param event any         decoded
---@param ctx table?
---@return any answer
---@return any body         of an answer of HTTP, decoded
function functions_methods:invoke(handler, event, ctx)
  local module, name = handler:match "^(%w+)%.([%w_]+)$"
  local answer = self.require(module)[name](event, ctx or self:context(name))
  -- What a runtime sends is JSON.
  local text = core.json_encode(answer == nil and core.null or answer)
  local decoded = core.json_decode(text)
  local body = type(decoded) == "table" and type(decoded.body) == "string" and core.json_decode(decoded.body)
  return decoded, body
end

--- A context like that of Lambda's runtime.
---@param name string    of the function
---@return table
function functions_methods:context(name)
  self.requests = self.requests + 1
  return {
    request_id = ("request-%d"):format(self.requests), function_name = name, remaining_ms = function() return 30000 end,
  }
end

--- An event that is kept in a file.
---@param name string    "get-user.http"
---@return table
function functions_methods.recorded(_, name)
  local file = assert(io.open(("%sevents/%s.json"):format(DIRECTORY, name)))
  local text = file:read "*a"
  file:close()
  return core.json_decode(text)
end

local lambda_functions = {}

--- The functions, none of them loaded yet.
---@param variables table<string, string>    of the environment
---@param options table?                     further ones of connect
---@return table
function lambda_functions.new(variables, options)
  local self = setmetatable({ requests = 0 }, functions_mt)
  local loaded = {}
  local environment = {
    assert = plain_assert,
    os = setmetatable({ getenv = function(name) return variables[name] or os.getenv(name) end }, { __index = os }),
    io = setmetatable({ stdout = { write = function() end, flush = function() end } }, { __index = io }),
  }
  local function connect(given)
    local all = {}
    for _, each in ipairs { given, options or {} } do
      for name, value in pairs(each) do all[name] = value end
    end
    return engine.connect(all)
  end
  function environment.require(name)
    if name == "dynamodb" then return setmetatable({ connect = connect }, { __index = dynamodb }) end
    if loaded[name] then return loaded[name] end
    local path = DIRECTORY .. name .. ".lua"
    local file = not name:find("[.]") and io.open(path)
    if not file then return require(name) end
    file:close()
    loaded[name] = load_in(path, setmetatable(environment, { __index = _G }))(name)
    return loaded[name]
  end
  self.require = environment.require
  return self
end

return lambda_functions
