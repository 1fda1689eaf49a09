---@meta dynamodb.expression.operators
---
--- The operators that are made by the dozen; the others stand in the module itself.

---@class dynamodb.expr
local expr = {}

--- Equal; a plain value says the same.
---@param value any
---@return dynamodb.Operator
function expr.eq(value) end

--- Not equal.
---@param value any
---@return dynamodb.Operator
function expr.ne(value) end

--- Less than.
---@param value any
---@return dynamodb.Operator
function expr.lt(value) end

--- At most.
---@param value any
---@return dynamodb.Operator
function expr.le(value) end

--- Greater than.
---@param value any
---@return dynamodb.Operator
function expr.gt(value) end

--- At least.
---@param value any
---@return dynamodb.Operator
function expr.ge(value) end

--- At least `low` and at most `high`.
---@param low any
---@param high any
---@return dynamodb.Operator
function expr.between(low, high) end

--- A string (or binary) that begins with `prefix`.
---@param prefix string|dynamodb.Binary
---@return dynamodb.Operator
function expr.begins_with(prefix) end

--- A string that has `value` as a part, or a set or list that has it as an element.
---@param value any
---@return dynamodb.Operator
function expr.contains(value) end

--- The size of the attribute (characters, bytes or elements) is `value`, or what an operator says of it:
--- `{ tags = e.size(e.gt(3)) }`.
---@param value number|dynamodb.Operator
---@return dynamodb.Operator
function expr.size(value) end

--- At least one of the conditions holds; given as arguments, or as one table like `where` itself.
---@param ... any
---@return dynamodb.Operator
function expr.any(...) end

--- All of the conditions hold.
---@param ... any
---@return dynamodb.Operator
function expr.all(...) end

--- The attribute is there, whatever its value: `e.exists "pk"`, or `{ pk = e.exists }`.
---@param name string|dynamodb.Path
---@return dynamodb.Operator
function expr.exists(name) end

--- The attribute is not there: `e.missing "pk"`, or `{ pk = e.missing }`.
---@param name string|dynamodb.Path
---@return dynamodb.Operator
function expr.missing(name) end

return expr
