--- The engine that the integration specs talk to: `tools/engine.sh` starts it and says where it is. It may be the real
--- service: tables have names of their own, are waited for and are dropped.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"

local engine = {
  endpoint = os.getenv "DYNAMODB_TEST_ENDPOINT",
  name = os.getenv "DYNAMODB_TEST_ENGINE",
  prefix = "dynamodb-spec-",
}

local PATIENCE = 120 -- seconds until a table must be ready

--- A client of the engine. Credentials and region come from the environment, if they are there.
---@param options table?    of connect
---@return dynamodb.Client
function engine.connect(options)
  local copy = { endpoint = assert(engine.endpoint, "DYNAMODB_TEST_ENDPOINT is not set: run it with tools/engine.sh") }
  copy.region = os.getenv "AWS_REGION" or "us-east-1"
  if not os.getenv "AWS_ACCESS_KEY_ID" then
    copy.credentials = { access_key_id = "spec", secret_access_key = "spec" }
  end
  for name, value in pairs(options or {}) do copy[name] = value end
  return dynamodb.connect(copy)
end

--- Waits without being in the engine's way.
---@param db dynamodb.Client
---@param ready fun(): boolean
---@param what string    for the message
local function wait(db, ready, what)
  local stop = db:now() + PATIENCE
  while not ready() do
    assert(db:now() < stop, what .. " takes too long")
    db:runtime():sleep(0.05)
  end
end

--- A new table that is ready.
---@param db dynamodb.Client
---@param keys string[]     "pk:S", and "sk:N" if there is a sort key
---@return string name
function engine.create_table(db, keys)
  local name = engine.prefix .. core.uuid()
  local definitions, schema = {}, {}
  for i, text in ipairs(keys) do
    local attribute, kind = text:match "^(.*):([SNB])$"
    definitions[i] = { AttributeName = attribute, AttributeType = kind }
    schema[i] = { AttributeName = attribute, KeyType = i == 1 and "HASH" or "RANGE" }
  end
  assert(db:call("CreateTable", {
    TableName = name, AttributeDefinitions = definitions, KeySchema = schema, BillingMode = "PAY_PER_REQUEST",
  }))
  wait(db, function()
    return assert(db:call("DescribeTable", { TableName = name })).Table.TableStatus == "ACTIVE"
  end, "making table " .. name)
  return name
end

--- Drops a table; that it is gone already is no failure.
---@param db dynamodb.Client
---@param name string
function engine.drop_table(db, name)
  local ok, err = db:call("DeleteTable", { TableName = name })
  if not ok and not err:is "ResourceNotFound" then error(err) end
end

return engine
