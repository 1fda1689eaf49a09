-- Where credentials are searched, in which order, and what stops the search.
local callback = require "dynamodb.credentials.callback"
local credentials = require "spec.support.credentials"
local environment = require "dynamodb.credentials.environment"
local profile = require "dynamodb.credentials.profile"
local static = require "dynamodb.credentials.static"
local vectors = require "spec.support.vectors"

local KEYS = "[default]\naws_access_key_id = AKFILE\naws_secret_access_key = FILESECRET\n"
local ENV = { AWS_ACCESS_KEY_ID = "AKENV", AWS_SECRET_ACCESS_KEY = "ENVSECRET", HOME = "/h",
  AWS_EC2_METADATA_DISABLED = "true" }

local function find(variables, files, options)
  local found, err, runtime = credentials.find { variables = variables, files = files, options = options }
  return found and found.access_key_id, found or err, runtime
end

describe("the search for credentials", function()
  after_each(credentials.leave)
  local files = { ["/h/.aws/credentials"] = KEYS .. "aws_session_token = T\naws_account_id = 123456789012\n"
    .. "[other]\naws_access_key_id = AKOTHER\naws_secret_access_key = OTHERSECRET\n" }

  it("takes the environment before a profile, even one that the environment names", function()
    assert.equal("AKENV", find(ENV, files))
    local variables = { AWS_PROFILE = "other" }
    for name, value in pairs(ENV) do variables[name] = value end
    assert.equal("AKENV", find(variables, files))
  end)

  it("takes the profile that the program names before the environment", function()
    assert.equal("AKOTHER", find(ENV, files, { profile = "other" }))
  end)

  it("takes the profile that the environment names", function()
    assert.equal("AKOTHER", find({ HOME = "/h", AWS_PROFILE = "other" }, files))
    assert.equal("AKOTHER", find({ HOME = "/h", AWS_DEFAULT_PROFILE = "other" }, files))
    local key, found = find({ HOME = "/h" }, files)
    assert.same({ "AKFILE", "T", "123456789012", 'profile "default"' },
      { key, found.session_token, found.account_id, found.source })
    local _, old = find({ HOME = "/h" }, { ["/h/.aws/credentials"] = KEYS .. "aws_security_token = OLDNAME" })
    assert.equal("OLDNAME", old.session_token)
  end)

  it("goes on after a profile that says nothing about credentials", function()
    local _, err = find({ HOME = "/h", AWS_EC2_METADATA_DISABLED = "true" },
      { ["/h/.aws/config"] = "[default]\nx = y" })
    assert.equal("no AWS credentials; searched: the options of connect, the environment (AWS_ACCESS_KEY_ID, "
      .. "AWS_SECRET_ACCESS_KEY), a web identity token (AWS_WEB_IDENTITY_TOKEN_FILE), profile \"default\", the "
      .. "container (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI), EC2 instance "
      .. "metadata (switched off by AWS_EC2_METADATA_DISABLED)", err.message)
  end)

  it("stops at a profile that does not exist, and says who named it", function()
    local _, err = find({ HOME = "/h", AWS_PROFILE = "ohter" }, files)
    assert.equal('the shared config and credentials files have no profile "ohter" (of AWS_PROFILE)', err.message)
  end)

  it("stops at half a pair of keys", function()
    local _, err = find({ HOME = "/h" }, { ["/h/.aws/credentials"] = "[default]\naws_access_key_id = AKHALF" })
    assert.equal("CredentialsError", err.code)
    assert.equal("profile default: profile missing aws_secret_access_key", err.message)
    _, err = find({ AWS_ACCESS_KEY_ID = "AKHALF" }, {})
    assert.matches("secret_access_key is missing", err.message, 1, true)
    assert.is_nil(err.message:find("AKHALF", 1, true))
  end)

  it("does not ask a profile that assumes no role before a web identity token, be it broken", function()
    local _, err, runtime = find({ HOME = "/h", AWS_WEB_IDENTITY_TOKEN_FILE = "/token", AWS_ROLE_ARN = "arn:r" },
      { ["/h/.aws/credentials"] = "[default]\naws_access_key_id = AKHALF", ["/token"] = "jwt" })
    assert.matches("AssumeRoleWithWebIdentity", err.message, 1, true)
    assert.equal("sts.eu-west-1.amazonaws.com", runtime.requests[1].host)
  end)

  it("asks only the place that had some from then on", function()
    local db, runtime = credentials.client { variables = ENV, files = files }
    db:runtime()
    local first = db.provider:get(runtime)
    runtime:advance(1e6)
    assert.equal(first, (db.provider:get(runtime)))
    assert.is_false(db.provider:invalidate(first))
  end)

  it("does not read the files before the first call", function()
    local read = false
    local db = credentials.client { variables = ENV, files = { ["/h/.aws/config"] = function()
      read = true
      return "[default]\nregion = x"
    end } }
    assert.is_false(read)
    db:runtime()
    assert.is_true(read)
  end)
end)

describe("a profile's way to its credentials", function()
  local function words(shared, name)
    local steps, message = profile.steps(shared, name)
    local list = {}
    for i, step in ipairs(steps or {}) do list[i] = step.kind .. " " .. step.profile end
    return table.concat(list, ", "), message
  end

  it("is what AWS's cases say", function()
    local cases = vectors.json "credentials/assume-role-tests.json"
    if not cases then return pending "the public test vectors are not here" end
    local KINDS = { AccessKey = "static", AssumeRole = "role", WebIdentityToken = "web_identity", Sso = "sso",
      NamedSource = "source", CredentialProcess = "process", LoginSession = "login" }
    local MEMBERS = { NamedSource = "credential_source", CredentialProcess = "credential_process",
      LoginSession = "login_session" }
    for _, case in ipairs(cases) do
      local input = case.input
      local steps, message = profile.steps({ profiles = input.profiles, sso_sessions = input.sso_sessions or {} },
        input.selected_profile)
      if case.output.Error then
        assert.is_nil(steps, case.docs)
        assert.matches(case.output.Error, message, 1, true)
      else
        assert.equal(#case.output.ProfileChain, #steps, case.docs)
        for i, expected in ipairs(case.output.ProfileChain) do
          local kind, fields = next(expected)
          assert.equal(KINDS[kind], steps[i].kind)
          if type(fields) ~= "table" then fields = { [MEMBERS[kind]] = fields } end
          for name, value in pairs(fields) do
            local properties = steps[i].properties
            local session = steps[i].session or {}
            local property = kind == "AccessKey" and "aws_" .. name or name
            assert.equal(value, properties[property] or session[property])
          end
        end
      end
    end
  end)

  it("prefers, as a source, the profile's own keys to its role", function()
    local keys = { aws_access_key_id = "a", aws_secret_access_key = "s", role_arn = "r", source_profile = "c" }
    local profiles = { a = { role_arn = "r", source_profile = "b" }, b = keys, c = keys }
    assert.equal("static b, role a", (words({ profiles = profiles }, "a")))
    assert.equal("static c, role b", (words({ profiles = profiles }, "b")))
    for name, value in pairs { credential_process = "p", sso_session = "s", login_session = "l",
      web_identity_token_file = "t" } do
      keys[name] = value
      assert.equal("static b, role a", (words({ profiles = profiles }, "a")), name)
      keys[name] = nil
    end
  end)

  it("may begin at a place that the source names without a role", function()
    local profiles = { a = { role_arn = "r", source_profile = "b" }, b = { credential_source = "EcsContainer" } }
    assert.equal("source b, role a", (words({ profiles = profiles }, "a")))
    assert.equal("", (words({ profiles = profiles }, "b")))
    profiles.b.credential_source = "Moon"
    assert.matches('credential_source is "Moon"', select(2, words({ profiles = profiles }, "a")), 1, true)
  end)

  it("begins where the AWS CLI begins when a profile names several places", function()
    local own = { aws_access_key_id = "a", aws_secret_access_key = "s", login_session = "l", credential_process = "p",
      sso_session = "s", sso_account_id = "1", sso_role_name = "r", web_identity_token_file = "t", role_arn = "r" }
    local shared = { profiles = { a = own }, sso_sessions = { s = { sso_region = "eu-west-1", sso_start_url = "u" } } }
    assert.equal("web_identity a", (words(shared, "a")))
    own.web_identity_token_file, own.role_arn = nil, nil
    assert.equal("sso a", (words(shared, "a")))
    own.sso_session, own.sso_account_id, own.sso_role_name = nil, nil, nil
    assert.equal("static a", (words(shared, "a")))
    own.aws_access_key_id, own.aws_secret_access_key = nil, nil
    assert.equal("login a", (words(shared, "a")))
    own.login_session = nil
    assert.equal("process a", (words(shared, "a")))
  end)

  it("is not SSO's where profile and session tell different ones", function()
    local session = { sso_region = "eu-west-1", sso_start_url = "u" }
    local own = { sso_session = "s", sso_account_id = "1", sso_role_name = "r", sso_region = "eu-west-1" }
    local shared = { profiles = { a = own }, sso_sessions = { s = session } }
    assert.equal("sso a", (words(shared, "a")))
    own.sso_region = "eu-west-2"
    assert.equal("profile a: `sso_region` is another one than in [sso-session s]", select(2, words(shared, "a")))
    own.sso_region, own.sso_start_url = nil, "other"
    assert.equal("profile a: `sso_start_url` is another one than in [sso-session s]", select(2, words(shared, "a")))
  end)

  for name, case in pairs {
    ["both sources"] = { { role_arn = "r", source_profile = "b", credential_source = "Environment" },
      "contained both `source_profile` and `credential_source`" },
    ["an unknown source"] = { { role_arn = "r", credential_source = "Moon" }, 'credential_source is "Moon"' },
    ["itself without keys"] = { { role_arn = "r", source_profile = "a" }, "it is its own source and has no keys" },
    ["a session that is not there"] = { { sso_session = "x", sso_account_id = "1", sso_role_name = "r" },
      "there is no [sso-session x]" },
    ["an SSO profile without a region"] = { { sso_start_url = "u", sso_account_id = "1", sso_role_name = "r" },
      "`sso_region` is missing" },
    ["an SSO profile without an account"] = { { sso_start_url = "u", sso_role_name = "r" },
      "then `sso_account_id` must also be set" },
  } do
    it("does not lead through " .. name, function()
      local steps, message = profile.steps({ profiles = { a = case[1] }, sso_sessions = {} }, "a")
      assert.is_nil(steps)
      assert.matches(case[2], message, 1, true)
    end)
  end

  it("spells out a loop", function()
    local function role(source) return { role_arn = "r", source_profile = source } end
    local _, message = words({ profiles = { a = role "b", b = role "c", c = role "b" } }, "a")
    assert.equal("profile a -> b -> c -> b: profile formed an infinite loop", message)
  end)
end)

describe("credentials", function()
  it("from the environment, the token under its old name too, and their end", function()
    local provider = environment.new {
      AWS_ACCESS_KEY_ID = "AK", AWS_SECRET_ACCESS_KEY = "SK", AWS_SECURITY_TOKEN = "T",
      AWS_CREDENTIAL_EXPIRATION = "2023-11-14T22:13:20Z",
    }
    local found = assert(provider:get())
    assert.same({ "AK", "SK", "T", 1700000000 },
      { found.access_key_id, found.secret_access_key, found.session_token, found.expires })
    assert.equal(found, provider:get())
    local _, err = environment.new({ AWS_ACCESS_KEY_ID = "AK", AWS_SECRET_ACCESS_KEY = "SK",
      AWS_CREDENTIAL_EXPIRATION = "soon" }):get()
    assert.matches("AWS_CREDENTIAL_EXPIRATION is not a point in time", err.message, 1, true)
  end)

  it("that are half in the environment are an error, not a miss", function()
    local found, err = environment.new({ AWS_ACCESS_KEY_ID = "AKIDEXAMPLE" }):get()
    assert.is_nil(found)
    assert.is_true(err:is "CredentialsError")
    assert.matches("secret_access_key is missing", err.message, 1, true)
    assert.is_nil(tostring(err):find("AKIDEXAMPLE", 1, true))
  end)

  it("that are given are copied and checked", function()
    local given = { access_key_id = "AK", secret_access_key = "SK", session_token = "" }
    local provider = static.new(given)
    given.secret_access_key = "changed"
    assert.equal("SK", provider:get().secret_access_key)
    assert.is_nil(provider:get().session_token)
    assert.is_nil(static.problem { access_key_id = "AK", secret_access_key = "SK" })
    assert.equal("secret_access_key is missing", static.problem { access_key_id = "AK" })
    assert.equal("session_token must be a string, not a number",
      static.problem { access_key_id = "AK", secret_access_key = "SK", session_token = 5 })
    assert.equal("expires must be a number of seconds since 1970, not a string",
      static.problem { access_key_id = "AK", secret_access_key = "SK", expires = "2026-11-22T22:05:03Z" })
    local problem = static.problem { access_key_id = "AK\r\nX: y", secret_access_key = "SK" }
    assert.equal("access_key_id has a line break or another control character", problem)
  end)

  it("from a function are asked for every time, with the runtime and the deadline", function()
    local calls, seen = 0, nil
    local provider = callback.new(function(runtime, deadline)
      calls = calls + 1
      seen = { runtime, deadline }
      return { access_key_id = "AK" .. calls, secret_access_key = "SK" }
    end)
    assert.equal("AK1", provider:get("runtime", 5).access_key_id)
    assert.equal("AK2", provider:get("runtime", 5).access_key_id)
    assert.same({ "runtime", 5 }, seen)
  end)

  it("from a function that has none, or junk, are a CredentialsError", function()
    local _, err = callback.new(function() return nil, "vault is sealed" end):get()
    assert.is_true(err:is "CredentialsError")
    assert.matches("gave none: vault is sealed", err.message, 1, true)
    _, err = callback.new(function() return { access_key_id = "AK" } end):get()
    assert.matches("gave unusable ones: secret_access_key is missing", err.message, 1, true)
    _, err = callback.new(function() return { access_key_id = "AK", secret_access_key = "SK " } end):get()
    assert.equal("CredentialsError", err.code)
    assert.matches("secret_access_key has a blank", err.message, 1, true)
    _, err = callback.new(function() return "AK:SK" end):get()
    assert.matches("credentials must be a table", err.message, 1, true)
  end)
end)
