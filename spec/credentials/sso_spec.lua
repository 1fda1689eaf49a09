-- IAM Identity Center: the token of `aws sso login`, and the role's credentials for it. Token files are real ones.
local core = require "dynamodb.core"
local credentials = require "spec.support.credentials"
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"
local lfs = require "lfs"
local process = require "spec.support.process"

local NOW = 1700000000 -- 2023-11-14T22:13:20Z
local PORTAL = "GET portal.sso.eu-central-1.amazonaws.com/federation/credentials?account_id=123456789012"
  .. "&role_name=My%20Role"
local OIDC = "POST oidc.eu-central-1.amazonaws.com/token"
local GIVEN = { body = '{"roleCredentials":{"accessKeyId":"AK","secretAccessKey":"SECRET12","sessionToken":"T",'
  .. '"expiration":1700006400000}}' }
local FRESH = { body = '{"accessToken":"fresh-token","expiresIn":28800,"refreshToken":"next-refresh"}' }

local CONFIG = [[
[default]
sso_session = dev
sso_account_id = 123456789012
sso_role_name = My Role
[sso-session dev]
sso_region = eu-central-1
sso_start_url = https://example.awsapps.com/start
]]

local LEGACY = [[
[default]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-central-1
sso_account_id = 123456789012
sso_role_name = My Role
]]

local function token(expires, more)
  local fields = {
    accessToken = "old-token", expiresAt = expires, refreshToken = "old-refresh", clientId = "client",
    clientSecret = "client-secret", registrationExpiresAt = "2199-01-01T00:00:00Z", region = "eu-central-1",
    startUrl = "https://example.awsapps.com/start", unknown = { "kept" },
  }
  for name, value in pairs(more or {}) do fields[name] = value or nil end
  return core.json_encode(fields)
end

describe("SSO", function()
  local home, getenv

  local function write(name, text)
    local file = assert(io.open(home .. "/.aws/" .. name, "wb"))
    file:write(text)
    file:close()
  end

  local function token_path(key) return "sso/cache/" .. core.sha1(key) .. ".json" end

  local function kept(key) return core.json_decode(process.read(home .. "/.aws/" .. token_path(key or "dev"))) end

  local function client(config, text, routes)
    write("config", config)
    if text then write(token_path(config == LEGACY and "https://example.awsapps.com/start" or "dev"), text) end
    local runtime = fake.new { time = NOW, handler = function(request)
      local list = routes[("%s %s%s"):format(request.method, request.host, request.path)]
      if not list then return { status = 404 } end
      return #list > 1 and table.remove(list, 1) or list[1]
    end }
    local db = dynamodb.connect { region = "eu-west-1", runtime = runtime }
    db:runtime()
    return db.provider, runtime
  end

  local function find(config, text, routes)
    local provider, runtime = client(config, text, routes)
    local found, err = provider:get(runtime)
    return found, err, runtime, provider
  end

  before_each(function()
    home = process.temporary_directory()
    assert(os.execute("mkdir -p " .. home .. "/.aws/sso/cache"))
    getenv = os.getenv
    os.getenv = function(name) return name == "HOME" and home or nil end -- luacheck: ignore 122
  end)

  after_each(function() os.getenv = getenv end) -- luacheck: ignore 122

  for name, config in pairs { ["a session"] = CONFIG, ["a profile alone"] = LEGACY } do
    it("gives credentials for the token of " .. name, function()
      local found, err, runtime = find(config, token "2023-11-15T06:00:00Z", { [PORTAL] = { GIVEN } })
      assert.is_nil(err)
      assert.same({ "AK", "SECRET12", "T", "123456789012", 1700006400 }, { found.access_key_id,
        found.secret_access_key, found.session_token, found.account_id, found.expires })
      assert.equal("old-token", credentials.header(runtime.requests[1], "x-amz-sso_bearer_token"))
      assert.equal('profile "default" (SSO)', found.source)
    end)
  end

  it("refreshes a token in its last quarter of an hour, and leaves the new one for others", function()
    local _, _, runtime = find(CONFIG, token "2023-11-14T22:28:00Z", { [OIDC] = { FRESH }, [PORTAL] = { GIVEN } })
    assert.same({ clientId = "client", clientSecret = "client-secret", grantType = "refresh_token",
      refreshToken = "old-refresh" }, core.json_decode(runtime.requests[1].body))
    assert.equal("fresh-token", credentials.header(runtime.requests[2], "x-amz-sso_bearer_token"))
    local file = kept()
    assert.same({ "fresh-token", "next-refresh", "2023-11-15T06:13:20Z", "client-secret" },
      { file.accessToken, file.refreshToken, file.expiresAt, file.clientSecret })
    assert.equal("kept", file.unknown[1])
    assert.equal("rw-------", lfs.attributes(home .. "/.aws/" .. token_path "dev", "permissions"))
  end)

  it("uses a token to its end when it cannot be refreshed", function()
    local found, _, runtime = find(CONFIG, token "2023-11-14T22:28:00Z",
      { [OIDC] = { { status = 400, body = '{"error":"invalid_grant"}' } }, [PORTAL] = { GIVEN } })
    assert.equal("AK", found.access_key_id)
    assert.equal(2, #runtime.requests)
    assert.equal("old-token", kept().accessToken)
  end)

  it("asks for another token at most once in half a minute", function()
    local provider, runtime = client(CONFIG, token "2023-11-14T22:28:00Z",
      { [OIDC] = { { status = 400, body = "{}" } }, [PORTAL] = { GIVEN } })
    for _ = 1, 3 do provider:invalidate(assert(provider:get(runtime))) end
    assert.equal(4, #runtime.requests)
    runtime:advance(30)
    provider:get(runtime)
    assert.equal(6, #runtime.requests)
  end)

  it("does not refresh the token of a profile without a session", function()
    local _, err, runtime = find(LEGACY, token "2023-11-14T22:00:00Z", {})
    assert.equal(0, #runtime.requests)
    assert.matches("the SSO session has expired or is otherwise invalid; run aws sso login --profile default",
      err.message, 1, true)
  end)

  for name, case in pairs {
    ["no token"] = { nil, {}, "No such file or directory; run aws sso login" },
    ["junk"] = { "junk", {}, "does not hold a JSON object; run aws sso login" },
    ["a token without an end"] = { '{"accessToken":"x"}', {}, "lacks accessToken or expiresAt" },
    ["a client that is registered no longer"] = {
      token("2023-11-14T22:00:00Z", { registrationExpiresAt = "2023-01-01T00:00:00Z" }), {}, "has expired" },
    ["a refusal to refresh"] = { token "2023-11-14T22:00:00Z",
      { [OIDC] = { { status = 400, body = '{"error":"invalid_grant"}' } } },
      "HTTP 400, invalid_grant; run aws sso login" },
    ["a token that is not taken"] = { token "2023-11-15T06:00:00Z",
      { [PORTAL] = { { status = 401, body = '{"message":"Session token not found"}' } } }, "run aws sso login" },
  } do
    it("says who has to do what after " .. name, function()
      local found, err, _, provider = find(CONFIG, case[1], case[2])
      assert.is_nil(found)
      assert.matches(case[3], err.message, 1, true)
      assert.is_true(err.is_final)
      assert.is_not_nil(provider)
    end)
  end

  it("does not send anybody to log in because the token could not be refreshed a moment ago", function()
    local provider, runtime = client(CONFIG, token "2023-11-14T22:00:00Z", { [OIDC] = { { status = 503 } } })
    local _, err = provider:get(runtime)
    assert.matches("could not be refreshed: HTTP 503", err.message, 1, true)
    _, err = provider:get(runtime)
    assert.matches("another one was asked for in vain less than 30 s ago", err.message, 1, true)
    assert.is_nil(err.is_final)
  end)

  it("does not send anybody to log in because a server is down", function()
    local _, err = find(CONFIG, token "2023-11-15T06:00:00Z", { [PORTAL] = { { status = 503 } } })
    assert.is_nil(err.is_final)
    assert.matches("an error occurred while loading credentials: HTTP 503", err.message, 1, true)
  end)

  it("sends no token that would forge a header", function()
    local _, err, runtime = find(CONFIG, token("2023-11-15T06:00:00Z", { accessToken = "a\r\nb" }), {})
    assert.matches("the token has a control character", err.message, 1, true)
    assert.equal(0, #runtime.requests)
  end)
end)
