-- The shared files, the settings and where they come from, and what a client makes of them.
local config = require "dynamodb.config"
local core = require "dynamodb.core"
local credentials = require "spec.support.credentials"
local dynamodb = require "dynamodb"
local files = require "dynamodb.config.files"
local trace = require "dynamodb.trace"
local vectors = require "spec.support.vectors"

local function snapshot(variables)
  return config.snapshot(function(name) return variables[name] end)
end

describe("dynamodb.config", function()
  it("takes the environment once, blank variables as unset", function()
    local variables = { AWS_REGION = "eu-west-1", AWS_ENDPOINT_URL = "", AWS_PROFILE = " ", PATH = "/bin" }
    local taken = snapshot(variables)
    variables.AWS_REGION = "changed"
    assert.same({ AWS_REGION = "eu-west-1" }, taken)
  end)

  it("prefers the option, then AWS_REGION, then AWS_DEFAULT_REGION", function()
    local variables = { AWS_REGION = "b", AWS_DEFAULT_REGION = "c" }
    assert.same({ value = "a", source = "the option region" }, config.region({ region = "a" }, snapshot(variables)))
    assert.same({ value = "b", source = "AWS_REGION" }, config.region({}, snapshot(variables)))
    variables.AWS_REGION = nil
    assert.same({ value = "c", source = "AWS_DEFAULT_REGION" }, config.region({}, snapshot(variables)))
    assert.is_nil(config.region({}, snapshot {}))
  end)

  it("prefers the option's endpoint, then the service's variable, then the general one", function()
    local variables = {
      AWS_ENDPOINT_URL = "all", AWS_ENDPOINT_URL_DYNAMODB = "d", AWS_ENDPOINT_URL_DYNAMODB_STREAMS = "s",
    }
    local taken = snapshot(variables)
    assert.equal("o", config.endpoint({ endpoint = "o" }, taken, "dynamodb").value)
    assert.equal("d", config.endpoint({}, taken, "dynamodb").value)
    assert.equal("s", config.endpoint({}, taken, "dynamodbstreams").value)
    variables.AWS_ENDPOINT_URL_DYNAMODB = nil
    assert.same({ value = "all", source = "AWS_ENDPOINT_URL" }, config.endpoint({}, snapshot(variables), "dynamodb"))
    variables.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS = "True"
    assert.is_nil(config.endpoint({}, snapshot(variables), "dynamodb"))
    assert.equal("o", config.endpoint({ endpoint = "o" }, snapshot(variables), "dynamodb").value)
  end)

  it("waits less for a connection in Lambda", function()
    assert.equal(3.1, config.connect_timeout({}, {}))
    assert.equal(1.1, config.connect_timeout({}, { AWS_LAMBDA_FUNCTION_NAME = "f" }))
    assert.equal(9, config.connect_timeout({ connect_timeout = 9 }, { AWS_LAMBDA_FUNCTION_NAME = "f" }))
  end)
end)

describe("config.parse", function()
  it("reads what AWS's cases say", function()
    local cases = vectors.json "profile-config/profile-parser-tests.json"
    if not cases then return pending "the public test vectors are not here" end
    for _, case in ipairs(cases.tests) do
      local parsed, message = config.parse(case.input.configFile, case.input.credentialsFile)
      if case.output.errorContaining then
        assert.is_nil(parsed, case.name)
        assert.matches(case.output.errorContaining, message, 1, true)
      else
        assert.same(case.output.config.profiles, parsed.profiles, case.name)
        assert.same(case.output.config.sso_sessions or parsed.sso_sessions, parsed.sso_sessions, case.name)
      end
    end
  end)

  it("names file and line of what it cannot read", function()
    local _, message = config.parse("[default]\n\nregion", "", { config = "/h/config" })
    assert.equal("/h/config:3: Expected an '=' sign defining a property", message)
    _, message = config.parse("", "[default]\r\nx = y\r\n[other", { credentials = "/h/credentials" })
    assert.equal("/h/credentials:3: Profile definition must end with ']'", message)
  end)

  it("reads sections of services, each service with its properties", function()
    local parsed = assert(config.parse("[services local]\ndynamodb =\n  endpoint_url = http://localhost:8000\n"
      .. "  x = y\nsts =\n  endpoint_url = http://localhost:1\n[profile p]\nservices = local\n"))
    assert.same({ ["local"] = {
      dynamodb = { endpoint_url = "http://localhost:8000", x = "y" }, sts = { endpoint_url = "http://localhost:1" },
    } }, parsed.services)
    assert.same({ p = { services = "local" } }, parsed.profiles)
  end)

  it("takes comments among the properties of a service", function()
    local parsed = assert(config.parse("[services s]\ndynamodb =\n  # the one of the office; see its wiki\n"
      .. "  endpoint_url = http://localhost:8000 # not TLS\n  ; x = y\n"))
    assert.same({ s = { dynamodb = { endpoint_url = "http://localhost:8000" } } }, parsed.services)
  end)

  it("passes over a byte order mark", function()
    assert.equal("x", config.parse("\239\187\191[default]\nregion = x").profiles.default.region)
  end)
end)

describe("the shared files", function()
  after_each(credentials.leave)

  it("are where AWS's cases say", function()
    local cases = vectors.json "profile-config/file-location-tests.json"
    if not cases then return pending "the public test vectors are not here" end
    for _, case in ipairs(cases.tests) do
      assert.same({ case.configLocation, case.credentialsLocation }, { files.locations(case.environment) }, case.name)
    end
  end)

  it("may be written with the home as ~", function()
    assert.same({ "/h/c", "~user/d" }, { files.locations {
      HOME = "/h", AWS_CONFIG_FILE = "~/c", AWS_SHARED_CREDENTIALS_FILE = "~user/d" } })
  end)

  it("that cannot be parsed are told by every call, with file and line, and nothing is sent", function()
    local db, runtime = credentials.client { variables = { HOME = "/h" },
      files = { ["/h/.aws/config"] = "[default]\nregion = x\njunk" },
      options = { access_key_id = "a", secret_access_key = "b" } }
    for _ = 1, 2 do
      local _, err = db:call("ListTables")
      assert.equal("ConfigurationError", err.code)
      assert.equal("could not parse profile file: /h/.aws/config:3: Expected an '=' sign defining a property",
        err.message)
    end
    assert.equal(0, #runtime.requests)
  end)

  it("of another user are empty, unless they were named", function()
    local open = io.open
    finally(function() rawset(io, "open", open) end)
    rawset(io, "open", function(path) return nil, path .. ": Permission denied", 13 end) -- root may read everything
    assert(files.load { HOME = "/home-of-another" })
    local shared, message = files.load { HOME = "/home-of-another", AWS_CONFIG_FILE = "/named" }
    assert.is_nil(shared)
    assert.equal("/named cannot be read: Permission denied", message)
  end)

  it("that are not there are empty; one that cannot be read is not", function()
    assert.is_table(files.load { AWS_CONFIG_FILE = "/none", AWS_SHARED_CREDENTIALS_FILE = "/none" })
    local loaded, message = files.load { AWS_CONFIG_FILE = "/" }
    assert.is_nil(loaded)
    assert.equal("/ cannot be read: Is a directory", message)
  end)
end)

describe("a profile", function()
  after_each(credentials.leave)

  local function client(text, options, variables)
    variables = variables or {}
    variables.HOME = "/h"
    options = options or {}
    options.region = options.region or false
    options.access_key_id, options.secret_access_key = "AK", "SK"
    return credentials.client { variables = variables, options = options,
      files = { ["/h/.aws/config"] = "[default]\n" .. text }, routes = {
        ["POST dynamodb.eu-north-1.amazonaws.com/"] = { { body = "{}" } },
        ["POST 127.0.0.1/"] = { { body = "{}" } },
      } }
  end

  it("gives what neither options nor environment say", function()
    local db, runtime = client("region = eu-north-1\nsdk_ua_app_id = shop\nretry_mode = adaptive\nmax_attempts = 9\n"
      .. "ca_bundle = /ca.pem\ndefaults_mode = in-region")
    assert(db:call("ListTables"))
    assert.matches(" app/shop$", credentials.header(runtime.requests[1], "user-agent"))
    assert.equal("attempt=1; max=9; ttl=20231114T221350Z", credentials.header(runtime.requests[1], "amz-sdk-request"))
    assert.equal("/ca.pem", db.transport.ca_bundle)
    assert.equal(1.1, db.transport.connect_timeout)
    assert.equal("region of profile \"default\"", db.region.source)
  end)

  it("gives an endpoint of its [services], before its own", function()
    local db, runtime = client("region = eu-north-1\nendpoint_url = http://127.0.0.1:1\nservices = s\n[services s]\n"
      .. "dynamodb =\n  endpoint_url = http://127.0.0.1:2\n")
    assert(db:call("ListTables"))
    assert(db:call("ListStreams"))
    assert.same({ 2, 1 }, { runtime.requests[1].port, runtime.requests[2].port })
  end)

  it("loses to the environment, and that to the options", function()
    local db = client("region = a\nuse_fips_endpoint = true", {}, { AWS_REGION = "b" })
    db:runtime()
    assert.equal("b", db.region.value)
    assert.is_true(db.use_fips)
    credentials.leave()
    db = client("region = a\nuse_fips_endpoint = true", { region = "c", use_fips_endpoint = false },
      { AWS_REGION = "b" })
    db:runtime()
    assert.equal("c", db.region.value)
    assert.is_false(db.use_fips)
  end)

  it("with a blank value says nothing", function()
    local db, runtime = client "region = eu-north-1\nservices =\nendpoint_url =\nretry_mode =\nuse_fips_endpoint ="
    assert(db:call("ListTables"))
    assert.equal("dynamodb.eu-north-1.amazonaws.com", runtime.requests[1].host)
  end)

  it("with services that are not there is told by every call", function()
    local _, err = client("region = r\nservices = none"):call("ListTables")
    assert.equal('there is no [services none], which profile "default" names', err.message)
  end)

  it("stands beside the environment's proxies", function()
    local db = client("region = r", {}, { HTTPS_PROXY = "http://proxy:3128", NO_PROXY = "a.example" })
    db:runtime()
    assert.same({ https = "http://proxy:3128", exempt = { "a.example" } }, db.transport.proxies)
    credentials.leave()
    local _, err = client("region = r", {}, { HTTPS_PROXY = "ftp://x" }):call("ListTables")
    assert.matches("HTTPS_PROXY must begin with", err.message, 1, true)
  end)

  it("with a value that cannot be is told by every call", function()
    local db = client "region = r\nuse_dualstack_endpoint = maybe\nmax_attempts = 0"
    local _, err = db:call("ListTables")
    assert.equal('max_attempts of profile "default" is "0", not a number of attempts; use_dualstack_endpoint of '
      .. 'profile "default" is "maybe", not true or false', err.message)
  end)
end)

describe("configured endpoints", function()
  it("are preferred as AWS's cases say", function()
    local cases = vectors.json "endpoints/configured-endpoint-urls.json"
    if not cases then return pending "the public test vectors are not here" end
    local count = 0
    for _, suite in ipairs(cases.testSuites) do
      for _, case in ipairs(suite.endpointUrlTests) do
        -- Most cases are of S3: what they say of it holds for DynamoDB.
        local function ours(name) return case.service == "s3" and (name:gsub("S3$", "DYNAMODB")) or name end
        local environment, services = {}, {}
        for name, value in pairs(suite.environments[case.environment]) do environment[ours(name)] = value end
        for name, section in pairs(suite.services) do services[name] = { dynamodb = section[case.service] } end
        local given = suite.client_configs[case.client_config]
        local found = config.endpoint(
          { endpoint = given.endpoint_url, ignore_configured_endpoint_urls = given.ignore_configured_endpoint_urls },
          environment, "dynamodb",
          { name = case.profile, properties = suite.profiles[case.profile], shared = { services = services } })
        local expected = case.output.endpointUrl
        assert.equal(not expected:find "amazonaws.com" and expected or nil, found and found.value, case.name)
        count = count + 1
      end
    end
    assert.is_true(count >= 39, count .. " cases")
  end)
end)

describe("the trace of a Lambda invocation", function()
  it("is handed on as AWS's cases say", function()
    local cases = vectors.json "profile-config/recursion-detection.json"
    if not cases then return pending "the public test vectors are not here" end
    for _, case in ipairs(cases) do
      if not case.requestHeadersBefore[1] then -- a header that the caller sets: there is no such option
        local db, runtime = credentials.client { variables = case.env,
          options = { access_key_id = "AK", secret_access_key = "SK" } }
        db:call("ListTables")
        local header = credentials.header(runtime.requests[1], "x-amzn-trace-id")
        credentials.leave()
        assert.same(case.requestHeadersAfter[1], header and "X-Amzn-Trace-Id: " .. header)
      end
    end
  end)

  it("is read for each request", function()
    assert.equal("", trace.header(function() return nil end))
    assert.equal("X-Amzn-Trace-Id: Root=1\r\n", trace.header(function() return "Root=1" end))
  end)
end)

describe("whoami", function()
  after_each(credentials.leave)

  it("says where everything comes from, and no secret", function()
    local db, runtime = credentials.client {
      variables = { HOME = "/h", AWS_PROFILE = "dev" }, options = { region = false },
      files = { ["/h/.aws/config"] = "[profile dev]\nregion = eu-north-1", ["/h/.aws/credentials"] = "[dev]\n"
        .. "aws_access_key_id = AKIDEXAMPLE1234\naws_secret_access_key = hunter22hunter22\n"
        .. "aws_session_token = tokentokentoken\naws_account_id = 123456789012\n" } }
    local who = assert(db:whoami { timeout = 5 })
    assert.same({ value = "dev", source = "AWS_PROFILE" }, who.profile)
    assert.same({ value = "eu-north-1", source = 'region of profile "dev"' }, who.region)
    assert.same({ value = "https://123456789012.ddb.eu-north-1.amazonaws.com/", source = "AWS's endpoint rules" },
      who.endpoint)
    assert.same({ access_key_id = ("*"):rep(16) .. "1234", account_id = "123456789012", source = 'profile "dev"' },
      who.credentials)
    local text = tostring(who)
    assert.matches('region       eu-north-1 (region of profile "dev")', text, 1, true)
    assert.is_nil((text .. core.json_encode(who)):find("hunter22", 1, true))
    assert.is_nil((text .. core.json_encode(who)):find("tokentoken", 1, true))
    assert.equal(0, #runtime.requests)
  end)

  it("gives the reason why nobody is known", function()
    local db = credentials.client { variables = { AWS_EC2_METADATA_DISABLED = "true" } }
    local who, err = db:whoami()
    assert.is_nil(who)
    assert.equal("CredentialsError", err.code)
    assert.is_false(pcall(dynamodb.connect({ region = "x" }).whoami, db, { tiemout = 1 }))
  end)
end)
