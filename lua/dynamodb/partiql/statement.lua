--- What a PartiQL statement says of itself, without being parsed: does it read, and how many parameters does it take?
--- The service owns the grammar; quotes and comments are all that is looked at.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"

local statement = {}

local LONGEST = 8192 -- characters. Source: Statement of ExecuteStatement in DynamoDB's API reference

--- The position behind what begins at `at` and hides its inside: a quoted text or name, a comment. Nil if nothing does;
--- beyond the end if it does not end.
---@param text string
---@param at integer
---@return integer?
local function behind_hidden(text, at)
  local char = text:sub(at, at)
  -- A quote doubled inside of quotes ends one text and begins the next, which comes to the same here.
  if char == "'" or char == '"' or char == "`" then return (text:find(char, at + 1, true) or #text + 1) + 1 end
  local two = text:sub(at, at + 1)
  if two == "--" then return (text:find("\n", at, true) or #text + 1) + 1 end
  if two == "/*" then return (text:find("*/", at + 2, true) or #text + 1) + 2 end
end

--- Calls `f` with each word and each sign, until it returns something. Comments are left out.
---@param text string
---@param f fun(token: string, at: integer): any    a word is in upper case; what is quoted is its quote
---@return any
local function scan(text, f)
  local at = 1
  while at <= #text do
    local after = behind_hidden(text, at)
    local token = text:match(after and "^['\"`]" or "^[%w_]+", at) or not after and text:match("^%S", at)
    local result = token and f(token:upper(), at)
    if result then return result end
    at = after or at + (token and #token or 1)
  end
end

local KINDS = { SELECT = "read", EXISTS = "check" }

--- What a statement does: its first word, behind comments and parentheses, tells. What is not surely a reading one is
--- a write, which is not repeated by itself.
---@param text string
---@return "read"|"check"|"write"    check: EXISTS, which stands with the writes of a transaction
function statement.kind(text)
  return scan(text, function(token)
    if token ~= "(" then return KINDS[token] or "write" end
  end) or "write"
end

--- How many parameters it takes, and does a write return something?
---@param text string
---@return integer count
---@return boolean returning
local function members(text)
  local count, returning = 0, false
  scan(text, function(token)
    if token == "?" then count = count + 1 end
    returning = returning or token == "RETURNING"
  end)
  return count, returning
end

--- A parameter as it is sent, apart from what the caller's table becomes. Raises on one that cannot be; also where
--- items do without such values (`unsupported = "skip"`, `empty_sets = "omit"`).
---@param value any
---@param values userdata?    core.options
---@param where string
---@return any
local function as_sent(value, values, where)
  if value == nil then usage.raise(where .. " is nil; NULL is dynamodb.null") end
  local ok, json = pcall(core.marshal_value, value, values)
  if not ok then
    local _, message = pcall(core.marshal, { value = value }) -- says why, as without options
    usage.raise(where .. tostring(message):gsub("^Item%.value", ""))
  end
  return (core.unmarshal_value(json))
end

--- The parameters as they are sent, none for an empty list. Raises on a hole, and on too many or too few.
---@param parameters any
---@param count integer      of the question marks
---@param values userdata?   core.options
---@param where string       for messages: "" or "statement 3: "
---@return table?
local function check_parameters(parameters, count, values, where)
  if parameters == nil then parameters = {} end
  usage.check_type(parameters, "table", where .. "parameters")
  local highest = 0
  for key in pairs(parameters) do
    if type(key) ~= "number" or key < 1 or key ~= math.floor(key) then
      usage.raise(("%sparameters must be a list, in the order of the statement's ?, not a map"):format(where))
    end
    highest = math.max(highest, key)
  end
  local copy = {}
  for i = 1, highest do copy[i] = as_sent(parameters[i], values, ("%sparameters[%d]"):format(where, i)) end
  if highest ~= count then
    usage.raise(("%sthe statement has %d ? for parameters, and %d are given"):format(where, count, highest))
  end
  return count > 0 and copy or nil
end

--- The statement with its parameters put in, for people.
---@param text string
---@param write fun(number: integer): string?    what stands for a parameter
---@return string
function statement.fill(text, write)
  local parts, from, count = {}, 1, 0
  scan(text, function(token, at)
    if token ~= "?" then return end
    count = count + 1
    parts[#parts + 1] = text:sub(from, at - 1) .. (write(count) or "?")
    from = at + 1
  end)
  return table.concat(parts) .. text:sub(from)
end

---@class dynamodb.Statement
---@field text string
---@field parameters table?
---@field kind "read"|"check"|"write"
---@field returning boolean

--- A statement with its parameters, checked.
---@param text any
---@param parameters any
---@param client dynamodb.Client    whose limits and values hold
---@param where string?             for messages, if it is one of several: "statement 3: "
---@return dynamodb.Statement
function statement.new(text, parameters, client, where)
  where = where or ""
  usage.check_type(text, "string", where .. "the statement")
  if not text:find "%S" then usage.raise(where .. "the statement is empty") end
  if client.limits and #text > LONGEST then
    local length = select(2, text:gsub("[^\128-\191]", ""))
    if length > LONGEST then
      usage.raise(("%sthe statement has %d characters; it may have %d"):format(where, length, LONGEST))
    end
  end
  local count, returning = members(text)
  return {
    text = text, kind = statement.kind(text), returning = returning,
    parameters = check_parameters(parameters, count, client.values, where),
  }
end

local ENTRY = { [1] = true, [2] = true }

--- Statements that are sent together: all of them read, or all of them write.
---@param list any
---@param client dynamodb.Client
---@param method string    for messages
---@return dynamodb.Statement[]    also kind: "read" or "write", nil if there are none
function statement.list(list, client, method)
  usage.check_type(list, "table", method .. ": the list of statements")
  local made, count = {}, 0
  for _ in pairs(list) do count = count + 1 end
  for i = 1, count do
    local entry, where = list[i], ("%s: statement %d: "):format(method, i)
    usage.check_type(entry, "table", where .. "{ statement, parameters }")
    for key in pairs(entry) do
      if not ENTRY[key] then
        usage.raise(("%sit is { statement, parameters }, without %s"):format(where, tostring(key)))
      end
    end
    made[i] = statement.new(entry[1], entry[2], client, where)
    local kind = made[i].kind == "read" and "read" or "write"
    made.kind = made.kind or kind
    if made.kind ~= kind then
      usage.raise(("%sit %ss, and those before it %s; they cannot be mixed"):format(where, kind, made.kind))
    end
  end
  return made
end

--- The request's members of a statement. Of a write whose condition fails the item is asked for.
---@param made dynamodb.Statement
---@param consistent boolean?
---@return table
function statement.members(made, consistent)
  return {
    Statement = made.text,
    Parameters = made.parameters,
    ConsistentRead = consistent,
    ReturnValuesOnConditionCheckFailure = made.kind ~= "read" and "ALL_OLD" or nil,
  }
end

return statement
