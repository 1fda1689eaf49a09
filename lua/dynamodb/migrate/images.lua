--- Images of an item: as it was read and as it shall be, and the step between them.
local core = require "dynamodb.core"
local diff = require "dynamodb.diff"
local expression = require "dynamodb.expression"
local guard = require "dynamodb.migrate.guard"

local images = {}

---@class dynamodb.Step          from one image of an item to another
---@field kind "update"|"delete"|"put"|"rekey"
---@field key table              of the old image; of a put, of the new one
---@field id string              a text for that key
---@field from table?            nil: it is not there
---@field to table?              nil: it is deleted
---@field changes table?         of an update
---@field where table?           the condition
---@field from_json string?      of the images
---@field to_json string?
---@field units number           about what it costs
---@field doubted boolean?       was there an attempt of which nobody knows whether it was applied?
---@field offset number?         of its line in the undo log

--- The key of an item.
---@param item table
---@param keys dynamodb.KeySchema
---@return table
function images.key(item, keys)
  local key = { [keys.partition] = item[keys.partition] }
  if keys.sort then key[keys.sort] = item[keys.sort] end
  return key
end

--- A text that two keys share exactly if they are the same.
---@param item table    or its key
---@param keys dynamodb.KeySchema
---@return string
function images.id(item, keys)
  local partition, sort = core.key(item[keys.partition]), keys.sort and core.key(item[keys.sort]) or ""
  return ("%d:%s%s"):format(#partition, partition, sort)
end

--- Are the two images the same to DynamoDB?
---@param a table?
---@param b table?
---@return boolean
function images.same(a, b)
  if a == nil or b == nil then return a == b end
  return diff(a, b) == nil
end

local SURE = 10 -- changes that are within the quotas of an update for sure, however deep inside of the item they are

--- Is an update within the quotas of expressions?
local function update_fits(changes, key)
  local count = 0
  for _, entries in pairs(changes) do
    for _ in pairs(entries) do count = count + 1 end
  end
  return count <= SURE or (pcall(function() expression.new(nil, nil, true):update(changes, key) end))
end

--- The step from one image to another.
---@param rules dynamodb.GuardRules
---@param from table?
---@param to table?
---@param changes table?     that make one of the other, if they are known
---@return dynamodb.Step?    nil without a message: they are the same
---@return string? message   it cannot be taken under a condition
function images.step(rules, from, to, changes)
  local keys = rules.keys
  local step = { from = from, to = to, key = images.key(from or to, keys), id = images.id(from or to, keys) }
  step.from_json, step.to_json = from and core.marshal(from), to and core.marshal(to)
  -- Roughly: JSON is a bit longer than what DynamoDB counts.
  step.units = math.ceil(math.max(from and #step.from_json or 0, to and #step.to_json or 0) / 1024)
  local message
  if not from then
    step.kind = "put"
  elseif to and images.id(to, keys) == step.id then
    step.kind, step.changes = "update", changes or diff(from, to)
    if not step.changes then return nil end
    if not update_fits(step.changes, step.key) then return nil, "the update is too long for one expression" end
    step.where, message = guard.condition(rules, from, to, step.changes)
  else
    step.kind = to and "rekey" or "delete"
    if to then step.units = 4 * step.units end -- two writes, which cost twice in a transaction
    step.where, message = guard.condition(rules, from, to)
  end
  if message then return nil, message end
  return step
end

return images
