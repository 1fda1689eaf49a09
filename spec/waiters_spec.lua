-- Waiting for states of the control plane, on a virtual clock.
local fake_client = require "spec.support.fake_client"

local message_of = fake_client.message_of

local function table_is(status, members)
  return { body = ('{"Table":{"TableName":"users","TableStatus":%q%s}}'):format(status, members or "") }
end

local function refused(code)
  return { status = 400, body = ('{"__type":"x#%s","message":"by the script"}'):format(code) }
end

local NOT_FOUND = refused "ResourceNotFoundException"

-- Delays without their jitter.
local function connect(answers, options)
  local all = { retry = { max_attempts = 1, random = 0.5 } }
  for name, value in pairs(options or {}) do all[name] = value end
  return fake_client.new(answers, all)
end

local function rounded(times)
  local list = {}
  for i, time in ipairs(times) do list[i] = tonumber(("%.3f"):format(time)) end
  return list
end

describe("db:wait", function()
  it("looks at once, and gives what it has seen", function()
    local db, runtime = connect { table_is("ACTIVE", ',"ItemCount":7') }
    assert.equal(7, assert(db:wait("active", "users")).ItemCount)
    assert.same({}, runtime.slept)
  end)

  it("looks again after delays that grow from 0.2 to 10 seconds", function()
    local answers = { NOT_FOUND }
    for i = 2, 12 do answers[i] = table_is "CREATING" end
    answers[13] = table_is "ACTIVE"
    local db, runtime = connect(answers)
    assert(db:wait("active", "users"))
    assert.same({ 0.2, 0.34, 0.578, 0.983, 1.67, 2.84, 4.828, 8.207, 10, 10, 10, 10 }, rounded(runtime.slept))
  end)

  it("spreads its delays by a quarter", function()
    local function first(random)
      local db, runtime = connect({ table_is "CREATING", table_is "ACTIVE" },
        { retry = { max_attempts = 1, random = random } })
      assert(db:wait("active", "users"))
      return rounded(runtime.slept)[1]
    end
    assert.same({ 0.15, 0.25 }, { first(0), first(1) })
    local drawn = {}
    for _ = 1, 20 do drawn[first()] = true end
    assert.is_not_nil(next(drawn, next(drawn)))
  end)

  it("gives up after 600 seconds, with the last state", function()
    local db, runtime = connect(nil, {})
    runtime.handler = function() return table_is "CREATING" end
    local value, err = db:wait("active", "users")
    assert.is_nil(value)
    assert.equal("DeadlineExceeded", err.code)
    assert.equal("CREATING", err.state)
    assert.equal("waited for users to be ACTIVE; the last state seen is CREATING", err.message)
    assert.is_true(err.retryable)
    assert.is_true(runtime:now() > 599 and runtime:now() <= 600)
  end)

  it("keeps to a timeout or deadline of the caller's, with a last look before it", function()
    local function last_look(options)
      local db, runtime = connect()
      runtime.handler = function() return table_is "CREATING" end
      assert.equal("CREATING", select(2, db:wait("active", "users", options)).state)
      return rounded { runtime.requests[#runtime.requests].at }[1]
    end
    assert.equal(29.8, last_look { timeout = 30 })
    assert.equal(29.8, last_look { deadline = 30 })
    assert.equal(9.8, last_look { deadline = 10, timeout = 30 })
  end)

  it("goes on as long as it takes if there is to be no timeout", function()
    local db, runtime = connect()
    runtime.handler = function() return table_is(runtime:now() % 5000 < 4500 and "CREATING" or "ACTIVE") end
    assert(db:wait("active", "users", { timeout = false }))
    assert.is_true(runtime:now() >= 4500)
    runtime:advance(5000 - runtime:now())
    assert(db:wait("active", "users", { deadline = 10000 }))
    assert.is_true(runtime:now() >= 9500)
  end)

  it("ends a request that takes longer than there is time", function()
    local db, runtime = connect { table_is "CREATING", { delay = 100 } }
    local _, err = db:wait("active", "users", { timeout = 3 })
    assert.equal("DeadlineExceeded", err.code)
    assert.equal("CREATING", err.state)
    assert.equal("DeadlineExceeded", err.cause.code)
    assert.equal(3, runtime:now())
  end)

  it("ends at once at a state from which there is no way", function()
    for _, status in ipairs { "DELETING", "ARCHIVED", "INACCESSIBLE_ENCRYPTION_CREDENTIALS" } do
      local db, runtime = connect { table_is "CREATING", table_is(status) }
      local _, err = db:wait("active", "users")
      assert.same({ "WaitFailed", status, 2 }, { err.code, err.state, #runtime.requests })
      assert.equal("waited for users to be ACTIVE, but it is " .. status, err.message)
    end
  end)

  it("bears with a service that fails for a while", function()
    local busy = { status = 500, body = '{"__type":"x#InternalServerError"}' }
    local db = connect { table_is "CREATING", busy, busy, busy, busy, table_is "ACTIVE" }
    assert(db:wait("active", "users"))
    db = connect { busy, busy, busy, busy, busy }
    assert.equal("InternalServerError", select(2, db:wait("active", "users")).code)
    local twice = {}
    for i = 1, 10 do twice[i] = i % 5 == 0 and table_is "CREATING" or busy end
    twice[11] = table_is "ACTIVE"
    assert(connect(twice):wait("active", "users"))
    local db2, runtime = connect { refused "AccessDeniedException" }
    assert.equal("AccessDeniedException", select(2, db2:wait("active", "users")).code)
    assert.same({}, runtime.slept)
  end)

  it("believes no answer that says nothing", function()
    local db = connect { { body = '{"Table":5}' }, { body = '{"Table":{"TableStatus":{}}}' }, table_is "ACTIVE" }
    assert(db:wait("active", "users"))
  end)

  it("waits for others while they go on", function()
    local db, runtime = connect()
    runtime.handler = function(request)
      local name = request.body:match '"TableName":"(%w+)"'
      return table_is(runtime:now() < (name == "a" and 3 or 20) and "CREATING" or "ACTIVE")
    end
    local ended = {}
    assert.is_nil(select(2, db:parallel {
      function() assert(db:wait("active", "b")); ended[#ended + 1] = "b" end,
      function() assert(db:wait("active", "a")); ended[#ended + 1] = "a" end,
    }))
    assert.same({ "a", "b" }, ended)
    assert.is_true(runtime:now() < 30)
  end)

  -- What is looked at, the answers to be seen, and what comes of it: the request's members, then a result or an error.
  local function sequence(what, of, options, answers)
    local db, runtime = connect(answers)
    local value, err = db:wait(what, of, options)
    local request = runtime.requests[#runtime.requests]
    assert.equal(#answers, #runtime.requests)
    return value, err, fake_client.header(request, "x-amz-target"):match "%.(.*)$" .. " " .. request.body
  end

  it("knows when a table is gone", function()
    local value, _, asked = sequence("gone", "users", nil, { table_is "ACTIVE", table_is "DELETING", NOT_FOUND })
    assert.is_true(value)
    assert.equal('DescribeTable {"TableName":"users"}', asked)
  end)

  it("knows when an index is filled, and when it was removed", function()
    local function index(status, backfilling)
      return table_is("ACTIVE", (',"GlobalSecondaryIndexes":[{"IndexName":"other","IndexStatus":"ACTIVE"},{"IndexName"'
        .. ':"GSI1","IndexStatus":%q,"Backfilling":%s}]'):format(status, tostring(backfilling)))
    end
    local wanted = { index = "GSI1" }
    local value = sequence("index", "users", wanted, {
      table_is "UPDATING", index("CREATING", false), index("CREATING", true), index("ACTIVE", true),
      index("ACTIVE", false),
    })
    assert.equal("GSI1", value.IndexName)
    local _, err = sequence("index", "users", wanted, { index("CREATING", false), table_is "ACTIVE" })
    assert.same({ "WaitFailed", "missing" }, { err.code, err.state })
    assert.matches("index GSI1 of users", err.message, 1, true)
    _, err = sequence("index", "users", wanted, { index("DELETING", false) })
    assert.same({ "WaitFailed", "DELETING" }, { err.code, err.state })
    _, err = sequence("index", "users", wanted, { NOT_FOUND })
    assert.equal("ResourceNotFoundException", err.code)
    assert.equal("LSI1", sequence("index", "users", { index = "LSI1" },
      { table_is("ACTIVE", ',"LocalSecondaryIndexes":[{"IndexName":"LSI1"}]') }).IndexName)
  end)

  it("knows when the time to live is on", function()
    local function ttl(status)
      return { body = ('{"TimeToLiveDescription":{"TimeToLiveStatus":%q,"AttributeName":"t"}}'):format(status) }
    end
    local value, _, asked = sequence("ttl", "users", nil, { ttl "DISABLED", ttl "ENABLING", ttl "ENABLED" })
    assert.equal("t", value.AttributeName)
    assert.equal('DescribeTimeToLive {"TableName":"users"}', asked)
  end)

  it("knows when a stream is there", function()
    local stream = ',"StreamSpecification":{"StreamEnabled":true},"LatestStreamArn":"arn:s"'
    local value = sequence("stream", "users", nil,
      { table_is "ACTIVE", table_is("UPDATING", stream), table_is("ACTIVE", stream) })
    assert.equal("arn:s", value.LatestStreamArn)
    assert.equal("WaitFailed", select(2, sequence("stream", "users", nil, { table_is "DELETING" })).code)
  end)

  it("knows when point-in-time recovery is on", function()
    local function backups(status)
      return { body = '{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED",'
        .. ('"PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":%q}}}'):format(status) }
    end
    local value, _, asked = sequence("pitr", "users", nil, { backups "DISABLED", backups "ENABLED" })
    assert.equal("ENABLED", value.PointInTimeRecoveryStatus)
    assert.equal('DescribeContinuousBackups {"TableName":"users"}', asked)
  end)

  it("knows when a Kinesis destination is active", function()
    local function destinations(...)
      local list = {}
      for i, status in ipairs { ... } do
        list[i] = ('{"StreamArn":"arn:%d","DestinationStatus":%q}'):format(i, status)
      end
      return { body = ('{"KinesisDataStreamDestinations":[%s]}'):format(table.concat(list, ",")) }
    end
    assert.equal("arn:2", sequence("kinesis", "users", nil,
      { destinations(), destinations("DISABLED", "ENABLING"), destinations("DISABLED", "ACTIVE") }).StreamArn)
    local _, err = sequence("kinesis", "users", nil, { destinations("DISABLED", "ENABLE_FAILED") })
    assert.same({ "WaitFailed", "DISABLED, ENABLE_FAILED" }, { err.code, err.state })
    assert.equal("arn:2", sequence("kinesis", "users", { stream = "arn:2" },
      { destinations("ACTIVE", "ENABLING"), destinations("ACTIVE", "ACTIVE") }).StreamArn)
  end)

  it("knows when contributor insights are on, of a table or an index", function()
    local function insights(status, more)
      return { body = ('{"ContributorInsightsStatus":%q%s}'):format(status, more or "") }
    end
    local _, _, asked = sequence("insights", "users", { index = "GSI1" }, { insights "ENABLING", insights "ENABLED" })
    assert.matches('"IndexName":"GSI1"', asked, 1, true)
    local _, err = sequence("insights", "users", nil,
      { insights("FAILED", ',"FailureException":{"ExceptionDescription":"no rules left"}') })
    assert.same({ "WaitFailed", "FAILED" }, { err.code, err.state })
    assert.matches("no rules left", err.message, 1, true)
  end)

  it("knows when exports, imports, bulk operations and backups are complete", function()
    local cases = {
      { "export", "ExportArn", '{"ExportDescription":{"ExportStatus":"%s","FailureMessage":"why"}}', "COMPLETED",
        "FAILED" },
      { "import", "ImportArn", '{"ImportTableDescription":{"ImportStatus":"%s","FailureMessage":"why"}}', "COMPLETED",
        "CANCELLED" },
      { "bulk", "BulkOperationArn", '{"BulkOperationDescription":{"BulkOperationStatus":"%s","FailureMessage":"why"}}',
        "COMPLETED_WITH_ERRORS", "CANCELLED" },
      { "backup", "BackupArn", '{"BackupDescription":{"BackupDetails":{"BackupStatus":"%s"}}}', "AVAILABLE",
        "DELETED" },
    }
    for _, case in ipairs(cases) do
      local what, member, body, done, failed = (table.unpack or unpack)(case)
      local function status(word) return { body = (body:gsub("%%s", word)) } end
      local value, _, asked = sequence(what, "arn:x", nil, { status "IN_PROGRESS", status(done) })
      assert.is_table(value)
      assert.matches(('{"%s":"arn:x"}'):format(member), asked, 1, true)
      local _, err = sequence(what, "arn:x", nil, { status(failed) })
      assert.same({ "WaitFailed", failed }, { err.code, err.state })
      if what ~= "backup" then assert.matches(": why$", err.message) end
    end
  end)

  it("refuses what it does not know", function()
    local db = connect()
    local users = db:table "users"
    local function refused_by(f, message, ...) assert.matches(message, message_of(f, ...), 1, true) end
    refused_by(db.wait, 'unknown goal of db:wait "activ"; did you mean "active"?', db, "activ", "users")
    refused_by(db.wait, "the name or ARN of what is waited for must be a string", db, "active")
    refused_by(db.wait, "index must be a string", db, "index", "users")
    refused_by(db.wait, 'unknown option of db:wait "active" "index"', db, "active", "users", { index = "i" })
    refused_by(users.wait, "unknown goal of wait", users, "complete")
    refused_by(users.wait, "use db:wait", users, "export")
    refused_by(users.wait, "timeout must be a positive number", users, "active", { timeout = 0 })
  end)
end)

describe("Table:wait", function()
  it("waits for its table", function()
    local db, runtime = connect { table_is "CREATING", table_is "ACTIVE" }
    assert.equal("ACTIVE", assert(db:table("users"):wait "active").TableStatus)
    assert.equal('{"TableName":"users"}', runtime.requests[1].body)
  end)
end)
