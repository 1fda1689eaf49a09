-- Money from one account to another: all of it happens once, or nothing does.
--
--   AWS_ENDPOINT_URL=http://localhost:8000 lua examples/transfer.lua       or the endpoint as its argument
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
    options.access_key_id, options.secret_access_key = "transfer", "transfer"
  end
end

local db = dynamodb.connect(options)
local table_name = "dynamodb-transfer-" .. os.time()
local bank = db:table(table_name, { partition = "pk", sort = "sk" })

local function say(format, ...)
  print(format:format(...))
end

local function account_key(name)
  return { pk = "ACCOUNT#" .. name, sk = "ACCOUNT" }
end

local function balance_of(name)
  return assert(bank:get(account_key(name), { consistent = true })).balance
end

-- What the failure of each operation of a transfer means; they are added below in this order.
local MEANINGS = {
  function(reason, transfer)
    local account = reason.item
    if not account then return ("there is no account %s"):format(transfer.from) end
    return ("%s has %d, which is less than %d"):format(transfer.from, account.balance, transfer.amount)
  end,
  function(_, transfer) return ("there is no account %s"):format(transfer.to) end,
  function(_, transfer) return ("transfer %s was made before"):format(transfer.id) end,
}

--- Transfers an amount. The entry is made under the transfer's own id, in the same transaction: who does not know
--- whether a transfer has happened (a crash, a lost answer, an hour later) makes it again with the same id, and it
--- happens once.
---@param transfer { id: string, from: string, to: string, amount: integer }
---@return true? done
---@return string? why
local function transfer_funds(transfer)
  assert(math.floor(transfer.amount) == transfer.amount and transfer.amount > 0, "an amount is a number of cents")
  local ok, err = db:transact(function(tx)
    tx:update(bank, account_key(transfer.from), { add = { balance = -transfer.amount } },
      { where = { balance = e.ge(transfer.amount) } })
    tx:update(bank, account_key(transfer.to), { add = { balance = transfer.amount } }, { where = e.exists "pk" })
    tx:create(bank, {
      pk = "TRANSFER#" .. transfer.id, sk = "ENTRY",
      from = transfer.from, to = transfer.to, amount = transfer.amount, at = os.time(),
    })
  end, { retry_conflicts = 3 })
  if ok then return true end
  if err:is "TransactionCanceled" then
    -- The last one first: a transfer that was made before may well leave too little for another one.
    for i = #err.reasons, 1, -1 do
      local reason = err.reasons[i]
      if reason.code == "ConditionalCheckFailed" then return nil, MEANINGS[i](reason, transfer) end
    end
  end
  return nil, tostring(err)
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

local function attempt(id, from, to, amount)
  local ok, why = transfer_funds { id = id, from = from, to = to, amount = amount }
  say("%-12s %4d from %s to %s: %s", id, amount, from, to, ok and "done" or why)
  return ok
end

local function show()
  for name, cents in pairs { ada = 10000, charles = 500 } do
    local account = account_key(name)
    account.balance = cents
    assert(bank:create(account))
  end
  assert(attempt("rent", "ada", "charles", 2500))
  assert(not attempt("rent", "ada", "charles", 2500))
  assert(not attempt("yacht", "charles", "ada", 999999))
  assert(not attempt("gift", "ada", "nobody", 100))
  assert(attempt("change", "charles", "ada", 1000))
  local ada, charles = balance_of "ada", balance_of "charles"
  say("ada has %d, charles has %d: %d in all, as before", ada, charles, ada + charles)
  assert(ada + charles == 10500)
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
