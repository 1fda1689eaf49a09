-- Re-keys orders to a single-table design: from { pk = "42", sk = "7" }, customer and number, to { pk = "CUSTOMER#42",
-- sk = "ORDER#2026-11-28#000007" }. The mark tells items of the new design from those of the old one, also while the
-- application writes both.
local dynamodb = require "dynamodb"

local customer_key = dynamodb.key "CUSTOMER#{id}"
local order_key = dynamodb.key "ORDER#{date}#{number:06}"

return {
  mark = { schema = 2 },
  map = function(order)
    local id, number = order.pk, tonumber(order.sk)
    order.customer, order.number = id, number
    order.pk = customer_key(id)
    order.sk = order_key { date = order.placed:sub(1, 10), number = math.floor(number) }
    return order
  end,
}
