-- Credentials in a worker of nginx: searched over cosockets, and fetched once for all its requests.
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local server = require "spec.support.server"

local CREDENTIALS = server.response('{"AccessKeyId":"AKCONTAINER","SecretAccessKey":"SECRET12","Token":"TOKEN",'
  .. '"Expiration":"2199-01-01T00:00:00Z"}')

local CLIENT = [[
  lua_socket_log_errors off;
  init_by_lua_block {
    db = require("dynamodb").connect { endpoint = "http://127.0.0.1:%d", region = "us-east-1" }
  }
]]

local SERVER = [[
  location /call { content_by_lua_block {
    local answer, err = db:call "ListTables"
    ngx.say(answer and "done" or tostring(err))
  } }
  location /whoami { content_by_lua_block { ngx.say(tostring(db:whoami())) } }
]]

describe("an nginx worker's credentials", function()
  if not nginx.is_there() then
    return it("need nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end
  local self, service, source

  local function start(variables)
    local main = {}
    for name, value in pairs(variables) do main[#main + 1] = ("env %s=%s;"):format(name, value) end
    service = server.start { server.answering(server.response "{}") }
    self = nginx.start {
      main = table.concat(main, "\n"), http = CLIENT:format(service.port), server = SERVER, level = "crit",
    }
  end

  after_each(function()
    for _, each in ipairs { self or false, service or false, source or false } do
      if each then each:stop() end
    end
    self, service, source = nil, nil, nil
  end)

  it("are fetched once for 50 requests that come at the same time", function()
    source = server.start { server.answering(CREDENTIALS, 0.3) }
    start { AWS_CONTAINER_CREDENTIALS_FULL_URI = ("http://127.0.0.1:%d/creds"):format(source.port) }
    local asked = {}
    for i = 1, 50 do asked[i] = self:ask "/call" end
    for i = 1, 50 do assert.equal("done\n", select(2, nginx.answer(asked[i]))) end
    assert.equal(1, #source:requests())
    assert.equal(50, #service:requests())
    assert.matches("Credential=AKCONTAINER/", service:requests()[1].head, 1, true)
    assert.matches("the container's endpoint 127.0.0.1", select(2, self:get "/whoami"), 1, true)
  end)

  it("never come from a program", function()
    local path = process.temporary()
    local file = assert(io.open(path, "wb"))
    file:write "[default]\ncredential_process = true\n"
    file:close()
    start { AWS_CONFIG_FILE = path }
    assert.matches("an nginx worker must not wait for one", select(2, self:get "/call"), 1, true)
  end)
end)
