-- Roles: assumed with other credentials, or for a token.
local core = require "dynamodb.core"
local credentials = require "spec.support.credentials"

local STS = "POST sts.eu-west-1.amazonaws.com/"
local KEYS = "aws_access_key_id = AKBASE\naws_secret_access_key = BASESECRET\n"
local ROLE = "role_arn = arn:aws:iam::123456789012:role/r\n"

local function answer(fields)
  fields = fields or {}
  return { body = ([[<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser>
    <Arn>arn:aws:sts::%s:assumed-role/r/s</Arn></AssumedRoleUser><Credentials><AccessKeyId>%s</AccessKeyId>
    <SecretAccessKey>a&amp;b&lt;c&#43;</SecretAccessKey><SessionToken>TOKEN</SessionToken>
    <Expiration>2023-11-15T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>]])
    :format(fields.account or "123456789012", fields.key or "AKROLE") }
end

local function refusal(status, code, message)
  local body = "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>"
  return { status = status, body = body:format(code, message) }
end

local function find(config, fields)
  fields = fields or {}
  fields.files = fields.files or {}
  fields.files["/h/.aws/config"] = config
  fields.variables = fields.variables or {}
  fields.variables.HOME = "/h"
  fields.routes = fields.routes or { [STS] = { answer() } }
  return credentials.find(fields)
end

local function form(request)
  local fields = {}
  for name, value in request.body:gmatch "([^&=]+)=([^&]*)" do
    fields[name] = value:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  end
  return fields
end

describe("a role's credentials", function()
  after_each(credentials.leave)

  for name, case in pairs {
    ["are asked for again by the right time where the clock is wrong"] = { "", 2, nil },
    ["are not, where that is switched off"] = { "disable_clock_skew_correction = true\n", 1, "SignatureDoesNotMatch" },
  } do
    it(name, function()
      local late = refusal(403, "SignatureDoesNotMatch", "Signature expired")
      late.headers = { Date = "Tue, 14 Nov 2023 23:13:20 GMT" } -- an hour later than it is here
      local found, err, runtime = find("[default]\n" .. ROLE .. "source_profile = default\n" .. KEYS .. case[1],
        { routes = { [STS] = { late, answer() } } })
      assert.equal(case[2], #runtime.requests)
      if case[3] then return assert.matches(case[3], err.message, 1, true) end
      assert.equal("AKROLE", found.access_key_id)
      assert.equal("20231114T221320Z", credentials.header(runtime.requests[1], "x-amz-date"))
      assert.equal("20231114T231320Z", credentials.header(runtime.requests[2], "x-amz-date"))
    end)
  end

  it("that do not come in time leave no doubt whether a write was applied", function()
    local db = credentials.client { variables = { HOME = "/h" }, options = { timeout = 5 },
      files = { ["/h/.aws/config"] = "[default]\n" .. ROLE .. "source_profile = default\n" .. KEYS },
      routes = { [STS] = { { delay = 9 } } } }
    local _, err = db:table("t", { partition = "pk" }):update({ pk = "a" }, { add = { n = 1 } })
    assert.same({ "DeadlineExceeded", false, false }, { err.code, err.sent, err.ambiguous })
  end)

  it("come with account and end, and their source is told whole", function()
    local found, _, runtime = find("[default]\n" .. ROLE .. "source_profile = base\n[profile base]\n" .. KEYS)
    assert.same({ "AKROLE", "a&b<c+", "TOKEN", "123456789012", 1700006400 }, { found.access_key_id,
      found.secret_access_key, found.session_token, found.account_id, found.expires })
    assert.equal('profile "default" (role arn:aws:iam::123456789012:role/r), assumed with credentials from profile '
      .. '"base"', found.source)
    assert.same({
      Action = "AssumeRole", Version = "2011-06-15", RoleArn = "arn:aws:iam::123456789012:role/r",
      RoleSessionName = "dynamodb-lua-1700000000",
    }, form(runtime.requests[1]))
  end)

  it("are asked for with what the profile says", function()
    local asked
    local _, _, runtime = find("[default]\n" .. ROLE .. [[
source_profile = default
role_session_name = me
external_id = a/b
duration_seconds = 900
mfa_serial = arn:aws:iam::1:mfa/me
]] .. KEYS, { options = { mfa_token = function(serial)
      asked = serial
      return "123456"
    end } })
    assert.equal("arn:aws:iam::1:mfa/me", asked)
    assert.same({
      Action = "AssumeRole", Version = "2011-06-15", RoleArn = "arn:aws:iam::123456789012:role/r",
      RoleSessionName = "me",
      ExternalId = "a/b", DurationSeconds = "900", SerialNumber = "arn:aws:iam::1:mfa/me", TokenCode = "123456",
    }, form(runtime.requests[1]))
  end)

  it("are asked for with a signature for STS", function()
    local _, _, runtime = find("[default]\n" .. ROLE .. "source_profile = base\n[profile base]\n" .. KEYS
      .. "aws_session_token = BASETOKEN")
    local request = runtime.requests[1]
    local header = function(name) return credentials.header(request, name) end
    local signer = core.signer { access_key_id = "AKBASE", secret_access_key = "BASESECRET",
      session_token = "BASETOKEN", region = "eu-west-1", service = "sts" }
    local expected = signer:sign({ method = "POST", path = "/", query = "", body = request.body,
      headers = { { "Content-Type", header "content-type" }, { "Host", header "host" } } }, 1700000000)
    assert.equal(expected.Authorization, header "authorization")
    assert.equal("BASETOKEN", header "x-amz-security-token")
    assert.equal("sts.eu-west-1.amazonaws.com", header "host")
  end)

  it("come by way of several profiles, each step with the credentials of the one before", function()
    local found, _, runtime = find("[default]\n" .. ROLE .. "source_profile = b\n[profile b]\n"
      .. ROLE:gsub("/r", "/b") .. "source_profile = c\n[profile c]\n" .. KEYS,
      { routes = { [STS] = { answer { key = "AKMIDDLE" }, answer { key = "AKEND" } } } })
    assert.equal("AKEND", found.access_key_id)
    assert.matches("Credential=AKBASE/", credentials.header(runtime.requests[1], "authorization"), 1, true)
    assert.matches("Credential=AKMIDDLE/", credentials.header(runtime.requests[2], "authorization"), 1, true)
  end)

  it("are refreshed with those of the step before, which are kept", function()
    local db, runtime = credentials.client { variables = { HOME = "/h" }, files = {
      ["/h/.aws/config"] = "[default]\n" .. ROLE .. "source_profile = b\n[profile b]\n" .. ROLE
        .. "source_profile = c\n[profile c]\n" .. KEYS,
    }, routes = { [STS] = { answer { key = "AKMIDDLE" }, answer() } } }
    db:runtime()
    db.provider:invalidate(assert(db.provider:get(runtime)))
    assert(db.provider:get(runtime))
    assert.equal(3, #runtime.requests)
    assert.matches("Credential=AKMIDDLE/", credentials.header(runtime.requests[3], "authorization"), 1, true)
  end)

  it("come with the environment's, if the profile says so", function()
    local found, _, runtime = find("[default]\n" .. ROLE .. "credential_source = Environment\n", {
      variables = { AWS_ACCESS_KEY_ID = "AKENV", AWS_SECRET_ACCESS_KEY = "ENVSECRET" },
      options = { profile = "default" },
    })
    assert.equal("AKROLE", found.access_key_id)
    assert.matches("Credential=AKENV/", credentials.header(runtime.requests[1], "authorization"), 1, true)
  end)

  it("are asked for again where the refusal is temporary", function()
    for _, first in ipairs { refusal(503, "ServiceUnavailable", ""), refusal(400, "IDPCommunicationError", "x"),
      refusal(400, "Throttling", "slow down"), { code = "ConnectionError" } } do
      local found, _, runtime = find("[default]\n" .. ROLE .. "source_profile = default\n" .. KEYS,
        { routes = { [STS] = { first, answer() } } })
      credentials.leave()
      assert.equal("AKROLE", found.access_key_id)
      assert.equal(2, #runtime.requests)
    end
  end)

  it("are asked for at another host where that is configured", function()
    local config = "[default]\n" .. ROLE .. "source_profile = default\n" .. KEYS
    for url, case in pairs {
      ["POST http://127.0.0.1/x/"] = { variables = { AWS_ENDPOINT_URL_STS = "http://127.0.0.1:9/x" } },
      ["POST https://sts.amazonaws.com/"] = { variables = { AWS_STS_REGIONAL_ENDPOINTS = "legacy" } },
      ["POST https://sts-fips.eu-west-1.api.aws/"] = { options = {
        use_fips_endpoint = true, use_dualstack_endpoint = true } },
      ["POST https://sts.cn-north-1.amazonaws.com.cn/"] = { options = { region = "cn-north-1" } },
    } do
      case.routes = { [url:gsub("%a+://", "")] = { answer() } }
      local found, err, runtime = find(config, case)
      credentials.leave()
      assert.is_nil(err)
      assert.equal("AKROLE", found.access_key_id)
      assert.same({ url }, credentials.asked(runtime))
      if url:find "sts.amazonaws.com" then
        assert.matches("/us-east-1/sts/", credentials.header(runtime.requests[1], "authorization"), 1, true)
      end
    end
  end)

  for name, case in pairs {
    ["a refusal"] = { "", refusal(403, "AccessDenied", "User: x is not authorized"),
      "AssumeRole of STS was refused: HTTP 403, AccessDenied: User: x is not authorized" },
    ["an answer that is none"] = { "", { body = "<html>" }, "cannot be used: no credentials in it" },
    ["an answer without an end"] = { "", { body = "<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S"
      .. "</SecretAccessKey></Credentials>" }, "Expiration is missing" },
    ["an answer with markup where text belongs"] = { "", { body = "<Credentials><AccessKeyId><b>A</b></AccessKeyId>"
      .. "<SecretAccessKey>S</SecretAccessKey></Credentials>" }, "AccessKeyId is missing" },
    ["an impossible duration"] = { "duration_seconds = 60\n", nil, "not a number from 900 to 43200" },
    ["a device that nobody can ask"] = { "mfa_serial = m\n", nil, "give the option mfa_token" },
  } do
    it("are not there after " .. name, function()
      local found, err = find("[default]\n" .. ROLE .. "source_profile = default\n" .. case[1] .. KEYS,
        { routes = { [STS] = { case[2] } } })
      assert.is_nil(found)
      assert.equal("CredentialsError", err.code)
      assert.matches(case[3], err.message, 1, true)
    end)
  end

  it("need a region", function()
    local _, err = find("[default]\n" .. ROLE .. "source_profile = default\n" .. KEYS, { options = { region = false } })
    assert.matches("no AWS region", err.message, 1, true)
  end)
end)

describe("a web identity", function()
  after_each(credentials.leave)
  local VARIABLES = { AWS_WEB_IDENTITY_TOKEN_FILE = "/token", AWS_ROLE_ARN = "arn:aws:iam::1:role/w" }

  local function with(more, files)
    local variables = {}
    for name, value in pairs(VARIABLES) do variables[name] = value end
    for name, value in pairs(more or {}) do variables[name] = value or nil end
    return { variables = variables, files = files or { ["/token"] = "JWTJWTJWT\n" }, routes = { [STS] = { answer() } } }
  end

  it("gets credentials for its token, unsigned", function()
    local found, _, runtime = credentials.find(with { AWS_ROLE_SESSION_NAME = "pod" })
    assert.equal("AKROLE", found.access_key_id)
    assert.same({
      Action = "AssumeRoleWithWebIdentity", Version = "2011-06-15", RoleArn = "arn:aws:iam::1:role/w",
      RoleSessionName = "pod", WebIdentityToken = "JWTJWTJWT",
    }, form(runtime.requests[1]))
    assert.is_nil(credentials.header(runtime.requests[1], "authorization"))
  end)

  it("reads its token each time", function()
    local tokens = { "first", "second" }
    local db, runtime = credentials.client(with({}, { ["/token"] = function() return table.remove(tokens, 1) end }))
    db:runtime()
    db.provider:invalidate(assert(db.provider:get(runtime)))
    assert(db.provider:get(runtime))
    assert.equal("second", form(runtime.requests[2]).WebIdentityToken)
  end)

  it("goes before keys of a profile, and behind a profile that assumes a role", function()
    local case = with { HOME = "/h" }
    case.files["/h/.aws/credentials"] = "[default]\n" .. KEYS
    assert.equal("AKROLE", credentials.find(case).access_key_id)
    credentials.leave()
    case.files["/h/.aws/config"] = "[default]\n" .. ROLE .. "source_profile = default\n"
    local _, _, runtime = credentials.find(case)
    assert.equal("AssumeRole", form(runtime.requests[1]).Action)
  end)

  it("stops the search when its token is missing or empty, or its role is", function()
    local _, err = credentials.find(with({}, {}))
    assert.matches("/token cannot be read: No such file or directory", err.message, 1, true)
    _, err = credentials.find(with({}, { ["/token"] = "\n" }))
    assert.matches("the file /token is empty", err.message, 1, true)
    _, err = credentials.find(with { AWS_ROLE_ARN = false })
    assert.matches("`role_arn` was missing", err.message, 1, true)
  end)
end)
