-- ECS, EKS Pod Identity, and what else gives credentials to a container.
local credentials = require "spec.support.credentials"
local dynamodb = require "dynamodb"
local loopback = require "spec.support.loopback"
local server = require "spec.support.server"
local vectors = require "spec.support.vectors"

local BODY = '{"AccessKeyId":"AK","SecretAccessKey":"SECRET12","Token":"TOKEN","AccountId":"123456789012",'
  .. '"Expiration":"2023-11-15T00:00:00Z"}'
local FULL, RELATIVE = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"

local function find(variables, routes, files)
  variables.AWS_EC2_METADATA_DISABLED = "true"
  return credentials.find { variables = variables, routes = routes, files = files }
end

describe("a container's credentials", function()
  after_each(credentials.leave)

  it("come from ECS", function()
    local found, _, runtime = find({ [RELATIVE] = "/v2/x?a=1", [FULL] = "http://ignored.example/" },
      { ["GET 169.254.170.2/v2/x?a=1"] = { { body = BODY } } })
    assert.same({ "AK", "SECRET12", "TOKEN", "123456789012", 1700006400 }, { found.access_key_id,
      found.secret_access_key, found.session_token, found.account_id, found.expires })
    assert.equal("application/json", credentials.header(runtime.requests[1], "accept"))
    assert.is_true(runtime.requests[1].is_direct)
    assert.equal("the container's endpoint 169.254.170.2", found.source)
  end)

  it("come from EKS, the token read each time", function()
    local tokens = { "first\n", "second\r\n" }
    local files = { ["/token"] = function() return table.remove(tokens, 1) end }
    local variables = {
      [FULL] = "http://169.254.170.23/v1/credentials", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = "/token",
      AWS_CONTAINER_AUTHORIZATION_TOKEN = "loses", AWS_EC2_METADATA_DISABLED = "true",
    }
    local db, runtime = credentials.client { variables = variables, files = files,
      routes = { ["GET 169.254.170.23/v1/credentials"] = { { body = BODY } } } }
    db:runtime()
    local found = assert(db.provider:get(runtime))
    db.provider:invalidate(found)
    assert(db.provider:get(runtime))
    assert.equal("first", credentials.header(runtime.requests[1], "authorization"))
    assert.equal("second", credentials.header(runtime.requests[2], "authorization"))
  end)

  it("are authorised by the token in the environment", function()
    local _, _, runtime = find({ [RELATIVE] = "/x", AWS_CONTAINER_AUTHORIZATION_TOKEN = "Basic abc" },
      { ["GET 169.254.170.2/x"] = { { body = BODY } } })
    assert.equal("Basic abc", credentials.header(runtime.requests[1], "authorization"))
  end)

  for host, is_allowed in pairs {
    ["http://127.0.0.1"] = true, ["http://127.9.9.9:8080"] = true, ["http://localhost"] = true,
    ["http://[::1]"] = true, ["http://[0:0:0:0:0:0:0:1]"] = true, ["http://[fd00:ec2::23]"] = true,
    ["http://[FD00:EC2:0::23]"] = true, ["http://169.254.170.2"] = true, ["http://169.254.170.23"] = true,
    ["https://anything.example:8443"] = true,
    ["http://anything.example"] = false, ["http://169.254.169.254"] = false, ["http://127.0.0.1.evil.example"] = false,
    ["http://localhost.evil.example"] = false, ["http://[::2]"] = false, ["http://128.0.0.1"] = false,
    ["http://127.1"] = false, ["http://0x7f000001"] = false, ["http://127.0.0.1@evil.example"] = false,
    ["http://[::ffff:127.0.0.1]"] = false, ["/credentials"] = false, ["file:///etc/passwd"] = false,
    ["http://evil.example#127.0.0.1"] = false, ["http://evil.example\\@127.0.0.1"] = false,
  } do
    it(("%s asked at %s"):format(is_allowed and "are" or "are never", host), function()
      local _, err, runtime = find({ [FULL] = host }, {})
      assert.equal(is_allowed and 1 or 0, #runtime.requests)
      if not is_allowed then assert.matches(FULL, err.message, 1, true) end
    end)
  end

  it("are fetched once for a hundred tasks, over HTTP", function()
    local runtime = loopback.new({ ["GET 169.254.170.2/x"] = { server.response(BODY) },
      ["POST 123456789012.ddb.eu-west-1.amazonaws.com/"] = { server.response "{}" } }, 1700000000)
    finally(function() runtime:close() end)
    loopback.enter({}, { [RELATIVE] = "/x" })
    local db = dynamodb.connect { region = "eu-west-1", runtime = runtime }
    local tasks = {}
    for i = 1, 100 do tasks[i] = runtime:spawn(function() return db:call "ListTables" end) end
    for i = 1, 100 do
      local ok, answer = runtime:join(tasks[i])
      assert.same({ true, {} }, { ok, answer })
    end
    assert.equal(101, #runtime.seen)
    assert.equal("http://169.254.170.2/x", runtime.seen[1].url)
    for i = 2, 101 do assert.matches("^https://123456789012%.ddb", runtime.seen[i].url) end
  end)

  for name, case in pairs {
    ["an answer without a key"] = { { body = '{"AccessKeyId":"AK"}' }, "SecretAccessKey is missing" },
    ["an answer that is no JSON"] = { { body = "<html>" }, "AccessKeyId is missing" },
    ["a refusal"] = { { status = 403, body = '{"message":"no such task"}' }, "HTTP 403, no such task" },
    ["a time that is none"] = {
      { body = '{"AccessKeyId":"AK","SecretAccessKey":"SECRET12","Expiration":"soon"}' },
      "Expiration is not a point in time",
    },
    ["a time of another kind"] = { { body = '{"AccessKeyId":"AK","SecretAccessKey":"SECRET12","Expiration":{}}' },
      "Expiration is not a point in time" },
    ["nobody there"] = { { code = "ConnectionError", message = "refused" }, "ConnectionError: refused" },
  } do
    it("stop the search at " .. name, function()
      local found, err = find({ [RELATIVE] = "/x" }, { ["GET 169.254.170.2/x"] = { case[1] } })
      assert.is_nil(found)
      assert.equal("CredentialsError", err.code)
      assert.matches(case[2], err.message, 1, true)
    end)
  end

  it("are asked for three times, two seconds each", function()
    local _, _, runtime = find({ [RELATIVE] = "/x" }, { ["GET 169.254.170.2/x"] = { { delay = 60 } } })
    assert.equal(3, #runtime.requests)
    for _, request in ipairs(runtime.requests) do assert.is_true(request.deadline - request.at < 2.001) end
  end)

  it("are not asked for with a token that would forge a header", function()
    local _, err, runtime = find({ [RELATIVE] = "/x", AWS_CONTAINER_AUTHORIZATION_TOKEN = "a\r\nX-Evil: 1" }, {})
    assert.equal(0, #runtime.requests)
    assert.matches("the authorization token has a line break", err.message, 1, true)
  end)

  it("are not asked for when the token's file is missing", function()
    local _, err, runtime = find({ [RELATIVE] = "/x", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = "/none" }, {})
    assert.equal(0, #runtime.requests)
    assert.matches("/none cannot be read: No such file", err.message, 1, true)
  end)

  it("are asked for where AWS's cases say", function()
    local cases = vectors.json "credentials/ecs-tests.json"
    if not cases then return pending "the public test vectors are not here" end
    for _, case in ipairs(cases.tests) do
      local _, err, runtime = find(case.env, {})
      credentials.leave()
      local request = runtime.requests[1]
      local url = request and ("%s://%s%s%s"):format(request.scheme, request.host,
        request.port ~= 80 and ":" .. request.port or "", request.path)
      assert.equal(case.result.Ok, url)
      assert.equal("CredentialsError", err.code)
    end
  end)
end)
