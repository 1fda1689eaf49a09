--- Functions by method and path: one Lambda function for a whole API.
local usage = require "dynamodb.usage"

local router_methods = {}
local router_mt = { __name = "dynamodb.Router", __index = router_methods }

---@class dynamodb.Router
---@field private routes dynamodb.Route[]    the more special ones first
---@field private prefix string[]            segments before all paths
---@field private make fun(find: function): function
---@field private known table<string, boolean>    methods and paths that have a function

---@class dynamodb.Route
---@field method string              "*" for any
---@field pattern string
---@field parts { name: string?, text: string?, greedy: boolean? }[]
---@field rank string                what sorts special routes before general ones
---@field f function

local METHODS = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" }
local METHOD_RANKS = { HEAD = "0", ["*"] = "2" } -- HEAD before GET, which answers it, too

---@param pattern any
---@return table[] parts
---@return string rank
local function parse(pattern)
  usage.check_type(pattern, "string", "the path of a route")
  if pattern:sub(1, 1) ~= "/" then usage.raise(("the path %q of a route must begin with /"):format(pattern)) end
  local parts, ranks, names, closed = {}, {}, {}, false
  for segment in pattern:gmatch "[^/]+" do
    if closed then usage.raise(("%q: {name+} must be the last part"):format(pattern)) end
    local name, plus = segment:match "^{([%a_][%w_]*)(%+?)}$"
    if not name and segment:find "[{}]" then
      usage.raise(("%q: %s is no part of a path; write /{name}/ or, at the end, {name+}"):format(pattern, segment))
    end
    if name and names[name] then usage.raise(("%q has {%s} twice"):format(pattern, name)) end
    if name then names[name] = true end
    closed = plus == "+"
    parts[#parts + 1] = { name = name, text = not name and segment or nil, greedy = closed }
    ranks[#ranks + 1] = not name and "0" or closed and "2" or "1"
  end
  return parts, table.concat(ranks)
end

--- The parameters of a path, if the route is for it.
---@param route dynamodb.Route
---@param segments string[]
---@param from integer    how many of them are the prefix
---@return table<string, string>?
local function match(route, segments, from)
  local parts, params = route.parts, {}
  local last = parts[#parts]
  local left = #segments - from
  if left ~= #parts and not (last and last.greedy and left > #parts) then return nil end
  for i, part in ipairs(parts) do
    local segment = segments[from + i]
    if part.greedy then
      params[part.name] = table.concat(segments, "/", from + i)
    elseif part.name then
      params[part.name] = segment
    elseif part.text ~= segment then
      return nil
    end
  end
  return params
end

--- Adds a route. A path has literal parts and parameters: `/users/{id}/files/{path+}`, where `{path+}` takes the rest.
--- Of several routes for a path the most literal one is taken, whatever their order; of one path, that of the method
--- itself before "*". HEAD is answered as GET where it has no function.
---@param method string        "GET", …, or "*" for any
---@param pattern string
---@param f function           as of `http.handler`; the parameters are in `request.params`, decoded
---@return dynamodb.Router     itself
function router_methods:route(method, pattern, f)
  usage.check_type(method, "string", "the method of a route")
  usage.check_type(f, "function", "the function of a route")
  method = method:upper()
  local parts, rank = parse(pattern)
  rank = rank .. (METHOD_RANKS[method] or "1")
  local identity = method .. " " .. pattern:gsub("{[%w_]+", "{"):gsub("/+$", "")
  if self.known[identity] then usage.raise(("%s %s has a function already"):format(method, pattern)) end
  self.known[identity] = true
  local place = #self.routes + 1
  while place > 1 and self.routes[place - 1].rank > rank do place = place - 1 end
  table.insert(self.routes, place, { method = method, pattern = pattern, parts = parts, rank = rank, f = f })
  return self
end

--- `router:route("GET", pattern, f)`, and so the following ones.
---@param pattern string
---@param f function
---@return dynamodb.Router
function router_methods:get(pattern, f) return self:route("GET", pattern, f) end

--- As `get`.
---@param pattern string
---@param f function
---@return dynamodb.Router
function router_methods:post(pattern, f) return self:route("POST", pattern, f) end

--- As `get`.
---@param pattern string
---@param f function
---@return dynamodb.Router
function router_methods:put(pattern, f) return self:route("PUT", pattern, f) end

--- As `get`.
---@param pattern string
---@param f function
---@return dynamodb.Router
function router_methods:patch(pattern, f) return self:route("PATCH", pattern, f) end

--- As `get`.
---@param pattern string
---@param f function
---@return dynamodb.Router
function router_methods:delete(pattern, f) return self:route("DELETE", pattern, f) end

---@param self dynamodb.Router
---@param segments string[]
---@return integer?    how many segments the prefix is; nil if the path does not have it
local function skip_prefix(self, segments)
  for i, part in ipairs(self.prefix) do
    if segments[i] ~= part then return nil end
  end
  return #self.prefix
end

--- The function for a request.
---@param self dynamodb.Router
---@param request dynamodb.HttpRequest    its params are set
---@return function?          nil: there is none
---@return string? methods    those that the path has, if it has any
local function find(self, request)
  local from = skip_prefix(self, request.segments)
  if not from then return nil end
  local method = request.method
  local has = {}
  for _, route in ipairs(self.routes) do
    local params = match(route, request.segments, from)
    if params then
      has[route.method] = true
      if route.method == method or route.method == "*" or method == "HEAD" and route.method == "GET" then
        request.params = params
        return route.f
      end
    end
  end
  if next(has) == nil then return nil end
  has.HEAD = has.HEAD or has.GET
  local methods = {}
  for _, each in ipairs(METHODS) do
    if has[each] then methods[#methods + 1] = each end
  end
  return nil, table.concat(methods, ", ")
end

--- The function for Lambda.
---@return fun(event: table, ctx: any): table
function router_methods:handler()
  return self.make(function(request) return find(self, request) end)
end

--- A router without routes; see `http.router`.
---@param prefix string?    what all paths begin with: "/v1"
---@param make function     makes the function for Lambda of the one that finds a request's
---@return dynamodb.Router
local function new(prefix, make)
  local parts = {}
  if prefix ~= nil then
    usage.check_type(prefix, "string", "prefix")
    for segment in prefix:gmatch "[^/]+" do parts[#parts + 1] = segment end
  end
  return setmetatable({ routes = {}, known = {}, prefix = parts, make = make }, router_mt)
end

return { new = new }
