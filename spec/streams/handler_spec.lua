-- Functions for what happens to items: which is called, with what, and what AWS is told of the batch.
local capture = require "spec.support.capture"
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local events = require "spec.support.stream_events"
local fake_client = require "spec.support.fake_client"

local streams = dynamodb.streams
local record = events.record

-- The sequence numbers that AWS is told.
local function failed(response)
  local numbers = {}
  for i, failure in ipairs(response.batchItemFailures) do numbers[i] = failure.itemIdentifier end
  return numbers
end

local function quiet() end

describe("streams.handler", function()
  it("calls the function of each kind, with both images", function()
    local seen = {}
    local function see(name)
      return function(r)
        seen[#seen + 1] = { name, r.keys.pk, r.new and r.new.n or false, r.old and r.old.n or false }
      end
    end
    local handler = streams.handler { insert = see "insert", modify = see "modify", remove = see "remove" }
    local response = handler { Records = {
      record("INSERT", 1, { new = { pk = "a", n = 1 } }),
      record("MODIFY", 2, { new = { pk = "a", n = 2 }, old = { pk = "a", n = 1 } }),
      record("REMOVE", 3, { old = { pk = "a", n = 2 } }),
    } }
    assert.same({ { "insert", "a", 1, false }, { "modify", "a", 2, 1 }, { "remove", "a", false, 2 } }, seen)
    assert.equal('{"batchItemFailures":[]}', core.json_encode(response))
  end)

  it("takes bytes as well, numbers as lossless as in a decoded event", function()
    local seen = {}
    local handler = streams.handler { any = function(r) seen[#seen + 1] = r.new.n end }
    local big = dynamodb.number "12345678901234567890123"
    local event = { Records = { record("INSERT", 1, { new = { pk = "a", n = big } }) } }
    handler(event)
    handler(core.json_encode(event))
    assert.equal(big, seen[1])
    assert.equal(big, seen[2])
  end)

  it("decodes numbers as it is told to", function()
    local seen = {}
    local handler = streams.handler({ any = function(r) seen[#seen + 1] = r.new.n end }, { numbers = "string" })
    local event = { Records = { record("INSERT", 1, { new = { pk = "a", n = 7 } }) } }
    handler(event)
    handler(core.json_encode(event))
    assert.same({ "7", "7" }, seen)
  end)

  it("tells each record what AWS tells of it", function()
    local seen
    streams.handler { any = function(r) seen = r end } { Records = { record("INSERT", 17, { new = { pk = "a" } }) } }
    assert.same({ "id-17", "17", 1795821901, 26, "NEW_AND_OLD_IMAGES", "orders", "eu-west-1", false },
      { seen.id, seen.sequence_number, seen.created_at, seen.size, seen.view, seen.table, seen.region, seen.expired })
    assert.equal("dynamodb.Record(INSERT 17)", tostring(seen))
  end)

  it("passes records without a function over", function()
    local handler = streams.handler { remove = function() error "not for it" end }
    assert.same({}, failed(handler(events.inserts("a", "b"))))
  end)

  it("gives what has no function of its own to any", function()
    local seen = {}
    local handler = streams.handler { insert = quiet, any = function(r) seen[#seen + 1] = r.event end }
    handler { Records = { record("INSERT", 1, {}), record("MODIFY", 2, {}), record("ARCHIVE", 3, {}) } }
    assert.same({ "MODIFY", "ARCHIVE" }, seen)
  end)

  it("does not lose a record of a kind that is new to it", function()
    local told
    local handler = streams.handler({ insert = quiet }, { on_failure = function(_, err) told = err end })
    assert.same({ "3" }, failed(handler { Records = { record("INSERT", 2, {}), record("ARCHIVE", 3, {}) } }))
    assert.is_true(told:is "UnknownEvent")
  end)

  describe("tells deletions by the time to live apart", function()
    local event = { Records = {
      record("REMOVE", 1, { identity = { type = "Service", principalId = "dynamodb.amazonaws.com" } }),
      record("REMOVE", 2, { identity = { Type = "Service", PrincipalId = "dynamodb.amazonaws.com" } }),
      record("REMOVE", 3, { identity = { type = "Service", principalId = "someone.amazonaws.com" } }),
      record("REMOVE", 4, { identity = core.null }),
      record("REMOVE", 6, { identity = { type = "Role", principalId = "dynamodb.amazonaws.com" } }),
      record("MODIFY", 5, { identity = { type = "Service", principalId = "dynamodb.amazonaws.com" } }),
    } }

    it("in both spellings", function()
      local expired = {}
      streams.handler { any = function(r) expired[#expired + 1] = r.expired end } (event)
      assert.same({ true, true, false, false, false, false }, expired)
    end)

    it("with a function of their own", function()
      local calls = { expire = 0, remove = 0 }
      streams.handler {
        expire = function() calls.expire = calls.expire + 1 end,
        remove = function() calls.remove = calls.remove + 1 end,
      } (event)
      assert.same({ expire = 2, remove = 3 }, calls)
    end)

    it("and gives them to remove otherwise", function()
      local removed = 0
      streams.handler { remove = function() removed = removed + 1 end } (event)
      assert.equal(5, removed)
    end)
  end)

  describe("stops at the first failure", function()
    local function run(f)
      local told = {}
      local handler = streams.handler({ insert = f }, { on_failure = function(r, err) told = { r.keys.pk, err } end })
      return handler(events.inserts("a", "b", "c")), told
    end

    it("when a function raises", function()
      local seen = {}
      local response, told = run(function(r)
        seen[#seen + 1] = r.keys.pk
        if r.keys.pk == "b" then error("no", 0) end
      end)
      assert.same({ "102" }, failed(response))
      assert.same({ "a", "b" }, seen)
      assert.same({ "b", "no" }, told)
    end)

    it("when a function returns an error", function()
      local response, told = run(function(r) if r.keys.pk == "b" then return nil, "busy" end end)
      assert.same({ "102" }, failed(response))
      assert.same({ "b", "busy" }, told)
    end)

    it("and not when one returns nothing, or a result", function()
      local results = { a = { nil, nil, "meta" }, b = { false }, c = { { item = 1 }, "second" } }
      assert.same({}, failed((run(function(r) return (table.unpack or unpack)(results[r.keys.pk], 1, 3) end))))
    end)
  end)

  it("writes failures to the log, on one line and without the item", function()
    local handler = streams.handler { insert = function() error("first\nsecond", 0) end }
    local text = capture("stderr", handler, events.inserts "secret", { request_id = "r1" })
    assert.matches("^%[ERROR%]\t[%d:TZ-]+\tr1\tdynamodb.Record%(INSERT 101%): first\rsecond\n$", text)
  end)

  it("writes what an error object says, and goes on where it cannot be shown", function()
    local function told_of(err)
      local handler = streams.handler { insert = function() error(err) end }
      local text, response = capture("stderr", handler, events.inserts "a", {})
      assert.same({ "101" }, failed(response))
      return text:match "%(INSERT 101%): (.*)\n$"
    end
    assert.equal("NoStock: lamps", told_of { type = "NoStock", message = "lamps" })
    assert.equal("an error object that cannot be shown",
      told_of(setmetatable({}, { __tostring = function() error "no" end })))
  end)

  it("writes failures to the invocation's own log, where it has one", function()
    local lines = {}
    local log = { error = function(_, text) lines[#lines + 1] = text end }
    local handler = streams.handler { insert = function() error("no", 0) end }
    handler(events.inserts "a", { log = log })
    assert.same({ "dynamodb.Record(INSERT 101): no" }, lines)
  end)

  describe("with little time", function()
    local function run(options, ...)
      local seen = {}
      local handler = streams.handler({ insert = function(r) seen[#seen + 1] = r.keys.pk end }, options)
      return failed(handler(events.inserts("a", "b", "c"), events.context(...))), seen
    end

    it("stops before a record that it may not finish", function()
      local numbers, seen = run(nil, 5000, 999)
      assert.same({ "103" }, numbers)
      assert.same({ "a", "b" }, seen)
    end)

    it("does one record in any case", function()
      local numbers, seen = run(nil, 10)
      assert.same({ "102" }, numbers)
      assert.same({ "a" }, seen)
    end)

    it("has the margin that it is given", function()
      assert.same({ "103" }, (run({ margin = 10 }, 20000, 9999)))
      assert.same({}, (run({ margin = 0 }, 1)))
    end)

    it("does all of them where the time left is not known", function()
      local handler = streams.handler { insert = quiet }
      assert.same({}, failed(handler(events.inserts("a", "b"), { remaining_ms = function() end })))
      assert.same({}, failed(handler(events.inserts("a", "b"))))
    end)
  end)

  describe("with mode", function()
    local function run(mode, bad, ...)
      local seen = {}
      local handler = streams.handler({ insert = function(r)
        seen[#seen + 1] = r.keys.pk .. r.new.n
        if bad[r.keys.pk .. r.new.n] then error "bad" end
      end }, { mode = mode, on_failure = quiet })
      return failed(handler(events.inserts("a", "b", "a", "c"), ...)), seen
    end

    it("lanes goes on with other items, and reports the lowest failure", function()
      local numbers, seen = run("lanes", { a1 = true, c4 = true })
      assert.same({ "101" }, numbers)
      assert.same({ "a1", "b2", "c4" }, seen)
    end)

    it("all goes on with everything, and reports the lowest failure", function()
      local numbers, seen = run("all", { b2 = true, c4 = true })
      assert.same({ "102" }, numbers)
      assert.same({ "a1", "b2", "a3", "c4" }, seen)
    end)

    it("lanes or all, reports the failure when time is over behind it", function()
      assert.same({ "101" }, (run("all", { a1 = true }, events.context(5000, 10))))
    end)
  end)

  it("fails for one record that cannot be read, and does those before it", function()
    local event = events.inserts("a", "b", "c")
    event.Records[2].dynamodb.NewImage = { pk = { Q = "?" } }
    for _, form in ipairs { event, core.json_encode(event) } do
      local seen, told = {}, nil
      local handler = streams.handler({ insert = function(r) seen[#seen + 1] = r.keys.pk end },
        { on_failure = function(r, err) told = { r, err } end })
      assert.same({ "102" }, failed(handler(form)))
      assert.same({ "a" }, seen)
      assert.is_nil(told[1])
      assert.is_true(told[2]:is "InvalidEvent")
    end
  end)

  it("raises for a failed record that AWS cannot be told of", function()
    local event = events.inserts "a"
    event.Records[1].dynamodb.SequenceNumber = nil
    local handler = streams.handler({ insert = function() error("why", 0) end }, { on_failure = quiet })
    assert.equal("why", fake_client.message_of(handler, event))
  end)

  it("raises on what is no event of a stream", function()
    local handler = streams.handler { insert = quiet }
    for _, event in ipairs { "{", "7", "[]", {}, { Records = 1 }, core.json_encode { Records = core.null } } do
      local ok, err = pcall(handler, event)
      assert.is_false(ok)
      assert.is_true(err:is "InvalidEvent")
    end
  end)

  it("fails for records of another kind of event", function()
    local told
    local handler = streams.handler({ any = quiet }, { on_failure = function(_, err) told = err end })
    assert.is_false((pcall(handler, { Records = { { eventSource = "aws:s3", s3 = {} } } })))
    assert.is_true(told:is "InvalidEvent")
  end)

  describe("in a tumbling window", function()
    local function event(state, final, ...)
      local made = events.inserts(...)
      made.window, made.state = { start = "2026-11-27T00:00:00Z", ["end"] = "2026-11-27T00:05:00Z" }, state
      made.isFinalInvokeForWindow = final
      return made
    end
    local function count(r, _, state)
      state.count = (state.count or 0) + 1
      if r.keys.pk == "bad" then error "bad" end
    end

    it("hands the state on", function()
      local handler = streams.handler { insert = count }
      local response = handler(event({}, false, "a", "b"))
      assert.equal('{"count":2}', core.json_encode(response.state))
      assert.same({}, failed(response))
      assert.equal(3, handler(event(response.state, false, "c")).state.count)
    end)

    it("undoes what a failed record did to the state, and goes on with no other record", function()
      local handler = streams.handler({ insert = count }, { mode = "all", on_failure = quiet })
      local response = handler(event({ count = 5 }, false, "a", "bad", "c"))
      assert.same({ "102" }, failed(response))
      assert.equal(6, response.state.count)
    end)

    it("ends with its own function", function()
      local ended
      local handler = streams.handler { insert = count, window = function(state, window) ended = { state, window } end }
      handler(event({ count = 5 }, false, "a"))
      assert.is_nil(ended)
      handler(event({ count = 5 }, true))
      assert.equal(5, ended[1].count)
      assert.same({ start = "2026-11-27T00:00:00Z", ["end"] = "2026-11-27T00:05:00Z", early = false }, ended[2])
    end)

    it("does not lose the state of a window that is ended early", function()
      local ended
      local handler = streams.handler { insert = count, window = function(state, window) ended = { state, window } end }
      local made = event({ count = 5 }, false, "a")
      made.isWindowTerminatedEarly = true
      handler(made)
      assert.equal(6, ended[1].count)
      assert.is_true(ended[2].early)
    end)

    it("fails when that function does", function()
      local handler = streams.handler { window = function() return nil, "no room" end }
      assert.equal("no room", fake_client.message_of(handler, event({}, true)))
    end)
  end)

  it("refuses functions and options that it does not know", function()
    local message = fake_client.message_of
    assert.matches('did you mean "insert"', message(streams.handler, { inserts = quiet }))
    assert.matches("modify must be a function", message(streams.handler, { modify = 1 }))
    assert.matches("there is no function", message(streams.handler, {}))
    assert.matches("mode must be", message(streams.handler, { any = quiet }, { mode = "parallel" }))
    assert.matches("margin must be", message(streams.handler, { any = quiet }, { margin = -1 }))
    assert.matches("numbers must be", message(streams.handler, { any = quiet }, { numbers = "round" }))
  end)
end)

describe("records of Kinesis Data Streams", function()
  local function inner(time, precision)
    return {
      awsRegion = "eu-west-1", eventID = "5", eventName = "MODIFY", userIdentity = core.null,
      recordFormat = "application/json", tableName = "orders", eventSource = "aws:dynamodb",
      dynamodb = {
        ApproximateCreationDateTime = time, ApproximateCreationDateTimePrecision = precision,
        Keys = { pk = { S = "a" } }, NewImage = { pk = { S = "a" }, n = { N = "2" } },
        OldImage = { pk = { S = "a" }, n = { N = "1" } }, SizeBytes = 20,
      },
    }
  end

  it("are the same objects", function()
    local seen = {}
    local handler = streams.handler({ modify = function(r)
      seen[#seen + 1] = { r.new.n, r:changed "n", r.table, r.created_at, r.id, r.sequence_number }
    end })
    local event = { Records = {
      events.kinesis(inner(1795821901500), "4959"), events.kinesis(inner(1795821901500250, "MICROSECOND"), "4960"),
    } }
    assert.same({}, failed(handler(core.json_encode(event))))
    assert.same({ { 2, true, "orders", 1795821901.5, "5", "4959" },
      { 2, true, "orders", 1795821901.50025, "5", "4960" } }, seen)
  end)

  it("are reported by the number of their own stream", function()
    local handler = streams.handler({ modify = function() error "no" end }, { on_failure = quiet })
    assert.same({ "4959" }, failed(handler { Records = { events.kinesis(inner(1), "4959") } }))
  end)

  it("fail for data that is not DynamoDB's", function()
    local handler = streams.handler({ any = quiet }, { on_failure = quiet })
    local event = { Records = { events.kinesis(inner(1), "1"), events.kinesis({ hello = "world" }, "2") } }
    assert.same({ "2" }, failed(handler(event)))
    event.Records[1].kinesis.data = "?"
    assert.same({ "1" }, failed(handler(event)))
  end)
end)

describe("a record", function()
  local function made(name, fields)
    return assert(streams.records { Records = { record(name, 1, fields) } })[1]
  end

  it("tells what has changed, as DynamoDB compares values", function()
    local r = made("MODIFY", {
      old = { pk = "a", status = "open", n = dynamodb.number "1.0", tags = dynamodb.set { "x", "y" }, gone = 1,
        address = { city = "Graz", zip = "8010" }, list = { 1, 2 } },
      new = { pk = "a", status = "paid", n = 1, tags = dynamodb.set { "y", "x" }, fresh = true,
        address = { city = "Wien", zip = "8010" }, list = { 1, 3 } },
    })
    local changed = {}
    for _, place in ipairs { "status", "n", "tags", "gone", "fresh", "nowhere", "address", "address.city",
      "address.zip", "list[0]", "list[1]", "status.deeper" } do
      if r:changed(place) then changed[#changed + 1] = place end
    end
    assert.same({ "status", "gone", "fresh", "address", "address.city", "list[1]" }, changed)
    assert.is_true(r:changed(dynamodb.path("address", "city")))
  end)

  it("has no places in a set, whose elements have no order", function()
    local r = made("MODIFY", { old = { pk = "a", tags = dynamodb.set { "x", "y" } },
      new = { pk = "a", tags = dynamodb.set { "y", "x" } } })
    assert.is_false(r:changed "tags[0]")
  end)

  it("gives the changes as an update takes them", function()
    local r = made("MODIFY", { old = { pk = "a", status = "open", draft = 1 }, new = { pk = "a", status = "paid" } })
    assert.same({ set = { status = "paid" }, remove = { "draft" } }, r:changes())
    assert.is_nil(made("MODIFY", { old = { pk = "a" }, new = { pk = "a" } }):changes())
    assert.same({ set = { pk = "a" } }, made("INSERT", { new = { pk = "a" } }):changes())
  end)

  it("takes all of an item for changed when it came or went", function()
    assert.is_true(made("INSERT", { new = { pk = "a", n = 1 } }):changed "n")
    assert.is_true(made("REMOVE", { old = { pk = "a", n = 1 } }):changed "n")
    assert.is_false(made("INSERT", { new = { pk = "a" } }):changed "n")
  end)

  it("does not guess where the stream has not both images", function()
    for _, fields in ipairs { { view = "KEYS_ONLY" }, { view = "NEW_IMAGE", new = { pk = "a" } },
      { view = "OLD_IMAGE", old = { pk = "a" } } } do
      local r = made("MODIFY", fields)
      assert.matches("NEW_AND_OLD_IMAGES, not " .. fields.view, fake_client.message_of(r.changed, r, "n"))
      assert.matches("NEW_AND_OLD_IMAGES, not " .. fields.view, fake_client.message_of(r.changes, r))
    end
    assert.is_true(made("INSERT", { view = "NEW_IMAGE", new = { pk = "a", n = 1 } }):changed "n")
    local r = made("REMOVE", { view = "KEYS_ONLY" })
    assert.matches("KEYS_ONLY", fake_client.message_of(r.changed, r, "n"))
  end)

  it("finds an attribute in whatever the stream has", function()
    assert.equal(2, made("MODIFY", { new = { n = 2 }, old = { n = 1 } }):attribute "n")
    assert.equal(1, made("MODIFY", { new = {}, old = { n = 1 } }):attribute "n")
    assert.equal("a", made("MODIFY", { view = "KEYS_ONLY" }):attribute "pk")
    assert.is_nil(made("MODIFY", { view = "KEYS_ONLY" }):attribute "n")
  end)
end)

describe("streams.by", function()
  local function run(record_made)
    local seen = {}
    local handler = streams.handler(streams.by("entityType", {
      Order = { insert = function(r) seen[#seen + 1] = "order " .. r.keys.pk end },
      User = { any = function(r) seen[#seen + 1] = "user " .. r.event end },
    }), { on_failure = function(_, err) seen[#seen + 1] = tostring(err):match "entityType.*" end })
    handler { Records = { record_made } }
    return seen
  end

  it("sends each kind of item to its own functions", function()
    assert.same({ "order a" }, run(record("INSERT", 1, { new = { pk = "a", entityType = "Order" } })))
    assert.same({ "user REMOVE" }, run(record("REMOVE", 1, { old = { pk = "a", entityType = "User" } })))
  end)

  it("passes other kinds over, and kinds of changes without a function", function()
    assert.same({}, run(record("INSERT", 1, { new = { pk = "a", entityType = "Note" } })))
    assert.same({}, run(record("INSERT", 1, { new = { pk = "a" } })))
    assert.same({}, run(record("REMOVE", 1, { old = { pk = "a", entityType = "Order" } })))
  end)

  it("says so when the stream does not show the kind", function()
    assert.matches("its view must have images, and is KEYS_ONLY", run(record("INSERT", 1, { view = "KEYS_ONLY" }))[1])
  end)
end)
