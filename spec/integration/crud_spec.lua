-- Single items against a real engine, with the patterns of everyday programs.
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"

local e = dynamodb.expr

describe("single items", function()
  local db, name, users

  setup(function()
    db = engine.connect()
    name = engine.create_table(db, { "pk:S", "sk:S" })
    users = db:table(name, { partition = "pk", sort = "sk" })
  end)

  teardown(function()
    engine.drop_table(db, name)
    db:close()
  end)

  local function key(id) return { pk = "USER#" .. id, sk = "PROFILE#" .. id } end

  local function user(id, fields)
    local item = { pk = "USER#" .. id, sk = "PROFILE#" .. id, id = id }
    for field, value in pairs(fields or {}) do item[field] = value end
    return item
  end

  it("are created once", function()
    assert.is_true(assert(users:create(user("c1", { name = "Ada" }))))
    local ok, err = users:create(user("c1", { name = "Eve" }))
    assert.is_nil(ok)
    assert.is_true(err:is "ConditionalCheckFailed")
    assert.equal(400, err.status)
    assert.equal("Ada", assert(users:get(key "c1")).name)
  end)

  it("are read whole, in part, consistently; a missing one is nil without an error", function()
    assert(users:put(user("g1", { name = "Ada", address = { city = "Graz", zip = "8010" }, tags = { "a", "b" },
      ["a.b"] = "dot" })))
    local whole = assert(users:get(key "g1", { consistent = true }))
    assert.same({ city = "Graz", zip = "8010" }, whole.address)
    local part = assert(users:get(key "g1", { attributes = { "name", "address.city", "tags[1]" } }))
    assert.same({ name = "Ada", address = { city = "Graz" }, tags = { "b" } }, part)
    assert.same({ ["a.b"] = "dot" }, (users:get(key "g1", { attributes = { dynamodb.path "a.b" } })))
    local item, err, meta = users:get(key "nobody")
    assert.is_nil(item)
    assert.is_nil(err)
    assert.equal(1, meta.attempts)
  end)

  it("report what they cost", function()
    assert(users:put(user "m1"))
    local _, _, meta = users:get(key "m1")
    assert.equal(name, meta.capacity.TableName)
    assert.is_true(meta.capacity.CapacityUnits > 0)
    _, _, meta = users:get(key "m1", { capacity = "none" })
    assert.is_nil(meta.capacity)
  end)

  it("are overwritten by put, which can give the old one", function()
    assert.is_true(assert(users:put(user("p1", { v = 1, gone = true }))))
    local old, err = users:put(user("p1", { v = 2 }), { returns = "ALL_OLD" })
    assert.is_nil(err)
    assert.same(user("p1", { v = 1, gone = true }), old)
    assert.same(user("p1", { v = 2 }), (users:get(key "p1")))
    old, err = users:put(user "p2", { returns = "ALL_OLD" })
    assert.is_nil(old)
    assert.is_nil(err)
  end)

  it("are updated by every action", function()
    assert(users:put(user("u1", { n = 1, draft = true, log = { "a" }, tags = dynamodb.set { "x", "y" }, keep = 1 })))
    local now = assert(users:update(key "u1", {
      set = { status = "open", ["dotted.name"] = 1 },
      default = { keep = 2, fresh = 3 },
      add = { n = 2 },
      delete = { tags = dynamodb.set { "x" } },
      remove = { "draft" },
      append = { log = { "b", "c" } },
      prepend = { queue = { "first" } },
    }, { returns = "ALL_NEW" }))
    assert.same({ "open", 1, 1, 3, 3 }, { now.status, now["dotted.name"], now.keep, now.fresh, now.n })
    assert.is_true(now.tags == dynamodb.set { "y" })
    assert.is_nil(now.draft)
    assert.same({ "a", "b", "c" }, now.log)
    assert.same({ "first" }, now.queue)
  end)

  it("are updated inside documents by paths", function()
    assert(users:put(user("u2", { address = { city = "Graz" }, list = { { n = 1 }, { n = 2 } } })))
    local now = assert(users:update(key "u2", {
      set = { [dynamodb.path("address", "city")] = "Wien", [dynamodb.path("list", 2, "n")] = 20 },
      remove = { dynamodb.path("list", 1) },
    }, { returns = "ALL_NEW" }))
    assert.equal("Wien", now.address.city)
    assert.same({ { n = 20 } }, now.list)
  end)

  it("give what returns asks for", function()
    assert(users:put(user("u3", { a = 1, b = 1 })))
    local change = { set = { a = 2 } }
    assert.is_true((users:update(key "u3", change)))
    assert.same({ a = 2 }, (users:update(key "u3", change, { returns = "updated_new" })))
    assert.same({ a = 2 }, (users:update(key "u3", { set = { a = 3 } }, { returns = "UPDATED_OLD" })))
    assert.same(user("u3", { a = 3, b = 1 }), (users:update(key "u3", change, { returns = "ALL_OLD" })))
  end)

  it("are updated only if they are there", function()
    local ok, err = users:update(key "ghost", { set = { a = 1 } }, { where = e.exists "pk", returns = "ALL_NEW" })
    assert.is_nil(ok)
    assert.is_true(err:is "ConditionalCheckFailed")
    assert.is_nil(err.item)
    assert.is_nil((users:get(key "ghost")))
  end)

  it("are updated by text with names and values", function()
    assert(users:put(user("u4", { status = "new", amount = 5 })))
    local now = assert(users:update(key "u4", "SET #s = :s, amount = amount + :n", {
      names = { s = "status" }, values = { s = "paid", [":n"] = 2, min = 1 },
      where = "amount >= :min", returns = "ALL_NEW",
    }))
    assert.same({ "paid", 7 }, { now.status, now.amount })
  end)

  it("have reserved words for names without trouble", function()
    assert(users:put(user("r1", { name = "a", size = 1, status = "s", count = 1 })))
    assert(users:update(key "r1", { set = { ["timestamp"] = 1, values = 2, ["date"] = 3 }, remove = { "name" } },
      { where = { size = 1, status = "s", count = e.ge(1) } }))
    assert.same({ values = 2, ["date"] = 3 }, (users:get(key "r1", { attributes = { "values", "date", "name" } })))
  end)

  it("are deleted, and the old one given", function()
    assert(users:put(user("d1", { name = "Ada" })))
    local old = assert(users:delete(key "d1", { where = "attribute_exists(pk)", returns = "ALL_OLD" }))
    assert.equal("Ada", old.name)
    local again, err = users:delete(key "d1", { where = e.exists "pk" })
    assert.is_nil(again)
    assert.is_true(err:is "ConditionalCheckFailed")
    assert.is_true(assert(users:delete(key "d1")))
    local none, no_error = users:delete(key "d1", { returns = "ALL_OLD" })
    assert.is_nil(none)
    assert.is_nil(no_error)
  end)

  it("need no declared key: the table is described once", function()
    local undeclared = db:table(name)
    assert.is_true(assert(undeclared:create(user "s1")))
    local ok = undeclared:create(user "s1")
    assert.is_nil(ok)
    local refused, message = pcall(undeclared.get, undeclared, { pk = "x", sk = 1 })
    assert.is_false(refused)
    assert.matches("key.sk must be a string, not a number", message, 1, true)
  end)

  describe("conditions", function()
    local function holds(where, options)
      local all = { where = where }
      for option, value in pairs(options or {}) do all[option] = value end
      local ok, err = users:put(user("w", { n = 5, s = "hello", list = { 1, 2, 3 }, set = dynamodb.set { "a", "b" },
        map = { k = "v" }, other = 5, flag = false, null = dynamodb.null }), all)
      if not ok then assert(err:is "ConditionalCheckFailed", tostring(err)) end
      return ok == true
    end

    setup(function() assert(holds(nil)) end)

    it("hold or fail as they say", function()
      local cases = {
        { n = 5 }, { n = e.eq(5), s = "hello" }, { n = e.ne(4) }, { n = e.lt(6) }, { n = e.le(5) }, { n = e.gt(4) },
        { n = e.ge(5) }, { n = e.between(5, 6) }, { n = e.in_ { 1, 5 } }, { s = e.begins_with "he" },
        { s = e.contains "ell" }, { set = e.contains "a" }, { list = e.contains(2) }, { n = e.exists },
        { x = e.missing }, { n = e.type "N" }, { set = e.type "SS" }, { list = e.size(3) }, { s = e.size(e.gt(4)) },
        { n = e.attr "other" }, { flag = false }, { null = dynamodb.null },
        { [dynamodb.path("map", "k")] = "v" }, { [dynamodb.path("list", 1)] = 1 }, e.exists "n",
        { n = e.not_(e.in_ { 1, 2 }) }, { n = e.any(e.lt(3), e.gt(4)) }, { n = e.all(e.gt(3), e.lt(6)) },
        e.any { n = 1, s = "hello" }, e.any({ n = 1, s = "hello" }, { n = 5, e.any { s = "x", other = 5 } }),
        e.not_(e.all { n = 1, s = "hello" }), { n = 5, e.any { s = "hello", other = 1 } },
        { "(n = :five)", s = "hello" }, e.not_ "n = :no",
      }
      for i, where in ipairs(cases) do
        local options = {}
        if where[1] == "(n = :five)" then options.values = { five = 5 } end
        if where[1] == "n = :no" then options.values = { no = 0 } end
        assert.is_true(holds(where, options), "case " .. i)
        assert.is_false(holds(e.not_(where), options), "not case " .. i)
      end
    end)

    it("compare whole documents", function()
      if engine.name == "dynalite" then return pending "dynalite does not compare maps" end
      assert.is_true(holds { map = { k = "v" }, list = { 1, 2, 3 } })
      assert.is_false(holds { map = { k = "w" } })
      assert.is_false(holds { list = { 3, 2, 1 } })
    end)

    it("may list more than 100 values", function()
      local values = {}
      for i = 1, 250 do values[i] = i + 1000 end
      assert.is_false(holds { n = e.in_(values) })
      values[250] = 5
      assert.is_true(holds { n = e.in_(values) })
    end)

    it("cannot be talked into anything by a body from outside", function()
      local body = { op = "exists", n = 1, [1] = "pk" }
      local ok, err = pcall(holds, { map = body })
      assert(ok == false or err == false)
      assert.is_false(holds { s = { ["$ne"] = "x" } })
      assert.is_false(holds { ["map.k"] = "v" })
    end)
  end)
end)
