-- Totals by customer, kept from the stream of a table of orders. Followers share the stream by leases in a table; one
-- that is killed loses nothing, and nothing is counted twice.
--
--   AWS_ENDPOINT_URL=http://localhost:8000 lua examples/stream_consumer.lua                       shows it
--   AWS_ENDPOINT_URL=… lua examples/stream_consumer.lua ORDERS TOTALS LEASES                      one follower
--
-- The first makes tables, and drops them at its end. Of the second start as many as you like and end them as you like;
-- ORDERS has the key customer (S) and number (N) and a stream with both images, TOTALS the key customer (S).
local dynamodb = require "dynamodb"

local endpoint = os.getenv "AWS_ENDPOINT_URL"
local options = { endpoint = endpoint }
if endpoint and not os.getenv "AWS_ACCESS_KEY_ID" then -- for an engine on this machine any will do
  options.region, options.access_key_id, options.secret_access_key = "us-east-1", "example", "example"
end
local db = dynamodb.connect(options)

--- What a change of an order does to the customer's total. It is written in one transaction with the checkpoint: a
--- record that comes again, after a crash or to another follower, is not counted again.
local function counting_into(totals)
  return dynamodb.streams.handler { any = function(record, ctx)
    local now, before = record.new and record.new.amount or 0, record.old and record.old.amount or 0
    return ctx:transact(record, function(tx)
      tx:update(totals, { customer = record.keys.customer }, { add = { total = now - before, changes = 1 } })
    end)
  end }
end

--- Follows the orders until `stop` says so; without one until something is wrong that waiting does not mend.
---@param names { orders: string, totals: string, leases: string }
---@param stop (fun(): boolean)?
---@return dynamodb.ConsumerReport? report
---@return dynamodb.Error?
local function follow(names, stop)
  local totals = db:table(names.totals, { partition = "customer" })
  return db:stream(names.orders):consume(counting_into(totals), {
    checkpoint = names.leases, -- is made if there is none
    lease = 2,                 -- seconds after which another one takes over from one that died
    poll = 0.2,
    stop = stop,
  })
end

if arg[1] then
  local _, err = follow { orders = arg[1], totals = arg[2], leases = arg[3] }
  error(tostring(err), 0)
end

-- ----------------------------------------------------------------------------------------------- what it shows ----

local names = {}
for _, name in ipairs { "orders", "totals", "leases" } do
  names[name] = ("dynamodb-stream-%s-%s"):format(name, require("dynamodb.core").uuid())
end

local function say(format, ...) print(format:format(...)) end

--- Starts a follower as a process of its own.
---@return string pid
---@return file* pipe    to be closed when it has ended
local function start_follower()
  local words = { "exec", arg[-1], arg[0], names.orders, names.totals, names.leases }
  for i = 2, #words do words[i] = "'" .. words[i]:gsub("'", "'\\''") .. "'" end
  local pipe = assert(io.popen("echo $$; " .. table.concat(words, " ")))
  return pipe:read "*l", pipe
end

local deadline = db:now() + 60

--- Waits for something, while others go on.
local function await(condition)
  while not condition() do
    assert(db:now() < deadline, "it takes too long")
    db:sleep(0.02)
  end
end

local CUSTOMERS, ORDERS = { "ada", "charles", "mary" }, 30

--- Orders come in, and some are changed: 40 changes of each customer's.
local function write(orders, customer)
  for number = 1, ORDERS do
    db:sleep(0.02)
    assert(orders:put { customer = customer, number = number, amount = number * 10 })
    local key = { customer = customer, number = number }
    if number % 5 == 0 then assert(orders:update(key, { add = { amount = 1 } })) end
    if number % 7 == 0 then assert(orders:delete(key)) end
  end
end

local CHANGES = #CUSTOMERS * 40

local function show()
  local orders = assert(db:create_table {
    name = names.orders, partition = "customer", sort = "number", types = { number = "N" },
    stream = "NEW_AND_OLD_IMAGES",
  })
  local totals = assert(db:create_table { name = names.totals, partition = "customer" })
  local function counted()
    local count = 0
    for each in totals:scan { consistent = true } do count = count + each.changes end
    return count
  end

  local pid, pipe = start_follower()
  local report
  local ok, problem = pcall(function()
    local is_done = false
    local values, errs = db:parallel {
      function()
        await(function() return counted() > 0 end) -- the other one has the stream by then
        return follow(names, function() return is_done or db:now() >= deadline end)
      end,
      function()
        for _, customer in ipairs(CUSTOMERS) do write(orders, customer) end
      end,
      function()
        await(function() return counted() >= 20 end)
        os.execute("kill -9 " .. pid)
        say("the first follower is killed; %d of %d changes are counted", counted(), CHANGES)
        await(function() return counted() == CHANGES end)
        is_done = true
      end,
    }
    assert(not errs, errs and errs[1])
    report = values[1]
  end)
  os.execute("kill -9 " .. pid .. " 2>/dev/null") -- it is gone unless something went wrong
  pipe:close()
  if not ok then error(problem, 0) end
  say("the second one took over and handled %d records", report.records)

  local sums, changes = {}, 0
  for order in orders:scan { consistent = true } do
    sums[order.customer] = (sums[order.customer] or 0) + order.amount
  end
  for each in totals:scan { consistent = true } do
    assert(each.total == sums[each.customer], "a total is not the sum of the orders")
    changes = changes + each.changes
  end
  assert(changes == CHANGES)
  say("each total is the sum of the customer's orders: %d changes were counted once each", changes)

  -- Without leases and checkpoints: the records one by one, as those of any iterator.
  local kinds, seen = { INSERT = 0, MODIFY = 0, REMOVE = 0 }, 0
  for record in db:stream(orders):records() do
    kinds[record.event], seen = kinds[record.event] + 1, seen + 1
    if seen == CHANGES then break end -- else it would wait for more
  end
  say("the stream has %d inserts, %d changes, %d removals", kinds.INSERT, kinds.MODIFY, kinds.REMOVE)
end

-- The tables are dropped however it ends.
local ok, problem = pcall(show)
for _, name in pairs(names) do db:delete_table(name, { if_exists = true }) end
db:close()
if not ok then
  io.stderr:write("the example failed: ", tostring(problem), "\n")
  os.exit(1)
end
