-- Tables made and changed as a spec says: the plan, its steps, and others who do the same at the same time. The control
-- plane is spec/support/control_plane.lua, the clock is virtual.
local control_plane = require "spec.support.control_plane"
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"
local fake_client = require "spec.support.fake_client"
local model = require "spec.support.batch_model"

local message_of = fake_client.message_of

local function new_plane(options)
  local plane = control_plane.new(options)
  local runtime = fake.new { handler = function(request, rt) return plane:answer(request, rt) end }
  local function connect(more)
    local all = {
      region = "local", access_key_id = "a", secret_access_key = "b", runtime = runtime,
      retry = { max_attempts = 1, random = 0.5 },
    }
    for name, value in pairs(more or {}) do all[name] = value end
    return dynamodb.connect(all)
  end
  return connect(), plane, runtime, connect
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local made = {}
  for key, member in pairs(value) do made[key] = copy(member) end
  return made
end

local function merged(spec, changes)
  local made = copy(spec)
  for name, value in pairs(changes) do made[name] = value end
  return made
end

local SPEC = {
  name = "orders", partition = "pk", sort = "sk", types = { sk = "N", total = "N" },
  indexes = {
    GSI1 = { partition = "GSI1PK", sort = "total", projection = { "b", "a" } },
    GSI2 = { partition = { "a", "b" }, sort = { "c", "d" } },
    LSI1 = { sort = "total", kind = "local", projection = "KEYS_ONLY" },
  },
  stream = "NEW_IMAGE", ttl = "expires", tags = { team = "a", stage = "prod" },
}

local function plan_of(db, spec, options)
  local all = merged(options or {}, { plan = true })
  return tostring(assert(db:ensure_table(spec, all)))
end

describe("db:ensure_table", function()
  it("makes a table that is not there, and a second time nothing", function()
    local db, plane, runtime = new_plane()
    local orders, err, meta = db:ensure_table(SPEC)
    assert.is_nil(err)
    assert.equal("dynamodb.Table(orders)", tostring(orders))
    assert.same({ "CreateTable", 1 }, { plane.log[2], plane:count "UpdateTimeToLive" })
    assert.equal("expires", plane.tables.orders.ttl)
    assert.equal(2, #meta.plan)
    assert.equal("ACTIVE", assert(orders:describe { ttl = false }).status)
    local made = #runtime.requests
    meta = select(3, assert(db:ensure_table(SPEC)))
    assert.equal(0, #meta.plan)
    for i = made + 1, #plane.log do assert.is_truthy(plane.log[i]:find "^Describe" or plane.log[i]:find "^List") end
  end)

  it("gives the table as it is declared, and what is known of its indexes", function()
    local db = new_plane()
    local orders = assert(db:ensure_table(merged(SPEC, { version = "v" })))
    assert.equal("v", orders.version)
    assert.same({ "pk", "sk", "N" }, { orders.schema.partition, orders.schema.sort, orders.schema.types.total })
    assert.same({
      GSI1 = { kind = "global", partition = { "GSI1PK" }, sort = { "total" }, projection = "INCLUDE",
        attributes = { "b", "a" } },
      GSI2 = { kind = "global", partition = { "a", "b" }, sort = { "c", "d" }, projection = "ALL" },
      LSI1 = { kind = "local", partition = { "pk" }, sort = { "total" }, projection = "KEYS_ONLY" },
    }, orders.schema.indexes)
  end)

  it("says what it would do, and does nothing", function()
    local db, plane = new_plane()
    assert.equal(table.concat({
      "+ table orders (pk, sk N) on_demand",
      "+ index GSI1 (GSI1PK, total N) { a, b }",
      "+ index GSI2 (a + b, c + d) ALL",
      "+ local index LSI1 (pk, total N) KEYS_ONLY",
      "+ stream NEW_IMAGE",
      '+ tag stage: "prod"',
      '+ tag team: "a"',
      '~ ttl: off -> "expires"',
    }, "\n"), plan_of(db, SPEC))
    assert.same({ "DescribeTable" }, plane.log)
    assert(db:ensure_table(SPEC))
    assert.equal("table orders: nothing to do", plan_of(db, SPEC))
  end)

  it("plans each difference as one step, in the order in which they can be taken", function()
    local db, plane = new_plane()
    assert(db:ensure_table(SPEC))
    local wanted = merged(SPEC, {
      billing = { read = 5, write = 6 }, stream = "OLD_IMAGE", table_class = "STANDARD_INFREQUENT_ACCESS",
      deletion_protection = true, encryption = true, tags = { team = "b", stage = false, new = "n" },
    })
    wanted.indexes.GSI1 = false
    wanted.indexes.GSI3 = { partition = "pk", projection = "KEYS_ONLY", read = 1, write = 2 }
    wanted.types = { sk = "N", total = "N" }
    local lines = {
      "~ billing: on_demand -> 5 read, 6 write",
      "- index GSI1",
      "+ index GSI3 (pk) KEYS_ONLY",
      "~ stream: NEW_IMAGE -> OLD_IMAGE",
      "~ encryption: DynamoDB's key -> AWS's key",
      "~ table_class: STANDARD -> STANDARD_INFREQUENT_ACCESS",
      "~ deletion_protection: off -> on",
      '+ tag new: "n"', '~ tag team: "a" -> "b"',
      "- tag stage",
    }
    local plan = assert(db:ensure_table(wanted, { plan = true }))
    assert.equal(table.concat(lines, "\n"), tostring(plan))
    assert.same({ "remove", "index", "GSI1" }, { plan[2].action, plan[2].what, plan[2].name })
    assert.same({ operation = "UpdateTable", params = {
      TableName = "orders", GlobalSecondaryIndexUpdates = { { Delete = { IndexName = "GSI1" } } },
    } }, plan[2].requests[1])
    assert(db:ensure_table(wanted))
    assert.equal("table orders: nothing to do", plan_of(db, wanted))
    local about = assert(db:table("orders"):describe { tags = true })
    assert.same({ read = 5, write = 6 }, about.billing)
    assert.same({ 1, 2 }, { about.indexes.GSI3.read, about.indexes.GSI3.write })
    assert.same({ 5, 6 }, { about.indexes.GSI2.read, about.indexes.GSI2.write })
    assert.same({ "OLD_IMAGE", "STANDARD_INFREQUENT_ACCESS", true, "ENABLED" },
      { about.stream.view, about.table_class, about.deletion_protection, about.ttl.status })
    assert.same({ new = "n", team = "b" }, about.tags)
    assert.is_nil(plane.tables.orders.indexes.GSI1)
  end)

  it("changes throughput, of the table and of each index", function()
    local db = new_plane()
    local spec = { name = "orders", partition = "pk", billing = { read = 5, write = 5 },
      indexes = { GSI1 = { partition = "g" }, GSI2 = { partition = "h", read = 9 } } }
    assert(db:ensure_table(spec))
    local about = assert(db:table("orders"):describe())
    assert.same({ 5, 5, 9, 5 }, { about.indexes.GSI1.read, about.indexes.GSI1.write, about.indexes.GSI2.read,
      about.indexes.GSI2.write })
    spec.billing = { read = 7, write = 5 }
    spec.indexes.GSI2.write = 6
    assert.equal("~ billing: 5 read, 5 write -> 7 read, 5 write\n~ index GSI2: 9 read, 5 write -> 9 read, 6 write",
      plan_of(db, spec))
    assert(db:ensure_table(spec))
    assert.equal("table orders: nothing to do", plan_of(db, spec))
    assert.equal("~ billing: 7 read, 5 write -> on_demand",
      plan_of(db, { name = "orders", partition = "pk", billing = "on_demand" }))
    spec.indexes.GSI2 = { partition = "i", read = 20 } -- made anew with it
    assert.equal("- index GSI2\n+ index GSI2 (i) ALL", plan_of(db, spec, { replace_indexes = true }))
  end)

  it("gives all indexes throughput with the table, in one step", function()
    local db = new_plane()
    local spec = { name = "orders", partition = "pk" }
    spec.indexes = { GSI1 = { partition = "g" }, GSI2 = { partition = "h" } }
    assert(db:ensure_table(spec))
    spec.billing, spec.indexes.GSI2.read = { read = 5, write = 6 }, 9
    local plan = assert(db:ensure_table(spec, { plan = true }))
    assert.equal("~ billing: on_demand -> 5 read, 6 write", tostring(plan))
    local units = {}
    for i, update in ipairs(plan[1].requests[1].params.GlobalSecondaryIndexUpdates) do
      local throughput = update.Update.ProvisionedThroughput
      units[i] = { throughput.ReadCapacityUnits, throughput.WriteCapacityUnits }
    end
    assert.same({ { 5, 6 }, { 9, 6 } }, units)
  end)

  it("leaves alone what the spec does not mention", function()
    local db = new_plane()
    assert(db:ensure_table(merged(SPEC, { billing = { read = 1, write = 1 }, deletion_protection = true })))
    assert.equal("table orders: nothing to do",
      plan_of(db, { name = "orders", partition = "pk", sort = "sk", types = { sk = "N" } }))
  end)

  it("removes indexes and tags that are not in the spec only if it is told to", function()
    local db, plane = new_plane()
    assert(db:ensure_table(SPEC))
    plane.tables.orders.tags["aws:cloudformation:stack-name"] = "s"
    local spec = merged(SPEC, { tags = { team = "a" }, types = { sk = "N", total = "N" } })
    spec.indexes.GSI2 = nil
    assert.equal("table orders: nothing to do", plan_of(db, spec))
    assert.equal("- index GSI2\n- tag stage", plan_of(db, spec, { prune = true }))
    assert(db:ensure_table(spec, { prune = true }))
    assert.equal("table orders: nothing to do", plan_of(db, spec, { prune = true }))
  end)

  it("removes what is false in the spec", function()
    local db = new_plane()
    assert(db:ensure_table(SPEC))
    local spec = merged(SPEC, { stream = false, ttl = false, types = { sk = "N", total = "N" } })
    spec.indexes.GSI2, spec.indexes.none, spec.tags = false, false, { team = false, nobody = false }
    assert.equal('- index GSI2\n~ stream: NEW_IMAGE -> off\n~ ttl: "expires" -> off\n- tag team', plan_of(db, spec))
  end)

  it("replaces an index only if it is told to, and removes before it makes", function()
    local db = new_plane()
    local spec = { name = "orders", partition = "pk", types = { n = "N" },
      indexes = { GSI1 = { partition = "a" }, GSI2 = { partition = "n" }, GSI3 = { partition = "n", sort = "a" } } }
    assert(db:ensure_table(spec))
    spec.types = { n = "B" }
    spec.indexes.GSI1 = { partition = "a", projection = "KEYS_ONLY" }
    local plan, err = db:ensure_table(spec, { plan = true })
    assert.is_nil(plan)
    assert.equal("ImpossibleChange", err.code)
    assert.same({
      "index GSI1: it has ALL, not KEYS_ONLY; only replace_indexes = true removes it and makes it anew",
      "index GSI2: its key is (n N), not (n B); only replace_indexes = true removes it and makes it anew",
      "index GSI3: its key is (n N, a), not (n B, a); only replace_indexes = true removes it and makes it anew",
    }, err.problems)
    assert.equal("- index GSI1\n- index GSI2\n- index GSI3\n+ index GSI1 (a) KEYS_ONLY\n+ index GSI2 (n B) ALL\n"
      .. "+ index GSI3 (n B, a) ALL", plan_of(db, spec, { replace_indexes = true }))
    assert(db:ensure_table(spec, { replace_indexes = true }))
    assert.equal("table orders: nothing to do", plan_of(db, spec))
    -- One that is not in the spec stays, and so does the type of its attribute.
    spec = { name = "orders", partition = "pk", types = { n = "S" }, indexes = { GSI4 = { partition = "n" } } }
    err = select(2, db:ensure_table(spec))
    assert.equal("table orders: index GSI4: n is of type B for index GSI2 and cannot be S", err.message)
  end)

  it("refuses what cannot be changed before it changes anything", function()
    local db, plane = new_plane()
    assert(db:ensure_table(SPEC))
    local function problems(changes, options)
      local before = #plane.log
      local spec = merged(SPEC, changes)
      local ok, err = db:ensure_table(spec, options)
      assert.is_nil(ok)
      assert.equal("ImpossibleChange", err.code)
      for i = before + 1, #plane.log do assert.is_nil(plane.log[i]:find "^[UC]", plane.log[i]) end
      return table.concat(err.problems, "; ")
    end
    local none = { table_class = "STANDARD_INFREQUENT_ACCESS" } -- what could be done is not done either
    local function with(changes) return merged(none, changes) end
    assert.equal("the key is (pk, sk) and cannot become (id, sk)",
      problems(with { partition = "id", types = {}, indexes = {} }))
    assert.equal("the key's sk is of type N and cannot become S", problems(with { types = {}, indexes = {} }))
    assert.equal("index LSI2 is local: it can only be made with the table",
      problems(with { types = { sk = "N" }, indexes = { LSI2 = { sort = "x", kind = "local" } } }))
    assert.equal("index LSI1 is local: it has KEYS_ONLY, not ALL", problems(with {
      types = { sk = "N", total = "N" }, indexes = { LSI1 = { sort = "total", kind = "local" } } },
      { replace_indexes = true }))
    assert.equal("index LSI1: it is local, not global", problems(with {
      types = { sk = "N", total = "N" }, indexes = { LSI1 = { partition = "total" } } }, { replace_indexes = true }))
    assert.equal("index LSI1 is local: it cannot be removed",
      problems(with { types = { sk = "N" }, indexes = { LSI1 = false } }))
    assert.equal('ttl is on for "expires" and cannot become "other" at once: turn it off (ttl = false), and an hour '
      .. "later on again", problems(with { ttl = "other" }))
  end)

  it("knows a KMS key by its id, its ARN or not at all", function()
    local db = new_plane()
    local spec = { name = "orders", partition = "pk", encryption = "abc" }
    assert(db:ensure_table(spec))
    for _, same in ipairs { "abc", "arn:aws:kms:local:000000000000:key/abc", "alias/mine", true } do
      spec.encryption = same
      assert.equal("table orders: nothing to do", plan_of(db, spec))
    end
    spec.encryption = "other"
    assert.equal("~ encryption: arn:aws:kms:local:000000000000:key/abc -> other", plan_of(db, spec))
    spec.encryption = false
    assert.equal("~ encryption: arn:aws:kms:local:000000000000:key/abc -> DynamoDB's key", plan_of(db, spec))
  end)

  it("knows a time to live that is being turned off", function()
    local described = '{"Table":{"TableName":"orders","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}}'
    local db = fake_client.new { { body = described },
      { body = '{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLING","AttributeName":"t"}}' } }
    assert.equal('~ ttl: off -> "t"', plan_of(db, { name = "orders", partition = "pk", ttl = "t" }))
  end)

  it("takes an index that is being removed for one that is not there", function()
    local db = new_plane()
    local spec = { name = "orders", partition = "pk", indexes = { GSI1 = { partition = "a" } } }
    local orders = assert(db:ensure_table(spec))
    assert(orders:alter({ indexes = { GSI1 = false } }, { wait = false }))
    assert.equal("+ index GSI1 (a) ALL", plan_of(db, spec))
    assert(db:ensure_table(spec))
    assert.equal("ACTIVE", assert(orders:describe()).indexes.GSI1.status)
  end)

  it("sends raw members with a new table only", function()
    local db, plane = new_plane()
    local spec = { name = "orders", partition = "pk", raw = { TableClass = "STANDARD_INFREQUENT_ACCESS" } }
    assert(db:ensure_table(spec))
    assert.equal("STANDARD_INFREQUENT_ACCESS", plane.tables.orders.settings.TableClass)
    assert.equal("table orders: nothing to do", plan_of(db, spec))
  end)

  it("waits until a table is encrypted with its new key", function()
    local db = new_plane()
    local orders = assert(db:ensure_table { name = "orders", partition = "pk" })
    assert(orders:alter { encryption = true })
    assert.equal("ENABLED", assert(orders:describe()).raw.SSEDescription.Status)
  end)

  it("takes the steps one after the other, each at rest", function()
    local db, plane, runtime = new_plane { delay = 30 }
    assert(db:ensure_table { name = "orders", partition = "pk" })
    local started = runtime:now()
    local spec = { name = "orders", partition = "pk", indexes = {} }
    for i = 1, 4 do spec.indexes["GSI" .. i] = { partition = "g" .. i } end
    assert(db:ensure_table(spec, { timeout = 3600 }))
    assert.equal(4, plane:count "UpdateTable")
    assert.is_true(runtime:now() >= started + 4 * 90) -- as long as they take, one after the other
    assert.equal("table orders: nothing to do", plan_of(db, spec))
  end)

  it("does not wait for the last step with wait = false", function()
    local db, plane = new_plane()
    local spec = { name = "orders", partition = "pk" }
    spec.indexes = { GSI1 = { partition = "a" }, GSI2 = { partition = "b" } }
    local orders = assert(db:ensure_table(spec, { wait = false }))
    assert.equal("CREATING", assert(orders:describe { ttl = false }).status)
    spec.indexes.GSI3, spec.indexes.GSI4 = { partition = "c" }, { partition = "d" }
    orders = assert(db:ensure_table(spec, { wait = false }))
    local about = assert(orders:describe { ttl = false })
    assert.same({ "ACTIVE", "CREATING" }, { about.indexes.GSI3.status, about.indexes.GSI4.status })
    assert.equal(2, plane:count "UpdateTable")
  end)

  it("gives up when the time is over, and says at what", function()
    local db = new_plane { delay = 1000 }
    local ok, err = db:ensure_table({ name = "orders", partition = "pk" }, { timeout = 60 })
    assert.is_nil(ok)
    assert.same({ "DeadlineExceeded", "CREATING" }, { err.code, err.state })
    local db2 = new_plane { delay = 250 }
    local spec = { name = "orders", partition = "pk" }
    assert(db2:ensure_table(spec))
    spec.indexes = { GSI1 = { partition = "a" }, GSI2 = { partition = "b" } }
    ok, err = db2:ensure_table(spec)
    assert.is_nil(ok)
    assert.same({ "DeadlineExceeded", "index GSI1 backfilling" }, { err.code, err.state })
    assert.equal("+ index GSI2 (b) ALL", tostring(err.step))
  end)

  it("says which step failed, and why", function()
    local db, plane, runtime = new_plane()
    local spec = { name = "orders", partition = "pk", ttl = "expires" }
    assert(db:ensure_table(spec))
    spec.ttl = false
    local ok, err = db:ensure_table(spec)
    assert.is_nil(ok)
    assert.equal("ValidationException", err.code)
    assert.matches("modified multiple times within a fixed interval", err.message, 1, true)
    assert.equal('~ ttl: "expires" -> off', tostring(err.step))
    runtime:advance(3600)
    assert(db:ensure_table(spec))
    assert.is_nil(plane.tables.orders.ttl)
  end)

  it("waits for a table that is being made, changed or dropped by somebody else", function()
    local db, plane = new_plane { delay = 20 }
    local spec = { name = "orders", partition = "pk", ttl = "expires" }
    assert(db:create_table({ name = "orders", partition = "pk" }, { wait = false }))
    assert(db:ensure_table(spec))
    assert.equal("expires", plane.tables.orders.ttl)
    assert(db:delete_table("orders", { wait = false }))
    assert(db:ensure_table(spec))
    assert.equal(2, plane:count "CreateTable")
    assert.equal("expires", plane.tables.orders.ttl)
    assert(db:table("orders"):alter({ stream = "NEW_IMAGE" }, { wait = false }))
    spec.indexes = { GSI1 = { partition = "a" } }
    assert(db:ensure_table(spec))
    assert.equal("table orders: nothing to do", plan_of(db, spec))
  end)

  it("tries again what was in the way of somebody else's change", function()
    local spec = { name = "orders", partition = "pk", table_class = "STANDARD" }
    spec.indexes = { GSI1 = { partition = "a" } }
    -- Right after the table was looked at, something else begins.
    local function run(changes, begin)
      local db, plane = new_plane { delay = 2 }
      assert(db:ensure_table(spec))
      plane.lose = function()
        plane.lose = nil
        begin(plane, plane.tables.orders)
      end
      local before = plane:count "UpdateTable"
      local wanted = merged(spec, changes)
      assert(db:ensure_table(wanted))
      assert.equal("table orders: nothing to do", plan_of(db, wanted))
      return plane:count "UpdateTable" - before
    end
    local function table_changes(plane, tbl) tbl.creating, tbl.ready = false, plane.now + 20 end
    local function index_changes(plane, tbl) tbl.indexes.GSI1.ready = plane.now + 20 end
    assert.is_true(run({ table_class = "STANDARD_INFREQUENT_ACCESS" }, table_changes) > 1)
    assert.is_true(run({ indexes = { GSI2 = { partition = "b" } } }, index_changes) > 1)
  end)

  it("does it together with others who do the same", function()
    for _, latency in ipairs { 0, 0.3 } do
      local _, plane, _, connect = new_plane { latency = latency }
      local function all_ensure(spec, options)
        local runs = {}
        for i = 1, 4 do
          runs[i] = function() return connect():ensure_table(spec, options) end
        end
        local done, errs = connect():parallel(runs)
        assert.is_nil(errs and tostring(errs[1] or errs[2] or errs[3] or errs[4]))
        assert.equal(4, #done)
        assert.equal("table orders: nothing to do", plan_of(connect(), spec))
      end
      all_ensure(SPEC)
      local spec = merged(SPEC, { types = { sk = "N", total = "N" }, stream = "OLD_IMAGE" })
      spec.indexes.GSI2 = { partition = "a" }
      spec.indexes.GSI3 = { partition = "b" }
      spec.tags.team = "b"
      all_ensure(spec, { replace_indexes = true })
      assert.same({ "GSI1", "GSI2", "GSI3" }, (function()
        local names = {}
        for name in pairs(plane.tables.orders.indexes) do names[#names + 1] = name end
        table.sort(names)
        return names
      end)())
    end
  end)

  it("comes through when answers are lost", function()
    for seed = 1, 20 * (tonumber(os.getenv "SCALE") or 1) do
      local random = model.random(seed)
      local _, _, _, connect = new_plane { lose = function() return random() < 0.3 end }
      local db = connect { retry = { random = 0.5, max_attempts = 8 } }
      assert(db:ensure_table(SPEC, { timeout = false }))
      local spec = merged(SPEC, { types = { sk = "N", total = "N" }, stream = false, tags = { stage = false } })
      spec.indexes.GSI1 = false
      spec.indexes.GSI3 = { partition = "b" }
      assert(db:ensure_table(spec, { timeout = false }))
      assert.equal("table orders: nothing to do", plan_of(db, spec))
    end
  end)

  it("changes a table of another account by its ARN, but makes none", function()
    local db = fake_client.new { { status = 400, body = '{"__type":"x#ResourceNotFoundException"}' } }
    local ok, err = db:ensure_table { name = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders", partition = "pk" }
    assert.is_nil(ok)
    assert.equal("ResourceNotFoundException", err.code)
  end)
end)

describe("Table:alter", function()
  local function new_table(options)
    local db, plane, runtime = new_plane(options)
    return assert(db:ensure_table(SPEC)), plane, runtime
  end

  it("changes what is named, and only that", function()
    local orders, plane = new_table()
    local same, err, meta = orders:alter {
      indexes = { GSI1 = false, GSI3 = { partition = "total", sort = "pk" } }, tags = { team = false, new = "n" },
      deletion_protection = true,
    }
    assert.is_nil(err)
    assert.equal(orders, same)
    assert.equal('- index GSI1\n+ index GSI3 (total N, pk) ALL\n~ deletion_protection: off -> on\n+ tag new: "n"\n'
      .. "- tag team", tostring(meta.plan))
    assert.same({ new = "n", stage = "prod" }, plane.tables.orders.tags)
    assert.is_nil(orders.schema.indexes.GSI1)
    assert.same({ "total" }, orders.schema.indexes.GSI3.partition)
    assert.equal("NEW_IMAGE", assert(orders:describe()).stream.view)
  end)

  it("takes what is so already for no change", function()
    local orders, plane = new_table()
    local before = plane:count "UpdateTable"
    local _, err, meta = orders:alter { ttl = "expires", stream = "NEW_IMAGE", indexes = SPEC.indexes,
      billing = "on_demand", tags = { team = "a" }, types = { total = "N" } }
    assert.is_nil(err)
    assert.equal(0, #meta.plan)
    assert.equal(before, plane:count "UpdateTable")
  end)

  it("plans, and replaces if it is told to", function()
    local orders = new_table()
    local changes = { indexes = { GSI1 = { partition = "GSI1PK" } } }
    local _, err = orders:alter(changes)
    assert.equal("table orders: index GSI1: its key is (GSI1PK, total N), not (GSI1PK); only replace_indexes = true "
      .. "removes it and makes it anew", err.message)
    local plan = assert(orders:alter(changes, { plan = true, replace_indexes = true }))
    assert.equal("- index GSI1\n+ index GSI1 (GSI1PK) ALL", tostring(plan))
  end)

  it("sends members of UpdateTable as they are", function()
    local orders, plane = new_table()
    local _, err, meta = orders:alter { raw = { TableClass = "STANDARD_INFREQUENT_ACCESS" } }
    assert.is_nil(err)
    assert.equal("~ raw: TableClass", tostring(meta.plan))
    assert.equal("STANDARD_INFREQUENT_ACCESS", plane.tables.orders.settings.TableClass)
  end)

  it("refuses capacity of indexes of a table that is on demand", function()
    local orders = new_table()
    local _, err = orders:alter { indexes = { GSI3 = { partition = "x", read = 1, write = 1 } } }
    assert.same({ "index GSI3: read and write belong to billing = { read =, write = }, but the table is on demand" },
      err.problems)
  end)

  it("is an error where there is no table", function()
    local db = new_plane()
    local _, err = db:table("orders"):alter { stream = false }
    assert.equal("ResourceNotFoundException", err.code)
  end)

  it("refuses what it does not know", function()
    local orders = new_table()
    local function refused(message, ...) assert.matches(message, message_of(orders.alter, orders, ...), 1, true) end
    refused("the changes must be a table")
    refused("the changes are empty", {})
    refused('unknown part of a table\'s changes "tll"; did you mean "ttl"?', { tll = "x" })
    refused('unknown part of a table\'s changes "partition"', { partition = "x" })
    refused('unknown option of alter "prune"', { ttl = "x" }, { prune = true })
    refused("wait must be true or false", { ttl = "x" }, { wait = 5 })
    refused("types.x: no key", { types = { x = "S" } })
  end)
end)
