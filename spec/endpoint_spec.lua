local endpoint = require "dynamodb.endpoint"
local fake_client = require "spec.support.fake_client"
local url = require "dynamodb.url"
local vectors = require "spec.support.vectors"

describe("endpoint.parse", function()
  it("takes a URL apart", function()
    assert.same({ scheme = "https", host = "dynamodb.eu-west-1.amazonaws.com", port = 443, path = "/",
      authority = "dynamodb.eu-west-1.amazonaws.com" }, endpoint.parse "https://dynamodb.eu-west-1.amazonaws.com")
    assert.same({ scheme = "http", host = "localhost", port = 8000, path = "/base/x/", authority = "localhost:8000" },
      endpoint.parse "HTTP://LocalHost:8000/base/x")
    assert.equal("h", endpoint.parse("http://h:80/").authority)
    assert.equal("h:443", endpoint.parse("http://h:443/").authority)
    assert.same({ scheme = "http", host = "[::1]", port = 8000, path = "/", authority = "[::1]:8000" },
      endpoint.parse "http://[::1]:8000")
    assert.equal("10.0.0.1", endpoint.parse("http://10.0.0.1").host)
    assert.equal("vpce-1a-2b.dynamodb.us-east-1.vpce.amazonaws.com",
      endpoint.parse("https://vpce-1a-2b.dynamodb.us-east-1.vpce.amazonaws.com").host)
  end)

  for text, message in pairs {
    ["ftp://h"] = "must begin with http",
    ["localhost:8000"] = "must begin with http",
    ["//h"] = "must begin with http",
    ["http://"] = "has no host",
    ["http://:80"] = "has no host",
    ["http://user:secret@h"] = "user name or a password",
    ["http://good.example@evil.example"] = "user name or a password",
    ["http://h:"] = "port that is not a number",
    ["http://h:8a"] = "port that is not a number",
    ["http://h:0"] = "port outside",
    ["http://h:65536"] = "port outside",
    ["http://h:999999"] = "port that is not a number",
    ["http://h/?a=b"] = "query",
    ["http://h/#a"] = "query, a fragment",
    ["http://h\\@evil"] = "user name|backslash|query",
    ["http://h\r\nX: y"] = "control character",
    ["http://h h"] = "space",
    ["http://h\195\164"] = "not ASCII",
    ["http://127.1"] = "not a name or an address",
    ["http://2130706433"] = "not a name or an address",
    ["http://0x7f000001"] = "not a name or an address",
    ["http://0177.0.0.1"] = "not a name or an address",
    ["http://256.1.1.1"] = "not a name or an address",
    ["http://a..b"] = "not a name or an address",
    ["http://[127.0.0.1]"] = "not a name or an address",
    ["http://[::1"] = "not a name or an address|port",
  } do
    it("refuses " .. ("%q"):format(text), function()
      local parsed, problem = endpoint.parse(text)
      assert.is_nil(parsed)
      local matched = false
      for each in message:gmatch "[^|]+" do matched = matched or problem:find(each, 1, true) ~= nil end
      assert.is_true(matched, problem)
    end)
  end

  it("never repeats a password", function()
    local _, problem = endpoint.parse "http://user:hunter22@h"
    assert.is_nil(problem:find("hunter22", 1, true))
  end)
end)

describe("an address", function()
  it("is the same in all its notations", function()
    for _, host in ipairs { "[::1]", "[0:0:0:0:0:0:0:1]", "[0::0001]", "[::0:1]" } do
      assert.equal("0:0:0:0:0:0:0:1", url.address(host))
    end
    assert.equal("10.0.0.1", url.address "10.0.0.1")
    for _, host in ipairs { "localhost", "[1:2]", "[1:2:3:4:5:6:7:8:9]", "[::1::]", "[12345::]", "[::ffff:1.2.3.4]",
      "[fe80::1%eth0]", "[:1]", "[1:2:3:4:5:6:7::8]" } do
      assert.is_nil(url.address(host), host)
    end
  end)

  it("of this machine is told from names that look like it", function()
    for _, host in ipairs { "localhost", "127.0.0.1", "127.255.0.9", "[::1]" } do
      assert.is_true(url.is_loopback(host))
    end
    for _, host in ipairs { "localhost.evil.example", "127.0.0.1.evil.example", "[::2]", "128.0.0.1" } do
      assert.is_false(url.is_loopback(host))
    end
  end)

  it("keeps its path and query where it is that of a resource", function()
    assert.equal("/v2/x?a=1", url.parse("http://h/v2/x?a=1", true).path)
    assert.equal("/", url.parse("http://h", true).path)
    assert.equal("/?a", url.parse("http://h?a", true).path)
    assert.is_nil(url.parse("http://h/#x", true))
  end)
end)

describe("endpoint.resolve", function()
  it("makes the region's own host", function()
    assert.same({ url = "https://dynamodb.eu-west-1.amazonaws.com" }, endpoint.resolve { Region = "eu-west-1" })
    assert.same({ url = "https://streams.dynamodb.eu-west-1.amazonaws.com" },
      endpoint.resolve { Region = "eu-west-1", service = "dynamodbstreams" })
  end)

  it("takes a configured endpoint as it is", function()
    assert.same({ url = "http://localhost:8000/x" },
      endpoint.resolve { Region = "eu-west-1", Endpoint = "http://localhost:8000/x" })
    local resolved, message = endpoint.resolve { Region = "eu-west-1", Endpoint = "localhost" }
    assert.is_nil(resolved)
    assert.equal("Invalid Configuration: the endpoint URL must begin with http:// or https://", message)
  end)

  it("knows the region local, which is signed for as us-east-1", function()
    assert.same({ url = "http://localhost:8000" }, endpoint.resolve { Region = "local" })
    assert.equal("us-east-1", endpoint.signing_region "local")
    assert.equal("eu-west-1", endpoint.signing_region "eu-west-1")
  end)

  it("needs a region that can be a part of a host", function()
    assert.equal("Invalid Configuration: Missing Region", select(2, endpoint.resolve {}))
    assert.equal("Invalid Configuration: Missing Region", select(2, endpoint.resolve { Region = "" }))
    for _, region in ipairs { "a.evil.example/", "a b", "-a", "a-", "a@b", ("a"):rep(64) } do
      assert.is_nil((endpoint.resolve { Region = region }))
    end
  end)

  for _, service in ipairs { "dynamodb", "dynamodbstreams", "sts", "sso", "sso-oidc", "signin" } do
    it("agrees with AWS's cases of " .. service, function()
      local cases = vectors.json("endpoints/" .. service .. ".json")
      if not cases then return pending "the public test vectors are not here" end
      for _, case in ipairs(cases.testCases) do
        local parameters = case.params or {}
        parameters.service = service
        local resolved, message = endpoint.resolve(parameters)
        assert.equal(case.expect.error or case.expect.endpoint.url, message or resolved.url, case.documentation)
      end
    end)
  end

  -- What AWS's cases do not say, from its rule sets.
  for _, case in ipairs {
    { { Region = "us-gov-west-1", UseFIPS = true, service = "sso" }, "https://portal.sso.us-gov-west-1.amazonaws.com" },
    { { Region = "us-gov-west-1", UseFIPS = true, service = "sso-oidc" }, "https://oidc.us-gov-west-1.amazonaws.com" },
    { { Region = "us-gov-west-1", UseFIPS = true, service = "sts" }, "https://sts.us-gov-west-1.amazonaws.com" },
    { { Region = "aws-global", service = "sts" }, "https://sts.amazonaws.com" },
    { { Region = "eu-west-1", UseDualStack = true, service = "dynamodbstreams" },
      "https://streams-dynamodb.eu-west-1.api.aws" },
    { { Region = "us-iso-east-1", UseDualStack = true, UseFIPS = true, service = "dynamodbstreams" },
      "https://streams.dynamodb-fips.us-iso-east-1.api.aws.ic.gov" },
    { { Region = "local", service = "dynamodbstreams" }, "http://localhost:8000" },
    { { Region = "mx-unheard_of-99" }, nil },
    { { Region = "mx-unheardof-99" }, "https://dynamodb.mx-unheardof-99.amazonaws.com" },
    { { Region = "cn-south-3" }, "https://dynamodb.cn-south-3.amazonaws.com.cn" },
    { { Region = "us-isob-south-7" }, "https://dynamodb.us-isob-south-7.sc2s.sgov.gov" },
    { { Region = "us-east-1-foo" }, "https://dynamodb.us-east-1-foo.amazonaws.com" },
    { { Region = "us-east-1", AccountIdEndpointMode = "preferred",
      ResourceArn = "arn:aws:dynamodb:us-east-1:-bad-:table/t", AccountId = "1" },
      "https://1.ddb.us-east-1.amazonaws.com" },
    { { Region = "us-east-1", AccountIdEndpointMode = "preferred",
      ResourceArn = "arn:aws:dynamodb:us-east-1:evil.example/:table/t" }, "https://dynamodb.us-east-1.amazonaws.com" },
  } do
    it(("makes %s of %s"):format(tostring(case[2]), case[1].Region), function()
      local resolved = endpoint.resolve(case[1])
      assert.equal(case[2], resolved and resolved.url)
    end)
  end
end)

describe("the hosts of a client's requests", function()
  local ARN = "arn:aws:dynamodb:eu-west-1:222222222222:table/t"

  local function host(operation, params, options, answer)
    local all = { account_id = "111111111111" }
    for name, value in pairs(options or {}) do all[name] = value end
    local db, runtime = fake_client.new({ answer or { body = "{}" } }, all)
    local _, err = db:call(operation, params)
    return runtime.requests[1] and runtime.requests[1].host or err.message
  end

  it("are those of the account, once it is known", function()
    assert.equal("111111111111.ddb.eu-west-1.amazonaws.com", host("ListTables", {}))
    assert.equal("dynamodb.eu-west-1.amazonaws.com", host("ListTables", {}, { account_id_endpoint_mode = "disabled" }))
    assert.equal("streams.dynamodb.eu-west-1.amazonaws.com", host("ListStreams", {}))
    assert.equal("127.0.0.1", host("ListTables", {}, { endpoint = "http://127.0.0.1:8000" }))
  end)

  it("are those of the account in an ARN, wherever the operation has it", function()
    local expected = "222222222222.ddb.eu-west-1.amazonaws.com"
    local key = { pk = "a" }
    for operation, params in pairs {
      GetItem = { TableName = ARN, Key = key },
      BatchGetItem = { RequestItems = { [ARN] = { Keys = { key } } } },
      TransactWriteItems = { TransactItems = { { Delete = { TableName = ARN, Key = key } } } },
      TransactGetItems = { TransactItems = { { Get = { TableName = ARN, Key = key } } } },
      DeleteBackup = { BackupArn = ARN .. "/backup/1" },
      TagResource = { ResourceArn = ARN, Tags = {} },
      ImportTable = { TableCreationParameters = { TableName = ARN } },
      ExportTableToPointInTime = { TableArn = ARN, S3Bucket = "b" },
    } do
      assert.equal(expected, host(operation, params), operation)
    end
    assert.equal("222222222222.search-ddb.eu-west-1.amazonaws.com",
      host("SearchVectors", { TableName = ARN, IndexName = "i", SearchVector = { 1 }, TopK = 1 }))
    assert.equal("111111111111.ddb.eu-west-1.amazonaws.com",
      host("GetItem", { TableName = ARN:gsub("eu%-west%-1", "eu-west-2"), Key = key }))
  end)

  it("are those of the ARN also in transactions and batches that are built", function()
    local db, runtime = fake_client.new({ { body = "{}" }, { body = "{}" }, { body = "{}" } })
    local users = db:table(ARN, { partition = "pk" })
    assert(db:transact(function(tx) tx:delete(users, { pk = "a" }) end))
    assert(users:put_all { { pk = "a" } })
    assert.is_nil((select(2, users:get { pk = "a" })))
    for i = 1, 3 do assert.equal("222222222222.ddb.eu-west-1.amazonaws.com", runtime.requests[i].host) end
  end)

  it("follow FIPS and dual-stack", function()
    assert.equal("dynamodb-fips.eu-west-1.amazonaws.com", host("ListTables", {}, { use_fips_endpoint = true }))
    assert.equal("111111111111.ddb.eu-west-1.api.aws", host("ListTables", {}, { use_dualstack_endpoint = true }))
  end)

  it("are none where an account is required and unknown", function()
    local message = host("ListTables", {}, { account_id = nil, account_id_endpoint_mode = "required",
      region = "us-iso-east-1" })
    assert.matches("AccountIdEndpointMode is required but account endpoints are not supported", message, 1, true)
  end)
end)
