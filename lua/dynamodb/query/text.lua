--- A KeyConditionExpression as text, read as the table that says the same. Its grammar is small and fixed: conditions
--- on one attribute each, joined by AND. Source: "Key condition expressions for the Query operation", Developer Guide.
local expr = require "dynamodb.expression.operators"
local text = require "dynamodb.expression.text"
local usage = require "dynamodb.usage"

local COMPARISONS = { ["="] = expr.eq, ["<"] = expr.lt, ["<="] = expr.le, [">"] = expr.gt, [">="] = expr.ge }

---@class dynamodb.KeyTextReader
---@field tokens table         kind, text, position, one after the other
---@field at integer
---@field names table?         of the caller
---@field values table?
local reader_methods = {}
local reader_mt = { __index = reader_methods }

function reader_methods:refuse(what)
  local position = self.tokens[self.at + 2]
  usage.raise(("keys%s: %s"):format(position and ", position " .. position or "", what))
end

--- Takes the next token if it is of the kind, and of the text if one is given.
function reader_methods:take(kind, wanted)
  local token = self.tokens[self.at + 1]
  if self.tokens[self.at] ~= kind or wanted and token ~= wanted then return nil end
  self.at = self.at + 3
  return token
end

function reader_methods:expect(kind, wanted, what)
  local token = self:take(kind, wanted)
  if not token then self:refuse(what .. " is expected here") end
  return token
end

--- The name of a whole attribute.
function reader_methods:name()
  local name = self:take "name"
  if not name then
    local alias = self:expect("alias", nil, "the name of a key attribute")
    local names = self.names or {}
    name = names[alias:sub(2)] or names[alias]
    if type(name) ~= "string" then
      self.at = self.at - 3
      self:refuse(alias .. " is not in names")
    end
  end
  local kind = self.tokens[self.at]
  if kind == "dot" or kind == "position" then self:refuse "a key attribute is a whole attribute, not a part of one" end
  return name
end

function reader_methods:value()
  local placeholder = self:expect("value", nil, "a :value")
  local values = self.values or {}
  local value = values[placeholder:sub(2)]
  if value == nil then value = values[placeholder] end
  if value == nil then
    self.at = self.at - 3
    self:refuse(placeholder .. " is not in values")
  end
  return value
end

--- What is said of one attribute.
---@return string name
---@return any condition
function reader_methods:condition()
  if self:take("function", "begins_with") then
    self:expect("open", nil, '"("')
    local name = self:name()
    self:expect("comma", nil, "a comma")
    local prefix = self:value()
    self:expect("close", nil, '")"')
    return name, expr.begins_with(prefix)
  end
  if self.tokens[self.at] == "function" then self:refuse "of functions, a key condition has begins_with alone" end
  local name = self:name()
  if self:take("keyword", "BETWEEN") then
    local low = self:value()
    self:expect("keyword", "AND", "AND")
    return name, expr.between(low, self:value())
  end
  local compared = COMPARISONS[self.tokens[self.at] == "operator" and self.tokens[self.at + 1]]
  if not compared then self:refuse "=, <, <=, >, >= or BETWEEN is expected here" end
  self.at = self.at + 3
  return name, compared(self:value())
end

--- Conditions joined by AND, any part of them in parentheses.
---@param said table<string, any>    gets them
function reader_methods:conditions(said)
  repeat
    if self:take "open" then
      self:conditions(said)
      self:expect("close", nil, '")"')
    else
      local name, condition = self:condition()
      if said[name] ~= nil then self:refuse(("%q is spoken of twice; a range is BETWEEN"):format(name)) end
      said[name] = condition
    end
  until not self:take("keyword", "AND")
end

--- Reads a text.
---@param source string
---@param names table?     the caller's aliases, with or without "#"
---@param values table?    the caller's values, with or without ":"
---@return table<string, any>    as the table form of the keys
local function read(source, names, values)
  local tokens, message = text.tokens(source, "condition")
  if not tokens then usage.raise("keys, " .. message) end
  local reader = setmetatable({ tokens = tokens, at = 1, names = names, values = values }, reader_mt)
  local said = {}
  reader:conditions(said)
  if reader.at <= #tokens then reader:refuse "AND or the end is expected here" end
  return said
end

return { read = read }
