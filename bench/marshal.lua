--- From Lua tables to the wire: the library in one pass, against a walk that wraps every value, and lua-cjson.
local core = require "dynamodb.core"
local model = require "dynamodb.model"
local obvious = require "bench.support.obvious"
local payload = require "bench.support.payload"
local race = require "bench.support.race"

local encode, marshal = core.encode, core.marshal
local items, mine = {}, {} -- the same items: with the library's values, and with the peer's
for i, text in ipairs(payload.items(25)) do
  items[i], mine[i] = assert(core.unmarshal(text)), obvious.unmarshal(text)
end

local put = core.shape(model.operations.PutItem.input)
local batch = core.shape(model.operations.BatchWriteItem.input)

--- One call's parameters, as a table of the library builds them.
local function batch_params(list)
  local requests = {}
  for i = 1, #list do requests[i] = { PutRequest = { Item = list[i] } } end
  return { RequestItems = { orders = requests } }
end

-- Both texts must say what the items said.
local shape = core.shape "(Item i)"
for _, body in ipairs { encode(put, { TableName = "orders", Item = items[1] }, nil, true),
  obvious.put_item("orders", mine[1]) } do
  obvious.check_same(core.decode(shape, body).Item, mine[1])
end
shape = core.shape "(RequestItems {[(PutRequest (Item i))]})"
for _, body in ipairs { encode(batch, batch_params(items), nil, true), obvious.batch_write("orders", mine) } do
  for i, request in ipairs(core.decode(shape, body).RequestItems.orders) do
    obvious.check_same(request.PutRequest.Item, mine[i])
  end
end

local item, peer = items[1], mine[1]
race.run {
  title = "PutItem, 1 KB", bytes = #encode(put, { TableName = "orders", Item = item }), count = 500,
  { "core.encode", function(n) for _ = 1, n do encode(put, { TableName = "orders", Item = item }, nil, true) end end },
  { "wrapped in Lua, cjson", function(n) for _ = 1, n do obvious.put_item("orders", peer) end end },
  { "core.marshal, the item alone", function(n) for _ = 1, n do marshal(item) end end },
}
race.run {
  title = "BatchWriteItem, 25 x 1 KB", bytes = #encode(batch, batch_params(items)), count = 20,
  { "core.encode", function(n) for _ = 1, n do encode(batch, batch_params(items), nil, true) end end },
  { "wrapped in Lua, cjson", function(n) for _ = 1, n do obvious.batch_write("orders", mine) end end },
}
