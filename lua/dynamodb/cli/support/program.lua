--- Files of Lua that the command is given: migrations and maps.
local exit = require "dynamodb.cli.support.exit"

local program = {}

--- What the file returns.
---@param path string
---@return any
local function run(path)
  local chunk, message = loadfile(path)
  if not chunk then exit.refuse(message) end
  local ok, result = pcall(chunk)
  if not ok then exit.refuse(("%s cannot be run: %s"):format(path, tostring(result))) end
  return result
end

local OURS = { "stop", "progress", "dry_run", "shard" }

--- The migration of a file: options of `migrate`, its table a name or, with a version or stamps, a declaration as of
--- `db:table` with the name in it.
---@param path string
---@return table options    a copy
function program.migration(path)
  local result = run(path)
  if type(result) ~= "table" then
    exit.refuse(("%s must return a table, the options of migrate; it returns a %s"):format(path, type(result)))
  end
  local options = {}
  for name, value in pairs(result) do options[name] = value end
  for _, name in ipairs(OURS) do
    if options[name] ~= nil then exit.refuse(("%s: %s is said on the command line"):format(path, name)) end
  end
  return options
end

--- The map of a file: it returns a function, or a migration.
---@param path string?
---@return function?
function program.map(path)
  if not path then return nil end
  local result = run(path)
  local map = type(result) == "table" and result.map or result
  if type(map) ~= "function" then
    exit.refuse(("%s must return a function, the map; it returns a %s"):format(path, type(map)))
  end
  return map
end

--- The table of a migration.
---@param session dynamodb.cli.Session
---@param options table    of the migration
---@param path string      its file
---@return dynamodb.Table
function program.table(session, options, path)
  local declared = options.table
  local name = session.arguments.table
  if not name and type(declared) == "table" then name = declared.name else name = name or declared end
  if type(name) ~= "string" or name == "" then
    exit.refuse(("which table? Give --table, or table = \"name\" in %s"):format(path))
  end
  return session:client():table(name, type(declared) == "table" and declared or nil)
end

return program
