-- Whatever goes wrong, and wherever: no secret in a message, a hook or a printed object.
local core = require "dynamodb.core"
local credentials = require "spec.support.credentials"

local SECRETS = {
  "SECRETKEY-hunter22", "SESSIONTOKEN-hunter22", "WEBTOKEN-hunter22", "BEARER-hunter22", "REFRESH-hunter22",
  "CLIENTSECRET-hunter22", "AUTHTOKEN-hunter22", "PROCESS-hunter22",
}

local KEYS = "aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = SECRETKEY-hunter22\n"
  .. "aws_session_token = SESSIONTOKEN-hunter22\n"

-- Every string of a value, tables and metatables' tostring included.
local function texts(value, list, seen)
  if type(value) == "string" then
    list[#list + 1] = value
  elseif type(value) == "table" and not seen[value] then
    seen[value] = true
    list[#list + 1] = tostring(value)
    for name, member in pairs(value) do
      texts(name, list, seen)
      texts(member, list, seen)
    end
  end
  return list
end

local function assert_clean(what, value)
  for _, text in ipairs(texts(value, {}, {})) do
    for _, secret in ipairs(SECRETS) do
      assert.is_nil(text:find(secret, 1, true), ("%s shows %s: %s"):format(what, secret, text))
    end
    assert.is_nil(text:find("hunter22", 1, true), what .. " shows a part of a secret: " .. text)
  end
end

local echo = table.concat(SECRETS, " ")
local XML = "<ErrorResponse><Error><Code>Bad</Code><Message>" .. echo .. "</Message></Error></ErrorResponse>"

local HOME = { HOME = "/h" }
local SSO = "[default]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
  .. "[sso-session s]\nsso_region = eu-west-1\nsso_start_url = u\n"
local TOKEN_FILE = "/h/.aws/sso/cache/" .. core.sha1 "s" .. ".json"
local function sso_token(expires)
  return core.json_encode { accessToken = "BEARER-hunter22", expiresAt = expires, refreshToken = "REFRESH-hunter22",
    clientId = "c", clientSecret = "CLIENTSECRET-hunter22" }
end

-- Servers that say again whatever they were told.
local CASES = {
  ["a refused role"] = { HOME, { ["/h/.aws/config"] = "[default]\nrole_arn = r\nsource_profile = default\n" .. KEYS },
    { ["POST sts.eu-west-1.amazonaws.com/"] = { { status = 403, body = XML } } }, "SECRETKEY SESSIONTOKEN" },
  ["a refused web identity"] = { { AWS_WEB_IDENTITY_TOKEN_FILE = "/t", AWS_ROLE_ARN = "r" },
    { ["/t"] = "WEBTOKEN-hunter22" },
    { ["POST sts.eu-west-1.amazonaws.com/"] = { { status = 400, body = XML } } }, "WEBTOKEN" },
  ["a refused SSO token"] = { HOME, { ["/h/.aws/config"] = SSO, [TOKEN_FILE] = sso_token "2099-01-01T00:00:00Z" },
    { ["GET portal.sso.eu-west-1.amazonaws.com/federation/credentials?account_id=1&role_name=r"] =
      { { status = 403, body = core.json_encode { message = echo } } } }, "BEARER" },
  ["a refused refresh"] = { HOME, { ["/h/.aws/config"] = SSO, [TOKEN_FILE] = sso_token "2020-01-01T00:00:00Z" },
    { ["POST oidc.eu-west-1.amazonaws.com/token"] =
      { { status = 400, body = core.json_encode { error = echo } } } }, "BEARER REFRESH CLIENTSECRET" },
  ["a refused container"] = { { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "/x",
    AWS_CONTAINER_AUTHORIZATION_TOKEN = "AUTHTOKEN-hunter22" }, {},
    { ["GET 169.254.170.2/x"] = { { status = 403, body = core.json_encode { message = echo } } } }, "AUTHTOKEN" },
  ["half a pair of keys"] = { HOME,
    { ["/h/.aws/credentials"] = "[default]\naws_secret_access_key = SECRETKEY-hunter22" }, {}, "SECRETKEY" },
  ["a credentials file that cannot be read"] = { HOME,
    { ["/h/.aws/credentials"] = "[default]\naws_secret_access_key SECRETKEY-hunter22" }, {}, "SECRETKEY" },
  ["a secret with a line break"] = {
    { AWS_ACCESS_KEY_ID = "AK", AWS_SECRET_ACCESS_KEY = "SECRETKEY-hunter22\n1" }, {}, {}, "SECRETKEY" },
  ["a container's URL with a password"] = {
    { AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://me:AUTHTOKEN-hunter22@127.0.0.1/" }, {}, {}, "AUTHTOKEN" },
  ["an answer with a broken secret"] = { { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "/x" }, {},
    { ["GET 169.254.170.2/x"] = { { body = core.json_encode {
      AccessKeyId = "AK", SecretAccessKey = "SECRETKEY-hunter22\n", Token = "SESSIONTOKEN-hunter22" } } } },
    "SECRETKEY SESSIONTOKEN" },
}

describe("no secret is shown", function()
  after_each(credentials.leave)

  for name, case in pairs(CASES) do
    it("by " .. name, function()
      local told = {}
      -- Only what this case knows may be said again to it: the server does not know the others' secrets either.
      for _, answers in pairs(case[3]) do
        for _, answer in ipairs(answers) do
          answer.body = answer.body:gsub("(%u+)%-hunter22", function(word)
            return case[4]:find(word, 1, true) and word .. "-hunter22" or word
          end)
        end
      end
      local db = credentials.client { variables = case[1], files = case[2], routes = case[3], options = {
        after_response = function(fields) told[#told + 1] = fields end,
        on_retry = function(fields) told[#told + 1] = fields end,
      } }
      local answer, err = db:call("ListTables")
      assert.is_nil(answer)
      local is_about_credentials = err.code == "CredentialsError" or err.code == "ConfigurationError"
      assert.is_true(is_about_credentials, tostring(err))
      assert_clean("the error", err)
      assert_clean("a hook", told)
      assert_clean("the client", tostring(db))
      local _, reason = db:whoami()
      assert_clean("whoami", reason)
    end)
  end

  it("by whoami and by what prints a client", function()
    local db = credentials.client { variables = HOME, files = { ["/h/.aws/credentials"] = "[default]\n" .. KEYS } }
    local who = assert(db:whoami())
    assert_clean("whoami", who)
    assert_clean("the client", tostring(db))
  end)
end)
