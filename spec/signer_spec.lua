local core = require "dynamodb.core"
local signing = require "spec.support.signing"
local vectors = require "spec.support.vectors"

local EXAMPLE = {
  access_key_id = "AKIDEXAMPLE", secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  region = "us-east-1", service = "dynamodb",
}

--- EXAMPLE with some fields changed.
local function signer(changes)
  local options = {}
  for name, value in pairs(EXAMPLE) do options[name] = value end
  for name, value in pairs(changes or {}) do options[name] = value end
  return core.signer(options)
end

local function request(changes)
  local made = { method = "POST", path = "/", headers = { { "Host", "h" } }, body = "{}" }
  for name, value in pairs(changes or {}) do made[name] = value end
  return made
end

describe("the suite of aws-c-auth", function()
  local names = signing.cases()
  if #names == 0 then pending("sigv4/aws-c-auth-v4: vectors absent") end

  it("has 38 cases or more", function()
    if #names == 0 then return pending("vectors absent") end
    assert.is_true(#names >= 38)
  end)

  for _, name in ipairs(names) do
    it("signs the headers of " .. name, function()
      local case = signing.case(name)
      if case.sign_body then
        table.insert(case.request.headers, { "x-amz-content-sha256", case.payload_hash })
      end
      local headers, signature = case.signer:sign(case.request, case.time)
      assert.are.equal(case.header_signature, signature)
      assert.are.equal(case.authorization, headers.Authorization)
      assert.are.equal("20150830T123600Z", headers["X-Amz-Date"])
      assert.are.equal(case.token, headers["X-Amz-Security-Token"])
    end)

    it("presigns the query of " .. name, function()
      local case = signing.case(name)
      local query = case.signer:presign(case.request, case.time, case.expires)
      assert.are.equal(case.query_signature, query:match "X%-Amz%-Signature=(%x+)")
      assert.are.same(signing.parameters(case.query), signing.parameters(query))
    end)
  end
end)

describe("derived requests of DynamoDB", function()
  local data = vectors.json "sigv4/derived-dynamodb/cases.json"
  if not data then return pending("sigv4/derived-dynamodb: vectors absent") end

  for _, case in ipairs(data.cases) do
    local token = case.session_token ~= vectors.null and case.session_token or nil
    local own = {
      access_key_id = case.access_key_id, secret_access_key = case.secret_access_key, session_token = token,
      region = case.region, service = case.service,
    }

    it("sign: " .. case.name, function()
      local headers, signature = core.signer(own):sign({
        method = case.method, path = case.path, query = case.query, headers = case.headers, body = case.body,
      }, signing.time(case.timestamp))
      assert.are.equal(case.signature, signature)
      assert.are.equal(case.authorization, headers.Authorization)
      assert.are.equal(case.timestamp, headers["X-Amz-Date"])
      assert.are.equal(token, headers["X-Amz-Security-Token"])
    end)
  end
end)

-- https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html and
-- https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, …/sigv4-query-string-auth.html
describe("AWS's worked examples", function()
  local EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  local DAY = signing.time "20130524T000000Z"
  local s3 = core.signer {
    access_key_id = "AKIAIOSFODNN7EXAMPLE", secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    region = "us-east-1", service = "s3", normalize_path = false, double_encode = false,
  }

  local function bucket(changes, ...)
    local made = request { method = "GET", body = "", headers = { { "Host", "examplebucket.s3.amazonaws.com" }, ... } }
    for name, value in pairs(changes) do made[name] = value end
    return made
  end

  it("IAM: ListUsers", function()
    local headers, signature = signer { service = "iam" }:sign({
      method = "GET", path = "/", query = "Action=ListUsers&Version=2010-05-08",
      headers = {
        { "Host", "iam.amazonaws.com" }, { "Content-Type", "application/x-www-form-urlencoded; charset=utf-8" },
        { "X-Amz-Date", "20150830T123600Z" },
      },
    }, signing.time "20150830T123600Z")
    assert.are.equal("5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7", signature)
    assert.are.equal("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
      .. "SignedHeaders=content-type;host;x-amz-date, Signature=" .. signature, headers.Authorization)
  end)

  it("S3: GET of a range of an object", function()
    local _, signature = s3:sign(bucket({ path = "/test.txt" }, { "Range", "bytes=0-9" },
      { "x-amz-content-sha256", EMPTY }), DAY)
    assert.are.equal("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", signature)
  end)

  it("S3: PUT of an object whose name is encoded", function()
    local _, signature = s3:sign(bucket({ method = "PUT", path = "/test%24file.text", body = "Welcome to Amazon S3." },
      { "Date", "Fri, 24 May 2013 00:00:00 GMT" }, { "x-amz-storage-class", "REDUCED_REDUNDANCY" },
      { "x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072" }), DAY)
    assert.are.equal("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", signature)
  end)

  it("S3: GET of a bucket's lifecycle: a parameter without a value", function()
    local _, signature = s3:sign(bucket({ query = "lifecycle" }, { "x-amz-content-sha256", EMPTY }), DAY)
    assert.are.equal("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543", signature)
  end)

  it("S3: GET of a bucket's list", function()
    local _, signature = s3:sign(bucket({ query = "max-keys=2&prefix=J" }, { "x-amz-content-sha256", EMPTY }), DAY)
    assert.are.equal("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", signature)
  end)

  it("S3: a presigned GET", function()
    local query = s3:presign(bucket { path = "/test.txt", payload_hash = "UNSIGNED-PAYLOAD" }, DAY, 86400)
    assert.are.equal("X-Amz-Algorithm=AWS4-HMAC-SHA256"
      .. "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
      .. "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
      .. "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", query)
  end)
end)

describe("signer:head", function()
  local BODY = '{"TableName":"t"}'
  local TIME = signing.time "20261122T220503Z"

  local function both(changes, path)
    local s = signer(changes)
    local head = s:head("dynamodb.us-east-1.amazonaws.com", "DynamoDB_20120810.GetItem", BODY, TIME,
      "0b2b8c29-0d5e-4a6b-8d2b-3c8f1f6f9a11", "attempt=1; max=4", "agent/1", "X-Extra: 1\r\n", path)
    local headers = s:sign({
      method = "POST", path = path or "/", body = BODY,
      headers = {
        { "Host", "dynamodb.us-east-1.amazonaws.com" }, { "Content-Type", "application/x-amz-json-1.0" },
        { "X-Amz-Target", "DynamoDB_20120810.GetItem" }, { "amz-sdk-request", "attempt=1; max=4" },
        { "amz-sdk-invocation-id", "0b2b8c29-0d5e-4a6b-8d2b-3c8f1f6f9a11" }, { "User-Agent", "agent/1" },
      },
    }, TIME)
    return head, headers
  end

  for name, changes in pairs { plain = {}, ["with a token"] = { session_token = ("t/+="):rep(100) },
                               ["with a token left out"] = { session_token = "t", omit_session_token = true } } do
    it("signs as signer:sign does, " .. name, function()
      local head, headers = both(changes)
      for header, value in pairs(headers) do
        assert.are.equal(value, core.header("\n" .. head, header:lower()))
      end
      assert.are.equal(changes.session_token, headers["X-Amz-Security-Token"])
    end)
  end

  it("signs the path of an endpoint that has one", function()
    local head, headers = both({}, "/stage one/x")
    assert.are.equal(headers.Authorization, core.header("\n" .. head, "authorization"))
    assert.are_not.equal(headers.Authorization, select(2, both {}).Authorization)
  end)

  it("gives every header once, on a line of its own", function()
    local head, seen = both { session_token = "t" }, {}
    for line, rest in head:gmatch "([^\r\n]*)(\r\n)" do
      local name = line:match "^([%w-]+): [^ ]"
      assert.is_string(name, line)
      assert.is_nil(seen[name:lower()])
      seen[name:lower()] = rest
    end
    for _, name in ipairs { "host", "content-type", "content-length", "x-amz-target", "x-amz-date", "authorization",
                            "x-amz-security-token", "amz-sdk-invocation-id", "amz-sdk-request", "user-agent" } do
      assert.is_string(seen[name], name)
    end
    assert.are.equal("1", core.header("\n" .. head, "x-extra"))
    assert.are.equal(tostring(#BODY), core.header("\n" .. head, "content-length"))
  end)

  it("refuses line breaks in every place", function()
    local function head(place, value)
      local arguments = { "h", "T.Op", "{}", TIME, "id", "attempt=1", "agent", "A: b\r\n" }
      arguments[place] = value
      return pcall(signer().head, signer(), (table.unpack or unpack)(arguments, 1, 8))
    end
    assert.is_true((head(3, "any\r\nbody\0")))
    for _, place in ipairs { 1, 2, 5, 6, 7 } do
      for _, bad in ipairs { "a\r\nX: y", "a\nb", "a\rb", "a\0b", "long enough for words\n", "\127" } do
        local ok, message = head(place, bad)
        assert.is_false(ok)
        assert.truthy(message:find("control character", 1, true), message)
      end
    end
    for _, bad in ipairs { "A: b", "A: b\n", "A: b\r\n\r\n", "\r\n", "A: b\r\n\r\nGET /", "A: b\rX: y\r\n",
                           "A\0: b\r\n" } do
      assert.is_false((head(8, bad)), bad)
    end
  end)
end)

describe("a signer", function()
  it("refuses options that are missing, of another type or unsafe, and never names a secret", function()
    for _, name in ipairs { "access_key_id", "secret_access_key", "region", "service" } do
      for _, bad in ipairs { "", "a\nb", "a\0b", " a", "a ", 5, true } do
        local ok, message = pcall(signer, { [name] = bad })
        assert.is_false(ok)
        assert.truthy(message:find("'" .. name .. "'", 1, true), message)
        assert.falsy(message:find("wJalr", 1, true))
      end
      local options = {}
      for field, value in pairs(EXAMPLE) do options[field] = value end
      options[name] = nil
      assert.error_matches(function() core.signer(options) end, "'" .. name .. "' must be a string, not a nil")
    end
    assert.error_matches(function() signer { normalise_path = false } end, "unknown field 'normalise_path'")
    assert.has_error(function() core.signer() end)
    assert.has_error(function() signer { session_token = "a\r\nb" } end)
    assert.has_error(function() signer { normalize_path = "yes" } end)
    assert.has_error(function() signer { double_encode = 1 } end)
  end)

  it("refuses requests that cannot be signed", function()
    local s = signer()
    local function refused(changes, pattern, time)
      assert.error_matches(function() s:sign(request(changes), time or 0) end, pattern)
    end
    refused({ headers = {} }, "must hold Host")
    refused({ headers = { "Host: h" } }, "headers%[1%] must be a table")
    refused({ headers = { { "Host", "h" }, { "a" } } }, "headers%[2%]%[2%] must be a string, not a nil")
    refused({ headers = { { "Host", "h" }, { "a", 1 } } }, "headers%[2%]%[2%] must be a string")
    refused({ headers = { { "Host", "h\r\nX: y" } } }, "line break")
    for _, name in ipairs { "a\nb", "X:y", "", "a b" } do
      refused({ headers = { { "Host", "h" }, { name, "c" } } }, "headers%[2%]%[1%] is not a header's name")
    end
    refused({ headers = 5 }, "'headers' must be a table, not a number")
    refused({ Body = "" }, "unknown field 'Body'")
    refused({ method = "" }, "'method'")
    refused({ method = "GET\n" }, "'method'")
    refused({ body = {} }, "'body' must be a string")
    refused({ query = 5 }, "'query' must be a string")
    refused({}, "years 0 to 9999", 2^60)
    refused({}, "years 0 to 9999", 0/0)
    refused({}, "years 0 to 9999", -1e15)
    assert.has_error(function() s:sign(request(), "now") end)
    assert.has_error(function() s:sign(request(), "12") end)
    assert.has_error(function() s:sign(nil, 0) end)
    assert.has_error(function() s.sign(core.binary "x", request(), 0) end)
    for _, expires in ipairs { 0, -1, 604801, 0/0, 1/0 } do
      assert.error_matches(function() s:presign(request(), 0, expires) end, "1 to 604800")
    end
  end)

  it("writes dates of all years, leap days and fractions of a second", function()
    local s = signer()
    for text, time in pairs {
      ["19700101T000000Z"] = 0, ["19691231T235959Z"] = -1, ["20000229T000000Z"] = 951782400,
      ["21000228T235959Z"] = 4107542399, ["21000301T000000Z"] = 4107542400, ["99991231T235959Z"] = 253402300799,
      ["00000101T000000Z"] = -62167219200, ["20261122T220503Z"] = 1795385103.999,
    } do
      local headers = s:sign(request(), time)
      assert.are.equal(text, headers["X-Amz-Date"])
    end
  end)

  it("derives its key anew when the day changes, and back", function()
    local s = signer()
    local function at(time)
      local _, signature = s:sign(request(), time)
      local _, fresh = signer():sign(request(), time)
      assert.are.equal(fresh, signature)
      return signature
    end
    local today = at(86400)
    assert.are_not.equal(today, at(172800))
    assert.are.equal(today, at(86400))
  end)

  it("leaves headers out that travel may change, and its own of an earlier attempt", function()
    local s = signer { session_token = "t" }
    local plain = s:sign(request(), 0)
    local full = s:sign(request { headers = {
      { "User-Agent", "a" }, { "Connection", "close" }, { "Expect", "" }, { "X-Amzn-Trace-Id", "x" }, { "TE", "x" },
      { "Transfer-Encoding", "chunked" }, { "AUTHORIZATION", "old" }, { "x-amz-date", "old" }, { "HOST", "h" },
      { "X-AMZ-Security-Token", "old" },
    } }, 0)
    assert.are.same(plain, full)
  end)

  it("takes queries of any shape", function()
    for _, query in ipairs { "=", "=&=", "&&&", "a", "a=b=c", "%", "%4", "%zz", "a=%e2%98%83", "\0",
                             ("x=1&"):rep(1000) } do
      for _, options in ipairs { {}, { normalize_path = false, double_encode = false } } do
        local _, signature = signer(options):sign(request { query = query }, 0)
        assert.are.equal(64, #signature)
        assert.is_string((signer(options):presign(request { query = query }, 0)))
      end
    end
    local _, lower = signer():sign(request { query = "a=%e2%98%83&b" }, 0)
    local _, upper = signer():sign(request { query = "b=&a=%E2%98%83" }, 0)
    assert.are.equal(lower, upper)
  end)

  it("shows its place, not its keys", function()
    local s = signer { session_token = "token" }
    assert.are.equal("dynamodb.signer (us-east-1, dynamodb)", tostring(s))
    s:close()
    s:close()
    assert.are.equal("dynamodb.signer (closed)", tostring(s))
    assert.error_matches(function() s:sign(request(), 0) end, "signer is closed")
    assert.error_matches(function() s:presign(request(), 0) end, "signer is closed")
    assert.error_matches(function() s:head("h", "t", "", 0, "i", "a") end, "signer is closed")
  end)
end)

describe("signer:attempt", function()
  local TIME = signing.time "20261122T220503Z"

  local function new_call(...) return core.retry():begin(...) end
  local function field(head, name) return core.header("\n" .. head, name) end

  it("says which attempt it is, of how many, until when, and of which call", function()
    local call, ids = new_call(true, 90, 3), {}
    local function attempt(now, time)
      local head = signer():attempt(call, "h", "T.Op", "{}", time, now)
      ids[#ids + 1] = field(head, "amz-sdk-invocation-id")
      return field(head, "amz-sdk-request")
    end
    assert.are.equal("attempt=1; max=3; ttl=20261122T220603Z", attempt(30, TIME))
    assert.are.equal("retry", (call:ended({ status = 500 }, 31)))
    assert.are.equal("attempt=2; max=3; ttl=20261122T220602Z", attempt(32, TIME + 1))
    assert.matches("^%x+%-%x+%-4%x+%-%x+%-%x+$", ids[1])
    assert.are.equal(ids[1], ids[2])
    assert.are_not.equal(ids[1], field(signer():attempt(new_call(), "h", "T", "", TIME, 0), "amz-sdk-invocation-id"))
  end)

  it("says nothing of a deadline that is none, over or further away than a day", function()
    for _, deadline in ipairs { false, -1, 86401 } do
      local head = signer():attempt(new_call(true, deadline or nil), "h", "T", "", TIME, 0)
      assert.are.equal("attempt=1; max=4", field(head, "amz-sdk-request"))
    end
  end)

  it("signs by the service's clock", function()
    local policy = core.retry()
    policy:begin():ended(nil, 0, "HTTP/1.1 200\r\nDate: Sun, 22 Nov 2026 22:15:03 GMT\r\n", TIME, TIME)
    local head = signer():attempt(policy:begin(true, 60), "h", "T", "", TIME, 0)
    assert.are.equal("20261122T221503Z", field(head, "x-amz-date"))
    assert.are.equal("attempt=1; max=4; ttl=20261122T221603Z", field(head, "amz-sdk-request"))
  end)

  it("is the head that signer:head makes of the same", function()
    local call = new_call(true)
    local head = signer():attempt(call, "h", "T.Op", "{}", TIME, 0, "agent", "A: b\r\n", "/")
    assert.are.equal(head, signer():head("h", "T.Op", "{}", TIME, field(head, "amz-sdk-invocation-id"),
      "attempt=1; max=4", "agent", "A: b\r\n", "/"))
  end)

  it("is the whole message of a body of up to as many bytes as are wanted so", function()
    local call = new_call(true)
    local message, is_whole = signer():attempt(call, "h", "T.Op", "{}", TIME, 0, "agent", "A: b\r\n", "/a", 2)
    assert.is_true(is_whole)
    local head = signer():head("h", "T.Op", "{}", TIME, field(message, "amz-sdk-invocation-id"), "attempt=1; max=4",
      "agent", "A: b\r\n", "/a")
    assert.are.equal(core.http_request("POST", "/a", head, "{}", true), message)
  end)

  it("is the head alone of a larger body", function()
    local head, is_whole = signer():attempt(new_call(), "h", "T.Op", "{} ", TIME, 0, nil, nil, "/", 2)
    assert.is_false(is_whole)
    assert.matches("^Host: h\r\n", head)
    assert.matches("Signature=%x+\r\n$", head)
  end)

  it("makes no message of a path that could end its first line", function()
    for _, path in ipairs { "", "a", "/a b", "/a#b", "/\128" } do
      assert.has_error(function() signer():attempt(new_call(), "h", "T", "", TIME, 0, nil, nil, path, 2) end,
        "bad argument #9 to 'attempt' (an encoded path that begins with / expected)")
    end
  end)
end)
