-- Proxies: which requests go through one, and how they do.
local plain = require "dynamodb.runtime.plain"
local proxy = require "dynamodb.runtime.proxy"
local server = require "spec.support.server"

describe("proxies of the environment", function()
  local function chosen(environment, scheme, host, port)
    return proxy.choose(assert(proxy.of_environment(environment)), scheme, host, port or 443)
  end

  it("are chosen by the request's scheme", function()
    local environment = { HTTPS_PROXY = "http://one:3128", http_proxy = "two.example" }
    assert.equal("http://one:3128", chosen(environment, "https", "a.example"))
    assert.equal("http://two.example:80", chosen(environment, "http", "a.example"))
    assert.is_nil(chosen({ HTTPS_PROXY = "http://one:3128" }, "http", "a.example"))
    assert.is_nil(proxy.of_environment {})
  end)

  it("may have a user and a password, TLS, or speak SOCKS", function()
    local with_user = { HTTPS_PROXY = "http://me:p%40ss@One:3128/" }
    assert.equal("http://me:p%40ss@one:3128", chosen(with_user, "https", "a.example"))
    assert.equal("https://one:443", chosen({ HTTPS_PROXY = "https://one" }, "https", "a.example"))
    assert.equal("socks5h://[::1]:1080", chosen({ HTTPS_PROXY = "socks5h://[::1]" }, "https", "a.example"))
    assert.equal("http://[::1]:8", chosen({ HTTPS_PROXY = "http://[::1]:8" }, "https", "a.example"))
  end)

  it("that cannot be are told without their password", function()
    for _, text in ipairs { "ftp://me:hunter22@x", "http://me:hunter22@", "http://me:hunter22@a b",
      "http://me:hunter22 @x", "http://me:hunter22@x:99999" } do
      local found, problem = proxy.of_environment { HTTPS_PROXY = text }
      assert.is_nil(found)
      assert.matches("^HTTPS_PROXY ", problem)
      assert.is_nil(problem:find("hunter22", 1, true))
    end
  end)

  it("are not taken from a header of a CGI program's client", function()
    assert.is_nil(proxy.of_environment { HTTP_PROXY = "http://evil.example", REQUEST_METHOD = "GET" })
  end)

  for _, case in ipairs {
    { "example.com", "example.com", true }, { "example.com", "a.example.com", true },
    { ".example.com", "a.example.com", true }, { ".example.com", "example.com", true },
    { "*.example.com", "a.example.com", true }, { "example.com", "badexample.com", false },
    { "example.com.", "a.example.com", true }, { "example.com", "a.example.com.", true },
    { "a.example, b.example", "b.example", true }, { "B.Example", "b.example", true }, { "*", "any.example", true },
    { "x.example:443", "x.example", true }, { "x.example:80", "x.example", false },
    { "10.0.0.0/8", "10.255.1.2", true }, { "10.0.0.0/8", "11.0.0.1", false }, { "10.1.2.3", "10.1.2.3", true },
    { "fd00::1", "[fd00:0::1]", true }, { "[fd00::1]", "[fd00:0::1]", true }, { "10.0.0.0/33", "10.0.0.1", false },
    { "", "localhost", true }, { "", "127.0.0.1", true }, { "", "[::1]", true }, { "", "a.example", false },
  } do
    it(("%s %s where NO_PROXY is %q"):format(case[3] and "are not asked for" or "are asked for", case[2], case[1]),
      function()
        local found = chosen({ HTTPS_PROXY = "http://p:1", NO_PROXY = case[1] }, "https", case[2])
        assert.equal(not case[3] and "http://p:1" or nil, found)
      end)
  end
end)

describe("a request", function()
  local s, runtime

  after_each(function()
    runtime:close()
    s:stop()
  end)

  local function through(scripts, settings)
    s = server.start(scripts)
    local address = ("http://me:pass@127.0.0.1:%d"):format(s.port)
    runtime = plain.new { proxies = proxy.of_environment(settings or { HTTP_PROXY = address, HTTPS_PROXY = address }) }
  end

  local function request(fields)
    local all = { scheme = "http", host = "nowhere.invalid", port = 8000, path = "/x", body = "{}", repeat_safe = true,
      head = "Host: nowhere.invalid:8000\r\n" }
    for name, value in pairs(fields or {}) do all[name] = value end
    return runtime:send(all, runtime:now() + 10)
  end

  it("goes to the proxy whole, with its password for the proxy", function()
    through { server.answering(server.response("hello")) }
    assert.equal("hello", assert(request()).body)
    local head = s:requests()[1].head
    assert.matches("^POST http://nowhere%.invalid:8000/x HTTP/1%.1\r\n", head)
    assert.matches("Proxy%-Authorization: Basic bWU6cGFzcw==", head)
  end)

  it("with TLS asks for a tunnel first, and has not been sent when that is refused", function()
    through { server.answering(server.response("no", { status = 403 })) }
    local answer, err = request { scheme = "https", port = 443 }
    assert.is_nil(answer)
    assert.same({ "ConnectionError", false }, { err.code, err.sent })
    assert.is_nil(tostring(err):find("pass", 1, true))
    assert.matches("^CONNECT nowhere%.invalid:443 HTTP/1%.1\r\n", s:requests()[1].head)
  end)

  it("that is for this machine alone never goes to one", function()
    through { server.answering(server.response("from the proxy")) }
    local answer, err = request { is_direct = true }
    assert.is_nil(answer)
    assert.equal("ConnectionError", err.code)
    assert.equal(0, #s:requests())
  end)

  it("after one through a proxy goes straight again", function()
    through { server.answering(server.response("hello")) }
    assert(request())
    local answer = assert(request { host = "127.0.0.1", port = s.port })
    assert.equal("hello", answer.body)
    assert.matches("^POST /x ", s:requests()[2].head)
  end)
end)
