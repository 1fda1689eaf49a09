-- The integration specs, as they stand, inside nginx: in each phase that may wait, over HTTP and over TLS with an
-- authority of one's own.
local engine = require "spec.support.engine"
local nginx = require "spec.support.nginx"
local tls = require "spec.support.tls"

local PATIENCE = 240 -- seconds

local HANDLERS = {
  content = "content_by_lua_block { %s ngx.say 'done' }",
  access = "access_by_lua_block { %s ngx.say 'done' return ngx.exit(200) }",
  rewrite = "rewrite_by_lua_block { %s ngx.say 'done' return ngx.exit(200) }",
  timer = "content_by_lua_block { ngx.timer.at(0, function() %s end) ngx.say 'done' }",
}

local VARIABLES = nginx.pass("DYNAMODB_TEST_ENDPOINT", "DYNAMODB_TEST_ENGINE", "DYNAMODB_VECTORS", "PATH", "HOME",
  "TMPDIR", "SCALE", "SEEDS", "LUA_PATH", "LUA_CPATH", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN")

--- The files, but for some: fault_proxy_spec is about a helper of specs, which speaks plain HTTP only; the examples are
--- programs of their own that find no free name for their tables at the same second.
local function integration_specs(phase, scheme)
  local left_out = {
    ["spec/integration/fault_proxy_spec.lua"] = true,
    ["spec/integration/faults_spec.lua"] = scheme == "https",
    ["spec/integration/examples_spec.lua"] = phase ~= "content" or scheme == "https",
  }
  local pipe = assert(io.popen "ls spec/integration/*_spec.lua")
  local files = {}
  for file in pipe:lines() do
    if not left_out[file] then files[#files + 1] = file end
  end
  pipe:close()
  return files
end

local function start(phase, scheme, endpoint)
  local run = nginx.busted(integration_specs(phase, scheme))
  local self = nginx.start {
    main = VARIABLES,
    http = scheme == "https" and ("lua_ssl_trusted_certificate %s;"):format(tls.authority()) or "",
    server = ("location /run { %s }"):format(HANDLERS[phase]:format(run)),
    env = { DYNAMODB_TEST_ENDPOINT = endpoint, LUA_PATH = "./lua/?.lua;./lua/?/init.lua;./?.lua;;",
      LUA_CPATH = "./build/luajit/?.so;;", SEEDS = os.getenv "SEEDS" or "1" },
  }
  self:ask "/run"
  return self
end

--- Speaks TLS before the engine.
local function start_tls()
  return nginx.start {
    listen = "ssl", workers = 1,
    http = ("upstream engine { server %s; keepalive 64; }"):format(engine.endpoint:match "//([^/]+)"),
    server = nginx.certificate "good" .. [[
      client_max_body_size 0; keepalive_requests 100000;
      location / { proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_set_header Host $http_host; proxy_request_buffering off; proxy_buffers 16 64k; }
    ]],
  }
end

describe("in nginx's phase", function()
  if not engine.endpoint or not nginx.is_there() then
    return it("needs an engine and nginx", function()
      pending "no engine, or no nginx: run through tools/engine.sh, with libnginx-mod-http-lua"
    end)
  end

  for _, scheme in ipairs { "http", "https" } do
    describe("over " .. scheme .. ",", function()
      local running, proxy = {}, nil

      setup(function()
        proxy = scheme == "https" and start_tls()
        local endpoint = proxy and "https://localhost:" .. proxy.port or engine.endpoint
        for phase in pairs(HANDLERS) do running[phase] = start(phase, scheme, endpoint) end
      end)

      teardown(function()
        for _, child in pairs(running) do child:stop() end
        if proxy then proxy:stop() end
      end)

      for phase in pairs(HANDLERS) do
        it(phase .. " every integration spec passes", function()
          running[phase]:assert_passed(PATIENCE)
        end)
      end
    end)
  end
end)
