--- HTTP as the shop speaks it: JSON bodies, statuses, and which function serves which request.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"

local web = {}

--- Ends the request with an answer.
---@param status integer
---@param body table?
function web.reply(status, body)
  ngx.status = status
  local text = body and dynamodb.to_json(body) .. "\n" or ""
  ngx.header.content_length = #text
  ngx.print(text)
  return ngx.exit(ngx.HTTP_OK) -- of the access phase, too: nothing follows
end

--- Ends the request with what was wrong with it.
function web.refuse(status, message) return web.reply(status, { error = message }) end

--- The fields of the request's body. Ends the request if there are others, or of other types.
---@param known table<string, string>    name -> Lua type
---@param required string[]
---@return table
function web.fields(known, required)
  ngx.req.read_body()
  local body = core.json_decode(ngx.req.get_body_data() or "")
  if type(body) ~= "table" then return web.refuse(400, "the body is not a JSON object") end
  for name, value in pairs(body) do
    if known[name] ~= type(value) or value == "" then
      web.refuse(400, known[name] and ("%s is not a %s"):format(name, known[name]) or "unknown field")
    end
  end
  for _, name in ipairs(required) do
    if body[name] == nil then web.refuse(400, name .. " is missing") end
  end
  return body
end

--- An argument of the request's address, decoded; nil if there is none.
---@param name string
---@return string?
function web.argument(name)
  local text = ngx.var["arg_" .. name]
  return text and ngx.unescape_uri(text)
end

local LONGEST = 200 -- bytes of a path: keys are made of its parts, and have a limit

--- The one of `routes` that fits the request: { method, pattern of the path, function(its captures) }.
---@param routes table[]
function web.dispatch(routes)
  local path, known = ngx.var.uri, false
  if #path > LONGEST then return web.refuse(414, "the path is too long") end
  for _, route in ipairs(routes) do
    local found = { path:match(route[2]) }
    if found[1] then
      known = true
      if route[1] == ngx.req.get_method() then return route[3](unpack(found)) end
    end
  end
  return web.refuse(known and 405 or 404, known and "not this method" or "no such place")
end

return web
