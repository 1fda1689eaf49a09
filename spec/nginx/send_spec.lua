-- The transport and the tasks of nginx's runtime: their specs run inside a worker.
local nginx = require "spec.support.nginx"

local function run(file)
  local self = nginx.start {
    main = nginx.pass("PATH", "HOME", "TMPDIR"),
    http = "lua_socket_log_errors off;",
    server = ("location /run { content_by_lua_block { %s ngx.say 'done' } }"):format(nginx.busted { file }),
  }
  finally(function() self:stop() end)
  self:ask "/run"
  self:assert_passed(120)
end

describe("nginx's runtime", function()
  if not nginx.is_there() then
    return it("needs nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end

  for _, name in ipairs { "send", "tasks", "stop" } do
    local file = ("spec/nginx/inside/%s.lua"):format(name)
    it("does what " .. file .. " says", function() run(file) end)
  end
end)
