--- One index of a table: the same reading methods, other keys.
local query = require "dynamodb.query"
local usage = require "dynamodb.usage"

local index_methods = {}
local index_mt = { __name = "dynamodb.Index", __index = index_methods }

---@class dynamodb.Index
---@field table dynamodb.Table
---@field name string

function index_mt:__tostring()
  return ("dynamodb.Index(%s/%s)"):format(self.table.name, self.name)
end

---@param parent dynamodb.Table
---@param name string    the index's name in DynamoDB
---@return dynamodb.Index
local function new(parent, name)
  usage.check_type(name, "string", "the index's name")
  if name == "" then usage.raise("the index's name is empty") end
  return setmetatable({ table = parent, name = name }, index_mt)
end

--- Items of one partition of the index, in its order.
---@param keys table|string    partition key and, if wanted, a condition on the sort key
---@param options table?       as of `Table:query`, and hydrate (boolean: read the full items from the table, for an
---                            index that has only keys; items gone meanwhile are left out and counted in
---                            `meta().gone`)
---@return dynamodb.Query      an iterator: `for item in index:query { … } do`
function index_methods:query(keys, options)
  return query.new(self.table, self.name, "Query", keys, options)
end

--- All items of the index.
---@param options table?    as of `Table:scan`, and hydrate
---@return dynamodb.Query   an iterator: `for item in index:scan() do`
function index_methods:scan(options)
  return query.new(self.table, self.name, "Scan", nil, options)
end

return { new = new }
