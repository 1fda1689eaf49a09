-- The metadata service of EC2, version 2.
local credentials = require "spec.support.credentials"
local vectors = require "spec.support.vectors"

local HOST = "169.254.169.254/latest/"
local EXTENDED, PLAIN = HOST .. "meta-data/iam/security-credentials-extended/",
  HOST .. "meta-data/iam/security-credentials/"
local TOKEN = { body = "TOKEN==" }

local function document(key, extra)
  return { body = ('{"Code":"Success","AccessKeyId":"%s","SecretAccessKey":"SECRET12","Token":"T",'
    .. '"Expiration":"2023-11-15T00:00:00Z"%s}'):format(key, extra or "") }
end

local function routes(more)
  local all = {
    ["PUT " .. HOST .. "api/token"] = { TOKEN },
    ["GET " .. EXTENDED] = { { body = "my role\n" } },
    ["GET " .. EXTENDED .. "my%20role"] = { document("AK", ',"AccountId":"123456789012"') },
  }
  for name, answers in pairs(more or {}) do all[name] = answers or nil end
  return all
end

local function paths(runtime)
  local list = {}
  for i, request in ipairs(runtime.requests) do list[i] = request.method .. " " .. request.path end
  return list
end

describe("an instance's credentials", function()
  after_each(credentials.leave)

  it("come with the account where the service tells it", function()
    local found, _, runtime = credentials.find { routes = routes() }
    assert.same({ "AK", "123456789012", 1700006400 }, { found.access_key_id, found.account_id, found.expires })
    assert.equal(3, #runtime.requests)
    assert.equal("21600", credentials.header(runtime.requests[1], "x-aws-ec2-metadata-token-ttl-seconds"))
    for _, request in ipairs(runtime.requests) do
      assert.is_true(request.is_direct)
      assert.is_true(request.deadline - request.at < 1.001)
    end
    assert.equal("TOKEN==", credentials.header(runtime.requests[3], "x-aws-ec2-metadata-token"))
  end)

  it("come without it where the service is older", function()
    local found, _, runtime = credentials.find { routes = routes {
      ["GET " .. EXTENDED] = { { status = 404 } },
      ["GET " .. PLAIN] = { { body = "role" } },
      ["GET " .. PLAIN .. "role"] = { document "AK" },
    } }
    assert.equal("AK", found.access_key_id)
    assert.same({ "PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials-extended/",
      "GET /latest/meta-data/iam/security-credentials/", "GET /latest/meta-data/iam/security-credentials/role",
    }, paths(runtime))
  end)

  it("are refreshed with the token and the role that are known", function()
    local db, runtime = credentials.client { routes = routes() }
    db:runtime()
    local found = assert(db.provider:get(runtime))
    db.provider:invalidate(found)
    assert(db.provider:get(runtime))
    assert.equal(4, #runtime.requests)
    runtime:advance(21600 - 120)
    assert(db.provider:get(runtime))
    assert.equal("PUT", runtime.requests[5].method)
  end)

  it("are fetched with another token when the service takes the old one no longer", function()
    local found, _, runtime = credentials.find { routes = routes {
      ["GET " .. EXTENDED] = { { status = 401 }, { body = "my role" } },
    } }
    assert.equal("AK", found.access_key_id)
    assert.equal("PUT", runtime.requests[3].method)
  end)

  it("are those of the role that the instance has now", function()
    local db, runtime = credentials.client { routes = routes {
      ["GET " .. EXTENDED] = { { body = "old" }, { body = "new" } },
      ["GET " .. EXTENDED .. "old"] = { document "AKOLD", { status = 404 } },
      ["GET " .. EXTENDED .. "new"] = { document "AKNEW" },
    } }
    db:runtime()
    local old = assert(db.provider:get(runtime))
    assert.equal("AKOLD", old.access_key_id)
    db.provider:invalidate(old)
    assert.equal("AKNEW", assert(db.provider:get(runtime)).access_key_id)
  end)

  it("are those of the role that is configured", function()
    local found, _, runtime = credentials.find {
      variables = { AWS_EC2_INSTANCE_PROFILE_NAME = "mine" },
      routes = routes { ["GET " .. EXTENDED .. "mine"] = { document "AKMINE" } },
    }
    assert.equal("AKMINE", found.access_key_id)
    assert.equal(2, #runtime.requests)
    found = credentials.find { variables = { AWS_EC2_INSTANCE_PROFILE_NAME = "a+b=c,d@e.f-g_h/i" },
      routes = routes { ["GET " .. EXTENDED .. "a+b=c,d@e.f-g_h%2Fi"] = { document "AKODD" } } }
    assert.equal("AKODD", found.access_key_id)
    local _, err = credentials.find {
      variables = { HOME = "/h" }, files = { ["/h/.aws/config"] = "[default]\nec2_instance_profile_name =" },
      routes = routes(),
    }
    assert.matches("ec2_instance_profile_name is blank", err.message, 1, true)
  end)

  it("that the service cannot give are none", function()
    local _, err = credentials.find { routes = routes {
      ["GET " .. EXTENDED .. "my%20role"] = { { body = '{"Code":"AssumeRoleUnauthorizedAccess"}' } },
    } }
    assert.matches("Code AssumeRoleUnauthorizedAccess", err.message, 1, true)
    assert.matches("no AWS credentials; searched", err.message, 1, true)
  end)

  it("are not searched where nobody answers, and that is told", function()
    local _, err, runtime = credentials.find { routes = { ["PUT " .. HOST .. "api/token"] = { { delay = 9 } } } }
    assert.matches("EC2 instance metadata (Timeout: no answer within 1 s)", err.message, 1, true)
    assert.equal(3, #runtime.requests)
    _, _, runtime = credentials.find {
      routes = { ["PUT " .. HOST .. "api/token"] = { { delay = 9 } } },
      variables = { AWS_METADATA_SERVICE_NUM_ATTEMPTS = "1", AWS_METADATA_SERVICE_TIMEOUT = "0.25" },
    }
    assert.equal(1, #runtime.requests)
    assert.equal(0.25, runtime.requests[1].deadline - runtime.requests[1].at)
  end)

  it("that were given once are not given up when the service is silent", function()
    local db, runtime = credentials.client { routes = routes {
      ["GET " .. EXTENDED .. "my%20role"] = { document "AK", { status = 500 } },
    } }
    db:runtime()
    local found = assert(db.provider:get(runtime))
    runtime:advance(86400)
    assert.equal(found, (db.provider:get(runtime)))
  end)

  it("end with the call's deadline", function()
    local _, err = credentials.find { deadline = 0.5, routes = { ["PUT " .. HOST .. "api/token"] = { { delay = 9 } } } }
    assert.equal("DeadlineExceeded", err.code)
  end)

  it("are asked for where AWS's cases say", function()
    local cases = vectors.json "credentials/imds-config/imds-endpoint-tests.json"
    if not cases then return pending "the public test vectors are not here" end
    for _, case in ipairs(cases.tests) do
      if not case.endpoint_override and not case.mode_override then -- another SDK's options
        local _, err, runtime = credentials.find { variables = case.env, files = case.fs }
        credentials.leave()
        local request = runtime.requests[1]
        local url = request and ("%s://%s%s%s"):format(request.scheme, request.host,
          request.port ~= 80 and ":" .. request.port or "", request.path)
        assert.equal(case.result.Ok, url)
        if case.result.Err then
          assert.matches(case.docs == "invalid uri" and "has a space" or case.result.Err, err.message, 1, true)
        end
      end
    end
  end)
end)
