-- PartiQL against a real engine.
local engine = require "spec.support.engine"

local function is_pending()
  if engine.name == "dynalite" then pending "dynalite has no PartiQL" end
  return engine.name == "dynalite"
end

describe("PartiQL", function()
  local db, name

  setup(function()
    db = engine.connect()
    name = engine.create_table(db, { "pk:S", "sk:S" })
  end)

  teardown(function()
    engine.drop_table(db, name)
    db:close()
  end)

  -- A statement about the table, which it calls T.
  local function on_table(text) return (text:gsub("%f[%w]T%f[%W]", '"' .. name .. '"')) end
  local function execute(text, ...) return db:execute(on_table(text), ...) end

  local INSERT = "INSERT INTO T VALUE {'pk': ?, 'sk': ?, 'n': ?}"
  local GET = "SELECT * FROM T WHERE pk = ? AND sk = ?"

  -- Items s001 … of one partition, n counting up.
  local function fill(pk, count)
    local list = {}
    for i = 1, count do list[i] = { on_table(INSERT), { pk, ("s%03d"):format(i), i } } end
    return assert(db:execute_batch(list))
  end

  it("writes, reads, changes and deletes an item", function()
    if is_pending() then return end
    assert.is_true(assert(execute(INSERT, { "one", "a", 1 })))
    local ok, err = execute(INSERT, { "one", "a", 2 })
    assert.is_nil(ok)
    assert.is_true(err:is "DuplicateItem")
    assert.same({ pk = "one", sk = "a", n = 1 }, assert(execute(GET, { "one", "a" }, { consistent = true }):first()))
    local add = "UPDATE T SET n = n + 1 WHERE pk = ? AND sk = ? RETURNING ALL NEW *"
    local changed = assert(execute(add, { "one", "a" }))
    assert.same({ { pk = "one", sk = "a", n = 2 } }, changed)
    ok, err = execute("UPDATE T SET n = 9 WHERE pk = ? AND sk = ? AND n = 1", { "one", "a" })
    assert.is_nil(ok)
    assert.is_true(err:is "ConditionalCheckFailed")
    assert.same(changed, assert(execute("DELETE FROM T WHERE pk = ? AND sk = ? RETURNING ALL OLD *", { "one", "a" })))
    assert.same({}, assert(execute(GET, { "one", "a" }):all()))
  end)

  it("reads over as many pages as there are, in order", function()
    if is_pending() then return end
    fill("many", 60)
    for _, size in ipairs { 1, 7, 60, 100 } do
      local seen, results = 0, execute("SELECT * FROM T WHERE pk = ?", { "many" }, { page_size = size })
      for item in results do
        seen = seen + 1
        assert.equal(seen, item.n)
      end
      assert.equal(60, seen)
      local meta = results:meta()
      assert.is_true(meta.pages >= 60 / size and meta.items == 60 and meta.capacity.CapacityUnits > 0)
    end
  end)

  it("gives every kind of value back as it was", function()
    if is_pending() then return end
    local dynamodb = require "dynamodb"
    local item = {
      pk = "values", sk = "a", n = dynamodb.number "0.1234567890123456789012345678901234", t = true, z = dynamodb.null,
      b = dynamodb.binary "\0\255", s = dynamodb.set { 1, 2 }, l = { 1, { a = "x" } },
    }
    local parameters, members = {}, {}
    for attribute, value in pairs(item) do
      parameters[#parameters + 1] = value
      members[#members + 1] = ("'%s': ?"):format(attribute)
    end
    assert(execute(("INSERT INTO T VALUE {%s}"):format(table.concat(members, ", ")), parameters))
    local read = assert(execute(GET, { "values", "a" }):first())
    assert.is_true(read.s == item.s)
    assert.equal(tostring(item.n), tostring(read.n))
    assert.equal("\0\255", tostring(read.b))
    assert.same({ true, item.z, "x" }, { read.t, read.z, read.l[2].a })
  end)

  it("reports a batch statement by statement", function()
    if is_pending() then return end
    fill("batch", 30)
    local list = {}
    for i = 1, 40 do list[i] = { on_table(GET), { "batch", ("s%03d"):format(i) } } end
    local report = assert(db:execute_batch(list, { consistent = true }))
    assert.same({ 40, 40, 0, 0, 2 },
      { report.input, report.done, report.failed, report.unprocessed, report.requests })
    assert.equal(30, report.results[30].n)
    assert.is_false(report.results[31])
    assert.is_true(report.capacity[name] > 0)
    local ok, err = db:execute_batch {
      { on_table(INSERT), { "batch", "s031", 31 } },
      { on_table(INSERT), { "batch", "s001", 1 } },
      { "DELETE FROM nowhere WHERE pk = ?", { "a" } },
    }
    assert.is_nil(ok)
    report = err.report
    assert.same({ 1, 2, 0 }, { report.done, report.failed, report.unprocessed })
    assert.same({ 2, 3 }, { report.failures[1].index, report.failures[2].index })
    assert.equal("DuplicateItem", report.failures[1].code)
    assert.equal(31, execute(GET, { "batch", "s031" }):first().n)
  end)

  it("does all statements of a transaction or none", function()
    if is_pending() then return end
    fill("tx", 2)
    local add = on_table "UPDATE T SET n = n + ? WHERE pk = ? AND sk = ?"
    local guarded = on_table "UPDATE T SET n = n - ? WHERE pk = ? AND sk = ? AND n >= ?"
    local function move(amount)
      return db:execute_transaction { { guarded, { amount, "tx", "s002", amount } }, { add, { amount, "tx", "s001" } } }
    end
    assert.is_true(assert(move(2)))
    local ok, err = move(2)
    assert.is_nil(ok)
    assert.is_true(err:is "TransactionCanceled")
    assert.same({ "ConditionalCheckFailed", guarded }, { err.reasons[1].code, err.reasons[1].statement })
    assert.same({ "None", add }, { err.reasons[2].code, err.reasons[2].statement })
    local get = on_table(GET)
    local items = assert(db:execute_transaction {
      { get, { "tx", "s001" } }, { get, { "tx", "s009" } }, { get, { "tx", "s002" } },
    })
    assert.same({ 3, 0, false }, { items[1].n, items[3].n, items[2] })
  end)

  it("applies a transaction with one token once", function()
    if is_pending() then return end
    fill("token", 1)
    local token, add = require("dynamodb.core").uuid(), on_table "UPDATE T SET n = n + 1 WHERE pk = ? AND sk = ?"
    for _ = 1, 2 do
      assert(db:execute_transaction({ { add, { "token", "s001" } } }, { token = token }))
    end
    assert.equal(2, execute(GET, { "token", "s001" }):first().n)
  end)

  it("returns what the service says of a statement that it does not understand", function()
    if is_pending() then return end
    local items, err = db:execute("SELECT FROM"):all()
    assert.is_nil(items)
    assert.is_true(err:is "Validation")
  end)
end)
