-- Leases: who takes which, told from what was seen; and the rows of a real table, when several write them, when answers
-- are lost, and when somebody comes too late.
local balance = require "dynamodb.streams.balance"
local control_plane = require "spec.support.control_plane"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local fake = require "dynamodb.runtime.fake"
local fault_proxy = require "spec.support.fault_proxy"
local leases = require "dynamodb.streams.lease"

local ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2"

describe("the share of a consumer", function()
  -- Leases "a" to the last one of `owners`, an owner each ("" for none, "x/me" for x asked by me).
  local function decide(owners, options)
    options = options or {}
    local view = { leases = {}, ready = {}, running = {}, me = "me", now = options.now or 5, duration = 10 }
    local sightings = {}
    for i, text in ipairs(owners) do
      local id = string.char(96 + i)
      local owner, wanted = text:match "^(%w*)/?(%w*)$"
      view.leases[id] = { id = id, owner = owner ~= "" and owner or nil, counter = 1, checkpoint = "5",
        wanted_by = wanted ~= "" and wanted or nil }
      view.ready[id] = true
      if owner == "me" and not options.lost then view.running[id] = true end
    end
    balance.see(sightings, view.leases, 0)
    for id in pairs(options.moved or {}) do
      view.leases[id].counter = 2
      balance.see(sightings, view.leases, view.now)
    end
    local decided = balance.decide(view, sightings, function() return options.random or 0 end)
    local ids = {}
    for i, lease in ipairs(decided.take) do ids[i] = lease.id end
    return table.concat(ids), decided.request and decided.request.id, decided.due
  end

  it("is everything where nobody else is", function()
    assert.equal("abc", (decide { "", "", "" }))
  end)

  it("is a part of what nobody has, rounded up", function()
    assert.equal("b", (decide { "x", "", "", "me" }))
    assert.equal("bc", (decide { "x", "", "", "" }))
  end)

  it("differs between those who look at the same time", function()
    assert.equal("cd", (decide({ "x", "x", "", "" }, { random = 0 })))
    assert.equal("dc", (decide({ "x", "x", "", "" }, { random = 0.6 })))
  end)

  it("is none of what a living one has; that one is asked for one", function()
    assert.same({ "", "a", 10 }, { decide { "x", "x", "x" } })
  end)

  it("asks for one at a time, and for none where the difference is one", function()
    assert.same({ "", nil }, { (decide { "x", "x", "x/me" }), (select(2, decide { "x", "x", "x/me" })) })
    assert.is_nil((select(2, decide { "x", "x", "me" })))
  end)

  it("asks nobody for what is let go of, or asked for, already", function()
    assert.is_nil((select(2, decide { "/x", "/x", "/x" })))
    assert.equal("c", (select(2, decide { "/x", "x/y", "x", "/x", "x/y", "x" })))
  end)

  it("has what stood still for the lease time", function()
    assert.equal("ab", (decide({ "x", "x" }, { now = 10 })))
    assert.equal("a", (decide({ "x", "x" }, { now = 10, moved = { b = true } })))
  end)

  it("has what one let go of for it, and not what one let go of for another", function()
    assert.equal("b", (decide { "x", "/me", "/y" }))
  end)

  it("has what is its own and is not read", function()
    assert.equal("a", (decide({ "me", "x" }, { lost = true })))
  end)

  it("counts one who has nothing yet, but has asked", function()
    assert.equal("", (decide { "me", "me/y", "x", "x", "" }))
  end)
end)

describe("a lease table that takes a while to be made", function()
  it("is waited for by who makes it, and by who comes meanwhile", function()
    local plane = control_plane.new { delay = 5 }
    local runtime = fake.new { handler = function(request, rt) return plane:answer(request, rt) end }
    local db = dynamodb.connect { region = "local", access_key_id = "a", secret_access_key = "b", runtime = runtime }
    local function open(owner)
      assert(leases.new(db:table "leases", ARN, owner, 10):open())
      return db:table("leases"):describe({ ttl = false }).status
    end
    local maker = runtime:spawn(open, "a")
    runtime:wait(1)
    assert.equal("ACTIVE", open "b")
    assert.same({ true, "ACTIVE" }, { runtime:join(maker) })
    assert.equal(1, plane:count "CreateTable")
  end)
end)

describe("a lease table", function()
  if not engine.endpoint then
    return it("needs an engine", function() pending "no engine: run through tools/engine.sh" end)
  elseif engine.name == "dynalite" then
    return it("works", function() pending "dynalite has neither transactions nor items of failed conditions" end)
  end

  local db, name, proxy, through

  setup(function()
    db = engine.connect()
    proxy = fault_proxy.start { seed = 1, faults = {} }
    through = engine.connect { endpoint = proxy.endpoint, retry = { random = 0.01 } }
  end)

  before_each(function() name = engine.create_table(db, { "leaseKey:S" }) end)
  after_each(function() engine.drop_table(db, name) end)

  teardown(function()
    proxy:stop()
    through:close()
    db:close()
  end)

  local function store(owner, client, stream)
    return leases.new((client or db):table(name), stream or ARN, owner, 10)
  end

  local function row(id)
    return db:table(name, { partition = "leaseKey" }):get({ leaseKey = id or "s1" }, { consistent = true })
  end

  -- A lease that `owner` has.
  local function taken(owner, client)
    local one = store(owner, client)
    assert(one:create { id = "s1", parent = "s0", checkpoint = "TRIM_HORIZON" })
    return assert(one:take(assert(one:load()).s1)), one
  end

  it("is made if there is none", function()
    engine.drop_table(db, name)
    assert(store("a"):open())
    assert(store("b"):open())
    assert.same({}, store("a"):load())
  end)

  it("is refused if it is a table of another kind", function()
    for text, key in pairs {
      ["pk (S) and sk (N)"] = { "pk:S", "sk:N" }, ["leaseKey (S) and sk (S)"] = { "leaseKey:S", "sk:S" },
      ["leaseKey (N)"] = { "leaseKey:N" },
    } do
      local other = engine.create_table(db, key)
      finally(function() engine.drop_table(db, other) end)
      local ok, err = leases.new(db:table(other), ARN, "a", 10):open()
      assert.is_nil(ok)
      assert.equal("LeaseTableError", err.code)
      assert.equal(("%s is no lease table: its key is %s, not leaseKey (S) alone"):format(other, text), err.message)
      engine.drop_table(db, other)
    end
  end)

  it("says its name when it is gone", function()
    local lease, one = taken "a"
    engine.drop_table(db, name)
    for _, method in ipairs { "load", "renew" } do
      local _, err = one[method](one, lease)
      assert.is_true(err:is "ResourceNotFound")
      assert.matches("lease table " .. name, err.message, 1, true)
    end
  end)

  it("has rows as the Kinesis client library has them", function()
    local lease, one = taken "a"
    assert(one:checkpoint(lease, "17"))
    local item = row()
    assert.same({ "s1", "a", 2, "17", 0, 0 }, { item.leaseKey, item.leaseOwner, item.leaseCounter, item.checkpoint,
      item.checkpointSubSequenceNumber, item.ownerSwitchesSinceCheckpoint })
    assert.is_true(item.parentShardId:contains "s0")
  end)

  it("goes on with rows of that library, and leaves alone what is no lease of its", function()
    local target = db:table(name, { partition = "leaseKey" })
    assert(target:put { leaseKey = "s7", leaseCounter = 99, leaseOwner = "host:uuid", checkpoint = "123",
      checkpointSubSequenceNumber = 0, ownerSwitchesSinceCheckpoint = 1, parentShardId = dynamodb.set { "s6" } })
    assert(target:put { leaseKey = "leader", entityType = "LEADER" })
    assert(target:put { leaseKey = "1:other:2:s1", streamName = "1:other:2", checkpoint = "5" })
    local one = store "a"
    local found = assert(one:load())
    assert.same({ "s7", nil }, { next(found), next(found, "s7") })
    local lease = assert(one:take(found.s7))
    assert.same({ "123", "s6", 100 }, { lease.checkpoint, lease.parent, lease.counter })
  end)

  it("keeps the streams of different tables apart, and knows the unread rest of an older one", function()
    local other = store("a", db, "arn:aws:dynamodb:eu-west-1:123456789012:table/users/stream/1")
    local older = store("a", db, "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/1")
    assert(other:create { id = "u1", checkpoint = "5" })
    assert(older:create { id = "o1", checkpoint = "5" })
    assert(older:create { id = "o2", checkpoint = "SHARD_END" })
    local one = store "a"
    assert.same({}, one:load())
    assert.same({ "o1", nil }, { one.others[1].id, one.others[2] })
    assert(one:forget_others())
    assert.is_nil(row "o1")
    assert.is_table(row "u1")
  end)

  it("says so where a row is in the way that is no lease of the stream", function()
    local older = ARN:gsub("2$", "1")
    assert(store("a", db, older):create { id = "s1", checkpoint = "SHARD_END" })
    assert(db:table(name, { partition = "leaseKey" }):put { leaseKey = "s2", entityType = "LEADER" })
    local one = store "a"
    local _, err = one:create { id = "s1", checkpoint = "TRIM_HORIZON" }
    assert.same({ "LeaseTableError", ("lease table %s: the row s1 is of something else, the stream %s"):format(name,
      older) }, { err.code, err.message })
    _, err = one:create { id = "s2", checkpoint = "TRIM_HORIZON" }
    assert.equal(("lease table %s: the row s2 is of something else"):format(name), err.message)
    assert(one:create { id = "s3", checkpoint = "TRIM_HORIZON" })
    assert(one:create { id = "s3", checkpoint = "TRIM_HORIZON" })
  end)

  it("takes a row that was put by hand, with no more than a place", function()
    assert(db:table(name, { partition = "leaseKey" }):put { leaseKey = "s1", checkpoint = "123" })
    local one = store "a"
    local lease = assert(one:take(one:load().s1))
    assert(one:renew(lease))
    assert.same({ "123", 2, "a" }, { lease.checkpoint, row().leaseCounter, row().leaseOwner })
  end)

  it("gives a lease to one of those who see it free", function()
    assert(store("a"):create { id = "s1", checkpoint = "TRIM_HORIZON" })
    local seen = store("a"):load().s1
    assert.is_table(store("a"):take(seen))
    assert.same({}, { store("b"):take(seen) })
    assert.equal("a", row().leaseOwner)
  end)

  it("lets nothing be written by one who has lost it", function()
    local lease, one = taken "a"
    local other = store "b"
    local second = assert(other:take(other:load().s1))
    for _, write in ipairs {
      function() return one:checkpoint(lease, "9") end, function() return one:renew(lease) end,
      function() return one:release(lease) end, function() return one:checkpoint(lease, "SHARD_END") end,
      function() return one:transact(lease, "9", function() end) end,
    } do
      local ok, err = write()
      assert.same({ nil, "LeaseLost", true }, { ok, err.code, lease.lost })
      lease.lost = nil
    end
    assert.same({ "b", 2, "TRIM_HORIZON", 1 }, { row().leaseOwner, row().leaseCounter, row().checkpoint,
      row().ownerSwitchesSinceCheckpoint - 1 })
    assert(other:checkpoint(second, "9"))
  end)

  it("lets nothing be written by what one sent before one lost it and got it back", function()
    local lease, one = taken "a"
    local late = { id = "s1", counter = lease.counter, checkpoint = lease.checkpoint, lock = lease.lock }
    assert(store("b"):take(store("b"):load().s1))
    assert(one:take(one:load().s1))
    late.lost = true -- as its worker has found out before the lease was taken again
    assert.is_nil((one:checkpoint(late, "3")))
    assert.equal("TRIM_HORIZON", row().checkpoint)
  end)

  it("hands over: one asks, the owner sees it, lets go, and the one who asked is first", function()
    local lease, one = taken "a"
    local other = store "b"
    assert(other:request(other:load().s1))
    assert.is_nil(lease.wanted_by)
    assert(one:renew(lease))
    assert.equal("b", lease.wanted_by)
    assert(one:release(lease))
    local seen = other:load().s1
    assert.same({ nil, "b" }, { seen.owner, seen.wanted_by })
    assert.is_nil(assert(other:take(seen)).wanted_by)
  end)

  it("has nobody at the end of the shard, and goes when it is not needed", function()
    local lease, one = taken "a"
    assert(one:remove "s1")
    assert.is_table(row())
    assert(one:checkpoint(lease, "SHARD_END"))
    assert.same({ "SHARD_END", nil }, { row().checkpoint, row().leaseOwner })
    assert(one:remove "s1")
    assert.is_nil(row())
  end)

  it("knows its own writes when their answers were lost", function()
    local one = store("a", through)
    assert(one:create { id = "s1", checkpoint = "TRIM_HORIZON" })
    local seen = one:load().s1
    proxy:next "drop_reply"
    local lease = assert(one:take(seen))
    for _, write in ipairs { { "renew" }, { "checkpoint", "5" }, { "checkpoint", "SHARD_END" } } do
      proxy:next "drop_reply"
      assert(one[write[1]](one, lease, write[2]))
    end
    assert.same({ 5, "SHARD_END" }, { row().leaseCounter, row().checkpoint })
    assert.equal(4, proxy:counts().drop_reply)
  end)

  it("writes again what an earlier write of its own, given up, was in the way of", function()
    local lease, one = taken "a"
    local fields = { lock = lease.lock, id = "s1", counter = lease.counter, checkpoint = lease.checkpoint }
    assert(one:renew(fields)) -- as if its answer had never come
    assert(one:checkpoint(lease, "8"))
    assert.same({ "8", 3 }, { row().checkpoint, row().leaseCounter })
  end)

  it("does not last longer by a write of which nobody knows when it was applied", function()
    local lease, one = taken "a"
    local function before()
      local past = { now = lease.written.now - 4, time = lease.written.time - 4 }
      return { lock = lease.lock, id = "s1", counter = lease.counter, checkpoint = lease.checkpoint, written = past }
    end
    local early = before()
    assert(one:checkpoint(lease, "8"))
    assert(one:checkpoint(early, "8"))
    assert.is_true(one:left(early) <= 6)
    early = before()
    assert(one:renew(lease))
    assert(one:renew(early))
    assert.is_true(one:left(early) > 6)
    assert.equal(row().leaseCounter, early.counter)
    assert.equal(lease.counter + 1, early.counter)
  end)

  it("has expired when either clock says so", function()
    local lease, one = taken "a"
    assert.is_true(one:left(lease) > 9)
    lease.written.time = lease.written.time - 10
    assert.is_true(one:left(lease) <= 0)
    assert(one:renew(lease))
    lease.written.time = lease.written.time + 3600 -- the wall clock was set back
    assert.is_true(one:left(lease) > 9)
    lease.written.now = lease.written.now - 10
    assert.is_true(one:left(lease) <= 0)
  end)

  it("reads whatever the client makes of numbers", function()
    for _, numbers in ipairs { "string", "exact", "native" } do
      local client = engine.connect { numbers = numbers }
      finally(function() client:close() end)
      local one = store("owner-" .. numbers, client)
      assert(one:create { id = numbers, checkpoint = "LATEST", iterator = "i", since = 1700000000 })
      local lease = assert(one:take(one:load()[numbers]))
      assert(one:renew(lease))
      assert.same({ 2, 1700000000, "i" }, { row(numbers).leaseCounter, lease.since, lease.iterator })
      client:close()
    end
  end)

  describe("in a transaction with the effect", function()
    local sums

    before_each(function() sums = db:table(name, { partition = "leaseKey" }) end)

    local function add(target)
      return function(tx) tx:update(target, { leaseKey = "sum" }, { add = { value = 1 } }) end
    end

    it("both are written", function()
      local lease, one = taken "a"
      assert(one:transact(lease, "5", add(sums)))
      assert.same({ 1, "5", "5" }, { row("sum").value, row().checkpoint, lease.checkpoint })
      assert(one:renew(lease))
    end)

    it("none is without the lease", function()
      local lease, one = taken "a"
      assert(store("b"):take(store("b"):load().s1))
      local ok, err = one:transact(lease, "5", add(sums))
      assert.same({ nil, "LeaseLost" }, { ok, err.code })
      assert.is_nil(row "sum")
    end)

    it("none is if the effect cannot be, and the lease stays", function()
      local lease, one = taken "a"
      local ok, err = one:transact(lease, "5", function(tx)
        tx:update(sums, { leaseKey = "sum" }, { add = { value = 1 } }, { where = dynamodb.expr.exists "value" })
      end)
      assert.is_nil(ok)
      assert.is_true(err:is "TransactionCanceled")
      assert.is_nil(lease.lost)
      assert(one:checkpoint(lease, "5"))
    end)

    it("what was done is not done again, also if nobody heard of it", function()
      local lease, one = taken "a"
      local before = { id = "s1", counter = lease.counter, checkpoint = lease.checkpoint, lock = lease.lock }
      assert(one:transact(lease, "5", add(sums)))
      assert(one:transact(lease, "5", add(sums)))
      assert(one:transact(before, "5", add(sums)))
      assert.equal(1, row("sum").value)
    end)

    it("what was done before the lease was renewed is told from what was not", function()
      local lease, one = taken "a"
      local before = { id = "s1", counter = lease.counter, checkpoint = lease.checkpoint, lock = lease.lock }
      assert(one:renew(lease))
      assert(one:transact(before, "5", add(sums)))
      assert.same({ 1, "5" }, { row("sum").value, row().checkpoint })
    end)
  end)
end)
