--- Cross-origin requests of browsers: which origins may read responses, and what they may send.
local usage = require "dynamodb.usage"

local cors = {}

local OPTIONS = { origins = true, headers = true, expose = true, credentials = true, max_age = true }

---@class dynamodb.Cors
---@field any boolean                     every origin
---@field origins table<string, boolean>
---@field headers string?                 allowed request headers; nil: those that are asked for
---@field expose string?                  response headers that a script may read
---@field credentials boolean
---@field max_age string?                 seconds

---@param list any
---@param name string
---@return string?
local function joined(list, name)
  if list == nil then return nil end
  usage.check_type(list, "table", "cors." .. name)
  for _, each in ipairs(list) do usage.check_type(each, "string", "each of cors." .. name) end
  return table.concat(list, ", ")
end

--- Checks the options.
---@param given table?    origins ("*" or a list), headers, expose (lists), credentials (boolean), max_age (seconds)
---@return dynamodb.Cors?
function cors.new(given)
  if given == nil then return nil end
  usage.check_type(given, "table", "cors")
  usage.check_names(given, OPTIONS, "option of cors")
  local origins = given.origins
  if origins ~= "*" and type(origins) ~= "table" then
    usage.raise 'cors.origins must be "*" or a list: { "https://example.com" }'
  end
  -- Every site could then act for whoever is logged in. Source: the Fetch standard, "CORS protocol and credentials".
  if origins == "*" and given.credentials then usage.raise 'cors: credentials need a list of origins, not "*"' end
  if given.credentials ~= nil then usage.check_type(given.credentials, "boolean", "cors.credentials") end
  if given.max_age ~= nil and (type(given.max_age) ~= "number" or given.max_age % 1 ~= 0 or given.max_age < 0) then
    usage.raise "cors.max_age must be a whole number of seconds"
  end
  local self = {
    any = origins == "*", origins = {}, credentials = given.credentials == true,
    headers = joined(given.headers, "headers"), expose = joined(given.expose, "expose"),
    max_age = given.max_age and ("%d"):format(given.max_age),
  }
  for _, origin in ipairs(self.any and {} or origins) do
    if type(origin) ~= "string" or origin ~= "null" and not origin:find "^%w[%w+.-]*://[^/]+$" then
      usage.raise(("cors.origins: %s is no origin, which is like https://example.com"):format(tostring(origin)))
    end
    self.origins[origin] = true
  end
  return self
end

--- Does the request ask what it may do?
---@param request dynamodb.HttpRequest
---@return boolean
function cors.is_preflight(request)
  return request.method == "OPTIONS" and request.headers.origin ~= nil
    and request.headers["access-control-request-method"] ~= nil
end

--- Adds what a browser needs to a response.
---@param self dynamodb.Cors
---@param request dynamodb.HttpRequest
---@param response dynamodb.HttpResponse
---@param methods string?    of a preflight: those that the path has
function cors.add(self, request, response, methods)
  local origin, headers = request.headers.origin, response.headers
  if not self.any then
    local vary = type(headers.vary) == "table" and headers.vary or { headers.vary }
    vary[#vary + 1] = "Origin"
    headers.vary = vary
  end
  if not origin or not (self.any or self.origins[origin]) then return end
  headers["access-control-allow-origin"] = self.any and "*" or origin
  if self.credentials then headers["access-control-allow-credentials"] = "true" end
  if not methods then
    headers["access-control-expose-headers"] = self.expose
    return
  end
  headers["access-control-allow-methods"] = methods
  headers["access-control-allow-headers"] = self.headers or request.headers["access-control-request-headers"]
  headers["access-control-max-age"] = self.max_age
end

return cors
