-- Making, describing, dropping and listing tables: what is sent, what comes of the answers, what is refused.
local cjson = require "cjson"
local control_plane = require "spec.support.control_plane"
local fake_client = require "spec.support.fake_client"

local message_of = fake_client.message_of

local function new_plane(options)
  local plane = control_plane.new(options)
  local db, runtime = fake_client.new()
  runtime.handler = function(request, rt) return plane:answer(request, rt) end
  return db, plane, runtime
end

local function target(request) return (fake_client.header(request, "x-amz-target"):match "%.(.*)$") end

local function description(members)
  return { body = '{"Table":{"TableName":"users","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],'
    .. '"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}]' .. (members or "") .. "}}" }
end

describe("db:create_table", function()
  -- The parameters of CreateTable that a spec becomes.
  local function created(spec)
    spec.name, spec.partition = spec.name or "users", spec.partition or "pk"
    local db, runtime = fake_client.new { { body = "{}" } }
    assert(db:create_table(spec, { wait = false }))
    assert.equal("CreateTable", target(runtime.requests[1]))
    return cjson.decode(runtime.requests[1].body)
  end

  it("makes a table on demand, its key of strings", function()
    assert.same({
      TableName = "users", BillingMode = "PAY_PER_REQUEST",
      KeySchema = { { AttributeName = "pk", KeyType = "HASH" }, { AttributeName = "sk", KeyType = "RANGE" } },
      AttributeDefinitions = {
        { AttributeName = "pk", AttributeType = "S" }, { AttributeName = "sk", AttributeType = "N" },
      },
    }, created { sort = "sk", types = { sk = "N" } })
  end)

  it("makes indexes, with the attributes of their keys defined", function()
    local params = created {
      sort = "sk", types = { a = "B" },
      indexes = {
        GSI2 = { partition = { "a", "b" }, sort = { "c", "pk" }, projection = { "x", "y" } },
        GSI1 = { partition = "sk" }, LSI1 = { sort = "a", kind = "local", projection = "KEYS_ONLY" }, none = false,
      },
    }
    assert.same({
      { IndexName = "GSI1", KeySchema = { { AttributeName = "sk", KeyType = "HASH" } },
        Projection = { ProjectionType = "ALL" } },
      { IndexName = "GSI2", KeySchema = {
        { AttributeName = "a", KeyType = "HASH" }, { AttributeName = "b", KeyType = "HASH" },
        { AttributeName = "c", KeyType = "RANGE" }, { AttributeName = "pk", KeyType = "RANGE" },
      }, Projection = { ProjectionType = "INCLUDE", NonKeyAttributes = { "x", "y" } } },
    }, params.GlobalSecondaryIndexes)
    assert.same({
      { IndexName = "LSI1", KeySchema = {
        { AttributeName = "pk", KeyType = "HASH" }, { AttributeName = "a", KeyType = "RANGE" },
      }, Projection = { ProjectionType = "KEYS_ONLY" } },
    }, params.LocalSecondaryIndexes)
    local types = {}
    for i, each in ipairs(params.AttributeDefinitions) do types[i] = each.AttributeName .. each.AttributeType end
    assert.same({ "aB", "bS", "cS", "pkS", "skS" }, types)
  end)

  it("makes a table with provisioned capacity, which its indexes get if they have none of their own", function()
    local params = created {
      billing = { read = 5, write = 6 }, indexes = { GSI1 = { partition = "a" }, GSI2 = { partition = "a", read = 1 } },
    }
    assert.equal("PROVISIONED", params.BillingMode)
    assert.same({ ReadCapacityUnits = 5, WriteCapacityUnits = 6 }, params.ProvisionedThroughput)
    local indexes = params.GlobalSecondaryIndexes
    assert.same({ ReadCapacityUnits = 5, WriteCapacityUnits = 6 }, indexes[1].ProvisionedThroughput)
    assert.same({ ReadCapacityUnits = 1, WriteCapacityUnits = 6 }, indexes[2].ProvisionedThroughput)
  end)

  it("takes settings, and members as DynamoDB has them", function()
    local params = created {
      stream = "KEYS_ONLY", tags = { b = "2", a = "1", no = false }, deletion_protection = true,
      table_class = "STANDARD_INFREQUENT_ACCESS", encryption = "alias/mine",
      raw = { WarmThroughput = { ReadUnitsPerSecond = 12000 }, BillingMode = "PROVISIONED" },
    }
    assert.same({ StreamEnabled = true, StreamViewType = "KEYS_ONLY" }, params.StreamSpecification)
    assert.same({ { Key = "a", Value = "1" }, { Key = "b", Value = "2" } }, params.Tags)
    assert.same({ Enabled = true, SSEType = "KMS", KMSMasterKeyId = "alias/mine" }, params.SSESpecification)
    assert.same({ true, "STANDARD_INFREQUENT_ACCESS", "PROVISIONED" },
      { params.DeletionProtectionEnabled, params.TableClass, params.BillingMode })
    assert.same({ ReadUnitsPerSecond = 12000 }, params.WarmThroughput)
    local plain = created { stream = false, encryption = false, tags = { no = false }, deletion_protection = false }
    assert.same({ nil, nil, nil, false }, { plain.StreamSpecification, plain.SSESpecification, plain.Tags,
      plain.DeletionProtectionEnabled })
    assert.same({ Enabled = true, SSEType = "KMS" }, created({ encryption = true }).SSESpecification)
  end)

  it("waits until the table and its indexes are ACTIVE, and turns on the time to live", function()
    local db, plane, runtime = new_plane { delay = 10 }
    local users, err, meta = db:create_table {
      name = "users", partition = "pk", ttl = "expires", indexes = { GSI1 = { partition = "a" } },
    }
    assert.is_nil(err)
    assert.equal("users", users.name)
    assert.same({ "pk", "global" }, { users.schema.partition, users.schema.indexes.GSI1.kind })
    assert.equal(2, #meta.plan)
    assert.is_true(runtime:now() >= 10)
    assert.equal("expires", plane.tables.users.ttl)
    assert.equal("UpdateTimeToLive", plane.log[#plane.log])
    assert.is_true(runtime.requests[2].at > runtime.requests[1].at) -- nothing can be seen at once
  end)

  it("does not wait if it is told so", function()
    local db, plane, runtime = new_plane()
    assert(db:create_table({ name = "users", partition = "pk" }, { wait = false }))
    assert.same({ "CreateTable" }, plane.log)
    assert.equal(0, runtime:now())
  end)

  it("returns the service's error for a table that is there", function()
    local db = new_plane()
    assert(db:create_table { name = "users", partition = "pk" })
    local ok, err = db:create_table { name = "users", partition = "pk" }
    assert.is_nil(ok)
    assert.equal("ResourceInUseException", err.code)
  end)

  it("knows its own table after a lost answer", function()
    local function create(spec, there)
      local db, plane = new_plane()
      if there then assert(db:create_table(there)) end
      db.retry = require("dynamodb.core").retry { max_attempts = 2, random = 0 }
      plane.lose = function(operation)
        plane.lose = nil
        return operation == "CreateTable"
      end
      return db:create_table(spec)
    end
    local spec = { name = "users", partition = "pk", ttl = "expires" }
    assert.equal("users", assert(create(spec)).name)
    for _, other in ipairs { { partition = "id" }, { partition = "pk", tags = { a = "b" } } } do
      other.name = "users"
      local ok, err = create({ name = "users", partition = "pk", tags = { a = "c" } }, other)
      assert.is_nil(ok)
      assert.equal("ResourceInUseException", err.code)
      assert.is_true(err.ambiguous)
    end
  end)

  it("ends when the table cannot become ACTIVE", function()
    local db = fake_client.new { { body = "{}" }, description ',"TableStatus":"INACCESSIBLE_ENCRYPTION_CREDENTIALS"' }
    local ok, err = db:create_table { name = "users", partition = "pk" }
    assert.is_nil(ok)
    assert.equal("WaitFailed", err.code)
  end)

  it("refuses a spec that cannot be meant", function()
    local db, runtime = fake_client.new()
    local function refused(message, changes, options)
      local spec = { name = "users", partition = "pk", sort = "sk" }
      for name, value in pairs(changes) do spec[name] = value ~= "nil" and value or nil end
      assert.matches(message, message_of(db.create_table, db, spec, options), 1, true)
    end
    refused('unknown part of a table\'s spec "partiton"; did you mean "partition"?', { partiton = "x" })
    refused("the table's spec lacks partition", { partition = "nil", sort = "nil" })
    refused("name must be a string, not nil", { name = "nil" })
    refused("name must have 3 to 255 of the characters", { name = "ab" })
    refused("name must have 3 to 255 of the characters", { name = "a b c" })
    refused("name must have 3 to 255 of the characters", { name = ("x"):rep(256) })
    refused("a new table has a name, not an ARN", { name = "arn:aws:dynamodb:eu-west-1:1:table/x" })
    refused("partition and sort must be two attributes", { sort = "pk" })
    refused('types.sk must be "S", "N" or "B"', { types = { sk = "number" } })
    refused("types.ks: no key of the table or its indexes has this attribute", { types = { ks = "N" } })
    refused("indexes must be a table", { indexes = "GSI1" })
    refused("indexes must be a table, { name", { indexes = { { partition = "a" } } })
    refused("the name of an index must have 3 to 255", { indexes = { G1 = { partition = "a" } } })
    refused('unknown part of indexes.GSI1 "projections"; did you mean "projection"?',
      { indexes = { GSI1 = { partition = "a", projections = "ALL" } } })
    refused("indexes.GSI1 lacks its partition", { indexes = { GSI1 = { sort = "a" } } })
    refused("indexes.GSI1.partition must be an attribute's name", { indexes = { GSI1 = { partition = 5 } } })
    refused("indexes.GSI1.partition[2] must be an attribute's name",
      { indexes = { GSI1 = { partition = { "a", 5 } } } })
    refused("indexes.GSI1.partition has 5 attributes; at most 4",
      { indexes = { GSI1 = { partition = { "a", "b", "c", "d", "e" } } } })
    refused('indexes.GSI1.sort has "a" twice', { indexes = { GSI1 = { partition = "b", sort = { "a", "a" } } } })
    refused("indexes.GSI1.sort is empty", { indexes = { GSI1 = { partition = "b", sort = {} } } })
    refused('indexes.GSI1 has "a" in partition and in sort', { indexes = { GSI1 = { partition = "a", sort = "a" } } })
    refused('indexes.GSI1.projection must be "ALL", "KEYS_ONLY" or a list',
      { indexes = { GSI1 = { partition = "a", projection = "INCLUDE" } } })
    refused('indexes.GSI1.projection has "x" twice',
      { indexes = { GSI1 = { partition = "a", projection = { "x", "x" } } } })
    refused('indexes.GSI1.kind must be "global" or "local"', { indexes = { GSI1 = { partition = "a", kind = "LSI" } } })
    refused('indexes.LSI1 is local: its partition is the table\'s, "pk"',
      { indexes = { LSI1 = { partition = "a", sort = "b", kind = "local" } } })
    refused("indexes.LSI1 is local: its partition is the table's",
      { indexes = { LSI1 = { partition = { "pk", "a" }, sort = "b", kind = "local" } } })
    refused("indexes.LSI1 is local: its sort is one attribute", { indexes = { LSI1 = { kind = "local" } } })
    refused("local ones need a table with a sort key",
      { sort = "nil", indexes = { LSI1 = { sort = "b", kind = "local" } } })
    refused("indexes.LSI1.read: a local index has the table's capacity",
      { indexes = { LSI1 = { sort = "b", kind = "local", read = 1 } } })
    refused("indexes.GSI1.read must be a positive whole number", { indexes = { GSI1 = { partition = "a", read = 0 } } })
    refused("indexes.GSI1: read and write belong to billing",
      { indexes = { GSI1 = { partition = "a", read = 1, write = 1 } } })
    refused('billing must be "on_demand" or { read', { billing = "provisioned" })
    refused("billing.read and billing.write must be positive whole numbers", { billing = { read = 5 } })
    refused('unknown part of billing "reads"; did you mean "read"?', { billing = { reads = 5, write = 5 } })
    refused('stream, if it is not false, must be "KEYS_ONLY" or "NEW_AND_OLD_IMAGES"', { stream = true })
    refused("ttl must be the name of an attribute", { ttl = true })
    refused("ttl can be turned on when the table is ACTIVE", { ttl = "x" }, { wait = false })
    refused("tags.a must be a string, or false", { tags = { a = 5 } })
    refused("tags must be a table, { name", { tags = { "a" } })
    refused("deletion_protection must be a boolean", { deletion_protection = "on" })
    refused('table_class must be "STANDARD" or "STANDARD_INFREQUENT_ACCESS"', { table_class = "IA" })
    refused("encryption must be true, false or the name of a KMS key", { encryption = 5 })
    refused("raw must be a table", { raw = "x" })
    refused("BilingMode", { raw = { BilingMode = "x" } })
    refused('unknown option of create_table "plan"', {}, { plan = true })
    assert.matches("the table's spec of create_table must be a table", message_of(db.create_table, db, "u"), 1, true)
    assert.equal(0, #runtime.requests)
  end)

  it("refuses more indexes than a table can have, unless limits are left to the service", function()
    local function with(count, kind, options)
      local indexes = {}
      for i = 1, count do
        indexes["index" .. i] = kind == "local" and { sort = "a" .. i, kind = kind } or { partition = "a" .. i }
      end
      local db = fake_client.new({ {} }, options)
      return pcall(db.create_table, db, { name = "users", partition = "pk", sort = "sk", indexes = indexes },
        { wait = false })
    end
    assert.is_true(with(20))
    assert.is_true(with(5, "local"))
    assert.matches("21 are global; a table has at most 20", select(2, with(21)), 1, true)
    assert.matches("6 are local; a table has at most 5", select(2, with(6, "local")), 1, true)
    assert.is_true(with(21, nil, { limits = false }))
    assert.is_true(with(6, "local", { limits = false }))
  end)

  it("takes the same spec as db:table", function()
    local spec = {
      name = "users", partition = "pk", sort = "sk", types = { sk = "N" }, version = "v", retry_ambiguous = true,
      indexes = { GSI1 = { partition = { "a", "b" }, sort = "c", projection = { "x" } }, LSI1 = { sort = "l",
        kind = "local" }, none = false },
      billing = "on_demand", ttl = "t", stream = false, tags = { a = "b" }, raw = {}, encryption = true,
      deletion_protection = true, table_class = "STANDARD",
    }
    local db = fake_client.new()
    local users = db:table(spec.name, spec)
    assert.equal("v", users.version)
    assert.same({
      GSI1 = { partition = { "a", "b" }, sort = { "c" }, projection = "INCLUDE", attributes = { "x" } },
      LSI1 = { partition = { "pk" }, sort = { "l" }, kind = "local" },
    }, users.schema.indexes)
  end)
end)

describe("Table:describe", function()
  local FULL = ',"TableArn":"arn:t","TableId":"id","TableStatus":"ACTIVE","CreationDateTime":1.5,"ItemCount":3,'
    .. '"TableSizeBytes":99,"BillingModeSummary":{"BillingMode":"PROVISIONED"},"DeletionProtectionEnabled":true,'
    .. '"ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},"LatestStreamArn":"arn:s",'
    .. '"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"},'
    .. '"SSEDescription":{"Status":"ENABLED","KMSMasterKeyArn":"arn:k"},"TableClassSummary":{"TableClass":"X"},'
    .. '"GlobalSecondaryIndexes":[{"IndexName":"g","IndexStatus":"CREATING","Backfilling":true,"ItemCount":2,'
    .. '"IndexSizeBytes":7,"IndexArn":"arn:i","KeySchema":[{"AttributeName":"a","KeyType":"HASH"},{"AttributeName":"b",'
    .. '"KeyType":"HASH"},{"AttributeName":"c","KeyType":"RANGE"}],"Projection":{"ProjectionType":"INCLUDE",'
    .. '"NonKeyAttributes":["x"]},"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":2}}],'
    .. '"LocalSecondaryIndexes":[{"IndexName":"l","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},'
    .. '{"AttributeName":"d","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}]'
  local TTL = { body = '{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"t"}}' }

  it("says what a table is, in the words of a spec", function()
    local db, runtime = fake_client.new { description(FULL), TTL }
    local about = assert(db:table("users"):describe())
    assert.same({ "DescribeTable", "DescribeTimeToLive" }, { target(runtime.requests[1]), target(runtime.requests[2]) })
    assert.equal("users", about.raw.TableName)
    about.raw = nil
    assert.same({
      name = "users", arn = "arn:t", id = "id", status = "ACTIVE", created = 1.5, items = 3, bytes = 99,
      partition = "pk", types = { pk = "S" }, billing = { read = 5, write = 6 }, deletion_protection = true,
      stream = { arn = "arn:s", view = "NEW_IMAGE" }, encryption = "arn:k", table_class = "X",
      ttl = { status = "ENABLED", attribute = "t" },
      indexes = {
        g = { kind = "global", partition = { "a", "b" }, sort = "c", projection = { "x" }, status = "CREATING",
          backfilling = true, items = 2, bytes = 7, arn = "arn:i", read = 1, write = 2 },
        l = { kind = "local", partition = "pk", sort = "d", projection = "KEYS_ONLY", backfilling = false },
      },
    }, about)
  end)

  it("knows a table on demand without anything", function()
    local db = fake_client.new { description ',"ProvisionedThroughput":{"ReadCapacityUnits":0,"WriteCapacityUnits":0}' }
    local about = assert(db:table("users"):describe { ttl = false })
    about.raw = nil
    assert.same({
      name = "users", status = "unknown", partition = "pk", types = { pk = "S" }, indexes = {}, billing = "on_demand",
      stream = false, deletion_protection = false, table_class = "STANDARD", encryption = false,
    }, about)
  end)

  it("goes by the modes, not by what is left of others", function()
    local db = fake_client.new { description(',"BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},'
      .. '"ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":5},'
      .. '"StreamSpecification":{"StreamEnabled":false,"StreamViewType":"NEW_IMAGE"},'
      .. '"SSEDescription":{"Status":"DISABLED","KMSMasterKeyArn":"arn:k"}') }
    local about = assert(db:table("users"):describe { ttl = false })
    assert.same({ "on_demand", false, false }, { about.billing, about.stream, about.encryption })
  end)

  it("reads tags, all pages of them, if it is asked to", function()
    local db, plane = new_plane()
    local users = assert(db:create_table {
      name = "users", partition = "pk", tags = { a = "1", b = "2", c = "3", d = "4", e = "5" },
    })
    assert.same({ a = "1", b = "2", c = "3", d = "4", e = "5" }, assert(users:describe { tags = true }).tags)
    assert.equal(3, plane:count "ListTagsOfResource")
    assert.is_nil(assert(users:describe()).tags)
  end)

  it("ends with tags whose pages lead to themselves", function()
    local page = { body = '{"Tags":[{"Key":"a","Value":"b"},5,{"Key":5}],"NextToken":"x"}' }
    local db = fake_client.new { description ',"TableArn":"arn:t"', page, page }
    assert.same({ a = "b" }, assert(db:table("users"):describe { ttl = false, tags = true }).tags)
  end)

  it("makes the table know its keys as they are now", function()
    local db = fake_client.new { description(FULL) }
    local users = db:table("users", { partition = "id" })
    assert(users:describe { ttl = false })
    assert.equal("pk", users.schema.partition)
    assert.same({ kind = "global", partition = { "a", "b" }, sort = { "c" }, projection = "INCLUDE",
      attributes = { "x" } }, users.schema.indexes.g)
    assert.same({ kind = "local", partition = { "pk" }, sort = { "d" }, projection = "KEYS_ONLY" },
      users.schema.indexes.l)
  end)

  it("believes no description that is not one", function()
    for _, body in ipairs { "{}", '{"Table":5}', '{"Table":{"TableName":"users"}}',
      '{"Table":{"TableName":5,"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}}' } do
      local db = fake_client.new { { body = body } }
      local about, err = db:table("users"):describe()
      assert.is_nil(about)
      assert.equal("ResponseError", err.code)
    end
    local db = fake_client.new { description(',"TableStatus":{},"ItemCount":"x","BillingModeSummary":3,'
      .. '"ProvisionedThroughput":[],"StreamSpecification":"on","TableClassSummary":1,"SSEDescription":true,'
      .. '"GlobalSecondaryIndexes":[{"IndexName":"g","KeySchema":[{"AttributeName":"a","KeyType":"HASH"}],'
      .. '"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":5},"ProvisionedThroughput":7}]'),
      { body = '{"TimeToLiveDescription":7}' } }
    local about = assert(db:table("users"):describe())
    assert.same({ "unknown", "on_demand", false, "STANDARD", "unknown" },
      { about.status, about.billing, about.stream, about.table_class, about.ttl.status })
  end)

  it("has one timeout for all that it asks", function()
    local db, runtime = fake_client.new { description '', TTL }
    assert(db:table("users"):describe { timeout = 4 })
    assert.same({ 4, 4 }, { runtime.requests[1].deadline, runtime.requests[2].deadline })
  end)

  it("refuses what it does not know", function()
    local db = fake_client.new()
    local users = db:table "users"
    assert.matches('unknown option of describe "tag"; did you mean "tags"?',
      message_of(users.describe, users, { tag = true }), 1, true)
    assert.matches("tags must be a boolean", message_of(users.describe, users, { tags = 5 }), 1, true)
  end)
end)

describe("Table:ttl", function()
  it("says whether items expire, and by which attribute", function()
    local db, plane = new_plane()
    local users = assert(db:create_table { name = "users", partition = "pk" })
    assert.same({ status = "DISABLED" }, (users:ttl()))
    assert(users:alter { ttl = "t" })
    assert.same({ status = "ENABLED", attribute = "t" }, (users:ttl()))
    plane.tables.users = nil
    assert.equal("ResourceNotFoundException", select(2, users:ttl()).code)
  end)
end)

describe("db:delete_table", function()
  it("waits until the table is gone", function()
    local db, plane, runtime = new_plane { delay = 10 }
    assert(db:create_table { name = "users", partition = "pk" })
    local created = runtime:now()
    assert.is_true((db:delete_table "users"))
    assert.is_nil(plane.tables.users)
    assert.is_true(runtime:now() >= created + 10)
  end)

  it("does not wait if it is told so", function()
    local db, plane = new_plane()
    assert(db:create_table { name = "users", partition = "pk" })
    assert.is_true((db:delete_table("users", { wait = false })))
    assert.equal("DeleteTable", plane.log[#plane.log])
  end)

  it("waits for a table that is being made", function()
    local db, plane = new_plane()
    assert(db:create_table({ name = "users", partition = "pk" }, { wait = false }))
    assert.equal("ResourceInUseException", select(2, db:delete_table("users", { wait = false })).code)
    assert(db:delete_table "users")
    assert.is_nil(plane.tables.users)
  end)

  it("returns the error of a table that is not there, unless it need not be", function()
    local db = new_plane()
    local ok, err = db:delete_table "users"
    assert.is_nil(ok)
    assert.equal("ResourceNotFoundException", err.code)
    assert.is_true((db:delete_table("users", { if_exists = true })))
  end)

  it("is done when a repetition finds no table", function()
    local db, plane = new_plane { delay = 0 }
    assert(db:create_table { name = "users", partition = "pk" })
    db.retry = require("dynamodb.core").retry { max_attempts = 2, random = 0 }
    plane.lose = function(operation)
      plane.lose = nil
      return operation == "DeleteTable"
    end
    assert.is_true((db:delete_table "users"))
  end)

  it("returns what keeps a table from being dropped", function()
    local db = new_plane()
    assert(db:create_table { name = "users", partition = "pk", deletion_protection = true })
    local ok, err = db:delete_table("users", { if_exists = true })
    assert.is_nil(ok)
    assert.equal("ValidationException", err.code)
  end)

  it("refuses what it does not know", function()
    local db = fake_client.new()
    assert.matches("the table's name must be a string", message_of(db.delete_table, db), 1, true)
    assert.matches('unknown option of delete_table "if_exist"', message_of(db.delete_table, db, "x",
      { if_exist = true }), 1, true)
    assert.matches("if_exists must be true or false", message_of(db.delete_table, db, "x", { if_exists = 1 }), 1, true)
  end)
end)

describe("db:tables", function()
  local function filled(count)
    local db, plane, runtime = new_plane()
    for i = 1, count do
      plane.tables[("app-%03d"):format(i)] = { name = "x" }
      plane.tables[("own-%03d"):format(i)] = { name = "x" }
    end
    return db, plane, runtime
  end

  it("gives all names, page by page", function()
    local db, plane = filled(120)
    local count, last = 0, nil
    for name in db:tables() do count, last = count + 1, name end
    assert.same({ 240, "own-120", 3 }, { count, last, #plane.log })
  end)

  it("gives those with a prefix, and those left as a list", function()
    local db, plane = filled(3)
    local names = db:tables { prefix = "own-", page_size = 2 }
    assert.equal("own-001", (names:next()))
    assert.same({ "own-002", "own-003" }, (names:all()))
    assert.equal(3, #plane.log)
    assert.is_nil((names:next()))
    assert.same({}, (names:all()))
  end)

  it("raises a failure where it loops, and returns it otherwise", function()
    local refused = { status = 400, body = '{"__type":"x#AccessDeniedException"}' }
    local db = fake_client.new { { body = '{"TableNames":["abc"],"LastEvaluatedTableName":"abc"}' }, refused, refused,
      { body = '{"TableNames":["def"]}' } }
    local names, seen = db:tables(), {}
    local ok, err = pcall(function()
      for name in names do seen[#seen + 1] = name end
    end)
    assert.is_false(ok)
    assert.same({ { "abc" }, "AccessDeniedException" }, { seen, err.code })
    local name
    name, err = names:next()
    assert.same({ "AccessDeniedException" }, { name or err.code })
    assert.same({ "def" }, (names:all())) -- it goes on where it was
  end)

  it("ends with pages that lead to themselves, and refuses one that is none", function()
    local page = { body = '{"TableNames":["abc",5],"LastEvaluatedTableName":"abc"}' }
    local db = fake_client.new { page, page }
    assert.same({ "abc", "abc" }, (db:tables():all()))
    db = fake_client.new { { body = "{}" } }
    assert.equal("ResponseError", select(2, db:tables():all()).code)
  end)

  it("has no total unless it is given one", function()
    local page = { body = '{"TableNames":["abc"],"LastEvaluatedTableName":"abc"}', delay = 4 }
    local last = { body = '{"TableNames":[]}' }
    local db, runtime = fake_client.new { page, last, page, last }
    assert(db:tables():all())
    assert.same({ 30, 34 }, { runtime.requests[1].deadline, runtime.requests[2].deadline })
    assert(db:tables({ timeout = 10 }):all())
    assert.same({ 14, 14 }, { runtime.requests[3].deadline, runtime.requests[4].deadline })
  end)

  it("refuses what it does not know", function()
    local db = fake_client.new()
    assert.matches('unknown option of tables "prefx"', message_of(db.tables, db, { prefx = "a" }), 1, true)
    assert.matches("prefix must be a string", message_of(db.tables, db, { prefix = 5 }), 1, true)
    assert.matches("page_size must be a whole number", message_of(db.tables, db, { page_size = 101 }), 1, true)
  end)
end)
