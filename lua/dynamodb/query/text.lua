--- A KeyConditionExpression as text, read as the table that says the same. Its grammar is small and fixed: conditions
--- on one attribute each, joined by AND. Source: "Key condition expressions for the Query operation", Developer Guide.
local expr = require "dynamodb.expression.operators"
local text = require "dynamodb.expression.text"
local usage = require "dynamodb.usage"

local COMPARISONS = { ["="] = expr.eq, ["<"] = expr.lt, ["<="] = expr.le, [">"] = expr.gt, [">="] = expr.ge }

---@class dynamodb.KeyTextReader    a text that is being read
---@field tokens table         kind, text, position, one after the other
---@field at integer
---@field names table?         of the caller
---@field values table?

local function refuse(reader, what)
  local position = reader.tokens[reader.at + 2]
  usage.raise(("keys%s: %s"):format(position and ", position " .. position or "", what))
end

--- Takes the next token if it is of the kind, and of the text if one is given.
local function take(reader, kind, wanted)
  local token = reader.tokens[reader.at + 1]
  if reader.tokens[reader.at] ~= kind or wanted and token ~= wanted then return nil end
  reader.at = reader.at + 3
  return token
end

local function expect(reader, kind, wanted, what)
  local token = take(reader, kind, wanted)
  if not token then refuse(reader, what .. " is expected here") end
  return token
end

--- The name of a whole attribute.
local function read_name(reader)
  local name = take(reader, "name")
  if not name then
    local alias = expect(reader, "alias", nil, "the name of a key attribute")
    local names = reader.names or {}
    name = names[alias:sub(2)] or names[alias]
    if type(name) ~= "string" then
      reader.at = reader.at - 3
      refuse(reader, alias .. " is not in names")
    end
  end
  local kind = reader.tokens[reader.at]
  if kind == "dot" or kind == "position" then
    refuse(reader, "a key attribute is a whole attribute, not a part of one")
  end
  return name
end

local function read_value(reader)
  local placeholder = expect(reader, "value", nil, "a :value")
  local values = reader.values or {}
  local value = values[placeholder:sub(2)]
  if value == nil then value = values[placeholder] end
  if value == nil then
    reader.at = reader.at - 3
    refuse(reader, placeholder .. " is not in values")
  end
  return value
end

--- What is said of one attribute.
---@return string name
---@return any condition
local function read_condition(reader)
  if take(reader, "function", "begins_with") then
    expect(reader, "open", nil, '"("')
    local name = read_name(reader)
    expect(reader, "comma", nil, "a comma")
    local prefix = read_value(reader)
    expect(reader, "close", nil, '")"')
    return name, expr.begins_with(prefix)
  end
  if reader.tokens[reader.at] == "function" then
    refuse(reader, "of functions, a key condition has begins_with alone")
  end
  local name = read_name(reader)
  if take(reader, "keyword", "BETWEEN") then
    local low = read_value(reader)
    expect(reader, "keyword", "AND", "AND")
    return name, expr.between(low, read_value(reader))
  end
  local compared = COMPARISONS[reader.tokens[reader.at] == "operator" and reader.tokens[reader.at + 1]]
  if not compared then refuse(reader, "=, <, <=, >, >= or BETWEEN is expected here") end
  reader.at = reader.at + 3
  return name, compared(read_value(reader))
end

--- Conditions joined by AND, any part of them in parentheses.
---@param said table<string, any>    gets them
local function read_conditions(reader, said)
  repeat
    if take(reader, "open") then
      read_conditions(reader, said)
      expect(reader, "close", nil, '")"')
    else
      local name, condition = read_condition(reader)
      if said[name] ~= nil then refuse(reader, ("%q is spoken of twice; a range is BETWEEN"):format(name)) end
      said[name] = condition
    end
  until not take(reader, "keyword", "AND")
end

--- Reads a text.
---@param source string
---@param names table?     the caller's aliases, with or without "#"
---@param values table?    the caller's values, with or without ":"
---@return table<string, any>    as the table form of the keys
local function read(source, names, values)
  local tokens, message = text.tokens(source, "condition")
  if not tokens then usage.raise("keys, " .. message) end
  local reader = { tokens = tokens, at = 1, names = names, values = values }
  local said = {}
  read_conditions(reader, said)
  if reader.at <= #tokens then refuse(reader, "AND or the end is expected here") end
  return said
end

return { read = read }
