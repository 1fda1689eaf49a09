--- Tables of a client: describing, dropping and listing them.
local describe = require "dynamodb.admin.description"
local errors = require "dynamodb.error"
local goals = require "dynamodb.admin.goals"
local option_rules = require "dynamodb.options"
local request = require "dynamodb.request"
local usage = require "dynamodb.usage"
local waiters = require "dynamodb.admin.waiters"

local tables = {}

---@param operation string
---@param what string
---@return dynamodb.Error
local function unusable(operation, what)
  local message = "the answer has no " .. what
  return errors.new { code = "ResponseError", message = message, operation = operation, sent = true }
end

-- --------------------------------------------------------------------------------------------------- describing ----

--- The tags of a table.
---@param client dynamodb.Client
---@param arn string
---@param limits table    timeout, deadline
---@return table<string, string>?
---@return dynamodb.Error?
local function read_tags(client, arn, limits)
  local tags, token = {}, nil
  repeat
    local answer, err = client:perform("ListTagsOfResource", { ResourceArn = arn, NextToken = token }, limits)
    if not answer then return nil, err end
    describe.add_tags(tags, answer.Tags)
    local last = token
    token = answer.NextToken
    if token == last then token = nil end -- an answer that leads to itself
  until not token or token == ""
  return tags
end

--- The time to live of a table.
---@param client dynamodb.Client
---@param name string
---@param limits table    timeout, deadline
---@return table?
---@return dynamodb.Error?
---@return dynamodb.Meta?
function tables.ttl(client, name, limits)
  local answer, err, meta = client:perform("DescribeTimeToLive", { TableName = name }, limits)
  if not answer then return nil, err end
  return describe.ttl(answer), nil, meta
end

--- A table as it is.
---@param client dynamodb.Client
---@param name string
---@param wanted table    ttl, tags: what is asked beside DescribeTable
---@param limits table    timeout, deadline
---@return dynamodb.TableState?
---@return dynamodb.Error?
---@return dynamodb.Meta?
function tables.state(client, name, wanted, limits)
  local answer, err, meta = client:perform("DescribeTable", { TableName = name }, limits)
  if not answer then return nil, err end
  local about, keys = describe.from(answer.Table)
  if not about then return nil, unusable("DescribeTable", "description of a table") end
  if wanted.ttl then
    about.ttl, err = tables.ttl(client, name, limits)
    if err then return nil, err end
  end
  if wanted.tags then
    if not about.arn then return nil, unusable("DescribeTable", "ARN") end
    about.tags, err = read_tags(client, about.arn, limits)
    if err then return nil, err end
  end
  return { about = about, keys = keys }, nil, meta
end

local DESCRIBING = { ttl = true, tags = true, timeout = true, deadline = true }

--- As `Table:describe`.
---@param target dynamodb.Table
---@param options table?
---@return dynamodb.TableDescription?
---@return dynamodb.Error?
---@return dynamodb.Meta?
function tables.describe(target, options)
  options = option_rules.check(options, DESCRIBING, "describe")
  for _, name in ipairs { "ttl", "tags" } do
    if options[name] ~= nil then usage.check_type(options[name], "boolean", name) end
  end
  local limits = request.bounded(target.client, options)
  local wanted = { ttl = options.ttl ~= false, tags = options.tags }
  local state, err, meta = tables.state(target.client, target.name, wanted, limits)
  if not state then return nil, err end
  target.schema = state.keys
  return state.about, nil, meta
end

-- ----------------------------------------------------------------------------------------------------- dropping ----

local DELETING = { if_exists = true, wait = true, timeout = true, deadline = true }

--- As `db:delete_table`.
---@param client dynamodb.Client
---@param name any
---@param options table?
---@return true?
---@return dynamodb.Error?
---@return dynamodb.Meta?
function tables.delete(client, name, options)
  usage.check_type(name, "string", "the table's name")
  options = option_rules.check(options, DELETING, "delete_table")
  local deadline = waiters.deadline(client, options)
  local limits, pauses = { timeout = client.timeout, deadline = deadline }, waiters.pauses(client, deadline)
  local answer, err, meta
  repeat
    answer, err, meta = client:perform("DeleteTable", { TableName = name }, limits)
    local is_busy = err and err:is "ResourceInUse" and options.wait ~= false -- it is being made or changed
  until not is_busy or not pauses:sleep()
  if not answer then
    local is_gone = err:is "ResourceNotFound" and (options.if_exists or err.doubted)
    if not is_gone then return nil, err end
    return true
  end
  if options.wait ~= false then
    local gone
    gone, err = waiters.run(client, goals.public.gone, name, deadline, nil, true)
    if not gone then return nil, err end
  end
  return true, nil, meta
end

-- ------------------------------------------------------------------------------------------------------ listing ----

local LISTING = { prefix = true, page_size = true, timeout = true, deadline = true }

---@class dynamodb.TableNames    an iterator: `for name in db:tables() do`; a failure is raised there
---@field private client dynamodb.Client
---@field private prefix string
---@field private page_size integer?
---@field private limits table           timeout, deadline
---@field private page string[]          what was read and not given yet, from `position` on
---@field private position integer
---@field private start string?          the last name of the last page
---@field private over boolean?
local names_methods = {}
local names_mt = { __name = "dynamodb.TableNames", __index = names_methods }

--- Reads one page.
---@param self dynamodb.TableNames
---@return true?
---@return dynamodb.Error?
local function read_page(self)
  local params = { ExclusiveStartTableName = self.start, Limit = self.page_size }
  local answer, err = self.client:perform("ListTables", params, self.limits)
  if not answer then return nil, err end
  if type(answer.TableNames) ~= "table" then return nil, unusable("ListTables", "list of names") end
  local last = answer.LastEvaluatedTableName
  self.over = type(last) ~= "string" or last == "" or last == self.start
  self.page, self.position, self.start = answer.TableNames, 1, last
  return true
end

--- The next name.
---@return string? name       nil at the end
---@return dynamodb.Error?
function names_methods:next()
  while true do
    local name = self.page[self.position]
    while name ~= nil do
      self.position = self.position + 1
      if type(name) == "string" and name:sub(1, #self.prefix) == self.prefix then return name end
      name = self.page[self.position]
    end
    if self.over then return nil end
    local ok, err = read_page(self)
    if not ok then return nil, err end
  end
end

--- All names that are left.
---@return string[]?
---@return dynamodb.Error?
function names_methods:all()
  local list = {}
  while true do
    local name, err = self:next()
    if err then return nil, err end
    if not name then return list end
    list[#list + 1] = name
  end
end

function names_mt:__call()
  local name, err = self:next()
  if err then error(err, 0) end
  return name
end

--- As `db:tables`.
---@param client dynamodb.Client
---@param options table?
---@return dynamodb.TableNames
function tables.list(client, options)
  options = option_rules.check(options, LISTING, "tables")
  if options.prefix ~= nil then usage.check_type(options.prefix, "string", "prefix") end
  local size = options.page_size
  if size ~= nil and (type(size) ~= "number" or size < 1 or size > 100 or size ~= math.floor(size)) then
    usage.raise("page_size must be a whole number of names from 1 to 100")
  end
  local limits = { timeout = client.timeout, deadline = options.deadline }
  if options.timeout then limits = request.bounded(client, options) end
  return setmetatable({
    client = client,
    prefix = options.prefix or "",
    page_size = size,
    limits = { timeout = limits.timeout, deadline = limits.deadline },
    page = {},
    position = 1,
  }, names_mt)
end

return tables
