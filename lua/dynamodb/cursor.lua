--- Cursors: where reading goes on, as a text that can leave the program. URL-safe, bound to what it was made for
--- (table, index, partition, direction, segments), signed where there are keys. Signed is not secret: whoever has a
--- cursor can read the key in it.
local core = require "dynamodb.core"
local errors = require "dynamodb.error"
local usage = require "dynamodb.usage"

local cursor = {}

-- Characters. A key has at most 10 attributes of 2 KB, which JSON may write six times as long; nobody needs more.
local LONGEST, LONGEST_OF_SEGMENTS = 2 ^ 17, 2 ^ 22

local SHORTEST_KEY = 16 -- bytes of a signing key

local shape -- of what is sealed; compiled at the first cursor

--- Raises unless it is a list of keys to sign with.
---@param keys any
---@param where string    for messages
function cursor.check_keys(keys, where)
  usage.check_type(keys, "table", where)
  local count = 0
  for _ in pairs(keys) do count = count + 1 end
  if count < 1 or count > 8 or count ~= #keys then
    usage.raise(where .. " must be a list of 1 to 8 keys, the current one first")
  end
  for i, key in ipairs(keys) do
    if type(key) ~= "string" or #key < SHORTEST_KEY then
      usage.raise(("%s[%d] must be a string of at least %d bytes"):format(where, i, SHORTEST_KEY))
    end
  end
end

--- Seals where each segment goes on.
---@param plan dynamodb.QueryPlan
---@param states (table|boolean)[]    a position, false for not begun, true for done
---@param keys string[]?
---@return string
function cursor.seal(plan, states, keys)
  local positions, marks = {}, {}
  for i, state in ipairs(states) do
    marks[i] = state == true and "d" or state and "p" or "n"
    if marks[i] == "p" then positions[#positions + 1] = core.marshal(state) end
  end
  local text = ('{"s":"%s","p":[%s]}'):format(table.concat(marks), table.concat(positions, ","))
  return core.seal(text, plan.context, keys)
end

---@param message string
---@return nil
---@return dynamodb.Error
local function refuse(message)
  return nil, errors.new { code = "InvalidCursor", message = message, sent = false }
end

local MESSAGES = {
  malformed = "it is not a cursor, or it was cut or changed on the way",
  unsigned = "it is not signed, and this program signs its cursors",
  signed = "it is signed, and this program has no cursor_keys to check that",
  foreign = "it was changed, signed with another key, or made for another table, index, partition or direction",
}

--- The type of a key attribute's value.
---@param value any
---@return "S"|"N"|"B"|nil
local function type_of(value)
  if type(value) == "string" then return "S" end
  if type(value) == "number" or core.kind(value) == "number" then return "N" end
  return core.kind(value) == "binary" and "B" or nil
end

--- The position of the plan that a cursor's content gives; nil if it cannot be one.
---@param plan dynamodb.QueryPlan
---@param position any
---@return table?
local function check_position(plan, position)
  local count = 0
  for _, name in ipairs(plan.names) do
    local own = type_of(position[name])
    if not own or (plan.types[name] or own) ~= own then return nil end
    count = count + 1
  end
  for _ in pairs(position) do count = count - 1 end
  if count ~= 0 then return nil end
  for _, part in ipairs(plan.condition and plan.condition.partition or {}) do
    if core.key(position[part.name]) ~= core.key(part[1]) then return nil end
  end
  for _, part in ipairs(plan.condition and plan.condition.sort or {}) do
    if type_of(position[part.name]) ~= type_of(part[1]) then return nil end -- they will be compared
  end
  return position
end

--- Opens a cursor.
---@param plan dynamodb.QueryPlan
---@param text string
---@param keys string[]?
---@return (table|boolean)[]? states    for each segment
---@return dynamodb.Error?              code InvalidCursor
function cursor.open(plan, text, keys)
  local segments = plan.segment and 1 or plan.segments
  if #text > (segments > 1 and LONGEST_OF_SEGMENTS or LONGEST) then return refuse "it is too long for a cursor" end
  local content, verdict = core.unseal(text, plan.context, keys)
  if not content then return refuse(MESSAGES[verdict] or verdict) end
  shape = shape or core.shape "(s,p [i])"
  local decoded = core.decode(shape, content)
  local marks, positions = decoded and decoded.s, decoded and decoded.p
  if type(marks) ~= "string" or #marks ~= segments or type(positions) ~= "table" then
    return refuse(MESSAGES.malformed)
  end
  local states, used = {}, 0
  for i = 1, segments do
    local mark = marks:sub(i, i)
    states[i] = mark == "d"
    if mark == "p" then
      used = used + 1
      local position = positions[used]
      states[i] = type(position) == "table" and check_position(plan, position)
      if not states[i] then return refuse "the key in it is not one of this table or index" end
    end
  end
  return states
end

return cursor
