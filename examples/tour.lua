-- A tour: makes a table, creates, reads, updates and deletes a user, reads orders page by page, shows what fails and
-- why, drops the table.
--
--   AWS_ENDPOINT_URL=http://localhost:8000 lua examples/tour.lua       or the endpoint as its argument
--
-- Without an endpoint it talks to DynamoDB itself, with whatever credentials and region the environment has.
local dynamodb = require "dynamodb"

local e = dynamodb.expr

-- For an engine on this machine any credentials and any region will do.
local endpoint = arg and arg[1] or os.getenv "AWS_ENDPOINT_URL"
local options = { endpoint = endpoint }
if endpoint then
  options.region = os.getenv "AWS_REGION" or "us-east-1"
  if not os.getenv "AWS_ACCESS_KEY_ID" then
    options.access_key_id, options.secret_access_key = "tour", "tour"
  end
end

local db = dynamodb.connect(options)
local table_name = "dynamodb-tour-" .. os.time()

local function say(format, ...)
  print(format:format(...))
end

local function make_table()
  local users = assert(db:create_table { name = table_name, partition = "pk", sort = "sk", stamps = true })
  say("table      %s is there", table_name)
  return users
end

local function create(users, key)
  local user = {
    pk = key.pk, sk = key.sk, entityType = "User",
    id = "123", name = "Ada", email = "ada@example.com",
    address = { city = "London", lines = { "12 St James's Square" } },
    ttl = dynamodb.time.ttl(365 * 24 * 60 * 60), -- createdAt and updatedAt come from the table's stamps
  }
  assert(users:create(user))
  say("create     %s (%s)", user.name, user.email)

  -- Creating it again must not overwrite: the condition fails, and the error brings the item that is there.
  local ok, err = users:create { pk = key.pk, sk = key.sk, name = "Eve" }
  assert(not ok and err:is "ConditionalCheckFailed" and err.item.name == "Ada", "a duplicate was not refused")
  say("create     again: refused, %s is there already", err.item.name)
end

local function read(users, key)
  local some, err, meta = users:get(key, { attributes = { "id", "email", "name", "address.city" } })
  assert(some and some.address.city == "London", err)
  say("get        id %s, name %s, city %s (%s capacity units)", some.id, some.name, some.address.city,
    tostring(meta.capacity and meta.capacity.CapacityUnits))
  local nobody, no_error = users:get { pk = "USER#404", sk = "PROFILE#404" }
  assert(nobody == nil and no_error == nil)
  say("get        an unknown user: nil, and no error")
end

local function update(users, key)
  local user = assert(users:update(key, {
    set = { name = "Ada Lovelace", [dynamodb.path("address", "city")] = "Marylebone" },
    add = { visits = 1 },
    append = { log = { "renamed" } },
  }, { where = e.exists "pk", returns = "ALL_NEW" }))
  say("update     name %s, city %s, visits %d, log %s", user.name, user.address.city, user.visits, user.log[1])

  local ok, err = users:update({ pk = "USER#404", sk = "PROFILE#404" }, { set = { name = "Nobody" } },
    { where = e.exists "pk" })
  assert(not ok and err:is "ConditionalCheckFailed", "a missing user was updated")
  say("update     an unknown user: %s", err.code)

  ok, err = users:update(key, { set = { plan = "gold" } }, { where = { visits = e.ge(10) } })
  assert(not ok and err.item.visits == 1, "a condition did not hold and was not refused")
  say("update     needs 10 visits, but the item has %d: %s", err.item.visits, err.code)
end

local function values(users)
  local key = { pk = "USER#123", sk = "VALUES" }
  local tags = dynamodb.set { "mathematics", "engines" }
  assert(users:put {
    pk = key.pk, sk = key.sk,
    small = 42, fraction = 0.1, big = dynamodb.number "12345678901234567890123456789012345678",
    tags = tags, photo = dynamodb.binary "\137PNG\r\n", nothing = dynamodb.null, empty = dynamodb.list {},
  })
  local item = assert(users:get(key))
  assert(item.small == 42 and item.fraction == 0.1 and item.tags == tags and item.nothing == dynamodb.null)
  assert(tostring(item.big) == "12345678901234567890123456789012345678")
  assert(tostring(item.photo) == "\137PNG\r\n")
  say("numbers    %d, %s, %s", item.small, tostring(item.fraction), tostring(item.big))
  say("set        %s, contains engines: %s", tostring(item.tags), tostring(item.tags:contains "engines"))
  say("binary     %d bytes", #tostring(item.photo))
  say("as JSON    %s", dynamodb.to_json { tags = item.tags, big = item.big, empty = item.empty })
end

local function delete(users, key)
  local old = assert(users:delete(key, { where = "attribute_exists(pk)", returns = "ALL_OLD" }))
  say("delete     %s is gone", old.name)
  local ok, err = users:delete(key, { where = e.exists "pk" })
  assert(not ok and err:is "ConditionalCheckFailed", "a missing user was deleted")
  say("delete     again: %s", err.code)
end

local function read_many(users)
  local orders = {}
  for i = 1, 30 do
    local status = i % 3 == 0 and "open" or "shipped"
    orders[i] = { pk = "USER#123", sk = ("ORDER#%03d"):format(i), status = status, total = i }
  end
  assert(users:put_all(orders))
  local newest = users:query({ pk = "USER#123", sk = e.begins_with "ORDER#" },
    { where = { status = "open" }, reverse = true, limit = 3 })
  for order in newest do say("query      %s is open, total %d", order.sk, order.total) end
  local pages, cursor = 0, nil
  repeat
    local page = assert(users:query({ pk = "USER#123" }, { limit = 10 }):page(cursor))
    pages, cursor = pages + 1, page.cursor
  until not cursor
  say("pages      %d of ten items at most, each found by the cursor of the one before", pages)
  say("scan       %d items in four segments", assert(users:scan { segments = 4 }:count()))
end

local function any_operation()
  local answer = assert(db:call("DescribeTable", { TableName = table_name }))
  say("call       DescribeTable: %s is %s", answer.Table.TableName, answer.Table.TableStatus)
  local _, err = db:call("DescribeTable", { TableName = table_name .. "-not" })
  assert(err and err:is "ResourceNotFound")
  say("call       %s", tostring(err))
end

local function tour(users)
  local key = { pk = "USER#123", sk = "PROFILE#123" }
  create(users, key)
  read(users, key)
  update(users, key)
  values(users)
  delete(users, key)
  read_many(users)
  any_operation()
end

-- The table is dropped however the tour ends.
local users = make_table()
local ok, problem = pcall(tour, users)
local dropped, err = db:delete_table(table_name)
db:close()
if dropped then say("table      %s is dropped", table_name) end
if not ok or not dropped then
  io.stderr:write("the tour failed: ", tostring(ok and err or problem), "\n")
  os.exit(1)
end
