--- Requests for people: their JSON in lines, and each expression with its names and values put in.
local core = require "dynamodb.core"
local statement = require "dynamodb.partiql.statement"

local WIDTH = 100

local layout = {}

-- ------------------------------------------------------------------------------------------------------- JSON ----

--- The text of a JSON string or another scalar at `at`, and where it ends.
---@param json string    well-formed
---@param at integer
---@return string
---@return integer after
local function read_scalar(json, at)
  if json:sub(at, at) ~= '"' then
    local scalar, after = json:match("^([^,%]}%s]+)()", at)
    return scalar, after
  end
  local stop = at + 1
  repeat
    local mark
    stop, mark = json:match('()(["\\])', stop)
    stop = stop + (mark == "\\" and 2 or 1)
  until mark == '"'
  return json:sub(at, stop - 1), stop
end

---@class dynamodb.JsonNode
---@field line string?     all of it, if it is short
---@field key string?      as it is written, quotes and all
---@field open string?     "{" or "[", of one that has members
---@field [integer] dynamodb.JsonNode

local function read(json, at)
  local open = json:match("^[{%[]", at)
  if not open then
    local scalar, after = read_scalar(json, at)
    return { line = scalar }, after
  end
  local node, close = { open = open }, open == "{" and "}" or "]"
  local parts, length = {}, 2
  at = at + 1
  while json:sub(at, at) ~= close do
    local key
    if open == "{" then
      key, at = read_scalar(json, at)
      at = at + 1
    end
    local member
    member, at = read(json, at)
    member.key = key
    node[#node + 1] = member
    parts[#parts + 1] = (key and key .. ": " or "") .. (member.line or "")
    length = member.line and length + #parts[#parts] + 2 or math.huge
    if json:sub(at, at) == "," then at = at + 1 end
  end
  if length <= WIDTH then
    local inner = table.concat(parts, ", ")
    node.line = open == "{" and inner ~= "" and "{ " .. inner .. " }" or open .. inner .. close
  end
  return node, at + 1
end

local function write(node, indent, lines, comma)
  local head = ("  "):rep(indent) .. (node.key and node.key .. ": " or "")
  if node.line and (indent > 0 or not node.open) then
    lines[#lines + 1] = head .. node.line .. comma
    return
  end
  lines[#lines + 1] = head .. node.open
  for i, member in ipairs(node) do write(member, indent + 1, lines, node[i + 1] and "," or "") end
  lines[#lines + 1] = ("  "):rep(indent) .. (node.open == "{" and "}" or "]") .. comma
end

--- JSON in lines: what fits stands in one, other objects and lists have a line for each member.
---@param json string    without blanks between its tokens
---@return string
function layout.json(json)
  local lines = {}
  write(read(json, 1), 0, lines, "")
  return table.concat(lines, "\n")
end

-- ------------------------------------------------------------------------------------------------ expressions ----

--- An AttributeValue as plain JSON.
---@param typed any
---@return string?
local function plain(typed)
  if typed == nil then return nil end
  return core.json_encode((core.unmarshal_value(core.json_encode(typed))))
end

---@param name any
---@return string?
local function quoted(name)
  if type(name) ~= "string" then return nil end
  return name:find "^[%a_][%w_]*$" and name or core.json_encode(name)
end

--- An expression in which each placeholder is what it stands for.
---@param text string
---@param names table?
---@param values table?    AttributeValues
---@return string
local function resolve(text, names, values)
  return (text:gsub("[#:][%w_]+", function(placeholder)
    if placeholder:sub(1, 1) == "#" then return quoted((names or {})[placeholder]) end
    return plain((values or {})[placeholder])
  end))
end

--- Collects the expressions of a request, wherever they stand.
---@param part any        of the decoded body
---@param where string    its path
---@param found { where: string, text: string }[]
local function collect(part, where, found)
  if type(part) ~= "table" then return end
  for name, member in pairs(part) do
    local here = type(name) == "number" and ("%s[%d]"):format(where, name)
      or (where == "" and "" or where .. ".") .. name
    if type(member) == "string" and type(name) == "string" and name:find "Expression$" then
      local names, values = part.ExpressionAttributeNames, part.ExpressionAttributeValues
      found[#found + 1] = { where = here, text = resolve(member, names, values) }
    elseif name == "Statement" and type(member) == "string" and part.Parameters then
      local text = statement.fill(member, function(number) return plain(part.Parameters[number]) end)
      found[#found + 1] = { where = here, text = text }
    else
      collect(member, here, found)
    end
  end
end

--- The operation, its JSON, and its expressions.
---@param request dynamodb.ExplainedRequest
---@return string
function layout.request(request)
  local found = {}
  collect(core.json_decode(request.body), "", found)
  table.sort(found, function(a, b)
    return #a.where ~= #b.where and #a.where < #b.where or #a.where == #b.where and a.where < b.where
  end)
  local parts = { request.operation, layout.json(request.body) }
  for _, one in ipairs(found) do parts[#parts + 1] = one.where .. ": " .. one.text end
  return table.concat(parts, "\n")
end

return layout
