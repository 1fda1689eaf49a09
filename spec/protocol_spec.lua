-- Public cases of AWS's protocol, from the client's side.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local fake_client = require "spec.support.fake_client"
local vectors = require "spec.support.vectors"

local client, header = fake_client.new, fake_client.header

describe("AWS's protocol cases", function()
  it("of errors that a client reads", function()
    local suites = vectors.json "protocol/output-json_1_0.json"
    if not suites then return pending "the public test vectors are not here" end
    local count = 0
    for _, suite in ipairs(suites) do
      for _, case in ipairs(suite.cases) do
        local answer = case.response
        if answer.status_code >= 300 then
          count = count + 1
          local db = client { { status = answer.status_code, headers = answer.headers, body = answer.body } }
          local _, err = db:call("ListTables")
          assert.equal(case.errorCode, err.code, case.id)
          if case.errorMessage and case.errorMessage ~= vectors.null then
            assert.equal(case.errorMessage, err.message, case.id)
          end
        end
      end
    end
    assert.is_true(count >= 5, count .. " cases")
  end)

  it("as observed with another client: codes, messages, reasons, outputs", function()
    local observed = vectors.json "observed-responses.json"
    if not observed then return pending "the public test vectors are not here" end
    local count = 0
    for _, case in ipairs(observed.cases) do
      local answer, seen = case.response, case.observed
      -- Bodies that are not JSON, empty ones and broken connections are told in other words here (design: Errors).
      local other = answer.connection or not (answer.body or ""):find "^{" or seen.name == "Unknown"
      if not other then
        count = count + 1
        local db = client { { status = answer.status, headers = answer.headers, body = answer.body } }
        local value, err = db:call("GetItem", { TableName = "t", Key = { pk = "a" } })
        if seen.outcome == "ok" then
          assert.is_nil(err, case.case)
          local item = seen.output.Item
          assert.equal(item and item.a.S or nil, value.Item and value.Item.a or nil, case.case)
        else
          assert.equal(seen.name, err.code, case.case)
          assert.equal(seen.httpStatus, err.status, case.case)
          if seen.message ~= "UnknownError" then assert.equal(seen.message, err.message, case.case) end
          assert.equal(seen.requestId, err.request_id, case.case)
          assert.equal(seen.attempts > 1, err.retryable, case.case)
        end
      end
    end
    assert.is_true(count >= 40, count .. " cases")
  end)

  -- A plain operation's parameters as a Lua program would give them: blobs are binaries.
  local function native(value)
    if type(value) ~= "table" then return value end
    local copy = {}
    for name, member in pairs(value) do
      copy[name] = name == "blobValue" and dynamodb.binary(member) or native(member)
    end
    return copy
  end

  it("of requests: the body, the type, the method", function()
    local suites = vectors.json "protocol/input-json_1_0.json"
    if not suites then return pending "the public test vectors are not here" end
    local count = 0
    for _, suite in ipairs(suites) do
      for _, case in ipairs(suite.cases) do
        -- Host prefixes and compressed requests are in no operation of DynamoDB.
        if case.serialized.body and not case.given.endpoint then
          count = count + 1
          local db, runtime = client({ {} }, { endpoint = suite.clientEndpoint })
          assert(db:call(case.given.name, native(case.params)))
          local request = runtime.requests[1]
          assert.same(vectors.decode(case.serialized.body), vectors.decode(request.body), case.id)
          assert.equal(case.serialized.method, request.method)
          assert.equal(case.serialized.uri, request.path, case.id)
          assert.equal("application/x-amz-json-1.0", header(request, "content-type"))
          assert.matches("%." .. case.given.name .. "$", header(request, "x-amz-target"))
        end
      end
    end
    assert.is_true(count >= 15, count .. " cases")
  end)

  it("of answers: members, nulls left out, an empty body", function()
    local suites = vectors.json "protocol/output-json_1_0.json"
    if not suites then return pending "the public test vectors are not here" end
    local count = 0
    for _, suite in ipairs(suites) do
      for _, case in ipairs(suite.cases) do
        local answer = case.response
        if answer.status_code < 300 then
          count = count + 1
          local db = client { { status = answer.status_code, headers = answer.headers, body = answer.body } }
          local value = assert(db:call(case.given.name))
          -- What a model would ignore is passed through here: no model is asked for plain members.
          value.foo = nil
          local contents = value.contents
          if contents then
            if contents.blobValue then contents.blobValue = core.unbase64(contents.blobValue) end
            contents.__type = nil
          end
          assert.same(case.result, core.json_decode(core.json_encode(value)), case.id)
        end
      end
    end
    assert.is_true(count >= 15, count .. " cases")
  end)
end)
