--- Where in nginx's way of a request the network can be waited for.
local usage = require "dynamodb.usage"

local get_phase = ngx.get_phase

-- Source: lua-nginx-module's documentation of ngx.socket.tcp, "context".
local MAY_WAIT = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true, ssl_cert = true,
  ssl_session_fetch = true, ssl_client_hello = true,
}

local phase = {}

---@return boolean
function phase.may_wait() return MAY_WAIT[get_phase()] or false end

--- Raises where cosockets are not allowed.
function phase.check()
  local name = get_phase()
  if MAY_WAIT[name] then return end
  usage.raise(("in nginx's phase %s nothing can be waited for, DynamoDB neither; do it in a timer: "
    .. "ngx.timer.at(0, function(premature) … end)"):format(name))
end

return phase
