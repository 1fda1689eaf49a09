--- What the files of a job are bound to, in words that a message can show: the very table, and what is read of it. A
--- table of another account, region or endpoint that has the same name is another one; so is one that was dropped and
--- made again.
local core = require "dynamodb.core"
local expression = require "dynamodb.expression"
local ordered = require "dynamodb.formats.ordered"

local identity = {}

--- Where a table is that has no id of its own, as far as the client can tell it.
---@param target dynamodb.Table
---@param created number?
---@return string
local function place_of(target, created)
  local at = target.client:endpoint("dynamodb")
  local text = at and ("%s at %s://%s%s"):format(target.name, at.scheme, at.authority, at.path) or target.name
  return created and ("%s, made at %.0f"):format(text, created) or text
end

--- The very table.
---@param job dynamodb.Job
---@param target dynamodb.Table
---@return string?
---@return dynamodb.Error?
function identity.of_table(job, target)
  local about, err = target:describe { ttl = false }
  while err and job:wait_after(err) do about, err = target:describe { ttl = false } end
  if err and err:is "AccessDenied" then return place_of(target) end -- who may change items need not see the table
  if not about then return nil, err end
  if about.id then return ("%s, id %s"):format(about.arn or about.name, about.id) end
  return place_of(target, about.created)
end

--- What is read of the table, if not all of it.
---@param options table    where, names, values
---@return string?
function identity.of_filter(options)
  if options.where == nil then return nil end
  local builder = expression.new(options.names, options.values)
  local parts = { (builder:condition(options.where)), ordered.plain(builder.names) }
  if next(builder.values) ~= nil then
    parts[3] = ordered.typed(core.unmarshal(core.marshal(builder.values)))
  end
  return table.concat(parts, " ")
end

return identity
