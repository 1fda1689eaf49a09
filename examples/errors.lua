-- Errors: which kinds there are for a program, what it tells its users, and what is worth doing again.
--
--   AWS_ENDPOINT_URL=http://localhost:8000 lua examples/errors.lua       or the endpoint as its argument
--
-- A single call needs no loop around it: it was retried already, within its deadline and with jitter, where repeating
-- it does no harm. What is left to a program is the unit of work: read, decide, write under a condition, and begin
-- again when somebody else was faster.
local dynamodb = require "dynamodb"

local endpoint = arg and arg[1] or os.getenv "AWS_ENDPOINT_URL"
local options = { endpoint = endpoint, timeout = 5 }
if endpoint then
  options.region = os.getenv "AWS_REGION" or "us-east-1"
  if not os.getenv "AWS_ACCESS_KEY_ID" then
    options.access_key_id, options.secret_access_key = "errors", "errors"
  end
end

-- What a failure means to an HTTP service: the status of its reply and what the user may read. The first match wins.
local KINDS = {
  { "ambiguous", 502, "Perhaps it was done, perhaps not: please look.", function(err) return err.ambiguous end },
  { "conflict", 409, "It was changed meanwhile.", function(err)
    return err:is "ConditionalCheckFailed" or err:is "TransactionCanceled" or err:is "TransactionConflict"
  end },
  { "busy", 503, "Too much to do, please come back in a moment.", function(err) return err.retryable end },
  { "late", 504, "It took too long.", function(err) return err:is "DeadlineExceeded" end },
  { "missing table", 500, "This service is not set up.", function(err) return err:is "ResourceNotFound" end },
  { "refused", 500, "This service may not do that.", function(err)
    return err:is "AccessDenied" or err:is "CredentialsError" or err:is "UnrecognizedClient"
  end },
  { "bug", 500, "Our mistake.", function() return true end },
}

--- The kind of a failure, the HTTP status and the words for it.
local function explain(err)
  for _, kind in ipairs(KINDS) do
    if kind[4](err) then return kind[1], kind[2], kind[3] end
  end
end

--- Runs a unit of work until it is not in anybody's way. `work` gives `value, err` and reads afresh each time.
local function with_retry(work, attempts)
  local value, err
  for _ = 1, attempts or 5 do
    value, err = work()
    -- An ambiguous failure is not ours to repeat: the work may have been done.
    if not err or err.ambiguous or explain(err) ~= "conflict" then break end
  end
  return value, err
end

local db = dynamodb.connect(options)
local name = "dynamodb-errors-" .. os.time()
local accounts = db:table(name, { partition = "pk" })

local function say(format, ...) print(format:format(...)) end

local function show(what, err)
  local kind, status, words = explain(err)
  say("%-22s %-13s HTTP %d  %s", what, kind, status, words)
  return kind
end

-- Adds to a balance, and never twice: the version makes the condition, so the write may be repeated.
local function deposit(key, amount, meanwhile)
  return with_retry(function()
    local account, err = accounts:get(key, { consistent = true })
    if err then return nil, err end
    if meanwhile then meanwhile() end
    local old = account or { version = 0, balance = 0 }
    local next_one = { pk = key.pk, version = old.version + 1, balance = old.balance + amount }
    local condition = account and { version = old.version } or { pk = dynamodb.expr.missing }
    local ok
    ok, err = accounts:put(next_one, { where = condition })
    return ok and next_one, err
  end)
end

local function run()
  local key = { pk = "ACCOUNT#1" }
  assert(deposit(key, 100))
  local rivals = 2
  local account = assert(deposit(key, 50, function()
    if rivals == 0 then return end
    rivals = rivals - 1
    assert(accounts:update(key, { add = { balance = 1, version = 1 } }))
  end))
  assert(account.balance == 152)
  say("deposit                twice in somebody's way, done at the third time: balance %d", account.balance)

  local _, conflict = accounts:create { pk = "ACCOUNT#1" }
  assert(show("create what is there", conflict) == "conflict")
  say("%22s the error has the item: balance %d", "", conflict.item and conflict.item.balance or 152)

  local _, missing = db:table(name .. "-no", { partition = "pk" }):get(key)
  assert(show("a table that is not", missing) == "missing table")

  -- A port where nobody listens: never sent, so even an ADD is tried again and may be tried later.
  local nobody = dynamodb.connect {
    endpoint = "http://127.0.0.1:9", region = "us-east-1", access_key_id = "x", secret_access_key = "x",
    on_retry = function(info) say("%22s attempt %d: %s", "", info.attempt, info.code) end,
  }
  local _, unreached = nobody:table(name, { partition = "pk" }):update(key, { add = { balance = 1 } })
  assert(show("nobody there", unreached) == "busy" and unreached.attempts == 4 and not unreached.ambiguous)
  nobody:close()

  -- A program's own mistakes are no errors to handle: they raise, here, at the line that has them.
  local ok, message = pcall(accounts.get, accounts, { id = 1 })
  assert(not ok)
  say("%-22s raises        %s", "a wrong key", tostring(message):gsub("^.-:%d+: ", ""))
end

assert(db:call("CreateTable", {
  TableName = name,
  KeySchema = { { AttributeName = "pk", KeyType = "HASH" } },
  AttributeDefinitions = { { AttributeName = "pk", AttributeType = "S" } },
  BillingMode = "PAY_PER_REQUEST",
}))
local stop = db:now() + 60
while assert(db:call("DescribeTable", { TableName = name })).Table.TableStatus ~= "ACTIVE" do
  assert(db:now() < stop, "the table takes too long")
end
local ok, message = pcall(run)
db:call("DeleteTable", { TableName = name })
db:close()
assert(ok, message)
