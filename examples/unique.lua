-- An attribute that only one item may have: DynamoDB keeps keys unique and nothing else, so each value in use gets an
-- item of its own, whose key it is (a sentinel), written in one transaction with the item that uses it.
--
--   AWS_ENDPOINT_URL=http://localhost:8000 lua examples/unique.lua       or the endpoint as its argument
--
-- What to know before it is used:
--
--   * It holds as long as every writer of the attribute does it this way. A put, a batch, an import or a PartiQL
--     statement that writes a user alone knows nothing of it, and TTL deletes a user without its sentinel.
--   * Two values are the same if they are the same bytes: what people take for equal (case, blanks, Unicode forms) has
--     to be made equal before, always by the same rule. `normal` below is this program's.
--   * A key's attribute has 2,048 bytes at most, and whoever can read keys reads the value: a hash solves both.
--   * Scans and exports meet sentinels; so do indexes, unless sentinels lack the indexes' keys, as they do here.
--   * A transaction costs twice the capacity, so registering costs four writes instead of one.
--   * It holds in one region. A global table with eventual consistency replicates items, not transactions.
local dynamodb = require "dynamodb"

-- For an engine on this machine any credentials and any region will do.
local endpoint = arg and arg[1] or os.getenv "AWS_ENDPOINT_URL"
local options = { endpoint = endpoint }
if endpoint then
  options.region = os.getenv "AWS_REGION" or "us-east-1"
  if not os.getenv "AWS_ACCESS_KEY_ID" then
    options.access_key_id, options.secret_access_key = "unique", "unique"
  end
end

local db = dynamodb.connect(options)
local table_name = "dynamodb-unique-" .. os.time()
local users = db:table(table_name, { partition = "pk", sort = "sk" })

local function say(format, ...)
  print(format:format(...))
end

local function normal(email)
  return (email:gsub("%s", ""):lower())
end

local function user_key(id)
  return { pk = "USER#" .. id, sk = "PROFILE" }
end

local function sentinel_key(email)
  return { pk = "EMAIL#" .. normal(email), sk = "UNIQUE" }
end

--- The sentinel says whose the value is, so that nobody else frees it.
local function sentinel(email, id)
  local item = sentinel_key(email)
  item.owner = id
  return item
end

--- What the failure of the operations means, by their place; nil if it means something else.
---@param err dynamodb.Error
---@param meanings table<integer, string>
local function explain(err, meanings)
  for i, reason in ipairs(err.reasons or {}) do
    if reason.code == "ConditionalCheckFailed" then return meanings[i] end
  end
  return tostring(err)
end

local function register(id, email)
  local ok, err = db:transact(function(tx)
    local user = user_key(id)
    user.email = email
    tx:create(users, user)
    tx:create(users, sentinel(email, id))
  end)
  return ok, err and explain(err, { "the user exists", "the address is taken" })
end

--- The user is only changed if the address is still the one that was read; somebody may have been faster.
local function change_email(id, email)
  local user = assert(users:get(user_key(id), { consistent = true }))
  if normal(user.email) == normal(email) then
    return users:update(user_key(id), { set = { email = email } }, { where = { email = user.email } })
  end
  local ok, err = db:transact(function(tx)
    tx:update(users, user_key(id), { set = { email = email } }, { where = { email = user.email } })
    tx:delete(users, sentinel_key(user.email), { where = { owner = id } })
    tx:create(users, sentinel(email, id))
  end)
  return ok, err and explain(err, { "the user has changed meanwhile", "the old address is not the user's",
    "the address is taken" })
end

local function remove(id)
  local user = assert(users:get(user_key(id), { consistent = true }))
  local ok, err = db:transact(function(tx)
    tx:delete(users, user_key(id), { where = { email = user.email } })
    tx:delete(users, sentinel_key(user.email), { where = { owner = id } })
  end)
  return ok, err and explain(err, { "the user has changed meanwhile", "the address is not the user's" })
end

local function make_table()
  assert(db:call("CreateTable", {
    TableName = table_name,
    KeySchema = { { AttributeName = "pk", KeyType = "HASH" }, { AttributeName = "sk", KeyType = "RANGE" } },
    AttributeDefinitions = {
      { AttributeName = "pk", AttributeType = "S" },
      { AttributeName = "sk", AttributeType = "S" },
    },
    BillingMode = "PAY_PER_REQUEST",
  }))
  local stop = db:now() + 60
  while assert(db:call("DescribeTable", { TableName = table_name })).Table.TableStatus ~= "ACTIVE" do
    assert(db:now() < stop, "the table takes too long")
  end
end

local function report(what, expected, ok, why)
  say("%-42s %s", what, ok and "done" or why)
  assert((ok ~= nil) == expected)
end

local function show()
  report("ada registers ada@example.com", true, register("ada", "ada@example.com"))
  report("eve registers Ada@Example.com", false, register("eve", "Ada@Example.com"))
  report("ada registers again, with another address", false, register("ada", "countess@example.com"))
  report("eve registers eve@example.com", true, register("eve", "eve@example.com"))
  report("eve changes to ada@example.com", false, change_email("eve", "ada@example.com"))
  report("ada changes to ada.lovelace@example.com", true, change_email("ada", "ada.lovelace@example.com"))
  report("eve changes to ada@example.com again", true, change_email("eve", "ada@example.com"))
  report("eve leaves", true, remove "eve")
  report("mary registers ada@example.com", true, register("mary", "ada@example.com"))
end

-- The table is dropped however it ends.
make_table()
local ok, problem = pcall(show)
local dropped, err = db:call("DeleteTable", { TableName = table_name })
db:close()
if not ok or not dropped then
  io.stderr:write("the example failed: ", tostring(ok and err or problem), "\n")
  os.exit(1)
end
