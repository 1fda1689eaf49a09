--- A service for gateways in nginx to talk to, an nginx itself: DynamoDB with one item, and a container's credentials.
--- It counts what it is asked, and behaves as it is told.
---
---   local s = service.start()
---   s:set { name = "Ada", delay = 0.3 }        -- see STATE
---   s:count "gets"
local nginx = require "spec.support.nginx"

local service = {}

local service_methods = {}
local service_mt = { __name = "spec.Service", __index = service_methods }

-- delay: seconds until an answer; the item is read before them, written after them. status and code: of a failure of
-- each operation; only: the access key that it is for. missing: there is no item. stalls: so many GetItem are never
-- answered. lifetime: seconds, of credentials; refuses: a status instead of them.
local STATE = [[
  state = { name = "Ada", delay = 0, gets = 0, writes = 0, strong = 0, fetches = 0, lifetime = 3600, stalls = 0,
    key = "" }

  local function answer(status, body)
    ngx.status = status
    ngx.header.content_type = "application/x-amz-json-1.0"
    ngx.header.content_length = #body
    ngx.print(body)
    ngx.exit(status)
  end

  function dynamodb()
    ngx.req.read_body()
    local target, body = ngx.var.http_x_amz_target:match "%.(%a+)$", ngx.req.get_body_data()
    local name, missing = state.name, state.missing
    local key = body:match '"pk":(%b{})'
    local access_key = ngx.var.http_authorization:match "Credential=([^/]+)"
    state.key = access_key
    if target == "GetItem" then
      state.gets = state.gets + 1
      if body:find '"ConsistentRead":true' then state.strong = state.strong + 1 end
      if state.stalls > 0 then
        state.stalls = state.stalls - 1
        ngx.sleep(60)
      end
    else
      state.writes = state.writes + 1
    end
    ngx.sleep(state.delay)
    if state.code and (not state.only or state.only == access_key) then
      return answer(state.status, ('{"__type":"x#%s","message":"as told"}'):format(state.code))
    end
    if target ~= "GetItem" then
      state.name, state.missing = body:match '"name":{"S":"(%w+)"}' or "Grace", target == "DeleteItem"
      return answer(200, "{}")
    end
    if missing then return answer(200, "{}") end
    answer(200, ('{"Item":{"pk":%s,"name":{"S":"%s"},"more":%s}}'):format(key, name, state.more or '{"NULL":true}'))
  end

  function credentials()
    state.fetches = state.fetches + 1
    local number = state.fetches
    ngx.sleep(state.delay)
    if state.refuses then return answer(state.refuses, "{}") end
    answer(200, ('{"AccessKeyId":"AK%d","SecretAccessKey":"SECRET12","Token":"TOKEN678","Expiration":"%s"}'):format(
      number, os.date("!%Y-%m-%dT%H:%M:%SZ", ngx.time() + state.lifetime)))
  end
]]

local LOCATIONS = [[
  location = /state { content_by_lua_block {
    local args = ngx.req.get_uri_args()
    for name, value in pairs(args) do
      if name == "of" then ngx.print(tostring(state[value])) else state[name] = load("return " .. value)() end
    end
  } }
  location = /credentials { content_by_lua_block { credentials() } }
  location / { content_by_lua_block { dynamodb() } }
]]

---@return table    with `endpoint`
function service.start()
  local child = nginx.start {
    http = ("init_by_lua_block { %s }"):format(STATE), server = LOCATIONS .. "lingering_close off;", level = "crit",
  }
  return setmetatable({ nginx = child, endpoint = ("http://127.0.0.1:%d"):format(child.port) }, service_mt)
end

--- Changes how it behaves; a value of `false` takes one back.
---@param fields table
function service_methods:set(fields)
  for name, value in pairs(fields) do
    local text = ("%q"):format(value):gsub("[^%w]", function(char) return ("%%%02X"):format(char:byte()) end)
    if type(value) ~= "string" then text = tostring(value) end
    assert(self.nginx:get(("/state?%s=%s"):format(name, text)) == 200)
  end
end

--- What it counts: gets, strong (those of them that are strongly consistent), writes, fetches (of credentials); or what
--- it has: name (the item's), key (the last access key).
---@param name string
---@return integer|string
function service_methods:count(name)
  local _, text = self.nginx:get("/state?of=" .. name)
  return tonumber(text) or text
end

--- Waits until it has been asked so often.
function service_methods:await(name, count)
  return assert(require("spec.support.process").await(10, function() return self:count(name) >= count end),
    ("the service has %s %s"):format(self:count(name), name))
end

function service_methods:stop() self.nginx:stop() end

return service
