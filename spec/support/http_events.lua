--- The same HTTP request as each source tells it: API Gateway's REST and HTTP APIs, a function URL, a load balancer.
local core = require "dynamodb.core"

local http_events = {}

http_events.sources = { "rest", "http", "url", "alb", "alb-multi" }

local function escape(text, but)
  return (text:gsub("[^%w%-%._~" .. (but or "") .. "]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

-- { { "a", "1" }, … } -> "a=1&…", encoded
local function query_text(pairs_of)
  local parts = {}
  for i, pair in ipairs(pairs_of) do parts[i] = escape(pair[1]) .. "=" .. escape(pair[2]) end
  return table.concat(parts, "&")
end

-- name -> the last value, and name -> all values; null where there is none, as API Gateway has it
local function both(pairs_of, convert)
  local single, multiple = {}, {}
  for _, pair in ipairs(pairs_of) do
    local name, value = convert(pair[1]), convert(pair[2])
    single[name], multiple[name] = value, multiple[name] or {}
    table.insert(multiple[name], value)
  end
  if #pairs_of == 0 then return core.null, core.null end
  return single, multiple
end

local function escaped(params)
  if not params then return core.null end
  local copy = {}
  for name, value in pairs(params) do copy[name] = escape(value) end
  return copy
end

local function joined(multiple)
  local single = {}
  for name, values in pairs(multiple) do single[name] = table.concat(values, ",") end
  return single
end

local function same(text) return text end

local make = {}

function make.rest(r)
  local headers, all_headers = both(r.headers, same)
  local query, all_query = both(r.query, same)
  return {
    resource = r.resource or r.path, path = escape(r.path, "/"), httpMethod = r.method, headers = headers,
    multiValueHeaders = all_headers, queryStringParameters = query, multiValueQueryStringParameters = all_query,
    pathParameters = escaped(r.params), stageVariables = core.null,
    requestContext = {
      resourceId = "123abc", resourcePath = r.resource or r.path, httpMethod = r.method, stage = "prod",
      requestId = "rest-id", identity = { sourceIp = "192.0.2.1" }, apiId = "x",
    },
    body = r.body or core.null, isBase64Encoded = r.base64 or false,
  }
end

local function version_2(r, domain, stage)
  local headers, cookies = {}, nil
  for _, pair in ipairs(r.headers) do
    if pair[1]:lower() == "cookie" then
      cookies = {}
      for cookie in pair[2]:gmatch "[^;]+" do cookies[#cookies + 1] = cookie:match "^%s*(.*)$" end
    else
      headers[#headers + 1] = { pair[1]:lower(), pair[2] }
    end
  end
  local _, all_headers = both(headers, same)
  local _, all_query = both(r.query, same)
  return {
    version = "2.0", routeKey = r.resource and r.method .. " " .. r.resource or "$default",
    rawQueryString = query_text(r.query), headers = all_headers ~= core.null and joined(all_headers) or {},
    queryStringParameters = all_query ~= core.null and joined(all_query) or nil, cookies = cookies,
    requestContext = {
      domainName = domain, stage = stage, requestId = "v2-id",
      http = { method = r.method, path = r.path, protocol = "HTTP/1.1", sourceIp = "192.0.2.1", userAgent = "spec" },
    },
    body = r.body, isBase64Encoded = r.base64 or false,
  }
end

function make.http(r)
  local made = version_2(r, "x.execute-api.eu-west-1.amazonaws.com", "prod")
  made.rawPath, made.pathParameters = "/prod" .. r.path, r.params
  return made
end

function make.url(r)
  local made = version_2(r, "x.lambda-url.eu-west-1.on.aws", "$default")
  made.routeKey, made.rawPath = "$default", escape(r.path, "/")
  return made
end

local function alb(r)
  local arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/x/1"
  return {
    requestContext = { elb = { targetGroupArn = arn } }, httpMethod = r.method, path = escape(r.path, "/"),
    body = r.body or "", isBase64Encoded = r.base64 or false,
  }
end

local function lower(pairs_of)
  local made = {}
  for i, pair in ipairs(pairs_of) do made[i] = { pair[1]:lower(), pair[2] } end
  return made
end

local function or_empty(value) return value ~= core.null and value or {} end

function make.alb(r)
  local made = alb(r)
  made.headers, made.queryStringParameters = or_empty((both(lower(r.headers), same))), or_empty((both(r.query, escape)))
  return made
end

make["alb-multi"] = function(r)
  local made = alb(r)
  made.multiValueHeaders = or_empty((select(2, both(lower(r.headers), same))))
  made.multiValueQueryStringParameters = or_empty((select(2, both(r.query, escape))))
  return made
end

--- An event.
---@param source string    of `sources`
---@param request table    method, path (decoded), query and headers (lists of { name, value }), body, base64 (true: it
---                        is), params (path parameters), resource ("/users/{id}")
---@return table           decoded
function http_events.new(source, request)
  local copy = { method = "GET", path = "/", query = {}, headers = {} }
  for name, value in pairs(request) do copy[name] = value end
  return core.json_decode(core.json_encode(make[source](copy)))
end

--- The headers of an answer, in lower case, whatever form it has; and its Set-Cookie values.
---@param answer table
---@return table<string, string>
---@return string[]
function http_events.headers(answer)
  local headers, cookies = {}, answer.cookies or {}
  for name, value in pairs(answer.headers or {}) do headers[name:lower()] = value end
  for name, values in pairs(answer.multiValueHeaders or {}) do
    if name:lower() == "set-cookie" then cookies = values else headers[name:lower()] = table.concat(values, ", ") end
  end
  if headers["set-cookie"] then cookies = { headers["set-cookie"] } end
  return headers, cookies
end

return http_events
