--- What a PartiQL SELECT finds: items one by one, over as many pages as there are. An object is used once.
local capacity = require "dynamodb.capacity"
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local model = require "dynamodb.model"
local option_rules = require "dynamodb.options"
local request = require "dynamodb.request"
local statement = require "dynamodb.partiql.statement"
local usage = require "dynamodb.usage"

local results_methods = {}
local results_mt = { __name = "dynamodb.StatementResults", __index = results_methods }

---@class dynamodb.StatementResults
---@field private client dynamodb.Client
---@field private text string          the statement
---@field private body string          of every page's request, but for its token
---@field private options table
---@field private limits table?        deadline and retry_ambiguous, from the first request on
---@field private token string?        where the next page begins; nil for the first one
---@field private page table[]         the items that are given out
---@field private at integer           how many of them were
---@field private left number          how many items may still be given out
---@field private exhausted boolean    there is no further page
---@field private begun boolean        was it used?
---@field private busy boolean         a request is under way
---@field private sums table           what `meta` tells

function results_mt:__tostring()
  return ("dynamodb.StatementResults(%s)"):format(self.text)
end

--- The results of a reading statement. No request is made, but its bytes are: nothing that the program does to the
--- parameters later is in the pages to come.
---@param client dynamodb.Client
---@param made dynamodb.Statement
---@param options table    limit, page_size, consistent, capacity, timeout, deadline, retry_ambiguous
---@return dynamodb.StatementResults
local function new(client, made, options)
  local params = statement.members(made, options.consistent)
  params.Limit, params.ReturnConsumedCapacity = options.page_size, option_rules.capacity(client, options)
  return setmetatable({
    client = client,
    text = made.text,
    body = request.encode(client, "ExecuteStatement", model.operations.ExecuteStatement, params),
    options = options,
    page = {}, at = 0,
    left = options.limit or math.huge,
    exhausted = false, begun = false, busy = false,
    sums = { pages = 0, items = 0, attempts = 0, waited = 0 },
  }, results_mt)
end

--- The time runs from the first request on.
---@param self dynamodb.StatementResults
---@return table
local function limits_of(self)
  if not self.limits then
    local deadline, timeout = self.options.deadline, self.options.timeout
    if timeout then deadline = math.min(deadline or math.huge, self.client:now() + timeout) end
    self.limits = { deadline = deadline, retry_ambiguous = self.options.retry_ambiguous }
  end
  return self.limits
end

--- Reads the next page.
---@param self dynamodb.StatementResults
---@return boolean? more      false: there is none
---@return dynamodb.Error?
local function fetch(self)
  if self.exhausted then return false end
  local body = self.body
  if self.token then body = ('%s,"NextToken":%s}'):format(body:sub(1, -2), core.json_encode(self.token)) end
  local answer, err, meta = self.client:perform("ExecuteStatement", { Statement = self.text }, limits_of(self),
    { body = body })
  local told, sums = err or meta, self.sums
  sums.attempts, sums.waited = sums.attempts + (told.attempts or 0), sums.waited + (told.waited or 0)
  if not answer then return nil, err end
  local token = answer.NextToken
  if token == "" then token = nil end
  if token and token == self.token then
    return nil, errors.new {
      code = "ResponseError", message = "the answer ends where it began: reading would never end",
      operation = "ExecuteStatement", sent = true,
    }
  end
  self.token, self.exhausted = token, token == nil
  self.page, self.at = answer.Items or {}, 0
  sums.pages, sums.items = sums.pages + 1, sums.items + #self.page
  sums.capacity = capacity.add(sums.capacity, meta.capacity)
  return true
end

--- Makes sure that there is an item to be given out.
---@param self dynamodb.StatementResults
---@return boolean? ready     false: there is none left
---@return dynamodb.Error?
local function ready(self)
  while self.left > 0 do
    if self.at < #self.page then return true end
    if self.busy then usage.raise "the results are being read by another task" end
    self.begun, self.busy = true, true
    local ok, more, err = pcall(fetch, self)
    self.busy = false
    if not ok then error(more, 0) end
    if not more then return more, err end
  end
  return false
end

---@param self dynamodb.StatementResults
---@return table
local function take(self)
  self.at, self.left = self.at + 1, self.left - 1
  return self.page[self.at]
end

--- The next item.
---@return table? item            nil without an error: there is no further one
---@return dynamodb.Error?        asking again tries again
function results_methods:next()
  local there, err = ready(self)
  if not there then return nil, err end
  return take(self)
end

--- `for item in results do`: raises what `next` returns.
function results_mt:__call()
  local item, err = self:next()
  if err then error(err, 0) end
  return item
end

--- For loops that are left early, in Lua 5.4, which closes the results then.
---@return fun(): table?
---@return nil
---@return nil
---@return dynamodb.StatementResults
function results_methods:each()
  return function() return self() end, nil, nil, self
end

--- A new list of the current page's items that are left.
---@param self dynamodb.StatementResults
---@param items table[]
---@return table[]
local function take_page(self, items)
  while self.left > 0 and self.at < #self.page do items[#items + 1] = take(self) end
  return items
end

--- An iterator over pages, as the service cuts them; empty ones are passed over.
---@return fun(): table?    `{ items = a list }`; raises an error object
function results_methods:pages()
  return function()
    local there, err = ready(self)
    if err then error(err, 0) end
    return there and { items = take_page(self, setmetatable({}, core.list_mt)) } or nil
  end
end

---@param self dynamodb.StatementResults
---@param method string
local function begin(self, method)
  if self.begun then usage.raise(method .. ": the results were used already; execute the statement again") end
  self.begun = true
end

--- All items as one list.
---@return table[]? items
---@return dynamodb.Error?
---@return table? meta        see `meta`
function results_methods:all()
  begin(self, "all")
  local items = setmetatable({}, core.list_mt)
  while true do
    local there, err = ready(self)
    if err then return nil, err end
    if not there then return items, nil, self:meta() end
    take_page(self, items)
  end
end

--- The first item; no page behind it is read.
---@return table? item        nil without an error: there is none
---@return dynamodb.Error?
---@return table? meta        see `meta`
function results_methods:first()
  begin(self, "first")
  local item, err = self:next()
  self:close()
  if err then return nil, err end
  return item, nil, self:meta()
end

--- What reading has cost so far: pages, items (in them), attempts (requests sent), waited (seconds between attempts),
--- capacity (the sum of ConsumedCapacity).
---@return table
function results_methods:meta()
  return self.sums
end

--- Ends it: nothing more is given out. Closing twice is allowed.
function results_methods:close()
  self.left = 0
end

results_mt.__close = results_methods.close

return { new = new }
