--- Keys that are put together from parts: `dynamodb.key "USER#{id}"` writes them, and reads them again. What one
--- template writes from different values is different, and never the key that a longer one writes.
local core = require "dynamodb.core"
local usage = require "dynamodb.usage"

local DIGITS = 38 -- of a number. Source: "Data types", DynamoDB Developer Guide
local PARTITION_BYTES = 2048 -- Source: "Service, account, and table quotas", DynamoDB Developer Guide
local OPTIONS = { max_bytes = true }

local template_methods = {}
local template_mt = { __name = "dynamodb.KeyTemplate", __index = template_methods }

---@class dynamodb.KeyTemplate    called with the fields, it gives the key
---@field text string
---@field private parts (string|dynamodb.KeyField)[]    literal text and fields, by turns
---@field private fields table<string, boolean>
---@field private only string?           the name of the field, if there is exactly one
---@field private has_hash boolean       does its own text have a "#"?
---@field private max_bytes integer      of a key

---@class dynamodb.KeyField
---@field name string
---@field width integer?    digits of a padded number

function template_mt:__tostring() return self.text end

-- -------------------------------------------------------------------------------------------------- templates ----

---@param self dynamodb.KeyTemplate
---@param body string    what stands between the braces
---@return dynamodb.KeyField
local function field_of(self, body)
  local name, format = body:match "^([%a_][%w_]*)(.*)$"
  local width = format and format:match "^:0(%d%d?)$"
  if not name or format ~= "" and not width or width and tonumber(width) == 0 then
    usage.raise(("key %q: {%s} is no field; write {name}, or {name:08} for a number with eight digits")
      :format(self.text, body))
  end
  if width and tonumber(width) > DIGITS then
    usage.raise(("key %q: {%s}: a number has at most %d digits"):format(self.text, body, DIGITS))
  end
  return { name = name, width = tonumber(width) }
end

--- Reads the template's text.
---@param self dynamodb.KeyTemplate
local function read(self)
  local at, count = 1, 0
  while at <= #self.text do
    local literal, body, after = self.text:match("^([^{}]*){([^{}]*)}()", at)
    if not after then
      literal, after = self.text:match("^([^{}]*)$", at), #self.text + 1
      if not literal then usage.raise(("key %q: its braces are not balanced"):format(self.text)) end
    end
    if literal ~= "" then self.parts[#self.parts + 1] = literal end
    self.has_hash = self.has_hash or literal:find("#", 1, true) ~= nil
    if body then
      local field = field_of(self, body)
      local before = self.parts[#self.parts]
      if type(before) == "table" then
        usage.raise(("key %q: between {%s} and {%s} there must be text"):format(self.text, before.name, field.name))
      end
      if not self.fields[field.name] then count = count + 1 end
      self.fields[field.name], self.only = true, field.name
      self.parts[#self.parts + 1] = field
    end
    at = after
  end
  if count ~= 1 then self.only = nil end
end

--- A template of keys.
---@param text string       its fields in braces: "USER#{id}#ORDER#{number:08}"
---@param options? table    max_bytes
---@return dynamodb.KeyTemplate
local function new(text, options)
  usage.check_type(text, "string", "the template of a key")
  if text == "" then usage.raise("the template of a key is empty") end
  options = options or {}
  usage.check_type(options, "table", "the options of a key's template")
  usage.check_names(options, OPTIONS, "option of a key's template")
  local max_bytes = options.max_bytes or PARTITION_BYTES
  if type(max_bytes) ~= "number" or max_bytes ~= max_bytes or max_bytes < 1 then
    usage.raise("max_bytes must be a number from 1")
  end
  local self = setmetatable({ text = text, parts = {}, fields = {}, has_hash = false, max_bytes = max_bytes },
    template_mt)
  read(self)
  return self
end

-- ---------------------------------------------------------------------------------------------------- writing ----

--- The digits of a whole number.
---@param value any
---@return string?
local function digits_of(value)
  if type(value) == "number" then
    local is_exact = value == math.floor(value) and (value > -2 ^ 53 and value < 2 ^ 53 or math.type ~= nil
      and math.type(value) == "integer")
    return is_exact and ("%d"):format(value) or nil
  end
  return core.kind(value) == "number" and tostring(value):match "^%-?%d+$" or nil
end

---@param self dynamodb.KeyTemplate
---@param field dynamodb.KeyField
---@param message string
---@param ... any    of the message
local function refuse(self, field, message, ...)
  usage.raise(("key %q: %s " .. message):format(self.text, field.name, ...))
end

---@param self dynamodb.KeyTemplate
---@param field dynamodb.KeyField
---@param value any
---@return string
local function padded(self, field, value)
  local digits = digits_of(value)
  if not digits or digits:find "^%-" then
    refuse(self, field, "must be a whole number from 0, not %s", tostring(value))
  end
  if #digits > field.width then
    refuse(self, field, "has more than %d digits (%s): it would not sort", field.width, digits)
  end
  return ("0"):rep(field.width - #digits) .. digits
end

--- The text of a field; raises on a value that would make another key of it than the template says.
---@param self dynamodb.KeyTemplate
---@param number integer    of the part
---@param value any
---@return string
local function write_field(self, number, value)
  local field, following = self.parts[number], self.parts[number + 1]
  if field.width then return padded(self, field, value) end
  local text = type(value) == "string" and value or digits_of(value)
  if not text then
    refuse(self, field, "must be a string or a whole number, not %s",
      type(value) == "number" and tostring(value) or "a " .. type(value))
  end
  if text == "" then refuse(self, field, "is empty") end
  if following and (text .. following):find(following, 1, true) <= #text then
    refuse(self, field, "contains %q, which ends it in the key: %q", following, text)
  end
  if self.has_hash and text:find("#", 1, true) then
    refuse(self, field, 'contains "#", which separates the parts of the key: %q', text)
  end
  return text
end

--- The texts as one; raises when that is too long for a key.
---@param self dynamodb.KeyTemplate
---@param texts string[]
---@return string
local function join(self, texts)
  local key = table.concat(texts)
  if #key > self.max_bytes then
    usage.raise(("key %q: it would have %d bytes, and may have %d"):format(self.text, #key, self.max_bytes))
  end
  return key
end

--- The fields as a table; raises on one that the template does not have.
---@param self dynamodb.KeyTemplate
---@param given any
---@return table
local function check_fields(self, given)
  if given == nil then return {} end
  if type(given) ~= "table" then
    if not self.only then
      usage.raise(("key %q: its fields are expected as a table, not a %s"):format(self.text, type(given)))
    end
    return { [self.only] = given }
  end
  usage.check_names(given, self.fields, ("field of key %q"):format(self.text))
  return given
end

--- The key with these fields: `k { id = 7 }`, or `k(7)` where there is one field only. Values are strings and whole
--- numbers. One that could be taken for more than its field is refused: a request must not reach another item by it.
--- So is one that would make the key too long.
---@param given table|string|number
---@return string
function template_mt:__call(given)
  given = check_fields(self, given)
  local texts = {}
  for i, part in ipairs(self.parts) do
    if type(part) == "table" then
      if given[part.name] == nil then refuse(self, part, "is missing") end
      part = write_field(self, i, given[part.name])
    end
    texts[i] = part
  end
  return join(self, texts)
end

--- The beginning that all keys with these fields have in common, up to the first field that is not given: for
--- `dynamodb.expr.begins_with`.
---@param given table|string|number|nil    the first fields; none if nil
---@return string
function template_methods:prefix(given)
  given = check_fields(self, given)
  local texts, missing = {}, nil
  for i, part in ipairs(self.parts) do
    if type(part) == "table" then
      local value = given[part.name]
      if value == nil then
        missing = missing or part
      elseif missing then
        refuse(self, part, "stands behind %s, which is missing", missing.name)
      else
        part = write_field(self, i, value)
      end
    end
    if not missing then texts[i] = part end
  end
  if #texts == 0 then refuse(self, missing, "is missing: the key begins with it") end
  return join(self, texts)
end

-- ---------------------------------------------------------------------------------------------------- reading ----

--- The fields of a key that this template could have written: strings, and numbers where it pads them.
---@param key any         data
---@return table? fields  nil if it is no such key
function template_methods:match(key)
  if type(key) ~= "string" then return nil end
  local found, at = {}, 1
  for i, part in ipairs(self.parts) do
    if type(part) == "string" then
      if key:sub(at, at + #part - 1) ~= part then return nil end
      at = at + #part
    else
      local following = self.parts[i + 1]
      local stop = part.width and at + part.width or following and key:find(following, at, true)
        or not following and #key + 1
      local text = stop and key:sub(at, stop - 1)
      if not text or text == "" or self.has_hash and text:find("#", 1, true) then return nil end
      if part.width and (#text ~= part.width or text:find "%D") then return nil end
      local value = part.width and core.number(text) or text
      if found[part.name] ~= nil and core.key(found[part.name]) ~= core.key(value) then return nil end
      found[part.name] = value
      at = stop
    end
  end
  return at == #key + 1 and found or nil
end

return { new = new }
