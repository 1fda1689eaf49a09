--- Stamps: a table whose items say when they were created and when they were updated last, as texts that sort.
local path = require "dynamodb.expression.path"
local time = require "dynamodb.time"
local usage = require "dynamodb.usage"

local stamps = {}

---@class dynamodb.Stamps
---@field created string?    name of the attribute
---@field updated string?

local DEFAULT = { created = "createdAt", updated = "updatedAt" }

--- The stamps that a table is declared with.
---@param declared table?    of `db:table`
---@return dynamodb.Stamps?
function stamps.declare(declared)
  local given = declared and declared.stamps
  if given == true then given = DEFAULT end
  if not given then return nil end
  usage.check_type(given, "table", "stamps")
  usage.check_names(given, DEFAULT, "stamp")
  local made = {}
  for which, name in pairs(given) do
    if type(name) ~= "string" or name == "" then
      usage.raise(("stamps.%s must be an attribute's name"):format(which))
    end
    if name == declared.version then usage.raise(("stamps.%s is the version already"):format(which)) end
    made[which] = name
  end
  if next(made) == nil then usage.raise "stamps names no attribute; created and updated can be" end
  if made.created == made.updated then usage.raise "stamps: created and updated must be two attributes" end
  return made
end

--- The time that all stamps of one call have.
---@param client dynamodb.Client
---@return string
function stamps.now(client)
  return time.iso(client:runtime():time())
end

--- The table's stamps; raises if one is part of its key, as far as that is known.
---@param target dynamodb.Table
---@return dynamodb.Stamps
local function stamps_of(target)
  local own, keys = target.stamps, target.schema
  for which, name in pairs(own) do
    if keys and (name == keys.partition or name == keys.sort) then
      usage.raise(("stamps.%s: %q is part of the table's key"):format(which, name))
    end
  end
  return own
end

--- A shallow copy.
local function copy_of(fields)
  local copy = {}
  for name, value in pairs(fields) do copy[name] = value end
  return copy
end

--- An item to be put: updated now, and created now unless it says when.
---@param target dynamodb.Table
---@param item table    not changed
---@param at string?    the call's time
---@return table
function stamps.put(target, item, at)
  if not target.stamps then return item end
  local own, copy = stamps_of(target), copy_of(item)
  at = at or stamps.now(target.client)
  if own.created and copy[own.created] == nil then copy[own.created] = at end
  if own.updated then copy[own.updated] = at end
  return copy
end

--- A new item: created and updated now, whatever the item was copied from.
---@param target dynamodb.Table
---@param item table    not changed
---@param at string?
---@return table
function stamps.create(target, item, at)
  if not target.stamps then return item end
  local own, copy = stamps_of(target), copy_of(item)
  at = at or stamps.now(target.client)
  for _, name in pairs(own) do copy[name] = at end
  return copy
end

--- Do the changes do anything to an attribute?
---@param changes table
---@param name string
---@return boolean
local function touches(changes, name)
  local function is_it(key) return key == name or path.is_path(key) and key[1] == name end
  for action, entries in pairs(changes) do
    if action == "remove" and is_it(entries) then return true end
    if type(entries) == "table" and not path.is_path(entries) then
      for key, value in pairs(entries) do
        if is_it(action == "remove" and value or key) then return true end
      end
    end
  end
  return false
end

---@param changes table    is changed
---@param action string
---@param name string
---@param value string
local function add(changes, action, name, value)
  if changes[action] ~= nil and type(changes[action]) ~= "table" then return end -- refused where it is written
  changes[action] = copy_of(changes[action] or {})
  changes[action][name] = value
end

--- The changes of an update with the stamps, except what the caller changes himself: updated now, and created now if
--- the item does not say when; one that the update makes does not.
---@param target dynamodb.Table
---@param changes any    not changed; if they are a table, something is in it
---@param at string?
---@return any
function stamps.update(target, changes, at)
  if not target.stamps or type(changes) ~= "table" then return changes end
  local own, copy = stamps_of(target), copy_of(changes)
  at = at or stamps.now(target.client)
  if own.updated and not touches(changes, own.updated) then add(copy, "set", own.updated, at) end
  if own.created and not touches(changes, own.created) then add(copy, "default", own.created, at) end
  return copy
end

--- The same for changes as a text: what is to be assigned beside what it changes.
---@param target dynamodb.Table
---@param at string?
---@return (fun(targets: table[]): table?)?    given the paths that the text changes, further changes
function stamps.beside(target, at)
  if not target.stamps then return nil end
  local own = stamps_of(target)
  return function(targets)
    local touched, more = {}, nil
    for _, segments in ipairs(targets) do touched[segments[1]] = true end
    for which, name in pairs(own) do
      if not touched[name] then
        more = more or {}
        at = at or stamps.now(target.client)
        more[which == "updated" and "set" or "default"] = { [name] = at }
      end
    end
    return more
  end
end

return stamps
