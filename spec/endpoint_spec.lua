local endpoint = require "dynamodb.endpoint"
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

  for url, message in pairs {
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
    it("refuses " .. ("%q"):format(url), function()
      local parsed, problem = endpoint.parse(url)
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

  it("agrees with AWS's cases, as far as it goes", function()
    local function plain(parameters)
      return not (parameters.UseFIPS or parameters.UseDualStack or parameters.AccountId or parameters.ResourceArn
        or parameters.ResourceArnList or parameters.IsSearchOperation) and parameters.AccountIdEndpointMode == nil
        and not (parameters.Region or ""):find "^cn%-" and not (parameters.Region or ""):find "iso"
        and not (parameters.Region or ""):find "eusc" and not (parameters.Endpoint or ""):find "api%.aws"
    end
    local count = 0
    for _, service in ipairs { "dynamodb", "dynamodbstreams" } do
      local cases = vectors.json("endpoints/" .. service .. ".json")
      if not cases then return pending "the public test vectors are not here" end
      for _, case in ipairs(cases.testCases) do
        local parameters = case.params or {}
        if plain(parameters) then
          count = count + 1
          local resolved, message = endpoint.resolve {
            Region = parameters.Region, Endpoint = parameters.Endpoint, service = service,
          }
          if case.expect.error then
            assert.is_nil(resolved)
            assert.equal(case.expect.error, message)
          else
            assert.equal(case.expect.endpoint.url, resolved and resolved.url)
          end
        end
      end
    end
    assert.is_true(count >= 10, count .. " cases")
  end)
end)
