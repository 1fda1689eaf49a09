-- Fills in the key of a global index that was added to a table with items in it: open orders by the time they were
-- placed. Orders that are not open stay out of the index, which is sparse.
local dynamodb = require "dynamodb"

local e = dynamodb.expr

return {
  idempotent = true,
  where = { status = "open", GSI1PK = e.missing },
  map = function(order)
    order.GSI1PK, order.GSI1SK = "STATUS#open", order.placed
    return order
  end,
}
