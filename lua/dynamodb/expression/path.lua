--- Document paths: where inside an item something stands, and which of several overlap.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"

---@class dynamodb.Path    segments: names and positions
local path_mt = core.path_mt

local path = {}

--- DynamoDB's text of a path, for messages and for sorting: `address.city[2]`. Not unambiguous when names have dots.
---@param segments (string|integer)[]
---@return string
function path.text(segments)
  local parts = {}
  for i, segment in ipairs(segments) do
    if type(segment) == "number" then
      parts[i] = ("[%d]"):format(segment - 1)
    else
      parts[i] = (i > 1 and "." or "") .. segment
    end
  end
  return table.concat(parts)
end

path_mt.__tostring = path.text

--- A path inside an item, to stand where an attribute's name stands: as a key in `where`, `set`, `remove` and so on, or
--- in `attributes`. A string is a whole name, dots and all; a number is a position in a list, counted from 1 as
--- everywhere in Lua: `dynamodb.path("tags", 1)` is what DynamoDB writes as `tags[0]`.
---@param ... string|integer    the first is an attribute's name
---@return dynamodb.Path
function path.new(...)
  local segments, count = { ... }, select("#", ...)
  if count == 0 then usage.raise("path needs names and positions, none of them nil") end
  for i = 1, count do -- not up to #segments: a nil between two names may end it, and the path would be another one
    local segment = segments[i]
    if segment == nil then
      usage.raise(("path needs names and positions, none of them nil: segment %d is"):format(i))
    elseif type(segment) == "number" then
      if i == 1 then usage.raise("a path begins with an attribute's name, not with a position") end
      if segment < 1 or segment ~= math.floor(segment) or segment >= 2 ^ 31 then
        usage.raise(("path: a position is a whole number from 1, not %s"):format(tostring(segment)))
      end
    elseif type(segment) ~= "string" or segment == "" then
      usage.raise(("path: segment %d must be a name or a position"):format(i))
    end
  end
  return setmetatable(segments, path_mt)
end

---@param value any
---@return boolean
function path.is_path(value)
  return type(value) == "table" and getmetatable(value) == path_mt
end

--- The segments that a table key means: a string is one whole name, a path is what it says.
---@param key any
---@param where string    for the message
---@return (string|integer)[]
function path.of_key(key, where)
  if type(key) == "string" then
    if key == "" then usage.raise(where .. ": an attribute's name cannot be empty") end
    return { key }
  end
  if path.is_path(key) then return key end
  return usage.raise(("%s: an attribute's name is a string or a dynamodb.path, not a %s"):format(where, type(key)))
end

--- Parses DynamoDB's own text of a path, `address.city` or `tags[0]`. Names with a dot or a bracket need `path.new`.
---@param text string
---@param where string    for the message
---@return (string|integer)[]
function path.parse(text, where)
  local segments, at = {}, 1
  local function refuse()
    local hint = "use dynamodb.path for names with dots or brackets"
    usage.raise(("%s: %q is not a document path (%s)"):format(where, text, hint))
  end
  repeat
    local name, after = text:match("^([^%.%[%]]+)()", at)
    if not name then refuse() end
    segments[#segments + 1] = name
    at = after
    local index, behind = text:match("^%[(%d+)%]()", at)
    while index do
      if #index > 9 then refuse() end
      segments[#segments + 1] = tonumber(index) + 1
      at = behind
      index, behind = text:match("^%[(%d+)%]()", at)
    end
    local dot = text:sub(at, at) == "."
    if dot then at = at + 1 end
  until not dot
  if at <= #text then refuse() end
  return segments
end

--- Entries of a table whose keys are names or paths, sorted so that the same table always gives the same bytes.
---@param entries table<string|dynamodb.Path, any>
---@param where string    for messages
---@return { segments: table, text: string, value: any }[]
function path.sorted(entries, where)
  local list = {}
  for key, value in pairs(entries) do
    local segments = path.of_key(key, where)
    list[#list + 1] = { segments = segments, text = path.text(segments), value = value }
  end
  table.sort(list, function(a, b)
    if a.text ~= b.text then return a.text < b.text end
    return #a.segments < #b.segments -- "a.b" the name before a.b the path
  end)
  return list
end

--- Remembers paths and finds the first one that is part of another.
---@return fun(segments: table): string?    the text of an earlier path that overlaps, or nil
function path.overlaps()
  local root = {}
  return function(segments)
    local node = root
    for _, segment in ipairs(segments) do
      if node.whole then return node.whole end
      node[1] = node[1] or {}
      node[1][segment] = node[1][segment] or { first = path.text(segments) }
      node = node[1][segment]
    end
    if node.whole then return node.whole end
    if node[1] then return node.first end
    node.whole = path.text(segments)
  end
end

return path
