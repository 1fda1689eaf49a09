--- Text expressions: every bare name is aliased, every `#name` and `:value` is checked, and the grammar is left to the
--- service. What a text says is worked out once and remembered.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"
local path = require "dynamodb.expression.path"

local text = {}

---@class dynamodb.TextExpression    what a text says, whoever uses it
---@field tokens table                   as core.expression_tokens gives them
---@field pieces string[]                literal text and bare names in turn, literal text first
---@field placeholders table             { { "#n" or ":v", position }, … }, each of them once
---@field tops string[]                  the first names of its paths, or their "#n"
---@field targets table                  paths that an update changes: names or "#n", and positions; and `position`

-- Source: "Comparison operator and function reference" and "Update expressions", DynamoDB Developer Guide.
local FUNCTIONS = {
  attribute_exists = true, attribute_not_exists = true, attribute_type = true, begins_with = true, contains = true,
  size = true, if_not_exists = true, list_append = true,
}
local KEYWORDS = {
  condition = { AND = true, OR = true, NOT = true, BETWEEN = true, IN = true },
  update = { SET = true, REMOVE = true, ADD = true, DELETE = true },
}

-- Kinds of tokens that follow the one before without a blank, and that let the next one follow so.
local CLINGS = { dot = true, comma = true, close = true, position = true }
local HOLDS = { dot = true, open = true }

--- What is wrong with a function or a keyword: one that looks misspelt. Others are the service's business.
---@param token string
---@param kind string     "function" or "keyword"
---@param known table
---@param position integer
---@return string?
local function misspelt(token, kind, known, position)
  local meant = not known[token] and usage.nearest(token, known)
  return meant and ("position %d: unknown %s %q; did you mean %q?"):format(position, kind, token, meant) or nil
end

--- The text as it will be sent, but for the aliases of its bare names.
---@param tokens table
---@return string[] pieces
local function cut(tokens)
  local pieces, literal, before = {}, {}, "open"
  for i = 1, #tokens, 3 do
    local kind, token = tokens[i], tokens[i + 1]
    if not (HOLDS[before] or CLINGS[kind] or kind == "open" and before == "function") then
      literal[#literal + 1] = " "
    end
    if kind == "name" then
      pieces[#pieces + 1], pieces[#pieces + 2] = table.concat(literal), token
      literal = {}
    else
      literal[#literal + 1] = kind == "position" and "[" .. token .. "]" or token
    end
    before = kind
  end
  pieces[#pieces + 1] = table.concat(literal)
  return pieces
end

--- The paths that an update changes: what follows a clause's keyword, or a comma outside of parentheses.
---@param tokens table
---@return table
local function targets_of(tokens)
  local targets, target, open, before = {}, nil, 0, nil
  for i = 1, #tokens, 3 do
    local kind = tokens[i]
    if kind == "name" or kind == "alias" then
      if before == "keyword" or before == "comma" and open == 0 then
        target = { position = tokens[i + 2] }
        targets[#targets + 1] = target
      end
    elseif kind ~= "dot" and kind ~= "position" then
      target = nil
    end
    if target and kind ~= "dot" then
      target[#target + 1] = kind == "position" and tonumber(tokens[i + 1]) + 1 or tokens[i + 1]
    end
    if kind == "open" then open = open + 1 elseif kind == "close" then open = open - 1 end
    before = kind
  end
  return targets
end

--- Works out what a text says.
---@param source string
---@param kind "condition"|"update"
---@return dynamodb.TextExpression?
---@return string? message
local function compile(source, kind)
  local tokens, message = core.expression_tokens(source, kind)
  if not tokens then return nil, message end
  local placeholders, tops, seen, before = {}, {}, {}, nil
  for i = 1, #tokens, 3 do
    local token_kind, token, position = tokens[i], tokens[i + 1], tokens[i + 2]
    if token_kind == "function" then
      message = misspelt(token, token_kind, FUNCTIONS, position)
    elseif token_kind == "keyword" then
      message = misspelt(token, token_kind, KEYWORDS[kind], position)
      if seen[token] and KEYWORDS.update[token] then
        message = ("position %d: %s stands twice; an update has each clause once"):format(position, token)
      end
      seen[token] = true
    elseif (token_kind == "alias" or token_kind == "value") and not seen[token] then
      seen[token] = true
      placeholders[#placeholders + 1] = { token, position }
    end
    if message then return nil, message end
    if (token_kind == "name" or token_kind == "alias") and before ~= "dot" then
      tops[#tops + 1] = token
    end
    before = token_kind
  end
  return {
    tokens = tokens, pieces = cut(tokens), placeholders = placeholders, tops = tops,
    targets = kind == "update" and targets_of(tokens) or nil,
  }
end

local MAX_REMEMBERED = 500 -- texts; a program that writes its values into them has no end of them
local MAX_LENGTH = 4096

local remembered, count = { condition = {}, update = {} }, 0

--- What a text says, from memory if it was asked before.
---@param source string
---@param kind "condition"|"update"
---@return dynamodb.TextExpression?
---@return string? message
local function compiled(source, kind)
  local known = remembered[kind][source]
  if known then return known end
  local made, message = compile(source, kind)
  if not made or #source > MAX_LENGTH then return made, message end
  if count == MAX_REMEMBERED then remembered, count = { condition = {}, update = {} }, 0 end
  remembered[kind][source], count = made, count + 1
  return made
end

--- The tokens of a text, as `core.expression_tokens` gives them; not to be changed.
---@param source string
---@param kind "condition"|"update"
---@return table? tokens
---@return string? message    with the position
function text.tokens(source, kind)
  local made, message = compiled(source, kind)
  return made and made.tokens, message
end

--- What a text says. Raises on a text that is wrong by itself.
---@param source string
---@param where string    for messages
---@param kind "condition"|"update"
---@return dynamodb.TextExpression
local function check(source, where, kind)
  local made, message = compiled(source, kind)
  return made or usage.raise(("%s, %s"):format(where, message))
end

--- Raises unless the caller gave what the text refers to.
---@param builder dynamodb.ExpressionBuilder
---@param placeholders table
---@param where string
local function bind(builder, placeholders, where)
  local used = builder.used
  for i = 1, #placeholders do
    local placeholder = placeholders[i][1]
    if used[placeholder] == nil then
      local meant = usage.nearest(placeholder, used)
      usage.raise(("%s, position %d: %s is not in %s%s"):format(where, placeholders[i][2], placeholder,
        placeholder:sub(1, 1) == "#" and "names" or "values", meant and ("; did you mean %s?"):format(meant) or ""))
    end
    used[placeholder] = true
  end
end

--- Writes a text with every bare name aliased.
---@param builder dynamodb.ExpressionBuilder
---@param source string
---@param where string    for messages
---@param kind "condition"|"update"
---@return string
function text.write(builder, source, where, kind)
  local made = check(source, where, kind)
  bind(builder, made.placeholders, where)
  local names, top, tops = builder.names, builder.top, made.tops
  for i = 1, #tops do top[names[tops[i]] or tops[i]] = true end
  local pieces, parts = made.pieces, {}
  for i = 1, #pieces, 2 do
    parts[i] = pieces[i]
    if pieces[i + 1] then parts[i + 1] = builder:name(pieces[i + 1], where) end
  end
  return table.concat(parts)
end

--- The paths that an update text changes, in its order.
---@param builder dynamodb.ExpressionBuilder    that has written the text
---@param source string
---@return { [integer]: string|integer, position: integer }[]    segments, positions counted from 1; where each begins
function text.targets(builder, source)
  local names, targets = builder.names, {}
  for i, target in ipairs(check(source, "changes", "update").targets) do
    local segments = { position = target.position }
    for j, segment in ipairs(target) do segments[j] = names[segment] or segment end
    targets[i] = segments
  end
  return targets
end

--- Raises if an update text changes a part of the key, or one place twice.
---@param builder dynamodb.ExpressionBuilder    that has written the text
---@param source string
---@param where string                          for messages
---@param protected table<string, any>          the key's attributes
function text.check_targets(builder, source, where, protected)
  local targets, firsts, overlaps = text.targets(builder, source), {}, nil
  for _, segments in ipairs(targets) do
    local first = segments[1]
    if protected[first] ~= nil then
      usage.raise(("%s, position %d: %q is part of the key and cannot be changed"):format(where, segments.position,
        first))
    end
    if firsts[first] then overlaps = path.overlaps() end -- else there is nothing to compare
    firsts[first] = true
  end
  for _, segments in ipairs(overlaps and targets or {}) do
    local other = overlaps(segments)
    if other then
      usage.raise(("%s, position %d: %q overlaps with %q"):format(where, segments.position, path.text(segments), other))
    end
  end
end

--- An update as it is sent, with further assignments in its SET clause, or with one.
---@param written string
---@param clause string    "SET …"
---@return string
function text.with_set(written, clause)
  local tokens = core.expression_tokens(written, "update")
  for i = 1, #tokens, 3 do
    local at = tokens[i + 2]
    if tokens[i] == "keyword" and tokens[i + 1] == "SET" then
      return written:sub(1, at - 1) .. clause .. "," .. written:sub(at + #"SET")
    end
  end
  return clause .. " " .. written
end

return text
