--- What a condition can say of an attribute. Operators are recognised by their metatable alone, so that no document
--- that comes from outside can be one.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"

local operator_mt = core.operator_mt
operator_mt.__name = "dynamodb.operator"

local expr = {}

---@class dynamodb.Operator
---@field op string    its name in `dynamodb.expr`
---@field n integer    how many operands

---@param op string
---@param ... any    operands
---@return dynamodb.Operator
local function operator(op, ...)
  return setmetatable({ op = op, n = select("#", ...), ... }, operator_mt)
end

function operator_mt:__tostring()
  return "dynamodb.expr." .. self.op
end

--- `e.exists "pk"` is a condition of its own; `{ pk = e.exists }` says the same beside the name.
function operator_mt:__call(name)
  if self.op ~= "exists" and self.op ~= "missing" then usage.raise(("%s is not a function"):format(tostring(self))) end
  if name == nil then return self end
  return operator(self.op, name)
end

--- A maker of operators with exactly `count` operands, none of them nil.
---@param op string
---@param count integer
---@return fun(...: any): dynamodb.Operator
local function maker(op, count)
  return function(...)
    local n = select("#", ...)
    if n > count then usage.raise(("%s takes %d value%s, not %d"):format(op, count, count == 1 and "" or "s", n)) end
    for i = 1, count do
      if (select(i, ...)) == nil then
        usage.raise(("%s: value %d is nil (NULL is dynamodb.null, absence is missing)"):format(op, i))
      end
    end
    return operator(op, ...)
  end
end

--- Equal to a value or to another attribute (`e.attr`). A value alone means the same: `{ status = "open" }`.
---@param value any
---@return dynamodb.Operator
expr.eq = maker("eq", 1)

--- Not equal; true also where the attribute is missing.
---@param value any
---@return dynamodb.Operator
expr.ne = maker("ne", 1)

--- Less than; false for another type.
---@param value any
---@return dynamodb.Operator
expr.lt = maker("lt", 1)

--- Less than or equal.
---@param value any
---@return dynamodb.Operator
expr.le = maker("le", 1)

--- Greater than.
---@param value any
---@return dynamodb.Operator
expr.gt = maker("gt", 1)

--- Greater than or equal.
---@param value any
---@return dynamodb.Operator
expr.ge = maker("ge", 1)

--- Between two values, both included.
---@param low any
---@param high any
---@return dynamodb.Operator
expr.between = maker("between", 2)

--- A string or binary with this beginning.
---@param prefix any
---@return dynamodb.Operator
expr.begins_with = maker("begins_with", 1)

--- A string with this part, or a set or list with this element.
---@param value any
---@return dynamodb.Operator
expr.contains = maker("contains", 1)

--- The size: characters of a string, bytes of a binary, elements of a set, list or map; `e.size(3)`, `e.size(e.gt(3))`.
---@param value any    a number or a comparing operator
---@return dynamodb.Operator
expr.size = maker("size", 1)

--- The attribute is there, whatever its value: `where = e.exists "pk"`, or beside the name `{ pk = e.exists }`.
---@param name string|dynamodb.Path
---@return dynamodb.Operator
expr.exists = operator "exists"

--- The attribute is not there: `where = e.missing "pk"`, or beside the name `{ pk = e.missing }`.
---@param name string|dynamodb.Path
---@return dynamodb.Operator
expr.missing = operator "missing"

-- Source: attribute_type in "Comparison operator and function reference", DynamoDB Developer Guide.
local TYPES = { S = 1, SS = 1, N = 1, NS = 1, B = 1, BS = 1, BOOL = 1, NULL = 1, L = 1, M = 1 }

--- The attribute has the given DynamoDB type.
---@param name "S"|"SS"|"N"|"NS"|"B"|"BS"|"BOOL"|"NULL"|"L"|"M"
---@return dynamodb.Operator
function expr.type(name)
  if not TYPES[name] then usage.raise("type: the type is one of S, SS, N, NS, B, BS, BOOL, NULL, L, M") end
  return operator("type", name)
end

--- Another attribute, as an operand: `{ total = e.gt(e.attr "paid") }`.
---@param name string|dynamodb.Path
---@return dynamodb.Operator
function expr.attr(name)
  if type(name) ~= "string" and not (type(name) == "table" and getmetatable(name) == core.path_mt) then
    usage.raise("attr: the attribute is a name or a dynamodb.path")
  end
  return operator("attr", name)
end

--- A plain list, without any of the marks that make a table one value.
local function is_plain_list(value)
  return type(value) == "table" and (getmetatable(value) == nil or getmetatable(value) == core.list_mt)
end

--- The attribute equals one of the values: `e.in_ { "a", "b" }` or `e.in_("a", "b")`. More than the service's 100 are
--- split.
---@param ... any
---@return dynamodb.Operator
function expr.in_(...)
  local values = { ... }
  local n = select("#", ...)
  if n == 1 and is_plain_list(values[1]) then
    values = values[1]
    n = #values
    for key in pairs(values) do
      if type(key) ~= "number" or key < 1 or key > n or key ~= math.floor(key) then
        usage.raise("in_: the values must be a list")
      end
    end
  end
  if n == 0 then usage.raise("in_ needs at least one value") end
  local made = operator "in_"
  for i = 1, n do
    if values[i] == nil then usage.raise(("in_: value %d is nil"):format(i)) end
    made[i] = values[i]
  end
  made.n = n
  return made
end

---@param op "any"|"all"
---@return fun(...: any): dynamodb.Operator
local function group_maker(op)
  return function(...)
    local first = ...
    local made = operator(op, ...)
    if made.n == 1 and type(first) == "table" and getmetatable(first) == nil then
      made = operator(op)
      made.n = #first
      for key, value in pairs(first) do
        if type(key) == "number" then
          made[key] = value
        else
          made.entries = made.entries or {}
          made.entries[key] = value
        end
      end
    end
    if made.n == 0 and not made.entries then usage.raise(op .. " needs at least one condition") end
    for i = 1, made.n do
      if made[i] == nil then usage.raise(("%s: condition %d is nil"):format(op, i)) end
    end
    return made
  end
end

--- At least one holds: `e.any(a, b)`, `e.any { a, b }`, `e.any { status = "open", total = e.gt(3) }`; beside a name it
--- takes operators and values: `{ total = e.any(0, e.gt(3)) }`.
---@param ... any    conditions
---@return dynamodb.Operator
expr.any = group_maker "any"

--- All of them hold; written as `any` is.
---@param ... any    conditions
---@return dynamodb.Operator
expr.all = group_maker "all"

--- The opposite of a condition, or of an operator beside a name: `{ status = e.not_(e.in_ { "a", "b" }) }`.
---@param condition any
---@return dynamodb.Operator
function expr.not_(condition)
  if condition == nil then usage.raise("not_ needs a condition") end
  return operator("not_", condition)
end

local known = {}
for name in pairs(expr) do known[name] = true end

-- A misspelt operator is told here, not as a call of nil.
setmetatable(expr, {
  __index = function(_, name) usage.check_names({ [tostring(name)] = true }, known, "operator of dynamodb.expr") end,
})

return expr
