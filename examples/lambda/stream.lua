--- What happens to orders: notifications and stock. One record after the other; what fails comes again from there on.
local dynamodb = require "dynamodb"
local shop = require "shop"
local sns = require "sns"

local stream = {}

--- Tells the customer.
local function notify(record, subject)
  local order = record.new or record.old
  return sns.publish(os.getenv "TOPIC_ARN", subject, dynamodb.to_json { id = order.id, status = order.status })
end

local DAY = 24 * 3600 -- as long as a record can come again

--- Moves the stock of all products of an order, once: that the record was seen is written in the same transaction.
local function move_stock(record, order, direction)
  local _, err = shop.db:transact(function(tx)
    tx:create(shop.table, { pk = shop.keys.seen(record.id), sk = "SEEN", ttl = dynamodb.time.ttl(DAY) })
    for _, item in ipairs(order.items) do
      tx:update(shop.table, { pk = shop.keys.product(item.product), sk = "STOCK" },
        { add = { stock = direction * item.quantity } })
    end
  end)
  local is_repeated = err and err:is "TransactionCanceled" and err.reasons[1].code == "ConditionalCheckFailed"
  if err and not is_repeated then return nil, err end
  return true
end

local Order = {}

function Order.insert(record)
  local ok, err = move_stock(record, record.new, -1)
  if not ok then return nil, err end
  return notify(record, "Order received")
end

function Order.modify(record)
  if not record:changed "status" then return true end
  return notify(record, "Order " .. record.new.status)
end

function Order.remove(record)
  if record.old.status ~= "cancelled" then return true end
  return move_stock(record, record.old, 1)
end

-- Its time to live is over: nobody has cancelled anything.
function Order.expire() return true end

stream.process = dynamodb.streams.handler(dynamodb.streams.by("entityType", { Order = Order }))

-- The event as bytes: its images are decoded in one pass.
stream.lambda = { raw = true }

return stream
