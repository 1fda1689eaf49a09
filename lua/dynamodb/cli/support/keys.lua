--- Keys on the command line: words like `pk=USER#1` and `sk^=ORDER#`, or one object of JSON.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local exit = require "dynamodb.cli.support.exit"
local values = require "dynamodb.cli.support.values"

local keys = {}

local e = dynamodb.expr

-- Longer ones first: ">=" begins with ">".
local OPERATORS = {
  { "^=", e.begins_with }, { ">=", e.ge }, { "<=", e.le }, { "=", e.eq }, { ">", e.gt }, { "<", e.lt },
}

--- The parts of a word.
---@param word string
---@return string name
---@return string operator
---@return string text
local function split(word)
  local at = word:find "[%^<>=]"
  if at and at > 1 then
    for _, known in ipairs(OPERATORS) do
      if word:sub(at, at + #known[1] - 1) == known[1] then
        return word:sub(1, at - 1), known[1], word:sub(at + #known[1])
      end
    end
  end
  exit.refuse(("%q is no part of a key, as pk=a or sk^=b are"):format(word))
end

--- The value of a text, of the type that the attribute has.
---@param text string
---@param kind "S"|"N"|"B"|nil
---@param name string    of the attribute
---@return any
local function value_of(text, kind, name)
  if kind == "N" then
    local ok, number = pcall(core.number, text)
    if not ok then exit.refuse(("%s is a number; %q is none"):format(name, text)) end
    return number
  elseif kind == "B" then
    local bytes = core.unbase64(text)
    if not bytes then exit.refuse(("%s is a binary; %q is not base64"):format(name, text)) end
    return core.binary(bytes)
  end
  return text
end

---@param words string[]
---@return boolean
local function is_json(words)
  return words[1] ~= nil and words[2] == nil and words[1]:find "^%s*{" ~= nil
end

--- The types of the key's attributes. Raises a failure of the request.
---@param target dynamodb.Table
---@param index string?    its key, instead of the table's
---@return table<string, string>
local function types_of(target, index)
  local about, err = target:describe { ttl = false }
  if not about then error(err, 0) end
  local key, types = index and about.indexes[index] or about, {}
  if index and key == about then exit.refuse(("%s has no index %s"):format(target.name, index)) end
  for _, part in ipairs { key.partition, key.sort } do
    for _, name in ipairs(type(part) == "table" and part or { part }) do types[name] = about.types[name] end
  end
  return types
end

---@param name string
---@param types table<string, string>
local function check_name(name, types)
  if types[name] then return end
  local known = {}
  for each in pairs(types) do known[#known + 1] = each end
  table.sort(known)
  exit.refuse(("%s is no attribute of the key, which is: %s"):format(name, table.concat(known, ", ")))
end

--- The key of one item.
---@param target dynamodb.Table
---@param words string[]
---@return table
function keys.item(target, words)
  if is_json(words) then return values.object(words[1], "the key") end
  local types, key = types_of(target), {}
  for _, word in ipairs(words) do
    local name, operator, text = split(word)
    if operator ~= "=" then exit.refuse(("%q: the key of an item is given with ="):format(word)) end
    if key[name] ~= nil then exit.refuse(name .. " is given twice") end
    check_name(name, types)
    key[name] = value_of(text, types[name], name)
  end
  return key
end

--- Keys of a query: the partition's value, and what is asked of the sort key. Two bounds, `sk>=a` and `sk<=b`, are a
--- range.
---@param target dynamodb.Table
---@param words string[]
---@param index string?    that is queried
---@return table
function keys.query(target, words, index)
  if is_json(words) then return values.object(words[1], "the key") end
  local types, found = types_of(target, index), {}
  for _, word in ipairs(words) do
    local name, operator, text = split(word)
    check_name(name, types)
    local bounds = found[name] or {}
    found[name] = bounds
    if bounds[operator] ~= nil then exit.refuse(("%s%s is given twice"):format(name, operator)) end
    bounds[operator] = value_of(text, types[name], name)
  end
  local conditions = {}
  for name, bounds in pairs(found) do
    local operator, value = next(bounds)
    if next(bounds, operator) == nil then
      for _, known in ipairs(OPERATORS) do
        if known[1] == operator then conditions[name] = operator == "=" and value or known[2](value) end
      end
    elseif bounds[">="] ~= nil and bounds["<="] ~= nil and not (bounds["="] or bounds["^="] or bounds[">"]
      or bounds["<"]) then
      conditions[name] = e.between(bounds[">="], bounds["<="])
    else
      exit.refuse(("of several conditions on %s only >= together with <= makes a range"):format(name))
    end
  end
  return conditions
end

return keys
