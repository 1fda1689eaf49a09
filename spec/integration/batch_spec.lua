local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"

describe("bulk work on a real engine", function()
  local db, orders, blobs

  setup(function()
    db = engine.connect()
    orders = db:table(engine.create_table(db, { "pk:S", "sk:N" }), { partition = "pk", sort = "sk" })
    blobs = db:table(engine.create_table(db, { "id:B" })) -- its key is described
  end)

  teardown(function()
    engine.drop_table(db, orders.name)
    engine.drop_table(db, blobs.name)
    db:close()
  end)

  local function order(i)
    return { pk = "p" .. i % 10, sk = i / 4, note = ("x"):rep(i % 50), tags = dynamodb.set { "a" } }
  end

  it("puts 1,000 items of two tables, reads them and deletes them", function()
    local report = assert(db:batch(function(b)
      for i = 1, 500 do
        b:put(orders, order(i))
        b:put(blobs, { id = dynamodb.binary("\0" .. i), n = i })
      end
      b:put(orders, { pk = "gone", sk = 1 })
      b:delete(orders, { pk = "gone", sk = 1.0 })
    end))
    assert.equal(1002, report.input)
    assert.equal(1002, report.done + report.superseded)

    local keys = {}
    for i = 1, 600 do keys[i] = { pk = "p" .. i % 10, sk = i / 4 } end
    keys[601] = { pk = "p1", sk = dynamodb.number "0.250" }
    local found, err, got = orders:get_all(keys, { consistent = true })
    assert.is_nil(err)
    for i = 1, 500 do assert.same(order(i).note, found[i].note) end
    for i = 501, 600 do assert.is_false(found[i]) end
    assert.same(found[1], found[601])
    assert.are_not.equal(found[1], found[601])
    assert.equal(100, #got.missing)

    local notes = assert(orders:get_all(keys, { attributes = { "note" } }))
    assert.same({ note = order(7).note }, notes[7])

    local ids = {}
    for i = 1, 500 do ids[i] = { id = dynamodb.binary("\0" .. i) } end
    for i, item in ipairs(assert(blobs:get_all(ids))) do assert.equal(i, item.n) end
    assert.equal(500, assert(blobs:delete_all(ids)).done)
    for _, item in ipairs(assert(blobs:get_all(ids))) do assert.is_false(item) end
  end)

  it("puts what an iterator gives and tells the progress", function()
    local i, seen = 0, 0
    local report = assert(orders:put_all(function()
      i = i + 1
      if i <= 260 then return { pk = "iterator", sk = i } end
    end, { progress = function(counts)
      assert(counts.done >= seen)
      seen = counts.done
    end }))
    assert.equal(260, report.done)
    assert.equal(260, seen)
    assert.is_false(assert(orders:get_all { { pk = "iterator", sk = 261 } })[1])
  end)

  it("writes all but the items that cannot be, and names them", function()
    local failed = {}
    local report, err = orders:put_all({
      { pk = "bad", sk = 1 }, { pk = "bad" }, { pk = "bad", sk = 2, big = ("x"):rep(420000) }, { pk = "bad", sk = 3 },
    }, { on_failed = function(failure) failed[#failed + 1] = failure.message end })
    assert.is_nil(report)
    assert.equal("Incomplete", err.code)
    assert.same({ 4, 2, 2 }, { err.report.input, err.report.done, err.report.failed })
    assert.equal(2, #failed)
    assert.matches("sk: the key needs it", err.report.failures[1].message)
    assert.matches("largest attribute is big", err.report.failures[2].message)
    assert.equal(orders.name, err.report.failures[2].table)
  end)

  it("reports a missing table without harm to the others", function()
    local nowhere = db:table("no-such-table-anywhere", { partition = "pk" })
    local _, err = db:batch(function(b)
      for i = 1, 40 do
        b:put(nowhere, { pk = "x" .. i })
        b:put(orders, { pk = "there", sk = i })
      end
    end)
    assert.same({ 40, 40, 0 }, { err.report.done, err.report.failed, err.report.unprocessed })
    assert.equal("ResourceNotFoundException", err.report.failures[1].code)
  end)
end)
