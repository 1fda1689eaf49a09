-- PartiQL over a runtime of which nothing is real: pages, what is sent again, and the account of batches.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local fake_client = require "spec.support.fake_client"

local SELECT, UPDATE = "SELECT * FROM t WHERE pk = ?", "UPDATE t SET n = n + 1 WHERE pk = ?"

local db, runtime

local function new(answers, options)
  local all = { retry = { random = 1 }, capacity = "none" }
  for name, value in pairs(options or {}) do all[name] = value end
  db, runtime = fake_client.new(answers, all)
end

local function sent(i) return core.json_decode(runtime.requests[i or #runtime.requests].body) end

-- An answer with items of these numbers, and perhaps the token of a next page.
local function page(numbers, token, more)
  local answer = { Items = setmetatable({}, core.list_mt), NextToken = token }
  for i, n in ipairs(numbers) do answer.Items[i] = { n = { N = tostring(n) } } end
  for name, value in pairs(more or {}) do answer[name] = value end
  return { body = core.json_encode(answer) }
end

local function numbers_of(items)
  local numbers = {}
  for i, item in ipairs(items) do numbers[i] = item.n end
  return numbers
end

local LOST = { code = "Timeout", sent = true }
local REFUSED = { status = 400, body = '{"__type":"x#ValidationException","message":"no"}' }

describe("execute of a SELECT", function()
  it("sends nothing before it is read", function()
    new {}
    db:execute(SELECT, { "a" }, { page_size = 2 })
    assert.equal(0, #runtime.requests)
  end)

  it("iterates over items of all pages, empty ones too", function()
    new { page({ 1, 2 }, "t1"), page({}, "t2"), page({ 3 }, nil) }
    local seen = {}
    for item in db:execute(SELECT, { "a" }, { page_size = 2, consistent = true }) do seen[#seen + 1] = item.n end
    assert.same({ 1, 2, 3 }, seen)
    local first = { Statement = SELECT, Parameters = { { S = "a" } }, Limit = 2, ConsistentRead = true }
    assert.same(first, sent(1))
    first.NextToken = "t1"
    assert.same(first, sent(2))
    first.NextToken = "t2"
    assert.same(first, sent(3))
  end)

  it("is not changed by what becomes of the parameters meanwhile", function()
    new { page({ 1 }, "t1"), page({ 2 }) }
    local parameters = { { "x" } }
    local results = db:execute("SELECT * FROM t WHERE l = ?", parameters)
    parameters[1][1], parameters[1] = "y", "z"
    assert(results:next())
    assert(results:next())
    assert.same({ { L = { { S = "x" } } } }, sent(1).Parameters)
    assert.same(sent(1).Parameters, sent(2).Parameters)
  end)

  it("gives out as many items as the limit says, and reads no further", function()
    new { page({ 1, 2 }, "t1"), page({ 3, 4 }, "t2") }
    local items = assert(db:execute(SELECT, { "a" }, { limit = 3 }):all())
    assert.same({ 1, 2, 3 }, numbers_of(items))
    assert.equal(2, #runtime.requests)
    assert.is_nil(sent(1).Limit)
  end)

  it("gives all items, the first one, or pages", function()
    new { page({ 1, 2 }, "t1"), page({}, "t2"), page({ 3 }) }
    local items, err, meta = db:execute(SELECT, { "a" }):all()
    assert.is_nil(err)
    assert.same({ 1, 2, 3 }, numbers_of(items))
    assert.same({ 3, 3 }, { meta.pages, meta.attempts })
    assert.equal(core.list_mt, getmetatable(items))
    new { page({ 1, 2 }, "t1") }
    assert.equal(1, db:execute(SELECT, { "a" }):first().n)
    new { page({}) }
    local none, problem = db:execute(SELECT, { "a" }):first()
    assert.same({}, { none, problem })
    new { page({ 1, 2 }, "t1"), page({}, "t2"), page({ 3 }) }
    local pages = {}
    for one in db:execute(SELECT, { "a" }):pages() do pages[#pages + 1] = numbers_of(one.items) end
    assert.same({ { 1, 2 }, { 3 } }, pages)
  end)

  it("sums the capacity", function()
    local function with(units, token)
      return page({ 1 }, token, { ConsumedCapacity = {
        TableName = "t", CapacityUnits = units, Table = { CapacityUnits = units },
      } })
    end
    new({ with(0.5, "t1"), with(2) }, { capacity = "indexes" })
    local results = db:execute(SELECT, { "a" })
    assert(results:next() and results:next())
    assert.equal("INDEXES", sent(1).ReturnConsumedCapacity)
    assert.same({ TableName = "t", CapacityUnits = 2.5, Table = { CapacityUnits = 2.5 } }, results:meta().capacity)
    assert.same({ 2, 2, 2 }, { results:meta().pages, results:meta().items, results:meta().attempts })
  end)

  it("returns a failure from next, which tries again; a for loop raises it", function()
    new { page({ 1 }, "t1"), REFUSED, page({ 2 }) }
    local results = db:execute(SELECT, { "a" })
    assert.equal(1, results:next().n)
    local item, err = results:next()
    assert.is_nil(item)
    assert.is_true(err:is "Validation")
    assert.equal(2, results:next().n)
    assert.is_nil((results:next()))
    assert.equal("t1", sent(3).NextToken)
    new { page({ 1 }, "t1"), REFUSED }
    local seen = 0
    local ok, raised = pcall(function()
      for _ in db:execute(SELECT, { "a" }) do seen = seen + 1 end
    end)
    assert.same({ false, true, 1 }, { ok, raised:is "Validation", seen })
    new { REFUSED, REFUSED, REFUSED }
    ok, raised = pcall(function()
      for _ in db:execute(SELECT, { "a" }):pages() do seen = seen + 1 end
    end)
    assert.same({ false, true }, { ok, raised:is "Validation" })
    assert.is_true(select(2, db:execute(SELECT, { "a" }):all()):is "Validation")
    assert.is_true(select(2, db:execute(SELECT, { "a" }):first()):is "Validation")
  end)

  it("is sent again when its answer was lost", function()
    new { LOST, page { 1 } }
    assert.equal(1, #assert(db:execute("/* all */ (SELECT * FROM t)"):all()))
  end)

  it("does not go round in a circle", function()
    new { page({ 1 }, "t1"), page({ 2 }, "t1") }
    local results = db:execute(SELECT, { "a" })
    assert(results:next())
    local item, err = results:next()
    assert.same({ nil, "ResponseError" }, { item, err.code })
  end)

  it("is over with an empty token", function()
    new { page({ 1 }, "") }
    assert.equal(1, #assert(db:execute(SELECT, { "a" }):all()))
  end)

  it("is over at its deadline, whichever page it is at", function()
    local function slow(answer) return { body = answer.body, delay = 4 } end
    for _, options in ipairs { { timeout = 6 }, { deadline = 6 }, { timeout = 6, deadline = 100 } } do
      new { slow(page({ 1 }, "t1")), slow(page({ 2 }, "t2")) }
      local items, err = db:execute(SELECT, { "a" }, options):all()
      assert.same({ nil, "DeadlineExceeded" }, { items, err.code })
      assert.equal(6, runtime:now())
    end
  end)

  it("gives out nothing more once it is closed", function()
    new { page({ 1, 2 }, "t1") }
    local results = db:execute(SELECT, { "a" })
    assert(results:next())
    results:close()
    results:close()
    assert.same({}, { results:next() })
    assert.equal(1, #runtime.requests)
  end)

  it("is closed by a loop over each that is left", function()
    new { page({ 1, 2 }, "t1") }
    local results = db:execute(SELECT, { "a" })
    for item in results:each() do
      if item.n == 1 then break end
    end
    if _VERSION == "Lua 5.4" then assert.is_nil((results:next())) end
    assert.equal(1, #runtime.requests)
  end)

  it("is used once, by one task at a time", function()
    new { page({ 1 }, "t1"), { body = page({ 2 }).body, delay = 1 } }
    local results = db:execute(SELECT, { "a" })
    assert(results:next())
    assert.matches("all: the results were used already", fake_client.message_of(results.all, results), 1, true)
    assert.matches("first: the results were used already", fake_client.message_of(results.first, results), 1, true)
    local message
    db:parallel {
      function() return results:next() end,
      function() message = fake_client.message_of(results.next, results) end,
    }
    assert.matches("being read by another task", message, 1, true)
  end)

  it("refuses what cannot be sent, at once", function()
    new {}
    local function refused(message, ...)
      assert.matches(message, fake_client.message_of(db.execute, db, ...), 1, true)
    end
    refused("parameters[1]: a function cannot be stored", SELECT, { print })
    refused("the statement has 1 ? for parameters, and 0 are given", SELECT)
    refused("limit must be a whole number from 1, not 0", SELECT, { "a" }, { limit = 0 })
    refused("page_size must be a whole number from 1, not 1.5", SELECT, { "a" }, { page_size = 1.5 })
    refused('unknown option of execute "limits"; did you mean "limit"?', SELECT, { "a" }, { limits = 1 })
    refused("consistent must be true or false", SELECT, { "a" }, { consistent = 1 })
    refused("the statement has 8193 characters", "SELECT" .. (" "):rep(8187))
    assert.equal(0, #runtime.requests)
  end)

  it("leaves the length to the service with limits = false", function()
    new({ page {} }, { limits = false })
    assert(db:execute("SELECT" .. (" "):rep(8187)):all())
  end)
end)

describe("execute of a write", function()
  it("sends it at once", function()
    new { { body = "{}" } }
    local ok, err, meta = db:execute(UPDATE, { "a" })
    assert.same({ true, nil, 1 }, { ok, err, meta.attempts })
    assert.same({ Statement = UPDATE, Parameters = { { S = "a" } }, ReturnValuesOnConditionCheckFailure = "ALL_OLD" },
      sent())
  end)

  it("gives the items that RETURNING asks for", function()
    new { page { 7 }, page {} }
    assert.same({ 7 }, numbers_of(assert(db:execute(UPDATE .. " RETURNING ALL NEW *", { "a" }))))
    assert.same({}, (db:execute("DELETE FROM t WHERE pk = ? RETURNING ALL OLD *", { "a" })))
  end)

  it("is not sent again when it may have been applied, unless that is wanted", function()
    new { LOST }
    local ok, err = db:execute(UPDATE, { "a" })
    assert.is_nil(ok)
    assert.same({ true, false }, { err.ambiguous, err.retryable })
    assert.equal(1, #runtime.requests)
    new { LOST, { body = "{}" } }
    assert.is_true((db:execute(UPDATE, { "a" }, { retry_ambiguous = true })))
  end)

  it("is not taken for a reading one by what hides in it", function()
    new { LOST }
    local ok, err = db:execute "-- SELECT * FROM t\nDELETE FROM t"
    assert.is_nil(ok)
    assert.is_true(err.ambiguous)
  end)

  it("returns the item of a condition that did not hold", function()
    new { { status = 400, body = '{"__type":"ConditionalCheckFailedException","Item":{"n":{"N":"9"}}}' } }
    local ok, err = db:execute(UPDATE .. " AND n > ?", { "a", 9 })
    assert.is_nil(ok)
    assert.same({ n = 9 }, err.item)
  end)

  it("knows nothing of pages", function()
    new {}
    assert.matches('unknown option of execute (of a write) "limit"',
      fake_client.message_of(db.execute, db, UPDATE, { "a" }, { limit = 1 }), 1, true)
  end)
end)

-- ----------------------------------------------------------------------------------------------------- batches ----

-- Statements with these numbers as parameters.
local function statements(text, count)
  local list = {}
  for i = 1, count do list[i] = { text, { i } } end
  return list
end

-- Answers each statement of a batch with what `f` says of its number: nil for done, else a code.
local function service(f)
  return function(request)
    local responses = setmetatable({}, core.list_mt)
    for i, statement in ipairs(core.json_decode(request.body).Statements) do
      local code = f(tonumber(statement.Parameters[1].N), #runtime.requests)
      responses[i] = code and { Error = { Code = code, Message = "because" } } or { TableName = "t" }
      if not code and statement.Statement == SELECT then responses[i].Item = { n = statement.Parameters[1] } end
    end
    return { body = core.json_encode { Responses = responses } }
  end
end

local function sums(report)
  assert.equal(report.input, report.done + report.failed + report.unprocessed)
  return { report.done, report.failed, report.unprocessed }
end

describe("execute_batch", function()
  it("sends any number, 25 to a request, and gives each its result", function()
    new()
    runtime.handler = service(function() end)
    local report = assert(db:execute_batch(statements(SELECT, 60), { consistent = true }))
    assert.same({ 60, 0, 0 }, sums(report))
    assert.equal(3, report.requests)
    for i = 1, 60 do assert.equal(i, report.results[i].n) end
    assert.equal(25, #sent(1).Statements)
    assert.equal(10, #sent(3).Statements)
    assert.same({ Statement = SELECT, Parameters = { { N = "1" } }, ConsistentRead = true }, sent(1).Statements[1])
  end)

  it("gives false for an item that is not there, and true for a write", function()
    new { { body = '{"Responses":[{"TableName":"t"},{"Item":{"n":{"N":"1"}}}]}' }, { body = '{"Responses":[{}]}' } }
    assert.same({ false, { n = 1 } }, assert(db:execute_batch(statements(SELECT, 2))).results)
    assert.same({ true }, assert(db:execute_batch(statements(UPDATE, 1))).results)
    assert.equal("ALL_OLD", sent().Statements[1].ReturnValuesOnConditionCheckFailure)
  end)

  it("of nothing is done", function()
    new {}
    assert.same({ 0, 0, 0 }, sums(assert(db:execute_batch {})))
  end)

  it("sums the capacity by table", function()
    local answer = { body = '{"Responses":[{}],"ConsumedCapacity":[{"TableName":"t","CapacityUnits":1.5},'
      .. '{"TableName":"u","CapacityUnits":1}]}' }
    new({ answer }, { capacity = "total" })
    local report = assert(db:execute_batch(statements(UPDATE, 1)))
    assert.same({ t = 1.5, u = 1 }, report.capacity)
    assert.equal("TOTAL", sent().ReturnConsumedCapacity)
  end)

  it("reports each statement that was refused, and does the others", function()
    new { { body = '{"Responses":[{},{"Error":{"Code":"ConditionalCheckFailed","Message":"no",'
      .. '"Item":{"n":{"N":"9"}}}},{}]}' } }
    local report, err = db:execute_batch(statements(UPDATE, 3))
    assert.is_nil(report)
    assert.is_true(err:is "Incomplete")
    assert.is_false(err.retryable)
    assert.same({ 2, 1, 0 }, sums(err.report))
    assert.same({
      { index = 2, statement = UPDATE, code = "ConditionalCheckFailed", message = "no", item = { n = 9 } },
    }, err.report.failures)
    assert.same({ true, nil, true }, err.report.results)
    assert.matches("2 of 3 done, 1 failed; statement 2: ConditionalCheckFailed: no", err.message, 1, true)
  end)

  it("sends throttled statements again, with the others, after a random delay that doubles without progress", function()
    for _, code in ipairs {
      "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded", "ThrottlingException",
    } do
      new()
      runtime.handler = service(function(number, request)
        return number <= 2 and request <= 3 and code or nil
      end)
      local report = assert(db:execute_batch(statements(UPDATE, 30)))
      assert.same({ 30, 0, 0 }, sums(report))
      assert.equal(4, report.requests)
      assert.equal(7, #sent(2).Statements) -- two that were left over, five new ones
      assert.equal(2, #sent(3).Statements)
      assert.same({ 0.05, 0.05, 0.05 * 2 }, runtime.slept)
    end
  end)

  it("draws the delay from the source of jitter", function()
    new({}, { retry = { random = 0.5 } })
    runtime.handler = service(function(_, request) return request == 1 and "ThrottlingError" or nil end)
    assert(db:execute_batch(statements(UPDATE, 1)))
    assert.same({ 0.025 }, runtime.slept)
    new({}, { retry = {} })
    runtime.handler = service(function(_, request) return request <= 8 and "ThrottlingError" or nil end)
    assert(db:execute_batch(statements(UPDATE, 1)))
    local seen = {}
    for i, delay in ipairs(runtime.slept) do
      local part = delay / (0.05 * 2 ^ (i - 1))
      assert.is_true(part >= 0 and part < 1 and not seen[part])
      seen[part] = true
    end
  end)

  it("gives up after a minute without any progress", function()
    new()
    runtime.handler = service(function(number) return number == 2 and "ThrottlingError" or nil end)
    local report, err = db:execute_batch(statements(UPDATE, 2))
    assert.is_nil(report)
    assert.is_true(err.retryable)
    assert.same({ 1, 0, 1 }, sums(err.report))
    assert.equal("stalled", err.report.stopped)
    assert.same({ { index = 2, statement = UPDATE, code = "ThrottlingError", message = "because", ambiguous = false } },
      err.report.leftovers)
    assert.is_true(runtime:now() < 60 and runtime:now() > 20)
  end)

  it("goes on for as long as there is progress", function()
    new()
    local once = service(function(number, request) return number ~= request and "ThrottlingError" or nil end)
    runtime.handler = function(request)
      local answer = once(request)
      answer.delay = 20
      return answer
    end
    assert(db:execute_batch(statements(UPDATE, 5)))
    assert.is_true(runtime:now() >= 100)
  end)

  it("gives up at the deadline", function()
    for _, options in ipairs { { timeout = 1 }, { deadline = 1 }, { timeout = 9, deadline = 1 } } do
      new()
      runtime.handler = service(function() return "ThrottlingError" end)
      local _, err = db:execute_batch(statements(UPDATE, 30), options)
      assert.same({ 0, 0, 30 }, sums(err.report))
      assert.equal("deadline", err.report.stopped)
      assert.is_true(runtime:now() < 1)
    end
  end)

  it("stops at the deadline within a request, too", function()
    new { { body = "{}", delay = 5 } }
    local _, err = db:execute_batch(statements(SELECT, 2), { timeout = 2 })
    assert.same({ 0, 0, 2 }, sums(err.report))
    assert.equal("deadline", err.report.stopped)
  end)

  it("repeats a request that took its own time, unless it wrote", function()
    local slow, done = { body = "{}", delay = 40 }, { body = '{"Responses":[{}]}' }
    new { slow, done }
    assert.same({ 1, 0, 0 }, sums(assert(db:execute_batch(statements(SELECT, 1)))))
    new { slow }
    local _, err = db:execute_batch(statements(UPDATE, 1))
    assert.same({ "error", true }, { err.report.stopped, err.ambiguous })
  end)

  it("repeats a statement that the service failed on only if it reads", function()
    local function failing()
      return service(function(_, request) return request == 1 and "InternalServerError" or nil end)
    end
    new()
    runtime.handler = failing()
    assert.same({ 1, 0, 0 }, sums(assert(db:execute_batch(statements(SELECT, 1)))))
    new()
    runtime.handler = failing()
    local _, err = db:execute_batch(statements(UPDATE, 1))
    assert.same({ 0, 0, 1 }, sums(err.report))
    assert.same({ true, true, false }, { err.ambiguous, err.report.leftovers[1].ambiguous, err.retryable })
    for _, where in ipairs { "call", "client" } do
      new({}, { retry_ambiguous = where == "client" })
      runtime.handler = failing()
      local options = where == "call" and { retry_ambiguous = true } or nil
      assert.same({ 1, 0, 0 }, sums(assert(db:execute_batch(statements(UPDATE, 1), options))))
    end
  end)

  it("stops after a request of writes whose answer was lost", function()
    new { LOST }
    local _, err = db:execute_batch(statements(UPDATE, 30))
    assert.same({ 0, 0, 30 }, sums(err.report))
    assert.same({ "error", "Timeout", true }, { err.report.stopped, err.cause.code, err.ambiguous })
    local leftovers = err.report.leftovers
    assert.same({ true, false }, { leftovers[25].ambiguous, leftovers[26].ambiguous })
    assert.equal(1, #runtime.requests)
  end)

  it("goes on after a request that was throttled as a whole", function()
    local throttled = { status = 400, body = '{"__type":"x#ThrottlingException"}' }
    new({ throttled, throttled, { body = '{"Responses":[{},{}]}' } }, { retry = { max_attempts = 1 } })
    assert.same({ 2, 0, 0 }, sums(assert(db:execute_batch(statements(UPDATE, 2)))))
  end)

  it("reports all statements of a request that was refused, and sends the others", function()
    new { REFUSED, { body = '{"Responses":[{}]}' } }
    local _, err = db:execute_batch(statements(UPDATE, 26))
    assert.same({ 1, 25, 0 }, sums(err.report))
    assert.equal("ValidationException", err.report.failures[25].code)
  end)

  it("stops where nothing can be sent", function()
    new { { status = 400, body = '{"__type":"x#AccessDeniedException","message":"no"}' } }
    local _, err = db:execute_batch(statements(SELECT, 30))
    assert.same({ 0, 0, 30 }, sums(err.report))
    assert.same({ "error", "AccessDeniedException" }, { err.report.stopped, err.cause.code })
  end)

  it("does not trust an answer that lacks responses", function()
    new { { body = '{"Responses":[{}]}' } }
    local _, err = db:execute_batch(statements(UPDATE, 2))
    assert.same({ 0, 0, 2 }, sums(err.report))
    assert.same({ "ResponseError", true }, { err.cause.code, err.ambiguous })
  end)

  it("refuses a mixture, and what is no statement, by its number", function()
    new {}
    local function refused(message, list, options)
      assert.matches(message, fake_client.message_of(db.execute_batch, db, list, options), 1, true)
    end
    refused("execute_batch: statement 3: it writes, and those before it read",
      { { SELECT, { 1 } }, { SELECT, { 2 } }, { UPDATE, { 3 } }, { UPDATE, { 4 } } })
    refused("execute_batch: statement 2: it reads, and those before it write", { { UPDATE, { 1 } }, { SELECT, { 2 } } })
    refused("execute_batch: statement 2: { statement, parameters } must be a table, not a string",
      { { SELECT, { 1 } }, SELECT })
    refused("execute_batch: statement 1: the statement must be a string, not nil", { {} })
    refused("execute_batch: statement 1: it is { statement, parameters }, without consistent",
      { { SELECT, { 1 }, consistent = true } })
    refused("execute_batch: statement 1: parameters[1] is nil", { { "SELECT ? ?", { nil, 2 } } })
    refused("execute_batch: statement 2: the statement has 1 ?", { { SELECT, { 1 } }, { SELECT } })
    refused("execute_batch: the list of statements must be a table, not nil", nil)
    refused("consistent is for statements that read", { { UPDATE, { 1 } } }, { consistent = true })
    refused("stall must be a positive number", { { UPDATE, { 1 } } }, { stall = 0 })
    assert.equal(0, #runtime.requests)
  end)

  it("refuses a value that cannot be stored before anything is sent", function()
    new {}
    local list = statements(UPDATE, 30)
    list[30][2][1] = { a = print }
    assert.matches("statement 30: parameters[1].a: a function cannot be stored",
      fake_client.message_of(db.execute_batch, db, list), 1, true)
    assert.equal(0, #runtime.requests)
  end)

  it("accounts for every statement, whatever the service does", function()
    local codes = { false, false, "ThrottlingError", "DuplicateItem", "InternalServerError", "ValidationError" }
    for seed = 1, 40 do
      new()
      local state = seed
      local function random(n)
        state = state * 16807 % 2147483647
        return state % n + 1
      end
      local applied = {}
      runtime.handler = function(request)
        if random(12) == 1 then return LOST end
        if random(12) == 1 then return REFUSED end
        return service(function(number)
          local code = codes[random(#codes)] or nil
          if not code then applied[number] = (applied[number] or 0) + 1 end
          return code
        end)(request)
      end
      local report, err = db:execute_batch(statements(UPDATE, random(80)))
      report = report or err.report
      sums(report)
      for index in pairs(report.results) do assert.equal(1, applied[index]) end
      for _, failure in ipairs(report.failures) do assert.is_nil(applied[failure.index]) end
      for _, left in ipairs(report.leftovers) do assert.is_true(left.ambiguous or not applied[left.index]) end
    end
  end)
end)

describe("execute_transaction", function()
  it("sends all statements with one token, the same one again", function()
    new { LOST, { body = "{}" } }
    local exists = "EXISTS(SELECT * FROM t WHERE pk = ?)"
    local ok, err, meta = db:execute_transaction { { UPDATE, { 1 } }, { exists, { 2 } } }
    assert.same({ true, nil, 2 }, { ok, err, meta.attempts })
    assert.equal(runtime.requests[1].body, runtime.requests[2].body)
    assert.same({ { N = "2" } }, sent().TransactStatements[2].Parameters)
    assert.equal(36, #sent().ClientRequestToken)
  end)

  it("takes the program's own token", function()
    new { { body = "{}" } }
    assert(db:execute_transaction({ { UPDATE, { 1 } } }, { token = "mine" }))
    assert.equal("mine", sent().ClientRequestToken)
    assert.matches("token must be a token",
      fake_client.message_of(db.execute_transaction, db, {}, { token = "" }), 1, true)
  end)

  it("gives the items that it reads, false for those that are not there", function()
    new { { body = '{"Responses":[{"Item":{"n":{"N":"1"}}},{}]}' } }
    assert.same({ { n = 1 }, false }, (db:execute_transaction { { SELECT, { 1 } }, { SELECT, { 2 } } }))
    new { { body = '{"Responses":[{}]}' } }
    local items, err = db:execute_transaction { { SELECT, { 1 } }, { SELECT, { 2 } } }
    assert.same({ nil, "ResponseError" }, { items, err.code })
  end)

  it("tells the reasons of a cancellation by statement", function()
    new { { status = 400, body = '{"__type":"TransactionCanceledException","CancellationReasons":[{"Code":"None"},'
      .. '{"Code":"ConditionalCheckFailed","Message":"no","Item":{"n":{"N":"9"}}}]}' } }
    local ok, err = db:execute_transaction { { UPDATE, { 1 } }, { "DELETE FROM t WHERE pk = ?", { 2 } } }
    assert.is_nil(ok)
    assert.same({
      { code = "None", statement = UPDATE },
      { code = "ConditionalCheckFailed", message = "no", item = { n = 9 }, statement = "DELETE FROM t WHERE pk = ?" },
    }, err.reasons)
  end)

  it("of nothing is done", function()
    new {}
    assert.same({}, (db:execute_transaction {}))
  end)

  it("refuses more than 100 statements, and a mixture", function()
    new {}
    local function refused(message, list)
      assert.matches(message, fake_client.message_of(db.execute_transaction, db, list), 1, true)
    end
    refused("there are 101 statements; a transaction has at most 100", statements(UPDATE, 101))
    refused("execute_transaction: statement 2: it reads, and those before it write",
      { { "EXISTS(SELECT * FROM t)" }, { "SELECT * FROM t" } })
    assert.equal(0, #runtime.requests)
    new({ { body = "{}" } }, { limits = false })
    assert(db:execute_transaction(statements(UPDATE, 101)))
  end)
end)

it("dynamodb.null stands for NULL in parameters", function()
  new { { body = "{}" } }
  assert(db:execute(UPDATE, { dynamodb.null }))
  assert.same({ { NULL = true } }, sent().Parameters)
end)
