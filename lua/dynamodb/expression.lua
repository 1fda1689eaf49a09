--- Expressions of one request: conditions, updates and projections share the placeholders that are handed out here.
---
--- Every name is aliased (no reserved word can hurt) and every value is bound. The same table gives the same text.
local core = require "dynamodb.core"
local printable = require "dynamodb.printable"
local usage = require "dynamodb.usage"
local condition = require "dynamodb.expression.condition"
local projection = require "dynamodb.expression.projection"
local text_expression = require "dynamodb.expression.text"
local update = require "dynamodb.expression.update"

local builder_methods = {}
local builder_mt = { __name = "dynamodb.ExpressionBuilder", __index = builder_methods }

---@class dynamodb.ExpressionBuilder
---@field names table<string, string>     alias -> attribute name
---@field values table<string, any>       placeholder -> value
---@field origins table<string, string>   alias or placeholder -> what it stands for, as the caller knows it
---@field used table<string, boolean>     of what the caller gave: does a text refer to it?
---@field top table<string, boolean>      attributes that were mentioned, by the first names of their paths
---@field limits boolean                  refuse what is surely over a quota
---@field has_text boolean                was a text expression among the parts?

--- The caller's own placeholders, with their sign: `{ min = 3 }` and `{ [":min"] = 3 }` mean the same.
---@param given table?
---@param sign "#"|":"
---@param what "names"|"values"
---@param origins table<string, string>    gets where each of them stands
---@return table
local function with_sign(given, sign, what, origins)
  local signed = {}
  if given == nil then return signed end
  if type(given) ~= "table" then usage.raise(("%s must be a table, not a %s"):format(what, type(given))) end
  for key, value in pairs(given) do
    local bare = type(key) == "string" and (key:sub(1, 1) == sign and key:sub(2) or key)
    if not bare or not bare:find("^[%w_]+$") then
      usage.raise(("%s: %q cannot be a placeholder (letters, digits and underscores)"):format(what, tostring(key)))
    end
    if signed[sign .. bare] ~= nil then
      usage.raise(("%s has %q twice, with and without %s"):format(what, bare, sign))
    end
    if what == "names" and type(value) ~= "string" then
      usage.raise(("names.%s must be an attribute's name, not a %s"):format(bare, type(value)))
    end
    signed[sign .. bare] = value
    origins[sign .. bare] = what .. "." .. bare
  end
  return signed
end

local NONE = {} -- given, and nothing of it ever written to

--- A builder for one request.
---@param names table?     the caller's aliases, for text expressions; the leading "#" may be left out
---@param values table?    the caller's values, for text expressions; the leading ":" may be left out
---@param limits boolean?  false: quotas are left to the service
---@return dynamodb.ExpressionBuilder
local function new(names, values, limits)
  local origins, used = {}, NONE
  local signed_names = with_sign(names, "#", "names", origins)
  local signed_values = with_sign(values, ":", "values", origins)
  local explicit = names ~= nil or values ~= nil
  if explicit then
    used = {}
    for placeholder in pairs(origins) do used[placeholder] = false end
  end
  return setmetatable({
    names = signed_names,
    values = signed_values,
    origins = origins,
    used = used,
    top = {},
    limits = limits ~= false,
    explicit = explicit,
    has_text = false,
    alias_of = {},       -- attribute name -> alias
    placeholder_of = {}, -- core.key of a scalar -> placeholder
    next_name = 0,
    next_value = 0,
  }, builder_mt)
end

--- The alias of an attribute's name.
---@param name string
---@param where string    for messages
---@return string    "#0"
function builder_methods:name(name, where)
  local alias = self.alias_of[name]
  if alias then return alias end
  repeat
    alias = "#" .. self.next_name
    self.next_name = self.next_name + 1
  until not self.names[alias]
  self.names[alias] = name
  self.alias_of[name] = alias
  self.origins[alias] = where
  return alias
end

--- A document path with every name aliased.
---@param segments (string|integer)[]    positions count from 1
---@param where string                   for messages
---@return string    "#0.#1[2]"
function builder_methods:path(segments, where)
  local parts = {}
  self.top[segments[1]] = true
  for i, segment in ipairs(segments) do
    if type(segment) == "number" then
      parts[i] = ("[%d]"):format(segment - 1)
    else
      parts[i] = (i > 1 and "." or "") .. self:name(segment, where)
    end
  end
  return table.concat(parts)
end

--- The placeholder of a value; equal scalars share one.
---@param value any
---@param where string    for messages
---@return string    ":0"
function builder_methods:value(value, where)
  local key = core.key(value)
  local placeholder = key and self.placeholder_of[key]
  if placeholder then return placeholder end
  repeat
    placeholder = ":" .. self.next_value
    self.next_value = self.next_value + 1
  until self.values[placeholder] == nil
  self.values[placeholder] = value
  self.origins[placeholder] = where
  if key then self.placeholder_of[key] = placeholder end
  return placeholder
end

--- The placeholder of an empty list.
---@return string
function builder_methods:empty_list()
  self.empty = self.empty or self:value(setmetatable({}, core.list_mt), "the empty list")
  return self.empty
end

--- Writes a text expression: its names aliased, its placeholders checked.
---@param text string
---@param where string    for messages
---@param kind "condition"|"update"
---@return string
function builder_methods:text(text, where, kind)
  self.has_text = true
  return text_expression.write(self, text, where, kind)
end

-- Bytes of an expression as it is sent, operators and functions in one. Source: "Service, account, and table quotas",
-- DynamoDB Developer Guide, which says the latter of updates only; the service says it of conditions, too.
local MAX_BYTES, MAX_OPERATORS = 4096, 300

--- Raises if an expression is over a quota.
---@param self dynamodb.ExpressionBuilder
---@param written string
---@param what string      the expression, as the caller knows it
---@param kind "condition"|"update"|nil    nil: it has no operators
---@param given any        what it was written from: in a text, the position can be told
---@return string written
local function within_limits(self, written, what, kind, given)
  if not self.limits then return written end
  if #written > MAX_BYTES then
    usage.raise(("%s has %d bytes as an expression, and DynamoDB takes %d"):format(what, #written, MAX_BYTES))
  end
  if kind and #written > MAX_OPERATORS then -- less text has no room for more of them
    local count = core.expression_operators(written, kind, MAX_OPERATORS)
    if count > MAX_OPERATORS then
      local at = type(given) == "string" and select(2, core.expression_operators(given, kind, MAX_OPERATORS))
      usage.raise(("%s has %d operators and functions, and DynamoDB takes %d in one expression"):format(
        at and ("%s, position %d: it"):format(what, at) or what, count, MAX_OPERATORS))
    end
  end
  return written
end

--- Writes a condition or a filter.
---@param where any       a table, an operator or a text
---@param what string?    its name in messages; "where" if not given
---@return string
---@return table<string, boolean> top    the attributes that it mentions, by the first names of their paths
function builder_methods:condition(where, what)
  what = what or "where"
  self.top = {}
  local written = condition.write(self, where, what)
  return within_limits(self, written, what, "condition", where), self.top
end

--- Writes an update.
---@param changes table|string            actions, or a text
---@param protected table<string, any>    the key's attributes
---@param beside (fun(targets: table[]): table?)?    of a text: what is to be changed beside the paths that it changes
---@return string text
---@return boolean repeat_safe            may it be applied twice without harm?
function builder_methods:update(changes, protected, beside)
  local written, safe
  if type(changes) == "string" then
    written, safe = self:text(changes, "changes", "update"), false
    text_expression.check_targets(self, changes, "changes", protected)
    local more = beside and beside(text_expression.targets(self, changes))
    if more then written = text_expression.with_set(written, update.write(self, more, protected)) end
  else
    usage.check_type(changes, "table", "changes")
    written, safe = update.write(self, changes, protected)
  end
  return within_limits(self, written, "changes", "update", changes), safe
end

--- Writes a projection.
---@param attributes (string|dynamodb.Path)[]
---@return string
function builder_methods:projection(attributes)
  return within_limits(self, projection.write(self, attributes), "attributes")
end

--- Raises on names and values that nothing refers to: the service would refuse them, and most likely they are misspelt.
---@param self dynamodb.ExpressionBuilder
local function check_used(self)
  if not self.has_text then
    usage.raise("names and values belong to text expressions, and there is none; tables bind theirs by themselves")
  end
  local unused = {}
  for placeholder, is_used in pairs(self.used) do
    if not is_used then unused[#unused + 1] = self.origins[placeholder] end
  end
  if unused[1] == nil then return end
  table.sort(unused)
  usage.raise(("no text expression uses %s"):format(table.concat(unused, ", ")))
end

--- Puts the names and values into the request's parameters.
---@param params table
function builder_methods:finish(params)
  if self.explicit then check_used(self) end
  local mark = { origins = self.origins } -- for `explain`
  if next(self.names) ~= nil then params.ExpressionAttributeNames = setmetatable(self.names, mark) end
  if next(self.values) ~= nil then params.ExpressionAttributeValues = setmetatable(self.values, mark) end
end

--- The encoder's message, which begins with the path of what cannot be sent, in the caller's words: a placeholder that
--- was made here is what it stands for (`where.total`, `changes.append.log[2]`).
---@param message string
---@param params table    of the request, or of the part of it that the path begins in
---@return string
local function explain(message, params)
  for _, member in ipairs { "ExpressionAttributeValues", "ExpressionAttributeNames" } do
    local mark = type(params[member]) == "table" and getmetatable(params[member])
    if type(mark) == "table" and mark.origins then
      message = message:gsub("^" .. member .. "%.([#:][%w_]+)", mark.origins)
    end
  end
  return printable(message)
end

--- A value of an expression that the options would leave out (`empty_sets = "omit"`, `unsupported = "skip"`). An item
--- can do without it, an expression cannot: its placeholder would mean nothing.
---@param params table      of the request
---@param options userdata  core.options
---@return string? message  nil if there is none
local function left_out(params, options)
  local values = params.ExpressionAttributeValues
  if type(values) ~= "table" then return nil end
  for placeholder, value in pairs(values) do
    if not pcall(core.marshal_value, value, options) then
      local ok, message = pcall(core.marshal, { [placeholder] = value }) -- says why, as without options
      if not ok then return (tostring(message):gsub("^Item", "ExpressionAttributeValues")) end
    end
  end
end

return { new = new, explain = explain, left_out = left_out }
