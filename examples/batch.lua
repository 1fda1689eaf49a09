-- Many items at a time: writes users from an iterator, reads some of them and deletes them again; an error tells what
-- became of each.
--
--   AWS_ENDPOINT_URL=http://localhost:8000 lua examples/batch.lua TABLE
--
-- TABLE has the partition key "pk" and the sort key "sk", both strings.
local dynamodb = require "dynamodb"

local endpoint = os.getenv "AWS_ENDPOINT_URL"
local options = { endpoint = endpoint }
if endpoint and not os.getenv "AWS_ACCESS_KEY_ID" then -- for an engine on this machine any will do
  options.region, options.access_key_id, options.secret_access_key = "us-east-1", "example", "example"
end
local db = dynamodb.connect(options)
local users = db:table(assert(arg[1], "usage: batch.lua TABLE"), { partition = "pk", sort = "sk" })

-- The article's batchCreateItems: any number of items, no chunks of 25, no loop over UnprocessedItems. Either all of
-- them are written, or err.report says which are not.
local function batch_create_items(items)
  return users:put_all(items, { timeout = 60 })
end

-- The article's batchGetUsers: the users in the order of the ids, false where there is none.
local function batch_get_users(ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = { pk = "USER#" .. id, sk = "PROFILE#" .. id } end
  return users:get_all(keys, { attributes = { "name", "email" } })
end

local function new_users(count)
  local id = 0
  return function()
    id = id + 1
    if id > count then return nil end
    local email = ("user%d@example.com"):format(id)
    return { pk = "USER#" .. id, sk = "PROFILE#" .. id, name = "User " .. id, email = email }
  end
end

local report, err = batch_create_items(new_users(250))
if not report then
  print(err)
  for _, failure in ipairs(err.report.failures) do print("failed:", failure.item.pk, failure.message) end
  for _, left in ipairs(err.report.leftovers or {}) do print("not written:", left.item.pk) end
  os.exit(1)
end
print(("%d users written in %d requests"):format(report.done, report.requests))

local found = assert(batch_get_users { 1, 17, 250, 251 })
for i, user in ipairs(found) do print(i, user and user.name or "no such user") end

-- Puts and deletes of several tables go together; of several operations on one key the last one wins.
report = assert(db:batch(function(b)
  for id = 1, 250 do b:delete(users, { pk = "USER#" .. id, sk = "PROFILE#" .. id }) end
end))
print(("%d users deleted"):format(report.done))
db:close()
