local curl = require "dynamodb.curl"
local http = require "spec.support.http"
local process = require "spec.support.process"
local tls = require "spec.support.tls"

local pool, peer

after_each(function()
  pool:close()
  peer:stop()
end)

local SECRET = "a-request-body-that-only-the-right-peer-may-see"

local function request(host) return http.request(peer, { scheme = "https", host = host, body = SECRET }) end

describe("a TLS peer", function()
  it("with a certificate for this name from a known authority is trusted", function()
    peer = tls.start "good"
    pool = curl.pool { ca_bundle = tls.authority() }
    for _, host in ipairs { "localhost", "127.0.0.1" } do
      local response = assert(http.send(pool, http.request(peer, { scheme = "https", host = host, method = "GET",
        body = "" })))
      assert.equal(200, response.status)
    end
  end)

  local refused = {
    { "whose certificate is for another host", "other_host", "name" },
    { "whose certificate has expired", "expired", "expired" },
    { "whose authority is unknown", "stranger", "issuer" },
    { "that only speaks TLS 1.1", "good", "", { "-tls1_1", "-cipher", "ALL:@SECLEVEL=0" }, "ConnectionError" },
  }
  for _, case in ipairs(refused) do
    it(case[1] .. " is refused before a byte of the request has left", function()
      peer = tls.start(case[2], { page = false, arguments = case[4] })
      pool = curl.pool { ca_bundle = tls.authority() }
      local response, code, message, sent = http.send(pool, request "localhost")
      assert.is_nil(response)
      assert.same({ case[5] or "CertificateError", false }, { code, sent })
      assert.matches(case[3], message)
      process.sleep(0.1)
      assert.is_nil(peer:output():find(SECRET, 1, true))
      assert.is_nil(peer:output():find("POST", 1, true))
    end)
  end

  it("is refused when the authority is only in another bundle: the system's", function()
    peer = tls.start("good", { page = false })
    pool = curl.pool {}
    local _, code, _, sent = http.send(pool, request "localhost")
    assert.same({ "CertificateError", false }, { code, sent })
  end)

  it("is refused when the bundle cannot be read", function()
    peer = tls.start("good", { page = false })
    pool = curl.pool { ca_bundle = "/no/such/file" }
    local _, code, message, sent = http.send(pool, request "localhost")
    assert.same({ "CertificateError", false }, { code, sent })
    assert.matches("/no/such/file", message)
  end)

  it("is believed anything when verification is off", function()
    peer = tls.start "stranger"
    pool = curl.pool { verify = false }
    local response = http.send(pool, http.request(peer, { scheme = "https", method = "GET", body = "" }))
    assert.equal(200, response.status)
  end)

  it("that is none is refused, and nothing was sent", function()
    local server = require "spec.support.server"
    peer = server.start { { { "send", "HTTP/1.1 400 Bad Request\r\n\r\n" }, { "read" } } }
    pool = curl.pool {}
    local _, code, _, sent = http.send(pool, request "localhost")
    assert.same({ "ConnectionError", false }, { code, sent })
    assert.same({}, peer:requests())
  end)
end)
