-- Calls of DynamoDB during an invocation of a Lambda function: the trace goes with them, and they end before it does.
local fake_client = require "spec.support.fake_client"
local system = require "dynamodb.system"

local OK = { status = 200, body = "{}" }

describe("During an invocation a call", function()
  after_each(function()
    for _, name in ipairs { "AWS_LAMBDA_FUNCTION_NAME", "_X_AMZN_TRACE_ID", "_DYNAMODB_DEADLINE_MS" } do
      system.setenv(name)
    end
  end)

  -- A client made in Lambda, unless `outside`; then the environment of one invocation.
  local function client(environment, answers, options, outside)
    if not outside then system.setenv("AWS_LAMBDA_FUNCTION_NAME", "f") end
    local db, runtime = fake_client.new(answers or { OK, OK }, options)
    for name, value in pairs(environment) do system.setenv(name, value) end
    return db, runtime
  end

  -- The fake runtime's wall clock stands at 1700000000.
  local function ends_in(seconds) return { _DYNAMODB_DEADLINE_MS = ("%d"):format((1700000000 + seconds) * 1000) } end

  it("carries the trace, which is not signed", function()
    local db, runtime = client { _X_AMZN_TRACE_ID = "Root=1-2;Parent=3;Sampled=1;lineage=a:0" }
    assert(db:call "ListTables")
    local request = runtime.requests[1]
    assert.equal("Root=1-2;Parent=3;Sampled=1;lineage=a:0", fake_client.header(request, "x-amzn-trace-id"))
    local signed = fake_client.header(request, "authorization"):match "SignedHeaders=([^,]+)"
    assert.is_nil(signed:find("trace", 1, true))
  end)

  it("carries the trace of its own invocation", function()
    local db, runtime = client { _X_AMZN_TRACE_ID = "Root=1" }
    assert(db:call "ListTables")
    system.setenv("_X_AMZN_TRACE_ID", "Root=2")
    assert(db:call "ListTables")
    assert.equal("Root=2", fake_client.header(runtime.requests[2], "x-amzn-trace-id"))
  end)

  it("carries no trace outside of Lambda", function()
    local db, runtime = client({ _X_AMZN_TRACE_ID = "Root=1" }, nil, nil, true)
    assert(db:call "ListTables")
    assert.is_nil(fake_client.header(runtime.requests[1], "x-amzn-trace-id"))
  end)

  it("cannot be split by what a trace holds", function()
    local db, runtime = client { _X_AMZN_TRACE_ID = "a\r\nX-Other: b" }
    assert(db:call "ListTables")
    assert.equal("a%0D%0AX-Other: b", (fake_client.header(runtime.requests[1], "x-amzn-trace-id")))
  end)

  it("ends a tenth of a second before the invocation", function()
    local db, runtime = client(ends_in(3))
    assert(db:call "ListTables")
    assert.near(2.9, runtime.requests[1].deadline, 1e-6)
  end)

  it("ends before the invocation also where it has no timeout or a later deadline", function()
    local db, runtime = client(ends_in(3), nil, { timeout = false })
    assert(db:call "ListTables")
    assert(db:call("ListTables", {}, { deadline = 100 }))
    assert.near(2.9, runtime.requests[1].deadline, 1e-6)
    assert.near(2.9, runtime.requests[2].deadline, 1e-6)
  end)

  it("keeps an earlier deadline of its own", function()
    local db, runtime = client(ends_in(3))
    assert(db:call("ListTables", {}, { timeout = 1 }))
    assert.equal(1, runtime.requests[1].deadline)
  end)

  it("is not repeated when the invocation would be over", function()
    local slow = { status = 500, body = "{}", delay = 0.95 }
    local db, runtime = client(ends_in(1), { slow }, { retry = { max_attempts = 4 } })
    local value, err = db:call "ListTables"
    assert.is_nil(value)
    assert.equal("DeadlineExceeded", err.code)
    assert.equal(1, #runtime.requests)
  end)

  it("is bounded as a batch, too", function()
    local db, runtime = client(ends_in(3))
    assert(db:table("t", { partition = "pk" }):put_all { { pk = "a" } })
    assert.near(2.9, runtime.requests[1].deadline, 1e-6)
  end)

  it("is as long as ever where the deadline is unknown", function()
    local db, runtime = client {}
    assert(db:call "ListTables")
    assert.equal(30, runtime.requests[1].deadline)
  end)
end)
