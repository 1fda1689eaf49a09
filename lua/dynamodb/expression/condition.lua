--- Conditions as tables, written as DynamoDB's text: for writes (`where`) and for filters.
---
--- A condition is a text, an operator that stands alone (`e.any{…}`, `e.exists "pk"`), or a table: its string keys are
--- whole attribute names (or paths) with a value or an operator, its list part is conditions; all of them must hold.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"
local path = require "dynamodb.expression.path"

local operator_mt, path_mt = core.operator_mt, core.path_mt

local COMPARATORS = { eq = "=", ne = "<>", lt = "<", le = "<=", gt = ">", ge = ">=" }
local IN_LIMIT = 100 -- operands of one IN. Source: "Service, account, and table quotas", DynamoDB Developer Guide

---@param value any
---@return string?    the operator's name
local function operator_name(value)
  return type(value) == "table" and getmetatable(value) == operator_mt and value.op or nil
end

-- Each writer returns a text and its kind: "atom", "and", "or" or "raw". The kind decides where parentheses are needed;
-- DynamoDB refuses those that are not.

---@param text string
---@param kind string
---@param inside string    the kind of what it becomes a part of
---@return string
local function enclose(text, kind, inside)
  if kind == "atom" or kind == inside then return text end
  if kind == "raw" and text:find("^%b()$") then return text end
  return "(" .. text .. ")"
end

---@param parts { [1]: string, [2]: string }[]
---@param kind "and"|"or"
---@return string text
---@return string kind
local function join(parts, kind)
  if #parts == 1 then return parts[1][1], parts[1][2] end
  local texts = {}
  for i, part in ipairs(parts) do texts[i] = enclose(part[1], part[2], kind) end
  return table.concat(texts, kind == "and" and " AND " or " OR "), kind
end

---@param text string
---@param kind string
---@return string text
---@return string kind
local function negate(text, kind)
  if kind == "atom" then return "NOT (" .. text .. ")", "atom" end
  return "NOT " .. enclose(text, kind, "not"), "atom"
end

--- An operand: a value, or another attribute.
---@param builder dynamodb.ExpressionBuilder
---@param value any
---@param where string
---@return string
local function operand(builder, value, where)
  local op = operator_name(value)
  if op == "attr" then return builder:path(path.of_key(value[1], where), where) end
  if op then usage.raise(("%s: %s cannot be an operand"):format(where, op)) end
  if type(value) == "table" and getmetatable(value) == path_mt then return builder:path(value, where) end
  return builder:value(value, where)
end

local function write_in(builder, subject, op, where)
  local parts = {}
  for first = 1, op.n, IN_LIMIT do
    local operands = {}
    for i = first, math.min(first + IN_LIMIT - 1, op.n) do
      operands[#operands + 1] = operand(builder, op[i], where)
    end
    parts[#parts + 1] = { ("%s IN (%s)"):format(subject, table.concat(operands, ", ")), "atom" }
  end
  return join(parts, "or")
end

--- What is said of one subject (an attribute's path, or its size).
---@param builder dynamodb.ExpressionBuilder
---@param subject string    the written path, or "size(…)"
---@param value any         an operator or a plain value
---@param where string
---@return string text
---@return string kind
local function write_about(builder, subject, value, where)
  local op = operator_name(value)
  if not op or op == "attr" then return subject .. " = " .. operand(builder, value, where), "atom" end
  if COMPARATORS[op] then
    return ("%s %s %s"):format(subject, COMPARATORS[op], operand(builder, value[1], where)), "atom"
  end
  if op == "between" then
    local low, high = operand(builder, value[1], where), operand(builder, value[2], where)
    return ("%s BETWEEN %s AND %s"):format(subject, low, high), "atom"
  end
  if op == "in_" then return write_in(builder, subject, value, where) end
  if op == "any" or op == "all" then
    if value.entries then usage.raise(("%s: inside %s, names stand nowhere but at the top"):format(where, op)) end
    local parts = {}
    for i = 1, value.n do parts[i] = { write_about(builder, subject, value[i], where) } end
    return join(parts, op == "any" and "or" or "and")
  end
  if op == "not_" then return negate(write_about(builder, subject, value[1], where)) end
  if subject:find("^size%(") then usage.raise(("%s: %s does not apply to a size"):format(where, op)) end
  if op == "begins_with" or op == "contains" then
    return ("%s(%s, %s)"):format(op, subject, operand(builder, value[1], where)), "atom"
  end
  if op == "type" then return ("attribute_type(%s, %s)"):format(subject, builder:value(value[1], where)), "atom" end
  if op == "size" then return write_about(builder, ("size(%s)"):format(subject), value[1], where) end
  if value[1] ~= nil then usage.raise(("%s: %s beside a name takes no other name"):format(where, op)) end
  return ("%s(%s)"):format(op == "exists" and "attribute_exists" or "attribute_not_exists", subject), "atom"
end

local write

--- The conditions of a table, written one by one: names sorted, then the list part in its order.
local function write_entries(builder, entries, count, where)
  local named, parts = {}, {}
  for key, value in pairs(entries) do
    if type(key) ~= "number" then named[key] = value end
  end
  for _, entry in ipairs(path.sorted(named, where)) do
    local about = where .. "." .. entry.text
    parts[#parts + 1] = { write_about(builder, builder:path(entry.segments, about), entry.value, about) }
  end
  for i = 1, count do parts[#parts + 1] = { write(builder, entries[i], where) } end
  return parts
end

local function write_operator(builder, value, where)
  local op = value.op
  if op == "any" or op == "all" then
    local parts = write_entries(builder, value.entries or {}, 0, where)
    for i = 1, value.n do parts[#parts + 1] = { write(builder, value[i], where) } end
    return join(parts, op == "any" and "or" or "and")
  end
  if op == "not_" then return negate(write(builder, value[1], where)) end
  if (op == "exists" or op == "missing") and value[1] ~= nil then
    local subject = builder:path(path.of_key(value[1], where), where)
    return ("%s(%s)"):format(op == "exists" and "attribute_exists" or "attribute_not_exists", subject), "atom"
  end
  return usage.raise(("%s: %s says something of an attribute; write { name = e.%s … }"):format(where, op, op))
end

--- Writes one condition.
---@param builder dynamodb.ExpressionBuilder
---@param condition any
---@param where string    for messages
---@return string text
---@return string kind
function write(builder, condition, where)
  if type(condition) == "string" then return builder:text(condition, where, "condition"), "raw" end
  if type(condition) ~= "table" then
    usage.raise(("%s must be a table or a text, not a %s"):format(where, type(condition)))
  end
  if operator_name(condition) then return write_operator(builder, condition, where) end
  if getmetatable(condition) ~= nil then usage.raise(where .. ": a value cannot be a condition") end
  local count = #condition
  for key in pairs(condition) do
    if type(key) == "number" and (key < 1 or key > count or key ~= math.floor(key)) then
      usage.raise(where .. ": its list part has a hole")
    end
  end
  local parts = write_entries(builder, condition, count, where)
  if #parts == 0 then usage.raise(where .. " is empty: nothing would be checked") end
  return join(parts, "and")
end

return { write = write, operand = operand, operator_name = operator_name }
