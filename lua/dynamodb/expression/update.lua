--- Changes as a table, written as an UpdateExpression, and whether applying them twice is the same as once.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"
local path = require "dynamodb.expression.path"
local condition = require "dynamodb.expression.condition"

local ACTIONS = {
  set = true, default = true, append = true, prepend = true, remove = true, add = true, delete = true,
}

local NOTHING = "changes are empty: nothing would be updated"

---@param value any
---@return boolean
local function is_number(value)
  if type(value) == "number" or core.kind(value) == "number" then return true end
  return type(value) == "table" and getmetatable(value) == core.raw_mt and value.N ~= nil
end

---@param value any
---@return boolean
local function is_set(value)
  if type(value) ~= "table" then return false end
  local mt = getmetatable(value)
  return mt == core.set_mt or mt == core.raw_mt and (value.SS or value.NS or value.BS) ~= nil
end

local NOT_LISTS = { [core.set_mt] = true, [core.raw_mt] = true, [core.operator_mt] = true, [core.path_mt] = true }

--- A copy of a sequence that is written as a list even if it is empty.
---@param value any
---@param where string
---@return table
local function as_list(value, where)
  if type(value) ~= "table" or NOT_LISTS[getmetatable(value)] then
    usage.raise(where .. " must be a list of the values to add to the list")
  end
  local copy = {}
  for key, element in pairs(value) do
    if type(key) ~= "number" then usage.raise(where .. " must be a list of the values to add to the list") end
    copy[key] = element
  end
  return setmetatable(copy, core.list_mt)
end

--- Assigning to a position can be beyond the list's end, where it appends; removing one moves the others up.
local function ends_in_position(segments)
  return type(segments[#segments]) == "number"
end

-- Each writer returns the clause's text and whether it may be applied twice without harm.
local writers = {}

function writers.set(builder, target, entry, where)
  local op = condition.operator_name(entry.value)
  if op and op ~= "attr" then usage.raise(("%s: %s cannot be assigned"):format(where, op)) end
  -- What another attribute holds may have changed by the second time (a swap of two).
  local copies = op == "attr" or path.is_path(entry.value)
  return target .. " = " .. condition.operand(builder, entry.value, where),
    not copies and not ends_in_position(entry.segments)
end

function writers.default(builder, target, entry, where)
  return ("%s = if_not_exists(%s, %s)"):format(target, target, builder:value(entry.value, where)),
    not ends_in_position(entry.segments)
end

function writers.append(builder, target, entry, where)
  local list = builder:value(as_list(entry.value, where), where)
  return ("%s = list_append(if_not_exists(%s, %s), %s)"):format(target, target, builder:empty_list(), list), false
end

function writers.prepend(builder, target, entry, where)
  local list = builder:value(as_list(entry.value, where), where)
  return ("%s = list_append(%s, if_not_exists(%s, %s))"):format(target, list, target, builder:empty_list()), false
end

function writers.remove(_, target, entry)
  return target, not ends_in_position(entry.segments)
end

function writers.add(builder, target, entry, where)
  if not is_number(entry.value) and not is_set(entry.value) then
    usage.raise(where .. " must be a number or a set: ADD knows no other types")
  end
  return target .. " " .. builder:value(entry.value, where), is_set(entry.value)
end

function writers.delete(builder, target, entry, where)
  if not is_set(entry.value) then usage.raise(where .. " must be a set of the elements to take out") end
  return target .. " " .. builder:value(entry.value, where), true
end

--- `remove = { "draft", path }` as the entries of the other actions.
local function removal_entries(list)
  if type(list) == "string" or path.is_path(list) then list = { list } end
  local entries, count = {}, 0
  for key, name in pairs(list) do
    if type(key) ~= "number" then usage.raise("changes.remove must be a list of names, not a map") end
    count = count + 1
    if entries[name] then usage.raise(("changes.remove names %q twice"):format(tostring(name))) end
    entries[name] = true
  end
  if count ~= #list then usage.raise("changes.remove has a hole") end
  return entries
end

local CLAUSES = {
  { "SET", { "set", "default", "append", "prepend" } },
  { "REMOVE", { "remove" } },
  { "ADD", { "add" } },
  { "DELETE", { "delete" } },
}

--- Writes an UpdateExpression.
---@param builder dynamodb.ExpressionBuilder
---@param changes table                         actions, each with its attributes
---@param protected table<string, any>          the key's attributes: they cannot be changed
---@return string text
---@return boolean repeat_safe
local function write(builder, changes, protected)
  usage.check_names(changes, ACTIONS, "action of an update")
  local overlaps, repeat_safe, clauses = path.overlaps(), true, {}
  for _, clause in ipairs(CLAUSES) do
    local texts = {}
    for _, action in ipairs(clause[2]) do
      local entries = changes[action]
      if entries ~= nil then
        local where = "changes." .. action
        if type(entries) ~= "table" and not (action == "remove" and type(entries) == "string") then
          usage.raise(("%s must be a table, not a %s"):format(where, type(entries)))
        end
        if action == "remove" then entries = removal_entries(entries) end
        for _, entry in ipairs(path.sorted(entries, where)) do
          if protected[entry.segments[1]] ~= nil then
            usage.raise(("%s: %q is part of the key and cannot be changed"):format(where, entry.segments[1]))
          end
          local other = overlaps(entry.segments)
          if other then usage.raise(("%s: %q overlaps with %q"):format(where, entry.text, other)) end
          local about = where .. "." .. entry.text
          local text, safe = writers[action](builder, builder:path(entry.segments, about), entry, about)
          texts[#texts + 1] = text
          repeat_safe = repeat_safe and safe
        end
      end
    end
    if #texts > 0 then clauses[#clauses + 1] = clause[1] .. " " .. table.concat(texts, ", ") end
  end
  if #clauses == 0 then usage.raise(NOTHING) end
  return table.concat(clauses, " "), repeat_safe
end

--- Do the changes name nothing to be changed?
---@param changes any
---@return boolean
local function is_empty(changes)
  if type(changes) ~= "table" then return false end
  for _, entries in pairs(changes) do
    if type(entries) ~= "table" or path.is_path(entries) or next(entries) ~= nil then return false end
  end
  return true
end

--- Raises if there is nothing to be changed.
---@param changes any
local function refuse_empty(changes)
  if is_empty(changes) then usage.raise(NOTHING) end
end

return { write = write, refuse_empty = refuse_empty }
