-- Transactions and versions against a real engine.
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local process = require "spec.support.process"

local e = dynamodb.expr
local SCALE = tonumber(os.getenv "SCALE") or 1

describe("transactions", function()
  if engine.name == "dynalite" then
    it("are real", function() pending "dynalite has no transactions" end)
    return
  end

  local db, name, items

  setup(function()
    db = engine.connect()
    name = engine.create_table(db, { "pk:S", "sk:N" })
    items = db:table(name) -- what its keys are is asked
  end)

  teardown(function()
    engine.drop_table(db, name)
    db:close()
  end)

  local function key(pk, sk) return { pk = pk, sk = sk or 0 } end

  local function item(pk, fields)
    local made = key(pk)
    for field, value in pairs(fields or {}) do made[field] = value end
    return made
  end

  it("happen as a whole", function()
    assert(items:put(item("w2", { n = 1, tags = dynamodb.set { "a" } })))
    assert(items:put(item "w3"))
    assert(items:put(item("w4", { open = true })))
    local ok, err, meta = db:transact(function(tx)
      tx:put(items, item("w1", { big = dynamodb.number "12345678901234567890" }))
      tx:update(items, key "w2", { add = { n = 2 }, delete = { tags = dynamodb.set { "a" } } }, { where = { n = 1 } })
      tx:delete(items, key "w3")
      tx:check(items, key "w4", { open = true })
      tx:create(items, item("w5", { bytes = dynamodb.binary "\0\255" }))
    end)
    assert.is_true(ok, tostring(err))
    assert.same({ 1, 1 }, { meta.attempts, meta.runs })
    local found = assert(db:transact_get(function(tx)
      for _, pk in ipairs { "w5", "w3", "w2", "w1" } do tx:get(items, key(pk)) end
    end))
    assert.equal(4, #found)
    assert.equal("\0\255", tostring(found[1].bytes))
    assert.is_false(found[2])
    assert.same({ pk = "w2", sk = 0, n = 3 }, found[3])
    assert.equal("12345678901234567890", tostring(found[4].big))
  end)

  it("do not happen at all, and say why", function()
    assert(items:put(item("n1", { n = 1 })))
    assert(items:put(item("n3", { n = 3, tags = dynamodb.set { "x" } })))
    local ok, err = db:transact(function(tx)
      tx:update(items, key "n1", { set = { n = 2 } })
      tx:put(items, item("n2", { n = 2 }))
      tx:check(items, key "n3", { n = 4 })
      tx:update(items, key "n4", { set = { n = 1 } }, { where = e.exists "pk" })
    end)
    assert.is_nil(ok)
    assert.is_true(err:is "TransactionCanceled")
    local codes = {}
    for i, reason in ipairs(err.reasons) do codes[i] = reason.operation .. " " .. reason.code end
    assert.same({ "update None", "put None", "check ConditionalCheckFailed", "update ConditionalCheckFailed" }, codes)
    assert.same(key "n2", err.reasons[2].key)
    assert.equal(name, err.reasons[3].table)
    assert.equal(3, err.reasons[3].item.n)
    assert.is_true(err.reasons[3].item.tags == dynamodb.set { "x" })
    assert.is_nil(err.reasons[4].item)
    assert.equal(1, assert(items:get(key "n1")).n)
    assert.is_nil((items:get(key "n2")))
  end)

  it("take 100 operations, and reads 100", function()
    assert.is_true(db:transact(function(tx)
      for i = 1, 100 do tx:put(items, { pk = "h", sk = i, i = i }) end
    end))
    local found = assert(db:transact_get(function(tx)
      for i = 100, 1, -1 do tx:get(items, { pk = "h", sk = i }, { attributes = { "i" } }) end
    end))
    -- dynoxide gives whole items, whatever attributes are asked for.
    for i = 1, 100 do assert.equal(101 - i, found[i].i) end
  end)

  it("are applied once for a token, however often they are sent", function()
    assert(items:put(item("o", { n = 0 })))
    for _ = 1, 3 do
      assert.is_true(db:transact(function(tx) tx:update(items, key "o", { add = { n = 1 } }) end,
        { token = "once-" .. name:sub(-30) }))
    end
    assert.equal(1, assert(items:get(key "o")).n)
    local once = { idempotent = "o-" .. name:sub(-30) }
    for _ = 1, 3 do assert.is_true(items:update(key "o", { add = { n = 1 } }, once)) end
    assert.equal(2, assert(items:get(key "o")).n)
    local ok, err = db:transact(function(tx) tx:update(items, key "o", { add = { n = 5 } }) end,
      { token = "once-" .. name:sub(-30) })
    assert.is_nil(ok)
    assert.is_true(err:is "IdempotentParameterMismatch")
  end)

  it("of one write fail as the write alone", function()
    assert(items:put(item("s", { n = 1 })))
    local ok, err = items:put(item("s", { n = 2 }), { where = { n = 2 }, idempotent = true })
    assert.is_nil(ok)
    assert.is_true(err:is "ConditionalCheckFailed")
    assert.same({ pk = "s", sk = 0, n = 1 }, err.item)
    assert.is_true((items:delete(key "s", { idempotent = true })))
    assert.is_nil((items:get(key "s")))
  end)

  it("of many programs conserve the money", function()
    local accounts, workers, each = 5, 4, 25 * SCALE
    for i = 1, accounts do assert(items:put { pk = "ACCOUNT", sk = i, balance = 1000 }) end
    local children = {}
    for worker = 1, workers do
      children[worker] = process.fork(function()
        local own = engine.connect()
        local bank = own:table(name, { partition = "pk", sort = "sk" })
        local done, random = 0, worker * 7919
        for number = 1, each do
          random = (random * 1103515245 % 2147483648 + 12345) % 2147483648
          local from, amount = math.floor(random / 7) % accounts + 1, math.floor(random / 97) % 400 + 1
          local to = (from + math.floor(random / 13) % (accounts - 1)) % accounts + 1
          local ok, err = own:transact(function(tx)
            tx:update(bank, { pk = "ACCOUNT", sk = from }, { add = { balance = -amount } },
              { where = { balance = e.ge(amount) } })
            tx:update(bank, { pk = "ACCOUNT", sk = to }, { add = { balance = amount } }, { where = e.exists "pk" })
            tx:create(bank, { pk = "ENTRY#" .. worker, sk = number, from = from, to = to, amount = amount })
          end, { retry_conflicts = 10 })
          if ok then
            done = done + 1
          elseif not err.reasons or err.reasons[1].code ~= "ConditionalCheckFailed" then
            error(err)
          end
        end
        return ("%d"):format(done)
      end)
    end
    local expected, entries = {}, 0
    for i = 1, accounts do expected[i] = 1000 end
    for worker, child in ipairs(children) do
      assert.equal(0, child:wait(60), child:output())
      for number = 1, each do
        local entry = assert(db:call("GetItem", { TableName = name, ConsistentRead = true,
          Key = { pk = "ENTRY#" .. worker, sk = number } })).Item
        if entry then
          entries = entries + 1
          expected[entry.from] = expected[entry.from] - entry.amount
          expected[entry.to] = expected[entry.to] + entry.amount
        end
      end
    end
    local done, total, balances = 0, 0, {}
    for _, child in ipairs(children) do done = done + tonumber(child:output()) end
    for i = 1, accounts do
      balances[i] = assert(items:get({ pk = "ACCOUNT", sk = i }, { consistent = true })).balance
      total = total + balances[i]
      assert.is_true(balances[i] >= 0)
    end
    assert.equal(accounts * 1000, total)
    assert.equal(entries, done)
    assert.same(expected, balances)
    assert.is_true(done > 0)
  end)

  describe("with versions", function()
    it("let one of two writers win", function()
      local documents = db:table(name, { partition = "pk", sort = "sk", version = "v" })
      local first = item("v1", { text = "one" })
      assert(documents:put(first))
      assert.equal(1, first.v)
      local mine, theirs = assert(documents:get(key "v1")), assert(documents:get(key "v1"))
      mine.text = "mine"
      theirs.text = "theirs"
      assert.is_true((documents:put(theirs)))
      local ok, err = documents:put(mine)
      assert.is_nil(ok)
      assert.is_true(err:is "ConditionalCheckFailed")
      assert.same({ "theirs", 2 }, { err.item.text, err.item.v })
      assert.same({ 1, 2 }, { mine.v, theirs.v })
      local version = key "v1"
      version.v = 2
      assert.is_true((documents:update(version, { set = { text = "changed" } })))
      assert.equal(3, version.v)
      assert.equal(3, assert(documents:get(key "v1")).v)
      assert.is_true((documents:update(key "v1", { add = { n = 1 } }, { where = { text = "changed" } })))
      assert.equal(4, assert(documents:get(key "v1")).v)
      ok, err = documents:delete(version)
      assert.is_nil(ok)
      assert.equal(4, err.item.v)
      assert.is_true((documents:delete(key "v1", { version = 4 })))
      assert.is_nil((documents:get(key "v1")))
    end)

    it("of several items move together", function()
      local documents = db:table(name, { partition = "pk", sort = "sk", version = "v" })
      local a, b = item "va", item "vb"
      local function both(tx)
        tx:put(documents, a)
        tx:put(documents, b)
      end
      assert.is_true(db:transact(both))
      assert.is_true(db:transact(both))
      assert.same({ 2, 2 }, { a.v, b.v })
      b.v = 1
      local ok, err = db:transact(both)
      assert.is_nil(ok)
      assert.same({ "None", "ConditionalCheckFailed" }, { err.reasons[1].code, err.reasons[2].code })
      assert.same({ 2, 1 }, { a.v, b.v })
    end)
  end)
end)

describe("versions", function()
  it("need no transactions", function()
    local db = engine.connect()
    local name = engine.create_table(db, { "pk:S" })
    finally(function()
      engine.drop_table(db, name)
      db:close()
    end)
    local counters = db:table(name, { partition = "pk", version = "v" })
    local children = {}
    for worker = 1, 3 do
      children[worker] = process.fork(function()
        local own = engine.connect():table(name, { partition = "pk", version = "v" })
        for _ = 1, 20 do
          repeat
            local item = assert(own:get({ pk = "c" }, { consistent = true }) or { pk = "c", n = 0 })
            item.n = item.n + 1
            local ok, err = own:put(item)
            if not ok and not err:is "ConditionalCheckFailed" then error(err) end
          until ok
        end
      end)
    end
    for _, child in ipairs(children) do assert.equal(0, child:wait(60), child:output()) end
    local item = assert(counters:get({ pk = "c" }, { consistent = true }))
    assert.same({ 60, 60 }, { item.n, item.v })
  end)
end)
