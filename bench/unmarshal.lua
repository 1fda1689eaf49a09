--- From the wire to Lua tables: the library in one pass, against lua-cjson and a walk over what it made.
local core = require "dynamodb.core"
local json = require "cjson"
local model = require "dynamodb.model"
local obvious = require "bench.support.obvious"
local payload = require "bench.support.payload"
local race = require "bench.support.race"

local decode, unmarshal = core.decode, core.unmarshal
local parse = json.decode

local function answers(title, operation, theirs, make, count, sample)
  if not race.wants(title) then return end
  local body = make()
  local shape = core.shape(model.operations[operation].output)
  obvious.check_same(assert(decode(shape, body)), theirs(body))
  race.run {
    title = title, bytes = #body, count = count, sample = sample,
    { "core.decode", function(n) for _ = 1, n do decode(shape, body) end end },
    { "cjson, walked in Lua", function(n) for _ = 1, n do theirs(body) end end },
    { "cjson alone", function(n) for _ = 1, n do parse(body) end end },
  }
end

answers("GetItem, 1 KB", "GetItem", obvious.get_item, payload.get_item, 500)
answers("Query, 1 MB", "Query", obvious.query, payload.query, 3, 4)
answers("GetItem, 5,000 attributes", "GetItem", obvious.get_item, payload.wide, 5)
answers("Query, text of all scripts", "Query", obvious.query, payload.unicode, 20)
answers("Query, numbers", "Query", obvious.query, payload.numbers, 20)

local text = payload.items(1)[1]
obvious.check_same(assert(unmarshal(text)), obvious.unmarshal(text))
race.run {
  title = "An item, 1 KB", bytes = #text, count = 500,
  { "core.unmarshal", function(n) for _ = 1, n do unmarshal(text) end end },
  { "cjson, walked in Lua", function(n) for _ = 1, n do obvious.unmarshal(text) end end },
}
