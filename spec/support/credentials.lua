--- What specs of the providers of credentials share: a client over a fake runtime, with files and an environment that
--- are not there.
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"
local loopback = require "spec.support.loopback"

local credentials = {}

--- Answers requests by "METHOD host/path", each time with the next answer of a list, the last one for good.
---@param routes table<string, table[]>    answers as dynamodb.runtime.fake takes them
---@return function
local function router(routes)
  return function(request)
    local list = routes[("%s %s%s"):format(request.method, request.host, request.path)]
    if not list then return { status = 404 } end
    return #list > 1 and table.remove(list, 1) or list[1]
  end
end

--- A client that sees these files and this environment, until `loopback.leave`.
---@param fields table    files, variables, routes, options (of connect), time
---@return dynamodb.Client
---@return table runtime
function credentials.client(fields)
  loopback.enter(fields.files or {}, fields.variables or {})
  local runtime = fake.new { handler = router(fields.routes or {}), time = fields.time or 1700000000 }
  local options = { region = "eu-west-1", runtime = runtime }
  for name, value in pairs(fields.options or {}) do options[name] = value end
  if options.region == false then options.region = nil end
  return dynamodb.connect(options), runtime
end

--- The credentials that such a client finds.
---@param fields table
---@return dynamodb.Credentials?
---@return dynamodb.Error?
---@return table runtime
function credentials.find(fields)
  local db, runtime = credentials.client(fields)
  db:runtime()
  if db.problem then return nil, { message = db.problem }, runtime end
  local found, err = db.provider:get(runtime, fields.deadline)
  return found, err, runtime
end

--- "METHOD scheme://host/path" of the requests that were made.
---@param runtime table
---@return string[]
function credentials.asked(runtime)
  local list = {}
  for i, request in ipairs(runtime.requests) do
    list[i] = ("%s %s://%s%s"):format(request.method, request.scheme, request.host, request.path)
  end
  return list
end

credentials.header = loopback.header
credentials.leave = loopback.leave

return credentials
