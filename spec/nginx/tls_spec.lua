-- TLS in nginx: whom its runtime trusts, and what it says where nginx's configuration is not enough.
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local server = require "spec.support.server"
local tls = require "spec.support.tls"

local SECRET = "a-request-body-that-only-the-right-peer-may-see"

-- Sends one request as the arguments say and tells what came of it.
local SEND = [[
  location /send { content_by_lua_block {
    local args = ngx.req.get_uri_args()
    local options = { connect_timeout = 2 }
    if args.verify then options.verify = false end
    if args.bundle then options.ca_bundle = "/some/bundle.pem" end
    local runtime = require("dynamodb.runtime.nginx").new(options)
    local request = {
      method = args.body and "POST" or "GET", scheme = args.scheme or "https", host = args.host,
      port = tonumber(args.port), head = "Host: " .. args.host .. "\r\n", body = args.body or "",
    }
    for _ = 1, tonumber(args.times or 1) do
      local response, err = runtime:send(request)
      ngx.say(err and ("%s|%s|%s"):format(err.code, tostring(err.sent), err.message)
        or args.show and response.body or response.status)
    end
  } }
]]

describe("in nginx, a TLS peer", function()
  if not nginx.is_there() then
    return it("needs nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end
  local trusting, bare, peer

  setup(function()
    trusting = nginx.start {
      http = ("lua_ssl_trusted_certificate %s; lua_socket_log_errors off;"):format(tls.authority()), server = SEND,
      level = "crit",
    }
    bare = nginx.start { server = SEND, level = "crit" }
  end)

  teardown(function()
    trusting:stop()
    bare:stop()
  end)

  after_each(function()
    if peer then peer:stop() end
    peer = nil
  end)

  local function send(from, arguments)
    local _, text = from:get(("/send?port=%d&%s"):format(peer.port, arguments))
    return text
  end

  it("with a certificate for this name from a known authority is trusted", function()
    peer = tls.start "good"
    assert.equal("200\n", send(trusting, "host=localhost"))
  end)

  local refused = {
    { "whose certificate is for another host", "other_host", "^CertificateError|false|.*another name than localhost" },
    { "whose certificate has expired", "expired", "^CertificateError|false|certificate has expired" },
    { "whose authority is unknown", "stranger", "^CertificateError|false|unable to .*lua_ssl_trusted_certificate" },
    { "that only speaks TLS 1.1", "good", "^ConnectionError|false|.*handshake failed",
      { "-tls1_1", "-cipher", "ALL:@SECLEVEL=0" } },
  }
  for _, case in ipairs(refused) do
    it(case[1] .. " is refused before a byte of the request has left", function()
      peer = tls.start(case[2], { page = false, arguments = case[4] })
      assert.matches(case[3], send(trusting, "host=localhost&body=" .. SECRET))
      process.sleep(0.1)
      assert.is_nil(peer:output():find(SECRET, 1, true))
      assert.is_nil(peer:output():find("POST", 1, true))
    end)
  end

  it("is refused when nginx knows no authority; the error says how to name one", function()
    peer = tls.start("good", { page = false })
    assert.matches("^CertificateError|false|.*lua_ssl_trusted_certificate /etc/ssl/certs/ca%-certificates.crt",
      send(bare, "host=localhost"))
  end)

  it("is believed anything when verification is off, but not on a verified client's connection", function()
    peer = nginx.start { listen = "ssl", server = nginx.certificate "stranger" .. "location / { return 200; }" }
    assert.equal("200\n200\n", send(trusting, "host=localhost&verify=off&times=2"))
    assert.matches("^CertificateError", send(trusting, "host=localhost"))
  end)

  it("is not verified by an address, which nginx cannot do", function()
    peer = tls.start "good"
    assert.matches("^CertificateError|false|.*127%.0%.0%.1", send(trusting, "host=127.0.0.1"))
    assert.equal("200\n", send(trusting, "host=127.0.0.1&verify=off"))
  end)

  it("is not spoken to when a ca_bundle is given, which nginx cannot honour", function()
    peer = tls.start "good"
    assert.matches("^ConfigurationError|false|.*ca_bundle .*lua_ssl_trusted_certificate",
      send(trusting, "host=localhost&bundle=1"))
  end)

  it("that is none is refused, and nothing was sent", function()
    peer = server.start { { { "send", "HTTP/1.1 400 Bad Request\r\n\r\n" }, { "read" } } }
    assert.matches("^ConnectionError|false|", send(trusting, "host=localhost&body=" .. SECRET))
    assert.same({}, peer:requests())
  end)

  it("is spoken to again on the same connection", function()
    peer = nginx.start { listen = "ssl", server = nginx.certificate "good" .. "location / { return 200 $connection; }" }
    local first = send(trusting, "host=localhost&show=body")
    assert.matches("^%d+\n$", first)
    assert.equal(first .. first, send(trusting, "host=localhost&show=body&times=2"))
  end)
end)

describe("in nginx, a name", function()
  if not nginx.is_there() then
    return it("needs nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end

  it("cannot be resolved without a resolver, and the error says so", function()
    local bare = nginx.start { server = SEND }
    finally(function() bare:stop() end)
    local _, text = bare:get "/send?host=dynamodb.example&scheme=http&port=80"
    assert.matches('^ConfigurationError|false|no resolver defined to resolve "dynamodb%.example"; .*resolver', text)
  end)

  it("is not waited for beyond connect_timeout when the name server is silent", function()
    local silent = require("socket").udp()
    assert(silent:setsockname("127.0.0.1", 0))
    local _, port = silent:getsockname()
    local self = nginx.start { http = ("resolver 127.0.0.1:%d;"):format(port), server = SEND, level = "crit" }
    finally(function()
      self:stop()
      silent:close()
    end)
    local started = process.now()
    local _, text = self:get "/send?host=dynamodb.example&scheme=http&port=80"
    assert.equal("Timeout|false|no connection within connect_timeout\n", text)
    assert.is_true(process.now() - started < 20) -- nginx itself would wait for 30
  end)
end)
