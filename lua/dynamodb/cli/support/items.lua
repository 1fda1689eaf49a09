--- Items as results: as a table in blocks, as lines of JSON, or as one document.
local core = require "dynamodb.core"
local grid = require "dynamodb.cli.support.grid"
local ordered = require "dynamodb.formats.ordered"

local items_methods = {}
local items_mt = { __name = "dynamodb.cli.Items", __index = items_methods }

local BLOCK = 500 -- items whose widths are looked at together

---@class dynamodb.cli.Items
---@field session dynamodb.cli.Session
---@field render fun(item: table): string
---@field first string[]       names of the first columns
---@field block table[]        not written yet
---@field count integer

local items = {}

--- How an item is written as JSON.
---@param typed boolean?    as DynamoDB JSON, in which nothing is lost
---@return fun(item: table): string
function items.renderer(typed)
  return typed and ordered.typed or ordered.plain
end

--- A writer.
---@param session dynamodb.cli.Session
---@param options table    typed (boolean), first (names of columns)
---@return dynamodb.cli.Items
function items.new(session, options)
  if session.format == "json" then session:write '{"items":[' end
  return setmetatable({
    session = session, render = items.renderer(options.typed), first = options.first, block = {}, count = 0,
  }, items_mt)
end

local function flush(self)
  if not self.block[1] then return end
  self.session:write((self.count > #self.block and "\n" or "") .. grid.items(self.block, self.first))
  self.block = {}
end

--- Writes one.
---@param item table
function items_methods:add(item)
  self.count = self.count + 1
  local session = self.session
  if session.format == "jsonl" then return session:write(self.render(item) .. "\n") end
  if session.format == "json" then
    return session:write((self.count > 1 and ",\n" or "\n") .. self.render(item))
  end
  self.block[#self.block + 1] = item
  if #self.block == BLOCK then flush(self) end
end

--- Writes what is left.
---@param cursor string?    where the next ones are
function items_methods:finish(cursor)
  if self.session.format == "table" then return flush(self) end
  if self.session.format == "json" then
    self.session:write(('\n],"count":%d,"cursor":%s}\n'):format(self.count, core.json_encode(cursor or core.null)))
  end
end

return items
