--- What the program's map makes of an item, checked before anything is written.
local core = require "dynamodb.core"
local diff = require "dynamodb.diff"
local images = require "dynamodb.migrate.images"
local key = require "dynamodb.key"
local stamps = require "dynamodb.stamps"

local mapper = {}

--- What a map returns for an item that is to be deleted.
mapper.DELETE = setmetatable({}, { __name = "dynamodb.migrate.delete", __tostring = function()
  return "dynamodb.migrate.delete"
end })

--- What was raised, as a text.
local function text_of(raised)
  return type(raised) == "string" and raised or tostring(raised)
end

--- An item as the service would return it: with one form of each value.
---@param item table
---@return table? item
---@return string message    the problem; else the JSON
local function as_stored(item)
  local ok, json = pcall(core.marshal, item)
  if not ok then return nil, text_of(json) end
  local stored, message = core.unmarshal(json)
  return stored, message or json
end

--- Calls the map.
---@param map function
---@param item table             an item as it was read; the map may change it
---@return table? old            as it was read; nil if the map failed
---@return table|nil new         nil: deleted
---@return string? code          MapFailed, InvalidItem
---@return string? message
function mapper.apply(map, item)
  local old, json = as_stored(item)
  if not old then return nil, nil, "InvalidItem", json end
  local ok, new = pcall(map, item)
  if not ok then return nil, nil, "MapFailed", text_of(new) end
  if new == mapper.DELETE then return old, nil end
  if new == nil then
    local _, now = as_stored(item)
    if now == json then return old, old end
    return nil, nil, "MapFailed", "the map has changed the item and returned nothing; return it, or leave it as it is"
  end
  if type(new) ~= "table" or getmetatable(new) ~= nil then
    return nil, nil, "MapFailed",
      ("a map returns an item, nil (as it is) or migrate.delete, not %s"):format(text_of(new))
  end
  local stored, message = as_stored(new)
  if not stored then return nil, nil, "InvalidItem", message end
  return old, stored
end

--- What an item becomes on its way to another table.
---@param map function?
---@param item table
---@return table? item       nil without a code: it is left out
---@return string? code      MapFailed, InvalidItem
---@return string? message
function mapper.copy(map, item)
  if not map then return item end
  local old, new, code, message = mapper.apply(map, item)
  if not old then return nil, code, message end
  return new
end

---@class dynamodb.MapRules : dynamodb.GuardRules
---@field map function
---@field target dynamodb.Table    as the caller has it: its stamps are set
---@field mark string?             the attribute that tells an item that was written from one that was not
---@field value any                of the mark

--- Is the item marked?
---@param rules dynamodb.MapRules
---@param item table
---@return boolean
function mapper.is_marked(rules, item)
  local value = rules.mark and item[rules.mark]
  return value ~= nil and core.key(value) == core.key(rules.value)
end

--- What belongs to every write of this table, beside what the map has changed: the mark, the next version, stamps.
---@return table<string, any>
local function beside(rules, old, new)
  local more = {}
  if rules.target.stamps then
    for name, value in pairs(stamps.put(rules.target, new)) do
      if new[name] ~= value then more[name] = value end
    end
  end
  if rules.mark then more[rules.mark] = rules.value end
  if rules.version then
    local version = old[rules.version]
    more[rules.version] = (type(version) == "number" and version or 0) + 1
  end
  return more
end

--- The changes with further attributes set, whatever they did to these.
---@param changes table
---@param more table<string, any>
local function with(changes, more)
  local names = {}
  for name in pairs(more) do names[name] = true end
  for action, entries in pairs(changes) do
    local kept = {}
    for place, value in pairs(entries) do
      local at = action == "remove" and value or place
      if not names[type(at) == "table" and at[1] or at] then
        if action == "remove" then kept[#kept + 1] = value else kept[place] = value end
      end
    end
    changes[action] = next(kept) ~= nil and kept or nil
  end
  changes.set = changes.set or {}
  for name, value in pairs(more) do changes.set[name] = value end
  return changes
end

--- The step that the map wants for an item.
---@param rules dynamodb.MapRules
---@param item table
---@return dynamodb.Step?    nil without a code: it stays as it is
---@return string? code      MapFailed, InvalidItem, Unguarded, MarkRequired
---@return string? message
function mapper.step(rules, item)
  local old, new, code, message = mapper.apply(rules.map, item)
  if not old then return nil, code, message end
  if old == new then return nil end
  local changes
  if new then
    local ok, problem = pcall(key.check_item, new, rules.keys, true)
    if not ok then return nil, "InvalidItem", (problem:gsub("^.-:%d+: ", "")) end
    if new[""] ~= nil then return nil, "InvalidItem", "an attribute's name cannot be empty" end
    changes = diff(old, new)
    if not changes then return nil end
    local more = beside(rules, old, new)
    for name, value in pairs(more) do new[name] = value end
    changes = next(more) ~= nil and with(changes, more) or changes
  end
  local step
  step, message = images.step(rules, old, new, changes)
  if message then return nil, "Unguarded", message end
  if step.kind == "rekey" and not rules.mark then
    return nil, "MarkRequired", "the map gives it another key, for which the migration needs a mark"
  end
  return step
end

return mapper
