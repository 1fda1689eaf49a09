--- Money from one account to another: all of it or nothing, and once.
local dynamodb = require "dynamodb"
local http = require "dynamodb.lambda.http"
local shop = require "shop"

local e = dynamodb.expr

local LEAST, MOST = 0.01, 1e9

local accounts = {}
local functions = {}

local function balance_of(id)
  return { pk = http.input(shop.keys.account, id), sk = "BALANCE" }
end

local function entry(kind, account, counterparty, transfer)
  return {
    pk = shop.keys.account(account), sk = shop.keys.transfer(transfer.id), entityType = "Transfer",
    type = kind, amount = transfer.amount, counterparty = counterparty,
  }
end

-- What is wrong, by the operation that was refused.
local REASONS = { "Insufficient balance", "Destination account not found", "The transfer was made before",
  "The transfer was made before" }

--- POST /transfers, { "id": …, "from": …, "to": …, "amount": … }. The client makes the id: whoever asks again with the
--- same one transfers nothing.
function functions.transfer(request)
  local t, err = request:json()
  if not t then return nil, err end
  for _, name in ipairs { "id", "from", "to" } do
    if type(t[name]) ~= "string" then return nil, http.error(400, name .. " is required") end
  end
  if type(t.amount) ~= "number" or t.amount < LEAST or t.amount > MOST or t.from == t.to then
    return nil, http.error(400, ("an amount from %g to %g, to another account, is required"):format(LEAST, MOST))
  end
  local from, to = balance_of(t.from), balance_of(t.to)
  local debit = http.input(entry, "DEBIT", t.from, t.to, t)
  local ok
  ok, err = shop.db:transact(function(tx)
    tx:update(shop.table, from, { add = { balance = -t.amount } }, { where = { balance = e.ge(t.amount) } })
    tx:update(shop.table, to, { add = { balance = t.amount } }, { where = e.exists "pk" })
    tx:create(shop.table, debit)
    tx:create(shop.table, entry("CREDIT", t.to, t.from, t))
  end)
  if ok then return http.json(201, { id = t.id, amount = t.amount }) end
  if err:is "TransactionCanceled" then
    for i = #REASONS, 1, -1 do            -- made before? then the balance is no reason
      local reason = err.reasons[i]
      if reason and reason.code == "ConditionalCheckFailed" then return nil, http.error(409, REASONS[i]) end
    end
  end
  return nil, err
end

--- GET /accounts?id=a&id=b: balances as they were at one moment
function functions.balances(request)
  local ids, list, seen = request.queries.id or {}, dynamodb.list {}, {}
  for _, id in ipairs(ids) do
    if seen[id] or #ids > 100 then return nil, http.error(400, "each id once, 100 at most") end
    seen[id] = true
  end
  local found, err = shop.db:transact_get(function(tx)
    for _, id in ipairs(ids) do tx:get(shop.table, balance_of(id), { attributes = { "balance" } }) end
  end)
  if not found then return nil, err end
  for i, account in ipairs(found) do
    list[i] = account and { id = ids[i], balance = account.balance } or dynamodb.null
  end
  return { accounts = list }
end

for name, f in pairs(functions) do accounts[name] = http.handler(f) end
accounts.functions = functions

return accounts
